"""What every event is."""

from __future__ import annotations

from dataclasses import dataclass


class Event:
    """Base of every event."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event and where it stands on the chain."""

    event: Event
    emitter: str
    """The contract that logged it."""
    block: int
    block_time: int
    transaction: str
    """The transaction's hash, ``0x`` and 64 digits."""
    log_index: int
    """Counted through the whole block."""
