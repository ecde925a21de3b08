"""What a provider's earlier ingests read, so that parts of an export complete each other.

One SQLite file per provider, private to it, beside its worklist. It keeps the newest version of each
resource that events are made of, in the clear, until it is told to forget them: a claim that comes later
belongs to a visit that came before, and a deletion takes back what was read. Of what was put on the worklist
it keeps digests under a random key of the file's own, which tell whether a record has changed. Patients'
accounts and the provider's own names in its records are kept as they were given.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from chainbill.interop.fhir.files import Source, read_again, tail, written
from chainbill.records.commitment import canonical
from chainbill.records.database import Database
from chainbill.records.service_event import ServiceEvent

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resource (
    identity TEXT PRIMARY KEY,
    full_url TEXT NOT NULL,
    deleted INTEGER NOT NULL,
    in_history INTEGER NOT NULL,
    content TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS seen (
    record_identity TEXT PRIMARY KEY,
    tail TEXT NOT NULL,
    content BLOB NOT NULL,
    likeness BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS seen_tail ON seen (tail);
CREATE TABLE IF NOT EXISTS patient (reference TEXT PRIMARY KEY, account TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS performer (name TEXT PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS secret (key BLOB NOT NULL) STRICT;
INSERT INTO secret SELECT randomblob(32) WHERE NOT EXISTS (SELECT 1 FROM secret);
"""

_EARLIER = -(2**62)
"""Older than anything in a file that is read now."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A record that an earlier ingest put on the worklist."""

    record_identity: str
    same_content: bool
    """Whether it said just what the one asked about says."""


class IngestMemory:
    """Opens or makes the memory at ``path``.

    Raises:
        StateError: the file is something else, or another version's.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA, "a provider's memory of what it ingested").connection
        with self._database() as database:
            (self._key,) = database.execute("SELECT key FROM secret").fetchone()

    def parts(self) -> Iterator[Source]:
        """The resources that earlier ingests read, in the order in which they came."""
        with self._database() as database:
            rows = database.execute(
                "SELECT content, full_url, deleted, in_history, identity FROM resource ORDER BY rowid"
            ).fetchall()
        for number, (content, full_url, deleted, in_history, identity) in enumerate(rows):
            yield read_again(
                content,
                f"an earlier part ({identity})",
                full_url,
                deleted=bool(deleted),
                in_history=bool(in_history),
                age=_EARLIER + number,
            )

    def keep(self, sources: Iterable[Source]) -> None:
        """Keep resources for the parts that follow; a newer version takes the place of the one before."""
        rows = [
            (source.identity, source.full_url, source.deleted, source.in_history, written(source.resource))
            for source in sources
        ]
        with self._database() as database:
            database.executemany("INSERT OR REPLACE INTO resource VALUES (?, ?, ?, ?, ?)", rows)

    def forget_parts(self) -> int:
        """Forget the resources of earlier parts; how many they were. What was put on the worklist, accounts
        and names stay known."""
        with self._database() as database:
            return database.execute("DELETE FROM resource").rowcount

    def remember(self, events: Iterable[tuple[str, ServiceEvent]]) -> None:
        """Remember that events, each with its patient's checksum address, are on the worklist as they are."""
        rows = [
            (
                event.record_identity,
                tail(event.record_identity),
                self._digest(canonical(event)),
                self._likeness(patient, event),
            )
            for patient, event in events
        ]
        with self._database() as database:
            database.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)", rows)

    def forget(self, record_identity: str) -> None:
        """Forget that a record was on the worklist."""
        with self._database() as database:
            database.execute("DELETE FROM seen WHERE record_identity = ?", (record_identity,))

    def find(self, patient: str, event: ServiceEvent) -> Seen | None:
        """The record that an event is, taken before: by its identity, or, where one of the two does not say
        which server it is from, by the last part of it and the same kind of service at the same moment."""
        identity, end = event.record_identity, tail(event.record_identity)
        with self._database() as database:
            row = database.execute(
                "SELECT record_identity, content FROM seen WHERE record_identity = ?", (identity,)
            ).fetchone()
            row = (
                row
                or database.execute(
                    "SELECT record_identity, content FROM seen WHERE tail = ? AND likeness = ?"
                    " AND (record_identity = tail OR ? = tail)",
                    (end, self._likeness(patient, event), identity),
                ).fetchone()
            )
        if row is None:
            return None
        return Seen(row[0], hmac.compare_digest(row[1], self._digest(canonical(event))))

    def taken(self) -> dict[str, list[str]]:
        """The record identities that were put on the worklist, by the resource that they are of: a claim's
        lines are the claim's.
        """
        with self._database() as database:
            rows = database.execute("SELECT record_identity FROM seen ORDER BY rowid").fetchall()
        found: dict[str, list[str]] = {}
        for (identity,) in rows:
            found.setdefault(identity.partition("#")[0], []).append(identity)
        return found

    def accounts(self) -> dict[str, str]:
        """Patients' accounts (checksum addresses) by the reference that records name them by."""
        with self._database() as database:
            return dict(database.execute("SELECT reference, account FROM patient").fetchall())

    def keep_account(self, reference: str, account: str) -> None:
        """Remember whose account a patient of the records has."""
        with self._database() as database:
            database.execute("INSERT OR REPLACE INTO patient VALUES (?, ?)", (reference, account))

    def performers(self) -> set[str]:
        """What the provider is called in its records: references or names."""
        with self._database() as database:
            return {name for (name,) in database.execute("SELECT name FROM performer").fetchall()}

    def keep_performer(self, name: str) -> None:
        """Remember what the provider is called in its records."""
        with self._database() as database:
            database.execute("INSERT OR IGNORE INTO performer VALUES (?)", (name,))

    def _digest(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, "sha256")

    def _likeness(self, patient: str, event: ServiceEvent) -> bytes:
        moment = event.performed_at.astimezone(UTC).isoformat()
        return self._digest(f"{patient} {event.kind} {moment}".encode())
