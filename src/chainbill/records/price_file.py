"""Price files: what a provider charges for each service outside any plan, in TOML.

    [prices]
    office-visit = "85.00"
    lab-lipid-panel = "0"

A service is named as the catalogue names it; "0" takes it off the list.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from chainbill.errors import AmountError, TermsError
from chainbill.money import CENT, parse_dollars
from chainbill.records.catalogue import Catalogue


def read_prices(path: Path, catalogue: Catalogue) -> dict[str, int]:
    """Read a price file: micro-dollars a unit by service.

    Raises:
        TermsError: unreadable, not TOML, or not a price file; the message says where.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise TermsError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, or not TOML
        raise TermsError(f"{path}: not a TOML file: {error}") from None
    prices = tables.pop("prices", None)
    if tables or not isinstance(prices, dict) or not prices:
        raise TermsError(
            f"{path}: a price file has one table, [prices], with a service in each line",
            hint='write a line such as: office-visit = "85.00"',
        )
    return {
        service: _price(f"{path}: {service}", service, price, catalogue) for service, price in prices.items()
    }


def _price(where: str, service: str, price: Any, catalogue: Catalogue) -> int:
    if service not in catalogue.entries:
        raise TermsError(
            f"{where}: the catalogue has no such service", hint="name your own catalogue with --catalogue"
        )
    if not isinstance(price, str):
        raise TermsError(f'{where}: write the price in quotes, such as "85.00"')
    try:
        amount = parse_dollars(price)
    except AmountError as error:
        raise TermsError(f"{where}: {error}") from None
    if amount % CENT:
        raise TermsError(f"{where}: a price is in whole cents, not {price}")
    return amount
