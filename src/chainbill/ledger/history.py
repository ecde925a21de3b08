"""The ledger as a list to read: one entry an event, filtered, in words and in figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from chainbill.attestation.claim_number import claim_number
from chainbill.billing.outcomes import Reason
from chainbill.billing.terms import CobMode
from chainbill.chain.format import events
from chainbill.chain.format.events import Claim, DisputeParty, Event, RecordedEvent, SecondaryShares
from chainbill.money import format_dollars


class HistoryKind(StrEnum):
    """What an entry is about."""

    SETTLED = "settled"
    DENIED = "denied"
    PENDED = "pended"
    SKIPPED = "skipped"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    PAYMENT = "payment"
    REQUEST = "request"
    BATCH = "batch"
    DISPUTE = "dispute"
    REVERSAL = "reversal"
    REFUND = "refund"
    TERMS = "terms"
    MEMBER = "member"
    CONSENT = "consent"
    LIMIT = "limit"
    PROVIDER = "provider"
    PAYER = "payer"
    ORACLE = "oracle"
    TRANSFER = "transfer"


KINDS: dict[type[Event], HistoryKind] = {
    events.ClaimSettled: HistoryKind.SETTLED,
    events.ClaimDenied: HistoryKind.DENIED,
    events.ClaimPended: HistoryKind.PENDED,
    events.ClaimSkipped: HistoryKind.SKIPPED,
    events.PatientDeposited: HistoryKind.DEPOSIT,
    events.PoolDeposited: HistoryKind.DEPOSIT,
    events.PatientWithdrew: HistoryKind.WITHDRAWAL,
    events.PoolWithdrawn: HistoryKind.WITHDRAWAL,
    events.ProviderPaid: HistoryKind.PAYMENT,
    events.OperatorPaid: HistoryKind.PAYMENT,
    events.AdvancePaid: HistoryKind.PAYMENT,
    events.ReceivablePaid: HistoryKind.PAYMENT,
    events.BondDeposited: HistoryKind.DEPOSIT,
    events.BondWithdrawn: HistoryKind.WITHDRAWAL,
    events.PatientWithdrawalRequested: HistoryKind.REQUEST,
    events.PatientWithdrawalCancelled: HistoryKind.REQUEST,
    events.PoolWithdrawalRequested: HistoryKind.REQUEST,
    events.PoolWithdrawalCancelled: HistoryKind.REQUEST,
    events.ClaimDisputed: HistoryKind.DISPUTE,
    events.DisputeAnswered: HistoryKind.DISPUTE,
    events.DisputeUpheld: HistoryKind.DISPUTE,
    events.ClaimReversed: HistoryKind.REVERSAL,
    events.ReversalFunded: HistoryKind.REVERSAL,
    events.ReceivableRecorded: HistoryKind.REVERSAL,
    events.PatientRefunded: HistoryKind.REFUND,
    events.PoolRefunded: HistoryKind.REFUND,
    events.RefundDeferred: HistoryKind.REFUND,
    events.BatchSettled: HistoryKind.BATCH,
    events.SecondaryDetermined: HistoryKind.BATCH,
    events.ClaimCorrected: HistoryKind.BATCH,
    events.PayerFailed: HistoryKind.BATCH,
    events.SectionsAnnounced: HistoryKind.BATCH,
    events.SectionsObjected: HistoryKind.BATCH,
    events.PlanPublished: HistoryKind.TERMS,
    events.CategoryTermsPublished: HistoryKind.TERMS,
    events.FeePublished: HistoryKind.TERMS,
    events.Enrolled: HistoryKind.MEMBER,
    events.PlanChanged: HistoryKind.MEMBER,
    events.CoverageEnded: HistoryKind.MEMBER,
    events.PayersAccepted: HistoryKind.CONSENT,
    events.ConsentGranted: HistoryKind.CONSENT,
    events.ConsentRevoked: HistoryKind.CONSENT,
    events.NonceUsed: HistoryKind.CONSENT,
    events.LimitsSet: HistoryKind.LIMIT,
    events.ProviderRegistered: HistoryKind.PROVIDER,
    events.AttesterAdded: HistoryKind.PROVIDER,
    events.AttesterRevoked: HistoryKind.PROVIDER,
    events.PayoutAddressAnnounced: HistoryKind.PROVIDER,
    events.PayoutAddressCancelled: HistoryKind.PROVIDER,
    events.CashPricePublished: HistoryKind.TERMS,
    events.ProviderSuspended: HistoryKind.PROVIDER,
    events.ProviderReinstated: HistoryKind.PROVIDER,
    events.ProviderAccepted: HistoryKind.PROVIDER,
    events.ProviderAcceptanceEnded: HistoryKind.PROVIDER,
    events.PayerCreated: HistoryKind.PAYER,
    events.PayerTransferStarted: HistoryKind.PAYER,
    events.PayerTransferred: HistoryKind.PAYER,
    events.OperatorFeeAnnounced: HistoryKind.TERMS,
    events.EpochOpened: HistoryKind.ORACLE,
    events.EpochEnded: HistoryKind.ORACLE,
    events.Paused: HistoryKind.ORACLE,
    events.Unpaused: HistoryKind.ORACLE,
    events.AuthorityUpdated: HistoryKind.ORACLE,
    events.TokensMoved: HistoryKind.TRANSFER,
}
"""Every event's kind."""

