"""Money as integers: micro-dollars, the smallest unit of a six-decimal dollar token.

Everything inside chainbill counts in ``int`` micro-dollars (1 dollar = 1,000,000). Text and
decimals appear only at the edges, through the functions here, and never through binary floats.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

from chainbill.errors import AmountError, quoted

DOLLAR = 1_000_000
"""Micro-dollars in one dollar."""

CENT = 10_000
"""Micro-dollars in one cent; the default rounding unit of a plan."""

MICRO_DECIMALS = 6
"""Digits after the point of an amount in millionths of a dollar, the finest there is."""

MAX_AMOUNT = 2**64 - 1
"""The largest amount a contract stores (``uint64``), in micro-dollars."""

_CENT_DECIMALS = 2
_WHOLE_BPS = 10_000

_GROUPED = r"[1-9][0-9]{0,2}(?:,[0-9]{3})+"
_DOLLARS = re.compile(rf"\$?({_GROUPED}|[0-9]+)(?:\.([0-9]+))?")
_MICRO = re.compile(rf"({_GROUPED}|[0-9]+) ?micro")
_DIGITS = re.compile(r"[0-9]+")
_PERCENTAGE = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))? ?%")
_NEGATIVE = re.compile(r"[-\u2212]\$?[0-9][0-9,.]*")
_COMMA_FOR_POINT = re.compile(r"\$?[0-9]*,[0-9]{1,2}")


def parse_dollars(text: str, *, decimals: int = MICRO_DECIMALS) -> int:
    """Read an amount of dollars as micro-dollars: the one reader of options, TOML, CSV and JSON alike.

    Dollars are digits 0 to 9 with a point before the cents, such as ``125``, ``125.50`` or ``$1,250.00``;
    commas stand between thousands and nowhere else. An amount finer than a cent is asked for in millionths of
    a dollar, too: ``5000micro`` is half a cent. Anything else is refused, since what it means is a guess:
    ``88,00`` is 88 dollars in one country, and 8,800 to a program that drops commas.

    Args:
        text: the amount; blanks around it do not count.
        decimals: the most digits after the point. What people type goes through ``parse_cents``.

    Raises:
        AmountError: not an amount, negative, finer than was asked for, or over ``MAX_AMOUNT``.
    """
    written = text.strip(" \t")
    micro = _MICRO.fullmatch(written)
    dollars = _DOLLARS.fullmatch(written)
    if micro is not None:
        return _bounded(text, micro[1].replace(",", ""), "")
    if dollars is None:
        raise _not_an_amount(text, written)
    fraction = dollars[2] or ""
    if len(fraction) > decimals:
        unit = "a millionth of a dollar" if decimals == MICRO_DECIMALS else f"{decimals} decimals"
        raise AmountError(f"{text.strip()} dollars is finer than {unit}", hint="write it like 125.50")
    return _bounded(text, dollars[1].replace(",", ""), fraction.ljust(MICRO_DECIMALS, "0"))


def parse_cents(text: str, what: str = "an amount") -> int:
    """Read what people type, in files and options, as ``parse_dollars`` does, with at most two decimals.

    ``1.500`` is refused with it: where a point stands between thousands it means 1,500. Whoever means less
    than a cent says so: ``5000micro``.

    Raises:
        AmountError: as ``parse_dollars``; ``what`` names the amount.
    """
    written = text.strip(" \t")
    dollars = _DOLLARS.fullmatch(written)
    fraction = dollars[2] or "" if dollars else ""
    if not _CENT_DECIMALS < len(fraction) <= MICRO_DECIMALS:
        return parse_dollars(text)
    raise AmountError(
        f"{what} is in whole cents, not {written}",
        hint="write two digits after the point; if you mean millionths of a dollar:"
        f" {parse_dollars(text)}micro",
    )


def parse_count(text: str, least: int = 0, most: int = MAX_AMOUNT) -> int:
    """Read a whole number: digits 0 to 9 and nothing else, no sign, comma, underscore or exponent.

    Raises:
        AmountError: not a number, or not from ``least`` to ``most``.
    """
    written = text.strip(" \t")
    if not _DIGITS.fullmatch(written):
        raise AmountError(
            f"{quoted(text)} is not a whole number", hint="write it in the digits 0 to 9, like 12"
        )
    digits = written.lstrip("0") or "0"
    # As text first: Python refuses to make a number of thousands of digits.
    if len(digits) > len(str(most)) or not least <= int(digits) <= most:
        raise AmountError(f"{text.strip()} is not from {least} to {most}")
    return int(digits)


def parse_percentage(text: str) -> int:
    """Read a percentage such as ``"20%"`` or ``"12.5%"`` as basis points (2000, 1250).

    Raises:
        AmountError: not digits with at most two decimals and a percent sign, or above 100 %.
    """
    found = _PERCENTAGE.fullmatch(text.strip(" \t"))
    bps = int(found[1] + (found[2] or "").ljust(2, "0")) if found else None
    if bps is None or bps > _WHOLE_BPS:
        raise AmountError(
            f"{quoted(text)} is not a percentage from 0% to 100%", hint="write it like 20% or 12.5%"
        )
    return bps


def check_whole_cents(what: str, amount: int) -> int:
    """``amount`` (micro-dollars), where the contracts or the records hold no more than whole cents of it.

    Raises:
        AmountError: it is finer; ``what`` names it.
    """
    if amount % CENT:
        raise AmountError(f"{what} is in whole cents, not {format_dollars(amount)} dollars")
    return amount


def _bounded(text: str, *digits: str) -> int:
    together = "".join(digits).lstrip("0") or "0"
    if len(together) > len(str(MAX_AMOUNT)) or int(together) > MAX_AMOUNT:
        raise AmountError(f"{text.strip()} dollars is more than a contract can hold")
    return int(together)


def _not_an_amount(text: str, written: str) -> AmountError:
    if _NEGATIVE.fullmatch(written):
        return AmountError(
            f"{written} dollars is negative", hint="an amount has no sign: write it like 125.50"
        )
    told = f"{quoted(text)} is not an amount of dollars"
    if _COMMA_FOR_POINT.fullmatch(written):
        meant = written.rpartition(",")
        return AmountError(
            told,
            hint=f"write {meant[0].removeprefix('$') or '0'}.{meant[2].ljust(2, '0')}: cents stand after a"
            " point, and commas between thousands only (1,234.50)",
        )
    if "," in written:
        return AmountError(told, hint="commas stand between thousands only, like 1,234.50")
    return AmountError(told, hint="write it in the digits 0 to 9, like 125.50 or 1,234.50")


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
