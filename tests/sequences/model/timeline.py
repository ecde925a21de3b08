"""What held when: the whole history of a thing that changes, where the contracts remember two versions."""

from __future__ import annotations

from typing import Generic, TypeVar

MINUTE, HOUR, DAY = 60, 3_600, 86_400
NOTICE = DAY
MAX_BATCH_LIFE = 6 * HOUR

T = TypeVar("T")


class Refused(Exception):
    """The ledger does not allow it: the contract must revert with this error."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Timeline(Generic[T]):
    """Values by the second from which they hold; the first has always held."""

    def __init__(self, first: T) -> None:
        self.entries: list[tuple[int, T]] = [(0, first)]

    def at(self, time: int) -> T:
        """What holds at a time."""
        for since, value in reversed(self.entries):
            if since <= time:
                return value
        raise AssertionError("the first entry has always held")

    def is_announced(self, now: int) -> bool:
        """Does a later value wait?"""
        return self.entries[-1][0] > now

    def is_recent(self, now: int) -> bool:
        """Has the last change taken effect so lately that batches signed before it may be on their way?"""
        since = self.entries[-1][0]
        return 0 < since <= now < since + MAX_BATCH_LIFE

    def announce(self, value: T, since: int, now: int) -> None:
        """Let a value follow; it replaces one that waits."""
        self.cancel(now)
        self.entries.append((since, value))

    def cancel(self, now: int) -> None:
        """Call off what waits."""
        self.entries = [entry for entry in self.entries if entry[0] <= now]

    def replace(self, value: T) -> None:
        """Let a value hold for everything that has not settled yet, whenever it was signed."""
        self.entries = [(0, value)]

    def edges(self) -> list[int]:
        """Times at which something changes, or may be changed again."""
        return [edge for since, _ in self.entries if since for edge in (since, since + MAX_BATCH_LIFE)]
