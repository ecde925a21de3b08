"""One claim as the chain's logs tell it, for programs: what was decided, who pays how much, how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from chainbill.audit.account import ClaimAccount
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.contracts.settlement import DisputeStatus
from chainbill.chain.format.events import Claim


@dataclass(frozen=True, slots=True)
class Reversal:
    """What is taken back of a claim, and to whom it goes; amounts in micro-dollars."""

    allowed: int
    """Together, of what was allowed."""
    to_patient: int
    to_insurer: int
    to_secondary_insurer: int
    operator_fee: int

    @classmethod
    def of(cls, taken: Claim) -> Self:
        """From the differences that a reversal has logged."""
        return cls(
            taken.allowed,
            taken.patient_responsibility,
            taken.plan_paid,
            taken.secondary_paid,
            taken.fee,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerClaim:
    """A claim. Amounts in micro-dollars, times in seconds since 1970."""

    number: str
    """``2:7``: the seventh of provider 2."""
    outcome: Outcome
    reason: Reason
    """Why it did not settle; ``Reason.NONE``: it did."""
    patient: str
    provider_id: int
    payer_id: int | None
    """None: the patient pays by itself."""
    secondary_payer_id: int | None
    commitment: bytes
    claim_id: bytes | None
    """None: it did not settle."""
    decided_at: int
    """Of a claim that was put back, the last time."""
    transaction: str
    """0x and 64 hex digits."""
    billed: int
    allowed: int
    """What it came to, of a claim that settled; the amounts below are its parts. Of others all are 0."""
    patient_responsibility: int
    plan_paid: int
    secondary_paid: int
    operator_fee: int
    """Taken from the provider's credit."""
    reversed: Reversal | None
    """What was taken back since; None: nothing was."""
    dispute: DisputeStatus
    dispute_until: int | None
    """The moment from which on nobody can dispute it; None: it did not settle."""


def ledger_claim(account: ClaimAccount) -> LedgerClaim:
    """A claim's facts."""
    record, live = account.decisive, account.live
    claim, settled = record.claim, record.outcome is Outcome.SETTLED
    taken = live.reversed_claim if live else None
    return LedgerClaim(
        number=account.number,
        outcome=record.outcome,
        reason=record.reason,
        patient=record.patient,
        provider_id=claim.provider_id,
        payer_id=claim.payer_id or None,
        secondary_payer_id=claim.secondary_payer_id or None,
        commitment=claim.commitment,
        claim_id=record.claim_id,
        decided_at=record.recorded.block_time,
        transaction=record.recorded.transaction,
        billed=claim.billed,
        allowed=claim.allowed if settled else 0,
        patient_responsibility=claim.patient_responsibility if settled else 0,
        plan_paid=claim.plan_paid if settled else 0,
        secondary_paid=claim.secondary_paid if settled else 0,
        operator_fee=claim.fee if settled else 0,
        reversed=Reversal.of(taken) if taken else None,
        dispute=account.dispute.status if account.dispute else DisputeStatus.NONE,
        dispute_until=account.dispute_until,
    )
