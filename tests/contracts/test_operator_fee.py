"""The operator's fee: announced, capped, taken from the provider's credit, and a claim's own component."""

from __future__ import annotations

import pytest
from tests.contracts.claims import Settled
from tests.contracts.rulings import ruling
from tests.contracts.test_credits import fields
from tests.support.deployment import DAY, MAX_BATCH_LIFE, NOTICE, VISIT, ZERO_ADDRESS, Credit, Protocol
from tests.support.evm import reverts

from chainbill.chain.format.events import ClaimReversed, OperatorFeeAnnounced, OperatorPaid, ReversalFunded
from chainbill.money import DOLLAR

FLAT, BPS = DOLLAR // 4, 200
FEE = FLAT + 3 * DOLLAR
"""Of a visit, for which $150 are allowed."""
VISIT_CREDIT = 150 * DOLLAR


def announce(protocol: Protocol, flat: int = FLAT, bps: int = BPS) -> int:
    """Announce a fee; returns from when it holds."""
    protocol.set_operator_fee(flat, bps)
    return protocol.evm.now + NOTICE


def charge(protocol: Protocol, flat: int = FLAT, bps: int = BPS) -> None:
    """Have a fee in force."""
    protocol.evm.now = announce(protocol, flat, bps)


def settle(protocol: Protocol, sequence: int = 1, signed_at: int | None = None) -> Settled:
    """Settle one visit for the operator."""
    row = protocol.row(protocol.patient, sequence)
    receipt = protocol.settle(row, signed_at=signed_at, operator=protocol.operator)
    return protocol.settled_claim(receipt)


# ---- announcing -------------------------------------------------------------------------------------------


def test_operator_fee__never_announced__is_nothing(protocol: Protocol) -> None:
    assert protocol.settlement.read("operatorFeeAt", protocol.evm.now) == (0, 0)
    assert settle(protocol).claim.fee == 0
    assert protocol.fees_of() == Credit()
    assert protocol.credit_of() == Credit(maturing=VISIT_CREDIT)


def test_set_operator_fee__announced__holds_after_notice(protocol: Protocol) -> None:
    receipt = protocol.set_operator_fee(FLAT, BPS)
    effective_at = protocol.evm.now + NOTICE
    assert receipt.events == (OperatorFeeAnnounced(FLAT, BPS, effective_at),)
    for time, fee in (
        (effective_at - 1, (0, 0)),
        (effective_at, (FLAT, BPS)),
        (effective_at + 1, (FLAT, BPS)),
    ):
        assert protocol.settlement.read("operatorFeeAt", time) == fee


@pytest.mark.parametrize("before, fee", [(1, 0), (0, FEE)])
def test_settle__signed_at_the_edge_of_a_change__pays_the_fee_in_force_then(
    protocol: Protocol, before: int, fee: int
) -> None:
    effective_at = announce(protocol)
    protocol.evm.now = effective_at + 60
    assert settle(protocol, signed_at=effective_at - before).claim.fee == fee


def test_operator_fee__in_the_slot_that_settling_reads_anyway__beside_authority_and_epoch(
    protocol: Protocol,
) -> None:
    """The table in `settlement/SettlementState.sol`."""
    charge(protocol)
    protocol.advance(MAX_BATCH_LIFE)
    announce(protocol, 0, 0)  # puts the one before into the slot
    protocol.settlement.send(protocol.governor, "pause")
    epoch, announced, bps, flat, paused, consuming, authority = fields(protocol, 0, 32, 8, 16, 24, 8, 8, 160)
    assert (epoch, announced, bps, flat, paused, consuming) == (1, 1, BPS, FLAT, 1, 0)
    assert authority == int(protocol.governance.address, 16)


def test_set_operator_fee__second_change__keeps_the_first_in_force_until_then(protocol: Protocol) -> None:
    charge(protocol)
    protocol.advance(MAX_BATCH_LIFE)
    effective_at = announce(protocol, 0, 0)
    for time, fee in ((effective_at - 1, (FLAT, BPS)), (effective_at, (0, 0))):
        assert protocol.settlement.read("operatorFeeAt", time) == fee


def test_set_operator_fee__while_one_is_announced__reverts(protocol: Protocol) -> None:
    """And as long as a batch signed before it took effect may still settle."""
    effective_at = announce(protocol)
    for time in (effective_at - 1, effective_at, effective_at + MAX_BATCH_LIFE - 1):
        protocol.evm.now = time
        with reverts("FeeStillAnnounced", effectiveAt=effective_at):
            protocol.set_operator_fee(0, 0)
    protocol.evm.now = effective_at + MAX_BATCH_LIFE
    protocol.set_operator_fee(0, 0)


