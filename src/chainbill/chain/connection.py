"""A connection to a node, and its clock."""

from __future__ import annotations

from web3 import Web3
from web3.exceptions import Web3Exception

from chainbill.errors import ChainError


def connect(rpc_url: str, *, timeout_seconds: float = 30.0) -> Web3:
    """Connect to a JSON-RPC node over HTTP.

    Raises:
        ChainError: nothing answers there.
    """
    w3 = Web3(Web3.HTTPProvider(rpc_url, request_kwargs={"timeout": timeout_seconds}))
    try:
        w3.eth.chain_id  # noqa: B018 - the call is the check
    except (OSError, Web3Exception, ValueError):
        raise ChainError(f"no node answers at {rpc_url}", hint="start one: chainbill devnet up") from None
    return w3


def chain_time(w3: Web3) -> int:
    """The time of the newest block, in seconds since 1970: the only clock protocol times are taken from."""
    return int(w3.eth.get_block("latest")["timestamp"])
