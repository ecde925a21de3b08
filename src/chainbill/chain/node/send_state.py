"""What is known of a transaction on its way, and what follows from it: no node, and no clock of its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what is waited for, in seconds."""

    receipt: float = 120.0
    """Until nobody waits any longer. The transaction may be mined after that."""
    renewal: float = 15.0
    """Until it is looked after: sent again where it was lost, replaced where it offers too little."""
    second_look: float = 3.0
    """How long one is looked for whose nonce is used: the node may not have told all yet."""


class Step(StrEnum):
    """What to do next."""

    WAIT = "look again after a pause"
    RENEW = "look after it"
    DISPLACED = "give up: another transaction has used its nonce"
    GIVE_UP = "give up: it may be mined later"


class SendState:
    """One nonce's transactions: the first, and those that replace it."""

    def __init__(self, patience: Patience, *, now: float) -> None:
        """``now`` is of a clock that never goes back, in seconds; so it is below."""
        self._patience = patience
        self._sent_at = now
        self._renewed_at = now
        self._used_at: float | None = None

    def note_progress(self, now: float) -> None:
        """Another nonce was mined, or is given up: the wait begins anew, for the next one."""
        self._sent_at = self._renewed_at = now
        self._used_at = None

    def note_renewed(self, now: float, *, is_used: bool) -> None:
        """It was looked after. ``is_used``: the chain has a transaction of this nonce, and none of these is
        known to be the one."""
        self._renewed_at = now
        self._used_at = (now if self._used_at is None else self._used_at) if is_used else None

    def step(self, now: float) -> Step:
        """What to do now, while no receipt is there."""
        if self._used_at is not None:
            if now - self._used_at >= self._patience.second_look:
                return Step.DISPLACED
            return Step.RENEW if now - self._renewed_at >= self._patience.second_look / 2 else Step.WAIT
        if now - self._sent_at >= self._patience.receipt:
            return Step.GIVE_UP
        return Step.RENEW if now - self._renewed_at >= self._patience.renewal else Step.WAIT

    def pause(self, now: float) -> float:
        """Seconds until the next look: short while blocks may come at once, longer where they do not."""
        return min(1.0, max(0.05, (now - self._sent_at) / 10))
