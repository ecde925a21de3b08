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

from chainbill.attestation.attested import Assignment, attest
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.errors import IntakeRefused
from chainbill.oracle.intake import Intake
from chainbill.oracle.receipts import SettledBatch
from chainbill.oracle.settling import settle_open
from chainbill.records.service_event import ServiceEvent
from chainbill.records.service_id import service_id
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
    """From the signed attestation to the settling block's receipt."""


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
            _attest_one(stage, event, sequence, attested_at) for sequence, event in _numbered(day, done)
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


def _numbered(day: Sequence[ServiceEvent], done: Replay) -> Iterator[tuple[int, ServiceEvent]]:
    """Every attestation gets its own sequence; one counter for all providers is as good as one each."""
    return enumerate(day, start=len(done.events) + 1)


def _attest_one(
    stage: Stage, event: ServiceEvent, sequence: int, attested_at: dict[bytes, tuple[float, ReplayedEvent]]
) -> ReplayedEvent:
    cast = stage.cast
    provider, patient = cast.providers[event.provider.reference], cast.patients[event.patient.reference]
    stage.casting.enrol(cast, event.patient.reference, event.benefit_year)
    assignment = Assignment(
        provider_id=provider.provider_id,
        payer_id=cast.payer_id,
        patient=patient.address,
        service_id=service_id(cast.schedule_key, event.service),
        sequence=sequence,
    )
    attested = attest(event, assignment, provider.attester, stage.protocol.domain)
    signed_at = time.perf_counter()
    replayed = ReplayedEvent(event)
    # Sealed before it is sent: a record that settles can always be opened by its patient.
    stage.vault.seal(attested.opening, [patient.vault_key.public, provider.vault_key.public])
    try:
        Intake(stage.protocol, stage.store).accept(attested)
    except IntakeRefused as refusal:
        replayed.refusal = refusal.reason
        return replayed
    replayed.commitment = attested.attestation.commitment
    attested_at[replayed.commitment] = (signed_at, replayed)
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
