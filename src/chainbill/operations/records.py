"""Sealed records on their way: from the provider that holds them to the patients that they are sealed to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chainbill.errors import AttestationError, MalformedRecord
from chainbill.operations.actor import Actor
from chainbill.records.sealed_file import SealedRecord
from chainbill.records.shared_records import RecordsFolder, read_records, write_records
from chainbill.records.vault import copy_tag
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class ExportedRecords:
    """What was laid out for others."""

    records: int
    new: int
    """Of these, what did not lie there already."""


@dataclass(frozen=True, slots=True)
class FetchedRecords:
    """What became of the records that lay there."""

    kept: int
    """New here now."""
    known: int
    """Here already."""
    others: int
    """Sealed to others."""
    refused: tuple[tuple[bytes, str], ...]
    """Commitments of records that say they are sealed to this account and are not what they should be, each
    with the reason."""


def export_records(
    session: Session, place: Path, to: Sequence[str] = (), *, write: Callable[[bytes], None]
) -> ExportedRecords:
    """Lay the sealed records of the state directory into a folder, or write them into one file.

    Args:
        place: the folder, where it is one; else the file, which ``write`` writes.
        to: only what is sealed to these parties; nobody: all.

    Raises:
        StateError: no vault key of one of them is known, or it cannot be written.
    """
    tags = [session.book.vault_key_of(session.address_of(each)) for each in to]
    found = list(_sealed_to(session, tags))
    if place.is_dir():
        folder = RecordsFolder(place)
        return ExportedRecords(len(found), sum(folder.put(*each) for each in found))
    write(write_records(found))
    return ExportedRecords(len(found), len(found))


def fetch_records(patient: Actor, place: Path) -> FetchedRecords:
    """Take the records that are sealed to an account from a folder or a file into the state directory. Each
    is opened first, and must be what its commitment says.

    Raises:
        StateError: its key is not at hand, or nothing can be read there.
    """
    key, vault = patient.vault_key(), patient.session.vault
    kept = known = others = 0
    refused = []
    for commitment, record in RecordsFolder(place) if place.is_dir() else read_records(place):
        try:
            new = vault.take(commitment, record, key)
        except (AttestationError, MalformedRecord) as error:
            refused.append((commitment, str(error)))
            continue
        kept, known, others = kept + (new is True), known + (new is False), others + (new is None)
    return FetchedRecords(kept, known, others, tuple(refused))


def _sealed_to(session: Session, keys: Sequence[bytes]) -> Iterator[tuple[bytes, SealedRecord]]:
    for commitment in session.vault:
        record = session.vault.sealed(commitment)
        if not keys or any(copy_tag(commitment, key) in record.copies for key in keys):
            yield commitment, record
