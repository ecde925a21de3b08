"""Receivables: what a provider that gives a claim back too late owes the payers, and how it is paid."""

from __future__ import annotations

import pytest
from tests.contracts.claims import Settled
from tests.contracts.test_bond import draw, withdraw_bond
from tests.support.deployment import Credit, Protocol
from tests.support.evm import Receipt, reverts

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.terms import CategoryTerms, PlanTerms
from chainbill.chain.format.events import (
    BondDeposited,
    PatientRefunded,
    PoolRefunded,
    ReceivablePaid,
    ReceivableRecorded,
    ReversalFunded,
)
from chainbill.money import DOLLAR

VISIT_CREDIT, PATIENT_PART, PLAN_PART = 150 * DOLLAR, 110 * DOLLAR, 40 * DOLLAR


def paid_out(protocol: Protocol, sequence: int = 1) -> Settled:
    """A claim whose credit has matured and was withdrawn."""
    settled = protocol.settled_claim(protocol.settle(protocol.row(protocol.patient, sequence)))
    protocol.mature()
    protocol.withdraw()
    return settled


def collect(protocol: Protocol, payer_id: int = 0) -> Receipt:
    """Have a receivable paid; anybody may."""
    return protocol.settlement.send(
        protocol.stranger, "collectReceivable", protocol.provider_id, payer_id or protocol.payer_id
    )


def owed_to(protocol: Protocol, payer_id: int = 0) -> int:
    return int(protocol.settlement.read("receivableOf", protocol.provider_id, payer_id or protocol.payer_id))


def owing(protocol: Protocol) -> Settled:
    """A voided claim of which the payer's whole part is owed: the bond covered the patient's alone."""
    settled = paid_out(protocol)
    protocol.deposit_bond(PATIENT_PART)
    protocol.void(settled)
    return settled


# ---- what a late reversal takes ---------------------------------------------------------------------------


@pytest.mark.parametrize("bond", [PATIENT_PART, PATIENT_PART + 1, VISIT_CREDIT - 1, VISIT_CREDIT])
def test_void__credit_paid_out__takes_the_bond_and_owes_the_rest(protocol: Protocol, bond: int) -> None:
    settled = paid_out(protocol)
    protocol.deposit_bond(bond)
    balance, pool = protocol.balance(protocol.patient), protocol.pool()
    receipt = protocol.void(settled)
    missing = VISIT_CREDIT - bond
    assert receipt.of(ReversalFunded) == [ReversalFunded(settled.claim_id, 0, 0, 0, bond, 0)]
    assert receipt.of(PatientRefunded) == [PatientRefunded(protocol.patient, PATIENT_PART)]
    owed = ReceivableRecorded(settled.claim_id, protocol.provider_id, protocol.payer_id, missing)
    assert receipt.of(ReceivableRecorded) == ([owed] if missing else [])
    assert protocol.balance(protocol.patient) == balance + PATIENT_PART
    assert protocol.pool() == pool + PLAN_PART - missing
    assert protocol.member(protocol.patient) == Accumulators()
    assert (protocol.credit_of(), owed_to(protocol)) == (Credit(owed=missing), missing)
    protocol.assert_solvent()


@pytest.mark.parametrize("bond", [0, 1, PATIENT_PART - 1])
def test_void__patients_part_is_not_there__reverts(protocol: Protocol, bond: int) -> None:
    """A patient is never left with a claim on the provider."""
    settled = paid_out(protocol)
    if bond:
        protocol.deposit_bond(bond)
    before = protocol.state()
    with reverts("PatientPartMissing", required=PATIENT_PART, available=bond):
        protocol.void(settled)
    assert protocol.state() == before


@pytest.mark.parametrize("bond", [0, 1, PATIENT_PART - 1])
def test_void__credit_withdrawn_by_a_stranger_just_before__takes_the_patients_part_of_the_provider(
    protocol: Protocol, bond: int
) -> None:
    """Anybody may have the credit paid out to the provider: it may give the claim back all the same."""
    settled = protocol.settled_claim(protocol.settle(protocol.row(protocol.patient, 1)))
    protocol.mature()
    if bond:
        protocol.deposit_bond(bond)
    protocol.settlement.send(protocol.stranger, "withdraw", protocol.provider_id)
    missing = PATIENT_PART - bond
    protocol.token.send(protocol.provider, "approve", protocol.settlement.address, missing)
    balance, kept = protocol.balance(protocol.patient), protocol.tokens(protocol.provider)
    receipt = protocol.void(settled)
    assert receipt.of(BondDeposited) == [BondDeposited(protocol.provider_id, protocol.provider, missing)]
    assert receipt.of(ReversalFunded) == [ReversalFunded(settled.claim_id, 0, 0, 0, PATIENT_PART, 0)]
    assert protocol.balance(protocol.patient) == balance + PATIENT_PART
    assert protocol.tokens(protocol.provider) == kept - missing
    assert protocol.credit_of() == Credit(owed=PLAN_PART)
    protocol.assert_solvent()


