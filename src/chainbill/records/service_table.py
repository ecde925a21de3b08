"""TOML files of one table with a service in each line: what fee files and price files have in common."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from chainbill.errors import AmountError, TermsError
from chainbill.money import CENT, parse_dollars
from chainbill.records.catalogue import Catalogue, CatalogueEntry

_Line = TypeVar("_Line")


def read_service_table(
    path: Path, catalogue: Catalogue, what: str, read: Callable[[CatalogueEntry, Any], _Line]
) -> dict[str, _Line]:
    """Read a file whose one table is named for ``what`` is in it: ``[fees]`` of ``fee``.

    Args:
        read: makes of a line, as TOML has it, what it says of the service; raises AmountError or TermsError
            where it says nothing.

    Raises:
        TermsError: unreadable, not TOML, another table, or a line that cannot be; the message says where.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise TermsError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, or not TOML
        raise TermsError(f"{path}: not a TOML file: {error}") from None
    lines = tables.pop(f"{what}s", None)
    if tables or not isinstance(lines, dict) or not lines:
        raise TermsError(
            f"{path}: a {what} file has one table, [{what}s], with a service in each line",
            hint='write a line such as: office-visit = "85.00"',
        )
    return {
        service: _line(f"{path}: {service}", catalogue.entries.get(service), line, read)
        for service, line in lines.items()
    }


def _line(
    where: str, entry: CatalogueEntry | None, line: Any, read: Callable[[CatalogueEntry, Any], _Line]
) -> _Line:
    if entry is None:
        raise TermsError(
            f"{where}: the catalogue has no such service", hint="name your own catalogue with --catalogue"
        )
    try:
        return read(entry, line)
    except (AmountError, TermsError) as error:
        raise TermsError(f"{where}: {error}", hint=error.hint) from None


def whole_cents(what: str, text: str) -> int:
    """An amount of dollars, as micro-dollars.

    Raises:
        AmountError: not an amount.
        TermsError: finer than a cent.
    """
    amount = parse_dollars(text)
    if amount % CENT:
        raise TermsError(f"a {what} is in whole cents, not {text}")
    return amount
