"""What an insurer has published of its fees, by name, and publishing more of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chainbill.billing.terms import FeeTerms
from chainbill.chain.contracts.payer import PublishedFee
from chainbill.chain.node.sender import Sender
from chainbill.operations.fee_publication import FeeChanges, Sent, compare_fees, publish_fees
from chainbill.protocol_constants import END_OF_TIME
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class FeeStanding:
    """One service's fee: in force now, and announced to hold later; None where there is none."""

    in_force: PublishedFee | None
    announced: PublishedFee | None


@dataclass(frozen=True, slots=True)
class FeesPublished:
    """What came of publishing; times in seconds since 1970."""

    changes: FeeChanges
    holds: Mapping[str, int]
    """From when each changed fee holds, by service name."""
    transactions: int


def standing_fees(
    session: Session, payer_id: int, *, on_service: Callable[[], None] = lambda: None
) -> dict[str, FeeStanding]:
    """Every fee that the insurer's schedule has, by service name; nothing where no schedule is here."""
    if payer_id not in session.schedules:
        return {}
    payer, schedule, now = session.protocol.payer(payer_id), session.schedules.load(payer_id), session.now()
    found: dict[str, FeeStanding] = {}
    for service in schedule.services:
        newest = payer.fee_at(schedule.id_of(service), END_OF_TIME)
        later = newest if newest is not None and newest.effective_at > now else None
        present = payer.fee_at(schedule.id_of(service), now) if later else newest
        found[service] = FeeStanding(present, later)
        on_service()
    return found


def newest_terms(session: Session, payer_id: int, service: str) -> FeeTerms | None:
    """The terms of a service that were published last; None where none were."""
    if payer_id not in session.schedules:
        return None
    schedule = session.schedules.load(payer_id)
    newest = session.protocol.payer(payer_id).fee_at(schedule.id_of(service), END_OF_TIME)
    return newest.terms if newest else None


def publish_schedule(
    session: Session,
    payer_id: int,
    insurer: Callable[[], Sender],
    fees: Mapping[str, FeeTerms],
    *,
    on_service: Callable[[], None] = lambda: None,
) -> FeesPublished:
    """Publish what changes of a fee schedule, among decoys, and write down which services it has.

    Args:
        session: the chain and the state directory.
        payer_id: the insurer's payer contract.
        insurer: opens the account that owns it; called only if something is to be sent.
        fees: terms by service name.
        on_service: called once each service is compared.
    """
    payer = session.protocol.payer(payer_id)
    schedule = session.schedules.draw(payer_id, fees)
    changes = compare_fees(payer, fees, schedule.ids_of, session.now(), on_service=on_service)
    own = {schedule.id_of(service): service for service in fees}
    # Also what an attempt that was cut off had published without writing it down.
    session.schedules.publish(payer_id, changes.unchanged)
    sent = Sent({}, 0)
    if changes.to_publish:

        def written(ids: Sequence[bytes]) -> None:
            session.schedules.publish(payer_id, [own[each] for each in ids if each in own])

        sent = publish_fees(payer, insurer(), changes.to_publish, on_published=written)
    # What was cut off between a service and its decoys is complete now.
    session.schedules.publish(payer_id, changes.changed)
    return FeesPublished(changes, sent.by_service(changes.changed, schedule.ids_of), sent.transactions)
