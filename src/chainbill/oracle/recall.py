"""A provider takes back what it attested and is not settled yet: the oracle's part.

From the moment it is taken back an attestation goes into no new batch. Where a batch with it is signed and
sent, that batch may still settle until its deadline: until then it is not given back, and this says so.
"""

from __future__ import annotations

from enum import StrEnum

from chainbill.attestation.signing import recover
from chainbill.attestation.typed_data import RecallAttestation
from chainbill.chain.protocol import Protocol
from chainbill.errors import AttestationError
from chainbill.oracle.store import FINAL, OracleStore, StoredAttestation

REQUEST_LIFE_SECONDS = 600
"""How long the oracle acts on a signed recall, so that nobody can send it again later."""


class RecallEnd(StrEnum):
    """How a recall ended, as a stable word."""

    RECALLED = "recalled"
    """It waits on the worklist again, or is dropped from it."""
    RECALLED_BEFORE = "recalled_before"
    """It was taken back before; nothing was left to do."""
    IN_SIGNED_BATCH = "in_signed_batch"
    """Recalled: it goes into no new batch, but one that was signed and sent may still settle it, and until
    then it is not given back."""
    SETTLED = "settled"
    """Too late: the chain has settled or denied it."""
    NO_RECORD = "no_record"
    """Nothing was done: its record cannot be opened, so it could not be put back."""


# ---- the oracle's part --------------------------------------------------------------------------------


def take_back(
    protocol: Protocol, store: OracleStore, request: RecallAttestation, signature: bytes
) -> tuple[RecallEnd, StoredAttestation]:
    """Act on a signed recall.

    The provider's payout address may recall whatever the provider attested; an attester key what it has
    signed itself, as long as it may sign.

    Raises:
        AttestationError: signed by somebody who may not, too late, or nothing of the provider's.
        ChainError: the node could not be reached or refused.
    """
    stored = store.find(digest=request.attestation)
    if stored is None or stored.attestation.provider_id != request.provider_id:
        raise AttestationError("the oracle has no such attestation of this provider")
    if request.deadline < protocol.now():
        raise AttestationError("the recall was signed too long ago")
    _check_authority(protocol, stored, recover(request.digest(protocol.domain), signature))
    foreseen, _ = foresee(protocol, stored)
    if foreseen is RecallEnd.SETTLED:
        if stored.status not in FINAL:
            store.mark_spent(stored.row)
        return foreseen, stored
    # A run of the oracle may be at work: what it has written down until now counts.
    return foresee(protocol, store.recall(stored.row))


def foresee(protocol: Protocol, stored: StoredAttestation) -> tuple[RecallEnd, StoredAttestation]:
    """How a recall would end, without doing it; errors as ``take_back``."""
    attestation = stored.attestation
    if stored.status in FINAL or protocol.settlement.is_spent(attestation.provider_id, attestation.sequence):
        return RecallEnd.SETTLED, stored
    if stored.signed_until >= protocol.now():
        return RecallEnd.IN_SIGNED_BATCH, stored
    return RecallEnd.RECALLED, stored


def _check_authority(protocol: Protocol, stored: StoredAttestation, signer: str) -> None:
    registry, provider_id = protocol.registry, stored.attestation.provider_id
    if signer == registry.payout_address(provider_id):
        return
    digest = stored.attestation.digest(protocol.domain)
    own = bool(stored.signature) and recover(digest, stored.signature) == signer
    if not own or not registry.is_attester(provider_id, signer):
        raise AttestationError(
            f"{signer} may not recall sequence {stored.attestation.sequence} of provider {provider_id}",
            hint="the payout address's key may recall everything: --key NAME; an attester key what it signed",
        )
