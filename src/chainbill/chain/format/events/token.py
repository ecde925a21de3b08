"""What the dollar token logs."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.chain.format.events.base import Event


@dataclass(frozen=True, slots=True)
class TokensMoved(Event):
    """The token's ``Transfer``; ``amount`` may be anything a ``uint256`` holds."""

    sender: str
    recipient: str
    amount: int
