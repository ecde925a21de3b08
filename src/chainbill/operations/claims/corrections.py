"""A corrected record in place of a reversed claim."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.attestation.claim_number import claim_number
from chainbill.chain.contracts.settlement import DisputeStatus
from chainbill.errors import StateError
from chainbill.ledger.proofs import ProvenClaim
from chainbill.operations.actor import Actor
from chainbill.operations.claims.lookup import PartyTo, find_claim
from chainbill.operations.provider.worklist import Worklist
from chainbill.records.service_event import ServiceEvent


@dataclass(frozen=True, slots=True)
class Correction:
    """A corrected record that waits on the worklist; the next attesting signs it."""

    claim_id: bytes
    """Of the reversed claim that it takes the place of."""
    patient: str
    event: ServiceEvent
    added: bool
    """False: it waits already, or was attested."""


def correct(
    provider: Actor,
    provider_id: int,
    claim: str | ProvenClaim,
    event: ServiceEvent,
    *,
    self_pay: bool = False,
) -> Correction:
    """Put the corrected record of a reversed claim on the provider's worklist, for the same patient. A
    reversed claim can be corrected once.

    Args:
        claim: the reversed claim's number (``2:7``), commitment or id; or as ``find_claim`` found it.
        self_pay: charge the patient the cash price, outside any plan.

    Raises:
        LedgerError: there is no such claim.
        StateError: it is another provider's, did not settle, or is not reversed.
    """
    session = provider.session
    proven = find_claim(session, claim, PartyTo(provider.name, provider_id=provider_id))
    status = provider.protocol.settlement.dispute_of(proven.claim_id).status
    if status is not DisputeStatus.REVERSED:
        number = claim_number(proven.settled.claim.provider_id, proven.settled.claim.sequence)
        raise StateError(
            f"claim {number} is not reversed: it stands as {status.label}",
            hint=f"give it back first: chainbill provider void {number} --as {provider.name}",
        )
    patient = proven.settled.patient
    worklist = Worklist(session.state.provider_database(provider.name))
    added = worklist.add(patient, event, self_pay=self_pay, corrects=proven.claim_id)
    return Correction(proven.claim_id, patient, event, added)
