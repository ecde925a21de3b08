"""Price files: what a provider charges for each service outside any plan, in TOML (or CSV, or JSON).

    [prices]
    office-visit = "85.00"
    lab-lipid-panel = "0"

A service is named as the catalogue names it; "0" takes it off the list.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from chainbill.errors import TermsError
from chainbill.money import parse_cents
from chainbill.records.catalogue import Catalogue, CatalogueEntry
from chainbill.records.service_table import read_service_table


def read_prices(path: Path, catalogue: Catalogue) -> dict[str, int]:
    """Read a price file: micro-dollars a unit by service.

    Raises:
        TermsError: unreadable, not of its format, or not a price file; the message says where.
    """
    return read_service_table(path, catalogue, "price", _price)


def _price(_: CatalogueEntry, price: Any) -> int:
    if not isinstance(price, str):
        raise TermsError('write the price in quotes, such as "85.00"')
    return parse_cents(price, "a price")


def example_prices() -> str:
    """The text of the packaged price file, to copy and change."""
    return files("chainbill.records").joinpath("example_prices.toml").read_text("utf-8")
