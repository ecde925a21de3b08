"""A provider's worklist: events read from its records, waiting to be attested, and which sequences are given.

One SQLite file per provider, private to it. An event's record is kept in the clear only until it is
attested; from then on it is in the sealed vault and the worklist keeps its identity alone.

The salt of an event's commitment is drawn when it comes onto the list, and its sequence is written down
before anything is signed: an attempt that is cut off and repeated makes the very same attestation.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from chainbill.attestation.intake_receipts import IntakeReceipt, IntakeReceipts
from chainbill.errors import StateError
from chainbill.operations.provider.sequences import (
    Block,
    Choose,
    Numbering,
    block_start,
    choose,
    unused,
    within,
)
from chainbill.records.commitment import new_salt
from chainbill.records.database import Database
from chainbill.records.service_event import ServiceEvent as ServiceEvent  # faces get it here

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY,
    record_identity TEXT NOT NULL,
    patient TEXT NOT NULL,
    self_pay INTEGER NOT NULL,
    corrects BLOB NOT NULL,
    record TEXT,
    salt BLOB,
    sequence INTEGER UNIQUE,
    commitment BLOB,
    UNIQUE (record_identity, corrects)
) STRICT;
CREATE TABLE IF NOT EXISTS counter (next_sequence INTEGER NOT NULL) STRICT;
INSERT INTO counter SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM counter);
"""

_LATER = """
CREATE TABLE IF NOT EXISTS receipt (
    event_id BLOB PRIMARY KEY,
    issued_at INTEGER NOT NULL,
    standing TEXT NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS given (sequence INTEGER PRIMARY KEY) STRICT;
"""
"""What an oracle elsewhere has said last of events that it was handed; and every sequence from the counter on
that was given, or is somebody else's. Those below the counter are given or never will be. Times are seconds
since 1970."""

