"""What the contracts log, as typed events.

Amounts are micro-dollars, times seconds since 1970, addresses carry their checksum. The contracts'
interfaces say what each event means. An event of a payer contract carries that payer's id first, though
its log does not: the id follows from the contract that logged it. ``Deposited`` and ``Withdrawn`` are logged
by the escrow and by payers alike; here each has a name of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

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


class Party(IntEnum):
    """Who may dispute a claim; the ``uint8`` on chain."""

    PATIENT = 0
    PRIMARY = 1
    SECONDARY = 2

    @property
    def label(self) -> str:
        """The party as a lower-case word (``secondary``)."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Claim:
    """One adjudicated row: what was attested, and who owes what (``contracts/codec/PackedClaim.sol``).

    Of a row that did not settle, every amount but ``billed`` is 0. With two payers the four parts from
    ``deductible`` to ``outside_plan`` are what the primary left to the patient, and the secondary took over
    ``secondary_paid`` of them.
    """

    commitment: bytes
    sequence: int
    provider_id: int
    payer_id: int
    """The only or the primary payer; 0: self-pay."""
    plan_id: int
    terms_version: int
    secondary_payer_id: int
    """0: none, and so for the three after it."""
    secondary_plan_id: int
    secondary_terms_version: int
    secondary_service_id: bytes
    reason: Reason
    """NONE where the row settled."""
    benefit_year: int
    service_id: bytes
    units: int
    billed_as_fee: bool
    """0 was attested as billed, which means the fee schedule's amount."""
    billed: int
    allowed: int
    deductible: int
    copay: int
    coinsurance: int
    outside_plan: int
    """Above the annual plan maximum, or the whole of a self-pay event."""
    plan_paid: int
    secondary_paid: int
    fee: int
    """The operator's, taken from the provider's credit."""
    units_counted: bool = False
    """The only or primary payer counted the units against a yearly limit."""
    secondary_units_counted: bool = False
    """The secondary payer did."""

    @property
    def patient_responsibility(self) -> int:
        """What the patient pays."""
        return self.allowed - self.plan_paid - self.secondary_paid

    @property
    def contractual_adjustment(self) -> int:
        """What the provider writes off (CO-45)."""
        return self.billed - self.allowed


@dataclass(frozen=True, slots=True)
class SecondaryShares:
    """What a secondary payer's plan made of a claim as if it were the only one."""

    deductible: int
    out_of_pocket: int
    plan_paid: int


@dataclass(frozen=True, slots=True)
class ClaimSettled(Event):
    """An event was paid."""

    patient: str
    claim: Claim


@dataclass(frozen=True, slots=True)
class ClaimDenied(Event):
    """An event was refused for good."""

    patient: str
    claim: Claim


@dataclass(frozen=True, slots=True)
class ClaimPended(Event):
    """An event was put back; its sequence is unspent."""

    patient: str
    claim: Claim


@dataclass(frozen=True, slots=True)
class ClaimSkipped(Event):
    """An event was passed over: its sequence was spent before."""

    patient: str
    claim: Claim


@dataclass(frozen=True, slots=True)
class SecondaryDetermined(Event):
    """Follows the ``ClaimSettled`` of a claim with two payers: the secondary as if it were alone."""

    patient: str
    commitment: bytes
    deductible: int
    out_of_pocket: int
    plan_paid: int

    @property
    def shares(self) -> SecondaryShares:
        """The amounts alone."""
        return SecondaryShares(self.deductible, self.out_of_pocket, self.plan_paid)


@dataclass(frozen=True, slots=True)
class ClaimCorrected(Event):
    """Follows the ``ClaimSettled`` of a correction: it names the reversed claim ``claim_id``."""

    claim_id: bytes
    commitment: bytes


@dataclass(frozen=True, slots=True)
class BatchSettled(Event):
    """A batch was submitted; stands after the logs of its rows, in the same transaction."""

    digest: bytes
    epoch: int
    signed_at: int
    submitter: str
    operator: str
    """Gets the operator's fee; the zero address: nobody."""
    settled: int
    denied: int
    pended: int
    skipped: int
    root: bytes
    """Of the tree over the settled claims; all zero where nothing settled."""
    root_slot: int


@dataclass(frozen=True, slots=True)
class PayerFailed(Event):
    """A payer's tokens could not move; all rows that name it were pended."""

    payer_id: int
    failure: bytes


@dataclass(frozen=True, slots=True)
class ProviderPaid(Event):
    """A provider's matured credit was paid out."""

    provider_id: int
    payout_address: str
    amount: int


@dataclass(frozen=True, slots=True)
class AdvancePaid(Event):
    """Maturing credit was paid out against the bond."""

    provider_id: int
    payout_address: str
    amount: int


@dataclass(frozen=True, slots=True)
class BondDeposited(Event):
    """``sender`` added to a provider's bond."""

    provider_id: int
    sender: str
    amount: int


@dataclass(frozen=True, slots=True)
class BondWithdrawn(Event):
    """A provider took its whole bond back."""

    provider_id: int
    payout_address: str
    amount: int


@dataclass(frozen=True, slots=True)
class OperatorPaid(Event):
    """An operator's matured fees were paid out."""

    operator: str
    amount: int


