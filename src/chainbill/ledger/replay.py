"""Replays events into the ledger. Each event is taken only if the contracts could have logged it then."""

from __future__ import annotations

from collections.abc import Iterable

from chainbill.chain.deployments import Deployment
from chainbill.chain.format import events
from chainbill.chain.format.events import Event, RecordedEvent
from chainbill.errors import LedgerError
from chainbill.ledger.accounts import Ledger
from chainbill.ledger.entries import Entry, disputes, escrow, payers, registry, settlement
from chainbill.ledger.live_claims import OpenBatch


def rebuild(recorded: Iterable[RecordedEvent], deployment: Deployment) -> Ledger:
    """The ledger after these events.

    Raises:
        LedgerError: an event does not follow from those before it; names its log.
    """
    ledger = Ledger(deployment)
    for event in recorded:
        apply(ledger, event)
    return ledger


def apply(ledger: Ledger, recorded: RecordedEvent) -> None:
    """Move the ledger by one event.

    Raises:
        LedgerError: it does not follow from what came before.
    """
    if recorded.transaction != ledger.batch.transaction:
        ledger.batch = OpenBatch(recorded.transaction)
    entry = _ENTRIES.get(type(recorded.event))
    if entry is None:
        return
    try:
        entry(ledger, recorded.event, recorded.block_time)
    except LedgerError as error:
        raise LedgerError(f"{error} ({where(recorded)})") from None


def where(recorded: RecordedEvent) -> str:
    """Where an event stands, in words."""
    return f"block {recorded.block}, log {recorded.log_index}, transaction {recorded.transaction}"


def _tokens_moved(ledger: Ledger, event: events.TokensMoved, _: int) -> None:
    ledger.tokens[event.sender] -= event.amount
    ledger.tokens[event.recipient] += event.amount


_ENTRIES: dict[type[Event], Entry] = {
    **settlement.ENTRIES,
    **disputes.ENTRIES,
    **registry.ENTRIES,
    **escrow.ENTRIES,
    **payers.ENTRIES,
    events.TokensMoved: _tokens_moved,
}
"""What each event does. Those that are not here change no account: a payer's failure, an announced successor,
a contract's authority."""
