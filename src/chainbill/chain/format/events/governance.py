"""What settlement logs of its quorums and its pause."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.chain.format.events.base import Event


@dataclass(frozen=True, slots=True)
class EpochOpened(Event):
    """A new oracle quorum may sign."""

    epoch: int
    threshold: int
    members: tuple[str, ...]
    previous_ends_at: int


@dataclass(frozen=True, slots=True)
class EpochEnded(Event):
    """An oracle quorum stopped at once."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Paused(Event):
    """Settlement was stopped."""

    account: str


@dataclass(frozen=True, slots=True)
class Unpaused(Event):
    """Settlement was resumed."""

    account: str
