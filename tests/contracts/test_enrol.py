"""`InsurerPayer.enrol` and `endCoverage`: a member's benefit year, opened once, ended with notice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.contracts.evm import reverts
from tests.contracts.protocol import DAY, HOUR, NOTICE, NOW, PLAN, YEAR, ZERO_ADDRESS, Protocol
from tests.contracts.situations import endings

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.events import ClaimSettled, CoverageEnded, Enrolled
from chainbill.money import DOLLAR, MAX_AMOUNT


def standing(protocol: Protocol, member: str, year: int = YEAR) -> tuple[int, ...]:
    """Deductible met, out-of-pocket met, plan, end of coverage."""
    return tuple(protocol.payer.read("memberYear", member, year))


# ---- enrolling --------------------------------------------------------------------------------------------


def test_enrol__with_opening_entries__opens_the_year_with_them(protocol: Protocol) -> None:
    receipt = protocol.enrol(protocol.late, met=Accumulators(30 * DOLLAR, 40 * DOLLAR))
    assert receipt.events == (Enrolled(protocol.payer_id, protocol.late, YEAR, 1, 30 * DOLLAR, 40 * DOLLAR),)
    assert standing(protocol, protocol.late) == (30 * DOLLAR, 40 * DOLLAR, 1, 0)


def test_settle__opening_entries__count_towards_the_deductible(protocol: Protocol) -> None:
    protocol.enrol(protocol.patient, YEAR - 1, met=Accumulators(70 * DOLLAR, 70 * DOLLAR))
    receipt = protocol.settle(protocol.row(protocol.patient, 1, benefit_year=YEAR - 1))
    (settled,) = receipt.of(ClaimSettled)
    # $30 of the deductible is left; then 20 % of $120
    assert (settled.claim.deductible, settled.claim.coinsurance) == (30 * DOLLAR, 24 * DOLLAR)
    assert protocol.member(protocol.patient, YEAR - 1) == Accumulators(100 * DOLLAR, 124 * DOLLAR)


@pytest.mark.parametrize("met", [(MAX_AMOUNT, MAX_AMOUNT), (0, MAX_AMOUNT), (MAX_AMOUNT, 0)])
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
        assert standing(protocol, protocol.late, year) == (0, 0, 1, 0)
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
    protocol.payer.send(protocol.insurer, "endCoverage", protocol.patient, YEAR)
    protocol.evm.now += 2 * DAY
    with reverts("AlreadyEnrolled"):
        protocol.enrol(protocol.patient)
    assert standing(protocol, protocol.patient)[:3] == before[:3]


def test_enrol__nobody__reverts(protocol: Protocol) -> None:
    with reverts("ZeroMember"):
        protocol.enrol(ZERO_ADDRESS)


def test_enrol__plan_never_published__reverts(protocol: Protocol) -> None:
    for plan in (0, 2, 2**16 - 1):
        with reverts("UnknownPlan", planId=plan):
            protocol.enrol(protocol.late, plan=plan)


def test_enrol__by_anybody_but_the_insurer__reverts(protocol: Protocol) -> None:
    for caller in (protocol.governor, protocol.provider, protocol.late, protocol.stranger):
        with reverts("OwnableUnauthorizedAccount", account=caller):
            protocol.payer.send(caller, "enrol", protocol.late, YEAR, 1, 0, 0)


# ---- ending coverage --------------------------------------------------------------------------------------


def end(protocol: Protocol, member: str, year: int = YEAR) -> tuple[object, ...]:
    return protocol.payer.send(protocol.insurer, "endCoverage", member, year).events


def test_end_coverage__enrolled__ends_after_notice(protocol: Protocol) -> None:
    events = end(protocol, protocol.patient)
    assert events == (CoverageEnded(protocol.payer_id, protocol.patient, YEAR, NOW + NOTICE),)
    assert standing(protocol, protocol.patient) == (0, 0, 1, NOW + NOTICE)


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
    assert standing(protocol, protocol.patient, YEAR + 1)[3] == 0
    assert standing(protocol, protocol.neighbour)[3] == 0


def test_end_coverage__by_anybody_but_the_insurer__reverts(protocol: Protocol) -> None:
    for caller in (protocol.governor, protocol.provider, protocol.patient, protocol.stranger):
        with reverts("OwnableUnauthorizedAccount", account=caller):
            protocol.payer.send(caller, "endCoverage", protocol.patient, YEAR)
