"""What an account is about to send, noted before it is sent."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import RLock
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Errand:
    """Something to be done once."""

    verb: str
    """What, in words that no other errand of the account has."""
    contract: str = ""
    """Checksummed: the transaction to it does the errand, others prepare it. Empty: the only one there is."""
    amount: int = 0
    """In micro-dollars."""

    @property
    def key(self) -> str:
        """The same for the same errand of a later run."""
        return f"{self.verb} {self.contract} {self.amount}"


@dataclass(frozen=True, slots=True)
class Sending:
    """A signed transaction that is about to be sent. Several of one nonce are one another's replacements: one
    of them is mined."""

    hash: bytes
    nonce: int
    raw: bytes
    key: str
    """What it is for: an errand's key, or that of a call."""
    is_left: bool = True
    """Does nobody wait for it any more? Its run was cut off, or gave up."""


CALL = "call 0x"
"""How the key begins of a transaction that does no errand: what it repeats is harmless."""


class Outbox(Protocol):
    """Where one account's sendings on one chain are noted, and whose turn it is of several processes."""

    def turn(self) -> AbstractContextManager[object]:
        """Held from taking a nonce until its transaction is sent."""

    def errand(self) -> AbstractContextManager[object]:
        """Held while an errand is done: what is noted for it then is left by a run that was cut off."""

    def sendings(self) -> list[Sending]:
        """All that is noted, in the order in which it was."""

    def note(self, *sendings: Sending) -> None:
        """Write down what is about to be sent. It is on the disk when this returns."""

    def forget(self, nonces: Collection[int]) -> None:
        """Strike out what was noted under these."""


class MemoryOutbox:
    """Notes that go with the process: for accounts of tests, benchmarks and set-ups."""

    def __init__(self) -> None:
        self._sendings: list[Sending] = []
        self._turn = RLock()
        self._errand = RLock()

    def turn(self) -> AbstractContextManager[object]:
        """As ``Outbox``."""
        return self._turn

    def errand(self) -> AbstractContextManager[object]:
        """As ``Outbox``."""
        return self._errand

    def sendings(self) -> list[Sending]:
        """As ``Outbox``."""
        return list(self._sendings)

    def note(self, *sendings: Sending) -> None:
        """As ``Outbox``."""
        self._sendings += sendings

    def forget(self, nonces: Collection[int]) -> None:
        """As ``Outbox``."""
        self._sendings = [each for each in self._sendings if each.nonce not in nonces]
