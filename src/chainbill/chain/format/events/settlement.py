"""What settlement logs of batches, their rows, credit and providers."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.chain.format.events.base import Event
from chainbill.chain.format.events.claims import Claim, SecondaryShares
from chainbill.protocol_constants import UNANSWERED_DELAY_SECONDS


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

    @property
    def unanswered(self) -> bool:
        """Did it settle without the quorum, which had left it unanswered? The digest is then that of the
        objection that nobody signed."""
        return self.epoch == 0

    def claims_dated(self, block_time: int) -> int:
        """What the dispute windows of its claims count from, and what day their credit is of: when it was
        settled, and so much later without the quorum. Seconds since 1970, as ``block_time`` of its block."""
        return block_time + UNANSWERED_DELAY_SECONDS if self.unanswered else block_time


@dataclass(frozen=True, slots=True)
class SectionsAnnounced(Event):
    """A provider will settle sections without the quorum, if it does not object."""

    provider_id: int
    sections_hash: bytes
    announced_at: int
    sections: bytes


@dataclass(frozen=True, slots=True)
class SectionsObjected(Event):
    """The quorum has called announced sections off."""

    provider_id: int
    sections_hash: bytes
    announced_at: int


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
