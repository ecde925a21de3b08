"""A provider takes back what it attested and is not settled yet: the oracle's part.

From the moment it is taken back an attestation goes into no new batch. Where a batch with it is signed and
sent, that batch may still settle until its deadline: until then it is not given back, and this says so.
"""

from __future__ import annotations

from chainbill.attestation.signing import recover
from chainbill.attestation.typed_data import RecallAttestation
from chainbill.chain.protocol import Protocol
from chainbill.errors import AttestationError
from chainbill.oracle.api import FINAL, RecallEnd
from chainbill.oracle.store import OracleStore, StoredAttestation


def take_back(
    protocol: Protocol, store: OracleStore, request: RecallAttestation, signature: bytes
) -> tuple[RecallEnd, StoredAttestation]:
    """Act on a signed recall: how it ends, and the attestation as it stands then; errors as
    ``OracleApi.recall``."""
    stored = find_own(store, request.provider_id, request.attestation)
    if request.deadline < protocol.now():
        raise AttestationError("the recall was signed too long ago")
    _check_authority(protocol, stored, recover(request.digest(protocol.domain), signature))
    if foresee(protocol, stored) is RecallEnd.SETTLED:
        if stored.status not in FINAL:
            store.mark_spent(stored.row)
        return RecallEnd.SETTLED, stored
    # A run of the oracle may be at work: what it has written down until now counts.
    recalled = store.recall(stored.row)
    return foresee(protocol, recalled), recalled


def find_own(store: OracleStore, provider_id: int, digest: bytes) -> StoredAttestation:
    """A provider's own attestation.

    Raises:
        AttestationError: there is none of the digest.
    """
    stored = store.find(digest=digest)
    if stored is None or stored.attestation.provider_id != provider_id:
        raise AttestationError("the oracle has no such attestation of this provider")
    return stored


def foresee(protocol: Protocol, stored: StoredAttestation) -> RecallEnd:
    """How a recall would end, without doing it.

    Raises:
        ChainError: the node could not be reached or refused.
    """
    attestation = stored.attestation
    if stored.status in FINAL or protocol.settlement.is_spent(attestation.provider_id, attestation.sequence):
        return RecallEnd.SETTLED
    if stored.signed_until >= protocol.now():
        return RecallEnd.IN_SIGNED_BATCH
    return RecallEnd.RECALLED


def _check_authority(protocol: Protocol, stored: StoredAttestation, signer: str) -> None:
    registry, provider_id = protocol.registry, stored.attestation.provider_id
    if signer == registry.payout_address(provider_id):
        return
    digest = stored.attestation.digest(protocol.domain)
    own = bool(stored.signature) and recover(digest, stored.signature) == signer
    if not own or not registry.is_attester(provider_id, signer):
        raise AttestationError(
            f"{signer} may not recall sequence {stored.attestation.sequence} of provider {provider_id}",
            hint="the payout address's key may recall everything: `key=NAME`; an attester key what it signed",
        )
