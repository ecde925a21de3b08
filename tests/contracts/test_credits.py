"""Providers' credit: it matures by days, in one slot while a day lasts, and suspension takes none of it."""

from __future__ import annotations

import pytest
from tests.contracts.rulings import ruling
from tests.support.deployment import (
    BUCKET,
    DAY,
    DISPUTE_WINDOW,
    POOL_FUNDS,
    UNLISTED,
    Credit,
    Protocol,
    matures_at,
)
from tests.support.evm import reverts
from tests.support.pyrevm_backend import PyrevmBackend

from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms
from chainbill.chain.format.events import ClaimPended, ClaimSettled, ProviderReinstated, ProviderSuspended
from chainbill.money import DOLLAR, MAX_AMOUNT
from chainbill.records.hashing import keccak256

VISIT_CREDIT = 150 * DOLLAR
SLOTS = (BUCKET + DISPUTE_WINDOW) // BUCKET


def settle(protocol: Protocol, sequence: int, days: int = 0) -> None:
    """Have the provider earn one visit, some days from now."""
    protocol.advance(days * DAY)
    protocol.settle(protocol.row(protocol.patient, sequence))


# ---- maturity ---------------------------------------------------------------------------------------------


def test_credit__after_settling__is_maturing(protocol: Protocol) -> None:
    settle(protocol, 1)
    assert protocol.credit_of() == Credit(maturing=VISIT_CREDIT)


@pytest.mark.parametrize("second_of_day", [0, 1, DAY - 1])
def test_credit__at_the_edge_of_maturity__is_paid_not_a_second_earlier(
    protocol: Protocol, second_of_day: int
) -> None:
    """All of one day mature together, when the window of its last second has ended."""
    midnight = protocol.evm.now // DAY * DAY + DAY
    protocol.evm.now = midnight + second_of_day
    settle(protocol, 1)
    edge = midnight + DAY + DISPUTE_WINDOW
    assert edge == matures_at(protocol.evm.now)

    protocol.evm.now = edge - 1
    assert protocol.credit_of() == Credit(maturing=VISIT_CREDIT)
    with reverts("NoCredit", providerId=protocol.provider_id):
        protocol.withdraw()
    for instant in (edge, edge + 1):
        protocol.evm.now = instant
        assert protocol.credit_of() == Credit(matured=VISIT_CREDIT)
        with protocol.rolled_back():
            assert protocol.withdraw().value == VISIT_CREDIT
            assert protocol.credit_of() == Credit()


