"""Worked examples of adjudication: each component, each order, each denial, in dollars one can check."""

from typing import Any

import pytest

from chainbill.billing.accumulators import UNTOUCHED, Accumulators, FamilyAccumulators
from chainbill.billing.adjudication import Adjudication, adjudicate, whole_units
from chainbill.billing.outcomes import CARC, Outcome, Reason
from chainbill.billing.terms import Category, CategoryTerms, FeeTerms, PlanTerms
from chainbill.errors import AmountError
from chainbill.money import CENT, DOLLAR, MAX_AMOUNT, format_dollars, parse_dollars
from chainbill.protocol_constants import MAX_YEARLY_AMOUNT

COMPONENTS = ("allowed", "contractual_adjustment", "deductible", "copay", "coinsurance", "plan_paid")
"""``outside_plan`` stands apart: it is 0 in every plan without an annual maximum."""


def event(
    billed: str = "200",
    fee: str = "150",
    units: int = 1,
    max_units: int = 4,
    deductible: str = "0",
    oop_max: str = "5000",
    met: tuple[str, str] = ("0", "0"),
    unit: int = 10_000,
    **category: Any,
) -> Adjudication:
    """Adjudicate one event whose amounts are written in dollars."""
    copay = parse_dollars(category.pop("copay", "0"))
    return adjudicate(
        billed_amount=parse_dollars(billed),
        units=units,
        fee=FeeTerms(amount=parse_dollars(fee), category=Category.OFFICE_VISIT, max_units=max_units),
        category=CategoryTerms(copay=copay, **category),
        plan=PlanTerms(
            deductible=parse_dollars(deductible), oop_max=parse_dollars(oop_max), rounding_unit=unit
        ),
        met=Accumulators(*map(parse_dollars, met)),
    )


def components(adjudication: Adjudication) -> list[str]:
    return [format_dollars(getattr(adjudication, name)) for name in COMPONENTS]


