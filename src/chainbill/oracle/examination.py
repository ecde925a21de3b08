"""What the chain is asked again before an attestation goes into a batch, and by each node before it signs.

An attestation was checked when it was accepted. Since then its provider may have revoked the key that signed
it, and its commitment may have come under another sequence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chainbill.attestation.signing import recover
from chainbill.attestation.typed_data import SettlementBatch
from chainbill.chain.format.batch_codec import BatchRow, BatchSection, decode_sections
from chainbill.chain.protocol import Protocol
from chainbill.errors import AttestationError
from chainbill.oracle.store import Hold, StoredAttestation


class Examination:
    """One look at the chain: each key is asked for once."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._active: dict[tuple[int, str], bool] = {}

    def objections(self, attestations: Sequence[StoredAttestation]) -> dict[int, Hold]:
        """By row: why an attestation must go into no batch. Of several with one commitment only the first,
        in the order given, may.

        Raises:
            ChainError: the node could not be reached or refused.
        """
        first: dict[bytes, int] = {}
        found: dict[int, Hold] = {}
        for stored in attestations:
            reason = self._objection(stored)
            if reason is None and first.setdefault(stored.attestation.commitment, stored.row) != stored.row:
                reason = Hold.COMMITMENT_REUSED
            if reason is not None:
                found[stored.row] = reason
        return found

    def _objection(self, stored: StoredAttestation) -> Hold | None:
        attestation = stored.attestation
        try:
            signer = recover(attestation.digest(self._protocol.domain), stored.signature)
        except AttestationError:
            return Hold.NOT_SIGNED
        if not self._may_sign(attestation.provider_id, signer):
            return Hold.ATTESTER_REVOKED
        elsewhere = self._protocol.rows.places_of(attestation.commitment)
        if elsewhere - {(attestation.provider_id, attestation.sequence)}:
            return Hold.COMMITMENT_REUSED
        return None

    def _may_sign(self, provider_id: int, signer: str) -> bool:
        key = (provider_id, signer)
        if key not in self._active:
            self._active[key] = self._protocol.registry.is_attester(*key)
        return self._active[key]


def check_rows_attested(batch: SettlementBatch, members: Iterable[StoredAttestation]) -> None:
    """Check that a batch says of each event what its attestation says, and of no other.

    Raises:
        AttestationError: a row has no attestation, or says something else.
    """
    attested = {
        (stored.attestation.provider_id, stored.attestation.sequence): _said_by_provider(stored)
        for stored in members
    }
    for section in decode_sections(batch.sections):
        for row in section.rows:
            place = (section.provider_id, row.sequence)
            if attested.get(place) != _said_by_batch(section, row):
                raise AttestationError(
                    f"sequence {row.sequence} of provider {section.provider_id} is in the batch as its"
                    " provider has not attested it"
                )


def _said_by_provider(stored: StoredAttestation) -> tuple[object, ...]:
    attestation = stored.attestation
    return (
        attestation.payer_id,
        bytes.fromhex(attestation.patient[2:]),
        attestation.commitment,
        attestation.service_id,
        attestation.units,
        attestation.billed_amount,
        attestation.benefit_year,
        stored.routing.corrects,
    )


def _said_by_batch(section: BatchSection, row: BatchRow) -> tuple[object, ...]:
    return (
        section.payer_id,
        row.patient,
        row.commitment,
        row.service_id,
        row.units,
        row.billed,
        row.benefit_year,
        row.corrects,
    )
