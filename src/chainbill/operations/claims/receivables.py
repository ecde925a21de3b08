"""Money on its way back to an insurer: what providers owe it, and refunds that could not be sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from web3.types import TxReceipt

from chainbill.chain.node.sender import Sender
from chainbill.errors import ContractReverted
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change
from chainbill.operations.effect import made


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected(Change):
    """What came back, by the last of several transactions; amounts in micro-dollars."""

    paid: Mapping[int, int]
    """By provider id."""
    owed: Mapping[int, int]
    """By provider id: what is left, until the provider has matured credit."""
    refund: int
    """Sent from settlement at last."""


def collect(collector: Actor, payer_id: int) -> Collected:
    """Collect all that can be had; anyone may send this. Where nothing is owed, nothing is sent.

    Raises:
        ContractReverted: the payer's tokens cannot move.
        StateError: the key is not at hand.
    """
    session, settlement, sender = collector.session, collector.protocol.settlement, collector.sender()
    receipts: list[TxReceipt] = []
    paid: dict[int, int] = {}
    owed: dict[int, int] = {}
    for provider_id in range(1, session.protocol.registry.provider_count() + 1):
        before = settlement.receivable_of(provider_id, payer_id)
        if before == 0:
            continue
        receipts += _paid_by(collector, sender, provider_id, payer_id)
        left = settlement.receivable_of(provider_id, payer_id)
        paid[provider_id], owed[provider_id] = before - left, left
    refund = settlement.refund_of(payer_id)
    if refund:
        receipts.append(settlement.collect_refund(sender, payer_id))
    if not receipts:
        return Collected(changed=False, paid=paid, owed=owed, refund=refund)
    return Collected(**made(session, receipts[-1]), paid=paid, owed=owed, refund=refund)


def _paid_by(collector: Actor, sender: Sender, provider_id: int, payer_id: int) -> list[TxReceipt]:
    """What a provider pays of its matured credit; nothing while it has none."""
    try:
        return [collector.protocol.settlement.collect_receivable(sender, provider_id, payer_id)]
    except ContractReverted as refusal:
        if refusal.name != "NoCredit":
            raise
        return []