def test_settle__batch_as_old_as_may_be__pays_the_fee_it_was_signed_under(protocol: Protocol) -> None:
    """The last second of such a batch is also the first in which the fee can be changed again."""
    effective_at = announce(protocol)
    signed_at = effective_at - 1
    row = protocol.row(protocol.patient, 1)
    batch = protocol.batch(
        [protocol.section(row)],
        signed_at=signed_at,
        deadline=signed_at + MAX_BATCH_LIFE,
        operator=protocol.operator,
    )
    protocol.evm.now = signed_at + MAX_BATCH_LIFE
    with reverts("FeeStillAnnounced"):
        protocol.set_operator_fee(DOLLAR, 500)
    assert protocol.settled_claim(protocol.submit(batch)).claim.fee == 0


@pytest.mark.parametrize("flat, bps", [(DOLLAR, 500), (0, 0), (DOLLAR, 0), (0, 500)])
def test_set_operator_fee__up_to_the_caps__is_announced(protocol: Protocol, flat: int, bps: int) -> None:
    effective_at = announce(protocol, flat, bps)
    assert protocol.settlement.read("operatorFeeAt", effective_at) == (flat, bps)


@pytest.mark.parametrize("flat, bps", [(DOLLAR + 1, 0), (0, 501), (2**64 - 1, 2**16 - 1)])
def test_set_operator_fee__above_a_cap__reverts(protocol: Protocol, flat: int, bps: int) -> None:
    with reverts("OperatorFeeTooHigh", flat=flat, bps=bps):
        protocol.set_operator_fee(flat, bps)


def test_set_operator_fee__by_another__reverts(protocol: Protocol) -> None:
    for caller in (protocol.stranger, protocol.operator, protocol.arbiter):
        with reverts("AccessManagedUnauthorized", caller=caller):
            protocol.settlement.send(caller, "setOperatorFee", FLAT, BPS)


# ---- taking it --------------------------------------------------------------------------------------------


def test_settle__fee_in_force__is_taken_from_the_providers_credit(protocol: Protocol) -> None:
    charge(protocol)
    claim = settle(protocol).claim
    assert (claim.fee, claim.allowed, claim.patient_responsibility) == (FEE, VISIT_CREDIT, 110 * DOLLAR)
    assert protocol.credit_of() == Credit(maturing=VISIT_CREDIT - FEE)
    assert protocol.fees_of() == Credit(maturing=FEE)
    protocol.assert_solvent()


def test_settle__no_operator_named__takes_no_fee(protocol: Protocol) -> None:
    charge(protocol)
    receipt = protocol.settle(protocol.row(protocol.patient, 1), operator=ZERO_ADDRESS)
    assert protocol.settled_claim(receipt).claim.fee == 0
    assert protocol.credit_of() == Credit(maturing=VISIT_CREDIT)
    assert protocol.fees_of(ZERO_ADDRESS) == Credit()


