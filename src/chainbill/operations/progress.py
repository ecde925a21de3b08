"""How an operation that takes a while says how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]
"""Opened with how many steps there are; gives what is called with how many more are done."""


@contextmanager
def untold(steps: int) -> Iterator[Callable[[int], None]]:
    """Nobody is told."""
    del steps
    yield lambda _: None
