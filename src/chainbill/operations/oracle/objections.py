"""What the oracle says against sections that a provider has announced to settle without it."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.errors import StateError
from chainbill.operations.actor import Actor
from chainbill.operations.announcements import announcement
from chainbill.operations.change import Change
from chainbill.operations.effect import made
from chainbill.operations.oracle.at_hand import oracle_at_work
from chainbill.operations.oracle.settle import quorum_at_hand


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncementCalledOff(Change):
    """What a provider may no longer settle without the oracle."""

    provider_id: int
    announced_at: int
    """Seconds since 1970."""
    events: int


def object_to_sections(sender: Actor, provider_id: int) -> AnnouncementCalledOff:
    """Sign against what a provider has announced, with the nodes' keys that are here, and send it: it cannot
    settle then. The provider may announce again.

    Args:
        sender: whose account sends the transaction; anyone may.

    Raises:
        StateError: the provider has announced nothing that stands, or the sender's key is not at hand.
        AttestationError: the nodes' keys that are here are not enough.
        ChainError: the chain refused it.
    """
    session = sender.session
    standing = announcement(session, provider_id)
    if standing is None:
        raise StateError(
            f"provider {provider_id} has announced nothing that stands", hint="see: chainbill oracle status"
        )
    with oracle_at_work(session) as store:
        signatures = quorum_at_hand(session, store).object(standing.objection)
    receipt = session.protocol.settlement.object_to_sections(sender.sender(), standing.objection, signatures)
    return AnnouncementCalledOff(
        **made(session, receipt),
        provider_id=provider_id,
        announced_at=standing.announced_at,
        events=len(standing.places),
    )
