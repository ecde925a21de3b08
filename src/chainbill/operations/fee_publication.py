"""Publishing fees and cash prices: only what changes, and so that the order of an id tells nothing.

Opaque ids would name themselves if they were published in the order of a public catalogue, or if an amount
stood beside one id only. So every service has decoys that carry its terms wherever it does
(``records.service_id``), all ids of one publishing are shuffled, and they are spread over transactions of
random sizes. What that leaves visible: ``docs/threat-model.md``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from web3.types import TxReceipt

from chainbill.billing.terms import FeeTerms
from chainbill.chain.contracts import InsurerPayer
from chainbill.chain.format.events import FeePublished
from chainbill.chain.format.logs import decode_receipt
from chainbill.chain.node.sender import Sender
from chainbill.protocol_constants import END_OF_TIME, FEES_PER_TRANSACTION

_Terms = TypeVar("_Terms")

_TOGETHER = 20
"""Ids that go together: those of a few services are no catalogue. Of more, no transaction has over half."""

_SPREAD = 4
"""The largest transaction of one publishing has at most this many times the ids of the smallest."""


@dataclass(frozen=True, slots=True)
class Newest(Generic[_Terms]):
    """The version of an id that was published last; ``effective_at`` in seconds since 1970."""

    terms: _Terms
    effective_at: int


@dataclass(frozen=True, slots=True)
class Changes(Generic[_Terms]):
    """What publishing a list would do, by service name."""

    changed: Mapping[str, _Terms]
    """New, or other than the newest version."""
    unchanged: tuple[str, ...]
    announced: Mapping[str, int]
    """To be changed, but another version is announced and not in force yet: from when it is, in seconds since
    1970. The contract takes one at a time."""
    to_publish: Mapping[bytes, _Terms]
    """By id, decoys among them, what has to be sent for ``changed``."""


FeeChanges = Changes[FeeTerms]


@dataclass(frozen=True, slots=True)
class Sent:
    """What was published."""

    holds: Mapping[bytes, int]
    """From when each id's version holds, in seconds since 1970."""
    transactions: int

    def by_service(self, services: Iterable[str], ids_of: Callable[[str], Sequence[bytes]]) -> dict[str, int]:
        """From when each service's version holds."""
        return {
            service: max(self.holds[each] for each in ids_of(service) if each in self.holds)
            for service in services
        }


def compare(
    wanted: Mapping[str, _Terms],
    ids_of: Callable[[str], Sequence[bytes]],
    newest: Callable[[bytes], Newest[_Terms] | None],
    now: int,
    *,
    on_service: Callable[[], None] = lambda: None,
) -> Changes[_Terms]:
    """Compare a list with what is published.

    A service and its decoys change together: one that changed alone would show which of them is real.

    Args:
        wanted: terms by the service's name.
        ids_of: a service's own id and those of its decoys.
        newest: what was published last for an id; None: nothing.
        now: the chain's time, in seconds since 1970.
        on_service: called once for each.
    """
    changed: dict[str, _Terms] = {}
    unchanged: list[str] = []
    announced: dict[str, int] = {}
    to_publish: dict[bytes, _Terms] = {}
    for service, terms in wanted.items():
        standing = {each: newest(each) for each in ids_of(service)}
        others = {each: found for each, found in standing.items() if found is None or found.terms != terms}
        waiting = [found.effective_at for found in others.values() if found and found.effective_at > now]
        if not others:
            unchanged.append(service)
        elif waiting:
            announced[service] = max(waiting)
        else:
            changed[service] = terms
            to_publish |= dict.fromkeys(others, terms)
        on_service()
    return Changes(changed, tuple(unchanged), announced, to_publish)


def compare_fees(
    payer: InsurerPayer,
    fees: Mapping[str, FeeTerms],
    ids_of: Callable[[str], Sequence[bytes]],
    now: int,
    *,
    on_service: Callable[[], None] = lambda: None,
) -> FeeChanges:
    """Compare a fee schedule with what a payer has published; as ``compare``."""
    return compare(fees, ids_of, lambda each: newest_fee(payer, each), now, on_service=on_service)


def newest_fee(payer: InsurerPayer, service_id: bytes) -> Newest[FeeTerms] | None:
    """The fee that a payer has published last for an id; None where it has none."""
    found = payer.fee_at(service_id, END_OF_TIME)
    return Newest(found.terms, found.effective_at) if found else None


def publish_fees(
    payer: InsurerPayer,
    insurer: Sender,
    fees: Mapping[bytes, FeeTerms],
    *,
    on_published: Callable[[Sequence[bytes]], object] = lambda _: None,
) -> Sent:
    """Publish fees by id, as soon as allowed.

    ``on_published`` is told the ids of each transaction that is in a block.
    """

    def send(chunk: Sequence[bytes]) -> dict[bytes, int]:
        return logged_fees(payer, payer.publish_fees(insurer, {each: fees[each] for each in chunk}))

    return send_mixed(fees, send, on_published=on_published)


def logged_fees(payer: InsurerPayer, receipt: TxReceipt) -> dict[bytes, int]:
    """From when the fees of a transaction hold, by id, in seconds since 1970."""
    logged = decode_receipt(receipt, payer.address, "InsurerPayer")
    return {event.service_id: event.effective_at for event in logged if isinstance(event, FeePublished)}


def send_mixed(
    ids: Collection[bytes],
    send: Callable[[Sequence[bytes]], Mapping[bytes, int]],
    *,
    on_published: Callable[[Sequence[bytes]], object] = lambda _: None,
) -> Sent:
    """Send ids in mixed transactions; ``send`` sends one, and returns from when each of its ids holds."""
    holds: dict[bytes, int] = {}
    transactions = 0
    for chunk in mixed(ids):
        holds |= send(chunk)
        transactions += 1
        on_published(chunk)
    return Sent(holds, transactions)


def mixed(ids: Collection[bytes]) -> Iterable[list[bytes]]:
    """Spread ids over transactions, in an order and in sizes that nobody can foresee."""
    shuffled = list(ids)
    random = secrets.SystemRandom()
    random.shuffle(shuffled)
    together = len(shuffled) <= _TOGETHER
    most = len(shuffled) if together else min(FEES_PER_TRANSACTION, len(shuffled) // 2)
    while shuffled:
        size = most if together else random.randint(most // _SPREAD, most)
        yield shuffled[:size]
        del shuffled[:size]
