"""Replays service events on the chain's own clock: nothing is re-dated.

The chain starts on the first service date and is moved forward day by day. At the end of each day its
events are attested, taken in by the oracle and settled in one go, under the plan published for their year.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from itertools import groupby

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.operations.provider.submission import RefusedEvent, SubmittedEvent
from chainbill.oracle.api import RefusalReason
from chainbill.oracle.receipts import SettledBatch
from chainbill.oracle.settling import settle_open
from chainbill.records.service_event import ServiceEvent
from chainbill.scenario.testbed import Stage


@dataclass(slots=True)
class ReplayedEvent:
    """One event and what became of it."""

    event: ServiceEvent
    commitment: bytes = b""
    """Empty where the oracle refused the attestation."""
    refusal: str = ""
    """The oracle's word for why it refused; empty where it did not."""
    outcome: Outcome | None = None
    reason: Reason = Reason.NONE
    transaction: str = ""
    seconds_to_credited: float | None = None
    """From the start of its attesting to the settling block's receipt."""


@dataclass(slots=True)
class Replay:
    """What a run leaves behind. Amounts are on chain; join by commitment."""

    events: list[ReplayedEvent] = field(default_factory=list)
    batches: list[SettledBatch] = field(default_factory=list)

    @property
    def gas_per_event(self) -> int | None:
        """Gas of all settling transactions over the rows they carried; None where nothing was sent."""
        rows = sum(len(batch.rows) for batch in self.batches)
        return sum(batch.gas_used for batch in self.batches) // rows if rows else None


def replay(
    stage: Stage, events: Sequence[ServiceEvent], *, on_event: Callable[[ReplayedEvent], None] | None = None
) -> Replay:
    """Attest and settle events in date order.

    ``on_event`` is called once for each event when its day is over.
    """
    done = Replay()
    attested_at: dict[bytes, tuple[float, ReplayedEvent]] = {}
    for day in _days(events):
        stage.close_day(day[0].performed_timestamp)
        todays = [
            replayed
            for reference, events_of_one in groupby(day, key=lambda event: event.provider.reference)
            for replayed in _attest(stage, reference, list(events_of_one), attested_at)
        ]
        batches = settle_open(stage.protocol, stage.store, stage.quorum, stage.submitter)
        received_at = time.perf_counter()
        _note_outcomes(batches, attested_at, received_at)
        done.batches += batches
        done.events += todays
        if on_event is not None:
            for replayed in todays:
                on_event(replayed)
    return done


def _days(events: Sequence[ServiceEvent]) -> Iterator[list[ServiceEvent]]:
    ordered = sorted(events, key=lambda event: event.performed_at)
    for _, day in groupby(ordered, key=lambda event: event.performed_at.astimezone(UTC).date()):
        yield list(day)


def _attest(
    stage: Stage,
    reference: str,
    events: Sequence[ServiceEvent],
    attested_at: dict[bytes, tuple[float, ReplayedEvent]],
) -> list[ReplayedEvent]:
    """One provider's events, through its worklist to the oracle."""
    worklist = stage.worklist(reference)
    for event in events:
        stage.casting.enrol(stage.cast, event.patient.reference, event.benefit_year)
        worklist.add(stage.cast.patients[event.patient.reference].address, event)
    waiting = {item.event.record_identity: item for item in worklist.waiting()}
    wanted = [waiting[each.record_identity] for each in events if each.record_identity in waiting]
    started_at = time.perf_counter()
    outcomes = {
        done.waiting.event.record_identity: done
        for done in stage.submitter_of(reference, worklist).submit_all(wanted)
    }
    replayed = []
    for event in events:
        told = ReplayedEvent(event)
        match outcomes.get(event.record_identity):
            case SubmittedEvent() as done:
                told.commitment = done.attestation.commitment
                attested_at[told.commitment] = (started_at, told)
            case RefusedEvent() as done:
                told.refusal = str(done.refusal.reason)
            case None:
                told.refusal = RefusalReason.DUPLICATE_RECORD.value
        replayed.append(told)
    return replayed


def _note_outcomes(
    batches: Sequence[SettledBatch], attested_at: dict[bytes, tuple[float, ReplayedEvent]], received_at: float
) -> None:
    for batch in batches:
        for row in batch.rows:
            signed_at, replayed = attested_at[row.attestation.commitment]
            replayed.outcome, replayed.reason = row.outcome, row.reason
            replayed.transaction = batch.transaction
            if row.outcome is Outcome.SETTLED:
                replayed.seconds_to_credited = received_at - signed_at
