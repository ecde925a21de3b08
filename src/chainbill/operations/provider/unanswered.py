"""Settling without the oracle, where it is silent: announced for everybody to see, a week before."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.attestation.typed_data import SectionsObjection
from chainbill.chain.node.connection import time_of_block
from chainbill.errors import StateError
from chainbill.operations.actor import Actor
from chainbill.operations.announcements import StandingAnnouncement, announcement
from chainbill.operations.change import Change, transaction_of
from chainbill.operations.effect import made
from chainbill.operations.oracle.unanswered import (
    SettledBatch,
    free_root_slot,
    record_unanswered,
    waiting_sections,
)
from chainbill.operations.provider.payout import payout_actor
from chainbill.protocol_constants import DISPUTE_WINDOW_SECONDS, UNANSWERED_DELAY_SECONDS
from chainbill.records.hashing import keccak256


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsAnnounced(Change):
    """Events that a provider will settle without the oracle from ``effective_at`` on, unless its quorum
    objects."""

    provider_id: int
    events: int
    lapses_at: int
    """From when on they can no longer be settled so, in seconds since 1970."""
    left: int
    """Events that wait besides and did not fit: one announcement stands at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledUnanswered(Change):
    """Events that were settled without the oracle."""

    provider_id: int
    batch: SettledBatch
    disputable_until: int
    """Until when its claims may be disputed, and how long their credit waits at least; seconds since 1970."""


def announce_sections(provider: Actor, provider_id: int) -> EventsAnnounced:
    """Announce what was attested and has not ended, as one batch, in place of what was announced before.

    Whoever watches the chain sees it: the quorum, which may object until it settles, and patients, who may
    revoke what they allow. What stands announced already goes on as it is.

    Raises:
        StateError: nothing waits, or the key of the payout address is not at hand.
        ChainError: the chain refused it.
    """
    owner, session = payout_actor(provider, provider_id).sender(), provider.session
    waiting, standing = waiting_sections(session, provider_id), announcement(session, provider_id)
    sections = waiting.sections
    changed = standing is None or standing.sections != sections
    transaction, block = None, None
    if standing is None or changed:
        receipt = session.protocol.settlement.announce_sections(owner, provider_id, sections)
        transaction, block = transaction_of(receipt), receipt["blockNumber"]
        announced_at = time_of_block(session.protocol.w3, receipt["blockHash"])
        objection = SectionsObjection(provider_id, keccak256(sections), announced_at)
        standing = StandingAnnouncement(provider_id, sections, objection)
    return EventsAnnounced(
        changed=changed,
        effective_at=standing.settles_from,
        transaction=transaction,
        block=block,
        provider_id=provider_id,
        events=waiting.events,
        lapses_at=standing.lapses_at,
        left=waiting.left,
    )


def settle_unanswered(provider: Actor, provider_id: int) -> SettledUnanswered:
    """Settle what was announced, once its week is over and for another week.

    Raises:
        StateError: nothing is announced, or the key of the payout address is not at hand.
        ContractReverted: the week is not over, the provider is suspended, or settlement is paused.
        ChainError: the chain refused it.
    """
    owner, session = payout_actor(provider, provider_id).sender(), provider.session
    protocol = session.protocol
    standing = _standing(provider, provider_id)
    receipt = protocol.settlement.settle_unanswered(
        owner, provider_id, standing.announced_at, standing.sections, root_slot=free_root_slot(session)
    )
    settled_at = time_of_block(protocol.w3, receipt["blockHash"])
    return SettledUnanswered(
        **made(session, receipt),
        provider_id=provider_id,
        batch=record_unanswered(session, standing, receipt),
        disputable_until=settled_at + UNANSWERED_DELAY_SECONDS + DISPUTE_WINDOW_SECONDS,
    )


def _standing(provider: Actor, provider_id: int) -> StandingAnnouncement:
    standing = announcement(provider.session, provider_id)
    if standing is None:
        raise StateError(
            f"provider {provider_id} has announced nothing that stands",
            hint="it lapses after two weeks, and the oracle may call it off; announce it again: "
            "chainbill provider without-oracle announce",
        )
    return standing
