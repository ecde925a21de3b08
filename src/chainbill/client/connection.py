"""``connect``: chainbill on one chain, and an object for each role there."""

from __future__ import annotations

import os
from pathlib import Path

from eth_account.signers.local import LocalAccount

from chainbill.operations.actor import Actor
from chainbill.state.address_book import Role
from chainbill.state.directory import StateDirectory
from chainbill.state.session import Session

Who = LocalAccount | str
"""An account with its key; or, by name, one whose keystore is in the state directory; or an address, to read
only."""


class Chainbill:
    """One deployment, through one node. Made by ``connect``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def _actor(self, who: Who, role: Role) -> Actor:
        if isinstance(who, LocalAccount):
            return Actor.of(self._session, who)
        if who.startswith("0x"):
            return Actor.reading(self._session, who)
        return Actor.named(self._session, who, role)


def connect(rpc_url: str | None = None, *, state: str | os.PathLike[str] | None = None) -> Chainbill:
    """Connect to a deployment.

    Args:
        rpc_url: the node; else ``$CHAINBILL_RPC_URL``, else the state directory's devnet.
        state: the state directory; else ``$CHAINBILL_STATE_DIR``, else ``~/.chainbill``.

    Raises:
        DevnetError: no node is named and the devnet is not running.
        NodeError: no node answers, or one of another chain of the same id.
        NotDeployed: no deployment is recorded for its chain.
        StateError: the state directory cannot be used.
    """
    return Chainbill(Session.open(StateDirectory.open(Path(state) if state else None), rpc_url))
