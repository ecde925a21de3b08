"""A connection to a node, and its clock."""

from __future__ import annotations

from urllib.parse import urlsplit

import requests
from web3 import Web3
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from chainbill.errors import ChainError

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def connect(rpc_url: str, *, timeout_seconds: float = 30.0) -> Web3:
    """Connect to a JSON-RPC node over HTTP.

    Raises:
        ChainError: nothing answers there.
    """
    session = requests.Session()
    # A proxy named by the environment cannot reach this machine's own loopback interface.
    session.trust_env = urlsplit(rpc_url).hostname not in _LOOPBACK
    w3 = Web3(
        Web3.HTTPProvider(
            rpc_url,
            request_kwargs={"timeout": timeout_seconds},
            session=session,
            # web3 asks for the chain id before every call; it does not change while a node is the same.
            cache_allowed_requests=True,
            cacheable_requests={RPCEndpoint("eth_chainId")},
        )
    )
    try:
        w3.eth.chain_id  # noqa: B018 - the call is the check
    except (OSError, Web3Exception, ValueError):
        raise ChainError(f"no node answers at {rpc_url}", hint="start one: chainbill devnet up") from None
    return w3


def chain_time(w3: Web3) -> int:
    """The time of the newest block, in seconds since 1970: the only clock protocol times are taken from."""
    return int(w3.eth.get_block("latest")["timestamp"])
