"""Money at the edges: text and decimals become exact micro-dollars, or are refused."""

import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chainbill.errors import AmountError
from chainbill.money import (
    CENT,
    DOLLAR,
    MAX_AMOUNT,
    cents_from_decimal,
    check_whole_cents,
    format_dollars,
    from_decimal,
    parse_cents,
    parse_count,
    parse_dollars,
    parse_percentage,
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
        ("88.5", 88_500_000),
        ("0085.00", 85 * DOLLAR),
        ("1,234.50", 1_234_500_000),
        ("12,345,678", 12_345_678 * DOLLAR),
        ("1micro", 1),
        ("5,000 micro", 5_000),
        ("18446744073709551615micro", MAX_AMOUNT),
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
        ("-$1,250.00", "negative"),
        ("\u22125", "negative"),
        ("0.0000001", "finer than a millionth"),
        ("18446744073710", "more than a contract can hold"),
        ("18446744073709551616micro", "more than a contract can hold"),
        ("9" * 5_000, "more than a contract can hold"),
        *(
            (text, "not an amount")
            for text in (
                "88,00",
                "1,23",
                "12,34,567.00",
                "1234,567",
                ",5",
                "5,",
                "1,234,5",
                "0,500",
                "1.234,50",
                "1e2",
                "1E400",
                "1_000",
                "+5",
                "5-",
                "--5",
                "$",
                "$ 5",
                "5$",
                "1 000",
                "1\u00a0000",
                "5.",
                ".5",
                "1.2.3",
                "0x10",
                "inf",
                "\u0661\u0662",
                "\uff15",
                "\u00b2",
                "5\n",
                "\u00a05",
                "1'000",
                "5 USD",
                "1.5micro",
                "$5micro",
                "micro",
            )
        ),
    ],
)
def test_parse_dollars__not_an_amount__is_refused(text: str, said: str) -> None:
    for read in (parse_dollars, parse_cents):
        with pytest.raises(AmountError, match=said) as refused:
            read(text)
        assert refused.value.hint or "contract" in said


@pytest.mark.parametrize(
    "text, hint",
    [
        ("88,00", "write 88.00"),
        ("$1234,5", "write 1234.50"),
        (",5", "write 0.50"),
        ("1234,567", "commas stand between thousands only"),
        ("1.005", "1005000micro"),
        ("0.005", "if you mean millionths of a dollar: 5000micro"),
    ],
)
def test_parse_dollars__written_otherwise__the_hint_says_how(text: str, hint: str) -> None:
    with pytest.raises(AmountError) as refused:
        parse_cents(text)
    assert hint in (refused.value.hint or "")


@given(st.integers(0, MAX_AMOUNT), st.booleans(), st.booleans(), st.sampled_from(["", " ", "\t"]))
def test_parse_dollars__any_amount_as_people_write_it__is_that_amount(
    amount: int, sign: bool, grouped: bool, blank: str
) -> None:
    dollars, rest = divmod(amount, DOLLAR)
    whole = f"{dollars:,}" if grouped else str(dollars)
    cents = f"{blank}{'$' if sign else ''}{whole}.{rest // CENT:02d}{blank}"
    assert parse_cents(cents) == amount - amount % CENT
    assert parse_dollars(f"{whole}.{rest:06d}") == amount
    assert parse_cents(f"{amount}micro") == amount


_ALPHABET = st.sampled_from(
    [*"0123456789.,$-+_eE '%", "micro", "\u0661", "\uff15", "\u00a0", "\n", "nan", "inf"]
)
_NEARLY = st.lists(_ALPHABET, max_size=12).map("".join)
_WHOLE = r"([0-9]+|[1-9][0-9]{0,2}(,[0-9]{3})+)"
_SHAPE = re.compile(rf"[ \t]*(\$?{_WHOLE}(\.[0-9]{{1,2}})?|{_WHOLE} ?micro)[ \t]*")


@given(st.one_of(_NEARLY, st.text(max_size=8)))
@example("88,00")
@example("1,234")
@example("0.00")
def test_parse_dollars__any_text__is_refused_or_prints_back_to_the_same_amount(text: str) -> None:
    try:
        amount = parse_cents(text)
    except AmountError:
        assert not _SHAPE.fullmatch(text), "an amount within range was refused"
        return
    assert _SHAPE.fullmatch(text), "something that is no amount was taken"
    assert parse_dollars(format_dollars(amount)) == amount
    assert parse_dollars(show_dollars(amount)) == amount
    digits = text.strip(" \t").removeprefix("$").replace(",", "")
    exact = Fraction(digits.removesuffix("micro").strip()) / (DOLLAR if "micro" in digits else 1)
    assert Fraction(amount, DOLLAR) == exact


@given(st.one_of(st.integers(0, 10**6).map(str), _NEARLY, st.text(max_size=5)))
def test_parse_count__any_text__is_digits_or_refused(text: str) -> None:
    try:
        number = parse_count(text, 0, 10**12)
    except AmountError:
        assert not re.fullmatch(r"[ \t]*[0-9]+[ \t]*", text) or int(text) > 10**12
        return
    assert re.fullmatch(r"[ \t]*[0-9]+[ \t]*", text)
    assert number == int(text)


@pytest.mark.parametrize(
    "text", ["1_0", "+1", "-1", "\u0661", "1.0", "1e1", "", "1,000", "0x1", "7", "101", "9" * 5_000]
)
def test_parse_count__not_a_number_of_the_range__is_refused(text: str) -> None:
    with pytest.raises(AmountError):
        parse_count(text, 8, 100)


@given(st.integers(0, 10_000))
def test_parse_percentage__any_basis_points__are_read_exactly(bps: int) -> None:
    assert parse_percentage(f"{bps // 100}.{bps % 100:02d}%") == bps
    assert parse_percentage(f"{bps / 100:g} %") == bps


@pytest.mark.parametrize(
    "text",
    [
        "20",
        "%",
        "-1%",
        "+1%",
        "100.01%",
        "101%",
        "0.001%",
        "1e1%",
        "1_0%",
        "\u0661%",
        "NaN%",
        "2,5%",
        ".5%",
        "5.%",
    ],
)
def test_parse_percentage__anything_else__is_refused(text: str) -> None:
    with pytest.raises(AmountError):
        parse_percentage(text)


def test_check_whole_cents__finer__is_refused() -> None:
    assert check_whole_cents("a limit", CENT) == CENT
    with pytest.raises(AmountError, match=r"a limit is in whole cents, not 0\.005000 dollars"):
        check_whole_cents("a limit", CENT // 2)


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
