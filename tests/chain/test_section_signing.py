"""What a provider signs for the rows of a section, all at once or each, and what its signatures are under."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chainbill.attestation.signing import Signer, recover
from chainbill.attestation.typed_data import Domain
from chainbill.chain.format.batch_codec import (
    MAX_SEQUENCE_SPAN,
    BatchRow,
    BatchSection,
    decode_sections,
    encode_sections,
    sequence_base,
)
from chainbill.chain.format.section_signing import attestation_of, bundle_of, sign_bundled, sign_each

KEY = Signer(b"\x01" * 32)
DOMAIN = Domain(31_337, "0x" + "22" * 20)
LOW, HIGH = b"\x01" * 20, b"\xfe" * 20
ROW = BatchRow(LOW, b"\x22" * 32, b"\x33" * 8, units=4, billed=5, benefit_year=2024, sequence=70_000)
ROWS = (
    replace(ROW, patient=HIGH),
    replace(ROW, sequence=70_001),
    replace(ROW, patient=HIGH, sequence=70_002),
)
SECTION = BatchSection(1, 2, 3, 4, ROWS)


def test_bundle_of__a_section__has_the_bytes_that_stand_between_its_header_and_its_attestations() -> None:
    bundle = bundle_of(SECTION)
    packed = encode_sections([SECTION])
    assert (bundle.provider_id, bundle.payer_id, bundle.sequence_base) == (1, 2, 65_536)
    assert packed[12:20] == (65_536).to_bytes(8, "big")
    assert bundle.rows == packed[28:]


def test_bundle_of__secondary_payer_and_corrections__is_of_the_same_words() -> None:
    """What is not the provider's to sign: plan, version, the secondary payer, the corrected claim."""
    rows = tuple(replace(row, secondary_service_id=b"\x44" * 8, corrects=b"\x55" * 32) for row in ROWS)
    other = BatchSection(1, 2, 7, 8, rows, 5, 6, 7, corrections=True)
    assert bundle_of(other) == bundle_of(SECTION)


def test_sign_bundled__a_section__is_under_one_signature_of_all_its_groups() -> None:
    (attestation,) = sign_bundled(SECTION, KEY, DOMAIN).attestations
    assert (attestation.groups, attestation.contract) == (2, b"")
    assert recover(bundle_of(SECTION).digest(DOMAIN), attestation.signature) == KEY.address


def test_sign_each__a_section__is_under_a_signature_for_each_row_as_packed() -> None:
    signed = sign_each(SECTION, KEY, DOMAIN)
    (read,) = decode_sections(encode_sections([signed]))
    assert [row.sequence for row in read.rows] == [70_001, 70_000, 70_002]
    for row, attestation in zip(read.rows, read.attestations, strict=True):
        assert attestation.groups == 0
        assert recover(attestation_of(read, row).digest(DOMAIN), attestation.signature) == KEY.address


def test_attestation_of__a_row__says_all_that_it_says() -> None:
    said = attestation_of(SECTION, ROWS[0])
    assert (said.provider_id, said.payer_id, said.patient.lower()) == (1, 2, "0x" + "fe" * 20)
    assert (said.commitment, said.service_id, said.units) == (b"\x22" * 32, b"\x33" * 8, 4)
    assert (said.billed_amount, said.benefit_year, said.sequence) == (5, 2024, 70_000)


@pytest.mark.parametrize(
    "sequences, base",
    [
        ([0], 0),
        ([2**16 - 1], 0),
        ([2**16], 2**16),
        ([2**64 - 1], 2**64 - 2**16),
        ([5, MAX_SEQUENCE_SPAN], 0),
        ([5, MAX_SEQUENCE_SPAN + 1], 5),
        ([MAX_SEQUENCE_SPAN, MAX_SEQUENCE_SPAN + 1], MAX_SEQUENCE_SPAN),
        ([5, 5 + MAX_SEQUENCE_SPAN], 5),
    ],
)
def test_sequence_base__rows__is_a_multiple_of_2_to_the_16_where_that_reaches(
    sequences: list[int], base: int
) -> None:
    """So that bundles signed at different times can stand in one section."""
    rows = [replace(ROW, sequence=sequence) for sequence in sequences]
    assert sequence_base(rows) == base
    (read,) = decode_sections(encode_sections([replace(SECTION, rows=tuple(rows))]))
    assert [row.sequence for row in read.rows] == sequences
