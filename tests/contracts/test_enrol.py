"""`InsurerPayer.enrol` and `endCoverage`: a member's benefit year, opened once, ended with notice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from tests.contracts.situations import endings
from tests.support.deployment import (
    CATEGORIES,
    HOUR,
    MAX_BATCH_LIFE,
    NOTICE,
    NOW,
    PATIENT_FUNDS,
    PLAN,
    SHARED,
    THERAPY,
    YEAR,
    ZERO_ADDRESS,
    Protocol,
)
from tests.support.evm import reverts

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import FeeTerms
from chainbill.chain.format.events import ClaimSettled, CoverageEnded, Enrolled
from chainbill.money import DOLLAR, MAX_AMOUNT
from chainbill.protocol_constants import MAX_YEARLY_AMOUNT


class Standing(NamedTuple):
    """A member's year, as the contract's struct."""

    met: tuple[int, int, int] = (0, 0, 0)
    plan_id: int = 0
    next_plan_id: int = 0
    next_plan_at: int = 0
    coverage_ends_at: int = 0
    family_id: int = 0


def standing(protocol: Protocol, member: str, year: int = YEAR) -> Standing:
    return Standing(*protocol.payer.read("memberYear", member, year))


# ---- enrolling --------------------------------------------------------------------------------------------


def test_enrol__with_opening_entries__opens_the_year_with_them(protocol: Protocol) -> None:
    opening = Accumulators(30 * DOLLAR, 40 * DOLLAR, 50 * DOLLAR)
    receipt = protocol.enrol(protocol.late, met=opening)
    assert receipt.events == (
        Enrolled(protocol.payer_id, protocol.late, YEAR, 1, 0, 30 * DOLLAR, 40 * DOLLAR, 50 * DOLLAR),
    )
    assert standing(protocol, protocol.late) == Standing((30 * DOLLAR, 40 * DOLLAR, 50 * DOLLAR), 1)


def test_settle__opening_entries__count_towards_the_deductible(protocol: Protocol) -> None:
    protocol.enrol(protocol.patient, YEAR - 1, met=Accumulators(70 * DOLLAR, 70 * DOLLAR))
    receipt = protocol.settle(protocol.row(protocol.patient, 1, benefit_year=YEAR - 1))
    (settled,) = receipt.of(ClaimSettled)
    # $30 of the deductible is left; then 20 % of $120
    assert (settled.claim.deductible, settled.claim.coinsurance) == (30 * DOLLAR, 24 * DOLLAR)
    assert protocol.member(protocol.patient, YEAR - 1) == Accumulators(
        100 * DOLLAR, 124 * DOLLAR, 96 * DOLLAR
    )


@pytest.mark.parametrize("entry", ["deductible_met", "oop_met", "plan_paid"])
def test_enrol__opening_entries_around_the_most_there_may_be__up_to_it(
    protocol: Protocol, entry: str
) -> None:
    for too_much in (MAX_YEARLY_AMOUNT + 1, MAX_AMOUNT):
        with reverts("OpeningTooLarge", opening=too_much, met=0):
            protocol.enrol(protocol.late, met=Accumulators(**{entry: too_much}))
    protocol.enrol(protocol.late, met=Accumulators(**{entry: MAX_YEARLY_AMOUNT}))


LARGEST = MAX_YEARLY_AMOUNT


@pytest.mark.parametrize("met", [(LARGEST, LARGEST), (0, LARGEST), (LARGEST, 0)])
def test_settle__opening_entries_over_every_limit__settles_without_overflow(
    protocol: Protocol, met: tuple[int, int]
) -> None:
    protocol.enrol(protocol.patient, YEAR - 1, met=Accumulators(*met))
    receipt = protocol.settle(protocol.row(protocol.patient, 1, benefit_year=YEAR - 1))
    (settled,) = receipt.of(ClaimSettled)
    left = max(0, PLAN.oop_max - met[1])
    assert settled.claim.patient_responsibility == min(left, 30 * DOLLAR)


@pytest.mark.parametrize(
    "year, valid", [(YEAR - 2, False), (YEAR - 1, True), (YEAR, True), (YEAR + 1, True), (YEAR + 2, False)]
)
def test_enrol__around_the_current_year__last_to_next(protocol: Protocol, year: int, valid: bool) -> None:
    if valid:
        protocol.enrol(protocol.late, year)
        assert standing(protocol, protocol.late, year) == Standing(plan_id=1)
    else:
        with reverts("BenefitYearOutOfReach", benefitYear=year, currentYear=YEAR):
            protocol.enrol(protocol.late, year)


def test_enrol__at_the_turn_of_the_year__by_the_blocks_year(protocol: Protocol) -> None:
    new_year = int(datetime(YEAR + 1, 1, 1, tzinfo=UTC).timestamp())
    protocol.evm.now = new_year - 1
    protocol.enrol(protocol.late, YEAR - 1)
    with reverts("BenefitYearOutOfReach", currentYear=YEAR):
        protocol.enrol(protocol.late, YEAR + 2)
    protocol.evm.now = new_year
    with reverts("BenefitYearOutOfReach", currentYear=YEAR + 1):
        protocol.enrol(protocol.stranger, YEAR - 1)
    protocol.enrol(protocol.late, YEAR + 2)


def test_enrol__last_year_there_is__is_out_of_reach(protocol: Protocol) -> None:
    with reverts("BenefitYearOutOfReach", benefitYear=2**16 - 1):
        protocol.enrol(protocol.late, 2**16 - 1)


def test_enrol__the_same_year_again__reverts_and_clears_nothing(protocol: Protocol) -> None:
    protocol.settle(protocol.row(protocol.patient, 1))
    before = standing(protocol, protocol.patient)
    with reverts("AlreadyEnrolled", member=protocol.patient, benefitYear=YEAR):
        protocol.enrol(protocol.patient)
    assert standing(protocol, protocol.patient) == before


# ---- resuming ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "late, error",
    [
        (-1, "AlreadyEnrolled"),
        (0, "ChangeTooRecent"),
        (MAX_BATCH_LIFE - 1, "ChangeTooRecent"),
        (MAX_BATCH_LIFE, None),
        (MAX_BATCH_LIFE + 1, None),
    ],
)
def test_enrol__after_coverage_has_ended__resumes_once_no_signed_batch_is_left(
    protocol: Protocol, late: int, error: str | None
) -> None:
    end(protocol, protocol.patient)
    protocol.evm.now = NOW + NOTICE + late
    if error is None:
        protocol.enrol(protocol.patient)
        assert standing(protocol, protocol.patient).coverage_ends_at == 0
        assert protocol.settle(protocol.row(protocol.patient, 1)).value == (1, 0, 0, 0)
    else:
        with reverts(error):
            protocol.enrol(protocol.patient)


def test_enrol__resumed__adds_its_opening_entries_to_what_is_there(protocol: Protocol) -> None:
    protocol.settle(protocol.row(protocol.patient, 1))
    end(protocol, protocol.patient)
    protocol.evm.now += NOTICE + MAX_BATCH_LIFE
    protocol.publish_plan(PLAN, CATEGORIES, plan=2)
    protocol.enrol(protocol.patient, plan=2, met=Accumulators(1, 2, 3))
    met = (100 * DOLLAR + 1, 110 * DOLLAR + 2, 40 * DOLLAR + 3)
    assert standing(protocol, protocol.patient) == Standing(met, plan_id=2)


def test_enrol__resumed__units_of_the_year_go_on_counting(protocol: Protocol) -> None:
    protocol.settle(protocol.row(protocol.patient, 1, THERAPY, units=3))
    end(protocol, protocol.patient)
    protocol.evm.now += NOTICE + MAX_BATCH_LIFE
    protocol.enrol(protocol.patient)
    receipt = protocol.settle(protocol.row(protocol.patient, 2, THERAPY, units=2))
    assert endings(receipt) == [(2, Outcome.DENIED, Reason.ANNUAL_UNITS_EXCEEDED)]


@pytest.mark.parametrize("before, after", [(0, 1), (1, 0), (1, 2)])
def test_enrol__resumed_in_another_family__reverts(protocol: Protocol, before: int, after: int) -> None:
    """A year's claims stay with the family that they were counted for, or no reversal could find them."""
    protocol.enrol(protocol.late, family=before)
    end(protocol, protocol.late)
    protocol.evm.now += NOTICE + MAX_BATCH_LIFE
    with reverts("FamilyUnchangeable", familyId=before):
        protocol.enrol(protocol.late, family=after)
    protocol.enrol(protocol.late, family=before)


