"""The fees that an insurer publishes, under ids that only holders of its schedule can read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from web3.types import TxReceipt

from chainbill.billing.terms import FeeTerms
from chainbill.chain.contracts.payer import PublishedFee as PublishedFee  # faces get it here
from chainbill.chain.reads import Question
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change, transaction_of
from chainbill.operations.fee_publication import FeeChanges, Sent, compare_fees, logged_fees, send_mixed
from chainbill.protocol_constants import END_OF_TIME
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class FeeStanding:
    """One service's fee: in force now, and announced to hold later; None where there is none."""

    in_force: PublishedFee | None
    announced: PublishedFee | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeesPublished(Change):
    """What came of publishing; ``effective_at`` is the last of ``holds``, ``transaction`` the last."""

    changes: FeeChanges
    holds: Mapping[str, int]
    """From when each changed fee holds, by service name, in seconds since 1970."""
    transactions: int


def standing_fees(
    session: Session, payer_id: int, *, on_service: Callable[[], None] = lambda: None
) -> dict[str, FeeStanding]:
    """Every fee that the insurer's schedule has, by service name; nothing where no schedule is here."""
    if payer_id not in session.schedules:
        return {}
    schedule, reads = session.schedules.load(payer_id), session.protocol.reads
    found: dict[str, FeeStanding] = {}
    with reads.held():
        payer, now = session.protocol.payer(payer_id), session.now()
        ids = {service: schedule.id_of(service) for service in schedule.services}
        reads.learn(Question(payer, "feeAt", (each, now)) for each in ids.values())
        for service, service_id in ids.items():
            newest = payer.fee_at(service_id, END_OF_TIME)
            later = newest if newest is not None and newest.effective_at > now else None
            found[service] = FeeStanding(payer.fee_at(service_id, now) if later else newest, later)
            on_service()
    return found


def newest_terms(session: Session, payer_id: int) -> dict[str, FeeTerms]:
    """The terms that were published last of each service, by its name; nothing where no schedule is here."""
    standing = standing_fees(session, payer_id).items()
    newest = {service: each.announced or each.in_force for service, each in standing}
    return {service: fee.terms for service, fee in newest.items() if fee is not None}


def publish_fees(
    insurer: Actor,
    payer_id: int,
    fees: Mapping[str, FeeTerms],
    *,
    on_service: Callable[[], None] = lambda: None,
) -> FeesPublished:
    """Publish what changes of a fee schedule, among decoys, and write down which services it has. A first fee
    holds at once, a change after the notice; a publishing that was cut off goes on where it was.

    Args:
        insurer: opened only if something is to be sent.
        payer_id: its payer contract.
        fees: terms by service name.
        on_service: called once each service is compared.

    Raises:
        CatalogueError: two services share an id.
        ChainError: the chain refused it.
    """
    session, payer = insurer.session, insurer.protocol.payer(payer_id)
    schedule = session.schedules.draw(payer_id, fees)
    reads = session.protocol.reads
    with reads.held():
        ids = [each for service in fees for each in schedule.ids_of(service)]
        reads.learn(Question(payer, "feeAt", (each, END_OF_TIME)) for each in ids)
        changes = compare_fees(payer, fees, schedule.ids_of, session.now(), on_service=on_service)
    own = {schedule.id_of(service): service for service in fees}
    # Also what an attempt that was cut off had published without writing it down.
    session.schedules.publish(payer_id, changes.unchanged)
    receipts: list[TxReceipt] = []

    def send(ids: Sequence[bytes]) -> dict[bytes, int]:
        receipts.append(payer.publish_fees(sender, {each: changes.to_publish[each] for each in ids}))
        return logged_fees(payer, receipts[-1])

    def written(ids: Sequence[bytes]) -> None:
        session.schedules.publish(payer_id, [own[each] for each in ids if each in own])

    sent = Sent({}, 0)
    if changes.to_publish:
        sender = insurer.sender()
        sent = send_mixed(changes.to_publish, send, on_published=written)
    # What was cut off between a service and its decoys is complete now.
    session.schedules.publish(payer_id, changes.changed)
    holds = sent.by_service(changes.changed, schedule.ids_of)
    return FeesPublished(
        changed=bool(receipts),
        effective_at=max(holds.values(), default=None),
        transaction=transaction_of(receipts[-1]) if receipts else None,
        block=receipts[-1]["blockNumber"] if receipts else None,
        changes=changes,
        holds=holds,
        transactions=sent.transactions,
    )
