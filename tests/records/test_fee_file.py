"""Fee files: what an insurer allows for each service."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainbill.billing.terms import Category, FeeTerms
from chainbill.errors import TermsError
from chainbill.records.catalogue import Catalogue
from chainbill.records.fee_file import catalogue_fees, read_fees


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def test_read_fees__both_ways_of_writing__become_terms_of_the_catalogues_category(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    file = tmp_path / "fees.toml"
    file.write_text(
        '[fees]\noffice-visit = "85.00"\nlab-lipid-panel = { fee = "$30", max_units = 2, annual_units = 4 }\n'
    )
    assert read_fees(file, catalogue, max_units=5) == {
        "office-visit": FeeTerms(amount=85_000_000, category=Category.OFFICE_VISIT, max_units=5),
        "lab-lipid-panel": FeeTerms(
            amount=30_000_000, category=Category.LABORATORY, max_units=2, annual_units=4
        ),
    }


def test_catalogue_fees__are_its_default_fees(catalogue: Catalogue) -> None:
    fees = catalogue_fees(catalogue, max_units=3)
    assert set(fees) == set(catalogue.entries)
    entry = catalogue.entries["emergency-visit"]
    assert fees["emergency-visit"] == FeeTerms(amount=entry.fee, category=Category.EMERGENCY, max_units=3)


@pytest.mark.parametrize(
    "text, message",
    [
        ("[fees", "not a TOML file"),
        ("", "one table, [fees]"),
        ("[fees]", "one table, [fees]"),
        ("fees = 1", "one table, [fees]"),
        ('[fees]\noffice-visit = "1"\n[more]', "one table, [fees]"),
        ('[fees]\nmoon-walk = "1"', "moon-walk: the catalogue has no such service"),
        ("[fees]\noffice-visit = 85", 'office-visit: write the fee as "85.00"'),
        ("[fees]\noffice-visit = { max_units = 2 }", 'office-visit: write the fee as "85.00"'),
        ('[fees]\noffice-visit = { fee = "1", units = 2 }', 'office-visit: write the fee as "85.00"'),
        ('[fees]\noffice-visit = "lots"', "office-visit: 'lots' is not an amount"),
        ('[fees]\noffice-visit = "1.005"', "office-visit: a fee is in whole cents"),
        ('[fees]\noffice-visit = { fee = "1", max_units = 0 }', "office-visit: "),
        (
            '[fees]\noffice-visit = { fee = "1", max_units = true }',
            "max_units is a whole number, not true",
        ),
        (
            '[fees]\noffice-visit = { fee = "1", max_units = 1e1 }',
            "max_units is a whole number, not 10.0",
        ),
        ('[fees]\noffice-visit = { fee = "1", annual_units = -1 }', "office-visit: "),
        (
            '[fees]\noffice-visit = { fee = "1", annual_units = "4" }',
            "annual_units is a whole number, not '4'",
        ),
        (
            '[fees]\noffice-visit = { fee = "18446744073709", max_units = 2 }',
            "office-visit: amount times max_units does not fit",
        ),
    ],
)
def test_read_fees__wrong__says_where(tmp_path: Path, catalogue: Catalogue, text: str, message: str) -> None:
    file = tmp_path / "fees.toml"
    file.write_text(text)
    with pytest.raises(TermsError) as refused:
        read_fees(file, catalogue, max_units=1)
    assert message in str(refused.value)
    assert str(refused.value).startswith(str(file))


def test_read_fees__count_that_is_no_whole_number__hints_how_to_write_it(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    file = tmp_path / "fees.toml"
    file.write_text('[fees]\noffice-visit = { fee = "1", max_units = 1e1 }')
    with pytest.raises(TermsError) as refused:
        read_fees(file, catalogue)
    assert refused.value.hint == "write it in digits, without quotes: max_units = 10"


@pytest.mark.parametrize("written, count", [("0x1_0", 16), ("+3", 3), ("1_0", 10)])
def test_read_fees__tomls_own_ways_to_write_a_count__hold_as_toml_has_them(
    tmp_path: Path, catalogue: Catalogue, written: str, count: int
) -> None:
    file = tmp_path / "fees.toml"
    file.write_text(f'[fees]\noffice-visit = {{ fee = "1", max_units = {written} }}')
    assert read_fees(file, catalogue)["office-visit"].max_units == count


def test_read_fees__no_such_file__says_so(tmp_path: Path, catalogue: Catalogue) -> None:
    with pytest.raises(TermsError, match=r"nothere\.toml: cannot be read"):
        read_fees(tmp_path / "nothere.toml", catalogue, max_units=1)
