"""Fee files: what an insurer allows for each service, in TOML.

    [fees]
    office-visit = "85.00"
    lab-lipid-panel = { fee = "30.00", max_units = 2, annual_units = 4 }

A service is named as the catalogue names it; its benefit category is the catalogue's. ``max_units`` is the
most at once, ``annual_units`` the most in a benefit year. A service that is not in the file gets no fee.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chainbill.billing.terms import FeeTerms
from chainbill.errors import TermsError
from chainbill.records.catalogue import Catalogue, CatalogueEntry
from chainbill.records.service_table import read_service_table, whole_cents


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
    return read_service_table(path, catalogue, "fee", partial(_fee, max_units=max_units))


def _fee(entry: CatalogueEntry, fee: Any, *, max_units: int) -> FeeTerms:
    values: Mapping[str, Any] = fee if isinstance(fee, dict) else {"fee": fee}
    unknown = set(values) - {"fee", "max_units", "annual_units"}
    if unknown or not isinstance(values.get("fee"), str):
        raise TermsError('write the fee as "85.00" or { fee = "85.00", max_units = 2 }')
    try:
        return FeeTerms.model_validate(
            {
                "amount": whole_cents("fee", values["fee"]),
                "category": int(entry.category),
                "max_units": values.get("max_units", max_units),
                "annual_units": values.get("annual_units", 0),
            },
            strict=True,
        )
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise TermsError(problem["msg"].removeprefix("Value error, ")) from None
