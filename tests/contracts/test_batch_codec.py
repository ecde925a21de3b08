"""Sections packed in Python, read by the contract: every field arrives in the logs as it was put in."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from tests.support.deployment import COSMETIC, NOTICE, REFILL, SHARED, UNLISTED, VISIT, YEAR, Protocol
from tests.support.evm import reverts

from chainbill.billing.terms import CategoryTerms, PlanTerms
from chainbill.chain.format.batch_codec import BatchRow, BatchSection, decode_sections, encode_sections
from chainbill.chain.format.events import ClaimDenied, ClaimPended, ClaimSettled
from chainbill.money import CENT

MAX_SEQUENCE = 2**64 - 1
PAYS_ALL = PlanTerms(deductible=0, oop_max=0)


def random_rows(protocol: Protocol, draw: random.Random, base: int) -> list[BatchRow]:
    """Rows of enrolled patients in any order, that settle or are denied."""
    return [
        protocol.row(
            draw.choice((protocol.patient, protocol.neighbour)),
            base + offset,
            draw.choice((VISIT, REFILL, COSMETIC, UNLISTED)),
            commitment=draw.randbytes(32),
            units=draw.choice((0, 1, 1, 4, 5, 2**16 - 1)),
            billed=draw.choice((0, CENT, draw.randrange(40_000) * CENT, 2**64 - 1)),
            benefit_year=draw.choice((YEAR, YEAR, 0, YEAR - 2)),
        )
        for offset in draw.sample((0, 1, 255, 256, 257, 2**16 - 1, *range(300, 320)), 12)
    ]


def logged(event: ClaimSettled | ClaimDenied | ClaimPended) -> tuple[BatchRow, int, int, int, int]:
    """The row and section fields of a log."""
    claim = event.claim
    row = BatchRow(
        patient=bytes.fromhex(event.patient[2:]),
        commitment=claim.commitment,
        service_id=claim.service_id,
        units=claim.units,
        billed=0 if claim.billed_as_fee else claim.billed,
        benefit_year=claim.benefit_year,
        sequence=claim.sequence,
    )
    return row, claim.provider_id, claim.payer_id, claim.plan_id, claim.terms_version


@pytest.mark.parametrize("base", [0, 255, 2**32, MAX_SEQUENCE - (2**16 - 1)])
def test_settle__random_sections__logs_every_field_in_packed_order(protocol: Protocol, base: int) -> None:
    draw = random.Random(f"codec {base}")
    section = protocol.section(*random_rows(protocol, draw, base))
    receipt = protocol.submit(protocol.batch([section]))
    rows = sorted(section.rows, key=lambda row: row.patient)
    written = [event for event in receipt.events if isinstance(event, ClaimSettled | ClaimDenied)]
    assert [logged(event) for event in written] == [
        (row, protocol.provider_id, protocol.payer_id, 1, 1) for row in rows
    ]
    assert {type(event) for event in written} == {ClaimSettled, ClaimDenied}
    assert all(protocol.is_spent(row.sequence) for row in rows)


def test_settle__versions_and_plans__are_read_from_their_own_bytes(protocol: Protocol) -> None:
    """Plan 0x0102, version 2: a swapped or shifted field would find no terms."""
    for _ in range(2):
        protocol.publish_plan(PAYS_ALL, {SHARED: CategoryTerms()}, plan=0x0102)
        protocol.evm.now += NOTICE
    protocol.enrol(protocol.late, plan=0x0102)
    protocol.escrow.send(protocol.late, "acceptPayer", protocol.payer_id, 0)
    protocol.grant(protocol.late, 0)
    receipt = protocol.settle(protocol.row(protocol.late, 1), plan_id=0x0102, terms_version=2)
    (settled,) = receipt.of(ClaimSettled)
    assert (settled.claim.plan_id, settled.claim.terms_version) == (0x0102, 2)


def test_settle__sequence_beyond_64_bits__reverts(protocol: Protocol) -> None:
    base = MAX_SEQUENCE >> 16 << 16
    packed = bytearray(encode_sections([protocol.section(protocol.row(protocol.patient, MAX_SEQUENCE))]))
    assert packed[12:20] == base.to_bytes(8, "big")
    packed[12:20] = (base + 1).to_bytes(8, "big")
    with reverts("SequenceOverflow", base=base + 1, offset=2**16 - 1):
        protocol.submit(protocol.batch(bytes(packed)))


def test_settle__zero_patient__reverts(protocol: Protocol) -> None:
    with reverts("PatientsUnsorted"):
        protocol.settle(replace(protocol.row(protocol.patient, 1), patient=bytes(20)))


def test_settle__255_rows_of_one_patient__are_all_read(protocol: Protocol) -> None:
    rows = [protocol.row(protocol.patient, n, UNLISTED) for n in range(255)]
    assert protocol.settle(*rows).value == (0, 255, 0, 0)


def random_section(draw: random.Random) -> BatchSection:
    """Any section that the layout can hold."""
    base = draw.randrange(2**64 - 2**16)
    secondary, corrections = draw.random() < 0.4, draw.random() < 0.3
    patients = sorted(draw.randbytes(20) for _ in range(draw.randint(1, 5)))
    rows = [
        BatchRow(
            patient=patient,
            commitment=draw.randbytes(32),
            service_id=draw.randbytes(8),
            units=draw.randrange(2**16),
            billed=draw.randrange(2**64),
            benefit_year=draw.randrange(2**16),
            sequence=base + draw.randrange(2**16),
            secondary_service_id=draw.randbytes(8) if secondary else b"",
            corrects=draw.randbytes(32) if corrections else b"",
        )
        for patient in patients
        for _ in range(draw.randint(1, 4))
    ]
    provider_id, payer_id = draw.randrange(2**32), draw.randrange(1, 2**32)
    terms = (draw.randrange(2**16), draw.randrange(2**16))
    section = BatchSection(provider_id, payer_id, *terms, tuple(rows), corrections=corrections)
    if not secondary:
        return section
    return replace(
        section,
        secondary_payer_id=payer_id ^ draw.randrange(1, 256) or 1,
        secondary_plan_id=draw.randrange(2**16),
        secondary_terms_version=draw.randrange(2**16),
    )


def test_decode_sections__of_what_was_encoded__gives_it_back() -> None:
    draw = random.Random("round trip")
    for _ in range(300):
        sections = sorted(
            (random_section(draw) for _ in range(draw.randint(1, 4))), key=lambda section: section.payers
        )
        assert all(one.payers <= next_.payers for one, next_ in pairwise(sections))
        assert decode_sections(encode_sections(sections)) == sections


def test_settle__unknown_everything__pends_with_every_packed_field(protocol: Protocol) -> None:
    """Of whatever kind the section is: 60 random ones, each field back from the logs."""
    draw = random.Random("nobody")
    for _ in range(60):
        section = random_section(draw)
        section = replace(section, payer_id=section.payer_id | 1 << 30)
        receipt = protocol.submit(protocol.batch([section]))
        assert [pended(event, section.corrections) for event in receipt.of(ClaimPended)] == [
            replace(section, rows=(replace(row, corrects=b""),)) for row in section.rows
        ]


def pended(event: ClaimPended, corrections: bool) -> BatchSection:
    """The section of one row that a log tells of, but for the claim that it corrects."""
    claim = event.claim
    row, *numbers = logged(event)
    secondary = {
        "secondary_payer_id": claim.secondary_payer_id,
        "secondary_plan_id": claim.secondary_plan_id,
        "secondary_terms_version": claim.secondary_terms_version,
    }
    if claim.secondary_payer_id:
        row = replace(row, secondary_service_id=claim.secondary_service_id)
    return BatchSection(*numbers, (row,), **secondary, corrections=corrections)
