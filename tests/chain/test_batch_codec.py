"""The packed sections in Python alone: what cannot be packed, and what cannot be read."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from chainbill.chain.format.batch_codec import (
    MAX_ROWS_PER_PATIENT,
    MAX_SEQUENCE_SPAN,
    BatchRow,
    BatchSection,
    decode_sections,
    encode_sections,
)
from chainbill.errors import AttestationError

ROW = BatchRow(
    patient=b"\x11" * 20,
    commitment=b"\x22" * 32,
    service_id=b"\x33" * 8,
    units=4,
    billed=5,
    benefit_year=2024,
    sequence=6,
)


SECONDARY = {"secondary_payer_id": 5, "secondary_plan_id": 6, "secondary_terms_version": 7}
WITH_SECONDARY = replace(ROW, secondary_service_id=b"\x44" * 8)
CORRECTION = replace(ROW, corrects=b"\x55" * 32)


def section(*rows: BatchRow, **changes: int) -> BatchSection:
    return replace(BatchSection(1, 2, 3, 4, rows), **changes)


HEADER = "000000010000000200030004000000000000000600010001"
GROUP = "11" * 20 + "01"
FIXED = "22" * 32 + "33" * 8 + "0004" + "0000000000000005" + "07e8" + "0000"


def test_encode_sections__one_row__is_laid_out_as_documented() -> None:
    packed = encode_sections([section(ROW)])
    assert packed.hex() == HEADER + "00" + GROUP + FIXED


def test_encode_sections__secondary_payer__follows_the_header_and_each_row() -> None:
    packed = encode_sections([section(WITH_SECONDARY, **SECONDARY)])
    assert packed.hex() == HEADER + "01" + "0000000500060007" + GROUP + FIXED + "44" * 8


def test_encode_sections__corrections__name_a_claim_in_each_row() -> None:
    packed = encode_sections([section(CORRECTION, corrections=True)])
    assert packed.hex() == HEADER + "02" + GROUP + FIXED + "55" * 32


def test_encode_sections__correction_with_a_secondary_payer__names_the_claim_last() -> None:
    row = replace(CORRECTION, secondary_service_id=b"\x44" * 8)
    packed = encode_sections([section(row, **SECONDARY, corrections=True)])
    assert packed.hex() == HEADER + "03" + "0000000500060007" + GROUP + FIXED + "44" * 8 + "55" * 32


@pytest.mark.parametrize(
    "each",
    [
        section(ROW),
        section(ROW, payer_id=0),
        section(WITH_SECONDARY, **SECONDARY),
        section(CORRECTION, corrections=True),
        section(replace(CORRECTION, secondary_service_id=bytes(8)), **SECONDARY, corrections=True),
    ],
)
def test_decode_sections__each_kind__is_read_back(each: BatchSection) -> None:
    assert decode_sections(encode_sections([each, each])) == [each, each]


def test_encode_sections__self_pay_then_pairs__ascend() -> None:
    pairs = [(0, 0), (2, 0), (2, 5), (3, 1), (3, 1)]
    sections = [
        section(WITH_SECONDARY if second else ROW, payer_id=first, secondary_payer_id=second)
        for first, second in pairs
    ]
    assert [each.payers for each in decode_sections(encode_sections(sections))] == pairs
    with pytest.raises(AttestationError, match="stand after"):
        encode_sections([sections[2], sections[1]])


def test_encode_sections__rows_in_any_order__stand_by_patient_and_stay_in_order() -> None:
    low, high = b"\x01" * 20, b"\xfe" * 20
    rows = [replace(ROW, patient=patient, sequence=n) for n, patient in enumerate((high, low, high, low), 7)]
    (decoded,) = decode_sections(encode_sections([section(*rows)]))
    assert [(row.patient, row.sequence) for row in decoded.rows] == [
        (low, 8),
        (low, 10),
        (high, 7),
        (high, 9),
    ]


REFUSED = {
    "no rows": [section()],
    "payers descending": [section(ROW, payer_id=2), section(ROW, payer_id=1)],
    "a sequence too far above the lowest": [
        section(ROW, replace(ROW, sequence=ROW.sequence + MAX_SEQUENCE_SPAN + 1))
    ],
    "too many rows of a patient": [
        section(*(replace(ROW, sequence=n) for n in range(MAX_ROWS_PER_PATIENT + 1)))
    ],
    "a short patient": [section(replace(ROW, patient=b"\x11" * 19))],
    "a long commitment": [section(replace(ROW, commitment=bytes(33)))],
    "a short service id": [section(replace(ROW, service_id=bytes(7)))],
    "units beyond 16 bits": [section(replace(ROW, units=2**16))],
    "negative units": [section(replace(ROW, units=-1))],
    "an amount beyond 64 bits": [section(replace(ROW, billed=2**64))],
    "a year beyond 16 bits": [section(replace(ROW, benefit_year=2**16))],
    "a sequence beyond 64 bits": [section(replace(ROW, sequence=2**64))],
    "a secondary's service without a secondary": [section(WITH_SECONDARY)],
    "a secondary without its service": [section(ROW, **SECONDARY)],
    "a correction of nothing": [section(ROW, corrections=True)],
    "a corrected claim in no section of corrections": [section(CORRECTION)],
    "a short corrected claim": [section(replace(ROW, corrects=bytes(31)), corrections=True)],
    "a secondary beside nobody": [section(WITH_SECONDARY, **{**SECONDARY, "payer_id": 0})],
    "one payer twice": [section(WITH_SECONDARY, **{**SECONDARY, "secondary_payer_id": 2})],
    "a secondary beyond 32 bits": [section(WITH_SECONDARY, **{**SECONDARY, "secondary_payer_id": 2**32})],
    "a provider beyond 32 bits": [section(ROW, provider_id=2**32)],
    "a payer beyond 32 bits": [section(ROW, payer_id=2**32)],
    "a plan beyond 16 bits": [section(ROW, plan_id=2**16)],
}


@pytest.mark.parametrize("sections", REFUSED.values(), ids=REFUSED)
def test_encode_sections__what_the_layout_cannot_hold__is_refused(sections: list[BatchSection]) -> None:
    with pytest.raises(AttestationError):
        encode_sections(sections)


def test_encode_sections__the_most_it_can_hold__is_read_back() -> None:
    rows = [replace(ROW, sequence=n) for n in range(MAX_ROWS_PER_PATIENT - 1)]
    rows.append(replace(ROW, sequence=MAX_SEQUENCE_SPAN))
    assert decode_sections(encode_sections([section(*rows)])) == [section(*rows)]


def test_decode_sections__cut_anywhere__is_refused() -> None:
    for row, changes in ((ROW, {}), (WITH_SECONDARY, SECONDARY), (CORRECTION, {"corrections": True})):
        packed = encode_sections([section(row, replace(row, patient=b"\x12" * 20), **changes)])
        for length in range(1, len(packed)):
            with pytest.raises(AttestationError):
                decode_sections(packed[:length])


def test_decode_sections__unknown_flags_or_payers_that_no_section_has__is_refused() -> None:
    packed = bytearray(encode_sections([section(WITH_SECONDARY, **SECONDARY)]))
    for place, value in ((24, 5), (24, 128), (28, 0), (28, 2), (7, 0)):
        broken = bytes(packed[:place]) + bytes([value]) + bytes(packed[place + 1 :])
        with pytest.raises(AttestationError):
            decode_sections(broken)


def test_decode_sections__wrong_counts__is_refused() -> None:
    packed = encode_sections([section(ROW)])
    for counts in ("00000000", "00010002", "00000001"):
        with pytest.raises(AttestationError):
            decode_sections(packed[:20] + bytes.fromhex(counts) + packed[24:])


def test_decode_sections__nothing__is_no_sections() -> None:
    assert decode_sections(b"") == []


def test_decode_sections__random_bytes__are_read_or_refused() -> None:
    draw = random.Random("codec")
    for _ in range(2_000):
        try:
            decode_sections(draw.randbytes(draw.randrange(300)))
        except AttestationError:
            continue
