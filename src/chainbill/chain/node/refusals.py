"""What a node says when it refuses, understood by its words: no two kinds of node use the same codes.

The words are those of geth, anvil, Avalanche, Hardhat and, from their sources, Besu, Erigon and Nethermind.
"""

from __future__ import annotations

import re
from enum import StrEnum

from chainbill.errors import (
    BatchTooLarge,
    ChainError,
    NodeRefused,
    StateForgotten,
    TooManyAddresses,
    UnknownBlock,
)


class Refusal(StrEnum):
    """Why a node refuses."""

    NONCE_TOO_LOW = "nonce too low"
    """The nonce is used: by this very transaction, or by another."""
    NONCE_TOO_HIGH = "nonce too high"
    """One before it is not used; most nodes keep such a transaction until it is."""
    ALREADY_KNOWN = "already known"
    """The very same transaction waits there."""
    REPLACEMENT_TOO_CHEAP = "replacement underpriced"
    """Another one of this nonce waits there, and this one does not offer enough more."""
    FEE_BELOW_BASE = "max fee below the base fee"
    TIP_TOO_LOW = "tip too low"
    """Less than the node takes."""
    TIP_ABOVE_FEE = "tip above the max fee"
    TOTAL_FEE = "total fee over the node's cap"
    INSUFFICIENT_FUNDS = "insufficient funds"
    GAS_TOO_HIGH = "gas limit too high"
    """Over the block's limit, or over a transaction's."""
    GAS_TOO_LOW = "gas limit too low"
    WRONG_CHAIN = "signed for another chain"
    CODE_TOO_LARGE = "creation code too large"
    POOL_FULL = "transaction pool full"
    UNKNOWN_BLOCK = "unknown block"
    """The chain is not that long, or has another block in its place."""
    STATE_FORGOTTEN = "state forgotten"
    """The block is known, and what the contracts held then is not kept."""
    TOO_MANY_ADDRESSES = "too many addresses or topics"
    BATCH_TOO_LARGE = "batch too large"
    UNKNOWN_METHOD = "unknown method"


# The first that fits is meant: what is more exact stands before what is less.
_WORDS: tuple[tuple[Refusal, tuple[str, ...]], ...] = (
    (Refusal.NONCE_TOO_LOW, ("nonce too low", "nonce is too low", "oldnonce", "nonce below")),
    (Refusal.NONCE_TOO_HIGH, ("nonce too high", "nonce too distant")),
    (Refusal.ALREADY_KNOWN, ("already known", "already imported", "known transaction", "alreadyknown")),
    (
        Refusal.REPLACEMENT_TOO_CHEAP,
        ("replacement transaction underpriced", "replacement fee too low", "too low to replace"),
    ),
    (
        Refusal.TIP_TOO_LOW,
        ("underpriced", "gas price below minimum", "below configured minimum"),
    ),
    (Refusal.FEE_BELOW_BASE, ("less than block base fee", "too low for the next block", "below base fee")),
    (Refusal.TIP_ABOVE_FEE, ("higher than max fee per gas", "bigger than maxfeepergas")),
    (Refusal.TOTAL_FEE, ("exceeds the configured cap",)),
    (
        Refusal.INSUFFICIENT_FUNDS,
        ("insufficient funds", "enough funds", "exceeds account balance", "insufficientfunds"),
    ),
    (
        Refusal.GAS_TOO_HIGH,
        (
            "exceeds block gas limit",
            "intrinsic gas too high",
            "gas limit too high",
            "exceeds transaction gas cap",
        ),
    ),
    (Refusal.GAS_TOO_LOW, ("intrinsic gas too low", "intrinsic gas exceeds", "requires at least 21000 gas")),
    (Refusal.WRONG_CHAIN, ("invalid chain id", "invalid chainid", "invalid sender")),
    (Refusal.CODE_TOO_LARGE, ("max initcode size", "init code length")),
    (Refusal.POOL_FULL, ("pool is full", "txpool is full", "pool limit", "pool overflow")),
    (
        Refusal.STATE_FORGOTTEN,
        (
            "missing trie node",
            "historical state",
            "state is not available",
            "state not available",
            "state unavailable",
            "is pruned",
            "due to pruning",
        ),
    ),
    (
        Refusal.UNKNOWN_BLOCK,
        (
            "header not found",
            "unfinalized data",
            "blockoutofrange",
            "unknown block",
            "block not found",
            "invalid block tag",
            "blockhash cannot be found",
            "beyond current head block",
            "after last accepted block",
        ),
    ),
    (Refusal.TOO_MANY_ADDRESSES, ("exceed max addresses", "exceed max topics")),
    (Refusal.BATCH_TOO_LARGE, ("batch too large", "batch size", "batch limit")),
    (Refusal.UNKNOWN_METHOD, ("method not found", "does not exist/is not available", "is not supported")),
)