@pytest.mark.parametrize("entry", ["deductible_met", "oop_met", "plan_paid"])
def test_enrol__resumed_with_more_than_there_may_be_together__reverts(protocol: Protocol, entry: str) -> None:
    protocol.enrol(protocol.late, met=Accumulators(**{entry: MAX_YEARLY_AMOUNT - 1}))
    end(protocol, protocol.late)
    protocol.evm.now += NOTICE + MAX_BATCH_LIFE
    for opening in (2, MAX_AMOUNT):
        with reverts("OpeningTooLarge", opening=opening, met=MAX_YEARLY_AMOUNT - 1):
            protocol.enrol(protocol.late, met=Accumulators(**{entry: opening}))
    protocol.enrol(protocol.late, met=Accumulators(**{entry: 1}))


def test_enrol__resumed_after_the_plan_has_paid_more_than_may_be_opened__goes_on(protocol: Protocol) -> None:
    """Claims may bring what a plan has paid above it: then a year can be resumed, with nothing opened."""
    much = MAX_YEARLY_AMOUNT + 2_000 * DOLLAR
    claim_of(protocol, much)
    end(protocol, protocol.patient)
    protocol.evm.now += NOTICE + MAX_BATCH_LIFE
    with reverts("OpeningTooLarge", opening=1):
        protocol.enrol(protocol.patient, met=Accumulators(plan_paid=1))
    protocol.enrol(protocol.patient)
    assert protocol.member(protocol.patient).plan_paid == much - 1_000 * DOLLAR


