"""What can be wrong, by kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of discrepancy."""

    ALTERED_LOG = "altered_log"
    """A log of the copy differs from the chain's at the same place."""
    MISSING_LOG = "missing_log"
    """The chain has a log that the copy lacks."""
    INSERTED_LOG = "inserted_log"
    """The copy has a log that the chain lacks."""
    MISPLACED_LOG = "misplaced_log"
    """A log stands twice, out of order, or beyond the blocks the ledger covers."""
    UNREADABLE_LOG = "unreadable_log"
    """A log is no event of the contract it names, or not encoded as one."""
    REPLAY = "replay"
    """An event does not follow from those before it."""
    BATCH = "batch"
    """A batch's rows, times or quorum do not fit its own log."""
    ADJUDICATION = "adjudication"
    """The published terms give another outcome or other amounts."""
    SUMS = "sums"
    """A claim's components do not add up."""
    SOLVENCY = "solvency"
    """A contract holds fewer tokens than it owes, or tokens left it that nobody was owed."""
    STATE = "state"
    """Contract state differs from the rebuilt ledger."""
    COMMITMENT_REUSED = "commitment_reused"
    """Several claims stand under one commitment: one record may be charged twice."""
    NO_ATTESTATION = "no_attestation"
    """No attestation signed by a key of the provider can be shown for a claim that stands."""
    NO_RECORD = "no_record"
    """No record can be shown for a claim that stands."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One difference between what is and what should be."""

    kind: Kind
    where: str
    """Block, log and transaction; or the contract and account; or the line of the copy."""
    message: str
    """One sentence for a person."""
    expected: str = ""
    found: str = ""

    def __str__(self) -> str:
        compared = f" (expected {self.expected}, found {self.found})" if self.expected or self.found else ""
        return f"{self.kind} at {self.where}: {self.message}{compared}"
