"""What the contracts log, as typed events.

Amounts are micro-dollars, times seconds since 1970, addresses carry their checksum. The contracts'
interfaces say what each event means. An event of a payer contract carries that payer's id first, though
its log does not: the id follows from the contract that logged it. ``Deposited`` and ``Withdrawn`` are logged
by the escrow and by payers alike; here each has a name of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.billing.outcomes import Reason
from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms


class Event:
    """Base of every event."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event and where it stands on the chain."""

    event: Event
    emitter: str
    """The contract that logged it."""
    block: int
    block_time: int
    transaction: str
    """The transaction's hash, ``0x`` and 64 digits."""
    log_index: int
    """Counted through the whole block."""


# ---- settlement ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """One adjudicated row: what was attested, and who owes what."""

    commitment: bytes
    sequence: int
    payer_id: int
    plan_id: int
    terms_version: int
    benefit_year: int
    service_id: bytes
    units: int
    billed_amount: int
    """As attested; 0 means the fee schedule's amount."""
    billed: int
    """What was billed once the fee schedule is applied; 0 in a denial, like every component after it."""
    allowed: int
    contractual_adjustment: int
    deductible: int
    copay: int
    coinsurance: int
    plan_paid: int

    @property
    def patient_responsibility(self) -> int:
        """Deductible, copay and coinsurance together."""
        return self.deductible + self.copay + self.coinsurance


@dataclass(frozen=True, slots=True)
class ClaimSettled(Event):
    """An event was paid."""

    provider_id: int
    patient: str
    claim: Claim


@dataclass(frozen=True, slots=True)
class ClaimDenied(Event):
    """An event was refused for good."""

    provider_id: int
    patient: str
    reason: Reason
    claim: Claim


@dataclass(frozen=True, slots=True)
class ClaimPended(Event):
    """An event was put back; its sequence is unspent."""

    provider_id: int
    patient: str
    reason: Reason
    commitment: bytes
    sequence: int


@dataclass(frozen=True, slots=True)
class ClaimSkipped(Event):
    """An event was passed over: its sequence was spent before."""

    provider_id: int
    patient: str
    commitment: bytes
    sequence: int


@dataclass(frozen=True, slots=True)
class BatchSettled(Event):
    """A batch was submitted; stands after the logs of its rows, in the same transaction."""

    digest: bytes
    epoch: int
    signed_at: int
    submitter: str
    settled: int
    denied: int
    pended: int
    skipped: int


@dataclass(frozen=True, slots=True)
class PayerFailed(Event):
    """A payer's tokens could not move; all rows that name it were pended."""

    payer_id: int
    failure: bytes


@dataclass(frozen=True, slots=True)
class ProviderPaid(Event):
    """A provider's whole credit was paid out."""

    provider_id: int
    payout_address: str
    amount: int


@dataclass(frozen=True, slots=True)
class EpochOpened(Event):
    """A new oracle quorum may sign."""

    epoch: int
    threshold: int
    members: tuple[str, ...]
    previous_ends_at: int


@dataclass(frozen=True, slots=True)
class EpochEnded(Event):
    """An oracle quorum stopped at once."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Paused(Event):
    """Settlement was stopped."""

    account: str


@dataclass(frozen=True, slots=True)
class Unpaused(Event):
    """Settlement was resumed."""

    account: str


# ---- registry and factory -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProviderRegistered(Event):
    """A provider was registered."""

    provider_id: int
    payout_address: str


@dataclass(frozen=True, slots=True)
class AttesterAdded(Event):
    """A key may sign attestations from now on."""

    provider_id: int
    attester: str


@dataclass(frozen=True, slots=True)
class AttesterRevoked(Event):
    """A key may no longer sign attestations."""

    provider_id: int
    attester: str


@dataclass(frozen=True, slots=True)
class ProviderSuspended(Event):
    """No new event of the provider settles."""

    provider_id: int


@dataclass(frozen=True, slots=True)
class ProviderReinstated(Event):
    """Events of the provider settle again."""

    provider_id: int


@dataclass(frozen=True, slots=True)
class PayerCreated(Event):
    """A payer contract was made."""

    payer_id: int
    payer: str
    insurer: str


@dataclass(frozen=True, slots=True)
class AuthorityUpdated(Event):
    """A contract's roles are kept elsewhere from now on."""

    authority: str