@pytest.mark.parametrize("billed", [10_000, FLAT, FLAT + 10_000])
def test_settle__fee_above_what_is_allowed__takes_no_more_than_that(protocol: Protocol, billed: int) -> None:
    charge(protocol)
    row = protocol.row(protocol.patient, 1, VISIT, billed=billed)
    settled = protocol.settled_claim(protocol.settle(row, operator=protocol.operator))
    fee = min(FLAT + billed * BPS // 10_000, billed)
    assert settled.claim.fee == fee
    assert protocol.credit_of() == Credit(maturing=billed - fee)
    assert protocol.fees_of() == Credit(maturing=fee)
    protocol.assert_solvent()


def test_withdraw_fees__by_anyone__pays_the_operator_what_has_matured(protocol: Protocol) -> None:
    charge(protocol)
    settle(protocol)
    with reverts("NoFees", operator=protocol.operator):
        protocol.settlement.send(protocol.stranger, "withdrawFees", protocol.operator)
    protocol.mature()
    protocol.advance(-1)
    with reverts("NoFees", operator=protocol.operator):
        protocol.settlement.send(protocol.stranger, "withdrawFees", protocol.operator)
    protocol.advance(1)
    receipt = protocol.settlement.send(protocol.stranger, "withdrawFees", protocol.operator)
    assert receipt.value == FEE
    assert receipt.of(OperatorPaid) == [OperatorPaid(protocol.operator, FEE)]
    assert protocol.tokens(protocol.operator) == FEE
    assert protocol.fees_of() == Credit()
    protocol.assert_solvent()
    with reverts("NoFees", operator=protocol.operator):
        protocol.settlement.send(protocol.stranger, "withdrawFees", protocol.operator)


# ---- giving it back ---------------------------------------------------------------------------------------


def test_dispute__claim_with_a_fee__holds_it_too(protocol: Protocol) -> None:
    charge(protocol)
    settled = settle(protocol)
    settle(protocol, 2)
    protocol.dispute(settled)
    assert protocol.credit_of() == Credit(
        maturing=VISIT_CREDIT - FEE, held=VISIT_CREDIT - FEE, open_disputes=1
    )
    assert protocol.fees_of() == Credit(maturing=FEE, held=FEE, open_disputes=1)
    protocol.mature()
    assert protocol.settlement.send(protocol.stranger, "withdrawFees", protocol.operator).value == FEE
    assert protocol.fees_of() == Credit(held=FEE, open_disputes=1)
    protocol.assert_solvent()


def test_concede__claim_with_a_fee__takes_it_from_the_operator(protocol: Protocol) -> None:
    charge(protocol)
    settled = settle(protocol)
    protocol.dispute(settled)
    receipt = protocol.concede(settled)
    (funded,) = receipt.of(ReversalFunded)
    assert (funded.held, funded.operator_fee) == (VISIT_CREDIT - FEE, FEE)
    (event,) = receipt.of(ClaimReversed)
    assert event.claim.fee == FEE
    assert (protocol.credit_of(), protocol.fees_of()) == (Credit(), Credit())
    protocol.assert_solvent()


@pytest.mark.parametrize("ending", ["concede", "close", "void"])
def test_reversal__fee_that_is_all_of_the_credit__comes_from_the_operator_alone(
    protocol: Protocol, ending: str
) -> None:
    """The provider had nothing of such a claim, not even a bucket for its day."""
    charge(protocol)
    balance = protocol.balance(protocol.patient)
    row = protocol.row(protocol.patient, 1, billed=10_000)
    settled = protocol.settled_claim(protocol.settle(row, operator=protocol.operator))
    protocol.advance(DAY)
    settle(protocol, 2)
    if ending != "void":
        protocol.dispute(settled)
        assert protocol.credit_of() == Credit(maturing=VISIT_CREDIT - FEE, open_disputes=1)
        assert protocol.fees_of() == Credit(maturing=FEE, held=10_000, open_disputes=1)
    if ending == "close":
        protocol.advance(3 * DAY)
    getattr(protocol, ending)(settled)
    assert protocol.credit_of() == Credit(maturing=VISIT_CREDIT - FEE)
    assert protocol.fees_of() == Credit(maturing=FEE)
    assert protocol.balance(protocol.patient) == balance - 110 * DOLLAR + 10_000
    protocol.assert_solvent()


def test_close__dispute_upheld__gives_the_operator_its_fee(protocol: Protocol) -> None:
    charge(protocol)
    settled = settle(protocol)
    protocol.dispute(settled)
    protocol.answer(settled)
    protocol.advance(14 * DAY)
    protocol.close(settled)
    assert protocol.fees_of() == Credit(matured=FEE)
    assert protocol.credit_of() == Credit(matured=VISIT_CREDIT - FEE)


def test_resolve__part_of_a_fee__takes_that_part(protocol: Protocol) -> None:
    charge(protocol)
    settled = settle(protocol)
    protocol.dispute(settled)
    protocol.answer(settled)
    left = ruling(settled, allowed=120 * DOLLAR, coinsurance=0, plan_paid=20 * DOLLAR, fee=FEE - DOLLAR)
    (funded,) = protocol.resolve(settled, left).of(ReversalFunded)
    assert (funded.held, funded.operator_fee) == (29 * DOLLAR, DOLLAR)
    assert protocol.fees_of() == Credit(maturing=FEE - DOLLAR)
    assert protocol.credit_of() == Credit(maturing=121 * DOLLAR - FEE)
    protocol.assert_solvent()


def test_void__before_maturity__takes_the_fee_from_the_operator(protocol: Protocol) -> None:
    charge(protocol)
    (funded,) = protocol.void(settle(protocol)).of(ReversalFunded)
    assert (funded.maturing, funded.operator_fee) == (VISIT_CREDIT - FEE, FEE)
    assert (protocol.credit_of(), protocol.fees_of()) == (Credit(), Credit())
    protocol.assert_solvent()


def test_void__after_maturity__leaves_the_operator_its_fee(protocol: Protocol) -> None:
    """The provider bears it: nobody's withdrawable money falls by what another decides."""
    charge(protocol)
    settled = settle(protocol)
    protocol.mature()
    protocol.deposit_bond(10 * DOLLAR)
    receipt = protocol.void(settled)
    (funded,) = receipt.of(ReversalFunded)
    assert (funded.matured, funded.bond, funded.operator_fee) == (VISIT_CREDIT - FEE, FEE, 0)
    (event,) = receipt.of(ClaimReversed)
    assert (event.claim.fee, event.claim.allowed) == (0, VISIT_CREDIT)
    assert protocol.fees_of() == Credit(matured=FEE)
    assert protocol.credit_of() == Credit(bond=10 * DOLLAR - FEE)
    protocol.assert_solvent()
