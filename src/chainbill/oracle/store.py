"""The oracle's durable memory: every accepted attestation and what became of it.

One SQLite file in write-ahead mode. The record's opening is never stored: the identity by which duplicates
are refused is kept as a hash keyed with a secret of this store, so the file names no patient.
"""

from __future__ import annotations

import hmac
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from chainbill.attestation.typed_data import ServiceAttestation
from chainbill.billing.outcomes import Reason
from chainbill.errors import StateError
from chainbill.records.database import Database

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


_COLUMNS = (
    "id, provider_id, payer_id, patient, commitment, service_id, units, billed_amount,"
    " benefit_year, sequence, status, reason, secondary_payer_id, secondary_service_id, corrects, claim_id"
)


class Status(StrEnum):
    """Where an accepted attestation stands."""

    ACCEPTED = "accepted"
    """Waits for its first batch."""
    PENDED = "pended"
    """Came back from a batch unpaid; goes into the next one again."""
    SETTLED = "settled"
    """Paid, final."""
    DENIED = "denied"
    """Refused by the terms, final."""
    SPENT = "spent"
    """Settled or denied by a run that stopped before it wrote down which; the chain tells."""


OPEN = (Status.ACCEPTED, Status.PENDED)


@dataclass(frozen=True, slots=True)
class Routing:
    """What a batch must say about an event beside its attestation."""

    secondary_payer_id: int = 0
    """The patient's secondary payer; 0: none."""
    secondary_service_id: bytes = b""
    """The service under the secondary payer's schedule key; empty where there is none."""
    corrects: bytes = b""
    """The id of the reversed claim that the event takes the place of; empty: none."""


@dataclass(frozen=True, slots=True)
class StoredAttestation:
    """An accepted attestation."""

    row: int
    attestation: ServiceAttestation
    status: Status
    reason: Reason
    routing: Routing = Routing()
    claim_id: bytes = b""
    """Of the claim it became; empty: it has not settled, or nobody was there to write that down."""


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
        self._database = Database(path, _SCHEMA, "an oracle's store", write_ahead=True).connection
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

    def find_claim(self, claim_id: bytes) -> StoredAttestation | None:
        """The attestation that became a claim."""
        return self._one("claim_id = ?", claim_id)

    def find_sequence(self, provider_id: int, sequence: int) -> StoredAttestation | None:
        """The attestation that was accepted under a provider's sequence."""
        return self._one("provider_id = ? AND sequence = ?", provider_id, str(sequence))

    def next_sequence(self, provider_id: int) -> int:
        """One more than the highest sequence accepted of a provider; 1 where there is none."""
        # As text they order by length first: SQLite's integers end below 2^64.
        query = (
            "SELECT sequence FROM attestation WHERE provider_id = ?"
            " ORDER BY length(sequence) DESC, sequence DESC LIMIT 1"
        )
        with self._database() as database:
            found = database.execute(query, (provider_id,)).fetchone()
        return int(found[0]) + 1 if found else 1

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
        routing: Routing,
    ) -> StoredAttestation:
        """Remember a checked attestation. Two processes that race for one record or sequence: one wins.

        Raises:
            StateError: the record, the sequence or the digest is taken.
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
            "secondary_payer_id": routing.secondary_payer_id,
            "secondary_service_id": routing.secondary_service_id,
            "corrects": routing.corrects,
            "status": Status.ACCEPTED,
        }
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        try:
            with self._database() as database:
                inserted = database.execute(
                    f"INSERT INTO attestation ({columns}) VALUES ({marks})",  # noqa: S608 - names from above
                    tuple(values.values()),
                )
        except sqlite3.IntegrityError:
            raise StateError("another attestation took this record or sequence first") from None
        row = inserted.lastrowid or 0
        return StoredAttestation(row, attestation, Status.ACCEPTED, Reason.NONE, routing)

    def reroute(self, row: int, routing: Routing) -> None:
        """Replace what is known of an attestation's secondary payer."""
        with self._database() as database:
            database.execute(
                "UPDATE attestation SET secondary_payer_id = ?, secondary_service_id = ? WHERE id = ?",
                (routing.secondary_payer_id, routing.secondary_service_id, row),
            )

    def open_attestations(self) -> list[StoredAttestation]:
        """What waits for a batch, in the order it was accepted."""
        return self._many("status IN (?, ?) ORDER BY id", *OPEN)

    def finish(self, results: Mapping[int, Finished], batch: StoredBatch) -> None:
        """Write down what became of rows in a batch, all or none."""
        with self._database() as database:
            database.execute(
                "INSERT OR REPLACE INTO batch VALUES (?, ?, ?)",
                (batch.transaction, batch.block, batch.block_hash),
            )
            database.executemany(
                "UPDATE attestation SET status = ?, reason = ?, claim_id = ?, batch = ? WHERE id = ?",
                [
                    (result.status, int(result.reason), result.claim_id or None, batch.transaction, row)
                    for row, result in results.items()
                ],
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
                " WHERE batch = ?",
                (Status.ACCEPTED, batch.transaction),
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


_Row = tuple[int, int, int, str, bytes, bytes, int, str, int, str, str, int, int, bytes, bytes, bytes | None]
"""One row's values in the order of ``_COLUMNS``."""


def _stored(row: _Row) -> StoredAttestation:
    identity, provider, payer, patient, commitment, service, units, billed, year, sequence = row[:10]
    status, reason, secondary_payer, secondary_service, corrects, claim_id = row[10:]
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
        routing=Routing(secondary_payer, secondary_service, corrects),
        claim_id=claim_id or b"",
    )