def test_void__provider_has_approved_more_than_is_missing__takes_the_patients_part_alone(
    protocol: Protocol,
) -> None:
    """An allowance for bonds is not taken for the payers' part: that is a receivable."""
    settled = paid_out(protocol)
    protocol.token.send(protocol.provider, "approve", protocol.settlement.address, 2**256 - 1)
    protocol.mint(protocol.provider, VISIT_CREDIT)
    kept = protocol.tokens(protocol.provider)
    protocol.void(settled)
    assert protocol.tokens(protocol.provider) == kept - PATIENT_PART
    assert owed_to(protocol) == PLAN_PART


def test_void__provider_has_approved_a_little_too_little__reverts(protocol: Protocol) -> None:
    settled = paid_out(protocol)
    protocol.token.send(protocol.provider, "approve", protocol.settlement.address, PATIENT_PART - 1)
    with reverts("PatientPartMissing", required=PATIENT_PART, available=0):
        protocol.void(settled)


def test_void__matured_credit_of_other_claims__is_taken_before_the_bond(protocol: Protocol) -> None:
    settled = paid_out(protocol)
    protocol.settle(protocol.row(protocol.patient, 2, billed=30 * DOLLAR))
    protocol.mature()
    protocol.deposit_bond(VISIT_CREDIT)
    (funded,) = protocol.void(settled).of(ReversalFunded)
    assert (funded.matured, funded.bond) == (30 * DOLLAR, 120 * DOLLAR)
    assert protocol.credit_of() == Credit(bond=30 * DOLLAR)
    protocol.assert_solvent()


def test_void__maturing_credit_of_other_claims__is_left_alone(protocol: Protocol) -> None:
    """It stands for its own claims' disputes."""
    settled = paid_out(protocol)
    protocol.settle(protocol.row(protocol.patient, 2))
    with reverts("PatientPartMissing", available=0):
        protocol.void(settled)
    protocol.deposit_bond(PATIENT_PART)
    protocol.void(settled)
    assert protocol.credit_of() == Credit(maturing=VISIT_CREDIT, owed=PLAN_PART)


def test_void__bond_that_advances_have_used__is_not_used_again(protocol: Protocol) -> None:
    settled = paid_out(protocol)
    protocol.settle(protocol.row(protocol.patient, 2))
    protocol.deposit_bond(VISIT_CREDIT)
    draw(protocol, 100 * DOLLAR)
    with reverts("PatientPartMissing", required=PATIENT_PART, available=50 * DOLLAR):
        protocol.void(settled)
    protocol.deposit_bond(60 * DOLLAR)
    (funded,) = protocol.void(settled).of(ReversalFunded)
    assert (funded.matured, funded.bond) == (0, PATIENT_PART)
    assert protocol.credit_of() == Credit(
        maturing=VISIT_CREDIT, bond=100 * DOLLAR, advanced=100 * DOLLAR, owed=PLAN_PART
    )
    protocol.assert_solvent()


def test_void__credit_that_is_owed_already__is_not_taken_for_another_claim(protocol: Protocol) -> None:
    first, second = paid_out(protocol, 1), paid_out(protocol, 2)
    protocol.deposit_bond(PATIENT_PART)
    protocol.void(first)
    protocol.settle(protocol.row(protocol.patient, 3, billed=50 * DOLLAR))
    protocol.mature()
    assert protocol.credit_of() == Credit(matured=50 * DOLLAR, owed=PLAN_PART)
    with reverts("PatientPartMissing", available=10 * DOLLAR):
        protocol.void(second)


def test_void__two_payers__are_paid_in_order(protocol: Protocol) -> None:
    """The patient first and in full, then the primary, then the secondary."""
    plan = PlanTerms(deductible=80 * DOLLAR, oop_max=1_000 * DOLLAR)
    secondary = protocol.second_payer(plan=plan, categories={1: CategoryTerms()})
    protocol.welcome(protocol.late, payers=(protocol.payer_id, secondary))
    section = protocol.coordinated(protocol.row(protocol.late, 1), secondary=secondary)
    settled = protocol.settled_claim(protocol.submit(protocol.batch([section])))
    assert (settled.claim.plan_paid, settled.claim.secondary_paid) == (40 * DOLLAR, 70 * DOLLAR)
    protocol.mature()
    protocol.withdraw()
    for there, missing, secondary_missing in (
        (50, 30, 70),
        (79, 1, 70),
        (80, 0, 70),
        (100, 0, 50),
        (150, 0, 0),
    ):
        with protocol.rolled_back():
            protocol.deposit_bond(there * DOLLAR)
            receipt = protocol.void(settled)
            recorded = [(event.payer_id, event.amount) for event in receipt.of(ReceivableRecorded)]
            due = ((protocol.payer_id, missing), (secondary, secondary_missing))
            assert recorded == [(payer, owed * DOLLAR) for payer, owed in due if owed]
            refunds = [(event.payer_id, event.amount) for event in receipt.of(PoolRefunded)]
            parts = ((protocol.payer_id, 40 - missing), (secondary, 70 - secondary_missing))
            assert refunds == [(payer, part * DOLLAR) for payer, part in parts if part]
            assert protocol.credit_of().owed == (missing + secondary_missing) * DOLLAR
            assert protocol.member(protocol.late, payer_id=secondary) == Accumulators()
            protocol.assert_solvent()


