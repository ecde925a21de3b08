"""The packed sections in Python alone: what cannot be packed, and what cannot be read."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from chainbill.attestation.signing import CURVE_ORDER, Signer, compact_signature
from chainbill.chain.format.batch_codec import (
    MAX_ROWS_PER_PATIENT,
    MAX_SEQUENCE_SPAN,
    BatchRow,
    BatchSection,
    RowsAttestation,
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
CONTRACT = b"\x77" * 20
KEY = Signer(b"\x01" * 32)
WITH_SECONDARY = replace(ROW, secondary_service_id=b"\x44" * 8)
CORRECTION = replace(ROW, corrects=b"\x55" * 32)


def section(*rows: BatchRow, **changes: Any) -> BatchSection:
    return replace(BatchSection(1, 2, 3, 4, rows), **changes)


HEADER = "000000010000000200030004" + "0000000000000000" + "00010001"
NO_ATTESTATIONS = "000000"
GROUP = "11" * 20 + "01"
FIXED = "22" * 32 + "33" * 8 + "0004" + "0000000000000005" + "07e8" + "0006"


def test_encode_sections__one_row__is_laid_out_as_documented() -> None:
    packed = encode_sections([section(ROW)])
    assert packed.hex() == HEADER + "00" + NO_ATTESTATIONS + GROUP + FIXED


def test_encode_sections__secondary_payer__follows_the_header_and_each_row() -> None:
    packed = encode_sections([section(WITH_SECONDARY, **SECONDARY)])
    assert packed.hex() == HEADER + "01" + NO_ATTESTATIONS + "0000000500060007" + GROUP + FIXED + "44" * 8


def test_encode_sections__corrections__name_a_claim_in_each_row() -> None:
    packed = encode_sections([section(CORRECTION, corrections=True)])
    assert packed.hex() == HEADER + "02" + NO_ATTESTATIONS + GROUP + FIXED + "55" * 32


def test_encode_sections__correction_with_a_secondary_payer__names_the_claim_last() -> None:
    row = replace(CORRECTION, secondary_service_id=b"\x44" * 8)
    packed = encode_sections([section(row, **SECONDARY, corrections=True)])
    header = HEADER + "03" + NO_ATTESTATIONS + "0000000500060007"
    assert packed.hex() == header + GROUP + FIXED + "44" * 8 + "55" * 32


def test_encode_sections__tails__stand_behind_all_groups_in_the_order_of_the_rows() -> None:
    rows = [
        replace(ROW, patient=bytes([n]) * 20, secondary_service_id=bytes([n]) * 8, corrects=bytes([n]) * 32)
        for n in (3, 1, 2)
    ]
    packed = encode_sections([section(*rows, **SECONDARY, corrections=True)])
    services, claims = packed[36 + 3 * (21 + 54) :][:24], packed[36 + 3 * (21 + 54) + 24 :]
    assert services.hex() == "01" * 8 + "02" * 8 + "03" * 8
    assert claims.hex() == "01" * 32 + "02" * 32 + "03" * 32


SIGNED = KEY.sign(bytes(32))
"""A key's signature, of nothing in particular."""

HIGH_S = SIGNED[:32] + (CURVE_ORDER - int.from_bytes(SIGNED[32:64], "big")).to_bytes(32, "big") + b"\x1b"
ONE_ROW = RowsAttestation(0, SIGNED)
BY_CONTRACT = RowsAttestation(2, b"anything", CONTRACT)


def test_encode_sections__a_keys_attestation__is_its_span_and_the_compact_signature() -> None:
    packed = encode_sections([section(ROW, attestations=(RowsAttestation(1, SIGNED),))])
    compact = compact_signature(SIGNED)
    assert packed.hex() == HEADER + "00" + "000042" + GROUP + FIXED + "0001" + compact.hex()


def test_encode_sections__a_contracts_attestation__names_it_and_has_any_length() -> None:
    packed = encode_sections([section(ROW, attestations=(BY_CONTRACT,))])
    attestation = "8002" + "77" * 20 + "0008" + b"anything".hex()
    assert packed.hex() == HEADER + "00" + "000020" + GROUP + FIXED + attestation


def test_encode_sections__several_attestations__stand_in_order_behind_the_tails() -> None:
    attestations = (ONE_ROW, BY_CONTRACT, RowsAttestation(0, b"", CONTRACT))
    packed = encode_sections([section(CORRECTION, corrections=True, attestations=attestations)])
    each = ("0000" + compact_signature(SIGNED).hex(), "8002" + "77" * 20 + "0008" + b"anything".hex())
    header = HEADER + "02" + (66 + 32 + 24).to_bytes(3, "big").hex()
    assert packed.hex() == header + GROUP + FIXED + "55" * 32 + "".join(each) + "8000" + "77" * 20 + "0000"


@pytest.mark.parametrize("attestation_bytes", [0, 65, 67, 2**24 - 1])
def test_decode_sections__attestations_of_another_length_than_said__is_refused(
    attestation_bytes: int,
) -> None:
    packed = bytearray(encode_sections([section(ROW, attestations=(RowsAttestation(1, SIGNED),))]))
    packed[25:28] = attestation_bytes.to_bytes(3, "big")
    with pytest.raises(AttestationError):
        decode_sections(bytes(packed))


def test_decode_sections__a_contracts_signature_longer_than_the_section__is_refused() -> None:
    packed = bytearray(encode_sections([section(ROW, attestations=(BY_CONTRACT,))]))
    packed[-9] += 1  # the length of "anything"
    with pytest.raises(AttestationError):
        decode_sections(bytes(packed))


@pytest.mark.parametrize("attestations", [(), (ONE_ROW,), (BY_CONTRACT,), (ONE_ROW, BY_CONTRACT, ONE_ROW)])
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
def test_decode_sections__each_kind__is_read_back(
    each: BatchSection, attestations: tuple[RowsAttestation, ...]
) -> None:
    each = replace(each, attestations=attestations)
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
    "an attestation of too many groups": [section(ROW, attestations=(RowsAttestation(2**15, SIGNED),))],
    "an attestation of a negative number of groups": [
        section(ROW, attestations=(RowsAttestation(-1, SIGNED),))
    ],
    "a key's signature that is too short": [section(ROW, attestations=(RowsAttestation(1, SIGNED[:63]),))],
    "a key's signature with a high s": [section(ROW, attestations=(RowsAttestation(1, HIGH_S),))],
    "a contract of 19 bytes": [section(ROW, attestations=(RowsAttestation(1, b"", CONTRACT[1:]),))],
    "a contract's signature beyond 16 bits": [
        section(ROW, attestations=(RowsAttestation(1, bytes(2**16), CONTRACT),))
    ],
    "attestations beyond 24 bits": [
        section(ROW, attestations=(RowsAttestation(1, bytes(2**16 - 1), CONTRACT),) * 257)
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
        rows = section(row, replace(row, patient=b"\x12" * 20), **changes)
        packed = encode_sections([replace(rows, attestations=(ONE_ROW, BY_CONTRACT))])
        for length in range(1, len(packed)):
            with pytest.raises(AttestationError):
                decode_sections(packed[:length])


def test_decode_sections__unknown_flags_or_payers_that_no_section_has__is_refused() -> None:
    packed = bytearray(encode_sections([section(WITH_SECONDARY, **SECONDARY)]))
    for place, value in ((24, 5), (24, 128), (31, 0), (31, 2), (7, 0)):
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
