"""The oracle's durable memory: every accepted attestation and what became of it.

One SQLite file in write-ahead mode. The record's opening is never stored: the identity by which duplicates
are refused is kept as a hash keyed with a secret of this store, so the file names no patient, and so is what
tells a reading from others.
"""

from __future__ import annotations

import hmac
import json
import secrets
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from chainbill.attestation.typed_data import ServiceAttestation
from chainbill.billing.outcomes import Reason
from chainbill.errors import StateError
from chainbill.oracle.api import FINAL, OPEN, REOPENABLE, Hold, Receipt, Status
from chainbill.records.database import Database
from chainbill.records.reading import Reading
from chainbill.records.service_event import ServiceEvent, ServiceKind

_SCHEMA = """
CREATE TABLE IF NOT EXISTS secret (record_key BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS attestation (
    id INTEGER PRIMARY KEY,
    provider_id INTEGER NOT NULL,
    sequence TEXT NOT NULL,
    record_key BLOB NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    payer_id INTEGER NOT NULL,
    patient TEXT NOT NULL,
    commitment BLOB NOT NULL,
    service_id BLOB NOT NULL,
    units INTEGER NOT NULL,
    billed_amount TEXT NOT NULL,
    benefit_year INTEGER NOT NULL,
    signature BLOB NOT NULL,
    secondary_payer_id INTEGER NOT NULL,
    secondary_service_id BLOB NOT NULL,
    corrects BLOB NOT NULL,
    status TEXT NOT NULL,
    reason INTEGER NOT NULL DEFAULT 0,
    claim_id BLOB,
    batch BLOB,
    UNIQUE (provider_id, sequence),
    UNIQUE (provider_id, record_key, corrects)
) STRICT;
CREATE INDEX IF NOT EXISTS attestation_open ON attestation (status);
CREATE INDEX IF NOT EXISTS attestation_claim ON attestation (claim_id);
CREATE INDEX IF NOT EXISTS attestation_batch ON attestation (batch);
CREATE TABLE IF NOT EXISTS batch (
    transaction_hash BLOB PRIMARY KEY,
    block INTEGER NOT NULL,
    block_hash BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS root_slot (slot INTEGER PRIMARY KEY, free_at INTEGER NOT NULL) STRICT;
"""

_LATER = """
CREATE TABLE IF NOT EXISTS hold (
    attestation INTEGER PRIMARY KEY,
    reason TEXT NOT NULL,
    held_at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS signed (attestation INTEGER PRIMARY KEY, until INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS reading (
    key BLOB NOT NULL,
    attestation INTEGER NOT NULL,
    PRIMARY KEY (key, attestation)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS reading_attestation ON reading (attestation);
CREATE TABLE IF NOT EXISTS receipts (id INTEGER PRIMARY KEY, issued_at INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS bundle (
    id INTEGER PRIMARY KEY,
    signature BLOB NOT NULL,
    size INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS bundled (attestation INTEGER PRIMARY KEY, bundle INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS given_up (
    provider_id INTEGER NOT NULL,
    sequence TEXT NOT NULL,
    PRIMARY KEY (provider_id, sequence)
) STRICT, WITHOUT ROWID;
"""
"""Why and since when an attestation is held; until when a batch with it, signed and sent, may settle; which
readings count for it; of when the newest receipts are; and which attestations their provider has signed
together besides; and under which sequences attestations were that have given way to others: they are signed,
and somebody may have them still. Times are seconds since 1970."""

_UNKNOWN_RECORD = b"?"
"""Begins the record key of a claim that was rebuilt from the chain while nobody has said of which record it
is; its commitment follows. Keys of records are 32 bytes, these are 33."""

_LOST_RECORD = b"!"
"""The same once the oracle has been told that nobody can say it any more."""

_NOT_COUNTING = (Status.RECALLED, Status.DENIED)
"""For these no reading counts."""