@dataclass(frozen=True, slots=True)
class OperatorFeeAnnounced(Event):
    """From ``effective_at`` on an operator gets ``flat`` plus ``bps`` of what is allowed for each event."""

    flat: int
    bps: int
    effective_at: int


@dataclass(frozen=True, slots=True)
class ProviderSuspended(Event):
    """No new event of the provider settles."""

    provider_id: int


@dataclass(frozen=True, slots=True)
class ProviderReinstated(Event):
    """Events of the provider settle again."""

    provider_id: int


# ---- disputes -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClaimDisputed(Event):
    """A claim was disputed, or another party joined its open dispute."""

    claim_id: bytes
    provider_id: int
    party: Party
    answer_by: int


@dataclass(frozen=True, slots=True)
class DisputeAnswered(Event):
    """The provider answered; the statement itself stays off chain."""

    claim_id: bytes
    statement_hash: bytes
    rule_by: int


@dataclass(frozen=True, slots=True)
class DisputeUpheld(Event):
    """The claim stands; what was held is the provider's again."""

    claim_id: bytes
    provider_id: int


@dataclass(frozen=True, slots=True)
class ClaimReversed(Event):
    """A claim was reversed, in full or in part: the amounts are differences that were taken back."""

    claim_id: bytes
    patient: str
    claim: Claim
    secondary: SecondaryShares


@dataclass(frozen=True, slots=True)
class ReversalFunded(Event):
    """What a reversal took from where: the provider's money by kind, and the operator's fee."""

    claim_id: bytes
    held: int
    maturing: int
    matured: int
    bond: int
    operator_fee: int


@dataclass(frozen=True, slots=True)
class ReceivableRecorded(Event):
    """The provider owes a payer what a reversal could not give back."""

    claim_id: bytes
    provider_id: int
    payer_id: int
    amount: int


@dataclass(frozen=True, slots=True)
class ReceivablePaid(Event):
    """A receivable was paid from matured credit, in full or in part."""

    provider_id: int
    payer_id: int
    amount: int


@dataclass(frozen=True, slots=True)
class RefundDeferred(Event):
    """A refund to a payer could not be sent and waits."""

    payer_id: int
    amount: int


# ---- governance of settlement -------------------------------------------------------------------------


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
class PayoutAddressAnnounced(Event):
    """The provider is paid at, and controlled by, ``payout_address`` from ``effective_at`` on."""

    provider_id: int
    payout_address: str
    effective_at: int


@dataclass(frozen=True, slots=True)
class PayoutAddressCancelled(Event):
    """An announced change of the payout address was called off."""

    provider_id: int


@dataclass(frozen=True, slots=True)
class CashPricePublished(Event):
    """What the provider charges without a plan for one unit, from ``effective_at`` on; 0: not offered."""

    provider_id: int
    service_id: bytes
    amount: int
    effective_at: int
    version: int


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
class PatientWithdrawalCancelled(Event):
    """The escrow's ``WithdrawalCancelled``."""

    patient: str


@dataclass(frozen=True, slots=True)
class PatientWithdrew(Event):
    """The escrow's ``Withdrawn``."""

    patient: str
    amount: int


@dataclass(frozen=True, slots=True)
class PayersAccepted(Event):
    """The patient named its payers; 0: none."""

    patient: str
    payer_id: int
    secondary_payer_id: int
    effective_at: int


@dataclass(frozen=True, slots=True)
class LimitsSet(Event):
    """The patient limited what may be taken for one event and on one day; 0: no limit."""

    patient: str
    per_event_limit: int
    per_day_limit: int
    effective_at: int


@dataclass(frozen=True, slots=True)
class ConsentGranted(Event):
    """A provider may charge the patient, outside any plan only if ``self_pay``."""

    patient: str
    provider_id: int
    per_event_limit: int
    expires_at: int
    self_pay: bool
    effective_at: int


@dataclass(frozen=True, slots=True)
class ConsentRevoked(Event):
    """A provider may charge the patient only until ``expires_at``."""

    patient: str
    provider_id: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class PatientRefunded(Event):
    """The escrow's ``Refunded``: a reversed claim gave ``amount`` back."""

    patient: str
    amount: int


@dataclass(frozen=True, slots=True)
class NonceUsed(Event):
    """The patient's nonce rose to ``nonce``: signatures over lower ones are void."""

    patient: str
    nonce: int


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
class PoolWithdrawalCancelled(Event):
    """A payer's ``WithdrawalCancelled``."""

    payer_id: int


@dataclass(frozen=True, slots=True)
class PoolWithdrawn(Event):
    """A payer's ``Withdrawn``."""

    payer_id: int
    insurer: str
    amount: int


@dataclass(frozen=True, slots=True)
class PoolRefunded(Event):
    """A payer's ``Refunded``: a reversed claim, or a receivable that was paid, gave ``amount`` back."""

    payer_id: int
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
    """A member's benefit year was opened or resumed; the amounts are opening entries, added to what is
    there."""

    payer_id: int
    member: str
    benefit_year: int
    plan_id: int
    family_id: int
    """0: none."""
    deductible_met: int
    oop_met: int
    plan_paid: int


@dataclass(frozen=True, slots=True)
class PlanChanged(Event):
    """The member's plan in that benefit year is ``plan_id`` from ``effective_at`` on."""

    payer_id: int
    member: str
    benefit_year: int
    plan_id: int
    effective_at: int


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
