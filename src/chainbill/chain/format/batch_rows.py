"""Rows and their batch: which logs belong together.

In a transaction stand, for each batch, its rows in the order of its tree's leaves, and then the batch's own
log. Right behind a row stands what its log has no room for: how a secondary payer determined it, and which
reversed claim it takes the place of.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from chainbill.chain.format.events import (
    BatchSettled,
    ClaimCorrected,
    ClaimDenied,
    ClaimPended,
    ClaimSettled,
    ClaimSkipped,
    Event,
    SecondaryDetermined,
    SecondaryShares,
)
from chainbill.chain.format.packed_claim import NO_SECONDARY

Row = ClaimSettled | ClaimDenied | ClaimPended | ClaimSkipped
"""The log of a row."""

MOST_FOLLOWERS = 2
"""Logs that can stand right behind a row's."""


@dataclass(frozen=True, slots=True)
class PairedRow:
    """A row with what belongs to it."""

    place: int
    """Of its log, among those given."""
    row: Row
    batch: BatchSettled | None
    """None: the batch's own log is missing."""
    secondary: SecondaryShares
    """The secondary payer as if it were alone; all 0 where none took part."""
    corrects: bytes | None
    """The id of the reversed claim that it takes the place of; None: of none."""


def is_row(event: Event) -> TypeGuard[Row]:
    """Is this the log of a batch's row?"""
    return isinstance(event, ClaimSettled | ClaimDenied | ClaimPended | ClaimSkipped)


def pair_rows(logged: Sequence[tuple[Hashable, Event]]) -> Iterator[PairedRow]:
    """Every row with its batch, in order.

    Args:
        logged: each log with the transaction that it is of.
    """
    batches = _batches(logged)
    for place, (_, event) in enumerate(logged):
        if is_row(event):
            secondary, corrects = _followers(logged, place, event)
            yield PairedRow(place, event, batches.get(place), secondary, corrects)


def _batches(logged: Sequence[tuple[Hashable, Event]]) -> dict[int, BatchSettled]:
    """By a row's place: its batch, whose log follows its rows in the same transaction."""
    batches: dict[int, BatchSettled] = {}
    waiting: list[int] = []
    for place, (transaction, event) in enumerate(logged):
        if waiting and logged[waiting[0]][0] != transaction:
            waiting = []
        if is_row(event):
            waiting.append(place)
        elif isinstance(event, BatchSettled):
            batches.update(dict.fromkeys(waiting, event))
            waiting = []
    return batches


def _followers(
    logged: Sequence[tuple[Hashable, Event]], place: int, row: Row
) -> tuple[SecondaryShares, bytes | None]:
    secondary, corrects = NO_SECONDARY, None
    of_row = logged[place][0], row.claim.commitment
    for transaction, event in logged[place + 1 : place + 1 + MOST_FOLLOWERS]:
        if not isinstance(event, SecondaryDetermined | ClaimCorrected):
            break
        if (transaction, event.commitment) != of_row:
            break
        if isinstance(event, SecondaryDetermined):
            secondary = event.shares
        else:
            corrects = event.claim_id
    return secondary, corrects
