"""Money on its way back to an insurer: what providers owe it, and refunds that could not be sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chainbill.chain.node.sender import Sender
from chainbill.errors import ContractReverted
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class Collected:
    """Amounts in micro-dollars."""

    paid: Mapping[int, int]
    """By provider id."""
    owed: Mapping[int, int]
    """By provider id: what is left, until the provider has matured credit."""
    refund: int
    """Sent from settlement at last."""


def collect(session: Session, sender: Sender, payer_id: int) -> Collected:
    """Collect all that can be had; anyone may send this.

    Raises:
        ContractReverted: the payer's tokens cannot move.
    """
    settlement = session.protocol.settlement
    paid: dict[int, int] = {}
    owed: dict[int, int] = {}
    for provider_id in range(1, session.protocol.registry.provider_count() + 1):
        before = settlement.receivable_of(provider_id, payer_id)
        if before == 0:
            continue
        try:
            settlement.collect_receivable(sender, provider_id, payer_id)
        except ContractReverted as refusal:
            if refusal.name != "NoCredit":
                raise
        left = settlement.receivable_of(provider_id, payer_id)
        paid[provider_id], owed[provider_id] = before - left, left
    refund = settlement.refund_of(payer_id)
    if refund:
        settlement.collect_refund(sender, payer_id)
    return Collected(paid, owed, refund)
