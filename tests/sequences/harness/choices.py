"""Decisions read off a string of bytes: cheaper to draw than one by one. Zeros, to which Hypothesis shrinks,
choose the first of everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")

BITS = st.binary(min_size=48, max_size=48)


class Choices:
    """Decisions in the order in which they are asked for."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def below(self, limit: int) -> int:
        """A number from 0, up to 256 of them."""
        value = self._raw[self._at % len(self._raw)]
        self._at += 1
        return value % limit

    def of(self, options: Sequence[T]) -> T:
        """One of these."""
        return options[self.below(len(options))]

    def once_in(self, times: int) -> bool:
        """Seldom true."""
        return self.below(times) == times - 1
