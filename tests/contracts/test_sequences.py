"""A provider's sequence is spent at most once, wherever it stands."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from tests.contracts.situations import endings
from tests.support.deployment import UNLISTED, YEAR, Protocol

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.format.events import ClaimSettled, ClaimSkipped
from chainbill.money import DOLLAR

EDGES = (0, 1, 254, 255, 256, 257, 2**16 - 1, 2**16, 2**32, 2**63, 2**64 - 1)


def test_settle__sequences_at_word_edges__spend_themselves_alone(protocol: Protocol) -> None:
    for sequence in EDGES:
        near = (sequence - 1, sequence + 1, sequence ^ 256, sequence ^ (1 << 63))
        before = {other: protocol.is_spent(other) for other in near if 0 <= other < 2**64}
        assert protocol.settle(protocol.row(protocol.patient, sequence, UNLISTED)).value == (0, 1, 0, 0)
        assert protocol.is_spent(sequence)
        assert {other: protocol.is_spent(other) for other in before} == before


@pytest.mark.parametrize("first_ends", [Outcome.SETTLED, Outcome.DENIED])
def test_settle__one_sequence_twice_in_a_section__the_second_is_skipped(
    protocol: Protocol, first_ends: Outcome
) -> None:
    first = protocol.row(protocol.patient, 1, **({"units": 9} if first_ends == Outcome.DENIED else {}))
    receipt = protocol.settle(first, protocol.row(protocol.neighbour, 1))
    assert [ending[1:] for ending in endings(receipt)][-1] == (Outcome.SKIPPED, Reason.SEQUENCE_SPENT)
    assert receipt.value == (first_ends == Outcome.SETTLED, first_ends == Outcome.DENIED, 0, 1)
    assert protocol.is_spent(1)


def test_settle__one_sequence_in_two_sections__settles_once(protocol: Protocol) -> None:
    sections = [protocol.section(protocol.row(patient, 1)) for patient in protocol.patients()[:2]]
    receipt = protocol.submit(protocol.batch(sections))
    assert receipt.value == (1, 0, 0, 1)
    assert protocol.credit() == 150 * DOLLAR


def test_settle__one_sequence_with_two_payers__settles_once(protocol: Protocol) -> None:
    payer_id = protocol.second_payer(protocol.late)
    sections = [
        protocol.section(protocol.row(protocol.patient, 1)),
        protocol.section(protocol.row(protocol.late, 1), payer_id=payer_id),
    ]
    assert protocol.submit(protocol.batch(sections)).value == (1, 0, 0, 1)


def test_settle__one_sequence_in_every_kind_of_section__settles_once(protocol: Protocol) -> None:
    """A number is a number: self-pay, one payer and two share the provider's."""
    protocol.publish_cash_prices()
    protocol.grant(protocol.patient, self_pay=True)
    second = protocol.second_payer()
    protocol.welcome(protocol.late, payers=(protocol.payer_id, second))
    sections = [
        protocol.self_pay(protocol.row(protocol.patient, 1)),
        protocol.section(protocol.row(protocol.neighbour, 1)),
        protocol.coordinated(protocol.row(protocol.late, 1), secondary=second),
    ]
    assert protocol.submit(protocol.batch(sections)).value == (1, 0, 0, 2)
    for section in sections:
        assert protocol.submit(protocol.batch([section])).value == (0, 0, 0, 1)
    protocol.assert_solvent()


def test_settle__first_of_two_equal_sequences_pends__none_is_spent(protocol: Protocol) -> None:
    """Neither is lost: what pended frees the sequence for both."""
    stays_away = protocol.row(protocol.patient, 1, benefit_year=YEAR + 1)
    receipt = protocol.settle(stays_away, protocol.row(protocol.neighbour, 1))
    assert receipt.value[:2] == (0, 0)
    assert not protocol.is_spent(1)
    assert protocol.settle(protocol.row(protocol.neighbour, 1)).value == (1, 0, 0, 0)


def test_settle__pended_in_one_section_and_good_in_the_next__settles(protocol: Protocol) -> None:
    sections = [
        protocol.section(protocol.row(protocol.patient, 1, benefit_year=YEAR + 1)),
        protocol.section(protocol.row(protocol.neighbour, 1)),
    ]
    receipt = protocol.submit(protocol.batch(sections))
    assert receipt.value == (1, 0, 1, 0)
    assert protocol.is_spent(1)


