"""The Merkle tree over a batch's claims and over a record's readings. ``contracts/codec/ClaimTree.sol`` is
its twin.

Pairs are hashed sorted, and an odd node is promoted as it is. Leaves are hashes of hashes, so that no node of
the tree, which is the hash of 64 bytes, can pass for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chainbill.records.hashing import keccak256


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


def proof_length(count: int, index: int) -> int:
    """How many siblings the proof of leaf ``index`` of so many has."""
    siblings = 0
    while count > 1:
        siblings += index ^ 1 < count
        index, count = index // 2, (count + 1) // 2
    return siblings


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
