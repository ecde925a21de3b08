"""Providers, their keys, addresses and prices, and the making of payers."""

from __future__ import annotations

from chainbill.chain.format import events
from chainbill.chain.format.events import Event
from chainbill.errors import LedgerError
from chainbill.ledger.accounts import CashPrice, Ledger, PayerAccount, ProviderAccount
from chainbill.ledger.entries import Entry
from chainbill.ledger.scheduled_changes import Payout
from chainbill.protocol_constants import NOTICE_SECONDS


def _provider_registered(ledger: Ledger, event: events.ProviderRegistered, _: int) -> None:
    if event.provider_id != len(ledger.providers) + 1:
        raise LedgerError(f"provider {event.provider_id} was registered after {len(ledger.providers)} others")
    ledger.providers[event.provider_id] = ProviderAccount(Payout(event.payout_address))


def _attester_added(ledger: Ledger, event: events.AttesterAdded, _: int) -> None:
    ledger.provider(event.provider_id).attesters[event.attester] = True


def _attester_revoked(ledger: Ledger, event: events.AttesterRevoked, _: int) -> None:
    attesters = ledger.provider(event.provider_id).attesters
    if not attesters.get(event.attester):
        raise LedgerError(f"{event.attester} was revoked without attesting for provider {event.provider_id}")
    attesters[event.attester] = False


def _payer_created(ledger: Ledger, event: events.PayerCreated, _: int) -> None:
    if event.payer_id != len(ledger.payers) + 1:
        raise LedgerError(f"payer {event.payer_id} was created after {len(ledger.payers)} others")
    ledger.payers[event.payer_id] = PayerAccount(event.payer, event.insurer)


def _payout_address_announced(ledger: Ledger, event: events.PayoutAddressAnnounced, now: int) -> None:
    payout = ledger.provider(event.provider_id).payout
    payout.announce(event.payout_address, event.effective_at, now=now)


def _payout_address_cancelled(ledger: Ledger, event: events.PayoutAddressCancelled, now: int) -> None:
    ledger.provider(event.provider_id).payout.cancel(now=now)


def _cash_price_published(ledger: Ledger, event: events.CashPricePublished, now: int) -> None:
    provider = ledger.provider(event.provider_id)
    prices = provider.cash_prices.get(event.service_id, [])
    label = f"the price 0x{event.service_id.hex()} of provider {event.provider_id}"
    if event.version != len(prices) + 1:
        raise LedgerError(f"version {event.version} of {label} was published after version {len(prices)}")
    if prices and prices[-1].effective_at > now:
        raise LedgerError(
            f"version {event.version} of {label} was published while another was still announced"
        )
    due = now + NOTICE_SECONDS if prices else now
    if event.effective_at != due:
        raise LedgerError(
            f"version {event.version} of {label} holds from {event.effective_at}, not from {due}"
        )
    price = CashPrice(event.amount, event.effective_at, event.version)
    provider.cash_prices[event.service_id] = [*prices, price]


ENTRIES: dict[type[Event], Entry] = {
    events.ProviderRegistered: _provider_registered,
    events.AttesterAdded: _attester_added,
    events.AttesterRevoked: _attester_revoked,
    events.PayoutAddressAnnounced: _payout_address_announced,
    events.PayoutAddressCancelled: _payout_address_cancelled,
    events.CashPricePublished: _cash_price_published,
    events.PayerCreated: _payer_created,
}