def test_settle__pended_row_beside_spent_ones_in_a_word__leaves_them_spent(protocol: Protocol) -> None:
    protocol.settle(*(protocol.row(protocol.patient, n) for n in (0, 2, 4, 255)))
    receipt = protocol.settle(
        *(protocol.row(protocol.patient, n, benefit_year=YEAR + 1) for n in (0, 1, 3, 254, 255))
    )
    assert receipt.value == (0, 0, 3, 2)
    spent = [n for n in range(260) if protocol.is_spent(n)]
    assert spent == [0, 2, 4, 255]


def test_settle__two_sections_sharing_words__each_writes_its_own_bits(protocol: Protocol) -> None:
    even = protocol.section(*(protocol.row(protocol.patient, n, UNLISTED) for n in range(0, 300, 2)))
    odd = protocol.section(*(protocol.row(protocol.neighbour, n, UNLISTED) for n in range(1, 300, 2)))
    assert protocol.submit(protocol.batch([even, odd])).value == (0, 300, 0, 0)
    assert [n for n in range(600) if protocol.is_spent(n)] == list(range(300))


def test_settle__two_providers__same_sequences_do_not_meet(protocol: Protocol) -> None:
    other = protocol.register_provider(protocol.late)
    protocol.accept_provider(other)
    protocol.grant(protocol.patient, provider_id=other)
    protocol.settle(protocol.row(protocol.patient, 1))
    receipt = protocol.settle(protocol.row(protocol.patient, 1), provider_id=other)
    assert receipt.value == (1, 0, 0, 0)


def test_settle__random_batches__every_sequence_settles_at_most_once(protocol: Protocol) -> None:
    """Against a set that remembers, with repeats inside and across batches, sections and patients."""
    draw = random.Random("sequences")
    spent: set[int] = set()
    for _ in range(60):
        sections = [
            protocol.section(
                *(
                    protocol.row(
                        draw.choice((protocol.patient, protocol.neighbour)),
                        draw.choice((0, 250)) + draw.randrange(12),
                        draw.choice((UNLISTED, b"visit\0\0\0")),
                        billed=1,
                        benefit_year=draw.choice((YEAR, YEAR, YEAR + 1)),
                    )
                    for _ in range(draw.randint(1, 4))
                )
            )
            for _ in range(draw.randint(1, 3))
        ]
        receipt = protocol.submit(protocol.batch(sections))
        for event in receipt.events:
            if isinstance(event, ClaimSettled):
                assert event.claim.sequence not in spent
                spent.add(event.claim.sequence)
        for sequence, outcome, _ in endings(receipt):
            if outcome == Outcome.DENIED:
                assert sequence not in spent
                spent.add(sequence)
        assert {n for n in range(300) if protocol.is_spent(n)} == spent
    assert len(spent) > 15


def use_sequences(spent: set[int], sequences: list[int]) -> list[bool]:
    """The loop that SequenceBitmap equals: whether each row of a section is skipped."""
    skipped = []
    for sequence in sequences:
        skipped.append(sequence in spent)
        spent.add(sequence)
    return skipped


def test_settle__random_sections__skip_the_rows_that_the_loop_skips(protocol: Protocol) -> None:
    """Numbers across words of the bitmap. What is not skipped ends denied, so its number stays spent."""
    draw = random.Random("sequence bitmap")
    spent: set[int] = set()
    seen: Counter[bool] = Counter()
    for base in (0, 200, 2**32 - 40, 200, 2**40, 0, 2**64 - 600):
        rows = [
            protocol.row(patient, base + draw.randrange(600), UNLISTED)
            for patient in sorted((protocol.patient, protocol.neighbour), key=str.lower)
            for _ in range(60)
        ]
        skipped = use_sequences(spent, [row.sequence for row in rows])
        assert [outcome for _, outcome, _ in endings(protocol.settle(*rows))] == [
            Outcome.SKIPPED if each else Outcome.DENIED for each in skipped
        ]
        seen.update(skipped)
    assert min(seen[True], seen[False]) > 50


def test_settle__skipped_row__logs_who_and_which(protocol: Protocol) -> None:
    row = protocol.row(protocol.patient, 5)
    protocol.settle(row)
    (skipped,) = protocol.settle(row).of(ClaimSkipped)
    claim = skipped.claim
    assert (skipped.patient, claim.commitment, claim.sequence) == (protocol.patient, row.commitment, 5)
    assert (claim.provider_id, claim.reason) == (protocol.provider_id, Reason.SEQUENCE_SPENT)
    assert (claim.billed, claim.allowed) == (row.billed, 0)
