"""A payer's pricing under random published terms against Python: denials, yearly units, families and all.

The same rows take both of a payer's ways: priced and written section by section (`adjudicate`), and quoted
one at a time (`quote`), as for two payers.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from tests.contracts.situations import endings
from tests.support.deployment import HOUR, SHARED, YEAR, Protocol, account

from chainbill.billing.accumulators import Accumulators, FamilyAccumulators
from chainbill.billing.adjudication import Adjudication, adjudicate
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms
from chainbill.chain.format.batch_codec import BatchRow
from chainbill.chain.format.events import ClaimSettled
from chainbill.money import CENT, DOLLAR

PLAN_ID = 7
SERVICES = (b"service1", b"service2", b"service3")
NOBODY_LISTS = b"nobody's"
OTHER = SHARED + 1


@dataclass
class World:
    """Terms, and what members and their family have met, kept in Python."""

    plan: PlanTerms
    categories: dict[int, CategoryTerms]
    fees: dict[bytes, FeeTerms]
    families: dict[str, int]
    met: dict[str, Accumulators]
    family: FamilyAccumulators
    units: dict[tuple[str, bytes], int] = field(default_factory=dict)

    def price(self, row: BatchRow, at_least: int = 0) -> Adjudication:
        patient = member_of(row)
        fee = self.fees.get(row.service_id)
        return adjudicate(
            billed_amount=row.billed,
            units=row.units,
            fee=fee,
            category=self.categories.get(fee.category) if fee else None,
            plan=self.plan,
            met=self.met[patient],
            family=self.family if self.families[patient] else None,
            units_used=self.units.get((patient, row.service_id), 0),
            allowed_at_least=at_least,
        )

    def count(self, row: BatchRow, decided: Adjudication) -> None:
        patient, fee = member_of(row), self.fees[row.service_id]
        self.met[patient] = decided.accumulators_after
        if decided.family_after is not None:
            self.family = decided.family_after
        if fee.annual_units:
            key = patient, row.service_id
            self.units[key] = self.units.get(key, 0) + row.units


def member_of(row: BatchRow) -> str:
    return "0x" + row.patient.hex()


def random_world(draw: random.Random, patients: list[str]) -> World:
    unit = draw.choice((1, CENT, CENT, DOLLAR))

    def dollars(*choices: int) -> int:
        return draw.choice(choices) * DOLLAR

    def category() -> CategoryTerms:
        return CategoryTerms(
            deductible_applies=draw.random() < 0.7,
            copay=dollars(0, 0, 10, 40),
            copay_first=draw.random() < 0.5,
            coinsurance_bps=draw.choice((0, 1, 2_000, 3_333, 10_000)),
            coinsurance_after_copay=draw.random() < 0.5,
        )

    def fee() -> FeeTerms:
        return FeeTerms(
            amount=draw.randrange(20_000) * CENT,
            category=draw.choice((SHARED, SHARED, OTHER)),
            max_units=3,
            annual_units=draw.choice((0, 0, 4)),
        )

    def opening() -> Accumulators:
        return Accumulators(dollars(0, 0, 30), dollars(0, 0, 30, 200), dollars(0, 0, 100))

    families = {patient: draw.choice((0, 5)) for patient in patients}
    met = {patient: opening() for patient in patients}
    related = [met[patient] for patient in patients if families[patient]]
    return World(
        plan=PlanTerms(
            deductible=dollars(0, 50, 100),
            oop_max=dollars(0, 60, 300, 9_000),
            family_deductible=dollars(0, 0, 80, 130),
            family_oop_max=dollars(0, 0, 90, 500),
            annual_maximum=dollars(0, 0, 150),
            rounding_unit=unit,
        ),
        categories={SHARED: category()} | ({OTHER: category()} if draw.random() < 0.6 else {}),
        fees={service: fee() for service in SERVICES},
        families=families,
        met=met,
        family=FamilyAccumulators(
            sum(each.deductible_met for each in related), sum(each.oop_met for each in related)
        ),
    )


def publish(protocol: Protocol, world: World) -> None:
    """Put a world on chain: terms, and members who accept, consent and can pay."""
    protocol.publish_plan(world.plan, world.categories, plan=PLAN_ID)
    protocol.publish_fees(world.fees)
    for patient, family in world.families.items():
        protocol.welcome(patient, payers=(0, 0))
        protocol.escrow.send(patient, "acceptPayer", protocol.payer_id, 0)
        protocol.enrol(patient, plan=PLAN_ID, family=family, met=world.met[patient])


def random_rows(protocol: Protocol, draw: random.Random, patients: list[str]) -> list[BatchRow]:
    rows = [
        protocol.row(
            draw.choice(patients),
            n,
            draw.choice((*SERVICES, *SERVICES, NOBODY_LISTS)),
            units=draw.choice((0, 1, 1, 1, 2, 3, 4)),
            billed=draw.choice((0, draw.randrange(1, 40_000) * CENT, draw.randrange(10**9))),
        )
        for n in range(12)
    ]
    return sorted(rows, key=lambda row: row.patient)


@pytest.fixture
def patients() -> list[str]:
    return sorted(account(f"priced-{n}").address.lower() for n in range(3))


@pytest.mark.parametrize("seed", range(60))
def test_adjudicate__random_terms_and_rows__equals_python(
    protocol: Protocol, patients: list[str], seed: int
) -> None:
    draw = random.Random(f"pricing {seed}")
    world = random_world(draw, patients)
    publish(protocol, world)
    rows = random_rows(protocol, draw, patients)
    receipt = protocol.settle(*rows, plan_id=PLAN_ID)
    settled = {event.claim.sequence: event.claim for event in receipt.of(ClaimSettled)}
    others = {sequence: why for sequence, _, why in endings(receipt)}

    for row in rows:
        decided = world.price(row)
        if decided.outcome == Outcome.DENIED:
            assert others[row.sequence] == decided.reason
            continue
        claim = settled[row.sequence]
        assert (claim.billed, claim.allowed, claim.deductible, claim.copay, claim.coinsurance) == (
            *(decided.billed, decided.allowed, decided.deductible, decided.copay, decided.coinsurance),
        )
        assert (claim.outside_plan, claim.plan_paid) == (decided.outside_plan, decided.plan_paid)
        assert claim.units_counted == bool(world.fees[row.service_id].annual_units)
        world.count(row, decided)
    assert {patient: protocol.member(patient) for patient in patients} == world.met
    if any(world.families.values()):
        assert protocol.family(5) == world.family
    for (patient, service), units in world.units.items():
        assert protocol.units_used(patient, service) == units
    protocol.assert_solvent()


@pytest.mark.parametrize("seed", range(30))
def test_quote__random_terms_and_rows__equals_python_and_writes_nothing(
    protocol: Protocol, patients: list[str], seed: int
) -> None:
    draw = random.Random(f"quotes {seed}")
    world = random_world(draw, patients)
    publish(protocol, world)
    for row in random_rows(protocol, draw, patients):
        at_least = draw.choice((0, draw.randrange(40_000) * CENT))
        reason, _, amounts, shares, pool = quote(protocol, row, at_least)
        decided = world.price(row, at_least)
        assert (reason, pool) == (decided.reason, protocol.pool())
        if reason == Reason.NONE:
            assert four(amounts) == (decided.billed, decided.allowed, decided.deductible, decided.copay)
            assert four(shares)[:3] == (decided.coinsurance, decided.outside_plan, decided.plan_paid)
    assert {patient: protocol.member(patient) for patient in patients} == world.met


def quote(protocol: Protocol, row: BatchRow, at_least: int) -> tuple[int, int, int, int, int]:
    now = protocol.evm.now
    request = (
        *(protocol.provider_id, PLAN_ID, 1, now, YEAR, member_of(row), row.benefit_year),
        *(row.service_id, row.units, row.billed, at_least),
    )
    answer: tuple[int, int, int, int, int] = protocol.payer.read("quote", request)
    return answer


def four(word: int) -> tuple[int, int, int, int]:
    """The four 64-bit amounts of a word."""
    amounts = tuple(word >> shift & (2**64 - 1) for shift in (192, 128, 64, 0))
    return amounts[0], amounts[1], amounts[2], amounts[3]


def test_quote__by_anybody__tells_what_adjudicate_would_and_why_not(protocol: Protocol) -> None:
    """Reasons that stand in the payer's own terms, in their order."""
    row = protocol.row(protocol.patient, 1)
    request = [1, 1, 1, protocol.evm.now, YEAR, protocol.patient, YEAR, row.service_id, 1, row.billed, 0]

    def reason(**changes: object) -> int:
        names = ("provider", "plan", "version", "signed_at", "year_now", "member", "year", "service", "units")
        changed = [changes.get(name, value) for name, value in zip((*names, "", ""), request, strict=True)]
        return int(protocol.payer.read("quote", tuple(changed))[0])

    assert reason() == Reason.NONE
    assert reason(year=YEAR - 2) == Reason.BENEFIT_YEAR_CLOSED
    assert reason(year=YEAR + 1, provider=9) == Reason.BENEFIT_YEAR_NOT_OPEN
    assert reason(provider=9, plan=9) == Reason.PROVIDER_NOT_ACCEPTED
    assert reason(plan=9, member=protocol.late) == Reason.NO_TERMS_IN_FORCE
    assert reason(signed_at=protocol.evm.now - HOUR) == Reason.PROVIDER_NOT_ACCEPTED
    assert reason(member=protocol.late, service=NOBODY_LISTS) == Reason.NOT_ENROLLED
    assert reason(service=NOBODY_LISTS, units=0) == Reason.UNKNOWN_SERVICE
    assert reason(units=0) == reason(units=5) == Reason.UNITS_EXCEEDED
