"""Whose account a patient of a record has: by reference, by identifier, or by medical record number."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from chainbill.errors import RecordError, without_keys
from chainbill.interop.fhir.files import tail

_PATIENT_COLUMNS = ("patient", "reference", "identifier", "mrn")
_HINT = (
    "its first line is patient,account; a patient is a reference such as Patient/7, an identifier, or an MRN"
)


@dataclass(frozen=True, slots=True)
class Mapped:
    """One line of a mapping."""

    patient: str
    """As the user wrote it."""
    account: str
    """The name of an account, or its address."""


def read_patient_map(path: Path) -> list[Mapped]:
    """Read a CSV file of patients and their accounts.

    Its first line names the columns: ``account``, and ``patient``, ``reference``, ``identifier`` or ``mrn``.

    Raises:
        RecordError: it cannot be read, or a line is incomplete or names a patient twice; the message says
        which.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [(reader.line_num, row) for reader in [csv.reader(file, strict=True)] for row in reader]
    except OSError as error:
        raise RecordError(f"{without_keys(str(path))}: {error.strerror or 'cannot be read'}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise RecordError(f"{path}: not a CSV file: {error}", hint=_HINT) from None
    rows = [
        (number, [cell.strip() for cell in row]) for number, row in rows if any(cell.strip() for cell in row)
    ]
    if not rows:
        raise RecordError(f"{path}: empty", hint=_HINT)
    header = [cell.lower() for cell in rows[0][1]]
    named = [column for column in _PATIENT_COLUMNS if column in header]
    if "account" not in header or not named or len(set(header)) < len(header):
        raise RecordError(f"{path}: no columns patient and account", hint=_HINT)
    found: dict[str, Mapped] = {}
    for number, row in rows[1:]:
        cells = dict(zip(header, row, strict=False))
        patient = next((cells[column] for column in named if cells.get(column)), "")
        account = cells.get("account", "")
        if len(row) != len(header) or not patient or not account:
            raise RecordError(f"{path} line {number}: not a patient and an account", hint=_HINT)
        if found.setdefault(patient, Mapped(patient, account)).account != account:
            raise RecordError(f"{path} line {number}: {patient} has another account further up")
    return list(found.values())


def references_of(written: str, patients: Mapping[str, list[str]], named: Iterable[str]) -> list[str]:
    """The references by which a record's events name a patient.

    Args:
        written: a reference (with or without its server), ``system|value``, or the value of an identifier.
        patients: identifiers as ``system|value``, by reference.
        named: the references that the events use.

    Returns:
        none where the record has no such patient.

    Raises:
        RecordError: it fits several patients.
    """
    known = list(dict.fromkeys([*named, *patients]))
    for found in (
        [each for each in known if each == written],
        [each for each in known if tail(each) == written],
        [each for each in known if written in patients.get(each, ())],
        [each for each in known if any(i.partition("|")[2] == written for i in patients.get(each, ()))],
    ):
        if len(found) > 1:
            raise RecordError(
                f"{written} fits several patients of the record: {', '.join(found)}",
                hint="write the whole reference, or the identifier as system|value",
            )
        if found:
            return found
    return []