_RETRY = (
    "these are the node's own words; try again in a while, and if it goes on, use another node: `rpc_url=URL`"
)

_HINTS = {
    Refusal.INSUFFICIENT_FUNDS: "give the account some of the network's gas coin",
    Refusal.NONCE_TOO_LOW: "another program sends from this account: run the command again",
    Refusal.NONCE_TOO_HIGH: "the node is behind, or was restored: run the command again in a while",
    Refusal.REPLACEMENT_TOO_CHEAP: "another transaction of this account waits in its place: try again later",
    Refusal.FEE_BELOW_BASE: "gas has become dearer meanwhile: run the command again",
    Refusal.TIP_TOO_LOW: "this network wants more for gas: raise the floor or the tip of its fee policy",
    Refusal.TIP_ABOVE_FEE: "the cap of this network's fee policy is below its tip: raise it",
    Refusal.TOTAL_FEE: "do less at once, or try again when gas is cheaper",
    Refusal.GAS_TOO_HIGH: "do less at once",
    Refusal.WRONG_CHAIN: "the node is of another chain than it was: check `rpc_url=`",
    Refusal.POOL_FULL: "the network is busy: try again in a while, or use another node: `rpc_url=URL`",
    Refusal.UNKNOWN_BLOCK: "the node is behind, or its chain was reorganised or restored: try again",
    Refusal.STATE_FORGOTTEN: "name a newer block, or ask an archive node: `rpc_url=URL`",
}


_PATTERNS = tuple((refusal, re.compile(r"\b(" + "|".join(words) + ")")) for refusal, words in _WORDS)


def refusal_of(message: str) -> Refusal | None:
    """What a node means by its words; None: not one of these."""
    return next((refusal for refusal, words in _PATTERNS if words.search(message.lower())), None)


def refused(message: str) -> ChainError:
    """The error of a transaction or a call that was refused, in the node's words."""
    refusal = refusal_of(message)
    kind = ChainError if refusal is None else _KINDS.get(refusal, ChainError)
    return kind(f"the node refused: {message}", hint=_hint(refusal))


def read_refused(method: str, message: str) -> NodeRefused:
    """The error of a read that was refused, in the node's words."""
    refusal = refusal_of(message)
    kind = NodeRefused if refusal is None else _KINDS.get(refusal, NodeRefused)
    return kind(f"the node refused {method}: {message}", hint=_hint(refusal))


_KINDS: dict[Refusal, type[NodeRefused]] = {
    Refusal.UNKNOWN_BLOCK: UnknownBlock,
    Refusal.STATE_FORGOTTEN: StateForgotten,
    Refusal.TOO_MANY_ADDRESSES: TooManyAddresses,
    Refusal.BATCH_TOO_LARGE: BatchTooLarge,
}


def _hint(refusal: Refusal | None) -> str:
    return _RETRY if refusal is None else _HINTS.get(refusal, _RETRY)
