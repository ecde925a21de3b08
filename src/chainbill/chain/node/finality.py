"""Which blocks stay: those that the node calls final, or so deep that nobody takes them back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from web3 import Web3
from web3.exceptions import BlockNotFound, Web3RPCError

from chainbill.chain.node.connection import newest_block
from chainbill.errors import ChainError


class FinalityTag(StrEnum):
    """A block that a node tells of."""

    FINALIZED = "finalized"
    """It is never taken back: two thirds of the validators have said so."""
    SAFE = "safe"
    """It is taken back only if most validators turn."""


@dataclass(frozen=True, slots=True)
class Finality:
    """When a block of a network counts as final."""

    tag: FinalityTag | None = FinalityTag.FINALIZED
    """The node's word, where it gives one; None: the depth alone."""
    confirmations: int = 64
    """Blocks upon one that is final, where the node gives no word: 0 where the newest block is."""

    def __post_init__(self) -> None:
        if self.confirmations < 0:
            raise ChainError("a block has no fewer than zero confirmations")


DEVNET_FINALITY = Finality(tag=None, confirmations=0)
"""One anvil: what it has mined stays, and its tags name block 0 whatever was mined."""


_DEVELOPMENT_NODES = ("anvil/", "hardhatnetwork/", "ganache/")
"""How nodes call themselves that make a block for each transaction, alone, on a chain of their own."""


_DEVELOPMENT_CHAIN = 31_337
"""The chain id that they have where nobody says otherwise, and no other chain."""


def usual_finality(w3: Web3, chain_id: int) -> Finality:
    """When a block counts as final on a chain of which nobody has said: the newest on a development node, and
    elsewhere by the node's word, or 64 blocks deep where it has none.

    Raises:
        NodeError: the node gave no usable answer.
    """
    if chain_id == _DEVELOPMENT_CHAIN:
        return DEVNET_FINALITY
    with suppress(Web3RPCError):
        if str(w3.client_version).lower().startswith(_DEVELOPMENT_NODES):
            return DEVNET_FINALITY
    return Finality()


def final_block(w3: Web3, finality: Finality) -> int:
    """The number of the newest final block; 0, the first, where there is no later one.

    Raises:
        ChainError: the node could not be reached or refused.
    """
    told = _told(w3, finality.tag) if finality.tag is not None else 0
    # A node that calls no block but the first final has no word of its own: anvil, a chain of one node.
    return told or max(0, newest_block(w3) - finality.confirmations)


def _told(w3: Web3, tag: FinalityTag) -> int:
    """The block that a tag names; 0 where the node does not know the tag, or no such block yet."""
    with suppress(BlockNotFound, Web3RPCError):
        return int(w3.eth.get_block(tag.value)["number"])
    return 0