_ADD = (
    "INSERT OR IGNORE INTO event (record_identity, patient, self_pay, corrects, record, salt)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """An event that is not attested yet."""

    row: int
    patient: str
    """Checksum address of the patient's account."""
    event: ServiceEvent
    sequence: int | None
    """Reserved for it by an attempt that did not finish; None: none yet."""
    salt: bytes
    """What its commitment will be salted with, 16 bytes."""
    self_pay: bool = False
    """Is the patient charged the cash price, outside any plan?"""
    corrects: bytes = b""
    """The id of the reversed claim that it takes the place of; empty: none."""


@dataclass(frozen=True, slots=True)
class AttestedRecord:
    """An event that was attested: of its record only the identity is kept."""

    row: int
    record_identity: str
    patient: str
    """Checksum address of the patient's account."""
    self_pay: bool
    corrects: bytes
    """The id of the reversed claim that it takes the place of; empty: none."""
    sequence: int | None
    """None: nobody has told the list under which."""
    commitment: bytes


class Worklist:
    """Opens or makes the worklist at ``path``.

    Args:
        numbering: how sequences are given.
        pick: draws one of those that are unused.

    Raises:
        StateError: the file is not a worklist, or another version's.
    """

    def __init__(
        self, path: Path, *, numbering: Numbering = Numbering.DRAWN, pick: Choose = secrets.choice
    ) -> None:
        self._numbering, self._pick = numbering, pick
        self._database = Database(path, _SCHEMA, "a provider's worklist", later=_LATER).connection

    def add(
        self, patient: str, event: ServiceEvent, *, self_pay: bool = False, corrects: bytes = b""
    ) -> bool:
        """Add an event of ``patient``; False where its record is on the list or was attested before.

        Args:
            self_pay: charge the patient the cash price, outside any plan.
            corrects: the id of a reversed claim that the event takes the place of. A record may come again
                once for each such claim.
        """
        with self._database() as database:
            inserted = database.execute(_ADD, _new_row(patient, event, self_pay, corrects))
            return inserted.rowcount == 1

    def add_all(self, events: Iterable[tuple[str, ServiceEvent]]) -> None:
        """Add events, each with its patient's checksum address, all or none. What is on the list already, or
        was attested before, stays as it is."""
        with self._database() as database:
            database.executemany(_ADD, [_new_row(patient, event, False, b"") for patient, event in events])

    def replace(self, waiting: WaitingEvent, event: ServiceEvent) -> bool:
        """Put what a record says now in the place of what it said before, under a new salt; False where the
        event has reserved a sequence meanwhile, or waits no longer."""
        with self._database() as database:
            replaced = database.execute(
                "UPDATE event SET record_identity = ?, record = ?, salt = ?"
                " WHERE id = ? AND record IS NOT NULL AND sequence IS NULL",
                (event.record_identity, event.model_dump_json(), new_salt(), waiting.row),
            )
            return replaced.rowcount == 1

    def knows(self, record_identity: str) -> bool:
        """Is this record on the list, or was it attested before?"""
        with self._database() as database:
            found = database.execute(
                "SELECT 1 FROM event WHERE record_identity = ?", (record_identity,)
            ).fetchone()
        return found is not None

    def waiting(self, *, limit: int | None = None) -> list[WaitingEvent]:
        """Events not attested yet, in the order they were added."""
        with self._database() as database:
            rows = database.execute(
                "SELECT id, patient, record, sequence, salt, self_pay, corrects FROM event"
                " WHERE record IS NOT NULL ORDER BY id LIMIT ?",
                (-1 if limit is None else limit,),
            ).fetchall()
        return [
            WaitingEvent(
                row,
                patient,
                ServiceEvent.model_validate_json(record),
                sequence,
                salt,
                bool(self_pay),
                corrects,
            )
            for row, patient, record, sequence, salt, self_pay, corrects in rows
        ]

    def reserve_sequence(self, waiting: WaitingEvent) -> int:
        """The sequence of an event: the one that an attempt has reserved before, or one that is not given.

        It is written down before anything is signed, so that no two records can ever share one and no record
        has two, whoever else works on the list. What is used elsewhere it is told before
        (``take_sequences``).

        Raises:
            StateError: the event is on the list no more, or sequences have come to their end.
        """
        with self._database() as database:
            # Writes, so that from here on nobody else does.
            found = database.execute(
                "UPDATE event SET sequence = sequence"
                " WHERE id = ? AND (record IS NOT NULL OR sequence IS NOT NULL) RETURNING sequence",
                (waiting.row,),
            ).fetchall()
            if not found:
                raise StateError(f"{waiting.event.record_identity} does not wait any more")
            ((sequence,),) = found
            if sequence is None:
                floor = _floor(database)
                given = _given(database, floor)
                sequence = choose(self._numbering, given, floor=floor, pick=self._pick)
                _give(database, [sequence])
                database.execute("UPDATE event SET sequence = ? WHERE id = ?", (sequence, waiting.row))
        return int(sequence)

    def mark_attested(self, waiting: WaitingEvent, commitment: bytes, sequence: int) -> None:
        """Remember that the oracle has the event under this sequence, and forget its record."""
        with self._database() as database:
            database.execute(
                "UPDATE event SET record = NULL, salt = NULL, commitment = ? WHERE id = ?",
                (commitment, waiting.row),
            )
            _number(database, waiting.row, sequence)

    def number(self, attested: AttestedRecord, sequence: int) -> bool:
        """Remember under which sequence an event was attested; False where another attested event has it."""
        with self._database() as database:
            return _number(database, attested.row, sequence)

    def remove(self, waiting: Iterable[WaitingEvent]) -> None:
        """Take events off the list as if they had never been on it. A sequence that one of them had reserved
        is not given out again."""
        with self._database() as database:
            database.executemany("DELETE FROM event WHERE id = ?", [(item.row,) for item in waiting])

    def counts(self) -> dict[str, int]:
        """How many events wait and how many were attested."""
        with self._database() as database:
            waiting, attested = database.execute(
                "SELECT count(record), count(commitment) FROM event"
            ).fetchone()
        return {"waiting": waiting, "attested": attested}

    # ---- attested, and back again ---------------------------------------------------------------------

    def attested(self) -> list[AttestedRecord]:
        """Events that were attested, in the order they were added."""
        with self._database() as database:
            rows = database.execute(
                "SELECT id, record_identity, patient, self_pay, corrects, sequence, commitment FROM event"
                " WHERE commitment IS NOT NULL ORDER BY id"
            ).fetchall()
        return [
            AttestedRecord(row, identity, patient, bool(self_pay), corrects, sequence, commitment)
            for row, identity, patient, self_pay, corrects, sequence, commitment in rows
        ]

    def put_back(self, attested: AttestedRecord, event: ServiceEvent, salt: bytes) -> None:
        """Let an attested event wait again, with its record and salt. It keeps its sequence, so that what is
        signed next can only take the place of what was signed before."""
        with self._database() as database:
            database.execute(
                "UPDATE event SET record = ?, salt = ?, commitment = NULL WHERE id = ? AND commitment = ?",
                (event.model_dump_json(), salt, attested.row, attested.commitment),
            )

    def drop(self, attested: AttestedRecord) -> None:
        """Forget an attested event as if it had never been on the list, so that it can be ingested anew."""
        with self._database() as database:
            database.execute(
                "DELETE FROM event WHERE id = ? AND commitment = ?", (attested.row, attested.commitment)
            )

    # ---- at an oracle elsewhere -----------------------------------------------------------------------

    def keep_receipts(self, told: IntakeReceipts) -> int:
        """Remember what an oracle elsewhere says of events, unless newer receipts have said more of them;
        returns of how many it is new."""
        with self._database() as database:
            kept = database.executemany(
                "INSERT INTO receipt VALUES (?, ?, ?, ?, ?) ON CONFLICT (event_id) DO UPDATE SET"
                " issued_at = excluded.issued_at, standing = excluded.standing, reason = excluded.reason,"
                " message = excluded.message WHERE excluded.issued_at > receipt.issued_at",
                [
                    (each.event_id, told.issued_at, each.standing, each.reason, each.message)
                    for each in told.receipts
                ],
            )
        return kept.rowcount

    def receipts(self) -> dict[bytes, IntakeReceipt]:
        """The newest receipt of each event that an oracle elsewhere was handed."""
        with self._database() as database:
            rows = database.execute("SELECT event_id, standing, reason, message FROM receipt").fetchall()
        return {row[0]: IntakeReceipt(*row) for row in rows}

    # ---- rebuilt --------------------------------------------------------------------------------------

    def restore_attested(
        self,
        record_identity: str,
        patient: str,
        *,
        sequence: int,
        commitment: bytes,
        self_pay: bool = False,
        corrects: bytes = b"",
    ) -> bool:
        """Remember that a record was attested, also where it waits; a waiting event that had reserved the
        sequence gets another. False where that was known, or the record was attested otherwise."""
        with self._database() as database:
            _free(database, sequence)
            restored = database.execute(
                "INSERT OR IGNORE INTO event"
                " (record_identity, patient, self_pay, corrects, sequence, commitment)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (record_identity, patient, self_pay, corrects, sequence, commitment),
            )
            if not restored.rowcount:
                restored = database.execute(
                    "UPDATE OR IGNORE event SET patient = ?2, self_pay = ?3, record = NULL, salt = NULL,"
                    " sequence = ?5, commitment = ?6"
                    " WHERE record_identity = ?1 AND corrects = ?4 AND record IS NOT NULL",
                    (record_identity, patient, self_pay, corrects, sequence, commitment),
                )
        return restored.rowcount == 1

    def restore_waiting(
        self,
        patient: str,
        event: ServiceEvent,
        salt: bytes,
        *,
        sequence: int | None = None,
        self_pay: bool = False,
        corrects: bytes = b"",
    ) -> bool:
        """Let a record wait under the salt that it was sealed with, and its sequence where that is known;
        False where it is on the list already."""
        with self._database() as database:
            if sequence is not None and not _lists(database, event.record_identity, corrects):
                _free(database, sequence)
            restored = database.execute(
                "INSERT OR IGNORE INTO event"
                " (record_identity, patient, self_pay, corrects, record, salt, sequence)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    event.record_identity,
                    patient,
                    self_pay,
                    corrects,
                    event.model_dump_json(),
                    salt,
                    sequence,
                ),
            )
        return restored.rowcount == 1

    def free_sequence(self, sequence: int) -> None:
        """Let a waiting event that has reserved a sequence reserve another: it is somebody else's."""
        with self._database() as database:
            _free(database, sequence)

    def block(self) -> Block:
        """From where the next sequence is drawn, as far as the list knows."""
        with self._database() as database:
            floor = _floor(database)
            return Block.of(unused(_given(database, floor), floor=floor))

    def may_reserve(self, sequences: Iterable[int]) -> set[int]:
        """Which of these the list does not know to be given, and might give where nobody tells it more."""
        with self._database() as database:
            floor = _floor(database)
            given = _given(database, floor)
        return {sequence for sequence in sequences if sequence >= floor} - given

    def take_sequences(self, sequences: Collection[int]) -> None:
        """Give none of these any more, nor any of a block before that of their highest: they are used.

        Raises:
            StateError: one is beyond what the list can give.
        """
        with self._database() as database:
            _give(database, sequences)


