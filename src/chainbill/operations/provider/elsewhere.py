"""How it stands with what a provider's own store has and an oracle elsewhere was handed: as that oracle's
receipts say, and before them the chain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from chainbill.attestation.intake_receipts import REFUSED, IntakeReceipt, event_id
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.operations.actor import Actor
from chainbill.oracle.api import OPEN, Custody, Receipt, Status


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an oracle elsewhere does not take an event."""

    reason: str
    """As a stable word, of a ``RefusalReason`` where this version knows it."""
    message: str


def told_by_chain(provider: Actor, receipts: Sequence[Receipt]) -> list[Receipt]:
    """Receipts of a store that no oracle reads, as the chain tells by now what an oracle elsewhere made of
    them; any others as they are.

    Raises:
        ChainError: the node could not be reached or refused.
    """
    providers = {each.attestation.provider_id for each in receipts if each.custody is Custody.PROVIDER}
    if not providers:
        return list(receipts)
    rows = provider.protocol.rows
    final = {
        (provider_id, row.claim.commitment): row
        for provider_id in providers
        for row in rows.rows(provider_id)
        if row.is_final
    }

    def told(receipt: Receipt) -> Receipt:
        row = final.get((receipt.attestation.provider_id, receipt.attestation.commitment))
        if receipt.custody is not Custody.PROVIDER or row is None:
            return receipt
        return replace(
            receipt,
            status=Status.SETTLED if row.outcome is Outcome.SETTLED else Status.DENIED,
            reason=row.claim.reason,
            claim_id=rows.claim_id(row),
            custody=Custody.CHAIN,
        )

    return [told(receipt) for receipt in receipts]


def told_by_oracle(
    provider: Actor, receipts: Iterable[Receipt], told: Mapping[bytes, IntakeReceipt]
) -> list[tuple[Receipt, Refusal | None]]:
    """The same as an oracle elsewhere has said, by the receipts of events; and why it refused an event, where
    it did. That something is final its receipts are not asked: the chain is."""
    domain = provider.protocol.domain

    def stands(receipt: Receipt) -> tuple[Receipt, Refusal | None]:
        said = told.get(event_id(receipt.attestation.digest(domain), receipt.signature))
        if said is None or receipt.custody is not Custody.PROVIDER or receipt.status not in OPEN:
            return receipt, None
        if said.standing == REFUSED:
            return receipt, Refusal(said.reason, said.message)
        if said.standing == Status.PENDED:
            receipt = replace(receipt, status=Status.PENDED, reason=Reason[said.reason.upper()])
        return replace(receipt, custody=Custody.ORACLE), None

    return [stands(receipt) for receipt in receipts]