MONEY_AND_CLAIMS = frozenset(
    {
        HistoryKind.SETTLED,
        HistoryKind.DENIED,
        HistoryKind.PENDED,
        HistoryKind.SKIPPED,
        HistoryKind.DEPOSIT,
        HistoryKind.WITHDRAWAL,
        HistoryKind.PAYMENT,
        HistoryKind.DISPUTE,
        HistoryKind.REVERSAL,
        HistoryKind.REFUND,
    }
)
"""What is listed where no kind is asked for."""

_AMOUNTS = frozenset(
    {
        "amount",
        "annual_maximum",
        "billed",
        "allowed",
        "bond",
        "contractual_adjustment",
        "patient_responsibility",
        "deductible",
        "copay",
        "coinsurance",
        "family_deductible",
        "family_oop_max",
        "fee",
        "flat",
        "held",
        "matured",
        "maturing",
        "operator_fee",
        "out_of_pocket",
        "outside_plan",
        "per_day_limit",
        "per_event_limit",
        "plan_paid",
        "secondary_paid",
        "deductible_met",
        "oop_met",
        "oop_max",
        "rounding_unit",
    }
)
"""Fields that are micro-dollars."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are wanted; None: whatever it is."""

    kinds: frozenset[HistoryKind] = MONEY_AND_CLAIMS
    patient: str | None = None
    provider_id: int | None = None
    payer_id: int | None = None
    since_block: int = 0


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One event."""

    kind: HistoryKind
    recorded: RecordedEvent
    patient: str | None
    provider_id: int | None
    payer_id: int | None
    """None also for self-pay."""
    secondary_payer_id: int | None
    amount: int | None
    """Micro-dollars: the allowed amount of a settled claim, what was taken back of it, or what was moved."""

    @property
    def number(self) -> str | None:
        """Of the claim that the event is about, ``2:7``; None: it is about none."""
        claim = getattr(self.recorded.event, "claim", None)
        return claim_number(claim.provider_id, claim.sequence) if claim else None

    def to_json(self) -> dict[str, Any]:
        """Everything the event says; money as dollar strings."""
        return {
            "kind": self.kind.value,
            "block": self.recorded.block,
            "time": self.recorded.block_time,
            "transaction": self.recorded.transaction,
            "log_index": self.recorded.log_index,
            "event": type(self.recorded.event).__name__,
            **facts(self.recorded.event),
        }


def read_history(recorded: Iterable[RecordedEvent], wanted: Filter) -> Iterator[HistoryEntry]:
    """The wanted entries, oldest first."""
    for event in recorded:
        entry = _entry(event)
        if (
            entry.kind in wanted.kinds
            and event.block >= wanted.since_block
            and wanted.patient in (None, entry.patient)
            and wanted.provider_id in (None, entry.provider_id)
            and wanted.payer_id in (None, entry.payer_id, entry.secondary_payer_id)
        ):
            yield entry


def facts(event: Event | Claim | SecondaryShares | BaseModel) -> dict[str, Any]:
    """An event's fields as plain JSON; what is nested is laid flat."""
    if isinstance(event, BaseModel):
        values = dict(event)
    else:
        values = {field.name: getattr(event, field.name) for field in fields(event)}  # type: ignore[arg-type]
    if isinstance(event, Claim):
        for name in ("contractual_adjustment", "patient_responsibility"):
            values[name] = getattr(event, name)
    plain: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Claim | BaseModel):
            plain |= facts(value)
        elif isinstance(value, SecondaryShares):
            plain |= {f"secondary_{part}": fact for part, fact in facts(value).items()}
        else:
            plain[name] = _plain(name, value)
    return plain


def _plain(name: str, value: Any) -> Any:
    if name in _AMOUNTS:
        return format_dollars(value)
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return value.label if isinstance(value, CobMode | DisputeParty | Reason) else value


def _entry(recorded: RecordedEvent) -> HistoryEntry:
    event = recorded.event
    claim = getattr(event, "claim", None)
    amount = getattr(event, "amount", None)
    if isinstance(event, events.ClaimSettled | events.ClaimReversed):
        amount = event.claim.allowed
    return HistoryEntry(
        kind=KINDS[type(event)],
        recorded=recorded,
        patient=getattr(event, "patient", None) or getattr(event, "member", None),
        provider_id=getattr(claim or event, "provider_id", None),
        payer_id=getattr(claim or event, "payer_id", None) or None,
        secondary_payer_id=getattr(claim or event, "secondary_payer_id", None) or None,
        amount=amount,
    )