def _floor(database: sqlite3.Connection) -> int:
    """No sequence below it is given any more."""
    (sequence,) = database.execute("SELECT next_sequence FROM counter").fetchone()
    return int(sequence)


def _given(database: sqlite3.Connection, floor: int) -> set[int]:
    """The sequences from there on that the list knows to be used."""
    rows = database.execute(
        "SELECT sequence FROM given WHERE sequence >= ?1"
        " UNION SELECT sequence FROM event WHERE sequence >= ?1",
        (floor,),
    )
    return {sequence for (sequence,) in rows}


def _give(database: sqlite3.Connection, sequences: Collection[int]) -> None:
    """Write down that sequences are used, which closes the blocks before that of the highest."""
    start = block_start(within(max(sequences, default=0)))
    database.execute("UPDATE counter SET next_sequence = max(next_sequence, ?)", (start,))
    floor = _floor(database)
    used = [(sequence,) for sequence in sequences if sequence >= floor]
    database.executemany("INSERT OR IGNORE INTO given VALUES (?)", used)
    database.execute("DELETE FROM given WHERE sequence < ?", (floor,))


def _lists(database: sqlite3.Connection, record_identity: str, corrects: bytes) -> bool:
    found = database.execute(
        "SELECT 1 FROM event WHERE record_identity = ? AND corrects = ?", (record_identity, corrects)
    )
    return found.fetchone() is not None


def _number(database: sqlite3.Connection, row: int, sequence: int) -> bool:
    """Give an attested event its sequence, also where another one waits under it."""
    _free(database, sequence)
    numbered = database.execute("UPDATE OR IGNORE event SET sequence = ? WHERE id = ?", (sequence, row))
    return numbered.rowcount == 1


def _free(database: sqlite3.Connection, sequence: int) -> None:
    """Take a sequence from the event that waits under it, if any."""
    database.execute(
        "UPDATE event SET sequence = NULL WHERE sequence = ? AND record IS NOT NULL", (sequence,)
    )


def _new_row(patient: str, event: ServiceEvent, self_pay: bool, corrects: bytes) -> tuple[object, ...]:
    return event.record_identity, patient, self_pay, corrects, event.model_dump_json(), new_salt()
