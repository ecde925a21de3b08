"""Member files: whom an insurer enrols, a patient in each line, in CSV.

    patient,plan,year,family,deductible_met,oop_met,plan_paid
    maria,1,2026,7,120.00,180.00,0
    0x5B38Da6a701c568545dCfcB03FcB875f56beddC4,1,2026,7,,,

Only ``patient`` must be there: an account's name or address. What is empty, or has no column, is as where one
patient is enrolled: nothing was met elsewhere, and no family shares. ``NewMember`` is what a reader of any
other format gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chainbill.billing.accumulators import Accumulators, opening_entries
from chainbill.errors import AmountError, ArgumentError, TermsError
from chainbill.money import parse_cents, parse_count
from chainbill.records.csv_file import csv_rows, read_text

_COUNTS: Mapping[str, tuple[int, int]] = {
    "plan": (1, 2**16 - 1),
    "year": (1970, 9999),
    "family": (0, 2**32 - 1),
}
"""Columns of whole numbers, with the least and the most that each may be."""

_AMOUNTS = ("deductible_met", "oop_met", "plan_paid")

COLUMNS = ("patient", *_COUNTS, *_AMOUNTS)
"""All that a member file may have, in the usual order."""


@dataclass(frozen=True, slots=True)
class NewMember:
    """A patient who is to be enrolled under a plan for a benefit year. Amounts are micro-dollars."""

    patient: str
    """A name in the address book, or an address."""
    plan_id: int
    year: int | None = None
    """The benefit year; None: the chain's."""
    family_id: int = 0
    """Whose deductible and maximum the member shares; 0: nobody's."""
    deductible_met: int = 0
    """Of the deductible, met elsewhere in the year."""
    oop_met: int | None = None
    """Paid out of pocket elsewhere in the year; None: ``deductible_met``."""
    plan_paid: int = 0
    """By a plan elsewhere in the year, for the annual maximum."""
    line: int = 0
    """Of the file that it was read from; 0: of none."""

    @property
    def opening(self) -> Accumulators:
        """What the year is opened with.

        Raises:
            ArgumentError: less was paid out of pocket than of the deductible.
        """
        return opening_entries(self.deductible_met, self.oop_met, self.plan_paid)


def read_members(
    path: Path | str, *, plan_id: int | None = None, year: int | None = None
) -> tuple[NewMember, ...]:
    """Read a member file.

    Args:
        path: the file.
        plan_id: of lines that name no plan; None: each must name one.
        year: the benefit year of lines that name none; None: the chain's.

    Raises:
        TermsError: unreadable, not in CSV, or not a member file; the message says where.
    """
    path = Path(path)
    try:
        return _members(read_text(path, "CSV"), plan_id, year)
    except TermsError as error:
        raise TermsError(f"{path}: {error}", hint=error.hint) from None


def _members(text: str, plan_id: int | None, year: int | None) -> tuple[NewMember, ...]:
    rows = csv_rows(text)
    _, columns = next(rows, (1, []))
    if "patient" not in columns or set(columns) - set(COLUMNS) or len(set(columns)) < len(columns):
        raise TermsError(
            f"the first line of a member file names its columns: {','.join(COLUMNS)}",
            hint="only the column patient must be there",
        )
    members = []
    for line, cells in rows:
        try:
            members.append(_member(line, dict(zip(columns, cells, strict=True)), plan_id, year))
        except (ArgumentError, TermsError) as error:
            raise TermsError(f"line {line}: {error}", hint=error.hint) from None
    if not members:
        raise TermsError("no member stands in it")
    return tuple(members)


def _member(line: int, cells: Mapping[str, str], plan_id: int | None, year: int | None) -> NewMember:
    stated = {name: cell for name, cell in cells.items() if cell}
    if "patient" not in stated:
        raise TermsError("no patient is named", hint="name one by an account's name or address")
    counts = {name: _count(name, stated[name]) for name in _COUNTS if name in stated}
    amounts = {name: _amount(name, stated[name]) for name in _AMOUNTS if name in stated}
    plan_id = counts.get("plan", plan_id)
    if plan_id is None:
        raise TermsError("no plan is named", hint="give the file a column plan, or name one for all of it")
    member = NewMember(
        stated["patient"],
        plan_id,
        year=counts.get("year", year),
        family_id=counts.get("family", 0),
        deductible_met=amounts.get("deductible_met", 0),
        oop_met=amounts.get("oop_met"),
        plan_paid=amounts.get("plan_paid", 0),
        line=line,
    )
    _ = member.opening  # says what is wrong with its amounts
    return member


def _count(name: str, cell: str) -> int:
    try:
        return parse_count(cell, *_COUNTS[name])
    except AmountError as error:
        raise TermsError(f"{name}: {error}", hint=error.hint) from None


def _amount(name: str, cell: str) -> int:
    try:
        return parse_cents(cell)
    except AmountError as error:
        raise TermsError(f"{name}: {error}", hint=error.hint) from None