def claim_of(protocol: Protocol, amount: int) -> None:
    """Settle a claim of the patient's for so much: the patient pays the $1,000 of the maximum."""
    service = b"enormous"
    protocol.publish_fees({service: FeeTerms(amount=amount, category=SHARED)})
    protocol.fund_payer(protocol.payer_id, amount)
    assert protocol.settle(protocol.row(protocol.patient, 1, service, billed=amount)).value == (1, 0, 0, 0)


# ---- who and whom -----------------------------------------------------------------------------------------


def test_enrol__nobody__reverts(protocol: Protocol) -> None:
    with reverts("ZeroMember"):
        protocol.enrol(ZERO_ADDRESS)


def test_enrol__plan_never_published__reverts(protocol: Protocol) -> None:
    for plan in (0, 2, 2**16 - 1):
        with reverts("UnknownPlan", planId=plan):
            protocol.enrol(protocol.late, plan=plan)


def test_settle__enrolled_by_a_payer_that_the_patient_never_accepted__pends(protocol: Protocol) -> None:
    """Any insurer may enrol anybody; it binds nobody but itself."""
    stranger = protocol.second_payer()
    protocol.enrol(protocol.patient, payer_id=stranger)
    receipt = protocol.settle(protocol.row(protocol.patient, 1), payer_id=stranger)
    assert endings(receipt) == [(1, Outcome.PENDED, Reason.PAYER_NOT_ACCEPTED)]
    assert protocol.balance(protocol.patient) == PATIENT_FUNDS


def test_enrol__by_anybody_but_the_insurer__reverts(protocol: Protocol) -> None:
    for caller in (protocol.governor, protocol.provider, protocol.late, protocol.stranger):
        with reverts("OwnableUnauthorizedAccount", account=caller):
            protocol.enrol(protocol.late, insurer=caller)


# ---- ending coverage --------------------------------------------------------------------------------------


def end(protocol: Protocol, member: str, year: int = YEAR) -> tuple[object, ...]:
    return protocol.payer.send(protocol.insurer, "endCoverage", member, year).events


def test_end_coverage__enrolled__ends_after_notice(protocol: Protocol) -> None:
    events = end(protocol, protocol.patient)
    assert events == (CoverageEnded(protocol.payer_id, protocol.patient, YEAR, NOW + NOTICE),)
    assert standing(protocol, protocol.patient) == Standing(plan_id=1, coverage_ends_at=NOW + NOTICE)


@pytest.mark.parametrize("late, settles", [(-1, True), (0, False), (1, False)])
def test_settle__signed_around_the_end_of_coverage__until_that_second(
    protocol: Protocol, late: int, settles: bool
) -> None:
    end(protocol, protocol.patient)
    protocol.evm.now = NOW + NOTICE + HOUR // 2
    receipt = protocol.settle(protocol.row(protocol.patient, 1), signed_at=NOW + NOTICE + late)
    assert receipt.value[0] == settles
    assert settles or endings(receipt) == [(1, Outcome.PENDED, Reason.NOT_ENROLLED)]


def test_end_coverage__twice__reverts_and_keeps_the_first(protocol: Protocol) -> None:
    end(protocol, protocol.patient)
    protocol.evm.now += HOUR
    with reverts("CoverageAlreadyEnded", endsAt=NOW + NOTICE):
        end(protocol, protocol.patient)


def test_end_coverage__never_enrolled__reverts(protocol: Protocol) -> None:
    with reverts("NotEnrolled", member=protocol.late, benefitYear=YEAR):
        end(protocol, protocol.late)
    with reverts("NotEnrolled", member=protocol.patient, benefitYear=YEAR - 1):
        end(protocol, protocol.patient, YEAR - 1)


def test_end_coverage__one_year_of_one_member__leaves_the_others(protocol: Protocol) -> None:
    protocol.enrol(protocol.patient, YEAR + 1)
    end(protocol, protocol.patient)
    assert standing(protocol, protocol.patient, YEAR + 1).coverage_ends_at == 0
    assert standing(protocol, protocol.neighbour).coverage_ends_at == 0


def test_end_coverage__by_anybody_but_the_insurer__reverts(protocol: Protocol) -> None:
    for caller in (protocol.governor, protocol.provider, protocol.patient, protocol.stranger):
        with reverts("OwnableUnauthorizedAccount", account=caller):
            protocol.payer.send(caller, "endCoverage", protocol.patient, YEAR)