WORKED: dict[str, tuple[dict[str, Any], str]] = {
    # name: terms and event                                  allowed adjust deduct copay coins plan
    "the plan pays all": ({}, "150.00 50.00 0.00 0.00 0.00 150.00"),
    "billed below the fee": ({"billed": "120"}, "120.00 0.00 0.00 0.00 0.00 120.00"),
    "billed nothing bills the fee": ({"billed": "0"}, "150.00 0.00 0.00 0.00 0.00 150.00"),
    "three units": ({"units": 3, "billed": "500"}, "450.00 50.00 0.00 0.00 0.00 450.00"),
    "free of charge": ({"fee": "0"}, "0.00 200.00 0.00 0.00 0.00 0.00"),
    "all deductible": ({"deductible": "1000"}, "150.00 50.00 150.00 0.00 0.00 0.00"),
    "rest of the deductible": (
        {"deductible": "1000", "met": ("900", "900")},
        "150.00 50.00 100.00 0.00 0.00 50.00",
    ),
    "deductible met": ({"deductible": "1000", "met": ("1000", "1000")}, "150.00 50.00 0.00 0.00 0.00 150.00"),
    "deductible more than met elsewhere": (
        {"deductible": "1000", "met": ("1200", "1200")},
        "150.00 50.00 0.00 0.00 0.00 150.00",
    ),
    "deductible does not apply": (
        {"deductible": "1000", "deductible_applies": False},
        "150.00 50.00 0.00 0.00 0.00 150.00",
    ),
    "copay": ({"copay": "30"}, "150.00 50.00 0.00 30.00 0.00 120.00"),
    "copay above the charge": ({"copay": "30", "billed": "20"}, "20.00 0.00 0.00 20.00 0.00 0.00"),
    "coinsurance": ({"coinsurance_bps": 2000}, "150.00 50.00 0.00 0.00 30.00 120.00"),
    "all coinsurance": ({"coinsurance_bps": 10_000}, "150.00 50.00 0.00 0.00 150.00 0.00"),
    "copay instead of coinsurance": (
        {"copay": "30", "coinsurance_bps": 2000},
        "150.00 50.00 0.00 30.00 0.00 120.00",
    ),
    "coinsurance after copay": (
        {"copay": "30", "coinsurance_bps": 2000, "coinsurance_after_copay": True},
        "150.00 50.00 0.00 30.00 24.00 96.00",
    ),
    "deductible, then copay": (
        {"copay": "30", "deductible": "140"},
        "150.00 50.00 140.00 10.00 0.00 0.00",
    ),
    "copay first, then deductible": (
        {"copay": "30", "deductible": "140", "copay_first": True},
        "150.00 50.00 120.00 30.00 0.00 0.00",
    ),
    "all three in order": (
        {"copay": "30", "deductible": "50", "coinsurance_bps": 2500, "coinsurance_after_copay": True},
        "150.00 50.00 50.00 30.00 17.50 52.50",
    ),
    "a copay that has no room still replaces coinsurance": (
        {"copay": "30", "deductible": "150", "coinsurance_bps": 2000},
        "150.00 50.00 150.00 0.00 0.00 0.00",
    ),
    "out-of-pocket maximum cuts the deductible": (
        {"deductible": "1000", "oop_max": "5000", "met": ("0", "4960")},
        "150.00 50.00 40.00 0.00 0.00 110.00",
    ),
    "out-of-pocket maximum cuts the copay": (
        {"copay": "30", "met": ("0", "4990")},
        "150.00 50.00 0.00 10.00 0.00 140.00",
    ),
    "out-of-pocket maximum cuts the coinsurance": (
        {"coinsurance_bps": 5000, "met": ("0", "4990")},
        "150.00 50.00 0.00 0.00 10.00 140.00",
    ),
    "the deductible uses up the copay's room": (
        {"deductible": "100", "copay": "30", "met": ("0", "4890")},
        "150.00 50.00 100.00 10.00 0.00 40.00",
    ),
    "the copay uses up the deductible's room": (
        {"deductible": "100", "copay": "30", "copay_first": True, "met": ("0", "4890")},
        "150.00 50.00 80.00 30.00 0.00 40.00",
    ),
    "deductible and copay use up the coinsurance's room": (
        {
            "deductible": "50",
            "copay": "30",
            "coinsurance_bps": 5000,
            "coinsurance_after_copay": True,
            "met": ("0", "4910"),
        },
        "150.00 50.00 50.00 30.00 10.00 60.00",
    ),
    "out-of-pocket maximum passed elsewhere": (
        {"coinsurance_bps": 5000, "copay": "30", "deductible": "1000", "met": ("0", "6000")},
        "150.00 50.00 0.00 0.00 0.00 150.00",
    ),
    "out-of-pocket maximum of nothing": (
        {"oop_max": "0", "deductible": "1000", "copay": "30"},
        "150.00 50.00 0.00 0.00 0.00 150.00",
    ),
    "exactly half a cent is the plan's": (
        {"billed": "0.01", "coinsurance_bps": 5000},
        "0.01 0.00 0.00 0.00 0.00 0.01",
    ),
    "less than half a cent is the patient's": (
        {"billed": "0.01", "coinsurance_bps": 5001},
        "0.01 0.00 0.00 0.00 0.01 0.00",
    ),
    "an insurer's 75 % of 2.49": (
        {"billed": "2.49", "coinsurance_bps": 2500},
        "2.49 0.00 0.00 0.00 0.62 1.87",
    ),
    "whole dollars": (
        {"billed": "101", "coinsurance_bps": 5000, "unit": 1_000_000},
        "101.00 0.00 0.00 0.00 50.00 51.00",
    ),
    "an opening entry leaves a rest finer than the rounding unit": (
        # 0.006 is left: its plan part, 0.005999…, rounds up to 0.01 and is capped
        {"billed": "0.01", "deductible": "1", "met": ("0.996", "0.996"), "coinsurance_bps": 1},
        "0.01 0.00 0.004000 0.00 0.00 0.006000",
    ),
}


@pytest.mark.parametrize("name", WORKED)
def test_adjudicate__worked_example__splits_as_written(name: str) -> None:
    terms, expected = WORKED[name]
    adjudication = event(**terms)
    assert components(adjudication) == expected.split()
    assert (adjudication.outcome, adjudication.reason) == (Outcome.SETTLED, Reason.NONE)
    assert adjudication.outside_plan == 0


def test_adjudicate__settled__moves_the_accumulators() -> None:
    terms: dict[str, Any] = {"coinsurance_bps": 2500, "coinsurance_after_copay": True}
    adjudication = event(deductible="100", met=("50", "60"), copay="30", **terms)
    assert adjudication.patient_responsibility == parse_dollars("97.50")
    assert adjudication.accumulators_after == Accumulators(
        parse_dollars("100"), parse_dollars("157.50"), parse_dollars("52.50")
    )
    assert adjudication.family_after is None


def test_adjudicate__billed_nothing__reports_the_fee_as_billed() -> None:
    assert event(billed="0", units=2).billed == parse_dollars("300")


