"""Bonds and advances: maturing credit is paid out early against a bond, which answers for it."""

from __future__ import annotations

import pytest
from tests.contracts.claims import Settled
from tests.support.deployment import DAY, Credit, Protocol
from tests.support.evm import Receipt, reverts

from chainbill.chain.format.events import AdvancePaid, BondDeposited, BondWithdrawn
from chainbill.money import DOLLAR

VISIT_CREDIT = 150 * DOLLAR
BOND = 100 * DOLLAR


def settle(protocol: Protocol, sequence: int = 1) -> Settled:
    """Have the provider earn one visit."""
    return protocol.settled_claim(protocol.settle(protocol.row(protocol.patient, sequence)))


def draw(protocol: Protocol, amount: int, *, caller: str | None = None) -> Receipt:
    """Have an advance paid out."""
    return protocol.settlement.send(caller or protocol.provider, "drawAdvance", protocol.provider_id, amount)


def withdraw_bond(protocol: Protocol, *, caller: str | None = None) -> Receipt:
    """Take the bond back."""
    return protocol.settlement.send(caller or protocol.provider, "withdrawBond", protocol.provider_id)


# ---- bonds ------------------------------------------------------------------------------------------------


def test_deposit_bond__by_anyone__adds_to_the_providers(protocol: Protocol) -> None:
    receipt = protocol.deposit_bond(BOND)
    assert receipt.of(BondDeposited) == [BondDeposited(protocol.provider_id, protocol.provider, BOND)]
    protocol.deposit_bond(DOLLAR, owner=protocol.stranger)
    assert protocol.credit_of() == Credit(bond=BOND + DOLLAR)
    protocol.assert_solvent()


def test_deposit_bond__unknown_provider__reverts(protocol: Protocol) -> None:
    with reverts("UnknownProvider", providerId=2):
        protocol.deposit_bond(BOND, provider_id=2)


def test_deposit_bond__nothing__reverts(protocol: Protocol) -> None:
    with reverts("DepositOfNothing"):
        protocol.settlement.send(protocol.provider, "depositBond", protocol.provider_id, 0)


def test_deposit_bond__beyond_64_bits__reverts(protocol: Protocol) -> None:
    protocol.deposit_bond(2**64 - 1)
    with reverts("CreditOverflow", credit=2**64 - 1, amount=1):
        protocol.deposit_bond(1)