_COLUMNS = (
    "id, provider_id, payer_id, patient, commitment, service_id, units, billed_amount,"
    " benefit_year, sequence, status, reason, secondary_payer_id, secondary_service_id, corrects, claim_id,"
    " signature, (SELECT hold.reason FROM hold WHERE hold.attestation = attestation.id),"
    " (SELECT hold.held_at FROM hold WHERE hold.attestation = attestation.id),"
    " (SELECT signed.until FROM signed WHERE signed.attestation = attestation.id),"
    " (SELECT bundled.bundle FROM bundled WHERE bundled.attestation = attestation.id),"
    " (SELECT bundle.signature FROM bundled JOIN bundle ON bundle.id = bundled.bundle"
    " WHERE bundled.attestation = attestation.id),"
    " (SELECT bundle.size FROM bundled JOIN bundle ON bundle.id = bundled.bundle"
    " WHERE bundled.attestation = attestation.id)"
)


@dataclass(frozen=True, slots=True)
class CoordinationOfBenefits:
    """Who pays after the primary payer."""

    secondary_payer_id: int = 0
    """The patient's secondary payer; 0: none."""
    secondary_service_id: bytes = b""
    """The service under the secondary payer's schedule key; empty where there is none."""


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """Attestations under one signature more."""

    row: int
    signature: bytes
    """The provider's, under the ``ServiceBundle`` of all of them in the order in which they were accepted."""
    size: int
    """How many they were when they were signed."""


@dataclass(frozen=True, slots=True)
class StoredAttestation:
    """An accepted attestation."""

    row: int
    attestation: ServiceAttestation
    status: Status
    reason: Reason
    coordination: CoordinationOfBenefits = CoordinationOfBenefits()
    corrects: bytes = b""
    """The id of the reversed claim that it takes the place of; empty: none."""
    claim_id: bytes = b""
    """Of the claim it became; empty: it has not settled, or nobody was there to write that down."""
    signature: bytes = b""
    """The provider's; empty: rebuilt from the chain, which does not have it."""
    hold: Hold | None = None
    """Why it is held; None: it is not."""
    held_at: int = 0
    """Since when, in seconds since 1970; 0: it is not."""
    signed_until: int = 0
    """Until when a batch with it that was signed and sent may settle, in seconds since 1970; 0: none was."""
    bundle: StoredBundle | None = None
    """That its provider has put it in; None: it is in none."""

    @property
    def place(self) -> tuple[int, int]:
        """Whose it is, and under which sequence."""
        return self.attestation.provider_id, self.attestation.sequence

    def receipt(self, *, repeated: bool = False) -> Receipt:
        """What its provider is told of it."""
        return Receipt(
            attestation=self.attestation,
            status=self.status,
            reason=self.reason,
            hold=self.hold,
            signed_until=self.signed_until,
            corrects=self.corrects,
            claim_id=self.claim_id,
            signature=self.signature,
            repeated=repeated,
        )


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of an attestation in a batch."""

    status: Status
    reason: Reason
    claim_id: bytes = b""


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A batch that the oracle has seen in a block of the chain, which may still drop it."""

    transaction: bytes
    """The transaction's hash."""
    block: int
    block_hash: bytes


