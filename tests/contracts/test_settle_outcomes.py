"""How a row that does not settle ends: outcome, reason, and nothing written but a denial's sequence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.contracts.situations import SITUATIONS, Situation, endings
from tests.support.deployment import (
    FEES,
    NOTICE,
    PLAN,
    REFILL,
    THERAPY,
    UNLISTED,
    VISIT,
    YEAR,
    Protocol,
    account,
)

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.format.batch_codec import BatchSection
from chainbill.chain.format.events import (
    BatchSettled,
    ClaimDenied,
    ClaimPended,
    ClaimSettled,
    Event,
    TokensMoved,
)
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
        pended = Reason.BENEFIT_YEAR_NOT_OPEN <= situation.reason <= Reason.NOT_ATTESTED
        assert (situation.outcome == Outcome.DENIED, situation.outcome == Outcome.PENDED) == (denied, pended)


# An empty pool stops the neighbour only where its share no longer fits: see the test of the pool below.
@pytest.mark.parametrize("situation", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "middle", "last"])
def test_settle__bad_section_among_good_ones__the_good_settle(
    protocol: Protocol, situation: Situation, place: int
) -> None:
    situation.prepare(protocol)
    good = [protocol.section(protocol.row(protocol.neighbour, n)) for n in (11, 12)]
    mixed = [*good[:place], situation.bad_section(protocol), *good[place:]]
    mixed.sort(key=lambda section: section.payers)
    if situation.stops_everybody:
        receipt = protocol.submit(protocol.batch(mixed))
        assert [ending[1:] for ending in endings(receipt)] == [(situation.outcome, situation.reason)] * 3
        assert not any(protocol.is_spent(n) for n in (1, 11, 12))
    else:
        assert_only_the_good_settle(protocol, situation, good, mixed)


@pytest.mark.parametrize(
    "situation", [each for each in OTHERS.values() if not each.section and not each.stops_everybody]
)
@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "middle", "last"])
def test_settle__bad_patient_among_good_ones__the_good_settle(
    protocol: Protocol, situation: Situation, place: int
) -> None:
    """All in one section; patients stand by their addresses."""
    others = patients_around(protocol, place)
    for other in others:
        protocol.welcome(other)
    situation.prepare(protocol)
    good = [protocol.row(other, 11 + n) for n, other in enumerate(others)]
    bad = situation.bad_row(protocol, protocol.patient)
    assert_only_the_good_settle(
        protocol, situation, [protocol.section(*good)], [protocol.section(*good, bad)]
    )


def patients_around(protocol: Protocol, below: int) -> list[str]:
    """Two other patients, so many of them with an address below the patient's."""
    many = [account(f"patient-{n}").address for n in range(40)]
    lower = [other for other in many if other.lower() < protocol.patient.lower()]
    higher = [other for other in many if other.lower() > protocol.patient.lower()]
    return lower[:below] + higher[: 2 - below]


def assert_only_the_good_settle(
    protocol: Protocol, situation: Situation, good: list[BatchSection], mixed: list[BatchSection]
) -> None:
    """With the bad row everything ends as without it: only a denial spends its sequence."""
    with protocol.rolled_back():
        assert protocol.submit(protocol.batch(good)).value == (2, 0, 0, 0)
        without = protocol.state(11, 12)
    before = protocol.is_spent(1)
    receipt = protocol.submit(protocol.batch(mixed))
    assert endings(receipt) == [(1, situation.outcome, situation.reason)]
    assert sorted(event.claim.sequence for event in receipt.of(ClaimSettled)) == [11, 12]
    assert protocol.state(11, 12) == without
    assert protocol.is_spent(1) == (situation.outcome == Outcome.DENIED or before)
    protocol.assert_solvent()


ROW_SITUATIONS = {
    name: situation for name, situation in SITUATIONS.items() if situation.row and not situation.section
}


@pytest.mark.parametrize("situation", ROW_SITUATIONS.values(), ids=ROW_SITUATIONS)
@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "middle", "last"])
def test_settle__bad_row_within_a_patients_group__the_patients_good_rows_settle(
    protocol: Protocol, situation: Situation, place: int
) -> None:
    good = [protocol.row(protocol.patient, n) for n in (11, 12)]
    bad = situation.bad_row(protocol, protocol.patient)
    mixed = [*good[:place], bad, *good[place:]]
    assert_only_the_good_settle(protocol, situation, [protocol.section(*good)], [protocol.section(*mixed)])


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


