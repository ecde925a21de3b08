"""The leaves of a batch's tree, ids of settled claims: the twin of ``ClaimSettlement.claimId``.

A claim's id is the double keccak256 of 256 bytes: a prefix that names chain, contract, batch, time and
operator, the patient, the commitment, and the five words of ``contracts/codec/PackedClaim.sol``. Leaves stand
in the order of their batch's rows; ``records.merkle_tree`` is the tree over them.
"""

from __future__ import annotations

from chainbill.chain.format.events import Claim, SecondaryShares
from chainbill.chain.format.packed_claim import NO_SECONDARY, pack_claim, pack_secondary
from chainbill.records.hashing import keccak256

CLAIM_DOMAIN = keccak256(b"chainbill.claim.v1")
"""Sets claims apart from everything else that is hashed."""


def claim_prefix(
    chain_id: int, settlement: str, batch_digest: bytes, settled_at: int, operator: str
) -> bytes:
    """What the ids of one batch's claims have in common: 32 bytes."""
    words = (
        CLAIM_DOMAIN,
        _word(chain_id),
        _address_word(settlement),
        batch_digest,
        _word(settled_at),
        _address_word(operator),
    )
    return keccak256(b"".join(words))


def claim_id(prefix: bytes, patient: str, claim: Claim, secondary: SecondaryShares = NO_SECONDARY) -> bytes:
    """A settled claim's id: the leaf of its batch's tree."""
    words = pack_claim(claim) + pack_secondary(secondary)
    return keccak256(keccak256(prefix + _address_word(patient) + claim.commitment + words))


def _address_word(address: str) -> bytes:
    return bytes(12) + bytes.fromhex(address.removeprefix("0x"))


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")