class OracleStore:
    """Opens or makes the store at ``path``.

    Raises:
        StateError: the file is not an oracle's store, or another version's.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(
            path, _SCHEMA, "an oracle's store", write_ahead=True, later=_LATER
        ).connection
        with self._database() as database:
            database.execute(
                "INSERT INTO secret SELECT ? WHERE NOT EXISTS (SELECT 1 FROM secret)",
                (secrets.token_bytes(32),),
            )
            (self._secret,) = database.execute("SELECT record_key FROM secret").fetchone()

    def record_key(self, provider_id: int, record_identity: str) -> bytes:
        """The keyed hash under which one provider's record is remembered."""
        message = provider_id.to_bytes(4, "big") + record_identity.encode()
        return hmac.digest(self._secret, message, "sha256")

    def reading_keys(self, attestation: ServiceAttestation, event: ServiceEvent) -> tuple[bytes, ...]:
        """The keyed hashes under which it is remembered that readings count for an attestation: each by what
        makes it that reading of its patient, and by its source record. A reading that is an event of its own
        is there by its record alone."""
        if event.readings is None:
            monitors = event.kind is ServiceKind.REMOTE_MONITORING_UPLOAD
            return (self.record_key(attestation.provider_id, event.record_identity),) if monitors else ()
        taken = event.readings.taken
        by_record = [self.record_key(attestation.provider_id, each.record_identity) for each in taken]
        return (*by_record, *(self._reading_key(attestation.patient, each) for each in taken))

    def _reading_key(self, patient: str, reading: Reading) -> bytes:
        device, system, code, moment = reading.what_and_when
        message = json.dumps([patient, device, system, code, moment.astimezone(UTC).isoformat()])
        return hmac.digest(self._secret, message.encode(), "sha256")

    def find(self, *, digest: bytes) -> StoredAttestation | None:
        """The accepted attestation of a digest."""
        return self._one("digest = ?", digest)

    def find_record(
        self, provider_id: int, record_key: bytes, *, corrects: bytes = b""
    ) -> StoredAttestation | None:
        """The attestation that was accepted for a record, in place of that reversed claim where one is
        named."""
        return self._one(
            "provider_id = ? AND record_key = ? AND corrects = ?", provider_id, record_key, corrects
        )

    def find_records(self, provider_id: int, record_key: bytes) -> list[StoredAttestation]:
        """Every attestation of a record, its corrections included."""
        return self._many("provider_id = ? AND record_key = ? ORDER BY id", provider_id, record_key)

    def find_claim(self, claim_id: bytes) -> StoredAttestation | None:
        """The attestation that became a claim."""
        return self._one("claim_id = ?", claim_id)

    def counting(self, readings: Iterable[bytes]) -> list[StoredAttestation]:
        """The attestations for which one of these readings counts, in the order in which they were accepted:
        all but those that were recalled or denied."""
        with self._database() as database:
            rows = sorted(_counting(database, readings))
        if not rows:
            return []
        return self._many("id IN (SELECT value FROM json_each(?)) ORDER BY id", json.dumps(rows))

    def counted_before(self, attestations: Collection[StoredAttestation]) -> set[int]:
        """The rows of those of which a reading counts for another attestation, accepted before; a claim that
        they correct is none."""
        with self._database() as database:
            pairs = database.execute(
                "SELECT DISTINCT mine.attestation, other.attestation FROM reading AS mine"
                " JOIN reading AS other ON other.key = mine.key AND other.attestation < mine.attestation"
                " JOIN attestation ON attestation.id = other.attestation AND status NOT IN (?, ?)"
                " WHERE mine.attestation IN (SELECT value FROM json_each(?))",
                (*_NOT_COUNTING, json.dumps([stored.row for stored in attestations])),
            ).fetchall()
        corrects = {stored.row: stored.corrects for stored in attestations}
        return {row for row, other in pairs if other not in self.corrected_by(corrects[row])}

    def corrected_by(self, corrects: bytes) -> set[int]:
        """The rows of the claims that a correction takes the place of: of the one it names, and of what that
        has corrected in its turn."""
        rows: set[int] = set()
        while corrects and (claim := self.find_claim(corrects)) is not None:
            rows.add(claim.row)
            corrects = claim.corrects
        return rows

    def find_sequence(self, provider_id: int, sequence: int) -> StoredAttestation | None:
        """The attestation that was accepted under a provider's sequence."""
        return self._one("provider_id = ? AND sequence = ?", provider_id, str(sequence))

    def find_places(self, places: Iterable[tuple[int, int]]) -> list[StoredAttestation]:
        """The attestations that were accepted under these providers' sequences, in the order in which they
        were accepted; what is not here is left out."""
        wanted = json.dumps([[provider_id, str(sequence)] for provider_id, sequence in places])
        return self._many(
            "(provider_id, sequence) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]')"
            " FROM json_each(?)) ORDER BY id",
            wanted,
        )

    def sequences(self, provider_id: int) -> set[int]:
        """Every sequence under which something of a provider was ever accepted, also what has given way to
        another attestation of its record."""
        query = (
            "SELECT sequence FROM attestation WHERE provider_id = ?1"
            " UNION SELECT sequence FROM given_up WHERE provider_id = ?1"
        )
        with self._database() as database:
            return {int(sequence) for (sequence,) in database.execute(query, (provider_id,))}

    def find_commitment(self, commitment: bytes) -> list[StoredAttestation]:
        """The attestations of a commitment; more than one is one record too many."""
        return self._many("commitment = ? ORDER BY id", commitment)

    def of_provider(self, provider_id: int) -> list[StoredAttestation]:
        """Everything of one provider, in the order it was accepted."""
        return self._many("provider_id = ? ORDER BY id", provider_id)

    def waiting(
        self, *, provider_id: int | None = None, patient: str | None = None
    ) -> list[StoredAttestation]:
        """What was attested and is neither settled nor denied: accepted, pended, held or recalled; of one
        provider or patient where they are named."""
        return [
            stored
            for stored in self.attestations(*OPEN, *REOPENABLE)
            if provider_id in (None, stored.attestation.provider_id)
            and patient in (None, stored.attestation.patient)
        ]

    def attestations(self, *statuses: Status) -> list[StoredAttestation]:
        """What stands in one of these states, in the order it was accepted."""
        marks = ", ".join("?" * len(statuses))
        return self._many(f"status IN ({marks}) ORDER BY id", *statuses)

    def accept(
        self,
        attestation: ServiceAttestation,
        *,
        digest: bytes,
        signature: bytes,
        record_key: bytes,
        coordination: CoordinationOfBenefits,
        corrects: bytes = b"",
        replaces: int | None = None,
        readings: Collection[bytes] = (),
    ) -> StoredAttestation:
        """Remember a checked attestation. Two processes that race for one record, sequence or reading: one
        wins.

        Args:
            replaces: the row of a held or recalled attestation of the same record, which is forgotten.
            readings: what counts for it (``reading_keys``).

        Raises:
            StateError: the record, the sequence, the digest or a reading is taken.
        """
        values = {
            "provider_id": attestation.provider_id,
            "sequence": str(attestation.sequence),
            "record_key": record_key,
            "digest": digest,
            "payer_id": attestation.payer_id,
            "patient": attestation.patient,
            "commitment": attestation.commitment,
            "service_id": attestation.service_id,
            "units": attestation.units,
            "billed_amount": str(attestation.billed_amount),
            "benefit_year": attestation.benefit_year,
            "signature": signature,
            "secondary_payer_id": coordination.secondary_payer_id,
            "secondary_service_id": coordination.secondary_service_id,
            "corrects": corrects,
            "status": Status.ACCEPTED,
        }
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        exempt = self.corrected_by(corrects)
        try:
            with self._database() as database:
                if replaces is not None:
                    _forget(database, replaces)
                inserted = database.execute(
                    f"INSERT INTO attestation ({columns}) VALUES ({marks})",  # noqa: S608 - names from above
                    tuple(values.values()),
                )
                # Only now does nobody else write.
                if _counting(database, readings) - exempt:
                    raise StateError("another attestation took one of its readings first")
                _count(database, inserted.lastrowid or 0, readings)
        except sqlite3.IntegrityError:
            raise StateError("another attestation took this record or sequence first") from None
        row = inserted.lastrowid or 0
        return StoredAttestation(
            row,
            attestation,
            Status.ACCEPTED,
            Reason.NONE,
            coordination,
            corrects=corrects,
            signature=signature,
        )

    def accept_again(self, row: int, *, signature: bytes, coordination: CoordinationOfBenefits) -> None:
        """Let a held or recalled attestation wait for a batch again, as it was signed anew."""
        with self._database() as database:
            database.execute(
                "UPDATE attestation SET status = ?, reason = 0, signature = ?, secondary_payer_id = ?,"
                " secondary_service_id = ? WHERE id = ? AND status IN (?, ?)",
                (
                    Status.ACCEPTED,
                    signature,
                    coordination.secondary_payer_id,
                    coordination.secondary_service_id,
                    row,
                    *REOPENABLE,
                ),
            )
            database.execute("DELETE FROM hold WHERE attestation = ?", (row,))
            database.execute("DELETE FROM bundled WHERE attestation = ?", (row,))

    def bundle(self, rows: Sequence[int], signature: bytes) -> None:
        """Remember that their provider has signed these attestations together, in place of any bundle that
        one of them was in."""
        with self._database() as database:
            made = database.execute(
                "INSERT INTO bundle (signature, size) VALUES (?, ?)", (signature, len(rows))
            )
            database.executemany(
                "INSERT OR REPLACE INTO bundled VALUES (?, ?)", [(row, made.lastrowid) for row in rows]
            )

    def hold(self, reasons: Mapping[int, Hold], *, at: int) -> None:
        """Keep open attestations out of every batch from ``at`` on (seconds since 1970), by row, all or
        none."""
        with self._database() as database:
            for row, reason in reasons.items():
                held = database.execute(
                    "UPDATE attestation SET status = ? WHERE id = ? AND status IN (?, ?)",
                    (Status.HELD, row, *OPEN),
                )
                if held.rowcount:
                    database.execute("INSERT OR REPLACE INTO hold VALUES (?, ?, ?)", (row, reason, at))

    def recall(self, row: int) -> StoredAttestation:
        """Take an attestation back, unless it is final: from now on it goes into no batch. The row as it
        stands then."""
        with self._database() as database:
            database.execute(
                "UPDATE attestation SET status = ? WHERE id = ? AND status IN (?, ?, ?)",
                (Status.RECALLED, row, *OPEN, Status.HELD),
            )
            database.execute(
                "DELETE FROM hold WHERE attestation ="
                " (SELECT id FROM attestation WHERE id = ? AND status = ?)",
                (row, Status.RECALLED),
            )
        (stored,) = self._many("id = ?", row)
        return stored

    def mark_spent(self, row: int) -> None:
        """Remember that the chain has settled or denied it, by a batch whose receipt nobody read."""
        with self._database() as database:
            database.execute("UPDATE attestation SET status = ? WHERE id = ?", (Status.SPENT, row))
            database.execute("DELETE FROM hold WHERE attestation = ?", (row,))

    def mark_signed(self, rows: Collection[int], until: int) -> set[int]:
        """Remember that a batch of these rows is about to be sent and may settle ``until`` then (seconds
        since 1970). Those that are not open any more are returned, and then nothing is remembered: that
        batch must not be sent."""
        with self._database() as database:
            gone = {row for row in rows if _status(database, row) not in OPEN}
            if not gone:
                database.executemany(
                    "INSERT INTO signed VALUES (?, ?)"
                    " ON CONFLICT (attestation) DO UPDATE SET until = max(until, excluded.until)",
                    [(row, until) for row in rows],
                )
        return gone

    def receipts_issued(self, now: int) -> int:
        """Of when receipts are that are issued ``now`` (seconds since 1970): later than all before, also of
        the same second, so that whoever gets several knows which are the newest."""
        with self._database() as database:
            (issued_at,) = database.execute(
                "INSERT INTO receipts VALUES (1, ?1)"
                " ON CONFLICT (id) DO UPDATE SET issued_at = max(issued_at + 1, ?1) RETURNING issued_at",
                (now,),
            ).fetchone()
        return int(issued_at)

    # ---- rebuilt from the chain -----------------------------------------------------------------------

    def restore(
        self,
        attestation: ServiceAttestation,
        *,
        digest: bytes,
        corrects: bytes,
        result: Finished,
        batch: StoredBatch,
    ) -> bool:
        """Remember what the chain says became of an attestation that is not here; nobody knows its record
        yet. False where its sequence or digest is here already."""
        values = (
            attestation.provider_id,
            str(attestation.sequence),
            _UNKNOWN_RECORD + attestation.commitment,
            digest,
            attestation.payer_id,
            attestation.patient,
            attestation.commitment,
            attestation.service_id,
            attestation.units,
            str(attestation.billed_amount),
            attestation.benefit_year,
            corrects,
            result.status,
            int(result.reason),
            result.claim_id or None,
            batch.transaction,
        )
        with self._database() as database:
            inserted = database.execute(
                "INSERT OR IGNORE INTO attestation (provider_id, sequence, record_key, digest, payer_id,"
                " patient, commitment, service_id, units, billed_amount, benefit_year, signature,"
                " secondary_payer_id, secondary_service_id, corrects, status, reason, claim_id, batch)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, x'', 0, x'', ?, ?, ?, ?, ?)",
                values,
            )
            if inserted.rowcount:
                database.execute(
                    "INSERT OR IGNORE INTO batch VALUES (?, ?, ?)",
                    (batch.transaction, batch.block, batch.block_hash),
                )
        return inserted.rowcount == 1

    def name_record(self, row: int, record_key: bytes, *, readings: Collection[bytes] = ()) -> bool:
        """Remember of which record a rebuilt claim is, and which readings count for it; False where that was
        known, or another attestation has the record."""
        with self._database() as database:
            named = database.execute(
                "UPDATE OR IGNORE attestation SET record_key = ? WHERE id = ? AND length(record_key) = 33",
                (record_key, row),
            )
            if named.rowcount:
                _count(database, row, readings)
        return named.rowcount == 1

    def unknown_records(self, provider_id: int | None = None) -> list[StoredAttestation]:
        """Rebuilt claims of which nobody has said yet which record they are of."""
        return self._many(
            "length(record_key) = 33 AND substr(record_key, 1, 1) = ?"
            " AND provider_id = ifnull(?, provider_id) ORDER BY id",
            _UNKNOWN_RECORD,
            provider_id,
        )

    def give_up_records(self) -> int:
        """Take it that nobody can say of which records the rebuilt claims are; returns how many."""
        unknown = self.unknown_records()
        with self._database() as database:
            database.executemany(
                "UPDATE attestation SET record_key = ? WHERE id = ?",
                [(_LOST_RECORD + stored.attestation.commitment, stored.row) for stored in unknown],
            )
        return len(unknown)

    def coordinate(self, row: int, coordination: CoordinationOfBenefits) -> None:
        """Replace what is known of an attestation's secondary payer."""
        with self._database() as database:
            database.execute(
                "UPDATE attestation SET secondary_payer_id = ?, secondary_service_id = ? WHERE id = ?",
                (coordination.secondary_payer_id, coordination.secondary_service_id, row),
            )

    def open_attestations(self, provider_id: int | None = None) -> list[StoredAttestation]:
        """What waits for a batch, in the order it was accepted; of one provider where it is named."""
        if provider_id is None:
            return self.attestations(*OPEN)
        return self._many("provider_id = ? AND status IN (?, ?) ORDER BY id", provider_id, *OPEN)

    def finish(self, results: Mapping[int, Finished], batch: StoredBatch) -> None:
        """Write down what became of rows in a batch, all or none."""
        with self._database() as database:
            database.execute(
                "INSERT OR REPLACE INTO batch VALUES (?, ?, ?)",
                (batch.transaction, batch.block, batch.block_hash),
            )
            # What was held or recalled meanwhile stays so, unless it is final now.
            database.executemany(
                "UPDATE attestation SET status = ?1, reason = ?2, claim_id = ?3, batch = ?4 WHERE id = ?5"
                " AND (?1 <> ?6 OR status NOT IN (?7, ?8))",
                [
                    (
                        result.status,
                        int(result.reason),
                        result.claim_id or None,
                        batch.transaction,
                        row,
                        Status.PENDED,
                        *REOPENABLE,
                    )
                    for row, result in results.items()
                ],
            )
            database.executemany(
                "DELETE FROM hold WHERE attestation = ?",
                [(row,) for row, result in results.items() if result.status in FINAL],
            )

    def batches(self) -> list[StoredBatch]:
        """The batches that a reorganisation may still drop, the one in the lowest block first."""
        with self._database() as database:
            return [StoredBatch(*row) for row in database.execute("SELECT * FROM batch ORDER BY block")]

    def members(self, batch: StoredBatch) -> list[StoredAttestation]:
        """The attestations whose last batch it was, in the order they were accepted."""
        return self._many("batch = ? ORDER BY id", batch.transaction)

    def reopen(self, batch: StoredBatch) -> None:
        """Forget a batch; the attestations whose last one it was wait for their first again."""
        with self._database() as database:
            database.execute(
                "UPDATE attestation SET status = ?, reason = 0, claim_id = NULL, batch = NULL"
                " WHERE batch = ? AND status NOT IN (?, ?)",
                (Status.ACCEPTED, batch.transaction, *REOPENABLE),
            )
            database.execute("DELETE FROM batch WHERE transaction_hash = ?", (batch.transaction,))

    def forget_batches(self, block: int) -> None:
        """Forget the batches up to a block; their attestations stay as they are."""
        with self._database() as database:
            database.execute("DELETE FROM batch WHERE block <= ?", (block,))

    def taken_root_slots(self, now: int) -> set[int]:
        """Root slots known to be in use at ``now`` (seconds since 1970)."""
        with self._database() as database:
            return {
                slot for (slot,) in database.execute("SELECT slot FROM root_slot WHERE free_at > ?", (now,))
            }

    def take_root_slot(self, slot: int, free_at: int) -> None:
        """Remember that a root slot is in use until ``free_at`` (seconds since 1970)."""
        with self._database() as database:
            database.execute("INSERT OR REPLACE INTO root_slot VALUES (?, ?)", (slot, free_at))

    def forget_root_slots(self) -> None:
        """Remember of no root slot that it is in use; the chain is asked again."""
        with self._database() as database:
            database.execute("DELETE FROM root_slot")

    def counts(self) -> dict[str, int]:
        """How many attestations stand where."""
        with self._database() as database:
            found = dict(
                database.execute("SELECT status, count(*) FROM attestation GROUP BY status").fetchall()
            )
        return {status.value: found.get(status.value, 0) for status in Status}

    def _one(self, condition: str, *values: object) -> StoredAttestation | None:
        found = self._many(condition, *values)
        return found[0] if found else None

    def _many(self, condition: str, *values: object) -> list[StoredAttestation]:
        query = f"SELECT {_COLUMNS} FROM attestation WHERE {condition}"  # noqa: S608 - only this file's own words
        with self._database() as database:
            return [_stored(row) for row in database.execute(query, values)]


