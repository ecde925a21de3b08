"""Neighbouring rows of one patient that end alike share a log, and tell what a log of each would tell."""

from __future__ import annotations

import random

import pytest
from tests.support.deployment import REFILL, UNLISTED, VISIT, YEAR, Protocol
from tests.support.evm import Receipt

from chainbill.billing.outcomes import Reason
from chainbill.chain.format.batch_codec import BatchRow
from chainbill.chain.format.batch_rows import Row, is_row
from chainbill.chain.format.events import ClaimPended, ClaimSettled, ClaimSkipped
from chainbill.money import DOLLAR

ENDINGS = {
    "settled": {},
    "settled as the fee": {"billed": 0},
    "denied for its service": {"service": UNLISTED},
    "denied for its units": {"units": 9},
    "denied for its year": {"benefit_year": YEAR - 2},
    "pended for its year": {"benefit_year": YEAR + 1},
    "pended for its year, billed as the fee": {"benefit_year": YEAR + 1, "billed": 0},
}
"""What a row is like that ends so, in a section of good patients."""


def rows_of(receipt: Receipt) -> list[Row]:
    return [event for event in receipt.events if is_row(event)]


def row_logs(protocol: Protocol, receipt: Receipt) -> int:
    """How many logs tell of rows: all of settlement's but the batch's."""
    address = protocol.settlement.address.lower()
    return sum(log.address.lower() == address for log in receipt.logs) - 1


def one_by_one(protocol: Protocol, rows: list[BatchRow]) -> list[Row]:
    """What the same rows come to in a batch of each."""
    with protocol.rolled_back():
        return [event for row in rows for event in rows_of(protocol.settle(row))]


def ordered(protocol: Protocol, kinds: list[str], patients: int = 2) -> list[BatchRow]:
    """Rows of these kinds, in turn, of each of so many patients."""
    chosen = sorted(protocol.patients()[:patients], key=str.lower)
    return [
        protocol.row(patient, place * len(kinds) + number + 250, **ENDINGS[kind])
        for place, patient in enumerate(chosen)
        for number, kind in enumerate(kinds)
    ]


@pytest.mark.parametrize("kind", ENDINGS)
def test_settle__rows_of_a_patient_that_end_alike__share_a_log(protocol: Protocol, kind: str) -> None:
    rows = ordered(protocol, [kind] * 9)
    expected = one_by_one(protocol, rows)

    receipt = protocol.settle(*rows)

    assert rows_of(receipt) == expected
    assert row_logs(protocol, receipt) == 2
    assert sum(receipt.value) == len(rows)
    assert all(protocol.is_spent(row.sequence) != kind.startswith("pended") for row in rows)


@pytest.mark.parametrize("seed", range(12))
def test_settle__rows_that_end_in_any_order__tell_what_one_at_a_time_tells(
    protocol: Protocol, seed: int
) -> None:
    chosen = random.Random(seed)
    rows = ordered(protocol, [chosen.choice(list(ENDINGS)) for _ in range(14)])
    chosen.shuffle(rows)
    rows.sort(key=lambda row: row.patient)
    expected = one_by_one(protocol, rows)
    with protocol.rolled_back():
        for row in rows:
            protocol.settle(row)
        state = protocol.state(*(row.sequence for row in rows))

    receipt = protocol.settle(*rows)

    assert rows_of(receipt) == expected
    assert protocol.state(*(row.sequence for row in rows)) == state
    assert row_logs(protocol, receipt) <= len(rows)


def test_settle__rows_that_were_spent_between_rows_that_pend__share_logs_apart(protocol: Protocol) -> None:
    """Sequences on both sides of a bitmap's word: those that pend are given back, the others stay spent."""
    spent = [254, 255, 256, 259]
    protocol.settle(*(protocol.row(protocol.patient, sequence) for sequence in spent))
    again = [protocol.row(protocol.patient, sequence, benefit_year=YEAR + 1) for sequence in range(252, 262)]

    receipt = protocol.settle(*again)

    kinds = [type(event) for event in rows_of(receipt)]
    assert kinds == [ClaimSkipped if row.sequence in spent else ClaimPended for row in again]
    assert [event.claim.sequence for event in rows_of(receipt)] == [row.sequence for row in again]
    assert row_logs(protocol, receipt) == 5
    assert [row.sequence for row in again if protocol.is_spent(row.sequence)] == spent


def test_settle__as_many_rows_as_a_patient_may_have__share_one_log(protocol: Protocol) -> None:
    rows = [protocol.row(protocol.patient, sequence, billed=DOLLAR) for sequence in range(255)]
    receipt = protocol.settle(*rows)
    assert [event.claim.sequence for event in receipt.of(ClaimSettled)] == list(range(255))
    assert row_logs(protocol, receipt) == 1


def test_settle__rows_of_two_sections__share_no_log(protocol: Protocol) -> None:
    sections = [
        protocol.section(protocol.row(protocol.patient, n), protocol.row(protocol.patient, n + 1))
        for n in (1, 3)
    ]
    receipt = protocol.submit(protocol.batch(sections))
    assert [event.claim.sequence for event in receipt.of(ClaimSettled)] == [1, 2, 3, 4]
    assert row_logs(protocol, receipt) == 2


# ---- sections in which nobody may be charged --------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_settle__nobody_may_be_charged__ends_as_beside_somebody_who_may(
    protocol: Protocol, seed: int
) -> None:
    """Settlement answers for such a section itself; with a good row in it the payer does."""
    protocol.settle(protocol.row(protocol.patient, 1))
    for patient in protocol.patients()[:2]:
        protocol.escrow.send(patient, "revokeConsent", protocol.provider_id)
    protocol.advance(2 * 86_400)
    chosen = random.Random(seed)
    rows = [protocol.row(protocol.patient, 1), *ordered(protocol, chosen.choices(list(ENDINGS), k=8))]
    rows.sort(key=lambda row: row.patient)
    good = protocol.row(protocol.patients()[2], 7, REFILL)
    mixed = sorted([*rows, good], key=lambda row: row.patient)
    with protocol.rolled_back():
        expected = [event for event in rows_of(protocol.settle(*mixed)) if event.claim.sequence != 7]

    receipt = protocol.settle(*rows)

    assert rows_of(receipt) == expected
    assert {event.claim.reason for event in rows_of(receipt)} >= {Reason.NO_CONSENT, Reason.SEQUENCE_SPENT}


def test_settle__nobody_may_be_charged__the_payer_is_not_asked(protocol: Protocol) -> None:
    """Nobody pays for pricing what cannot be charged: a row costs less than beside one that can."""
    rows = [protocol.row(protocol.patient, sequence, VISIT) for sequence in range(1, 41)]
    settled = protocol.settle(*rows)
    protocol.escrow.send(protocol.patient, "revokeConsent", protocol.provider_id)
    protocol.advance(2 * 86_400)
    pended = protocol.settle(*(protocol.row(protocol.patient, sequence) for sequence in range(41, 81)))
    assert pended.value == (0, 0, 40, 0)
    assert pended.gas_used < settled.gas_used * 2 // 3
