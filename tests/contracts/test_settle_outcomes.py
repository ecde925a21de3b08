"""How a row that does not settle ends: outcome, reason, and nothing written but a denial's sequence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.contracts.protocol import FEES, NEVER, NOTICE, PLAN, REFILL, UNLISTED, VISIT, YEAR, Protocol
from tests.contracts.situations import SITUATIONS, Situation, endings

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.events import BatchSettled, ClaimDenied, ClaimPended, ClaimSettled, TokensMoved
from chainbill.money import DOLLAR

each_situation = pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS)
OTHERS = {name: each for name, each in SITUATIONS.items() if each.reason != Reason.PAYER_UNFUNDED}


@each_situation
def test_settle__bad_row_alone__ends_so_and_writes_nothing(protocol: Protocol, situation: Situation) -> None:
    situation.prepare(protocol)
    before = protocol.state(1)
    receipt = protocol.settle(situation.bad_row(protocol, protocol.patient), **situation.section)
    assert endings(receipt) == [(1, situation.outcome, situation.reason)]
    assert receipt.of(ClaimSettled) == receipt.of(TokensMoved) == []
    assert protocol.state(1) == replace(before, spent=(situation.outcome != Outcome.PENDED,))
    tally = receipt.value
    assert tally == tuple(int(situation.outcome == outcome) for outcome in Outcome)
    (settled,) = receipt.of(BatchSettled)
    assert (settled.settled, settled.denied, settled.pended, settled.skipped) == tally


def test_situations__together__reach_every_reason_but_a_failed_payer() -> None:
    reached = {situation.reason for situation in SITUATIONS.values()}
    assert set(Reason) - reached == {Reason.NONE, Reason.PAYER_FAILED}
    for situation in SITUATIONS.values():
        denied = Reason.NOT_COVERED <= situation.reason <= Reason.BENEFIT_YEAR_CLOSED
        pended = Reason.BENEFIT_YEAR_NOT_OPEN <= situation.reason <= Reason.PAYER_FAILED
        assert (situation.outcome == Outcome.DENIED, situation.outcome == Outcome.PENDED) == (denied, pended)


# An empty pool stops the neighbour only where its share no longer fits: see the test of the pool below.
@pytest.mark.parametrize("situation", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "middle", "last"])
def test_settle__bad_section_among_good_ones__the_good_settle(
    protocol: Protocol, situation: Situation, place: int
) -> None:
    situation.prepare(protocol)
    sections = [protocol.section(protocol.row(protocol.neighbour, n)) for n in (11, 12)]
    bad = protocol.section(situation.bad_row(protocol, protocol.patient), **situation.section)
    sections.insert(place, bad)
    before = protocol.balance(protocol.patient), protocol.member(protocol.patient)
    receipt = protocol.submit(protocol.batch(sorted(sections, key=lambda section: section.payer_id)))
    if situation.stops_everybody:
        assert [ending[1:] for ending in endings(receipt)] == [(situation.outcome, situation.reason)] * 3
        assert not any(protocol.is_spent(n) for n in (1, 11, 12))
    else:
        assert endings(receipt) == [(1, situation.outcome, situation.reason)]
        assert [event.claim.sequence for event in receipt.of(ClaimSettled)] == [11, 12]
    assert (protocol.balance(protocol.patient), protocol.member(protocol.patient)) == before
    protocol.assert_solvent()


ROW_SITUATIONS = {name: situation for name, situation in SITUATIONS.items() if situation.row}


@pytest.mark.parametrize("situation", ROW_SITUATIONS.values(), ids=ROW_SITUATIONS)
@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "middle", "last"])
def test_settle__bad_row_within_a_patients_group__the_patients_good_rows_settle(
    protocol: Protocol, situation: Situation, place: int
) -> None:
    rows = [protocol.row(protocol.patient, n) for n in (11, 12)]
    rows.insert(place, situation.bad_row(protocol, protocol.patient))
    receipt = protocol.settle(*rows, protocol.row(protocol.neighbour, 13))
    assert endings(receipt) == [(1, situation.outcome, situation.reason)]
    assert [event.claim.sequence for event in receipt.of(ClaimSettled)] == [11, 12, 13]
    assert protocol.credit() == 450 * DOLLAR
    protocol.assert_solvent()


def test_settle__all_kinds_in_one_batch__each_ends_by_itself(protocol: Protocol) -> None:
    protocol.settle(protocol.row(protocol.patient, 3))
    bad = {100 + n: situation for n, situation in enumerate(ROW_SITUATIONS.values())}
    rows = [situation.bad_row(protocol, protocol.patient, n) for n, situation in bad.items()]
    receipt = protocol.settle(protocol.row(protocol.patient, 3), *rows, protocol.row(protocol.patient, 5))
    assert endings(receipt) == [
        (3, Outcome.SKIPPED, Reason.SEQUENCE_SPENT),
        *((n, situation.outcome, situation.reason) for n, situation in bad.items()),
    ]
    assert [event.claim.sequence for event in receipt.of(ClaimSettled)] == [5]


# ---- a pended row may come again --------------------------------------------------------------------------


def test_settle__pended_row_once_the_cause_is_gone__settles(protocol: Protocol) -> None:
    row = protocol.row(protocol.late, 1)
    protocol.welcome(protocol.late, amount=1)
    assert endings(protocol.settle(row)) == [(1, Outcome.PENDED, Reason.PATIENT_UNFUNDED)]
    protocol.fund_patient(protocol.late, 110 * DOLLAR - 1)
    assert protocol.settle(row).value == (1, 0, 0, 0)
    assert protocol.balance(protocol.late) == 0


def test_settle__denied_row_sent_again__is_skipped_even_if_the_terms_changed(protocol: Protocol) -> None:
    row = protocol.row(protocol.patient, 1, UNLISTED)
    assert protocol.settle(row).value == (0, 1, 0, 0)
    protocol.publish_fees({UNLISTED: FEES[VISIT]})
    assert protocol.settle(row).value == (0, 0, 0, 1)


# ---- exactly enough ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("spare, settles", [(-1, False), (0, True), (1, True)])
def test_settle__around_the_consent_limit__at_most_the_limit(
    protocol: Protocol, spare: int, settles: bool
) -> None:
    protocol.welcome(protocol.late)
    limit = 110 * DOLLAR + spare
    protocol.escrow.send(protocol.late, "grantConsent", protocol.provider_id, limit, NEVER - 1)
    protocol.evm.now += NOTICE
    assert protocol.settle(protocol.row(protocol.late, 1)).value[0] == settles


@pytest.mark.parametrize("spare, settles", [(-1, False), (0, True), (1, True)])
def test_settle__around_the_balance__at_most_the_balance(
    protocol: Protocol, spare: int, settles: bool
) -> None:
    protocol.welcome(protocol.late, amount=110 * DOLLAR + spare)
    assert protocol.settle(protocol.row(protocol.late, 1)).value[0] == settles
    assert protocol.balance(protocol.late) == (spare if settles else 110 * DOLLAR + spare)


def test_settle__balance_for_one_of_two_events__settles_one(protocol: Protocol) -> None:
    protocol.welcome(protocol.late, amount=110 * DOLLAR + 30 * DOLLAR - 1)
    receipt = protocol.settle(protocol.row(protocol.late, 1), protocol.row(protocol.late, 2))
    assert endings(receipt) == [(2, Outcome.PENDED, Reason.PATIENT_UNFUNDED)]


def test_settle__pool_for_the_later_event_only__the_later_settles(protocol: Protocol) -> None:
    """A row that pends leaves no trace on the rows after it."""
    SITUATIONS["pool short by one"].prepare(protocol)
    refill = protocol.row(protocol.patient, 2, REFILL, billed=50 * DOLLAR)
    receipt = protocol.settle(protocol.row(protocol.patient, 1), refill)
    assert endings(receipt) == [(1, Outcome.PENDED, Reason.PAYER_UNFUNDED)]
    assert protocol.member(protocol.patient).deductible_met == 0
    assert protocol.balance(protocol.patient) == 5_000 * DOLLAR - 25 * DOLLAR


def test_settle__share_of_zero_without_consent__pends(protocol: Protocol) -> None:
    """Consent is needed even where the patient owes nothing."""
    protocol.fund_patient(protocol.late, 1)
    protocol.escrow.send(protocol.late, "acceptPayer", protocol.payer_id)
    protocol.payer.send(protocol.insurer, "enrol", protocol.late, YEAR, 1, 0, PLAN.oop_max)
    row = protocol.row(protocol.late, 1)
    assert endings(protocol.settle(row)) == [(1, Outcome.PENDED, Reason.NO_CONSENT)]
    protocol.escrow.send(protocol.late, "grantConsent", protocol.provider_id, 0, NEVER)
    (settled,) = protocol.settle(row).of(ClaimSettled)
    assert (settled.claim.plan_paid, settled.claim.patient_responsibility) == (150 * DOLLAR, 0)


# ---- logs of what did not settle --------------------------------------------------------------------------


def test_settle__denied__logs_the_row_with_no_amounts(protocol: Protocol) -> None:
    row = protocol.row(protocol.patient, 1, UNLISTED)
    (denied,) = protocol.settle(row).of(ClaimDenied)
    claim = denied.claim
    assert (denied.patient, claim.commitment, claim.service_id) == (
        protocol.patient,
        row.commitment,
        UNLISTED,
    )
    assert claim.billed_amount == row.billed
    assert (claim.allowed, claim.contractual_adjustment, claim.plan_paid, claim.patient_responsibility) == (
        *(0, 0, 0, 0),
    )


def test_settle__pended__logs_who_and_which(protocol: Protocol) -> None:
    row = protocol.row(protocol.late, 7)
    (pended,) = protocol.settle(row).of(ClaimPended)
    assert pended == ClaimPended(
        protocol.provider_id, protocol.late, Reason.PAYER_NOT_ACCEPTED, row.commitment, 7
    )


# ---- the order of reasons ---------------------------------------------------------------------------------


def test_settle__several_causes__a_pend_that_may_pass_comes_before_the_denial_by_the_fee(
    protocol: Protocol,
) -> None:
    """Without consent or enrolment nothing is denied for good by a schedule that may not even apply."""
    row = protocol.row(protocol.late, 1, UNLISTED)
    assert endings(protocol.settle(row))[0][1:] == (Outcome.PENDED, Reason.PAYER_NOT_ACCEPTED)
    protocol.escrow.send(protocol.late, "acceptPayer", protocol.payer_id)
    assert endings(protocol.settle(row))[0][1:] == (Outcome.PENDED, Reason.NO_CONSENT)
    protocol.escrow.send(protocol.late, "grantConsent", protocol.provider_id, 10**9, NEVER)
    assert endings(protocol.settle(row))[0][1:] == (Outcome.PENDED, Reason.NOT_ENROLLED)
    protocol.enrol(protocol.late)
    assert endings(protocol.settle(row))[0][1:] == (Outcome.DENIED, Reason.UNKNOWN_SERVICE)


def test_settle__fee_announced_but_not_in_force__pends(protocol: Protocol) -> None:
    protocol.publish_fees({UNLISTED: FEES[VISIT]}, effective_at=protocol.evm.now + 100)
    row = protocol.row(protocol.patient, 1, UNLISTED)
    assert endings(protocol.settle(row)) == [(1, Outcome.PENDED, Reason.NO_TERMS_IN_FORCE)]
    protocol.evm.now += 100
    assert protocol.settle(row).value == (1, 0, 0, 0)
