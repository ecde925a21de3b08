"""The readings of a month of monitoring: shown to those who hold the record, proved to those who do not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chainbill.errors import AttestationError, unusable
from chainbill.operations.actor import Actor
from chainbill.operations.claims.facts import LedgerClaim
from chainbill.operations.claims.lookup import Claims, PartyTo
from chainbill.records.commitment import Opening
from chainbill.records.reading import Readings
from chainbill.records.reading_proof import ReadingsProof, prove_days, prove_reading
from chainbill.state.session import Session

MOST_PROOF_BYTES = 32 << 20
"""A proof is smaller than this: the days of 10,000 readings are 9 MB."""


@dataclass(frozen=True, slots=True)
class CheckedReadings:
    """A proof that holds, and what it is about."""

    claims: tuple[LedgerClaim, ...]
    """The claims on chain under the commitment that it leads to: one, where nothing is amiss."""
    proof: ReadingsProof

    @property
    def days(self) -> frozenset[str]:
        """The days that it shows, YYYY-MM-DD: all that there are, where it ``shows_every_day``."""
        shown = (reading.values.get("day") for reading in self.proof.readings)
        return frozenset(day for day in shown if isinstance(day, str))

    @property
    def shows_every_day(self) -> bool:
        """Does it hold every reading, each with its day, so that no day is kept back?"""
        return self.proof.is_complete and all("day" in reading.values for reading in self.proof.readings)


def show_readings(holder: Actor, claim: str) -> Readings:
    """The readings that a claim stands on, for an account that its record is sealed to.

    Args:
        claim: its number (``2:7``), commitment or id.

    Raises:
        AttestationError: the record has none, or is damaged.
        ChainError: the node does not answer.
        LedgerError: there is no such claim.
        StateError: the record is not here or not sealed to the account, or the account's key is not at hand.
    """
    opening = _opening(holder, claim)
    if opening.event.readings is None:
        raise AttestationError(f"the record of claim {claim} has no readings")
    return opening.event.readings


def prove_readings(holder: Actor, claim: str, *, reading: int | None = None) -> ReadingsProof:
    """A proof of one reading of a claim, or of the days of all of them without anything else.

    Args:
        claim: its number (``2:7``), commitment or id.
        reading: its place among the claim's readings, from 1; None: the days of all.

    Raises:
        AttestationError: the record has no readings, or not so many, or is damaged.
        ChainError: the node does not answer.
        LedgerError: there is no such claim.
        StateError: the record is not here or not sealed to the account, or the account's key is not at hand.
    """
    opening = _opening(holder, claim)
    return prove_days(opening) if reading is None else prove_reading(opening, reading)


def check_readings(session: Session, proof: ReadingsProof) -> CheckedReadings:
    """Look a proof up on chain.

    Raises:
        AttestationError: it does not hold together.
        ChainError: the node does not answer.
        LedgerError: no claim has the commitment that it leads to.
    """
    return CheckedReadings(tuple(Claims(session).with_commitment(proof.commitment)), proof)


def read_proof(path: Path) -> ReadingsProof:
    """A proof from its file.

    Raises:
        AttestationError: it is none, or does not come to the commitment it states.
        StateError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_PROOF_BYTES + 1)
    except OSError as error:
        raise unusable(path, "read", error) from None
    if len(content) > MOST_PROOF_BYTES:
        raise AttestationError(f"{path} is larger than any proof of readings")
    return ReadingsProof.parse(content)


def _opening(holder: Actor, claim: str) -> Opening:
    commitment = Claims(holder.session).account(claim, PartyTo()).decisive.commitment
    return holder.session.vault.open(commitment, holder.vault_key())
