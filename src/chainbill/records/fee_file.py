"""Fee files: what an insurer allows for each service, in TOML (or CSV, or JSON).

    [fees]
    office-visit = "85.00"
    lab-lipid-panel = { fee = "30.00", max_units = 2, annual_units = 4 }

A service is named as the catalogue names it; its benefit category is the catalogue's. ``max_units`` is the
most at once, ``annual_units`` the most in a benefit year, 0 for no limit; what a line does not name of them
stays as it was published. A service that is not in the file gets no fee.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chainbill.billing.terms import FeeTerms
from chainbill.errors import TermsError, without_keys
from chainbill.money import parse_cents
from chainbill.records.catalogue import Catalogue, CatalogueEntry
from chainbill.records.service_table import read_service_table

DEFAULT_MAX_UNITS = 10
"""Units of one service at once, where nobody has ever said."""

Present = Callable[[str], FeeTerms | None]
"""The terms of a service that were published last; None where none were."""


def catalogue_fees(
    catalogue: Catalogue, *, max_units: int | None = None, present: Present = lambda _: None
) -> dict[str, FeeTerms]:
    """Every service's default fee, by the service's name; ``max_units`` of it are allowed at once."""
    return {
        service: _fee(entry, {"amount": entry.fee}, max_units, present(service))
        for service, entry in catalogue.entries.items()
    }


def read_fees(
    path: Path, catalogue: Catalogue, *, max_units: int | None = None, present: Present = lambda _: None
) -> dict[str, FeeTerms]:
    """Read a fee file.

    Args:
        path: the file.
        catalogue: the services that may stand in it.
        max_units: for services of which the file states none; None: as they are at present, else
            ``DEFAULT_MAX_UNITS``.
        present: what was published last, of which what the file does not name stays.

    Raises:
        TermsError: unreadable, not of its format, or not a fee file; the message says where.
    """
    return read_service_table(
        path,
        catalogue,
        "fee",
        lambda entry, line: _fee(entry, _stated(line), max_units, present(entry.service)),
        counts=_UNITS,
    )


def fee_of(catalogue: Catalogue, service: str, amount: int, present: FeeTerms | None = None) -> FeeTerms:
    """A service's fee of ``amount`` (micro-dollars), in its category and for as many units as at present.

    Raises:
        TermsError: the catalogue has no such service, or it is no fee.
    """
    entry = catalogue.entries.get(service)
    if entry is None:
        raise TermsError(f"{without_keys(service)}: the catalogue has no such service")
    return _fee(entry, {"amount": amount}, None, present)


_UNITS = ("max_units", "annual_units")


def _stated(fee: Any) -> dict[str, Any]:
    """What a line states, by the names of ``FeeTerms``."""
    values: Mapping[str, Any] = fee if isinstance(fee, dict) else {"fee": fee}
    unknown = set(values) - {"fee", *_UNITS}
    if unknown or not isinstance(values.get("fee"), str):
        raise TermsError('write the fee as "85.00" or { fee = "85.00", max_units = 2 }')
    stated = {name: _count(name, values[name]) for name in _UNITS if name in values}
    return {"amount": parse_cents(values["fee"], "a fee"), **stated}


def _count(name: str, value: Any) -> int:
    # In Python true is a number, and 1e1 is a float that may be whole.
    if isinstance(value, bool) or not isinstance(value, int):
        shown = str(value).lower() if isinstance(value, bool) else repr(value)
        raise TermsError(
            f"{name} is a whole number, not {shown}", hint=f"write it in digits, without quotes: {name} = 10"
        )
    return value


def _fee(
    entry: CatalogueEntry, stated: Mapping[str, Any], max_units: int | None, present: FeeTerms | None
) -> FeeTerms:
    usual: dict[str, int] = {"max_units": DEFAULT_MAX_UNITS, "annual_units": 0}
    if present is not None:
        usual = {"max_units": present.max_units, "annual_units": present.annual_units}
    if max_units is not None:
        usual["max_units"] = max_units
    try:
        return FeeTerms.model_validate(usual | dict(stated) | {"category": int(entry.category)}, strict=True)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise TermsError(problem["msg"].removeprefix("Value error, ")) from None


def example_fees() -> str:
    """The text of the packaged fee file, to copy and change."""
    return files("chainbill.records").joinpath("example_fees.toml").read_text("utf-8")
