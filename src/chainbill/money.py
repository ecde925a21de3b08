"""Money as integers: micro-dollars, the smallest unit of a six-decimal dollar token.

Everything inside chainbill counts in ``int`` micro-dollars (1 dollar = 1,000,000). Text and
decimals appear only at the edges, through the functions here, and never through binary floats.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from chainbill.errors import AmountError

DOLLAR = 1_000_000
"""Micro-dollars in one dollar."""

CENT = 10_000
"""Micro-dollars in one cent; the default rounding unit of a plan."""

MAX_AMOUNT = 2**64 - 1
"""The largest amount a contract stores (``uint64``), in micro-dollars."""


def parse_dollars(text: str) -> int:
    """Read a dollar amount such as ``"125"``, ``"125.50"`` or ``"$1,250.00"`` as micro-dollars.

    Raises:
        AmountError: not a number, negative, finer than a micro-dollar, or over ``MAX_AMOUNT``.
    """
    cleaned = text.strip().removeprefix("$").replace(",", "").replace("_", "")
    try:
        value = Decimal(cleaned)
    except InvalidOperation:
        raise AmountError(f"{text!r} is not an amount of dollars", hint="write it like 125.50") from None
    return from_decimal(value)


def from_decimal(dollars: Decimal) -> int:
    """Convert an exact number of dollars to micro-dollars.

    Raises:
        AmountError: not finite, negative, finer than a micro-dollar, or over ``MAX_AMOUNT``.
    """
    if not dollars.is_finite():
        raise AmountError(f"{dollars} is not an amount of dollars")
    if dollars < 0:
        raise AmountError(f"{dollars} dollars is negative")
    if dollars > MAX_AMOUNT // DOLLAR:
        raise AmountError(f"{dollars} dollars is more than a contract can hold")
    micro = dollars * DOLLAR
    if micro != micro.to_integral_value():
        raise AmountError(f"{dollars} dollars is finer than a millionth of a dollar")
    return int(micro)


def cents_from_decimal(dollars: Decimal) -> int:
    """Round dollars half up to whole cents, in micro-dollars.

    Source systems export prices that went through binary floats (``129.16000000000003``); the
    price that was meant is the nearest cent.
    """
    if not dollars.is_finite():
        raise AmountError(f"{dollars} is not an amount of dollars")
    # Not abs(): it rounds to the context's precision and overflows on absurd exponents.
    if dollars.copy_abs() > MAX_AMOUNT // DOLLAR:
        raise AmountError(f"{dollars} dollars is more than a contract can hold")
    return from_decimal(dollars.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))


def to_decimal(amount: int) -> Decimal:
    """Micro-dollars as an exact decimal number of dollars."""
    return Decimal(amount).scaleb(-6)


def format_dollars(amount: int) -> str:
    """Micro-dollars as a plain decimal string: two decimals, six where the amount is finer than a cent."""
    sign = "-" if amount < 0 else ""
    dollars, micro = divmod(abs(amount), DOLLAR)
    if micro % CENT == 0:
        return f"{sign}{dollars}.{micro // CENT:02d}"
    return f"{sign}{dollars}.{micro:06d}"


def show_dollars(amount: int) -> str:
    """Micro-dollars as a person reads them: ``$1,250.00``."""
    sign = "-" if amount < 0 else ""
    whole, _, fraction = format_dollars(abs(amount)).partition(".")
    return f"{sign}${int(whole):,}.{fraction}"
