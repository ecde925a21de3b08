"""A provider attests what is on its worklist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from eth_account.signers.local import LocalAccount

from chainbill.attestation.signing import Signer
from chainbill.errors import StateError
from chainbill.interop.ingest_memory import IngestMemory
from chainbill.money import show_dollars
from chainbill.operations.actor import Actor
from chainbill.operations.oracle.at_hand import oracle_at_hand
from chainbill.operations.parties import patient_address
from chainbill.operations.progress import Progress, untold
from chainbill.operations.provider.acting import Key, at_work, attesting_account
from chainbill.operations.provider.cash_prices import cash_key
from chainbill.operations.provider.elsewhere import told_by_chain
from chainbill.operations.provider.submission import (
    AttestationSubmitter,
    Counterparties,
    RefusedEvent,
    SubmittedEvent,
)
from chainbill.operations.provider.waiting import named_events, take_off
from chainbill.operations.provider.worklist import WaitingEvent, Worklist
from chainbill.oracle.api import Custody, Receipt
from chainbill.records.refusals import Refusals
from chainbill.records.service_event import ServiceEvent


@dataclass(frozen=True, slots=True)
class AttestedEvents:
    """What became of the events that were to be attested."""

    submitted: tuple[SubmittedEvent, ...]
    """The oracle has them."""
    refused: tuple[RefusedEvent, ...]
    """They stay on the worklist."""

    @property
    def to_export(self) -> bool:
        """Are some stored here alone, in a state directory that no oracle reads?"""
        return any(each.receipt.custody is Custody.PROVIDER for each in self.submitted)


def attest(
    provider: Actor,
    provider_id: int,
    records: Sequence[str] = (),
    *,
    self_pay: bool = False,
    key: Key | None = None,
    progress: Progress = untold,
) -> AttestedEvents:
    """Sign the events on the worklist, seal their records for provider and patient, and hand them to the
    oracle. What the oracle refuses stays on the list. An attempt that was cut off is safely repeated.

    Args:
        records: only these: record identities, or their last parts where these are enough.
        self_pay: charge patients the cash price, outside any plan.
        key: signs in place of the account's own.

    Raises:
        StateError: a record is not on the list, or a key is not at hand or may not sign.
        ChainError: the node could not be reached or refused.
    """
    with at_work(provider) as worklist:
        account = attesting_account(provider, provider_id, key)
        waiting = [
            replace(item, self_pay=self_pay or item.self_pay)
            for item in named_events(worklist, provider.name, records)
        ]
        return _submit(provider, provider_id, worklist, account, waiting, progress)


def attest_event(
    provider: Actor,
    provider_id: int,
    event: ServiceEvent,
    *,
    patient: str | None = None,
    self_pay: bool = False,
    key: Key | None = None,
) -> Receipt:
    """Put one event on the worklist and attest it at once; attested before, the receipt for it as it stands.

    What is told now of a record that waits takes the place of what was told before.

    Args:
        patient: the patient's account, by name or address; None: what was told of the record's patient when
            it was ingested, else the record's reference where that is a name or an address.

    Raises:
        IntakeRefused: with a ``RefusalReason`` as ``reason``. The event stays on the worklist.
        StateError: nobody knows the patient's account, a key is not at hand or may not sign, or the record
            was attested as another event.
        ChainError: the node could not be reached or refused.
    """
    address = _account_of(provider, event, patient)
    with at_work(provider) as worklist:
        account = attesting_account(provider, provider_id, key)
        _drop_what_was_told_otherwise(provider, provider_id, worklist, event, address)
        worklist.add(address, event, self_pay=self_pay)
        waiting = [replace(item, self_pay=self_pay or item.self_pay) for item in _waiting_as(worklist, event)]
        if not waiting:
            return _attested_before(provider, provider_id, event, address)
        done = _submit(provider, provider_id, worklist, account, waiting, untold)
    if done.refused:
        raise done.refused[0].refusal
    (submitted,) = done.submitted
    receipt = replace(submitted.receipt, repeated=submitted.repeated)
    return told_by_chain(provider, [receipt])[0] if receipt.repeated else receipt


def _submit(
    provider: Actor,
    provider_id: int,
    worklist: Worklist,
    account: LocalAccount,
    waiting: Sequence[WaitingEvent],
    progress: Progress,
) -> AttestedEvents:
    submitter = submitter_of(provider, provider_id, worklist, Signer(account))
    submitted: list[SubmittedEvent] = []
    refused: list[RefusedEvent] = []
    with progress(len(waiting)) as advance:
        for done in submitter.submit_all(waiting):
            if isinstance(done, SubmittedEvent):
                submitted.append(done)
            else:
                refused.append(done)
            advance(1)
    if len(submitted) > 1:
        submitter.bundle()
    submitter.tell_patients(Refusals(provider.session.state.refusals_database), refused)
    return AttestedEvents(tuple(submitted), tuple(refused))


def submitter_of(
    provider: Actor, provider_id: int, worklist: Worklist, attester: Signer
) -> AttestationSubmitter:
    """What brings a provider's events to the oracle.

    Raises:
        StateError: the provider's own key is not at hand: it opens what is sealed.
    """
    session = provider.session
    return AttestationSubmitter(
        protocol=session.protocol,
        provider_id=provider_id,
        attester=attester,
        own_vault_key=provider.vault_key().public,
        worklist=worklist,
        oracle=oracle_at_hand(session),
        vault=session.vault,
        counterparties=Counterparties(
            schedule_key=lambda payer_id: session.schedules.load(payer_id).key,
            vault_key=session.book.vault_key_of,
        ),
        cash_key=lambda: cash_key(session, provider.name, provider_id),
    )


def _account_of(provider: Actor, event: ServiceEvent, patient: str | None) -> str:
    session, reference = provider.session, event.patient.reference
    if patient is not None:
        return patient_address(session, patient)
    known = IngestMemory(session.state.ingest_memory(provider.name)).accounts().get(reference)
    if known is not None:
        return known
    try:
        return patient_address(session, reference)
    except StateError as error:
        raise StateError(
            f"nothing says whose account {reference} of the record has", hint="name the patient"
        ) from error


def _waiting_as(worklist: Worklist, event: ServiceEvent) -> list[WaitingEvent]:
    return [
        item
        for item in worklist.waiting()
        if item.event.record_identity == event.record_identity and not item.corrects
    ]


def _drop_what_was_told_otherwise(
    provider: Actor, provider_id: int, worklist: Worklist, event: ServiceEvent, patient: str
) -> None:
    """Take the event's record off the list where it waits as another event, which the oracle has not.

    Raises:
        StateError: the oracle has that one.
    """
    other = [item for item in _waiting_as(worklist, event) if (item.event, item.patient) != (event, patient)]
    if not other:
        return
    found = oracle_at_hand(provider.session).find(provider_id, event.record_identity)
    if found is not None:
        _check_attested_as(found, event, patient)
    else:
        take_off(provider, provider_id, worklist, other)


def _attested_before(provider: Actor, provider_id: int, event: ServiceEvent, patient: str) -> Receipt:
    """The receipt of an event that was attested.

    Raises:
        StateError: the oracle has none, or the record was attested as another event.
    """
    found = oracle_at_hand(provider.session).find(provider_id, event.record_identity)
    if found is None:
        raise StateError(
            f"{event.record_identity} was attested, and the oracle's store knows nothing of it",
            hint="chainbill provider rebuild",
        )
    _check_attested_as(found, event, patient)
    return told_by_chain(provider, [replace(found, repeated=True)])[0]


def _check_attested_as(receipt: Receipt, event: ServiceEvent, patient: str) -> None:
    """Raises StateError: the oracle has the event's record as another event."""
    attested = receipt.attestation
    was = (attested.patient, attested.units, attested.billed_amount, attested.benefit_year)
    if was != (patient, event.units, event.billed_amount, event.benefit_year):
        raise StateError(
            f"{event.record_identity} was attested as another event: {attested.units} for "
            f"{show_dollars(attested.billed_amount)} in {attested.benefit_year}, to {attested.patient}",
            hint="take that one back (recall, remove); or once it is settled, void it and correct it",
        )
