"""Every row of every batch, with the batch it came in and what the published terms say about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TypeGuard

from chainbill.audit.determination import Determination, determine
from chainbill.audit.ledger import Ledger
from chainbill.audit.replay import apply
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.deployments import Deployment
from chainbill.chain.events import (
    BatchSettled,
    Claim,
    ClaimDenied,
    ClaimPended,
    ClaimSettled,
    ClaimSkipped,
    Event,
    RecordedEvent,
)
from chainbill.errors import LedgerError

Row = ClaimSettled | ClaimDenied | ClaimPended | ClaimSkipped


@dataclass(frozen=True, slots=True)
class ClaimRecord:
    """One row of a batch."""

    recorded: RecordedEvent
    batch: BatchSettled | None
    """The batch's own log; None where it is missing."""
    outcome: Outcome
    reason: Reason
    provider_id: int
    patient: str
    commitment: bytes
    sequence: int
    claim: Claim | None
    """What was priced; None for rows put back or passed over, of which the log says no more."""
    determination: Determination | None
    """The same decided again from the rebuilt ledger; None where there is no claim or no batch."""


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
    plan_paid: int = 0
    patient_responsibility: int = 0

    @classmethod
    def of(cls, records: Iterable[ClaimRecord]) -> Totals:
        """Add up."""
        sums = dict.fromkeys((field.name for field in fields(cls)), 0)
        amounts = [name for name in sums if name not in _OUTCOMES.values()]
        for record in records:
            sums[_OUTCOMES[record.outcome]] += 1
            if record.outcome is Outcome.SETTLED and record.claim is not None:
                for name in amounts:
                    sums[name] += getattr(record.claim, name)
        return cls(**sums)


_OUTCOMES = {outcome: outcome.name.lower() for outcome in Outcome}


def read_claims(recorded: Sequence[RecordedEvent], deployment: Deployment) -> list[ClaimRecord]:
    """Every row in order, each with its terms and its price by them.

    Raises:
        LedgerError: the events do not replay; names the log.
    """
    return list(walk(recorded, Ledger(deployment)))


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
    for place, event in enumerate(recorded):
        if is_row(event.event):
            yield _record(ledger, event, event.event, batches.get(place))
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


def _record(ledger: Ledger, recorded: RecordedEvent, row: Row, batch: BatchSettled | None) -> ClaimRecord:
    claim = row.claim if isinstance(row, ClaimSettled | ClaimDenied) else None
    determination = None
    if claim is not None and batch is not None:
        determination = determine(
            ledger,
            row.provider_id,
            row.patient,
            claim,
            signed_at=batch.signed_at,
            block_time=recorded.block_time,
        )
    outcome, reason = outcome_of(row)
    return ClaimRecord(
        recorded=recorded,
        batch=batch,
        outcome=outcome,
        reason=reason,
        provider_id=row.provider_id,
        patient=row.patient,
        commitment=_identity(row)[0],
        sequence=_identity(row)[1],
        claim=claim,
        determination=determination,
    )


def outcome_of(row: Row) -> tuple[Outcome, Reason]:
    """How the log says the row ended."""
    if isinstance(row, ClaimSettled):
        return Outcome.SETTLED, Reason.NONE
    if isinstance(row, ClaimDenied):
        return Outcome.DENIED, row.reason
    if isinstance(row, ClaimPended):
        return Outcome.PENDED, row.reason
    return Outcome.SKIPPED, Reason.SEQUENCE_SPENT


def _identity(row: Row) -> tuple[bytes, int]:
    stated = row.claim if isinstance(row, ClaimSettled | ClaimDenied) else row
    return stated.commitment, stated.sequence
