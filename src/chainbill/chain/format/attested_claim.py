"""What a provider must have signed for a claim to be its own."""

from __future__ import annotations

from chainbill.attestation.typed_data import ServiceAttestation
from chainbill.chain.format.events import Claim


def attestation_of(patient: str, claim: Claim) -> ServiceAttestation:
    """The attestation that a claim of ``patient`` rests on, as its log tells it: whoever says that it was
    attested shows a signature over its digest."""
    return ServiceAttestation(
        provider_id=claim.provider_id,
        payer_id=claim.payer_id,
        patient=patient,
        commitment=claim.commitment,
        service_id=claim.service_id,
        units=claim.units,
        billed_amount=0 if claim.billed_as_fee else claim.billed,
        benefit_year=claim.benefit_year,
        sequence=claim.sequence,
    )
