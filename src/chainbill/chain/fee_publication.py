"""Publishing fees: only those that change, as many at once as fit one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chainbill.billing.terms import FeeTerms
from chainbill.chain.contracts import InsurerPayer
from chainbill.chain.sender import Sender

FEES_PER_TRANSACTION = 150
"""Fees published at once: about 30,000 gas each, far below a transaction's limit."""

END_OF_TIME = 2**40 - 1
"""The latest time a contract stores, in seconds since 1970; what holds then is what was announced last."""


@dataclass(frozen=True, slots=True)
class FeeChanges:
    """What publishing a schedule would do, by service name."""

    changed: Mapping[str, FeeTerms]
    """New, or other than the newest version."""
    unchanged: tuple[str, ...]
    announced: Mapping[str, int]
    """To be changed, but another version is announced and not in force yet: from when it is, in seconds since
    1970. The contract takes one at a time."""


def compare_fees(
    payer: InsurerPayer,
    fees: Mapping[str, FeeTerms],
    id_of: Callable[[str], bytes],
    now: int,
    *,
    on_service: Callable[[], None] = lambda: None,
) -> FeeChanges:
    """Compare a schedule with what a payer has published; ``id_of`` gives a service's opaque id."""
    changed: dict[str, FeeTerms] = {}
    unchanged: list[str] = []
    announced: dict[str, int] = {}
    for service, terms in fees.items():
        newest = payer.fee_at(id_of(service), END_OF_TIME)
        if newest is not None and newest.terms == terms:
            unchanged.append(service)
        elif newest is not None and newest.effective_at > now:
            announced[service] = newest.effective_at
        else:
            changed[service] = terms
        on_service()
    return FeeChanges(changed, tuple(unchanged), announced)


def publish_fees(
    payer: InsurerPayer,
    insurer: Sender,
    fees: Mapping[str, FeeTerms],
    id_of: Callable[[str], bytes],
    *,
    on_published: Callable[[list[str]], object] = lambda _: None,
) -> int:
    """Publish fees, as soon as allowed; returns the number of transactions.

    ``on_published`` is told the services of each transaction that is in a block.
    """
    services = list(fees)
    chunks = [
        services[start : start + FEES_PER_TRANSACTION]
        for start in range(0, len(services), FEES_PER_TRANSACTION)
    ]
    for chunk in chunks:
        payer.publish_fees(insurer, {id_of(service): fees[service] for service in chunk})
        on_published(chunk)
    return len(chunks)
