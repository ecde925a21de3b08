"""A provider's signatures under the rows of a section: one under all of them, or one under each."""

from __future__ import annotations

from dataclasses import replace

from chainbill.attestation.address import checksum_address
from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import Domain, ServiceAttestation, ServiceBundle
from chainbill.chain.format.batch_codec import (
    BatchRow,
    BatchSection,
    RowsAttestation,
    encode_groups,
    in_packed_order,
    sequence_base,
)


def bundle_of(section: BatchSection) -> ServiceBundle:
    """What a provider signs for all rows of a section at once."""
    rows = in_packed_order(section.rows)
    base = sequence_base(rows)
    return ServiceBundle(section.provider_id, section.payer_id, base, encode_groups(rows, base))


def attestation_of(section: BatchSection, row: BatchRow) -> ServiceAttestation:
    """What a provider signs for one row of a section."""
    return ServiceAttestation(
        provider_id=section.provider_id,
        payer_id=section.payer_id,
        patient=checksum_address("0x" + row.patient.hex()),
        commitment=row.commitment,
        service_id=row.service_id,
        units=row.units,
        billed_amount=row.billed,
        benefit_year=row.benefit_year,
        sequence=row.sequence,
    )


def sign_bundled(section: BatchSection, key: Signer, domain: Domain) -> BatchSection:
    """The section under one signature."""
    groups = len({row.patient for row in section.rows})
    signature = key.sign(bundle_of(section).digest(domain))
    return replace(section, attestations=(RowsAttestation(groups, signature),))


def sign_each(section: BatchSection, key: Signer, domain: Domain) -> BatchSection:
    """The section under one signature for each row."""
    signed = (
        RowsAttestation(0, key.sign(attestation_of(section, row).digest(domain)))
        for row in in_packed_order(section.rows)
    )
    return replace(section, attestations=tuple(signed))
