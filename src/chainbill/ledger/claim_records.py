"""Every row of every batch, with the batch it came in and what the published terms say about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.deployments import Deployment
from chainbill.chain.format.batch_rows import PairedRow, Row, pair_rows
from chainbill.chain.format.claim_tree import claim_id, claim_prefix
from chainbill.chain.format.events import (
    BatchSettled,
    Claim,
    ClaimDenied,
    ClaimPended,
    ClaimSettled,
    ClaimSkipped,
    Event,
    RecordedEvent,
    SecondaryShares,
)
from chainbill.errors import LedgerError
from chainbill.ledger.accounts import Ledger
from chainbill.ledger.pricing.attested_row import AttestedRow
from chainbill.ledger.pricing.readjudication import Readjudication, readjudicate
from chainbill.ledger.replay import apply


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
    def unanswered(self) -> bool:
        """Was its batch settled without the quorum?"""
        return self.batch is not None and self.batch.unanswered

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
    rows = {row.place: row for row in pair_rows([(each.transaction, each.event) for each in recorded])}
    for place, event in enumerate(recorded):
        if place in rows:
            yield _record(ledger, event, rows[place])
        try:
            apply(ledger, event)
        except LedgerError as error:
            if on_error is None:
                raise
            on_error(event, error)


def outcome_of(row: Row) -> Outcome:
    """How the log says the row ended."""
    return _OUTCOME_OF_EVENT[type(row)]


_OUTCOME_OF_EVENT: dict[type[Event], Outcome] = {
    ClaimSettled: Outcome.SETTLED,
    ClaimDenied: Outcome.DENIED,
    ClaimPended: Outcome.PENDED,
    ClaimSkipped: Outcome.SKIPPED,
}


def _claim_id(ledger: Ledger, recorded: RecordedEvent, paired: PairedRow) -> bytes | None:
    """Of the claim that a row became; None where it did not settle, or its batch is missing."""
    row, batch = paired.row, paired.batch
    if batch is None or not isinstance(row, ClaimSettled):
        return None
    at = ledger.deployment
    settled_at = batch.claims_dated(recorded.block_time)
    prefix = _prefix(at.chain_id, at.settlement, batch.digest, settled_at, batch.operator)
    return claim_id(prefix, row.patient, row.claim, paired.secondary)


@lru_cache(maxsize=1)
def _prefix(chain_id: int, settlement: str, digest: bytes, settled_at: int, operator: str) -> bytes:
    """The same for every row of a batch."""
    return claim_prefix(chain_id, settlement, digest, settled_at, operator)


def _record(ledger: Ledger, recorded: RecordedEvent, paired: PairedRow) -> ClaimRecord:
    row, batch = paired.row, paired.batch
    readjudication = None
    if batch is not None:
        attested = AttestedRow(
            row.patient,
            row.claim,
            signed_at=batch.signed_at,
            block_time=recorded.block_time,
            operator=batch.operator,
            is_correction=paired.corrects is not None,
        )
        readjudication = readjudicate(ledger, attested)
        if isinstance(row, ClaimPended) and readjudication.reason is not row.claim.reason:
            # Of a row that was put back the log does not say whether it is a correction.
            correction = readjudicate(ledger, replace(attested, is_correction=True))
            readjudication = correction if correction.reason is row.claim.reason else readjudication
    return ClaimRecord(
        recorded,
        batch,
        outcome_of(row),
        row.patient,
        row.claim,
        paired.secondary,
        paired.corrects,
        _claim_id(ledger, recorded, paired),
        readjudication,
    )
