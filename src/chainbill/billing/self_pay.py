"""Self-pay: the patient owes the provider's published cash price, outside any plan (DESIGN 4)."""

from __future__ import annotations

from chainbill.billing.accumulators import UNTOUCHED
from chainbill.billing.adjudication import Adjudication
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.errors import AmountError
from chainbill.money import MAX_AMOUNT


def price_self_pay(*, billed_amount: int, units: int, cash_price: int) -> Adjudication:
    """Price one event without a plan.

    Args:
        billed_amount: micro-dollars for all units together; 0 bills the cash price.
        units: how many units were rendered.
        cash_price: the provider's for one unit, in micro-dollars.

    Raises:
        AmountError: ``billed_amount`` is not a ``uint64``.
    """
    if not 0 <= billed_amount <= MAX_AMOUNT:
        raise AmountError(f"{billed_amount} micro-dollars is not an amount a contract can hold")
    published = cash_price * units
    billed = billed_amount or published
    owed = min(billed, published)
    return Adjudication(
        outcome=Outcome.SETTLED,
        reason=Reason.NONE,
        billed=billed,
        allowed=owed,
        contractual_adjustment=billed - owed,
        deductible=0,
        copay=0,
        coinsurance=0,
        outside_plan=owed,
        plan_paid=0,
        accumulators_after=UNTOUCHED,
        family_after=None,
    )
