"""An event without a plan: the patient owes the published price, and no more than was billed."""

import pytest

from chainbill.billing.outcomes import Outcome
from chainbill.billing.self_pay import price_self_pay
from chainbill.errors import AmountError
from chainbill.money import DOLLAR, MAX_AMOUNT


@pytest.mark.parametrize(
    "billed, units, owed, adjustment",
    [(0, 1, 90, 0), (0, 3, 270, 0), (90, 1, 90, 0), (120, 1, 90, 30), (70, 1, 70, 0), (70, 3, 70, 0)],
)
def test_self_pay__published_price__is_owed_outside_any_plan(
    billed: int, units: int, owed: int, adjustment: int
) -> None:
    ours = price_self_pay(billed_amount=billed * DOLLAR, units=units, cash_price=90 * DOLLAR)
    assert ours.outcome is Outcome.SETTLED
    assert (ours.allowed, ours.outside_plan, ours.patient_responsibility) == (owed * DOLLAR,) * 3
    assert ours.contractual_adjustment == adjustment * DOLLAR
    assert (ours.plan_paid, ours.out_of_pocket) == (0, 0)


@pytest.mark.parametrize("billed", [-1, MAX_AMOUNT + 1])
def test_self_pay__billed_beyond_uint64__is_refused(billed: int) -> None:
    with pytest.raises(AmountError):
        price_self_pay(billed_amount=billed, units=1, cash_price=DOLLAR)
