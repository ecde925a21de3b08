"""Every share has its reason, built from the plan's own terms; wrong shares get none."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.priced_ledger import dollars, shared

from chainbill.billing.accumulators import UNTOUCHED, Accumulators, FamilyAccumulators
from chainbill.billing.adjudication import adjudicate
from chainbill.billing.terms import Category, CategoryTerms, FeeTerms, PlanTerms
from chainbill.statements.cost_sharing import UNEXPLAINED, Reasons, explain
from chainbill.statements.sharing import CostSharing, TermsApplied

PLAN = PlanTerms(deductible=dollars(250), oop_max=dollars(1000))
OFFICE = Category.OFFICE_VISIT.value


def priced(
    agreed: int,
    category: CategoryTerms,
    met: Accumulators = UNTOUCHED,
    plan: PlanTerms = PLAN,
    family: FamilyAccumulators | None = None,
) -> tuple[CostSharing, TermsApplied]:
    split = adjudicate(
        billed_amount=agreed,
        units=1,
        fee=FeeTerms(amount=agreed, category=OFFICE),
        category=category,
        plan=plan,
        met=met,
        family=family,
    )
    sharing = shared(split)
    return sharing, TermsApplied(plan, category, OFFICE, met, family)


def reasons(
    agreed: float, category: CategoryTerms, deductible: float = 0, oop: float = 0, plan: PlanTerms = PLAN
) -> Reasons:
    """Why, for an agreed price after so much was met of the deductible and the maximum, in dollars."""
    met = Accumulators(dollars(deductible), dollars(oop))
    return explain(*priced(dollars(agreed), category, met, plan))


COPAY = CategoryTerms(copay=dollars(25), deductible_applies=False)
COPAY_LAST = CategoryTerms(copay=dollars(25))
COPAY_FIRST = CategoryTerms(copay=dollars(25), copay_first=True)
SHARE = CategoryTerms(coinsurance_bps=2000)
BOTH = CategoryTerms(copay=dollars(25), coinsurance_bps=2000, coinsurance_after_copay=True)
NO_DEDUCTIBLE = PlanTerms(deductible=0, oop_max=dollars(1000))


@pytest.mark.parametrize(
    "told, expected",
    [
        (
            reasons(125, SHARE).deductible,
            "Your plan has a yearly deductible of $250.00; $125.00 of this service counted towards it.",
        ),
        (
            reasons(300, SHARE).deductible,
            "Your plan has a yearly deductible of $250.00; $250.00 of this service counted towards it. "
            "That meets it for the year.",
        ),
        (
            reasons(100, SHARE, 100, 960).deductible,
            "Your plan has a yearly deductible of $250.00; $40.00 of this service counted towards it. "
            "That would have been $100.00, but you had only $40.00 left to pay before your "
            "out-of-pocket maximum.",
        ),
        (reasons(100, SHARE, 250).deductible, "You had already met your yearly deductible of $250.00."),
        (reasons(100, COPAY).deductible, "Your plan's deductible does not apply to office visits."),
        (reasons(100, SHARE, plan=NO_DEDUCTIBLE).deductible, "Your plan has no yearly deductible."),
        (
            reasons(20, COPAY_FIRST).deductible,
            "Your copay was the whole agreed price, so nothing was left to count towards the deductible.",
        ),
        (
            reasons(100, SHARE, 100, 1000).deductible,
            "You had reached your out-of-pocket maximum, so no deductible was due.",
        ),
        (reasons(0, SHARE).deductible, "There was nothing to pay."),
        (reasons(80, COPAY).copay, "Your plan's copay for office visits is $25.00."),
        (
            reasons(18, COPAY).copay,
            "Your plan's copay for office visits is $25.00, but the agreed price is only $18.00, "
            "so you paid no more than that.",
        ),
        (
            reasons(260, COPAY_LAST).copay,
            "Your plan's copay for office visits is $25.00, but only $10.00 of the agreed price was left "
            "after the deductible.",
        ),
        (
            reasons(80, COPAY, 0, 990).copay,
            "Your plan's copay for office visits is $25.00. That would have been $25.00, but you "
            "had only $10.00 left to pay before your out-of-pocket maximum.",
        ),
        (
            reasons(80, COPAY_LAST).copay,
            "The deductible took the whole agreed price, so there was no copay.",
        ),
        (
            reasons(300, COPAY_LAST, 200, 950).copay,
            "With that you reached your out-of-pocket maximum, so no copay was due.",
        ),
        (reasons(80, SHARE).copay, "Your plan has no copay for office visits."),
        (reasons(80, SHARE, 250).coinsurance, "After the deductible you pay 20% of the agreed price."),
        (reasons(350, SHARE).coinsurance, "After the deductible you pay 20% of the $100.00 that is left."),
        (reasons(80, SHARE, plan=NO_DEDUCTIBLE).coinsurance, "You pay 20% of the agreed price."),
        (
            reasons(105, BOTH, 250).coinsurance,
            "After the deductible and the copay you pay 20% of the $80.00 that is left.",
        ),
        (
            reasons(0.33, CategoryTerms(coinsurance_bps=1250), 250).coinsurance,
            "After the deductible you pay 12.5% of the agreed price, rounded in steps of $0.01.",
        ),
        (
            reasons(80, CategoryTerms(copay=dollars(25), coinsurance_bps=2000), 250).coinsurance,
            "For office visits your plan charges the copay and no percentage of the price.",
        ),
        (reasons(80, COPAY).coinsurance, "Your plan charges no percentage of the price for office visits."),
        (reasons(80, SHARE).coinsurance, "Nothing of the agreed price was left to share with your plan."),
        (
            reasons(0.02, SHARE, 250).coinsurance,
            "Your percentage of the agreed price was too small to be charged.",
        ),
        (
            reasons(100, SHARE, 250, 995).coinsurance,
            "After the deductible you pay 20% of the agreed price. That would have been $20.00, but you "
            "had only $5.00 left to pay before your out-of-pocket maximum.",
        ),
        (
            reasons(80, SHARE, 250, 1000).limit,
            "You had reached your out-of-pocket maximum of $1,000.00, so the plan paid the rest.",
        ),
        (
            reasons(100, SHARE, 250, 995).limit,
            "With this service you reached your out-of-pocket maximum of $1,000.00, so the plan paid "
            "the rest.",
        ),
        (
            reasons(100, SHARE, 250, 980).limit,
            "With this service you reached your out-of-pocket maximum of $1,000.00.",
        ),
        (reasons(100, SHARE, 250, 0).limit, ""),
    ],
)
def test_explain__each_case__says_it_in_the_plans_terms(told: str, expected: str) -> None:
    assert told == expected


AMOUNT = st.integers(0, 60_000).map(lambda cents: cents * 10_000)


@st.composite
def priced_events(draw: st.DrawFn) -> tuple[CostSharing, TermsApplied]:
    category = CategoryTerms(
        deductible_applies=draw(st.booleans()),
        copay=draw(AMOUNT),
        copay_first=draw(st.booleans()),
        coinsurance_bps=draw(st.integers(0, 10_000)),
        coinsurance_after_copay=draw(st.booleans()),
    )
    plan = PlanTerms(deductible=draw(AMOUNT), oop_max=draw(AMOUNT))
    return priced(draw(AMOUNT), category, Accumulators(draw(AMOUNT), draw(AMOUNT)), plan)


@given(priced_events())
def test_explain__anything_priced_by_its_terms__has_a_reason(event: tuple[CostSharing, TermsApplied]) -> None:
    told = explain(*event)
    assert UNEXPLAINED not in (told.deductible, told.copay, told.coinsurance)
    assert told.deductible
    assert told.copay
    assert told.coinsurance


@given(priced_events(), st.integers(1, 10**9))
def test_explain__shares_moved_from_plan_to_patient__are_not_explained(
    event: tuple[CostSharing, TermsApplied], moved: int
) -> None:
    sharing, terms = event
    wrong = replace(sharing, copay=sharing.copay + moved, plan_paid=sharing.plan_paid - moved)
    assert explain(wrong, terms).copay == UNEXPLAINED


FAMILY_PLAN = PlanTerms(
    deductible=dollars(250),
    oop_max=dollars(1000),
    family_deductible=dollars(400),
    family_oop_max=dollars(1500),
    annual_maximum=dollars(2000),
)


def family_reasons(agreed: float, deductible: float, oop: float, plan_paid: float = 0) -> Reasons:
    """Why, for a member who has met nothing, after the family has met so much, in dollars."""
    met = Accumulators(0, 0, dollars(plan_paid))
    family = FamilyAccumulators(dollars(deductible), dollars(oop))
    return explain(*priced(dollars(agreed), SHARE, met, FAMILY_PLAN, family))


@pytest.mark.parametrize(
    "told, expected",
    [
        (
            family_reasons(100, 350, 350).deductible,
            "Your plan has a yearly deductible of $250.00; $50.00 of this service counted towards it. "
            "That meets your family's deductible of $400.00 for the year.",
        ),
        (
            family_reasons(100, 400, 400).deductible,
            "Your family had already met its yearly deductible of $400.00.",
        ),
        (
            family_reasons(100, 0, 0).deductible,
            "Your plan has a yearly deductible of $250.00; $100.00 of this service counted towards it.",
        ),
        (
            family_reasons(100, 400, 1490).limit,
            "With this service you reached your family's out-of-pocket maximum of $1,500.00, so the plan "
            "paid the rest.",
        ),
        (
            family_reasons(100, 400, 1500).coinsurance,
            "You had reached your family's out-of-pocket maximum, so no percentage of the price was due.",
        ),
        (
            family_reasons(100, 400, 400, 1990).outside_plan,
            "Your plan pays at most $2,000.00 a year for you, and $70.00 of this service was above that. It "
            "does not count towards your out-of-pocket maximum.",
        ),
        (
            family_reasons(100, 400, 1500, 1990).limit,
            "You had reached your family's out-of-pocket maximum of $1,500.00, so nothing more of it was due "
            "from you.",
        ),
        (family_reasons(100, 400, 400).outside_plan, ""),
    ],
)
def test_explain__family_and_yearly_maximum__are_named(told: str, expected: str) -> None:
    assert told == expected
