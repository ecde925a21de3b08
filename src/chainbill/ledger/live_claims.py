"""Claims after they have settled: what a dispute or a reversal needs to know of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from chainbill.chain.contracts.settlement import DisputeStatus, SettledClaim, settled_claims
from chainbill.chain.format.batch_rows import MOST_FOLLOWERS, PairedRow, pair_rows
from chainbill.chain.format.events import BatchSettled, Claim, Event, SecondaryShares
from chainbill.chain.format.packed_claim import NO_SECONDARY
from chainbill.ledger.credit import day_of


@dataclass(slots=True)
class LiveClaim:
    """A settled claim; ``reversed_claim`` and ``reversed_secondary`` are the differences taken back."""

    patient: str
    claim: Claim
    secondary: SecondaryShares
    settled_at: int
    """What its dispute window counts from, see ``BatchSettled.claims_dated``."""
    operator: str
    root_slot: int
    reversed_claim: Claim | None = None
    reversed_secondary: SecondaryShares = NO_SECONDARY

    @property
    def day(self) -> int:
        """Which day's credit it is in."""
        return day_of(self.settled_at)

    @property
    def has_secondary(self) -> bool:
        """Did a secondary payer count it?"""
        return self.secondary != NO_SECONDARY or self.claim.secondary_units_counted


@dataclass(slots=True)
class Dispute:
    """What is stored of a claim that was disputed or given back; field by field its Solidity twin."""

    provider_id: int
    status: DisputeStatus = DisputeStatus.NONE
    parties: int = 0
    """A bit for each party that has disputed."""
    deadline: int = 0
    """Of the answer, or of the ruling."""
    held: int = 0
    fee_held: int = 0

    @property
    def pending(self) -> bool:
        """Has it not ended?"""
        return self.status in (DisputeStatus.OPEN, DisputeStatus.ANSWERED)

    def end(self, status: DisputeStatus) -> None:
        """Hold nothing any more."""
        self.status, self.deadline, self.held, self.fee_held = status, 0, 0, 0


@dataclass(slots=True)
class OpenBatch:
    """What a transaction has logged of rows whose batch's own log is still to come."""

    transaction: str = ""
    logged: list[Event] = field(default_factory=list)
    """Settled rows, and what follows each."""

    def last(self, commitment: bytes) -> PairedRow | None:
        """The row that was just logged, with what has followed it; None: it is another claim's, or there is
        none."""
        tail = self.logged[-1 - MOST_FOLLOWERS :]
        rows = list(pair_rows([(self.transaction, event) for event in tail]))
        return rows[-1] if rows and rows[-1].row.claim.commitment == commitment else None

    def claims(self, batch: BatchSettled, block_time: int) -> list[SettledClaim]:
        """What the batch settles, in the order of its tree's leaves."""
        return list(settled_claims([*self.logged, batch], block_time))


@dataclass(slots=True)
class OpenReversal:
    """What a reversal has taken, and what it still has to give back, log by log."""

    claim_id: bytes = b""
    taken: int = 0
    """From provider and operator together."""
    missing: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """By payer id: recorded as a receivable."""
    patient: tuple[str, int] = ("", 0)
    """The patient and what is due to it."""
    payers: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """By payer id: what is due to it."""

    def start(self, claim_id: bytes, taken: int) -> None:
        """Another claim's."""
        self.claim_id, self.taken = claim_id, taken
        self.missing.clear()
