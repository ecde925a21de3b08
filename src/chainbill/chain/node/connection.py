"""A connection to a node, and its clock."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import TransactionNotFound
from web3.middleware import AttributeDictMiddleware, ExtraDataToPOAMiddleware
from web3.types import TxReceipt

from chainbill.chain.node.json_rpc import TIMEOUT_SECONDS, JsonRpc
from chainbill.chain.node.mapped_errors import mapped_errors, other_chain
from chainbill.chain.node.provider import NodeProvider
from chainbill.errors import ChainError, UnknownBlock

_MIDDLEWARE: list[Any] = [
    (AttributeDictMiddleware, "attrdict"),
    # Validators that agree before a block is made put their signatures into its extra data.
    (ExtraDataToPOAMiddleware, "long extra data"),
]
"""Without the rest of web3's own, which looks up names and chooses gas prices: nobody here asks that of it,
and it takes its time at each request."""


def connect(rpc_url: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> Web3:
    """Connect to a JSON-RPC node over HTTP.

    Raises:
        NodeError: nothing answers there, or nothing that is a node.
    """
    w3 = Web3(NodeProvider(rpc_url, timeout_seconds=timeout_seconds), middleware=_MIDDLEWARE)
    with mapped_errors():
        w3.eth.chain_id  # noqa: B018 - the call is the check
    return w3


def json_rpc_of(w3: Web3) -> JsonRpc:
    """The node that web3 is connected to, over the same connection.

    Raises:
        ChainError: it is connected to no node over HTTP.
    """
    provider = w3.provider
    if not isinstance(provider, NodeProvider):
        raise ChainError("this connection is to no node over HTTP")
    return provider.json_rpc


def check_deployed(w3: Web3, address: str) -> None:
    """Check that a node's chain holds a contract that is recorded for it.

    Raises:
        NodeError: the node is of another chain of the same id, or does not answer.
    """
    with mapped_errors():
        if not w3.eth.get_code(Web3.to_checksum_address(address)):
            raise other_chain()


def newest_block(w3: Web3) -> int:
    """The number of the newest block.

    Raises:
        ChainError: the node could not be reached or refused.
    """
    with mapped_errors():
        return int(w3.eth.get_block("latest")["number"])


def hash_of_block(w3: Web3, number: int) -> bytes | None:
    """The hash of the block of a number; None where the chain is not that long.

    Raises:
        ChainError: the node could not be reached or refused.
    """
    with suppress(UnknownBlock), mapped_errors():
        return bytes(w3.eth.get_block(number)["hash"])
    return None


def time_of_block(w3: Web3, block: HexBytes | int) -> int:
    """The time of the block of a hash or a number, in seconds since 1970.

    Raises:
        UnknownBlock: the node has no such block, or no longer.
        ChainError: the node could not be reached or refused.
    """
    with mapped_errors():
        return int(w3.eth.get_block(block)["timestamp"])


def find_receipt(w3: Web3, transaction: bytes) -> TxReceipt | None:
    """The receipt of a transaction's hash; None where it is in no block.

    Raises:
        ChainError: the node could not be reached or refused.
    """
    with mapped_errors(), suppress(TransactionNotFound):
        return w3.eth.get_transaction_receipt(HexBytes(transaction))
    return None


def calldata_of(w3: Web3, transaction: bytes) -> bytes:
    """What the transaction of a hash calls with; nothing where the node has no such transaction.

    Raises:
        ChainError: the node could not be reached or refused.
    """
    with mapped_errors(), suppress(TransactionNotFound):
        return bytes(w3.eth.get_transaction(HexBytes(transaction))["input"])
    return b""


def has_code(w3: Web3, address: str) -> bool:
    """Is there a contract at an address? It then answers for its signatures itself (ERC-1271).

    Raises:
        ChainError: the node could not be reached or refused.
    """
    with mapped_errors():
        return bool(w3.eth.get_code(Web3.to_checksum_address(address)))


def chain_time(w3: Web3) -> int:
    """The time of the newest block, in seconds since 1970: the only clock protocol times are taken from."""
    with mapped_errors():
        return int(w3.eth.get_block("latest")["timestamp"])
