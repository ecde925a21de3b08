"""Price files: read, or refused with the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainbill.errors import TermsError
from chainbill.money import DOLLAR
from chainbill.records.catalogue import Catalogue
from chainbill.records.price_file import read_prices

CATALOGUE = Catalogue.load()


def test_read_prices__dollars_in_quotes__are_micro_dollars(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text('[prices]\noffice-visit = "85.50"\ncheck-up-visit = "0"\n', encoding="utf-8")
    assert read_prices(path, CATALOGUE) == {"office-visit": 85 * DOLLAR + DOLLAR // 2, "check-up-visit": 0}


@pytest.mark.parametrize(
    "content, message",
    [
        ("not toml", "not a TOML file"),
        ("[prices]\n", "one table"),
        ('[prices]\noffice-visit = "1"\n[more]\n', "one table"),
        ("[prices]\noffice-visit = 85\n", "in quotes"),
        ('[prices]\noffice-visit = "much"\n', "not an amount"),
        ('[prices]\noffice-visit = "0.001"\n', "whole cents"),
        ('[prices]\nmagic = "1"\n', "no such service"),
    ],
)
def test_read_prices__malformed__says_where(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(TermsError, match=message) as refused:
        read_prices(path, CATALOGUE)
    assert str(path) in str(refused.value)


def test_read_prices__no_such_file__says_so(tmp_path: Path) -> None:
    with pytest.raises(TermsError, match="cannot be read"):
        read_prices(tmp_path / "none.toml", CATALOGUE)