# ---- while something is owed ------------------------------------------------------------------------------


def test_withdraw__while_something_is_owed__pays_only_the_rest(protocol: Protocol) -> None:
    owing(protocol)
    protocol.settle(protocol.row(protocol.patient, 2, billed=30 * DOLLAR))
    protocol.mature()
    with reverts("NoCredit"):
        protocol.withdraw()
    protocol.settle(protocol.row(protocol.patient, 3, billed=30 * DOLLAR))
    protocol.mature()
    assert protocol.withdraw().value == 20 * DOLLAR
    assert protocol.credit_of() == Credit(matured=PLAN_PART, owed=PLAN_PART)
    assert collect(protocol).value == PLAN_PART
    assert protocol.credit_of() == Credit()
    protocol.assert_solvent()


def test_draw_advance__while_something_is_owed__reverts(protocol: Protocol) -> None:
    owing(protocol)
    protocol.settle(protocol.row(protocol.patient, 2))
    protocol.deposit_bond(VISIT_CREDIT)
    with reverts("AdvanceTooLarge", available=0):
        draw(protocol, 1)
    protocol.mature()
    collect(protocol)
    protocol.settle(protocol.row(protocol.patient, 3))
    draw(protocol, 1)


def test_withdraw_bond__while_something_is_owed__reverts(protocol: Protocol) -> None:
    owing(protocol)
    protocol.deposit_bond(VISIT_CREDIT)
    with reverts("BondInUse", advanced=0, maturing=0, openDisputes=0):
        withdraw_bond(protocol)


def test_receivable__is_nobodys_balance_until_it_is_paid(protocol: Protocol) -> None:
    pool = protocol.pool()
    owing(protocol)
    assert protocol.pool() == pool - PLAN_PART
    protocol.assert_solvent()


# ---- collecting -------------------------------------------------------------------------------------------


def test_collect_receivable__by_anyone__pays_as_far_as_matured_credit_goes(protocol: Protocol) -> None:
    owing(protocol)
    pool = protocol.pool()
    with reverts("NoCredit", providerId=protocol.provider_id):
        collect(protocol)
    protocol.settle(protocol.row(protocol.patient, 2, billed=30 * DOLLAR))
    protocol.mature()
    protocol.advance(-1)
    with reverts("NoCredit"):
        collect(protocol)
    protocol.advance(1)
    receipt = collect(protocol)
    assert receipt.value == 30 * DOLLAR
    assert receipt.of(ReceivablePaid) == [
        ReceivablePaid(protocol.provider_id, protocol.payer_id, 30 * DOLLAR)
    ]
    assert receipt.of(PoolRefunded) == [PoolRefunded(protocol.payer_id, 30 * DOLLAR)]
    assert protocol.pool() == pool + 30 * DOLLAR
    assert (protocol.credit_of(), owed_to(protocol)) == (Credit(owed=10 * DOLLAR), 10 * DOLLAR)
    protocol.assert_solvent()

    protocol.settle(protocol.row(protocol.patient, 3))
    protocol.mature()
    assert collect(protocol).value == 10 * DOLLAR
    assert (protocol.credit_of(), owed_to(protocol)) == (Credit(matured=140 * DOLLAR), 0)
    with reverts("NoReceivable", providerId=protocol.provider_id, payerId=protocol.payer_id):
        collect(protocol)
    protocol.assert_solvent()


def test_collect_receivable__nothing_owed__reverts(protocol: Protocol) -> None:
    protocol.settle(protocol.row(protocol.patient, 1))
    protocol.mature()
    for payer_id in (protocol.payer_id, 77):
        with reverts("NoReceivable", providerId=protocol.provider_id, payerId=payer_id):
            collect(protocol, payer_id)


def test_collect_receivable__payers_tokens_blocked__reverts_and_stops_nobody(unruly: Protocol) -> None:
    owing(unruly)
    unruly.settle(unruly.row(unruly.patient, 2))
    unruly.mature()
    unruly.token.send(unruly.stranger, "setBlocked", unruly.payer.address, True)
    with reverts("ERC20InvalidReceiver"):
        collect(unruly)
    assert unruly.withdraw().value == VISIT_CREDIT - PLAN_PART
    assert unruly.credit_of() == Credit(matured=PLAN_PART, owed=PLAN_PART)
    unruly.assert_solvent()


def test_receivables__of_two_claims__add_up(protocol: Protocol) -> None:
    for settled in (paid_out(protocol, 1), paid_out(protocol, 2)):
        protocol.deposit_bond(settled.claim.patient_responsibility)
        protocol.void(settled)
    owed = PLAN_PART + 120 * DOLLAR
    assert (protocol.credit_of(), owed_to(protocol)) == (Credit(owed=owed), owed)
    protocol.assert_solvent()
