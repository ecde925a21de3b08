"""The events that wait to be attested, and those that the oracle has and has not settled."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from chainbill.attestation.intake_receipts import REFUSED
from chainbill.errors import StateError
from chainbill.interop.fhir.files import tail
from chainbill.operations.actor import Actor
from chainbill.operations.oracle.at_hand import has_oracle, oracle_at_hand
from chainbill.operations.provider.acting import worklist_of
from chainbill.operations.provider.elsewhere import Refusal, told_by_chain, told_by_oracle
from chainbill.operations.provider.submission import commitments
from chainbill.operations.provider.worklist import WaitingEvent, Worklist
from chainbill.oracle.api import FINAL, Receipt, Status
from chainbill.records.refusals import Refusals


@dataclass(frozen=True, slots=True)
class UnsettledEvent:
    """An event that the oracle has, and that is neither settled nor denied."""

    receipt: Receipt
    record: str | None
    """Its record identity; None: the worklist does not know it."""
    refused: Refusal | None = None
    """Why an oracle elsewhere, which was handed it in a file, does not take it; None: none has said so."""

    @property
    def standing(self) -> str:
        """How it stands: the word of its receipt's ``Status``, or ``refused``."""
        return REFUSED if self.refused is not None else self.receipt.status.value

    @property
    def reason(self) -> str:
        """Why, as a stable word; ``none``: there is nothing to say."""
        return self.refused.reason if self.refused is not None else self.receipt.standing_reason


@dataclass(frozen=True, slots=True)
class WorklistStanding:
    """A provider's worklist."""

    waiting: tuple[WaitingEvent, ...]
    """To be attested, in the order in which they were added."""
    attested: int
    """How many events were attested."""
    at_oracle: tuple[UnsettledEvent, ...]


@dataclass(frozen=True, slots=True)
class EventsRemoved:
    """Events that are off the list, as if they had never been on it."""

    records: tuple[str, ...]
    """Their record identities."""


def worklist(provider: Actor, provider_id: int | None) -> WorklistStanding:
    """What waits, and what the oracle has.

    Args:
        provider_id: None: the provider is not registered, and the oracle has nothing of it.

    Raises:
        StateError: the worklist or the oracle's store cannot be used.
        ChainError: no oracle is here, and the node could not be reached or refused.
    """
    own = worklist_of(provider)
    waiting = tuple(own.waiting())
    return WorklistStanding(waiting, own.counts()["attested"], _at_oracle(provider, provider_id, own))


def remove(provider: Actor, provider_id: int | None, records: Sequence[str]) -> EventsRemoved:
    """Take events off the worklist that were not attested, so that they can be ingested anew.

    Args:
        provider_id: None: the provider is not registered.
        records: record identities, or their last parts where these are enough.

    Raises:
        StateError: one of them is not on the list.
    """
    own = worklist_of(provider)
    named = named_events(own, provider.name, records) if records else []
    take_off(provider, provider_id, own, named)
    return EventsRemoved(tuple(item.event.record_identity for item in named))


def take_off(
    provider: Actor, provider_id: int | None, worklist: Worklist, items: Sequence[WaitingEvent]
) -> None:
    """Take events off the worklist, and what patients were told of their refusal with them."""
    worklist.remove(items)
    if provider_id is not None:
        refusals = Refusals(provider.session.state.refusals_database)
        refusals.keep_only(provider_id, commitments(worklist.waiting()))


def named_events(worklist: Worklist, name: str, records: Sequence[str]) -> list[WaitingEvent]:
    """The events that wait for these records; without any, all that wait.

    Args:
        name: what the provider is called.

    Raises:
        StateError: one of them is not on the list, or fits several on it.
    """
    waiting = worklist.waiting()
    known = {item.event.record_identity for item in waiting}
    records = whole_identities(known, records)
    unknown = [record for record in records if record not in known]
    if unknown:
        raise StateError(
            f"not on the worklist of {name}: {', '.join(unknown)}", hint="see it: chainbill provider worklist"
        )
    return [item for item in waiting if not records or item.event.record_identity in records]


def whole_identities(known: Collection[str], records: Sequence[str]) -> list[str]:
    """``records`` as the worklist has them: one named by its last part (``Encounter/7``) is the one known
    identity that ends so, where it is the only one."""
    whole = {record: [each for each in known if record in (each, tail(each))] for record in records}
    return [found[0] if len(found) == 1 else record for record, found in whole.items()]


def _at_oracle(provider: Actor, provider_id: int | None, own: Worklist) -> tuple[UnsettledEvent, ...]:
    if provider_id is None or not has_oracle(provider.session):
        return ()
    records = {each.commitment: each.record_identity for each in own.attested()}
    receipts = told_by_chain(provider, oracle_at_hand(provider.session).attestations(provider_id))
    return tuple(
        UnsettledEvent(receipt, records.get(receipt.attestation.commitment), refused)
        for receipt, refused in told_by_oracle(provider, receipts, own.receipts())
        # What was taken back is on the list above again, or was dropped.
        if receipt.status not in FINAL
        and (receipt.status is not Status.RECALLED or receipt.attestation.commitment in records)
    )
