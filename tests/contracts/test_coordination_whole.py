"""A section with two payers priced as a whole by either: the outcome of pricing it row by row with both.

Row by row is how settlement prices a section whose primary runs out of money, so one row more that nobody
can pay takes the same rows that way.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from tests.contracts.situations import endings
from tests.support.deployment import NOTICE, SHARED, YEAR, Protocol, account
from tests.support.evm import Receipt, reverts

from chainbill.billing.outcomes import Outcome
from chainbill.billing.terms import CategoryTerms, CobMode, FeeTerms, PlanTerms
from chainbill.chain.format.batch_codec import BatchRow, BatchSection
from chainbill.chain.format.events import ClaimSettled, SecondaryDetermined
from chainbill.money import CENT, DOLLAR

SERVICES = (b"service1", b"service2", b"service3")
PRICELESS = b"priceles"
NOBODYS = b"nobody's"
LAST = 99
"""The sequence of the row that nobody can pay."""


@dataclass
class Insured:
    """Patients of two payers under random terms, some of whom lack something."""

    protocol: Protocol
    first: int
    second: int
    patients: list[str]
    rich: str
    """Whose row costs more than the primary has."""

    def section(self, rows: Iterable[BatchRow], **changes: object) -> BatchSection:
        ordered = sorted(rows, key=lambda row: row.patient)
        return self.protocol.coordinated(*ordered, secondary=self.second, payer_id=self.first, **changes)

    def settle(self, *sections: BatchSection) -> Receipt:
        return self.protocol.submit(self.protocol.batch(sections))


def random_plan(draw: random.Random, annual: tuple[int, ...]) -> PlanTerms:
    return PlanTerms(
        deductible=draw.choice((0, 20, 100)) * DOLLAR,
        oop_max=draw.choice((0, 50, 400, 10_000)) * DOLLAR,
        family_deductible=draw.choice((0, 0, 70, 130)) * DOLLAR,
        family_oop_max=draw.choice((0, 0, 90, 500)) * DOLLAR,
        annual_maximum=draw.choice(annual) * DOLLAR,
        rounding_unit=draw.choice((CENT, CENT, 1, DOLLAR)),
        cob_mode=draw.choice(tuple(CobMode)),
    )


def random_fees(draw: random.Random) -> dict[bytes, FeeTerms]:
    return {
        service: FeeTerms(
            amount=draw.randrange(0, 20_000) * CENT,
            category=draw.choice((SHARED, SHARED, SHARED, SHARED + 1)),
            max_units=3,
            annual_units=draw.choice((0, 0, 3)),
        )
        for service in SERVICES
    }


def insured(protocol: Protocol, draw: random.Random) -> Insured:
    def payer(name: str, annual: tuple[int, ...]) -> int:
        category = CategoryTerms(
            deductible_applies=draw.random() < 0.7,
            copay=draw.choice((0, 0, 15, 60)) * DOLLAR,
            copay_first=draw.random() < 0.5,
            coinsurance_bps=draw.choice((0, 1_000, 2_500, 3_333, 10_000)),
            coinsurance_after_copay=draw.random() < 0.5,
        )
        fees = random_fees(draw) | {PRICELESS: FeeTerms(amount=10**15, category=SHARED + 2)}
        categories = {SHARED: category, SHARED + 2: CategoryTerms()}
        return protocol.second_payer(
            plan=random_plan(draw, annual), categories=categories, fees=fees, insurer=name
        )

    first, second = payer("one", (0,)), payer("two", (0, 0, 150))
    patients = [account(f"doubly-{n}").address for n in range(4)]
    rich = account("rich").address
    for patient in (*patients, rich):
        protocol.welcome(patient, draw.choice((30, 200, 10_000)) * DOLLAR, payers=(0, 0))
        protocol.escrow.send(patient, "acceptPayer", first, second)
        lacks = draw.choice(("", "", "", "first", "second", "limit", "consent"))
        for payer_id, name in ((first, "first"), (second, "second")):
            if lacks != name or patient == rich:
                protocol.enrol(patient, payer_id=payer_id, family=draw.choice((0, 1, 1)))
        if lacks == "limit" and patient != rich:
            protocol.escrow.send(patient, "setLimits", 20 * DOLLAR, draw.choice((0, 60 * DOLLAR)))
        if lacks == "consent" and patient != rich:
            protocol.escrow.send(patient, "revokeConsent", protocol.provider_id)
    protocol.evm.now += NOTICE
    if draw.random() < 0.4:
        drain(protocol, second, draw.choice((0, 40, 150)) * DOLLAR)
    return Insured(protocol, first, second, patients, rich)


def drain(protocol: Protocol, payer_id: int, left: int) -> None:
    payer, insurer = protocol.payer_contracts[payer_id], protocol.insurers[payer_id]
    payer.send(insurer, "requestWithdrawal", protocol.pool(payer_id) - left)
    protocol.evm.now += NOTICE
    payer.send(insurer, "withdraw")


def random_rows(people: Insured, draw: random.Random, count: int) -> list[BatchRow]:
    return [
        people.protocol.row(
            draw.choice(people.patients),
            sequence,
            draw.choice((*SERVICES, *SERVICES, *SERVICES, NOBODYS)),
            units=draw.choice((0, 1, 1, 1, 2, 2, 3)),
            billed=draw.choice((0, draw.randrange(1, 30_000) * CENT)),
            benefit_year=draw.choice((YEAR,) * 12 + (YEAR - 2, YEAR + 1)),
            secondary_service_id=draw.choice((*SERVICES, *SERVICES, NOBODYS)),
        )
        for sequence in range(count)
    ]


def outcome(people: Insured, receipt: Receipt, count: int) -> tuple[object, ...]:
    """What the rows before the last ended as, and all that settlement could have written."""
    return (
        sorted((event.claim for event in receipt.of(ClaimSettled)), key=lambda claim: claim.sequence),
        sorted(str(event) for event in receipt.of(SecondaryDetermined)),
        sorted(ending for ending in endings(receipt) if ending[0] != LAST),
        people.protocol.state(*range(count)),
        [people.protocol.family(1, payer_id=payer) for payer in (people.first, people.second)],
        [
            people.protocol.units_used(patient, service, payer)
            for patient in people.patients
            for service in SERVICES
            for payer in (people.first, people.second)
        ],
    )


@pytest.mark.parametrize("seed", range(60))
def test_settle__section_as_a_whole__ends_as_row_by_row(protocol: Protocol, seed: int) -> None:
    draw = random.Random(f"whole {seed}")
    people = insured(protocol, draw)
    count = draw.choice((1, 3, 8, 14))
    rows = random_rows(people, draw, count)
    priceless = protocol.row(people.rich, LAST, PRICELESS, billed=0, secondary_service_id=SERVICES[0])

    with protocol.evm.rolled_back():
        row_by_row = people.settle(people.section([*rows, priceless]))
        assert (LAST, Outcome.PENDED) in [(sequence, ended) for sequence, ended, _ in endings(row_by_row)]
        expected = outcome(people, row_by_row, count)
    with protocol.evm.rolled_back():
        alone = [people.section([row]) for row in sorted(rows, key=lambda row: row.patient)]
        assert outcome(people, people.settle(*alone), count) == expected
    assert outcome(people, people.settle(people.section(rows)), count) == expected
    protocol.assert_solvent()


def test_settle__some_rows_settled_before__are_left_out_of_the_whole(protocol: Protocol) -> None:
    draw = random.Random("left out")
    people = insured(protocol, draw)
    rows = random_rows(people, draw, 10)
    people.settle(people.section(rows[:4]))
    priceless = protocol.row(people.rich, LAST, PRICELESS, billed=0, secondary_service_id=SERVICES[0])
    with protocol.evm.rolled_back():
        expected = outcome(people, people.settle(people.section([*rows, priceless])), 10)
    assert outcome(people, people.settle(people.section(rows)), 10) == expected


def test_price_section__called_by_anybody_but_itself__reverts(protocol: Protocol) -> None:
    for caller in (protocol.governor, protocol.stranger, protocol.insurer):
        with reverts("OnlySelf", caller=caller):
            protocol.settlement.send(caller, "priceSection", b"", 0, b"")


def test_adjudicate_rest__called_by_anybody_but_settlement__reverts(protocol: Protocol) -> None:
    for caller in (protocol.stranger, protocol.insurer):
        with reverts("NotSettlement", caller=caller):
            protocol.payer.send(caller, "adjudicateRest", b"", 0, b"")