def test_deposit_bond__token_keeps_a_fee__reverts(unruly: Protocol) -> None:
    unruly.token.send(unruly.stranger, "setFee", 100)
    with reverts("UnexpectedAmountReceived", expected=BOND, received=BOND * 99 // 100):
        unruly.deposit_bond(BOND)


def test_withdraw_bond__nothing_depends_on_it__pays_all_of_it(protocol: Protocol) -> None:
    protocol.deposit_bond(BOND)
    receipt = withdraw_bond(protocol)
    assert receipt.value == BOND
    assert receipt.of(BondWithdrawn) == [BondWithdrawn(protocol.provider_id, protocol.provider, BOND)]
    assert protocol.tokens(protocol.provider) == BOND
    assert protocol.credit_of() == Credit()
    protocol.assert_solvent()


def test_withdraw_bond__twice__reverts(protocol: Protocol) -> None:
    protocol.deposit_bond(BOND)
    withdraw_bond(protocol)
    with reverts("NoBond", providerId=protocol.provider_id):
        withdraw_bond(protocol)


def test_withdraw_bond__never_deposited__reverts(protocol: Protocol) -> None:
    with reverts("NoBond", providerId=protocol.provider_id):
        withdraw_bond(protocol)


def test_withdraw_bond__by_another__reverts(protocol: Protocol) -> None:
    protocol.deposit_bond(BOND)
    for caller in (protocol.stranger, protocol.governor):
        with reverts("NotThePayoutAddress", caller=caller, payoutAddress=protocol.provider):
            withdraw_bond(protocol, caller=caller)


def test_withdraw_bond__while_credit_matures__reverts_until_it_has(protocol: Protocol) -> None:
    protocol.deposit_bond(BOND)
    settle(protocol)
    with reverts("BondInUse", providerId=1, advanced=0, maturing=VISIT_CREDIT, openDisputes=0):
        withdraw_bond(protocol)
    protocol.mature()
    protocol.advance(-1)
    with reverts("BondInUse", maturing=VISIT_CREDIT):
        withdraw_bond(protocol)
    protocol.advance(1)
    assert withdraw_bond(protocol).value == BOND
    assert protocol.credit_of() == Credit(matured=VISIT_CREDIT)
    protocol.assert_solvent()


def test_withdraw_bond__while_a_dispute_is_open__reverts(protocol: Protocol) -> None:
    protocol.deposit_bond(BOND)
    settled = settle(protocol)
    protocol.advance(6 * DAY)
    protocol.dispute(settled)
    protocol.answer(settled)
    protocol.advance(10 * DAY)
    with reverts("BondInUse", advanced=0, maturing=0, openDisputes=1):
        withdraw_bond(protocol)
    protocol.advance(4 * DAY)
    protocol.close(settled)
    assert withdraw_bond(protocol).value == BOND


def test_withdraw_bond__advance_on_a_claim_that_was_reversed__pays_the_rest(protocol: Protocol) -> None:
    """The advance is never repaid: the bond stands for it, and what is left of the bond is not locked up."""
    protocol.deposit_bond(BOND)
    settled = settle(protocol)
    draw(protocol, 60 * DOLLAR)
    protocol.dispute(settled)
    protocol.concede(settled)
    assert protocol.credit_of() == Credit(bond=BOND, advanced=60 * DOLLAR)
    assert withdraw_bond(protocol).value == 40 * DOLLAR
    assert protocol.credit_of() == Credit()
    protocol.assert_solvent()


# ---- advances ---------------------------------------------------------------------------------------------


def test_draw_advance__within_bond_and_credit__pays_the_provider(protocol: Protocol) -> None:
    protocol.deposit_bond(BOND)
    settle(protocol)
    receipt = draw(protocol, 60 * DOLLAR)
    assert receipt.of(AdvancePaid) == [AdvancePaid(protocol.provider_id, protocol.provider, 60 * DOLLAR)]
    assert protocol.tokens(protocol.provider) == 60 * DOLLAR
    assert protocol.credit_of() == Credit(maturing=VISIT_CREDIT, bond=BOND, advanced=60 * DOLLAR)
    protocol.assert_solvent()


@pytest.mark.parametrize(
    "bond, drawn, available",
    [
        (BOND, 0, BOND),
        (BOND, 30 * DOLLAR, 70 * DOLLAR),
        (BOND, BOND, 0),
        (400 * DOLLAR, 0, VISIT_CREDIT),
        (400 * DOLLAR, 100 * DOLLAR, 50 * DOLLAR),
        (400 * DOLLAR, VISIT_CREDIT, 0),
    ],
)
def test_draw_advance__more_than_bond_or_maturing_credit__reverts(
    protocol: Protocol, bond: int, drawn: int, available: int
) -> None:
    """The bond can be used once only, and so can the credit."""
    protocol.deposit_bond(bond)
    settle(protocol)
    if drawn:
        draw(protocol, drawn)
    with reverts("AdvanceTooLarge", amount=available + 1, available=available):
        draw(protocol, available + 1)
    if available:
        draw(protocol, available)
    protocol.assert_solvent()


def test_draw_advance__without_a_bond__reverts(protocol: Protocol) -> None:
    settle(protocol)
    with reverts("AdvanceTooLarge", amount=1, available=0):
        draw(protocol, 1)


def test_draw_advance__on_matured_credit__reverts(protocol: Protocol) -> None:
    """What has matured is withdrawn, not advanced."""
    protocol.deposit_bond(BOND)
    settle(protocol)
    protocol.mature()
    with reverts("AdvanceTooLarge", amount=1, available=0):
        draw(protocol, 1)


def test_draw_advance__on_disputed_credit__reverts(protocol: Protocol) -> None:
    protocol.deposit_bond(BOND)
    protocol.dispute(settle(protocol))
    with reverts("AdvanceTooLarge", amount=1, available=0):
        draw(protocol, 1)


def test_draw_advance__nothing__reverts(protocol: Protocol) -> None:
    with reverts("NoCredit", providerId=protocol.provider_id):
        draw(protocol, 0)


def test_draw_advance__by_another__reverts(protocol: Protocol) -> None:
    protocol.deposit_bond(BOND)
    settle(protocol)
    for caller in (protocol.stranger, protocol.governor):
        with reverts("NotThePayoutAddress", caller=caller, payoutAddress=protocol.provider):
            draw(protocol, 1, caller=caller)


def test_advance__when_the_credit_matures__is_repaid_first(protocol: Protocol) -> None:
    protocol.deposit_bond(BOND)
    settle(protocol)
    draw(protocol, 60 * DOLLAR)
    protocol.mature()
    assert protocol.credit_of() == Credit(matured=90 * DOLLAR, bond=BOND)
    assert protocol.withdraw().value == 90 * DOLLAR
    assert protocol.tokens(protocol.provider) == VISIT_CREDIT
    assert withdraw_bond(protocol).value == BOND
    protocol.assert_solvent()


def test_advance__repaid_by_the_first_bucket__then_available_again(protocol: Protocol) -> None:
    protocol.deposit_bond(BOND)
    settle(protocol, 1)
    draw(protocol, BOND)
    protocol.advance(DAY)
    settle(protocol, 2)
    with reverts("AdvanceTooLarge", available=0):
        draw(protocol, 1)
    protocol.advance(7 * DAY)
    assert protocol.credit_of() == Credit(matured=50 * DOLLAR, maturing=VISIT_CREDIT, bond=BOND)
    draw(protocol, BOND)
    assert protocol.credit_of() == Credit(
        matured=50 * DOLLAR, maturing=VISIT_CREDIT, bond=BOND, advanced=BOND
    )
    protocol.assert_solvent()


def test_advance__claim_disputed_and_upheld_after_its_day_matured__is_repaid(protocol: Protocol) -> None:
    protocol.deposit_bond(BOND)
    settled = settle(protocol)
    draw(protocol, 60 * DOLLAR)
    protocol.dispute(settled)
    assert protocol.credit_of() == Credit(held=VISIT_CREDIT, bond=BOND, advanced=60 * DOLLAR, open_disputes=1)
    protocol.answer(settled)
    protocol.advance(14 * DAY)
    protocol.close(settled)
    assert protocol.credit_of() == Credit(matured=90 * DOLLAR, bond=BOND)
    protocol.assert_solvent()


def test_advance__claim_reversed_after_it_was_paid_out__leaves_settlement_solvent(protocol: Protocol) -> None:
    """The provider has its advance, the parties their refunds: the bond has paid for it, once."""
    protocol.deposit_bond(BOND)
    settled = settle(protocol)
    draw(protocol, BOND)
    protocol.dispute(settled)
    protocol.concede(settled)
    assert protocol.credit_of() == Credit(bond=BOND, advanced=BOND)
    protocol.assert_solvent()
    with reverts("NoBond"):
        withdraw_bond(protocol)
    settle(protocol, 2)
    with reverts("AdvanceTooLarge", available=0):
        draw(protocol, 1)
    protocol.mature()
    assert protocol.credit_of() == Credit(matured=50 * DOLLAR, bond=BOND)
    protocol.assert_solvent()
