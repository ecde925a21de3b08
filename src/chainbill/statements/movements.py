"""From the ledger to what moved besides care: deposits, payouts, refunds, bonds."""

from __future__ import annotations

from collections.abc import Iterable

from chainbill.chain.format import events
from chainbill.chain.format.events import Event, RecordedEvent
from chainbill.ledger.accounts import Ledger
from chainbill.statements.facts import Movement, MovementKind

Owner = str | tuple[str, int]
"""A patient's account, or a payer's or provider's id with its role."""


def movements(recorded: Iterable[RecordedEvent], ledger: Ledger) -> dict[Owner, list[Movement]]:
    """What moved besides care, by the account it belongs to; ``ledger`` stands after all of it."""
    found: dict[Owner, list[Movement]] = {}
    for entry in recorded:
        for owner, kind, amount in _moved(entry.event, ledger):
            if amount:
                found.setdefault(owner, []).append(Movement(entry.block_time, kind, amount))
    return found


def _moved(event: Event, ledger: Ledger) -> list[tuple[Owner, MovementKind, int]]:
    match event:
        case events.PatientDeposited():
            return [(event.patient, MovementKind.DEPOSIT, event.amount)]
        case events.PatientWithdrew():
            return [(event.patient, MovementKind.WITHDRAWAL, event.amount)]
        case events.PatientRefunded():
            return [(event.patient, MovementKind.REFUND, event.amount)]
        case events.PoolDeposited():
            return [(("payer", event.payer_id), MovementKind.DEPOSIT, event.amount)]
        case events.PoolWithdrawn():
            return [(("payer", event.payer_id), MovementKind.WITHDRAWAL, event.amount)]
        case events.PoolRefunded():
            return [(("payer", event.payer_id), MovementKind.REFUND, event.amount)]
        case events.ReversalFunded():
            provider_id = ledger.claim(event.claim_id).claim.provider_id
            taken = event.held + event.maturing + event.matured + event.bond
            return [(("provider", provider_id), MovementKind.TAKEN_BACK, taken)]
        case _ if type(event) in _PROVIDERS_MOVEMENTS:
            kind = _PROVIDERS_MOVEMENTS[type(event)]
            return [(("provider", event.provider_id), kind, event.amount)]  # type: ignore[attr-defined]
        case _:
            return []


_PROVIDERS_MOVEMENTS: dict[type[Event], MovementKind] = {
    events.ProviderPaid: MovementKind.PAYOUT,
    events.AdvancePaid: MovementKind.ADVANCE,
    events.BondDeposited: MovementKind.BOND_PUT_UP,
    events.BondWithdrawn: MovementKind.BOND_RETURNED,
    events.ReceivablePaid: MovementKind.RECEIVABLE_PAID,
}
