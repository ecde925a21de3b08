"""Two payers, in cents one can check: who pays what, and what each counts."""

import pytest

from chainbill.billing.accumulators import UNTOUCHED, Accumulators
from chainbill.billing.adjudication import Adjudication, adjudicate
from chainbill.billing.coordination import Coordination, coordinate
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import CategoryTerms, CobMode, FeeTerms, PlanTerms
from chainbill.money import DOLLAR, format_dollars, parse_dollars

NO_LIMITS = PlanTerms(deductible=0, oop_max=5_000 * DOLLAR)


def price(
    fee: str,
    category: CategoryTerms,
    *,
    billed: str = "200",
    plan: PlanTerms = NO_LIMITS,
    met: Accumulators = UNTOUCHED,
    least: int = 0,
) -> Adjudication:
    return adjudicate(
        billed_amount=parse_dollars(billed),
        units=1,
        fee=FeeTerms(amount=parse_dollars(fee), category=1),
        category=category,
        plan=plan,
        met=met,
        allowed_at_least=least,
    )


def coinsurance(percent: int) -> CategoryTerms:
    return CategoryTerms(coinsurance_bps=percent * 100)


def two_payers(
    first: tuple[str, CategoryTerms], second: tuple[str, CategoryTerms], mode: CobMode
) -> Coordination:
    primary = price(*first)
    return coordinate(primary, price(*second, least=primary.allowed), mode)


STANDARD, CARVE_OUT = CobMode.STANDARD, CobMode.CARVE_OUT


@pytest.mark.parametrize(
    "first, second, mode, expected",
    [
        # fee and patient's percentage of each                       primary secondary patient
        (("100", 20), ("100", 20), STANDARD, "80.00 20.00 0.00"),  # own benefit 80, but only 20 is left
        (("100", 20), ("100", 20), CARVE_OUT, "80.00 0.00 20.00"),  # its 80 were paid already
        (("100", 50), ("100", 20), STANDARD, "50.00 50.00 0.00"),
        (("100", 50), ("100", 20), CARVE_OUT, "50.00 30.00 20.00"),  # 80 less 50
        (("100", 50), ("100", 90), STANDARD, "50.00 10.00 40.00"),
        (("100", 50), ("100", 90), CARVE_OUT, "50.00 0.00 50.00"),
        (("80", 50), ("120", 50), STANDARD, "40.00 40.00 0.00"),  # own benefit 60: the secondary allows 120
        (("80", 50), ("120", 50), CARVE_OUT, "40.00 20.00 20.00"),
        (("120", 50), ("80", 50), STANDARD, "60.00 60.00 0.00"),  # the primary allows more than the secondary
        (("120", 50), ("80", 50), CARVE_OUT, "60.00 0.00 60.00"),
        (("10.05", 20), ("10.05", 0), STANDARD, "8.04 2.01 0.00"),
        (("10.05", 20), ("10.05", 15), CARVE_OUT, "8.04 0.50 1.51"),  # own benefit 8.5425, so 8.54
    ],
)
def test_coordinate__worked_example__pays_as_written(
    first: tuple[str, int], second: tuple[str, int], mode: CobMode, expected: str
) -> None:
    joined = two_payers((first[0], coinsurance(first[1])), (second[0], coinsurance(second[1])), mode).claim
    paid = (joined.plan_paid, joined.secondary_paid, joined.patient_responsibility)
    assert [format_dollars(amount) for amount in paid] == expected.split()
    assert joined.allowed == parse_dollars(first[0])


def test_coordinate__claim__keeps_the_primarys_parts_and_counts() -> None:
    terms = CategoryTerms(copay=10 * DOLLAR, coinsurance_bps=2000, coinsurance_after_copay=True)
    plan = PlanTerms(deductible=50 * DOLLAR, oop_max=1_000 * DOLLAR)
    primary = price("150", terms, plan=plan)
    secondary = price("100", coinsurance(10), plan=NO_LIMITS, least=primary.allowed)
    joined = coordinate(primary, secondary, STANDARD)
    assert (joined.claim.deductible, joined.claim.copay, joined.claim.coinsurance) == (
        50 * DOLLAR,
        10 * DOLLAR,
        18 * DOLLAR,
    )
    assert joined.claim.secondary_paid == 78 * DOLLAR
    assert joined.claim.accumulators_after == primary.accumulators_after
    assert joined.claim.accumulators_after.oop_met == 78 * DOLLAR
    # Alone it would have paid 90 % of the larger allowed amount, and that is what it counts.
    assert joined.secondary == secondary
    assert secondary.accumulators_after == Accumulators(0, 15 * DOLLAR, 135 * DOLLAR)


def test_coordinate__part_above_the_primarys_annual_maximum__may_be_the_secondarys() -> None:
    plan = NO_LIMITS.model_copy(update={"annual_maximum": 30 * DOLLAR})
    primary = price("100", coinsurance(20), plan=plan)
    assert primary.outside_plan == 50 * DOLLAR
    joined = coordinate(primary, price("100", coinsurance(40)), STANDARD)
    assert joined.claim.secondary_paid == 60 * DOLLAR
    assert joined.claim.patient_responsibility == 10 * DOLLAR


@pytest.mark.parametrize("mode", list(CobMode))
def test_coordinate__primary_denies__nobody_pays(mode: CobMode) -> None:
    primary = price("100", CategoryTerms(covered=False))
    joined = coordinate(primary, price("100", coinsurance(20)), mode)
    assert (joined.claim, joined.secondary) == (primary, None)
    assert (joined.claim.outcome, joined.claim.reason) == (Outcome.DENIED, Reason.NOT_COVERED)


@pytest.mark.parametrize("mode", list(CobMode))
def test_coordinate__secondary_denies__pays_and_counts_nothing(mode: CobMode) -> None:
    primary = price("100", coinsurance(20))
    joined = coordinate(primary, price("100", CategoryTerms(covered=False)), mode)
    assert (joined.claim, joined.secondary) == (primary, None)
    assert joined.claim.patient_responsibility == 20 * DOLLAR
