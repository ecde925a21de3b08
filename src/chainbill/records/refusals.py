"""What the oracle would not take: kept for the patients whose services wait, so that they hear of it.

It has no number: the one its provider had reserved was not taken, and may be another event's by now.

One SQLite file of the state directory. A record stands in it sealed to its patient alone; beside it, in the
clear, is whose it is and the word of the refusal.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from nacl.public import PublicKey, SealedBox

from chainbill.errors import AttestationError, MalformedRecord
from chainbill.records.commitment import Opening, verify
from chainbill.records.database import Database
from chainbill.records.service_event import ServiceEvent
from chainbill.records.vault import VaultKey

_SCHEMA = """
CREATE TABLE IF NOT EXISTS refusal (
    commitment BLOB PRIMARY KEY,
    provider_id INTEGER NOT NULL,
    sequence INTEGER,
    patient TEXT NOT NULL,
    self_pay INTEGER NOT NULL,
    reason TEXT NOT NULL,
    refused_at INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS refusal_patient ON refusal (patient);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A service that waits at its provider because the oracle did not take it."""

    commitment: bytes
    """That its attestation has or will have."""
    provider_id: int
    patient: str
    """Checksum address of the patient's account."""
    self_pay: bool
    reason: str
    """The word of a ``RefusalReason``."""
    refused_at: int
    """Seconds since 1970, by the chain's clock."""


class Refusals:
    """Opens or makes the file at ``path``.

    Raises:
        StateError: the file is something else, or another version's.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA, "a list of what the oracle refused").connection

    def put(self, refused: Refused, opening: Opening, patient_key: bytes) -> None:
        """Keep one refusal, in place of an earlier one of the same record.

        Raises:
            AttestationError: ``patient_key`` is not an X25519 public key.
        """
        try:
            sealed = SealedBox(PublicKey(patient_key)).encrypt(opening.to_bytes())
        except (ValueError, TypeError):
            raise AttestationError("a vault's public key has 32 bytes") from None
        with self._database() as database:
            database.execute(
                "INSERT OR REPLACE INTO refusal VALUES (?, ?, NULL, ?, ?, ?, ?, ?)",
                (
                    refused.commitment,
                    refused.provider_id,
                    refused.patient,
                    refused.self_pay,
                    refused.reason,
                    refused.refused_at,
                    sealed,
                ),
            )

    def keep_only(self, provider_id: int, waiting: Collection[bytes]) -> None:
        """Forget what no longer waits at a provider; ``waiting`` are the commitments that do."""
        with self._database() as database:
            rows = database.execute("SELECT commitment FROM refusal WHERE provider_id = ?", (provider_id,))
            gone = [row for row in rows.fetchall() if row[0] not in waiting]
            database.executemany("DELETE FROM refusal WHERE commitment = ?", gone)

    def of(self, patient: str, key: VaultKey) -> list[tuple[Refused, ServiceEvent]]:
        """A patient's, each with its record, the earliest refusal first. One that ``key`` does not open, or
        that opens another commitment, is left out."""
        with self._database() as database:
            rows = database.execute(
                "SELECT commitment, provider_id, patient, self_pay, reason, refused_at, sealed"
                " FROM refusal WHERE patient = ? ORDER BY refused_at, provider_id, rowid",
                (patient,),
            ).fetchall()
        found = []
        for commitment, provider_id, account, self_pay, reason, refused_at, sealed in rows:
            try:
                opening = Opening.from_bytes(key.unseal(sealed))
                verify(opening, commitment)
            except (AttestationError, MalformedRecord):
                continue
            refused = Refused(
                commitment=commitment,
                provider_id=provider_id,
                patient=account,
                self_pay=bool(self_pay),
                reason=reason,
                refused_at=refused_at,
            )
            found.append((refused, opening.event))
        return found