# ---- escrow -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PatientDeposited(Event):
    """The escrow's ``Deposited``."""

    patient: str
    amount: int


@dataclass(frozen=True, slots=True)
class PatientWithdrawalRequested(Event):
    """The escrow's ``WithdrawalRequested``."""

    patient: str
    amount: int
    available_at: int


@dataclass(frozen=True, slots=True)
class PatientWithdrew(Event):
    """The escrow's ``Withdrawn``."""

    patient: str
    amount: int


@dataclass(frozen=True, slots=True)
class PayerAccepted(Event):
    """The patient named a payer."""

    patient: str
    payer_id: int
    effective_at: int


@dataclass(frozen=True, slots=True)
class ConsentGranted(Event):
    """A provider may charge the patient."""

    patient: str
    provider_id: int
    per_event_limit: int
    expires_at: int
    effective_at: int


@dataclass(frozen=True, slots=True)
class ConsentRevoked(Event):
    """A provider may charge the patient only until ``expires_at``."""

    patient: str
    provider_id: int
    expires_at: int


# ---- payers -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PoolDeposited(Event):
    """A payer's ``Deposited``."""

    payer_id: int
    sender: str
    amount: int


@dataclass(frozen=True, slots=True)
class PoolWithdrawalRequested(Event):
    """A payer's ``WithdrawalRequested``."""

    payer_id: int
    amount: int
    available_at: int


@dataclass(frozen=True, slots=True)
class PoolWithdrawn(Event):
    """A payer's ``Withdrawn``."""

    payer_id: int
    insurer: str
    amount: int


@dataclass(frozen=True, slots=True)
class PlanPublished(Event):
    """A version of a plan's yearly terms."""

    payer_id: int
    plan_id: int
    version: int
    terms: PlanTerms
    effective_at: int


@dataclass(frozen=True, slots=True)
class CategoryTermsPublished(Event):
    """A plan version's terms for one category."""

    payer_id: int
    plan_id: int
    version: int
    category: int
    terms: CategoryTerms


@dataclass(frozen=True, slots=True)
class FeePublished(Event):
    """A version of the fee for one service id."""

    payer_id: int
    service_id: bytes
    terms: FeeTerms
    effective_at: int
    version: int


@dataclass(frozen=True, slots=True)
class ProviderAccepted(Event):
    """The insurer pays events of this provider."""

    payer_id: int
    provider_id: int


@dataclass(frozen=True, slots=True)
class ProviderAcceptanceEnded(Event):
    """The insurer pays no event of this provider signed from ``ends_at`` on."""

    payer_id: int
    provider_id: int
    ends_at: int


@dataclass(frozen=True, slots=True)
class Enrolled(Event):
    """A member's benefit year was opened; the amounts are opening entries."""

    payer_id: int
    member: str
    benefit_year: int
    plan_id: int
    deductible_met: int
    oop_met: int


@dataclass(frozen=True, slots=True)
class CoverageEnded(Event):
    """A member's coverage in a benefit year ends at ``ends_at``."""

    payer_id: int
    member: str
    benefit_year: int
    ends_at: int


@dataclass(frozen=True, slots=True)
class PayerTransferStarted(Event):
    """A payer's ``OwnershipTransferStarted``: the insurer named its successor."""

    payer_id: int
    insurer: str
    successor: str


@dataclass(frozen=True, slots=True)
class PayerTransferred(Event):
    """A payer's ``OwnershipTransferred``: ``insurer`` owns it from now on."""

    payer_id: int
    previous: str
    insurer: str


# ---- token --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TokensMoved(Event):
    """The token's ``Transfer``; ``amount`` may be anything a ``uint256`` holds."""

    sender: str
    recipient: str
    amount: int
