"""The oracle's store, from the chain, where it was lost.

The chain says which sequences are spent and under which commitments. Which record a commitment is of, only
its opening in the vault says, or a worklist that is still there; the oracle is told by the provider. Nothing
that is spent can be attested again, and nothing that was never paid is lost: it is named, so that it can be.

Every step leaves both files whole; a run that is cut off is finished by running it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from chainbill.billing.outcomes import Outcome
from chainbill.chain.format.attested_claim import attestation_of
from chainbill.chain.protocol import Protocol
from chainbill.chain.row_index import LoggedRow, Place
from chainbill.oracle.api import Status
from chainbill.oracle.store import Finished, OracleStore, StoredAttestation, StoredBatch
from chainbill.records.commitment import Opening, verify

_STATUS = {Outcome.SETTLED: Status.SETTLED, Outcome.DENIED: Status.DENIED}


@dataclass(frozen=True, slots=True)
class RebuiltStore:
    """What the oracle's store did not know, and what it does not know still."""

    restored: list[Place] = field(default_factory=list)
    """Claims that it knew nothing of."""
    corrected: list[Place] = field(default_factory=list)
    """Attestations whose end it had not written down."""
    contradicted: list[Place] = field(default_factory=list)
    """Sequences that the chain has spent on another commitment than the one accepted here."""
    to_attest_again: list[Place] = field(default_factory=list)
    """Put back by the chain, and their attestations are gone: their providers attest them again."""
    records_unknown: int = 0
    """Claims of which nobody has said yet which record they are of."""


def rebuild_store(protocol: Protocol, store: OracleStore) -> RebuiltStore:
    """Write down what the chain knows of every attestation and the store does not. Repeated, it changes
    nothing.

    Raises:
        ChainError: the node could not be reached or refused.
        LedgerError: settlement logged what cannot be decoded.
    """
    done = RebuiltStore()
    newest = {row.place: row for row in protocol.rows.rows()}
    for row in _final_rows(protocol):
        stored = store.find_sequence(*row.place)
        if stored is None:
            if _restore(protocol, store, row):
                done.restored.append(row.place)
        elif stored.attestation.commitment != row.claim.commitment:
            if stored.status is not Status.SPENT:
                store.mark_spent(stored.row)
            done.contradicted.append(row.place)
        elif stored.status is not _STATUS[row.outcome] or stored.claim_id != protocol.rows.claim_id(row):
            store.finish({stored.row: _finished(protocol, row)}, _batch(row))
            done.corrected.append(row.place)
    for place, row in newest.items():
        if not row.is_final and store.find_sequence(*place) is None:
            done.to_attest_again.append(place)
    return replace(done, records_unknown=len(store.unknown_records()))


def unknown_claims(protocol: Protocol, store: OracleStore) -> list[Place]:
    """Claims that the chain has settled or denied and the store knows nothing of: it was lost, or is older.

    Raises:
        ChainError: the node could not be reached or refused.
        LedgerError: settlement logged what cannot be decoded.
    """
    return [row.place for row in _final_rows(protocol) if store.find_sequence(*row.place) is None]


def name_records(store: OracleStore, provider_id: int, records: Mapping[bytes, Opening | str]) -> int:
    """Tell the oracle of which records a provider's rebuilt claims are, as ``OracleApi`` has it; returns how
    many it learnt.

    Raises:
        AttestationError: a record does not open the commitment that it is named for.
    """
    learnt = 0
    for stored in store.unknown_records(provider_id):
        record = records.get(stored.attestation.commitment)
        if record is not None:
            learnt += _name_record(store, stored, record)
    return learnt


def _name_record(store: OracleStore, stored: StoredAttestation, record: Opening | str) -> bool:
    readings: tuple[bytes, ...] = ()
    if isinstance(record, Opening):
        # What a provider says of readings would else shut those of others out.
        verify(record, stored.attestation.commitment)
        identity = record.event.record_identity
        readings = store.reading_keys(stored.attestation, record.event)
    else:
        identity = record
    key = store.record_key(stored.attestation.provider_id, identity)
    return store.name_record(stored.row, key, readings=readings)


def _final_rows(protocol: Protocol) -> Iterable[LoggedRow]:
    return (row for row in protocol.rows.rows() if row.is_final)


def _restore(protocol: Protocol, store: OracleStore, row: LoggedRow) -> bool:
    attestation = attestation_of(row.patient, row.claim)
    return store.restore(
        attestation,
        digest=attestation.digest(protocol.domain),
        corrects=row.corrects,
        result=_finished(protocol, row),
        batch=_batch(row),
    )


def _finished(protocol: Protocol, row: LoggedRow) -> Finished:
    return Finished(_STATUS[row.outcome], row.claim.reason, protocol.rows.claim_id(row))


def _batch(row: LoggedRow) -> StoredBatch:
    return StoredBatch(row.transaction, row.block, row.block_hash)
