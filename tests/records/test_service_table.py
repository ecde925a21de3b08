"""Fee and price files in TOML, CSV and JSON: one rule for amounts and counts, in options too."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chainbill.billing.plan_file import PlanFile
from chainbill.billing.terms import Category, FeeTerms
from chainbill.cli.shell.parameters import DOLLARS, LIMIT, Count
from chainbill.errors import AmountError, TermsError
from chainbill.money import parse_cents
from chainbill.protocol_constants import MAX_YEARLY_AMOUNT
from chainbill.records.catalogue import Catalogue
from chainbill.records.fee_file import read_fees
from chainbill.records.price_file import read_prices

CATALOGUE = Catalogue.load()
SERVICE = "office-visit"
_TYPED = st.one_of(
    st.lists(
        st.sampled_from([*"0123456789.,$-+_eE '%\"", "micro", "٣", "\uff15", "\u00a0", "\t"]), max_size=9
    ).map("".join),
    st.integers(0, 10**12).map(str),
    st.decimals(0, 10**6, places=2).map(lambda amount: f"{amount:,}"),
)


def _csv(*rows: list[str]) -> str:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows(rows)
    return written.getvalue()


def _amounts(text: str) -> dict[str, int | None]:
    """What each format makes of an amount; None where it refuses."""
    with tempfile.TemporaryDirectory() as folder:

        def write(name: str, content: str) -> Path:
            path = Path(folder) / name
            path.write_text(content, encoding="utf-8", newline="")
            return path

        def fee(name: str, content: str) -> Callable[[], int]:
            return lambda: read_fees(write(name, content), CATALOGUE)[SERVICE].amount

        quoted = json.dumps(text)
        readers: dict[str, Callable[[], int]] = {
            "toml": fee("fees.toml", f"[fees]\n{SERVICE} = {quoted}\n"),
            "csv": fee("fees.csv", _csv(["service", "fee"], [SERVICE, text])),
            "json": fee("fees.json", json.dumps({"fees": {SERVICE: text}})),
            "prices": lambda: read_prices(
                write("prices.toml", f"[prices]\n{SERVICE} = {quoted}\n"), CATALOGUE
            )[SERVICE],
            "option": lambda: DOLLARS.convert(text, None, None),
            "plan": lambda: (
                PlanFile.parse(
                    f"plan = 1\ndeductible = {quoted}\nout_of_pocket_maximum = {quoted}\n"
                    f'rounding = "1micro"\n[pharmacy]\n'
                ).terms.deductible
            ),
        }
        found: dict[str, int | None] = {}
        for name, read in readers.items():
            try:
                found[name] = read()
            except (AmountError, TermsError, click.UsageError):
                found[name] = None
        return found


@given(_TYPED)
@example("88,00")
@example("1,234.50")
@example("٣")
@example("\u00a05")
@example("5000micro")
@example("1.500")
def test_amount__in_every_format__is_the_same_or_refused_by_all(text: str) -> None:
    found = _amounts(text)
    plan = found.pop("plan")
    assert len(set(found.values())) == 1, found
    (amount,) = set(found.values())
    # A plan that rounds to millionths may state them; what is an amount elsewhere is the same amount there.
    # What a member may owe in a year has a lower bound than any other amount.
    too_much = plan is None and amount is not None and amount > MAX_YEARLY_AMOUNT
    assert plan == amount or too_much or (amount is None and plan is not None and "." in text)


def test_fee_file__decimal_comma__is_refused_with_the_place_and_the_way_to_write_it(tmp_path: Path) -> None:
    path = tmp_path / "fees.toml"
    path.write_text(f'[fees]\n{SERVICE} = "88,00"\n')
    with pytest.raises(TermsError, match=rf"fees\.toml: {SERVICE}: '88,00' is not an amount") as refused:
        read_fees(path, CATALOGUE)
    assert "write 88.00" in (refused.value.hint or "")


def test_fee_file__csv_and_json__are_read_like_toml(tmp_path: Path) -> None:
    table, sheet = tmp_path / "fees.json", tmp_path / "fees.csv"
    table.write_text(json.dumps({"fees": {SERVICE: {"fee": "1,085.00", "max_units": 2, "annual_units": 4}}}))
    sheet.write_text(f'\ufeffservice,fee,annual_units,max_units\n{SERVICE},"$1,085.00",4,2\n\n', "utf-8")
    terms = FeeTerms(amount=1_085_000_000, category=Category.OFFICE_VISIT, max_units=2, annual_units=4)
    assert read_fees(table, CATALOGUE) == read_fees(sheet, CATALOGUE) == {SERVICE: terms}


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "the first line of a fee file in CSV names its columns: service,fee,max_units,annual_units"),
        ("fee,service\n1,office-visit", "names its columns"),
        ("service,fee,units\noffice-visit,1,2", "names its columns"),
        ("service,fee,fee\noffice-visit,1,2", "names its columns"),
        ("service,fee\n", "no fee stands in it"),
        ("service,fee\noffice-visit,1,250.00", "line 2 has 3 columns, not 2"),
        ("service,fee\noffice-visit,85\noffice-visit,86", "line 3: office-visit stands there twice"),
        ("service,fee,max_units\noffice-visit,85,1_0", "line 2: '1_0' is not a whole number"),
        ("service,fee,max_units\noffice-visit,85,٣", "line 2: '٣' is not a whole number"),
        ("service,fee\nmoon-walk,85", "moon-walk: the catalogue has no such service"),
        ('service,fee\noffice-visit,"85', "not a CSV file"),
    ],
)
def test_fee_file__csv_that_cannot_be__says_where(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "fees.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(TermsError) as refused:
        read_fees(path, CATALOGUE)
    assert message in str(refused.value)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    "content, message",
    [
        ("[fees]", "not a JSON file"),
        ("[]", "one table"),
        ('{"fees": {"office-visit": 85}}', "write the fee as"),
        ('{"fees": {"office-visit": "85", "office-visit": "86"}}', "office-visit stands there twice"),
    ],
)
def test_fee_file__json_that_cannot_be__says_where(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "fees.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(TermsError, match=message):
        read_fees(path, CATALOGUE)


def test_fee_file__units_that_no_line_names__stay_as_they_were_published(tmp_path: Path) -> None:
    path = tmp_path / "fees.toml"
    path.write_text(f'[fees]\n{SERVICE} = "88"\nlab-lipid-panel = {{ fee = "30", annual_units = 0 }}\n')
    before = FeeTerms(amount=85_000_000, category=Category.OFFICE_VISIT, max_units=2, annual_units=4)
    fees = read_fees(path, CATALOGUE, present=lambda _: before)
    assert (fees[SERVICE].max_units, fees[SERVICE].annual_units) == (2, 4)
    assert (fees["lab-lipid-panel"].max_units, fees["lab-lipid-panel"].annual_units) == (2, 0)
    assert read_fees(path, CATALOGUE, max_units=7, present=lambda _: before)[SERVICE].max_units == 7


# ---- options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["1_0", "+1", "٣", "1e1", " ", "0", "6"])
def test_count__not_digits_of_its_range__is_refused(text: str) -> None:
    with pytest.raises(click.UsageError):
        Count(1, 5).convert(text, None, None)


def test_count__digits__are_the_number() -> None:
    assert Count(1, 500).convert("120", None, None) == 120


def test_limit__finer_than_a_cent__is_refused_though_asked_for() -> None:
    assert DOLLARS.convert("5000micro", None, None) == 5_000
    with pytest.raises(click.UsageError, match="a limit is in whole cents"):
        LIMIT.convert("5000micro", None, None)


def test_option__decimal_comma__says_how_to_write_it() -> None:
    assert parse_cents("88.00") == 88_000_000
    with pytest.raises(click.UsageError, match=r"write 88\.00"):
        DOLLARS.convert("88,00", None, None)
