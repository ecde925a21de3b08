"""Ids of settled claims, and the tree over a batch's claims: the twin of ``ClaimSettlement.claimId``.

A claim's id is the double keccak256 of 256 bytes: a prefix that names chain, contract, batch, time and
operator, the patient, the commitment, and the five words of ``contracts/codec/PackedClaim.sol``. Ids are
the leaves of their batch's tree, in the order of its rows; pairs are hashed sorted, and an odd node is
promoted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over ``leaves``; 32 zero bytes where there is none."""
    if not leaves:
        return bytes(32)
    *_, top = _levels(leaves)
    return top[0]


def merkle_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The siblings from leaf ``index`` up; a promoted node has none on its level."""
    proof = []
    for level in _levels(leaves):
        sibling = index ^ 1
        if sibling < len(level):
            proof.append(level[sibling])
        index //= 2
    return proof


def root_of_proof(leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root that a proof leads to."""
    for sibling in proof:
        leaf = _pair(leaf, sibling)
    return leaf


def _levels(leaves: Sequence[bytes]) -> Iterator[list[bytes]]:
    """From the leaves to the root."""
    level = list(leaves)
    yield level
    while len(level) > 1:
        pairs = [_pair(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(level) - len(level) % 2 :]
        yield level


def _pair(left: bytes, right: bytes) -> bytes:
    """Sorted, so that a proof need not say on which side its siblings stand."""
    return keccak256(left + right if left < right else right + left)


def _address_word(address: str) -> bytes:
    return bytes(12) + bytes.fromhex(address.removeprefix("0x"))


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")
