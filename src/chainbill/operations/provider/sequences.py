"""Under which sequence an event goes: one that is drawn, so that it says nothing of when the event was.

Sequences stand in every log. Counted on as a provider attests, they tell the order of the visits that settle
together, and nearly their days. So each is drawn among the unused ones of a block, and the next block is
begun when all of that are given. A block is a word of the contracts' bitmap (``_spent``): no more words are
begun than by counting on, and what is attested together is in as few.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from chainbill.chain.protocol import Protocol
from chainbill.errors import StateError
from chainbill.oracle.api import OracleApi

BLOCK = 256
"""Sequences of a block: the bits of a word."""

FIRST = 1
"""The first sequence that is given."""

LAST = 2**63 - 1
"""The last: what SQLite's integers hold. The contracts go on to 2^64 - 1."""

ENVIRONMENT = "CHAINBILL_SEQUENCES"
"""Names how sequences are given."""

Choose = Callable[[Sequence[int]], int]
"""Takes one of some numbers."""


class Numbering(StrEnum):
    """How sequences are given."""

    DRAWN = "drawn"
    """At random within a block."""
    IN_ORDER = "in-order"
    """Counted on. It shows everybody in which order events were attested."""

    @classmethod
    def from_environment(cls) -> Numbering:
        """As ``CHAINBILL_SEQUENCES`` says; drawn where it says nothing.

        Raises:
            StateError: it says something else.
        """
        said = os.environ.get(ENVIRONMENT) or cls.DRAWN
        try:
            return cls(said)
        except ValueError:
            raise StateError(
                f"{ENVIRONMENT} is {said!r}, which is no way to give sequences",
                hint=f"{' or '.join(cls)}; drawn where it is not set",
            ) from None


@dataclass(frozen=True, slots=True)
class Block:
    """The block from which the next sequence is drawn."""

    first: int
    last: int
    unused: int
    """How many of its sequences are not given yet; one at least."""

    @classmethod
    def of(cls, unused: Sequence[int]) -> Block:
        """The block that these are the unused sequences of."""
        first = block_start(unused[0])
        return cls(first, first + BLOCK - 1, len(unused))


FIRST_BLOCK = Block(0, BLOCK - 1, BLOCK - FIRST)
"""Where a provider begins."""


def block_start(sequence: int) -> int:
    """The first number of a sequence's block."""
    return sequence - sequence % BLOCK


def used_elsewhere(protocol: Protocol, oracle: OracleApi, provider_id: int) -> set[int]:
    """The sequences of a provider that the oracle or the chain knows, whatever its worklist does.

    Raises:
        ChainError: the node could not be reached or refused.
    """
    rows = protocol.rows.rows(provider_id)
    return oracle.sequences(provider_id) | {row.claim.sequence for row in rows}


def choose(numbering: Numbering, taken: Collection[int], *, floor: int, pick: Choose = secrets.choice) -> int:
    """A sequence that is not taken.

    Args:
        taken: every sequence from ``floor`` on that was given or is used.
        floor: no sequence below it is given any more.

    Raises:
        StateError: they have come to their end.
    """
    if numbering is Numbering.IN_ORDER:
        return within(max(taken, default=floor - 1) + 1)
    return pick(unused(taken, floor=floor))


def unused(taken: Collection[int], *, floor: int) -> list[int]:
    """The sequences that are not taken of the block of the highest that is; of the next, where that block is
    full. Arguments and errors as of ``choose``."""
    start = within(block_start(max(taken, default=floor)))
    free = _free(taken, max(start, floor, FIRST), start + BLOCK)
    return free or _free(taken, within(start + BLOCK), start + 2 * BLOCK)


def _free(taken: Collection[int], first: int, end: int) -> list[int]:
    known = frozenset(taken)
    return [sequence for sequence in range(first, end) if sequence not in known]


def within(sequence: int) -> int:
    """The sequence itself.

    Raises:
        StateError: it is beyond the last.
    """
    if sequence > LAST:
        raise StateError("the provider's sequences have come to their end: the last is given")
    return sequence
