"""What the chain is asked again before an attestation goes into a batch, and by each node before it signs.

An attestation was checked when it was accepted. Since then its provider may have revoked the key that signed
it, its commitment may have come under another sequence, and a reading of its record may count for another
attestation, accepted before: a recall or a reorganisation lets both in.
"""

from __future__ import annotations

from collections.abc import Sequence

from chainbill.attestation.signing import recover
from chainbill.chain.protocol import Protocol
from chainbill.chain.row_index import Place
from chainbill.errors import AttestationError
from chainbill.oracle.api import Hold
from chainbill.oracle.store import OracleStore, StoredAttestation


class Examination:
    """One look at the chain: each key is asked for once."""

    def __init__(self, protocol: Protocol, store: OracleStore) -> None:
        self._protocol = protocol
        self._store = store
        self._active: dict[tuple[int, str], bool] = {}

    def objections(self, attestations: Sequence[StoredAttestation]) -> dict[Place, Hold]:
        """By provider and sequence: why an attestation must go into no batch. Of several with one commitment
        only the first, in the order given, may.

        Raises:
            ChainError: the node could not be reached or refused.
        """
        first: dict[bytes, Place] = {}
        found: dict[Place, Hold] = {}
        counted = self._store.counted_before(attestations)
        for stored in attestations:
            reason = self._objection(stored)
            if reason is None and stored.row in counted:
                reason = Hold.READING_COUNTED
            if (
                reason is None
                and first.setdefault(stored.attestation.commitment, stored.place) != stored.place
            ):
                reason = Hold.COMMITMENT_REUSED
            if reason is not None:
                found[stored.place] = reason
        return found

    def _objection(self, stored: StoredAttestation) -> Hold | None:
        attestation = stored.attestation
        try:
            signer = recover(attestation.digest(self._protocol.domain), stored.signature)
        except AttestationError:
            return Hold.NOT_SIGNED
        if not self.may_sign(attestation.provider_id, signer):
            return Hold.ATTESTER_REVOKED
        elsewhere = self._protocol.rows.places_of(attestation.commitment)
        if elsewhere - {stored.place}:
            return Hold.COMMITMENT_REUSED
        return None

    def may_sign(self, provider_id: int, signer: str) -> bool:
        """May this key sign for the provider?

        Raises:
            ChainError: the node could not be reached or refused.
        """
        key = (provider_id, signer)
        if key not in self._active:
            self._active[key] = self._protocol.registry.is_attester(*key)
        return self._active[key]
