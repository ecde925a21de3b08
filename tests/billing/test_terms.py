"""Published terms that contradict themselves are refused before anyone signs them."""

from typing import Any

import pytest

from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms
from chainbill.errors import ArgumentError
from chainbill.money import MAX_AMOUNT


@pytest.mark.parametrize(
    "terms, fields",
    [
        (PlanTerms, {"deductible": 1, "oop_max": 0}),
        (PlanTerms, {"deductible": 0, "oop_max": 15_000}),
        (PlanTerms, {"deductible": 0, "oop_max": 0, "rounding_unit": 0}),
        (PlanTerms, {"deductible": 0, "oop_max": 0, "rounding_unit": 2**32}),
        (PlanTerms, {"deductible": -10_000, "oop_max": 0}),
        (PlanTerms, {"deductible": 0, "oop_max": 0, "family_deductible": 1}),
        (PlanTerms, {"deductible": 0, "oop_max": 0, "family_oop_max": 1}),
        (PlanTerms, {"deductible": 0, "oop_max": 0, "annual_maximum": 1}),
        (PlanTerms, {"deductible": 0, "oop_max": 0, "cob_mode": 2}),
        (CategoryTerms, {"coinsurance_bps": 10_001}),
        (CategoryTerms, {"copay": MAX_AMOUNT + 1}),
        (CategoryTerms, {"surprise": 1}),
        (FeeTerms, {"amount": 1, "category": 0}),
        (FeeTerms, {"amount": 1, "category": 1, "max_units": 0}),
        (FeeTerms, {"amount": 1, "category": 1, "annual_units": 2**16}),
        (FeeTerms, {"amount": MAX_AMOUNT, "category": 1, "max_units": 2}),
    ],
)
def test_terms__contradictory__are_refused(terms: type[Any], fields: dict[str, int]) -> None:
    with pytest.raises(ArgumentError):
        terms(**fields)


def test_fee_terms__largest_product__is_accepted() -> None:
    assert FeeTerms(amount=MAX_AMOUNT // 5, category=255, max_units=5).max_units == 5
