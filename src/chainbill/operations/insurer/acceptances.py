"""Whose events an insurer pays."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.protocol_constants import END_OF_TIME
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class Accepted:
    """A provider whose events are paid; ``ends_at`` in seconds since 1970, None: open-ended."""

    provider_id: int
    ends_at: int | None


def accepted_providers(session: Session, payer_id: int) -> list[Accepted]:
    """Every provider whose events an insurer pays now, by id."""
    payer, now, block = session.protocol.payer(payer_id), session.now(), session.protocol.deployment.block
    ids = sorted({log["providerId"] for log in payer.logged("ProviderAccepted", from_block=block)})
    ends = {
        log["providerId"]: log["endsAt"] for log in payer.logged("ProviderAcceptanceEnded", from_block=block)
    }
    return [
        Accepted(each, None if payer.accepts_provider(each, END_OF_TIME) else ends.get(each))
        for each in ids
        if payer.accepts_provider(each, now)
    ]
