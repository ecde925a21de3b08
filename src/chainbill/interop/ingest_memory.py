"""What a provider's earlier ingests knew, so that parts of an export complete each other.

One SQLite file per provider, private to it, beside its worklist. Of a record it keeps no content: digests
under a random key of the file's own tell whether the same record, or the same service, came before.
Patients' accounts and the provider's own names in its records are kept as they were given.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from chainbill.interop.fhir.report import PriceElsewhere
from chainbill.records.commitment import canonical
from chainbill.records.database import Database
from chainbill.records.service_event import PriceSource, ServiceEvent, ServiceKind

_SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (
    record_identity TEXT PRIMARY KEY,
    tail TEXT NOT NULL,
    content BLOB NOT NULL,
    likeness BLOB NOT NULL,
    visit_day BLOB
) STRICT;
CREATE INDEX IF NOT EXISTS seen_tail ON seen (tail);
CREATE INDEX IF NOT EXISTS seen_visit_day ON seen (visit_day);
CREATE TABLE IF NOT EXISTS price (
    record_identity TEXT PRIMARY KEY,
    billed_amount TEXT NOT NULL,
    price_source TEXT NOT NULL,
    claim TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS patient (reference TEXT PRIMARY KEY, account TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS performer (name TEXT PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS secret (key BLOB NOT NULL) STRICT;
INSERT INTO secret SELECT randomblob(32) WHERE NOT EXISTS (SELECT 1 FROM secret);
"""

_PRICE = "SELECT record_identity, billed_amount, price_source, claim FROM price WHERE record_identity = ?"
_VISITS = (ServiceKind.IN_PERSON_VISIT, ServiceKind.TELEHEALTH_VISIT)


@dataclass(frozen=True, slots=True)
class Seen:
    """A record that an earlier ingest took."""

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

    def remember(self, events: Iterable[tuple[str, ServiceEvent]]) -> None:
        """Remember that events, each with its patient's checksum address, are on the worklist as they are."""
        rows = [
            (
                event.record_identity,
                tail(event.record_identity),
                self._digest(canonical(event)),
                self._likeness(patient, event),
                self._visit_day(patient, event) if event.kind in _VISITS else None,
            )
            for patient, event in events
        ]
        with self._database() as database:
            database.executemany(
                "INSERT OR REPLACE INTO seen (record_identity, tail, content, likeness, visit_day)"
                " VALUES (?, ?, ?, ?, ?)",
                rows,
            )

    def forget(self, record_identity: str) -> None:
        """Forget a record that is taken off the worklist."""
        with self._database() as database:
            database.execute("DELETE FROM seen WHERE record_identity = ?", (record_identity,))

    def find(self, patient: str, event: ServiceEvent) -> Seen | None:
        """The record that an event is, taken before: by its identity, or, where one of the two does not say
        which server it is from, by the last part of it and the same service at the same moment."""
        with self._database() as database:
            row = (
                database.execute(
                    "SELECT record_identity, content FROM seen WHERE record_identity = ?",
                    (event.record_identity,),
                ).fetchone()
                or database.execute(
                    "SELECT record_identity, content FROM seen WHERE tail = ? AND likeness = ?"
                    " AND (record_identity = tail OR ? = tail)",
                    (tail(event.record_identity), self._likeness(patient, event), event.record_identity),
                ).fetchone()
            )
        if row is None:
            return None
        return Seen(row[0], hmac.compare_digest(row[1], self._digest(canonical(event))))

    def visits_that_day(self, patient: str, event: ServiceEvent) -> list[str]:
        """Identities of the visits of a patient that earlier ingests took for the day of an event."""
        with self._database() as database:
            rows = database.execute(
                "SELECT record_identity FROM seen WHERE visit_day = ?", (self._visit_day(patient, event),)
            ).fetchall()
        return [identity for (identity,) in rows]

    def keep_price(self, price: PriceElsewhere) -> bool:
        """Keep a price of something that may come in another part; False where it was kept before."""
        values = (price.record_identity, str(price.billed_amount), price.price_source.value, price.claim)
        with self._database() as database:
            known = database.execute(_PRICE, (price.record_identity,)).fetchone()
            if known == values:
                return False
            database.execute("INSERT OR REPLACE INTO price VALUES (?, ?, ?, ?)", values)
        return True

    def price_of(self, record_identity: str) -> PriceElsewhere | None:
        """A price that an earlier part stated for a record."""
        with self._database() as database:
            row = database.execute(_PRICE, (record_identity,)).fetchone()
        if row is None:
            return None
        return PriceElsewhere(
            record_identity=row[0], billed_amount=int(row[1]), price_source=PriceSource(row[2]), claim=row[3]
        )

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

    def _visit_day(self, patient: str, event: ServiceEvent) -> bytes:
        return self._digest(f"{patient} visit {event.service_date}".encode())


def tail(record_identity: str) -> str:
    """An identity without the server it is from: ``Encounter/7`` of
    ``https://ehr.example/fhir/Encounter/7``.
    """
    if "://" not in record_identity:
        return record_identity
    return "/".join(record_identity.split("/")[-2:])
