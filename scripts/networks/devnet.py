"""The project's own devnet, anvil, with the face of the others."""

from __future__ import annotations

from pathlib import Path

from eth_account.signers.local import LocalAccount

from chainbill.chain.devnet import anvil
from chainbill.chain.node.finality import DEVNET_FINALITY

from .engine import COINS, Engine
from .process import free_ports


class Devnet(Engine):
    """One anvil, which makes a block for each transaction. Only a graceful end keeps its chain."""

    name = "devnet"
    finality = DEVNET_FINALITY

    def __init__(self, folder: Path, funded: LocalAccount) -> None:
        """
        Args:
            folder: for its chain and its log, `anvil.log`.
            funded: has coins from the start on.
        """
        super().__init__(folder, funded, anvil.CHAIN_ID)
        (self._port,) = free_ports(1)
        self._anvil: anvil.Anvil | None = None

    @property
    def rpc_url(self) -> str:
        """Where it answers: the same after a restart."""
        return f"http://{anvil.HOST}:{self._port}"

    def start(self) -> None:
        """Start it unless it runs, and wait until it answers. Raises DevnetError: it does not."""
        if self._anvil is not None and self._anvil.is_running():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._anvil = anvil.start(self.folder / "chain.json", self.folder / "anvil.log", port=self._port)
        self._anvil.call("anvil_setBalance", self.funded.address, hex(COINS))

    def stop(self) -> None:
        """End it gracefully and wait until it is gone: its chain is saved."""
        running, self._anvil = self._anvil, None
        if running is not None and running.is_running():
            running.stop()

    def kill(self) -> None:
        """End it by SIGKILL and wait until it is gone: what was made since the last start is lost."""
        running, self._anvil = self._anvil, None
        if running is not None:
            running.kill()
