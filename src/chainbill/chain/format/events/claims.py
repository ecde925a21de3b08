"""A claim as it is logged, and who may dispute it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from chainbill.billing.outcomes import Reason


class DisputeParty(IntEnum):
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
