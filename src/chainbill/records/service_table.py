"""Files of one table with a service in each line, in TOML, CSV or JSON: what fee and price files share.

    [fees]                          service,fee,max_units        {"fees": {
    office-visit = "85.00"          office-visit,85.00,            "office-visit": "85.00"
                                                                 }}

The end of the file's name says which: ``.csv``, ``.json``, and TOML for the rest. Amounts are read by one
rule in all three (``money.parse_dollars``).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from chainbill.errors import AmountError, TermsError
from chainbill.money import parse_count
from chainbill.records.catalogue import Catalogue, CatalogueEntry
from chainbill.records.csv_file import csv_rows, read_text

_Line = TypeVar("_Line")


def read_service_table(
    path: Path,
    catalogue: Catalogue,
    what: str,
    read: Callable[[CatalogueEntry, Any], _Line],
    *,
    counts: tuple[str, ...] = (),
) -> dict[str, _Line]:
    """Read a file whose one table is named for ``what`` is in it: ``[fees]`` of ``fee``.

    Args:
        path: the file.
        catalogue: the services that may stand in it.
        what: ``fee`` or ``price``; in CSV the heading of the amounts.
        read: makes of a line, as TOML has it, what it says of the service; raises AmountError or TermsError
            where it says nothing.
        counts: further columns that a CSV file may have, of whole numbers.

    Raises:
        TermsError: unreadable, not of its format, another table, or a line that cannot be; the message says
            where.
    """
    try:
        text = read_text(path, _format(path))
        lines = _csv_lines(text, what, counts) if _format(path) == "CSV" else _lines(path, text, what)
    except TermsError as error:
        raise TermsError(f"{path}: {error}", hint=error.hint) from None
    return {
        service: _line(f"{path}: {service}", catalogue.entries.get(service), line, read)
        for service, line in lines.items()
    }


def _format(path: Path) -> str:
    return {".csv": "CSV", ".json": "JSON"}.get(path.suffix.lower(), "TOML")


def _lines(path: Path, text: str, what: str) -> Mapping[str, Any]:
    try:
        is_json = _format(path) == "JSON"
        tables = json.loads(text, object_pairs_hook=_once) if is_json else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise TermsError(f"not a {_format(path)} file: {error}") from None
    lines = tables.pop(f"{what}s", None) if isinstance(tables, dict) else None
    if tables or not isinstance(lines, dict) or not lines:
        raise TermsError(
            f"a {what} file has one table, [{what}s], with a service in each line",
            hint='write a line such as: office-visit = "85.00"',
        )
    return lines


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, of which two equal keys would be one."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise TermsError(f"{twice} stands there twice")
    return found


def _csv_lines(text: str, what: str, counts: tuple[str, ...]) -> Mapping[str, Any]:
    rows = csv_rows(text)
    _, columns = next(rows, (1, []))
    if columns[:2] != ["service", what] or set(columns[2:]) - set(counts) or len(set(columns)) < len(columns):
        asked = ",".join(["service", what, *counts])
        raise TermsError(f"the first line of a {what} file in CSV names its columns: {asked}")
    lines: dict[str, Any] = {}
    for number, row in rows:
        if row[0] in lines:
            raise TermsError(f"line {number}: {row[0]} stands there twice")
        lines[row[0]] = _csv_line(f"line {number}", what, dict(zip(columns[1:], row[1:], strict=True)))
    if not lines:
        raise TermsError(f"no {what} stands in it")
    return lines


def _csv_line(where: str, what: str, cells: dict[str, str]) -> Any:
    amount = cells.pop(what)
    try:
        stated = {name: parse_count(cell) for name, cell in cells.items() if cell}
    except AmountError as error:
        raise TermsError(f"{where}: {error}", hint=error.hint) from None
    return {what: amount, **stated} if stated else amount


def _line(
    where: str, entry: CatalogueEntry | None, line: Any, read: Callable[[CatalogueEntry, Any], _Line]
) -> _Line:
    if entry is None:
        raise TermsError(
            f"{where}: the catalogue has no such service", hint="name your own catalogue: `catalogue=`"
        )
    try:
        return read(entry, line)
    except (AmountError, TermsError) as error:
        raise TermsError(f"{where}: {error}", hint=error.hint) from None
