"""`InsurerPayer.changePlan`: another plan within a benefit year, after notice; accumulators go on."""

from __future__ import annotations

import pytest
from tests.contracts.situations import endings
from tests.support.deployment import (
    CATEGORIES,
    HOUR,
    MAX_BATCH_LIFE,
    NOTICE,
    NOW,
    PLAN,
    YEAR,
    Protocol,
)
from tests.support.evm import reverts

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import PlanTerms
from chainbill.chain.format.events import ClaimSettled, PlanChanged
from chainbill.money import DOLLAR

RICHER = PlanTerms(deductible=120 * DOLLAR, oop_max=500 * DOLLAR)


@pytest.fixture(autouse=True)
def plans(protocol: Protocol) -> None:
    """Plans 2 and 3 beside the patients' plan 1."""
    protocol.publish_plan(RICHER, CATEGORIES, plan=2)
    protocol.publish_plan(PLAN, CATEGORIES, plan=3)


def change(protocol: Protocol, plan: int, member: str | None = None, caller: str | None = None) -> object:
    return protocol.payer.send(
        caller or protocol.insurer, "changePlan", member or protocol.patient, YEAR, plan
    ).events


def standing(protocol: Protocol) -> tuple[int, int, int]:
    """Plan, next plan, and from when on."""
    _, plan, next_plan, next_at, *_ = protocol.payer.read("memberYear", protocol.patient, YEAR)
    return plan, next_plan, next_at


def test_change_plan__enrolled__holds_after_notice(protocol: Protocol) -> None:
    events = change(protocol, 2)
    assert events == (PlanChanged(protocol.payer_id, protocol.patient, YEAR, 2, NOW + NOTICE),)
    assert standing(protocol) == (1, 2, NOW + NOTICE)


@pytest.mark.parametrize("late", [-1, 0, 1])
@pytest.mark.parametrize("plan", [1, 2])
def test_settle__signed_around_the_change__by_the_plan_in_force(
    protocol: Protocol, late: int, plan: int
) -> None:
    change(protocol, 2)
    protocol.evm.now = NOW + NOTICE + HOUR // 2
    receipt = protocol.settle(protocol.row(protocol.patient, 1), signed_at=NOW + NOTICE + late, plan_id=plan)
    if plan == (1 if late < 0 else 2):
        (settled,) = receipt.of(ClaimSettled)
        assert settled.claim.plan_id == plan
        assert settled.claim.deductible == (100 if plan == 1 else 120) * DOLLAR
    else:
        assert endings(receipt) == [(1, Outcome.PENDED, Reason.NOT_ENROLLED)]


def test_settle__after_the_change__accumulators_have_gone_on(protocol: Protocol) -> None:
    protocol.settle(protocol.row(protocol.patient, 1))
    change(protocol, 2)
    protocol.evm.now += NOTICE
    (settled,) = protocol.settle(protocol.row(protocol.patient, 2), plan_id=2).of(ClaimSettled)
    # $100 of the new plan's $120 were met under the old one; then 20 % of $130.
    assert (settled.claim.deductible, settled.claim.coinsurance) == (20 * DOLLAR, 26 * DOLLAR)
    assert protocol.member(protocol.patient) == Accumulators(120 * DOLLAR, 156 * DOLLAR, 144 * DOLLAR)


def test_change_plan__while_one_is_announced__replaces_it_and_starts_notice_anew(protocol: Protocol) -> None:
    change(protocol, 2)
    protocol.evm.now += HOUR
    change(protocol, 3)
    assert standing(protocol) == (1, 3, NOW + HOUR + NOTICE)
    protocol.evm.now = NOW + HOUR + NOTICE
    assert protocol.settle(protocol.row(protocol.patient, 1), plan_id=3).value == (1, 0, 0, 0)


