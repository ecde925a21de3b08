"""What a provider signs for the rows of a section, all at once or each, and what its signatures are under."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.attesting import all_spans, sign_spans, words_under

from chainbill.attestation.signing import Signer, recover
from chainbill.attestation.typed_data import Domain, ServiceBundle
from chainbill.chain.format.batch_codec import (
    MAX_SEQUENCE_SPAN,
    BatchRow,
    BatchSection,
    decode_sections,
    encode_sections,
    sequence_base,
)
from chainbill.chain.format.section_signing import (
    attestation_of,
    bundle_attestations,
    row_of,
    sign_bundled,
    sign_each,
    signed_parts,
)
from chainbill.errors import AttestationError

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


def test_sign_bundled__a_section__is_under_one_signature_of_all_its_groups() -> None:
    """Of the bytes that stand between its header and its attestations."""
    signed = sign_bundled(SECTION, KEY, DOMAIN)
    packed = encode_sections([SECTION])
    ((bundle, attestation),) = signed_parts(signed)
    assert bundle == ServiceBundle(1, 2, 65_536, packed[28:])
    assert packed[12:20] == (65_536).to_bytes(8, "big")
    assert (attestation.groups, attestation.contract) == (2, b"")
    assert recover(bundle.digest(DOMAIN), attestation.signature) == KEY.address


def test_sign_bundled__secondary_payer_and_corrections__is_of_the_same_words() -> None:
    """What is not the provider's to sign: plan, version, the secondary payer, the corrected claim."""
    rows = tuple(replace(row, secondary_service_id=b"\x44" * 8, corrects=b"\x55" * 32) for row in ROWS)
    other = BatchSection(1, 2, 7, 8, rows, 5, 6, 7, corrections=True)
    ours, others = (sign_bundled(section, KEY, DOMAIN) for section in (SECTION, other))
    assert ours.attestations == others.attestations
    assert [part for part, _ in signed_parts(ours)] == [part for part, _ in signed_parts(others)]


def test_bundle_attestations__of_a_sections_rows__is_what_the_section_is_under() -> None:
    ((bundle, _),) = signed_parts(sign_bundled(SECTION, KEY, DOMAIN))
    attestations = [attestation_of(SECTION, row) for row in ROWS]
    assert bundle_attestations(attestations) == bundle
    assert [row_of(attestation) for attestation in attestations] == list(ROWS)


def test_bundle_attestations__none_or_of_several_parties__is_refused() -> None:
    one = attestation_of(SECTION, ROWS[0])
    for several in ([], [one, replace(one, provider_id=9)], [one, replace(one, payer_id=9)]):
        with pytest.raises(AttestationError, match="one provider and one payer"):
            bundle_attestations(several)


def test_sign_each__a_section__is_under_a_signature_for_each_row_as_packed() -> None:
    signed = sign_each(SECTION, KEY, DOMAIN)
    (read,) = decode_sections(encode_sections([signed]))
    assert [row.sequence for row in read.rows] == [70_001, 70_000, 70_002]
    for row, attestation in zip(read.rows, read.attestations, strict=True):
        assert attestation.groups == 0
        assert recover(attestation_of(read, row).digest(DOMAIN), attestation.signature) == KEY.address


@pytest.mark.parametrize("counts", [[1], [2], [1, 1], [2, 1], [1, 2, 2]])
def test_signed_parts__cut_in_every_way__says_what_each_signature_is_under(counts: list[int]) -> None:
    """Told twice: by the tests' own model, too."""
    rows = [
        replace(ROW, patient=bytes([n]) * 20, sequence=n)
        for n, count in enumerate(counts)
        for _ in range(count)
    ]
    section = replace(SECTION, rows=tuple(rows))
    for spans in all_spans(counts):
        signed = sign_spans(section, spans, KEY, DOMAIN)
        expected = [words for _, words in words_under(section, spans)]
        assert list(signed_parts(signed)) == list(zip(expected, signed.attestations, strict=True))


@pytest.mark.parametrize(
    "spans, said",
    [
        ([], "under no signature"),
        ([1], "under no signature"),
        ([0, 0], "under no signature"),
        ([2, 0], "more signatures than rows"),
        ([2, 1], "more signatures than rows"),
        ([3], "more signatures than rows"),
        ([1, 2], "more signatures than rows"),
        ([0, 0, 1], "in the middle"),
    ],
)
def test_signed_parts__not_under_all_rows_once__is_refused(spans: list[int], said: str) -> None:
    """Patient LOW has one row, HIGH two."""
    (signature,) = sign_bundled(SECTION, KEY, DOMAIN).attestations
    attestations = tuple(replace(signature, groups=span) for span in spans)
    with pytest.raises(AttestationError, match=said):
        list(signed_parts(replace(SECTION, attestations=attestations)))


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
