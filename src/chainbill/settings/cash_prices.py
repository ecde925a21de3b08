"""A provider's cash prices: what it charges patients outside any plan, under opaque service ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chainbill.chain.contracts.registry import CashPrice
from chainbill.chain.fee_publication import END_OF_TIME, FEES_PER_TRANSACTION
from chainbill.chain.sender import Sender
from chainbill.errors import StateError
from chainbill.settings.session import Session


@dataclass(frozen=True, slots=True)
class PriceChanges:
    """What publishing a price list would do, by service name."""

    changed: Mapping[str, int]
    """New, or other than the newest price, in micro-dollars a unit."""
    unchanged: tuple[str, ...]
    announced: tuple[str, ...]
    """To be changed, but another price is announced and does not hold yet; the contract takes one at a
    time."""


def compare_prices(session: Session, provider_id: int, prices: Mapping[str, int]) -> PriceChanges:
    """Compare a price list with what a provider has published."""
    schedule = session.cash_prices.publish(provider_id, ())
    now = session.now()
    changed: dict[str, int] = {}
    unchanged: list[str] = []
    announced: list[str] = []
    for service, amount in prices.items():
        newest, present = (
            _price(session, provider_id, schedule.id_of(service), time) for time in (END_OF_TIME, now)
        )
        if newest.amount == amount and (newest.version or not amount):
            unchanged.append(service)
        elif newest.version != present.version:
            announced.append(service)
        else:
            changed[service] = amount
    return PriceChanges(changed, tuple(unchanged), tuple(announced))


def publish_prices(session: Session, owner: Sender, provider_id: int, prices: Mapping[str, int]) -> int:
    """Publish prices, as soon as allowed; returns the number of transactions."""
    chunks = list(_chunks(list(prices)))
    for chunk in chunks:
        schedule = session.cash_prices.publish(provider_id, chunk)
        by_id = {schedule.id_of(service): prices[service] for service in chunk}
        session.protocol.registry.publish_cash_prices(owner, provider_id, by_id)
    return len(chunks)


def cash_key(session: Session, name: str, provider_id: int) -> bytes:
    """The key behind the service ids of a provider's cash prices.

    Raises:
        StateError: it has published none.
    """
    if provider_id not in session.cash_prices:
        raise StateError(
            f"{name} has published no cash prices",
            hint=f"publish them: chainbill provider prices --as {name}",
        )
    return session.cash_prices.load(provider_id).key


def _price(session: Session, provider_id: int, service_id: bytes, time: int) -> CashPrice:
    return session.protocol.registry.cash_price_at(provider_id, service_id, time)


def _chunks(services: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(services), FEES_PER_TRANSACTION):
        yield services[start : start + FEES_PER_TRANSACTION]
