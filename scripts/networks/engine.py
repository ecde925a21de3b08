"""What every chain on this machine has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from eth_account.signers.local import LocalAccount

from chainbill.chain.node.finality import Finality
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.errors import ChainError

COINS = 10**27
"""What the funded account has at the start, in the coin's smallest unit."""

BLOCK_GAS = 60_000_000
"""Gas limit of a block, as on Ethereum; a transaction may use 2^24 of it."""

_ANSWER_SECONDS = 2.0


class Engine(ABC):
    """A chain that can be ended in any way and started again, with its data kept; a context manager."""

    name: str
    """As tests and tables call it."""

    finality = Finality()
    """When a block counts as final there."""

    def __init__(self, folder: Path, funded: LocalAccount, chain_id: int) -> None:
        """
        Args:
            folder: for its data and its logs; what is in there is gone on with.
            funded: gets coins enough for everything, and may do what the network lets only some do.
            chain_id: of a new chain.
        """
        self.folder = folder
        self.funded = funded
        self.chain_id = chain_id

    @property
    @abstractmethod
    def rpc_url(self) -> str:
        """Where it answers: the same after a restart."""

    @property
    def rpc_urls(self) -> tuple[str, ...]:
        """Where each of its nodes answers, whether it runs or not."""
        return (self.rpc_url,)

    def admit(self, addresses: Sequence[str], *, may_deploy: bool = False) -> None:  # noqa: B027 - see below
        """Let accounts send transactions, and deploy contracts where ``may_deploy``. Nothing is to be done
        where everybody may.

        Raises:
            ChainError: the chain does not answer.
        """

    @abstractmethod
    def start(self) -> None:
        """Start it, or what of it does not run, and wait until it answers.

        Raises:
            EngineError: it ends, or does not answer in time; then nothing of it runs.
        """

    @abstractmethod
    def stop(self) -> None:
        """End it gracefully and wait until it is gone; nothing happens where it does not run."""

    @abstractmethod
    def kill(self) -> None:
        """End it by SIGKILL and wait until it is gone; nothing happens where it does not run."""

    def restart(self) -> None:
        """Start it again; where it runs, end it gracefully before. Raises EngineError."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def answers(rpc_url: str, chain_id: int) -> bool:
    """Does a node of this chain answer there?"""
    try:
        with JsonRpc(rpc_url, timeout_seconds=_ANSWER_SECONDS) as node:
            return int(node.call("eth_chainId"), 16) == chain_id
    except ChainError:
        return False