FEE = FeeTerms(amount=150_000_000, category=Category.LABORATORY, max_units=3)
PLAN = PlanTerms(deductible=0, oop_max=0)
COVERED = CategoryTerms()
NOT_COVERED = CategoryTerms(covered=False)
SHARED = CategoryTerms(coinsurance_bps=2000)
PLAN_WITHOUT_LIMITS = PlanTerms(deductible=0, oop_max=MAX_YEARLY_AMOUNT // CENT * CENT)


@pytest.mark.parametrize(
    "fee, units, category, reason",
    [
        (None, 1, COVERED, Reason.UNKNOWN_SERVICE),
        (FEE, 0, COVERED, Reason.UNITS_EXCEEDED),
        (FEE, 4, COVERED, Reason.UNITS_EXCEEDED),
        (FEE, 1, NOT_COVERED, Reason.NOT_COVERED),
        (FEE, 1, None, Reason.NOT_COVERED),
        # where several hold, the first of: unknown service, units, not covered
        (None, 0, None, Reason.UNKNOWN_SERVICE),
        (FEE, 0, None, Reason.UNITS_EXCEEDED),
    ],
)
@pytest.mark.parametrize("billed", [0, 125_000_000])
def test_adjudicate__denied__charges_nobody(
    fee: FeeTerms | None, units: int, category: CategoryTerms | None, reason: Reason, billed: int
) -> None:
    met = Accumulators(7, 9)
    adjudication = adjudicate(
        billed_amount=billed, units=units, fee=fee, category=category, plan=PLAN, met=met
    )
    assert (adjudication.outcome, adjudication.reason) == (Outcome.DENIED, reason)
    assert adjudication.reason in CARC
    assert adjudication.billed == billed
    assert [getattr(adjudication, name) for name in COMPONENTS] == [0] * len(COMPONENTS)
    assert adjudication.patient_responsibility == 0
    assert adjudication.accumulators_after == met


@pytest.mark.parametrize("billed", [-1, MAX_AMOUNT + 1])
def test_adjudicate__billed_beyond_uint64__is_refused(billed: int) -> None:
    with pytest.raises(AmountError):
        adjudicate(billed_amount=billed, units=1, fee=FEE, category=COVERED, plan=PLAN, met=UNTOUCHED)


def test_adjudicate__largest_amounts__stay_exact() -> None:
    fee = FeeTerms(amount=MAX_AMOUNT, category=1)
    # More than may be published: the arithmetic does not depend on that.
    plan = PlanTerms(deductible=0, oop_max=0, rounding_unit=1).model_copy(update={"oop_max": MAX_AMOUNT})
    terms = CategoryTerms(coinsurance_bps=1)
    adjudication = adjudicate(
        billed_amount=MAX_AMOUNT, units=1, fee=fee, category=terms, plan=plan, met=UNTOUCHED
    )
    assert adjudication.plan_paid == 18_444_899_399_302_180_660  # 9,999 ten-thousandths of 2^64 - 1, half up
    assert adjudication.patient_responsibility == MAX_AMOUNT - adjudication.plan_paid


def test_whole_units__whole__is_returned() -> None:
    assert whole_units(0, PLAN) == 0
    assert whole_units(1_250_000, PLAN) == 1_250_000


@pytest.mark.parametrize("amount", [1, 9_999, 10_001])
def test_whole_units__finer_than_the_plan_splits__is_refused(amount: int) -> None:
    with pytest.raises(AmountError, match=r"finer than the plan's rounding unit of \$0\.01"):
        whole_units(amount, PLAN)


# ---- annual plan maximum, annual units, family ------------------------------------------------------------

YEARLY = PlanTerms(deductible=100 * DOLLAR, oop_max=1_000 * DOLLAR, annual_maximum=500 * DOLLAR)


@pytest.mark.parametrize(
    "plan_paid_before, plan_paid, outside_plan",
    [
        ("0", "120", "0"),
        ("380", "120", "0"),  # the maximum exactly
        ("400", "100", "20"),
        ("500", "0", "120"),
        ("700", "0", "120"),  # more was carried in than this plan ever pays
    ],
)
def test_adjudicate__annual_maximum__rest_is_the_patients_and_not_out_of_pocket(
    plan_paid_before: str, plan_paid: str, outside_plan: str
) -> None:
    met = Accumulators(100 * DOLLAR, 200 * DOLLAR, parse_dollars(plan_paid_before))
    ours = adjudicate(
        billed_amount=0, units=1, fee=FEE, category=SHARED, plan=YEARLY, met=met
    )  # 20 % of $150
    assert (ours.coinsurance, ours.out_of_pocket) == (30 * DOLLAR, 30 * DOLLAR)
    assert (ours.plan_paid, ours.outside_plan) == (parse_dollars(plan_paid), parse_dollars(outside_plan))
    assert ours.patient_responsibility == 30 * DOLLAR + ours.outside_plan
    assert ours.accumulators_after == Accumulators(
        met.deductible_met, met.oop_met + 30 * DOLLAR, met.plan_paid + ours.plan_paid
    )


def test_adjudicate__annual_maximum_reached_with_the_oop_maximum__patient_still_pays_above() -> None:
    met = Accumulators(100 * DOLLAR, 1_000 * DOLLAR, 450 * DOLLAR)
    ours = adjudicate(billed_amount=0, units=1, fee=FEE, category=SHARED, plan=YEARLY, met=met)
    assert (ours.out_of_pocket, ours.plan_paid, ours.outside_plan) == (0, 50 * DOLLAR, 100 * DOLLAR)


@pytest.mark.parametrize(
    "annual_units, used, units, reason",
    [
        (0, 65_000, 3, Reason.NONE),  # no limit
        (5, 2, 3, Reason.NONE),
        (5, 3, 3, Reason.ANNUAL_UNITS_EXCEEDED),
        (5, 9, 1, Reason.ANNUAL_UNITS_EXCEEDED),  # the limit was lowered since
        (5, 3, 4, Reason.UNITS_EXCEEDED),  # too many at once comes first
    ],
)
def test_adjudicate__annual_units__deny_the_event_that_passes_them(
    annual_units: int, used: int, units: int, reason: Reason
) -> None:
    fee = FEE.model_copy(update={"annual_units": annual_units})
    ours = adjudicate(
        billed_amount=0, units=units, fee=fee, category=COVERED, plan=PLAN, met=UNTOUCHED, units_used=used
    )
    assert (ours.reason, ours.outcome) == (reason, reason.outcome)


FAMILY = PlanTerms(
    deductible=100 * DOLLAR,
    oop_max=300 * DOLLAR,
    family_deductible=150 * DOLLAR,
    family_oop_max=400 * DOLLAR,
)


@pytest.mark.parametrize(
    "met, family, deductible, coinsurance",
    [
        (("0", "0"), ("0", "0"), "100", "10"),  # the member's own limits come first
        (("0", "0"), ("100", "110"), "50", "20"),  # half the deductible is left to the family
        (("0", "0"), ("150", "200"), "0", "30"),
        (("100", "100"), ("100", "100"), "0", "30"),  # a member who met the own deductible has none left
        (("0", "0"), ("100", "395"), "5", "0"),  # the family's maximum cuts the deductible
        (("0", "0"), ("150", "390"), "0", "10"),
        (("0", "0"), ("900", "900"), "0", "0"),
    ],
)
def test_adjudicate__family__less_of_the_two_is_left(
    met: tuple[str, str], family: tuple[str, str], deductible: str, coinsurance: str
) -> None:
    together = FamilyAccumulators(*map(parse_dollars, family))
    ours = adjudicate(
        billed_amount=0,
        units=1,
        fee=FEE,
        category=SHARED,
        plan=FAMILY,
        met=Accumulators(*map(parse_dollars, met)),
        family=together,
    )
    assert (ours.deductible, ours.coinsurance) == (parse_dollars(deductible), parse_dollars(coinsurance))
    assert ours.family_after == FamilyAccumulators(
        together.deductible_met + ours.deductible, together.oop_met + ours.out_of_pocket
    )


def test_adjudicate__family_under_a_plan_without_family_limits__is_counted_and_limits_nothing() -> None:
    together = FamilyAccumulators(900 * DOLLAR, 900 * DOLLAR)
    plan = PlanTerms(deductible=100 * DOLLAR, oop_max=300 * DOLLAR)
    ours = adjudicate(
        billed_amount=0, units=1, fee=FEE, category=SHARED, plan=plan, met=UNTOUCHED, family=together
    )
    assert ours.deductible == 100 * DOLLAR
    assert ours.family_after == FamilyAccumulators(1_000 * DOLLAR, 1_010 * DOLLAR)


def test_adjudicate__member_without_a_family__family_limits_do_not_apply() -> None:
    ours = adjudicate(billed_amount=0, units=1, fee=FEE, category=SHARED, plan=FAMILY, met=UNTOUCHED)
    assert (ours.deductible, ours.family_after) == (100 * DOLLAR, None)


def test_adjudicate__as_secondary__prices_at_least_what_the_primary_allowed() -> None:
    priced = [
        adjudicate(
            billed_amount=120 * DOLLAR,
            units=1,
            fee=FEE,
            category=SHARED,
            plan=PLAN_WITHOUT_LIMITS,
            met=UNTOUCHED,
            allowed_at_least=least * DOLLAR,
        )
        for least in (0, 90, 200)
    ]
    assert [ours.allowed // DOLLAR for ours in priced] == [120, 120, 200]
    assert [ours.plan_paid // DOLLAR for ours in priced] == [96, 96, 160]
    assert [ours.contractual_adjustment for ours in priced] == [0, 0, 0]
