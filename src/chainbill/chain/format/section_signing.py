"""What a provider signs of a section's rows: all of them at once, or each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, islice

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
from chainbill.errors import AttestationError


def row_of(attestation: ServiceAttestation) -> BatchRow:
    """The row of an attestation, without what a section's flags ask for."""
    return BatchRow(
        patient=bytes.fromhex(attestation.patient[2:]),
        commitment=attestation.commitment,
        service_id=attestation.service_id,
        units=attestation.units,
        billed=attestation.billed_amount,
        benefit_year=attestation.benefit_year,
        sequence=attestation.sequence,
    )


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


def bundle_attestations(attestations: Sequence[ServiceAttestation]) -> ServiceBundle:
    """What a provider signs for attestations of one payer at once, in the order in which they are to settle.

    Raises:
        AttestationError: there are none, they are of several providers or payers, or do not fit one bundle.
    """
    parties = {(each.provider_id, each.payer_id) for each in attestations}
    if len(parties) != 1:
        raise AttestationError(f"a bundle is of one provider and one payer, not of {len(parties)}")
    ((provider_id, payer_id),) = parties
    return _bundle(provider_id, payer_id, map(row_of, attestations))


Signed = ServiceAttestation | ServiceBundle
"""What a provider's signature is under."""


def signed_parts(section: BatchSection) -> Iterator[tuple[Signed, RowsAttestation]]:
    """What each signature of a section is under, in order: one row, or whole groups of rows.

    Raises:
        AttestationError: they are not under all rows, each once.
    """
    rows = in_packed_order(section.rows)
    base, at = sequence_base(rows), 0
    for attestation in section.attestations:
        end = _end_of(rows, at, attestation.groups)
        if end > len(rows):
            raise AttestationError("a section has more signatures than rows")
        part: Signed
        if attestation.groups:
            packed = encode_groups(rows[at:end], base)
            part = ServiceBundle(section.provider_id, section.payer_id, base, packed)
        else:
            part = attestation_of(section, rows[at])
        yield part, attestation
        at = end
    if at != len(rows):
        raise AttestationError(f"{len(rows) - at} rows of a section are under no signature")


def _end_of(rows: Sequence[BatchRow], at: int, groups: int) -> int:
    """Where so many groups end that begin with row ``at``; 0 groups are one row."""
    if groups == 0:
        return at + 1
    if at and at < len(rows) and rows[at - 1].patient == rows[at].patient:
        raise AttestationError("a signature of whole groups begins in the middle of one")
    for _, group in islice(groupby(rows[at:], key=lambda row: row.patient), groups):
        at += len(list(group))
        groups -= 1
    return at if groups == 0 else len(rows) + 1


def sign_bundled(section: BatchSection, key: Signer, domain: Domain) -> BatchSection:
    """The section under one signature."""
    bundle = _bundle(section.provider_id, section.payer_id, section.rows)
    return under_bundle(section, key.sign(bundle.digest(domain)))


def under_bundle(section: BatchSection, signature: bytes) -> BatchSection:
    """The section under a signature of all its rows."""
    groups = len({row.patient for row in section.rows})
    return replace(section, attestations=(RowsAttestation(groups, signature),))


def sign_each(section: BatchSection, key: Signer, domain: Domain) -> BatchSection:
    """The section under one signature for each row."""
    signed = (
        RowsAttestation(0, key.sign(attestation_of(section, row).digest(domain)))
        for row in in_packed_order(section.rows)
    )
    return replace(section, attestations=tuple(signed))


def _bundle(provider_id: int, payer_id: int, rows: Iterable[BatchRow]) -> ServiceBundle:
    packed = in_packed_order(rows)
    base = sequence_base(packed)
    return ServiceBundle(provider_id, payer_id, base, encode_groups(packed, base))