_Row = tuple[
    *tuple[int, int, int, str, bytes, bytes, int, str, int, str, str, int, int, bytes, bytes, bytes | None],
    *tuple[bytes, str | None, int | None, int | None, int | None, bytes | None, int | None],
]
"""One row's values in the order of ``_COLUMNS``."""


def _status(database: sqlite3.Connection, row: int) -> str | None:
    found = database.execute("SELECT status FROM attestation WHERE id = ?", (row,)).fetchone()
    return None if found is None else str(found[0])


def _forget(database: sqlite3.Connection, row: int) -> None:
    """Remove a held or recalled attestation, with what is known of it."""
    gone = database.execute(
        "DELETE FROM attestation WHERE id = ? AND status IN (?, ?) RETURNING provider_id, sequence",
        (row, *REOPENABLE),
    ).fetchall()
    if gone:
        database.executemany("INSERT OR IGNORE INTO given_up VALUES (?, ?)", gone)
        database.execute("DELETE FROM hold WHERE attestation = ?", (row,))
        database.execute("DELETE FROM signed WHERE attestation = ?", (row,))
        database.execute("DELETE FROM bundled WHERE attestation = ?", (row,))
        database.execute("DELETE FROM reading WHERE attestation = ?", (row,))


def _count(database: sqlite3.Connection, row: int, readings: Collection[bytes]) -> None:
    database.executemany("INSERT OR IGNORE INTO reading VALUES (?, ?)", [(key, row) for key in readings])


