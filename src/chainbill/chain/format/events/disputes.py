"""What settlement logs of disputes and of what is reversed."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.chain.format.events.base import Event
from chainbill.chain.format.events.claims import Claim, DisputeParty, SecondaryShares


@dataclass(frozen=True, slots=True)
class ClaimDisputed(Event):
    """A claim was disputed, or another party joined its open dispute."""

    claim_id: bytes
    provider_id: int
    party: DisputeParty
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
