"""Amounts as programs give them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from chainbill.client.arguments import Converted
from chainbill.errors import AmountError, quoted
from chainbill.money import MAX_AMOUNT, parse_dollars

Amount = Annotated[str | Decimal | int, Converted]
"""Dollars as text (``"12.50"``) or ``Decimal``, or micro-dollars as ``int``. Never ``float``."""


def micro_dollars(amount: Amount) -> int:
    """An amount in micro-dollars.

    Raises:
        AmountError: a float or anything else that is no amount, negative, finer than a millionth of a dollar,
            or over ``MAX_AMOUNT``.
    """
    if isinstance(amount, bool) or not isinstance(amount, str | Decimal | int):
        raise AmountError(
            f"{quoted(amount)} is no amount: a {type(amount).__name__} cannot hold every cent",
            hint='give dollars as "12.50" or Decimal, or micro-dollars as int',
        )
    if isinstance(amount, int):
        if not 0 <= amount <= MAX_AMOUNT:
            raise AmountError(f"{amount} micro-dollars is not from 0 to {MAX_AMOUNT}")
        return amount
    if isinstance(amount, Decimal) and not amount.is_finite():
        raise AmountError(f"{amount} is no amount", hint="write it like 125.50")
    return parse_dollars(amount if isinstance(amount, str) else f"{amount.normalize():f}")
