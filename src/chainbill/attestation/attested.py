"""One attested event: what a provider hands to the oracle."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import Domain, ServiceAttestation
from chainbill.records.commitment import Opening, new_salt
from chainbill.records.service_event import ServiceEvent


@dataclass(frozen=True, slots=True)
class AttestedEvent:
    """A signed attestation and the opening of its commitment. The opening is personal health
    information: it goes to the oracle and into the vault, never on chain."""

    attestation: ServiceAttestation
    signature: bytes
    opening: Opening
    corrects: bytes = b""
    """The id of the reversed claim that this event takes the place of; empty: none."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Under whose names a record's event goes on chain."""

    provider_id: int
    payer_id: int
    """The patient's primary payer; 0: the patient pays itself."""
    patient: str
    """Checksum address of the patient's account."""
    service_id: bytes
    """The event's service under the payer's schedule key, or under the provider's own where the patient pays
    itself; 8 bytes."""
    sequence: int
    """The provider's own number of this attestation."""
    corrects: bytes = b""
    """The id of the reversed claim that the event takes the place of; empty: none."""


def attest(
    event: ServiceEvent,
    assignment: Assignment,
    attester: Signer,
    domain: Domain,
    *,
    salt: bytes | None = None,
) -> AttestedEvent:
    """Commit to an event and sign the attestation.

    ``salt`` is for an attempt that may have to be repeated: the same salt makes the same attestation, and the
    same signature. Without it a fresh one is drawn.
    """
    opening = Opening(event, new_salt() if salt is None else salt)
    attestation = ServiceAttestation(
        provider_id=assignment.provider_id,
        payer_id=assignment.payer_id,
        patient=assignment.patient,
        commitment=opening.commitment,
        service_id=assignment.service_id,
        units=event.units,
        billed_amount=event.billed_amount,
        benefit_year=event.benefit_year,
        sequence=assignment.sequence,
    )
    signature = attester.sign(attestation.digest(domain))
    return AttestedEvent(attestation, signature, opening, assignment.corrects)
