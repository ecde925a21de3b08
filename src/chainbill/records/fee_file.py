"""Fee files: what an insurer allows for each service, in TOML.

    [fees]
    office-visit = "85.00"
    lab-lipid-panel = { fee = "30.00", max_units = 2, annual_units = 4 }

A service is named as the catalogue names it; its benefit category is the catalogue's. ``max_units`` is the
most at once, ``annual_units`` the most in a benefit year. A service that is not in the file gets no fee.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chainbill.billing.terms import FeeTerms
from chainbill.errors import AmountError, TermsError
from chainbill.money import CENT, parse_dollars
from chainbill.records.catalogue import Catalogue


def catalogue_fees(catalogue: Catalogue, *, max_units: int) -> dict[str, FeeTerms]:
    """Every service's default fee, by the service's name; ``max_units`` of it are allowed at once."""
    return {
        service: FeeTerms(amount=entry.fee, category=entry.category, max_units=max_units)
        for service, entry in catalogue.entries.items()
    }


def read_fees(path: Path, catalogue: Catalogue, *, max_units: int) -> dict[str, FeeTerms]:
    """Read a fee file; ``max_units`` holds for services that state none.

    Raises:
        TermsError: unreadable, not TOML, or not a fee file; the message says where.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise TermsError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, or not TOML
        raise TermsError(f"{path}: not a TOML file: {error}") from None
    fees = tables.pop("fees", None)
    if tables or not isinstance(fees, dict) or not fees:
        raise TermsError(
            f"{path}: a fee file has one table, [fees], with a service in each line",
            hint='write a line such as: office-visit = "85.00"',
        )
    return {
        service: _fee(f"{path}: {service}", service, fee, catalogue, max_units)
        for service, fee in fees.items()
    }


def _fee(where: str, service: str, fee: Any, catalogue: Catalogue, max_units: int) -> FeeTerms:
    entry = catalogue.entries.get(service)
    if entry is None:
        raise TermsError(
            f"{where}: the catalogue has no such service", hint="name your own catalogue with --catalogue"
        )
    values: Mapping[str, Any] = fee if isinstance(fee, dict) else {"fee": fee}
    unknown = set(values) - {"fee", "max_units", "annual_units"}
    if unknown or not isinstance(values.get("fee"), str):
        raise TermsError(f'{where}: write the fee as "85.00" or {{ fee = "85.00", max_units = 2 }}')
    try:
        amount = parse_dollars(values["fee"])
        if amount % CENT:
            raise TermsError(f"{where}: a fee is in whole cents, not {values['fee']}")
        return FeeTerms.model_validate(
            {
                "amount": amount,
                "category": int(entry.category),
                "max_units": values.get("max_units", max_units),
                "annual_units": values.get("annual_units", 0),
            },
            strict=True,
        )
    except AmountError as error:
        raise TermsError(f"{where}: {error}") from None
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise TermsError(f"{where}: {problem['msg'].removeprefix('Value error, ')}") from None