def test_change_plan__back_to_the_present_one__calls_the_change_off(protocol: Protocol) -> None:
    change(protocol, 2)
    protocol.evm.now += NOTICE - 1
    assert change(protocol, 1) == (PlanChanged(1, protocol.patient, YEAR, 1, protocol.evm.now),)
    protocol.evm.now += 2
    assert protocol.settle(protocol.row(protocol.patient, 1)).value == (1, 0, 0, 0)


@pytest.mark.parametrize("late, allowed", [(0, False), (MAX_BATCH_LIFE - 1, False), (MAX_BATCH_LIFE, True)])
def test_change_plan__just_after_another__waits_as_long_as_a_batch_lives(
    protocol: Protocol, late: int, allowed: bool
) -> None:
    """Only one plan before the present is remembered: a batch signed under it may be on its way."""
    change(protocol, 2)
    changed_at = NOW + NOTICE
    protocol.evm.now = changed_at + late
    if allowed:
        change(protocol, 3)
        assert standing(protocol) == (2, 3, protocol.evm.now + NOTICE)
    else:
        with reverts("ChangeTooRecent", changedAt=changed_at, until=changed_at + MAX_BATCH_LIFE):
            change(protocol, 3)


def test_settle__batch_signed_before_the_change__settles_in_its_whole_life(protocol: Protocol) -> None:
    change(protocol, 2)
    protocol.evm.now = NOW + NOTICE - 1
    batch = protocol.batch(
        [protocol.section(protocol.row(protocol.patient, 1))], deadline=protocol.evm.now + MAX_BATCH_LIFE
    )
    protocol.evm.now = batch.deadline
    assert protocol.submit(batch).value == (1, 0, 0, 0)


def test_change_plan__to_the_plan_in_force__reverts(protocol: Protocol) -> None:
    with reverts("PlanUnchanged", planId=1):
        change(protocol, 1)
    change(protocol, 2)
    protocol.evm.now += NOTICE + MAX_BATCH_LIFE
    with reverts("PlanUnchanged", planId=2):
        change(protocol, 2)


def test_change_plan__never_published__reverts(protocol: Protocol) -> None:
    for plan in (0, 4, 2**16 - 1):
        with reverts("UnknownPlan", planId=plan):
            change(protocol, plan)


def test_change_plan__never_enrolled__reverts(protocol: Protocol) -> None:
    with reverts("NotEnrolled", member=protocol.late, benefitYear=YEAR):
        change(protocol, 2, member=protocol.late)


def test_change_plan__coverage_ended__reverts(protocol: Protocol) -> None:
    protocol.payer.send(protocol.insurer, "endCoverage", protocol.patient, YEAR)
    with reverts("CoverageAlreadyEnded", endsAt=NOW + NOTICE):
        change(protocol, 2)


def test_change_plan__in_a_family__keeps_the_family(protocol: Protocol) -> None:
    protocol.enrol(protocol.late, family=3)
    protocol.payer.send(protocol.insurer, "changePlan", protocol.late, YEAR, 2)
    protocol.evm.now += NOTICE + MAX_BATCH_LIFE
    protocol.payer.send(protocol.insurer, "changePlan", protocol.late, YEAR, 1)
    assert protocol.payer.read("memberYear", protocol.late, YEAR)[5] == 3


def test_enrol__resumed_after_a_change__starts_with_the_plan_named(protocol: Protocol) -> None:
    change(protocol, 2)
    protocol.evm.now += NOTICE
    protocol.payer.send(protocol.insurer, "endCoverage", protocol.patient, YEAR)
    protocol.evm.now += NOTICE + MAX_BATCH_LIFE
    protocol.enrol(protocol.patient, plan=3)
    assert standing(protocol) == (3, 0, 0)


def test_change_plan__by_anybody_but_the_insurer__reverts(protocol: Protocol) -> None:
    for caller in (protocol.governor, protocol.provider, protocol.patient, protocol.stranger):
        with reverts("OwnableUnauthorizedAccount", account=caller):
            change(protocol, 2, caller=caller)