def _counting(database: sqlite3.Connection, readings: Iterable[bytes]) -> set[int]:
    """The rows of the attestations for which one of these readings counts."""
    query = (
        "SELECT attestation FROM reading JOIN attestation ON attestation.id = reading.attestation"
        " WHERE key = ? AND status NOT IN (?, ?)"
    )
    return {row for key in readings for (row,) in database.execute(query, (key, *_NOT_COUNTING))}


def _stored(row: _Row) -> StoredAttestation:
    identity, provider, payer, patient, commitment, service, units, billed, year, sequence = row[:10]
    status, reason, secondary_payer, secondary_service, corrects, claim_id = row[10:16]
    signature, hold, held_at, signed_until, bundle, bundle_signature, size = row[16:]
    attestation = ServiceAttestation(
        provider_id=provider,
        payer_id=payer,
        patient=patient,
        commitment=commitment,
        service_id=service,
        units=units,
        billed_amount=int(billed),
        benefit_year=year,
        sequence=int(sequence),
    )
    return StoredAttestation(
        row=identity,
        attestation=attestation,
        status=Status(status),
        reason=Reason(reason),
        coordination=CoordinationOfBenefits(secondary_payer, secondary_service),
        corrects=corrects,
        claim_id=claim_id or b"",
        signature=signature,
        hold=Hold(hold) if hold else None,
        held_at=held_at or 0,
        signed_until=signed_until or 0,
        bundle=StoredBundle(bundle, bundle_signature or b"", size or 0) if bundle is not None else None,
    )
