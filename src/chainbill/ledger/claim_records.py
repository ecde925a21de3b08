"""Every row of every batch, with the batch it came in and what the published terms say about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeGuard

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.deployments import Deployment
from chainbill.chain.format.claim_tree import claim_id, claim_prefix
from chainbill.chain.format.events import (
    BatchSettled,
    Claim,
    ClaimCorrected,
    ClaimDenied,
    ClaimPended,
    ClaimSettled,
    ClaimSkipped,
    Event,
    RecordedEvent,
    SecondaryDetermined,
    SecondaryShares,
)
from chainbill.chain.format.packed_claim import NO_SECONDARY
from chainbill.errors import LedgerError
from chainbill.ledger.accounts import Ledger
from chainbill.ledger.pricing.attested_row import AttestedRow
from chainbill.ledger.pricing.readjudication import Readjudication, readjudicate
from chainbill.ledger.replay import apply

Row = ClaimSettled | ClaimDenied | ClaimPended | ClaimSkipped


@dataclass(frozen=True, slots=True)
class ClaimRecord:
    """One row of a batch."""

    recorded: RecordedEvent
    batch: BatchSettled | None
    """The batch's own log; None where it is missing."""
    outcome: Outcome
    patient: str
    claim: Claim
    """What was attested; of a row that did not settle no more."""
    secondary: SecondaryShares
    """The secondary payer as if it were alone; all 0 where none took part."""
    corrects: bytes | None
    """The id of the reversed claim that this one corrects."""
    claim_id: bytes | None
    """None: it did not settle, or there is no batch."""
    readjudication: Readjudication | None
    """The same decided again from the rebuilt ledger; None where there is no batch."""

    @property
    def reason(self) -> Reason:
        """Why it did not settle; NONE: it did."""
        return self.claim.reason

    @property
    def provider_id(self) -> int:
        """Whose event it is."""
        return self.claim.provider_id

    @property
    def commitment(self) -> bytes:
        """What the attestation commits to."""
        return self.claim.commitment

    @property
    def sequence(self) -> int:
        """The provider's own number of the attestation."""
        return self.claim.sequence


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over settled claims, in micro-dollars, and how many rows ended in each way."""

    settled: int = 0
    denied: int = 0
    pended: int = 0
    skipped: int = 0
    billed: int = 0
    allowed: int = 0
    contractual_adjustment: int = 0
    deductible: int = 0
    copay: int = 0
    coinsurance: int = 0
    outside_plan: int = 0
    plan_paid: int = 0
    secondary_paid: int = 0
    fee: int = 0
    patient_responsibility: int = 0

    @classmethod
    def of(cls, records: Iterable[ClaimRecord]) -> Totals:
        """Add up."""
        sums = dict.fromkeys((field.name for field in fields(cls)), 0)
        amounts = [name for name in sums if name not in _OUTCOMES.values()]
        for record in records:
            sums[_OUTCOMES[record.outcome]] += 1
            if record.outcome is Outcome.SETTLED:
                for name in amounts:
                    sums[name] += getattr(record.claim, name)
        return cls(**sums)


_OUTCOMES = {outcome: outcome.name.lower() for outcome in Outcome}


def read_claims(recorded: Sequence[RecordedEvent], deployment: Deployment) -> list[ClaimRecord]:
    """Every row in order, each with its terms and its price by them.

    Raises:
        LedgerError: the events do not replay; names the log.
    """
    return replay_claims(recorded, deployment)[0]


def replay_claims(
    recorded: Sequence[RecordedEvent], deployment: Deployment
) -> tuple[list[ClaimRecord], Ledger]:
    """Every row in order, and the ledger after the last event.

    Raises:
        LedgerError: the events do not replay; names the log.
    """
    ledger = Ledger(deployment)
    return list(walk(recorded, ledger)), ledger


def walk(
    recorded: Sequence[RecordedEvent],
    ledger: Ledger,
    *,
    on_error: Callable[[RecordedEvent, LedgerError], None] | None = None,
) -> Iterator[ClaimRecord]:
    """Move ``ledger`` through the events; yields each row before it is applied, so that the ledger is the one
    it met.

    Raises:
        LedgerError: an event does not replay, and ``on_error`` is not there to hear of it.
    """
    batches = batches_of_rows(recorded)
    ids = _claim_ids(recorded, batches, ledger.deployment)
    for place, event in enumerate(recorded):
        if is_row(event.event):
            yield _record(ledger, recorded, place, event.event, batches.get(place), ids.get(place))
        try:
            apply(ledger, event)
        except LedgerError as error:
            if on_error is None:
                raise
            on_error(event, error)


def is_row(event: Event) -> TypeGuard[Row]:
    """Is this the log of a batch's row?"""
    return isinstance(event, ClaimSettled | ClaimDenied | ClaimPended | ClaimSkipped)


