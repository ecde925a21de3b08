"""Which claim a step is about, as far as somebody may know it, and what the step would take back of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainbill.attestation.claim_number import claim_number
from chainbill.chain.format.events import Claim
from chainbill.errors import ChainbillError
from chainbill.ledger.proofs import ProvenClaim
from chainbill.operations.claims.facts import Reversal
from chainbill.operations.claims.rulings import RulingWanted, ruling_on
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class ClaimDescription:
    """A settled claim. Amounts in micro-dollars, as they were settled."""

    number: str
    """``2:7``: the seventh of provider 2."""
    service: str | None
    """What it was for; None where nobody of those who were asked may know."""
    day: str | None
    """On which day, YYYY-MM-DD; None likewise."""
    read_by: str | None
    """Of those who were asked, whose word this is; None: nobody was."""
    settled_at: int
    """In seconds since 1970."""
    patient: str
    provider_id: int
    payer_id: int
    """0: the patient pays by itself."""
    secondary_payer_id: int
    """0: there is none."""
    allowed: int
    patient_responsibility: int
    plan_paid: int
    secondary_paid: int


def describe_claim(session: Session, proven: ProvenClaim, readers: Sequence[str]) -> ClaimDescription:
    """A claim, as far as the first of the accounts that may know it says.

    Args:
        readers: names of accounts whose vault keys, where they are here, open the claim's record.

    Raises:
        StateError: the vault or the payer's schedule cannot be used.
    """
    claim = proven.settled.claim
    service, day, reader = _told(session, claim, readers)
    return ClaimDescription(
        number=claim_number(claim.provider_id, claim.sequence),
        service=service,
        day=day,
        read_by=reader,
        settled_at=proven.block_time,
        patient=proven.settled.patient,
        provider_id=claim.provider_id,
        payer_id=claim.payer_id,
        secondary_payer_id=claim.secondary_payer_id,
        allowed=claim.allowed,
        patient_responsibility=claim.patient_responsibility,
        plan_paid=claim.plan_paid,
        secondary_paid=claim.secondary_paid,
    )


def would_reverse(proven: ProvenClaim, ruling: RulingWanted = "reverse") -> Reversal:
    """What a ruling, or giving a claim back in full, takes back of it."""
    before, left = proven.settled.claim, ruling_on(proven.settled, ruling).claim
    return Reversal(
        allowed=before.allowed - left.allowed,
        to_patient=before.patient_responsibility - left.patient_responsibility,
        to_insurer=before.plan_paid - left.plan_paid,
        to_secondary_insurer=before.secondary_paid - left.secondary_paid,
        operator_fee=before.fee - left.fee,
    )


def _told(
    session: Session, claim: Claim, readers: Sequence[str]
) -> tuple[str | None, str | None, str | None]:
    """Service, day and who said so."""
    told = [(*_service(session, name, claim), name) for name in readers]
    known = next((each for each in told if each[1]), None)
    return known or (told[0] if told else (None, None, None))


def _service(session: Session, name: str, claim: Claim) -> tuple[str | None, str | None]:
    """What it was and on which day, as far as an account may know."""
    if claim.commitment in session.vault and name in session.keystores:
        try:
            event = session.vault.open(claim.commitment, session.vault_key(name)).event
        except ChainbillError:
            pass  # Sealed to others, or damaged: the statement says so.
        else:
            return event.description, event.service_date.isoformat()
    if claim.payer_id in session.schedules:
        return session.schedules.load(claim.payer_id).names().get(claim.service_id), None
    return None, None
