"""Money at the edges: text and decimals become exact micro-dollars, or are refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainbill.errors import AmountError
from chainbill.money import (
    CENT,
    DOLLAR,
    MAX_AMOUNT,
    cents_from_decimal,
    format_dollars,
    from_decimal,
    parse_dollars,
    show_dollars,
    to_decimal,
)


@pytest.mark.parametrize(
    "text, amount",
    [
        ("0", 0),
        ("125", 125 * DOLLAR),
        ("125.50", 125_500_000),
        (" $1,250.00 ", 1_250 * DOLLAR),
        ("0.000001", 1),
        ("1e2", 100 * DOLLAR),
        ("18446744073709", 18_446_744_073_709 * DOLLAR),
    ],
)
def test_parse_dollars__an_amount__is_exact(text: str, amount: int) -> None:
    assert parse_dollars(text) == amount


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "not an amount"),
        ("twelve", "not an amount"),
        ("NaN", "not an amount"),
        ("Infinity", "not an amount"),
        ("-1", "negative"),
        ("0.0000001", "finer than a millionth"),
        ("18446744073710", "more than a contract can hold"),
        ("1e400", "more than a contract can hold"),
    ],
)
def test_parse_dollars__not_an_amount__is_refused(text: str, said: str) -> None:
    with pytest.raises(AmountError, match=said):
        parse_dollars(text)


@pytest.mark.parametrize(
    "dollars, cents",
    [
        ("129.16000000000003", 12_916),
        ("2163.712", 216_371),
        ("0.004999", 0),
        ("0.005", 1),
        ("0.015", 2),
        ("0.025", 3),
    ],
)
def test_cents_from_decimal__float_noise__rounds_half_up(dollars: str, cents: int) -> None:
    assert cents_from_decimal(Decimal(dollars)) == cents * CENT


@pytest.mark.parametrize("dollars", ["NaN", "-Infinity", "-0.01", "1e30", "-1e30"])
def test_cents_from_decimal__not_an_amount__is_refused(dollars: str) -> None:
    with pytest.raises(AmountError):
        cents_from_decimal(Decimal(dollars))


@pytest.mark.parametrize(
    "amount, plain, shown",
    [
        (0, "0.00", "$0.00"),
        (1, "0.000001", "$0.000001"),
        (1_250 * DOLLAR, "1250.00", "$1,250.00"),
        (125_500_000, "125.50", "$125.50"),
        (-125_500_000, "-125.50", "-$125.50"),
        (-1_234_567_890, "-1234.567890", "-$1,234.567890"),
        (MAX_AMOUNT, "18446744073709.551615", "$18,446,744,073,709.551615"),
    ],
)
def test_format_dollars__any_amount__reads_as_dollars(amount: int, plain: str, shown: str) -> None:
    assert format_dollars(amount) == plain
    assert show_dollars(amount) == shown


@given(st.integers(0, 18_446_744_073_709 * DOLLAR))
def test_money__written_and_read__is_unchanged(amount: int) -> None:
    assert parse_dollars(format_dollars(amount)) == amount
    assert parse_dollars(show_dollars(amount)) == amount
    assert from_decimal(to_decimal(amount)) == amount