def test_settle__last_unit_of_a_year__settles_and_the_next_is_denied(protocol: Protocol) -> None:
    rows = [protocol.row(protocol.patient, n, THERAPY, units=2) for n in (1, 2, 3)]
    assert endings(protocol.settle(*rows)) == [(3, Outcome.DENIED, Reason.ANNUAL_UNITS_EXCEEDED)]


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
    protocol.grant(protocol.late, limit)
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
    protocol.escrow.send(protocol.late, "acceptPayer", protocol.payer_id, 0)
    protocol.enrol(protocol.late, met=Accumulators(oop_met=PLAN.oop_max))
    row = protocol.row(protocol.late, 1)
    assert endings(protocol.settle(row)) == [(1, Outcome.PENDED, Reason.NO_CONSENT)]
    protocol.grant(protocol.late, 0)
    (settled,) = protocol.settle(row).of(ClaimSettled)
    assert (settled.claim.plan_paid, settled.claim.patient_responsibility) == (150 * DOLLAR, 0)


# ---- logs of what did not settle --------------------------------------------------------------------------


@pytest.mark.parametrize("service, kind", [(UNLISTED, ClaimDenied), (VISIT, ClaimPended)])
def test_settle__not_settled__logs_the_row_with_no_amounts_but_the_billed(
    protocol: Protocol, service: bytes, kind: type[Event]
) -> None:
    patient = protocol.patient if kind is ClaimDenied else protocol.late
    row = protocol.row(patient, 7, service, units=2)
    (event,) = protocol.settle(row).of(kind)
    claim = event.claim
    assert (event.patient, claim.commitment, claim.sequence) == (patient, row.commitment, 7)
    assert (claim.provider_id, claim.payer_id, claim.plan_id, claim.terms_version) == (1, 1, 1, 1)
    assert (claim.service_id, claim.units, claim.benefit_year) == (service, 2, YEAR)
    assert (claim.billed, claim.billed_as_fee) == (row.billed, False)
    assert (claim.allowed, claim.deductible, claim.copay, claim.coinsurance) == (0, 0, 0, 0)
    assert (claim.outside_plan, claim.plan_paid, claim.secondary_paid, claim.fee) == (0, 0, 0, 0)


@pytest.mark.parametrize("patient", ["patient", "late"])
def test_settle__nothing_billed_and_not_settled__logs_that(protocol: Protocol, patient: str) -> None:
    row = protocol.row(getattr(protocol, patient), 1, UNLISTED, billed=0)
    (event,) = (e for e in protocol.settle(row).events if isinstance(e, ClaimDenied | ClaimPended))
    assert (event.claim.billed, event.claim.billed_as_fee) == (0, True)


# ---- the order of reasons ---------------------------------------------------------------------------------


def test_settle__several_causes__a_pend_that_may_pass_comes_before_the_denial_by_the_fee(
    protocol: Protocol,
) -> None:
    """Without consent or enrolment nothing is denied for good by a schedule that may not even apply."""
    row = protocol.row(protocol.late, 1, UNLISTED)
    assert endings(protocol.settle(row))[0][1:] == (Outcome.PENDED, Reason.PAYER_NOT_ACCEPTED)
    protocol.escrow.send(protocol.late, "acceptPayer", protocol.payer_id, 0)
    assert endings(protocol.settle(row))[0][1:] == (Outcome.PENDED, Reason.NO_CONSENT)
    protocol.grant(protocol.late)
    assert endings(protocol.settle(row))[0][1:] == (Outcome.PENDED, Reason.NOT_ENROLLED)
    protocol.enrol(protocol.late)
    assert endings(protocol.settle(row))[0][1:] == (Outcome.DENIED, Reason.UNKNOWN_SERVICE)


def test_settle__fee_announced_but_not_in_force__pends(protocol: Protocol) -> None:
    protocol.publish_fees({UNLISTED: FEES[VISIT]}, effective_at=protocol.evm.now + 100)
    row = protocol.row(protocol.patient, 1, UNLISTED)
    assert endings(protocol.settle(row)) == [(1, Outcome.PENDED, Reason.NO_TERMS_IN_FORCE)]
    protocol.evm.now += 100
    assert protocol.settle(row).value == (1, 0, 0, 0)
