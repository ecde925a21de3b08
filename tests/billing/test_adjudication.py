"""Worked examples of adjudication: each component, each order, each denial, in dollars one can check."""

from typing import Any

import pytest

from chainbill.billing.accumulators import UNTOUCHED, Accumulators
from chainbill.billing.adjudication import Adjudication, adjudicate, whole_units
from chainbill.billing.outcomes import CARC, Outcome, Reason
from chainbill.billing.terms import Category, CategoryTerms, FeeTerms, PlanTerms
from chainbill.errors import AmountError
from chainbill.money import MAX_AMOUNT, format_dollars, parse_dollars

COMPONENTS = ("allowed", "contractual_adjustment", "deductible", "copay", "coinsurance", "plan_paid")


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


def test_adjudicate__settled__moves_the_accumulators() -> None:
    terms: dict[str, Any] = {"coinsurance_bps": 2500, "coinsurance_after_copay": True}
    adjudication = event(deductible="100", met=("50", "60"), copay="30", **terms)
    assert adjudication.patient_responsibility == parse_dollars("97.50")
    assert adjudication.accumulators_after == Accumulators(parse_dollars("100"), parse_dollars("157.50"))


def test_adjudicate__billed_nothing__reports_the_fee_as_billed() -> None:
    assert event(billed="0", units=2).billed == parse_dollars("300")


FEE = FeeTerms(amount=150_000_000, category=Category.LABORATORY, max_units=3)
PLAN = PlanTerms(deductible=0, oop_max=0)
COVERED = CategoryTerms()
NOT_COVERED = CategoryTerms(covered=False)


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
    plan = PlanTerms(deductible=0, oop_max=MAX_AMOUNT, rounding_unit=1)
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
