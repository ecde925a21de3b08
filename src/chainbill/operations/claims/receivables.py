"""Money on its way back to an insurer: what providers owe it, and refunds that could not be sent."""

from __future__ import annotations

from dataclasses import dataclass

from web3.types import TxReceipt

from chainbill.errors import ContractReverted
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change
from chainbill.operations.effect import made


@dataclass(frozen=True, slots=True)
class ReceivableCollected:
    """What a provider has paid of what it owed; amounts in micro-dollars."""

    provider_id: int
    paid: int
    owed: int
    """What is left, until the provider has matured credit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected(Change):
    """What could be had; the transaction is the last of several. Amounts in micro-dollars."""

    payer_id: int
    receivables: tuple[ReceivableCollected, ...]
    """Of every provider that owed something, by id."""
    refund: int
    """Sent from settlement at last."""


def collect(anyone: Actor, payer_id: int) -> Collected:
    """Collect what providers owe a payer after reversals, as far as their matured credit goes, and refunds
    that could not be sent before. The money goes to the payer, whoever sends this.

    Raises:
        ContractReverted: the payer's tokens cannot move.
        StateError: the key is not at hand.
    """
    protocol, sender = anyone.protocol, anyone.sender()
    settlement, receipt = protocol.settlement, None
    found = []
    for provider_id in range(1, protocol.registry.provider_count() + 1):
        before = settlement.receivable_of(provider_id, payer_id)
        if before == 0:
            continue
        try:
            receipt = settlement.collect_receivable(sender, provider_id, payer_id)
        except ContractReverted as refusal:
            if refusal.name != "NoCredit":
                raise
        left = settlement.receivable_of(provider_id, payer_id)
        found.append(ReceivableCollected(provider_id, before - left, left))
    refund = settlement.refund_of(payer_id)
    if refund:
        receipt = settlement.collect_refund(sender, payer_id)
    return _collected(anyone, payer_id, tuple(found), refund, receipt)


def _collected(
    anyone: Actor,
    payer_id: int,
    found: tuple[ReceivableCollected, ...],
    refund: int,
    receipt: TxReceipt | None,
) -> Collected:
    if receipt is None:
        return Collected(changed=False, payer_id=payer_id, receivables=found, refund=refund)
    told = made(anyone.session, receipt)
    return Collected(**told, payer_id=payer_id, receivables=found, refund=refund)