def batches_of_rows(recorded: Sequence[RecordedEvent]) -> dict[int, BatchSettled]:
    """By a row's place: its batch, whose log follows its rows in the same transaction."""
    batches: dict[int, BatchSettled] = {}
    waiting: list[int] = []
    for place, event in enumerate(recorded):
        if waiting and recorded[waiting[0]].transaction != event.transaction:
            waiting = []
        if is_row(event.event):
            waiting.append(place)
        elif isinstance(event.event, BatchSettled):
            batches.update(dict.fromkeys(waiting, event.event))
            waiting = []
    return batches


def outcome_of(row: Row) -> Outcome:
    """How the log says the row ended."""
    return _OUTCOME_OF_EVENT[type(row)]


_OUTCOME_OF_EVENT: dict[type[Event], Outcome] = {
    ClaimSettled: Outcome.SETTLED,
    ClaimDenied: Outcome.DENIED,
    ClaimPended: Outcome.PENDED,
    ClaimSkipped: Outcome.SKIPPED,
}


def _claim_ids(
    recorded: Sequence[RecordedEvent], batches: dict[int, BatchSettled], deployment: Deployment
) -> dict[int, bytes]:
    """By a settled row's place: its claim's id."""
    ids: dict[int, bytes] = {}
    prefixes: dict[bytes, bytes] = {}
    for place, batch in batches.items():
        row = recorded[place].event
        if not isinstance(row, ClaimSettled):
            continue
        if batch.digest not in prefixes:
            prefixes[batch.digest] = claim_prefix(
                deployment.chain_id,
                deployment.settlement,
                batch.digest,
                recorded[place].block_time,
                batch.operator,
            )
        secondary, _ = _followers(recorded, place, row)
        ids[place] = claim_id(prefixes[batch.digest], row.patient, row.claim, secondary)
    return ids


def _followers(
    recorded: Sequence[RecordedEvent], place: int, row: Row
) -> tuple[SecondaryShares, bytes | None]:
    """What the logs right after a settled row add to it: the secondary payer, and what it corrects."""
    secondary, corrects = NO_SECONDARY, None
    for event in recorded[place + 1 : place + 3]:
        follower = event.event
        if isinstance(follower, SecondaryDetermined | ClaimCorrected):
            if (event.transaction, follower.commitment) != (
                recorded[place].transaction,
                row.claim.commitment,
            ):
                break
            if isinstance(follower, SecondaryDetermined):
                secondary = follower.shares
            else:
                corrects = follower.claim_id
        else:
            break
    return secondary, corrects


def _record(
    ledger: Ledger,
    recorded: Sequence[RecordedEvent],
    place: int,
    row: Row,
    batch: BatchSettled | None,
    identity: bytes | None,
) -> ClaimRecord:
    secondary, corrects = _followers(recorded, place, row)
    readjudication = None
    if batch is not None:
        attested = AttestedRow(
            row.patient,
            row.claim,
            signed_at=batch.signed_at,
            block_time=recorded[place].block_time,
            operator=batch.operator,
            is_correction=corrects is not None,
        )
        readjudication = readjudicate(ledger, attested)
        if isinstance(row, ClaimPended) and readjudication.reason is not row.claim.reason:
            # Of a row that was put back the log does not say whether it is a correction.
            correction = readjudicate(ledger, replace(attested, is_correction=True))
            readjudication = correction if correction.reason is row.claim.reason else readjudication
    return ClaimRecord(
        recorded[place],
        batch,
        outcome_of(row),
        row.patient,
        row.claim,
        secondary,
        corrects,
        identity,
        readjudication,
    )
