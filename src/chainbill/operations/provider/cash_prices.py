"""A provider's cash prices: what it charges patients outside any plan, under opaque service ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from web3.types import TxReceipt

from chainbill.chain.format.events import CashPricePublished
from chainbill.chain.format.logs import decode_receipt
from chainbill.errors import StateError
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change, transaction_of
from chainbill.operations.fee_publication import Changes, Newest, Sent, compare, send_mixed
from chainbill.operations.provider.payout import payout_actor
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class PriceStanding:
    """One service's cash price now, in micro-dollars a unit (0: not offered), and one announced for later."""

    amount: int
    next_amount: int | None = None
    """None: no other price is announced."""
    next_at: int = 0
    """From when the announced one holds, in seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesPublished(Change):
    """What came of publishing; times in seconds since 1970. The last of its transactions is named."""

    changes: Changes[int]
    """Amounts in micro-dollars a unit."""
    holds: Mapping[str, int]
    """From when each changed price holds, by service name."""
    transactions: int


def standing_prices(session: Session, provider_id: int) -> dict[str, PriceStanding]:
    """Every price of the provider's schedule, by service name; nothing where no schedule is here."""
    if provider_id not in session.cash_prices:
        return {}
    schedule, now = session.cash_prices.load(provider_id), session.now()
    versions = _versions(session, provider_id)
    found: dict[str, PriceStanding] = {}
    for service in schedule.services:
        published = versions.get(schedule.id_of(service), [])
        amount = next((each.terms for each in reversed(published) if each.effective_at <= now), 0)
        if published and published[-1].effective_at > now:
            found[service] = PriceStanding(amount, published[-1].terms, published[-1].effective_at)
        else:
            found[service] = PriceStanding(amount)
    return found


def publish_prices(provider: Actor, provider_id: int, prices: Mapping[str, int]) -> PricesPublished:
    """Publish what changes of a price list, among decoys, as soon as allowed: a first price holds at once, a
    change a day later.

    Args:
        prices: micro-dollars a unit by service name; 0 takes a service off.

    Raises:
        StateError: the key of the payout address is not at hand, or the schedule cannot be written.
        ChainError: the chain refused it.
    """
    session, owner = provider.session, payout_actor(provider, provider_id).sender()
    sent_last: list[TxReceipt] = []
    schedule = session.cash_prices.publish(provider_id, ())
    versions, registry = _versions(session, provider_id), session.protocol.registry
    # A service that was never offered and is not to be needs no price.
    wanted = {
        service: amount for service, amount in prices.items() if amount or schedule.id_of(service) in versions
    }
    schedule = session.cash_prices.draw(provider_id, wanted)

    def newest(service_id: bytes) -> Newest[int] | None:
        published = versions.get(service_id)
        return published[-1] if published else None

    changes = compare(wanted, schedule.ids_of, newest, session.now())
    session.cash_prices.publish(provider_id, (*changes.changed, *changes.unchanged))

    def send(chunk: Sequence[bytes]) -> dict[bytes, int]:
        by_id = {each: changes.to_publish[each] for each in chunk}
        receipt = registry.publish_cash_prices(owner, provider_id, by_id)
        sent_last[:] = [receipt]
        logged = decode_receipt(receipt, registry.address, "ProviderRegistry")
        return {each.service_id: each.effective_at for each in logged if isinstance(each, CashPricePublished)}

    sent = send_mixed(changes.to_publish, send) if changes.to_publish else Sent({}, 0)
    idle = tuple(service for service in prices if service not in wanted)
    changes = replace(changes, unchanged=(*changes.unchanged, *idle))
    holds = sent.by_service(changes.changed, schedule.ids_of)
    return PricesPublished(
        changed=bool(sent_last),
        effective_at=max(holds.values(), default=None),
        transaction=transaction_of(sent_last[0]) if sent_last else None,
        block=sent_last[0]["blockNumber"] if sent_last else None,
        changes=changes,
        holds=holds,
        transactions=sent.transactions,
    )


def cash_key(session: Session, name: str, provider_id: int) -> bytes:
    """The key behind the service ids of a provider's cash prices.

    Raises:
        StateError: it has published none.
    """
    if provider_id not in session.cash_prices:
        raise StateError(
            f"{name} has published no cash prices",
            hint=f"publish them: chainbill provider prices FILE --as {name}",
        )
    return session.cash_prices.load(provider_id).key


def _versions(session: Session, provider_id: int) -> dict[bytes, list[Newest[int]]]:
    """Every published version by service id, the oldest first; one request, however many they are."""
    found: dict[bytes, list[Newest[int]]] = {}
    block = session.protocol.deployment.block
    registry = session.protocol.registry
    for log in registry.logged("CashPricePublished", from_block=block, providerId=provider_id):
        found.setdefault(log["serviceId"], []).append(Newest(log["amount"], log["effectiveAt"]))
    return found
