"""An insurer's members and the providers it pays."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from tests.support.roles import PLAN
from tests.support.testbed import DAY, Testbed

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.plan_file import PlanFile
from chainbill.errors import ArgumentError, StateError
from chainbill.money import DOLLAR
from chainbill.operations.actor import Actor
from chainbill.operations.insurer.acceptances import (
    Accepted,
    accept_provider,
    accepted_providers,
    end_provider_acceptance,
)
from chainbill.operations.insurer.members import change_plan, end_coverage, enrol, member_year
from chainbill.operations.insurer.plans import publish_plan

YEAR = 2024


@pytest.fixture(scope="module")
def payer(testbed: Testbed) -> tuple[Actor, int]:
    """An insurer with two plans."""
    insurer, payer_id = testbed.insurer()
    for number in (1, 2):
        publish_plan(insurer, payer_id, PlanFile.parse(PLAN.replace("plan = 1", f"plan = {number}")))
    return insurer, payer_id


@pytest.fixture
def member(testbed: Testbed) -> str:
    """A patient's address."""
    return testbed.account().address


# ---- enrolment ----------------------------------------------------------------------------------------


def test_enrol__with_what_was_met_elsewhere__opens_the_year_with_it_once(
    testbed: Testbed, payer: tuple[Actor, int], member: str
) -> None:
    met = Accumulators(deductible_met=10 * DOLLAR, oop_met=30 * DOLLAR, plan_paid=400 * DOLLAR)
    done = enrol(*payer, member, 1, family_id=7, **asdict(met))
    assert (done.changed, done.benefit_year, done.member) == (True, YEAR, member)
    assert (done.standing.met, done.standing.family_id, done.before.plan_id) == (met, 7, 0)
    assert done.effective_at == testbed.session.now()
    assert member_year(testbed.session, payer[1], member) == done.standing
    sent = testbed.sent_by(payer[0])
    again = enrol(*payer, member, 1)
    assert (again.changed, again.standing, again.effective_at) == (False, done.standing, None)
    assert testbed.sent_by(payer[0]) == sent


def test_enrol__less_paid_than_met__is_refused(payer: tuple[Actor, int], member: str) -> None:
    with pytest.raises(ArgumentError, match="what was paid to meet the deductible is paid out of pocket"):
        enrol(*payer, member, 1, deductible_met=2, oop_met=1)


@pytest.mark.parametrize("year, can_be", [(2022, False), (2023, True), (2025, True), (2026, False)])
def test_enrol__year__is_the_chain_s_or_a_neighbour(
    payer: tuple[Actor, int], member: str, year: int, can_be: bool
) -> None:
    if can_be:
        assert enrol(*payer, member, 1, year=year).benefit_year == year
        return
    with pytest.raises(ArgumentError, match="only 2023 to 2025 can be opened") as refused:
        enrol(*payer, member, 1, year=year)
    assert refused.value.argument == "year"


def test_enrol__no_such_plan__says_what_to_do(payer: tuple[Actor, int], member: str) -> None:
    for verb in (enrol, change_plan):
        with pytest.raises(StateError, match="has published no plan 9") as refused:
            verb(*payer, member, 9)
        assert refused.value.hint == "publish it: chainbill insurer plan FILE"


def test_enrol__under_another_plan_already__is_refused(payer: tuple[Actor, int], member: str) -> None:
    enrol(*payer, member, 1)
    with pytest.raises(StateError, match="is enrolled for 2024 under plan 1 already") as refused:
        enrol(*payer, member, 2)
    assert f"chainbill insurer change-plan {member} --plan 2" in str(refused.value.hint)


# ---- changes ------------------------------------------------------------------------------------------


def test_change_plan__to_another__is_announced_and_called_off_by_the_present_one(
    testbed: Testbed, payer: tuple[Actor, int], member: str
) -> None:
    enrol(*payer, member, 1)
    sent = testbed.sent_by(payer[0])
    assert change_plan(*payer, member, 1).changed is False
    assert testbed.sent_by(payer[0]) == sent
    done = change_plan(*payer, member, 2)
    assert (done.changed, done.effective_at) == (True, testbed.session.now() + DAY)
    assert (done.standing.plan_id, done.standing.next_plan_id, done.before.next_plan_id) == (1, 2, 0)
    again = change_plan(*payer, member, 2)
    assert (again.changed, again.effective_at) == (False, done.effective_at)
    off = change_plan(*payer, member, 1)
    assert (off.changed, off.standing.plan_at(testbed.session.now() + 2 * DAY)) == (True, 1)


def test_end_coverage__enrolled__ends_after_the_notice_and_is_resumed_by_enrolling(
    testbed: Testbed, payer: tuple[Actor, int], member: str
) -> None:
    met = Accumulators(deductible_met=10 * DOLLAR, oop_met=10 * DOLLAR)
    assert enrol(*payer, member, 1, deductible_met=10 * DOLLAR).standing.met == met
    done = end_coverage(*payer, member)
    ends = testbed.session.now() + DAY
    assert (done.changed, done.effective_at, done.standing.coverage_ends_at) == (True, ends, ends)
    again = end_coverage(*payer, member)
    assert (again.changed, again.effective_at) == (False, ends)
    assert enrol(*payer, member, 1).changed is False, "until it has ended it goes on"
    testbed.wait(DAY + 6 * 3_600)
    resumed = enrol(*payer, member, 1)
    assert (resumed.changed, resumed.standing.coverage_ends_at, resumed.standing.met) == (True, 0, met)


def test_change__of_one_who_is_not_enrolled__says_how_to(payer: tuple[Actor, int], member: str) -> None:
    for change in (lambda: change_plan(*payer, member, 1), lambda: end_coverage(*payer, member)):
        with pytest.raises(StateError, match="is not enrolled for 2024") as refused:
            change()
        assert f"chainbill insurer enrol {member}" in str(refused.value.hint)


# ---- providers ----------------------------------------------------------------------------------------


def test_accept_provider__and_ended__each_once(testbed: Testbed, payer: tuple[Actor, int]) -> None:
    clinic, session = testbed.provider(), testbed.session
    assert end_provider_acceptance(*payer, clinic).changed is False
    done = accept_provider(*payer, clinic)
    assert (done.changed, done.accepted, done.in_force) == (True, True, True)
    assert done.effective_at == session.now()
    again = accept_provider(*payer, clinic)
    assert (again.changed, again.transaction, again.in_force) == (False, None, True)
    assert Accepted(clinic, None) in accepted_providers(session, payer[1])

    ended = end_provider_acceptance(*payer, clinic)
    assert (ended.changed, ended.accepted, ended.in_force) == (True, False, True)
    assert ended.effective_at == session.now() + DAY
    assert Accepted(clinic, ended.effective_at) in accepted_providers(session, payer[1])
    assert end_provider_acceptance(*payer, clinic).in_force is True
    testbed.wait(DAY)
    over = end_provider_acceptance(*payer, clinic)
    assert (over.changed, over.in_force) == (False, False)
    assert clinic not in [each.provider_id for each in accepted_providers(session, payer[1])]
    testbed.wait(6 * 3_600)
    assert accept_provider(*payer, clinic).changed is True
