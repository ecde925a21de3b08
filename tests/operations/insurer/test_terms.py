"""What an insurer publishes: plans and fees."""

from __future__ import annotations

import pytest
from tests.support.roles import PLAN
from tests.support.testbed import DAY, Testbed

from chainbill.billing.plan_file import PlanFile
from chainbill.billing.terms import Category, FeeTerms
from chainbill.chain.contracts import InsurerPayer
from chainbill.errors import ChainError, TermsError
from chainbill.money import DOLLAR
from chainbill.operations.actor import Actor
from chainbill.operations.insurer.fees import newest_terms, publish_fees, standing_fees
from chainbill.operations.insurer.plans import publish_plan, standing_plans
from chainbill.records.service_id import LEAST_DECOYS

FIRST = PlanFile.parse(PLAN)
OTHERS = {
    "yearly terms": PlanFile.parse(PLAN.replace('"1000"', '"2000"')),
    "a category's terms": PlanFile.parse(PLAN.replace('copay = "25"', 'copay = "26"')),
    "one category more": PlanFile.parse(PLAN.replace("[office_visit]", "[laboratory]\n[office_visit]")),
}
FEES = {
    "check-up-visit": FeeTerms(amount=100 * DOLLAR, category=Category.OFFICE_VISIT, max_units=3),
    "lab-lipid-panel": FeeTerms(amount=40 * DOLLAR, category=Category.LABORATORY, annual_units=4),
}


@pytest.fixture
def payer(testbed: Testbed) -> tuple[Actor, int]:
    """An insurer and its payer contract."""
    return testbed.insurer()


# ---- plans --------------------------------------------------------------------------------------------


def test_publish_plan__first_version__holds_at_once_and_is_published_once(
    testbed: Testbed, payer: tuple[Actor, int]
) -> None:
    done = publish_plan(*payer, FIRST)
    assert (done.changed, done.plan_id, done.version) == (True, 1, 1)
    assert done.effective_at == testbed.session.now()
    sent = testbed.sent_by(payer[0])
    again = publish_plan(*payer, FIRST)
    assert (again.changed, again.version, again.effective_at) == (False, 1, done.effective_at)
    assert testbed.sent_by(payer[0]) == sent
    (plan,) = standing_plans(testbed.session, payer[1])
    assert (plan.version, plan.in_force, plan.terms) == (1, True, FIRST.terms)
    assert list(plan.categories) == [Category.OFFICE_VISIT]


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_publish_plan__changed__is_announced_and_one_at_a_time(
    testbed: Testbed, payer: tuple[Actor, int], other: PlanFile
) -> None:
    publish_plan(*payer, FIRST)
    done = publish_plan(*payer, other)
    assert (done.changed, done.version) == (True, 2)
    assert done.effective_at == testbed.session.now() + DAY
    assert publish_plan(*payer, other).changed is False
    first, second = standing_plans(testbed.session, payer[1])
    assert (first.version, first.in_force, second.version, second.in_force) == (1, True, 2, False)
    third = PlanFile.parse(PLAN.replace('"1000"', '"3000"'))
    with pytest.raises(TermsError, match="version 2 of plan 1 is announced for 2024-"):
        publish_plan(*payer, third)
    testbed.wait(DAY)
    assert publish_plan(*payer, third).version == 3


# ---- fees ---------------------------------------------------------------------------------------------


def test_publish_fees__first_ones__hold_at_once_beside_decoys(
    testbed: Testbed, payer: tuple[Actor, int]
) -> None:
    done = publish_fees(*payer, FEES)
    assert (done.changed, sorted(done.changes.changed), done.transactions) == (True, sorted(FEES), 1)
    assert set(done.holds.values()) == {done.effective_at} == {testbed.session.now()}
    schedule = testbed.session.schedules.load(payer[1])
    groups = [set(schedule.ids_of(service)) for service in FEES]
    logs = testbed.session.protocol.payer(payer[1]).logged("FeePublished")
    assert {log["serviceId"] for log in logs} == set.union(*groups)
    assert all(len(group) > LEAST_DECOYS for group in groups)


def test_publish_fees__already_so__sends_nothing(testbed: Testbed, payer: tuple[Actor, int]) -> None:
    publish_fees(*payer, FEES)
    sent = testbed.sent_by(payer[0])
    again = publish_fees(*payer, FEES)
    assert (again.changed, again.transaction, again.effective_at) == (False, None, None)
    assert sorted(again.changes.unchanged) == sorted(FEES)
    assert testbed.sent_by(payer[0]) == sent


def test_publish_fees__one_changed__is_announced_with_its_decoys_alone(
    testbed: Testbed, payer: tuple[Actor, int]
) -> None:
    publish_fees(*payer, FEES)
    session, payer_id = testbed.session, payer[1]
    schedule, client = session.schedules.load(payer_id), session.protocol.payer(payer_id)
    before = len(client.logged("FeePublished"))
    dearer = {"check-up-visit": FeeTerms(amount=110 * DOLLAR, category=Category.OFFICE_VISIT, max_units=3)}
    done = publish_fees(*payer, {**FEES, **dearer})
    assert list(done.changes.changed) == ["check-up-visit"]
    assert done.effective_at == session.now() + DAY
    later = {log["serviceId"] for log in client.logged("FeePublished")[before:]}
    assert later == set(schedule.ids_of("check-up-visit"))
    standing = standing_fees(session, payer_id)["check-up-visit"]
    assert standing.in_force is not None
    assert standing.announced is not None
    assert (standing.in_force.terms.amount, standing.announced.terms.amount) == (100 * DOLLAR, 110 * DOLLAR)
    assert newest_terms(session, payer_id)["check-up-visit"] == dearer["check-up-visit"]
    third = {"check-up-visit": FeeTerms(amount=120 * DOLLAR, category=Category.OFFICE_VISIT)}
    blocked = publish_fees(*payer, third)
    assert (blocked.changed, list(blocked.changes.announced)) == (False, ["check-up-visit"])


def test_publish_fees__cut_off_between_transactions__goes_on_with_the_same_decoys(
    testbed: Testbed, payer: tuple[Actor, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    many = {
        f"service-{number}": FeeTerms(amount=number * DOLLAR, category=Category.LABORATORY)
        for number in range(1, 60)
    }
    publish, calls = InsurerPayer.publish_fees, []

    def once(*arguments: object, **named: object) -> object:
        calls.append(1)
        if len(calls) > 1:
            raise ChainError("the node went away")
        return publish(*arguments, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(InsurerPayer, "publish_fees", once)
        with pytest.raises(ChainError, match="the node went away"):
            publish_fees(*payer, many)
    drawn = testbed.session.schedules.load(payer[1]).decoys
    done = publish_fees(*payer, many)
    assert len(done.changes.unchanged) + len(done.changes.changed) == len(many)
    schedule = testbed.session.schedules.load(payer[1])
    assert (schedule.decoys, list(schedule.services)) == (drawn, sorted(many))
    logs = testbed.session.protocol.payer(payer[1]).logged("FeePublished")
    wanted = sorted(each for service in drawn for each in schedule.ids_of(service))
    assert sorted(log["serviceId"] for log in logs) == wanted


def test_standing_fees__no_schedule_here__are_none(testbed: Testbed, payer: tuple[Actor, int]) -> None:
    assert standing_fees(testbed.session, payer[1]) == {}
    assert newest_terms(testbed.session, payer[1]) == {}