def test_withdraw__every_day_for_a_month__pays_what_was_earned_eight_days_before(protocol: Protocol) -> None:
    protocol.evm.now = protocol.evm.now // DAY * DAY
    paid = []
    for day in range(30):
        settle(protocol, day, days=1)
        ripe = protocol.credit_of().matured
        paid.append(ripe // VISIT_CREDIT)
        if ripe:
            assert protocol.withdraw().value == ripe
        protocol.assert_solvent()
    assert paid == [0] * SLOTS + [1] * (30 - SLOTS)


@pytest.mark.parametrize("gap", [1, 2, 3, 7, 8, 9, 16, 17, 30])
def test_credit__settled_at_any_gap__none_is_lost_or_early(protocol: Protocol, gap: int) -> None:
    """However the days fall on the slots, and although nobody withdraws in between."""
    days: list[int] = []
    for sequence in range(12):
        settle(protocol, sequence, days=gap)
        days.append(protocol.evm.now // DAY)
        today = days[-1]
        ripe = sum(day + SLOTS <= today for day in days)
        assert protocol.credit_of() == Credit(
            matured=ripe * VISIT_CREDIT, maturing=(len(days) - ripe) * VISIT_CREDIT
        )
        protocol.assert_solvent()
    protocol.mature()
    assert protocol.withdraw().value == 12 * VISIT_CREDIT
    protocol.assert_solvent()


def test_credit__several_batches_of_one_day__add_up(protocol: Protocol) -> None:
    for sequence in range(3):
        settle(protocol, sequence)
        protocol.advance(60)
    assert protocol.credit_of() == Credit(maturing=3 * VISIT_CREDIT)
    protocol.mature()
    assert protocol.withdraw().value == 3 * VISIT_CREDIT


def test_credit__of_a_second_batch_of_the_day__writes_one_slot_of_the_account(protocol: Protocol) -> None:
    """The head is all that crediting touches while a day lasts: a batch later that day costs the same as
    one of a provider whose ring is full."""
    settle(protocol, 0)
    settle(protocol, 1, days=2)  # what the patient accepted is no longer a change
    same_day = protocol.settle(protocol.row(protocol.patient, 2)).gas_used
    for sequence in range(3, 15):
        settle(protocol, sequence, days=1)
    assert abs(protocol.settle(protocol.row(protocol.patient, 15)).gas_used - same_day) < 1_000


def earn_all_that_there_is(protocol: Protocol) -> None:
    """Have the provider earn the most that 64 bits hold, from a payer that then has more."""
    terms = PlanTerms(deductible=0, oop_max=0, rounding_unit=1)
    protocol.publish_plan(terms, {1: CategoryTerms()}, plan=2)
    protocol.publish_fees({UNLISTED: FeeTerms(amount=MAX_AMOUNT, category=1)})
    protocol.escrow.send(protocol.late, "acceptPayer", protocol.payer_id, 0)
    protocol.grant(protocol.late, 0)
    protocol.enrol(protocol.late, plan=2)
    protocol.fund_payer(protocol.payer_id, MAX_AMOUNT - POOL_FUNDS)
    row = protocol.row(protocol.late, 1, UNLISTED, billed=MAX_AMOUNT)
    assert protocol.settle(row, plan_id=2).value == (1, 0, 0, 0)
    protocol.fund_payer(protocol.payer_id, 200 * DOLLAR)


def test_withdraw__more_than_64_bits_have_matured__pays_it_in_two(protocol: Protocol) -> None:
    """Only a token of more than eighteen trillion dollars can bring this about; nothing is lost in it."""
    earn_all_that_there_is(protocol)
    for sequence in (2, 3):  # one stands in the ring in the end, one in the head
        protocol.advance(DAY)
        small = protocol.row(protocol.neighbour, sequence)
        assert protocol.settle(small).value == (1, 0, 0, 0)

    protocol.mature()
    assert protocol.credit_of() == Credit(matured=MAX_AMOUNT)
    assert protocol.withdraw().value == MAX_AMOUNT
    assert protocol.withdraw().value == 2 * VISIT_CREDIT
    assert protocol.credit_of() == Credit()


def test_mature__as_much_has_matured_as_64_bits_hold__the_rest_waits(protocol: Protocol) -> None:
    """As above, with what has matured first noted already when the rest ripens."""
    earn_all_that_there_is(protocol)
    protocol.mature()
    protocol.settle(protocol.row(protocol.neighbour, 2))
    protocol.deposit_bond(VISIT_CREDIT)
    # It notes what has matured.
    protocol.settlement.send(protocol.provider, "drawAdvance", protocol.provider_id, 1)
    protocol.mature()
    protocol.settle(protocol.row(protocol.neighbour, 3))

    assert protocol.withdraw().value == MAX_AMOUNT
    assert protocol.withdraw().value == VISIT_CREDIT - 1  # less the advance
    protocol.mature()
    assert protocol.withdraw().value == VISIT_CREDIT


# ---- holds ------------------------------------------------------------------------------------------------


def test_credit__bucket_emptied_by_a_dispute_that_was_upheld__matures_on_its_own_day(
    protocol: Protocol,
) -> None:
    """The slot of the ring still names a day long past when the money comes back to it."""
    settle(protocol, 1)
    protocol.advance(8 * DAY)  # the same slot of the ring
    settled = protocol.settled_claim(protocol.settle(protocol.row(protocol.patient, 2)))
    protocol.dispute(settled)
    settle(protocol, 3, days=1)
    protocol.answer(settled)
    protocol.resolve(settled, ruling(settled))

    assert protocol.credit_of() == Credit(matured=VISIT_CREDIT, maturing=2 * VISIT_CREDIT)
    protocol.evm.now = matures_at(settled.settled_at) - 1
    assert protocol.credit_of() == Credit(matured=VISIT_CREDIT, maturing=2 * VISIT_CREDIT)
    protocol.advance(1)
    assert protocol.credit_of() == Credit(matured=2 * VISIT_CREDIT, maturing=VISIT_CREDIT)
    assert protocol.withdraw().value == 2 * VISIT_CREDIT
    protocol.assert_solvent()


def test_credit__given_back_after_its_slot_was_taken_over__matures_nothing_else(protocol: Protocol) -> None:
    """A dispute outlasts the ring: where the money came from stands a bucket of eight days later."""
    settled = protocol.settled_claim(protocol.settle(protocol.row(protocol.patient, 1)))
    protocol.advance(6 * DAY)
    protocol.dispute(settled)
    protocol.answer(settled)
    settle(protocol, 2, days=2)
    settle(protocol, 3, days=1)
    protocol.resolve(settled, ruling(settled))
    assert protocol.credit_of() == Credit(matured=VISIT_CREDIT, maturing=2 * VISIT_CREDIT)
    assert protocol.withdraw().value == VISIT_CREDIT
    assert protocol.credit_of() == Credit(maturing=2 * VISIT_CREDIT)


# ---- suspension -------------------------------------------------------------------------------------------


def test_suspend__provider__pends_its_events_until_it_is_reinstated(protocol: Protocol) -> None:
    receipt = protocol.suspend()
    assert receipt.events == (ProviderSuspended(protocol.provider_id),)
    assert protocol.credit_of() == Credit(suspended=True)
    row = protocol.row(protocol.patient, 1)
    assert protocol.settle(row).of(ClaimPended)

    receipt = protocol.settlement.send(protocol.governor, "reinstate", protocol.provider_id)
    assert receipt.events == (ProviderReinstated(protocol.provider_id),)
    assert protocol.credit_of() == Credit()
    assert protocol.settle(row).of(ClaimSettled)


def test_suspend__provider_with_money_of_every_kind__takes_none_of_it(protocol: Protocol) -> None:
    settle(protocol, 1)
    protocol.mature()
    settled = protocol.settled_claim(protocol.settle(protocol.row(protocol.patient, 2)))
    settle(protocol, 3)
    protocol.deposit_bond(100 * DOLLAR)
    protocol.dispute(settled)
    before = protocol.credit_of()
    assert min(before.matured, before.maturing, before.held, before.bond) > 0

    protocol.suspend()
    assert protocol.credit_of() == before._replace(suspended=True)
    assert protocol.withdraw().value == VISIT_CREDIT
    protocol.settlement.send(protocol.provider, "drawAdvance", protocol.provider_id, DOLLAR)
    protocol.settlement.send(protocol.governor, "reinstate", protocol.provider_id)
    assert protocol.credit_of() == before._replace(matured=0, advanced=DOLLAR)


def test_suspend__twice__reverts(protocol: Protocol) -> None:
    protocol.suspend()
    with reverts("AlreadySuspended", providerId=protocol.provider_id):
        protocol.suspend()


def test_suspend__unknown_provider__reverts(protocol: Protocol) -> None:
    with reverts("UnknownProvider", providerId=2):
        protocol.suspend(2)


def test_reinstate__not_suspended__reverts(protocol: Protocol) -> None:
    for provider_id in (protocol.provider_id, 2):
        with reverts("NotSuspended", providerId=provider_id):
            protocol.settlement.send(protocol.governor, "reinstate", provider_id)


# ---- payout -----------------------------------------------------------------------------------------------


def test_withdraw__payout_address_blocked__holds_up_nobody_else(unruly: Protocol) -> None:
    other = unruly.register_provider(unruly.late)
    unruly.accept_provider(other)
    unruly.grant(unruly.patient, provider_id=other)
    unruly.settle(unruly.row(unruly.patient, 1))
    unruly.settle(unruly.row(unruly.patient, 1), provider_id=other)
    unruly.mature()
    unruly.token.send(unruly.stranger, "setBlocked", unruly.provider, True)
    with reverts("ERC20InvalidReceiver"):
        unruly.withdraw()
    assert unruly.withdraw(other).value == VISIT_CREDIT
    assert unruly.credit_of() == Credit(matured=VISIT_CREDIT)
    unruly.settle(unruly.row(unruly.patient, 2))
    unruly.token.send(unruly.stranger, "setBlocked", unruly.provider, False)
    assert unruly.withdraw().value == VISIT_CREDIT
    unruly.assert_solvent()


# ---- layout -----------------------------------------------------------------------------------------------


def test_account__of_every_kind_of_money__is_laid_out_as_documented(protocol: Protocol) -> None:
    """The table in `settlement/CreditAccount.sol`: head, second, and the ring's slot of an earlier day."""
    settle(protocol, 1)
    protocol.mature()
    protocol.withdraw()
    settled = protocol.settled_claim(protocol.settle(protocol.row(protocol.patient, 2)))
    settle(protocol, 3)
    earlier = protocol.evm.now // DAY
    settle(protocol, 4, days=1)
    protocol.deposit_bond(100 * DOLLAR)
    protocol.settlement.send(protocol.provider, "drawAdvance", protocol.provider_id, DOLLAR)
    protocol.dispute(settled)
    protocol.suspend()

    at = account_slot(protocol)
    assert fields(protocol, at, 8, 32, 24, 64, 64, 64) == (
        *(1, 1, earlier + 1),
        *(VISIT_CREDIT, 0, VISIT_CREDIT),
    )
    assert fields(protocol, at + 1, 64, 64, 64, 64) == (0, 100 * DOLLAR, DOLLAR, 0)
    ring = int.from_bytes(keccak256(words(earlier % SLOTS, at + 2)), "big")
    assert fields(protocol, ring, 168, 24, 64) == (0, earlier, VISIT_CREDIT)


def account_slot(protocol: Protocol) -> int:
    """Where the provider's account begins: what the mapping from its id holds says suspended, one dispute."""
    for position in range(40):
        slot = int.from_bytes(keccak256(words(protocol.provider_id, position)), "big")
        if storage(protocol, slot) >> 216 == 1 << 32 | 1:
            return slot
    raise AssertionError("no account found")


def fields(protocol: Protocol, slot: int, *widths: int) -> tuple[int, ...]:
    """The fields of a stored word, high bits first."""
    word, shift, found = storage(protocol, slot), 256, []
    for width in widths:
        shift -= width
        found.append(word >> shift & (1 << width) - 1)
    return tuple(found)


def storage(protocol: Protocol, slot: int) -> int:
    backend = protocol.evm._backend  # not every EVM shows its storage
    assert isinstance(backend, PyrevmBackend)
    return backend.storage(protocol.settlement.address, slot)


def words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(32, "big") for number in numbers)
