"""What a payer contract logs."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms
from chainbill.chain.format.events.base import Event


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
