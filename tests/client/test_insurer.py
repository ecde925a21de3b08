"""``bill.insurer``: each verb by its standard name, amounts and parties as programs have them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.roles import PLAN
from tests.support.testbed import DAY, Testbed

import chainbill
from chainbill.billing.plan_file import PlanFile
from chainbill.billing.terms import Category, FeeTerms
from chainbill.client.connection import Chainbill
from chainbill.client.insurer import Insurer
from chainbill.errors import AmountError, LedgerError, StateError, TermsError
from chainbill.money import DOLLAR


@pytest.fixture(scope="module")
def bill(testbed: Testbed) -> Chainbill:
    """The devnet, for a program."""
    return Chainbill(testbed.session)


@pytest.fixture
def insurer(testbed: Testbed, bill: Chainbill) -> Insurer:
    """An insurer with 1,000 dollars, and no payer contract yet."""
    return bill.insurer(testbed.account(1_000).account)


def test_insurer__from_pool_to_members__each_verb_tells_what_changed(
    testbed: Testbed, insurer: Insurer
) -> None:
    clinic, member = testbed.provider(), testbed.account().address
    plans = [PlanFile.parse(PLAN.replace("plan = 1", f"plan = {number}")) for number in (1, 2)]
    assert insurer.deposit("500.00").balance == 500 * DOLLAR
    assert all(insurer.publish_plan(plan).changed for plan in plans)
    assert [plan.plan_id for plan in insurer.plans()] == [1, 2]
    assert insurer.accept_provider(clinic).changed is True
    assert [each.provider_id for each in insurer.accepted_providers()] == [clinic]
    enrolled = insurer.enrol(member, 1, family_id=3, deductible_met="10", plan_paid=Decimal("40.50"))
    assert (enrolled.standing.met.deductible_met, enrolled.standing.met.oop_met) == (10 * DOLLAR, 10 * DOLLAR)
    assert enrolled.standing.met.plan_paid == 40_500_000
    assert insurer.member(member).plan_id == 1
    assert insurer.change_plan(member, 2).changed is True
    assert insurer.end_coverage(member).changed is True
    assert insurer.end_provider_acceptance(clinic).changed is True
    assert insurer.request_withdrawal("100").changed is True
    assert insurer.cancel_withdrawal().changed is True
    insurer.request_withdrawal("100")
    testbed.wait(DAY)
    assert insurer.withdraw().amount == 100 * DOLLAR
    assert insurer.balance().balance == 400 * DOLLAR


def test_publish_fees__amounts_or_terms__are_the_catalogue_s_services(
    testbed: Testbed, insurer: Insurer
) -> None:
    terms = FeeTerms(amount=40 * DOLLAR, category=Category.LABORATORY, max_units=2, annual_units=4)
    insurer.publish_fees({"check-up-visit": "100.00", "lab-lipid-panel": terms})
    standing = insurer.fees()
    visit, panel = (standing[service].in_force for service in ("check-up-visit", "lab-lipid-panel"))
    assert visit is not None
    assert panel is not None
    assert (visit.terms.amount, visit.terms.max_units) == (100 * DOLLAR, 10)
    assert panel.terms == terms
    # Of a bare amount, units stay as they were published.
    insurer.publish_fees({"lab-lipid-panel": Decimal(45)})
    announced = insurer.fees()["lab-lipid-panel"].announced
    assert announced is not None
    assert announced.terms == terms.model_copy(update={"amount": 45 * DOLLAR})
    with pytest.raises(TermsError, match="moon-walk: the catalogue has no such service"):
        insurer.publish_fees({"moon-walk": "1.00"})


def test_insurer__with_nothing_charged__has_a_statement_and_nothing_to_collect(
    testbed: Testbed, bill: Chainbill
) -> None:
    actor, payer_id = testbed.insurer()
    insurer = bill.insurer(actor.account)
    assert insurer.payer_id == payer_id
    assert insurer.statement().counts.settled == 0
    assert list(insurer.disputes()) == []
    assert (insurer.collect().changed, insurer.collect().refund) == (False, 0)
    with pytest.raises(LedgerError):
        insurer.dispute("1:7")


def test_insurer__handed_over__is_the_other_s(testbed: Testbed, bill: Chainbill) -> None:
    (actor, payer_id), other = testbed.insurer(), bill.insurer(testbed.account().account)
    insurer = bill.insurer(actor.account)
    assert insurer.transfer_ownership(other.address).changed is True
    assert insurer.cancel_transfer().offered_to is None
    insurer.transfer_ownership(other.address)
    assert other.accept_ownership(payer_id).changed is True
    assert other.payer_id == payer_id


def test_insurer__to_read_only__makes_no_payer_contract(testbed: Testbed, bill: Chainbill) -> None:
    account = testbed.account()
    with pytest.raises(StateError, match="has no payer contract on this chain"):
        bill.insurer(account.account).balance()
    actor, payer_id = testbed.insurer()
    reader = bill.insurer(actor.address, payer_id=payer_id)
    assert reader.balance().payer_id == payer_id
    with pytest.raises(StateError, match=r"the key of .* is not here"):
        reader.request_withdrawal("1")


@pytest.mark.parametrize(
    "act",
    [
        lambda insurer, member: insurer.deposit(1.5),
        lambda insurer, member: insurer.request_withdrawal(1.5),
        lambda insurer, member: insurer.publish_fees({"check-up-visit": 1.5}),
        lambda insurer, member: insurer.enrol(member, 1, deductible_met=1.5),
        lambda insurer, member: insurer.enrol(member, 1, oop_met=1.5),
        lambda insurer, member: insurer.enrol(member, 1, plan_paid=1.5),
    ],
)
def test_insurer__amount_in_float__is_refused(testbed: Testbed, bill: Chainbill, act) -> None:
    insurer = bill.insurer(testbed.account().account, payer_id=1)
    with pytest.raises(AmountError, match="a float cannot hold every cent"):
        act(insurer, testbed.account().address)


def test_enrol_many__of_a_file_or_one_by_one__tells_of_each(
    testbed: Testbed, insurer: Insurer, tmp_path: Path
) -> None:
    insurer.publish_plan(PlanFile.parse(PLAN))
    first, second = (testbed.account().address for _ in range(2))
    file = tmp_path / "members.csv"
    file.write_text(f"patient,plan_paid\n{first},40.50\n{second},\n", encoding="utf-8")
    heard: list[int] = []
    done = insurer.enrol_many(chainbill.read_members(file, plan_id=1), on_enrolled=heard.append)
    assert (done.enrolled, sum(heard)) == (2, 2)
    assert insurer.member(first).met.plan_paid == 40_500_000
    again = insurer.enrol_many([chainbill.NewMember(first, 1), chainbill.NewMember(second, 1)])
    assert (again.changed, [each.transaction for each in again.members]) == (False, [None, None])
    with pytest.raises(AmountError, match="a float cannot hold every cent"):
        insurer.enrol_many([chainbill.NewMember(first, 1, plan_paid=0.5)])  # type: ignore[arg-type]
