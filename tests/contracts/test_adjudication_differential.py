"""`Adjudication.sol` against `chainbill.billing.adjudication`, to the unit, on cases that crowd the edges."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from tests.support.deployment import NOW, ZERO_ADDRESS, category_words
from tests.support.evm import Contract, Evm
from tests.support.sampling import quick_first

from chainbill.billing.accumulators import Accumulators, FamilyAccumulators
from chainbill.billing.adjudication import Adjudication, adjudicate
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms
from chainbill.money import CENT, MAX_AMOUNT
from chainbill.protocol_constants import MAX_YEARLY_AMOUNT

CASES, PARTS = 60_000, 4
UNITS = (1, 7, CENT, CENT, CENT, 1_000_000, 2**32 - 1)
BPS = (0, 1, 500, 2_000, 2_500, 4_999, 5_000, 5_001, 9_999, 10_000)


class Case(NamedTuple):
    """One row and the terms it meets."""

    billed: int
    units: int
    fee: FeeTerms
    category: CategoryTerms
    plan: PlanTerms
    met: Accumulators
    family: FamilyAccumulators | None = None
    allowed_at_least: int = 0


class Shares(NamedTuple):
    """What both sides answer for one allowed amount, and what is met with it."""

    deductible: int
    copay: int
    coinsurance: int
    outside_plan: int
    plan_paid: int
    met: Accumulators
    family: FamilyAccumulators | None


@pytest.fixture(scope="module")
def harness() -> Contract:
    return Evm(NOW).deploy(ZERO_ADDRESS, "LibraryHarness")


def in_solidity(harness: Contract, case: Case, allowed: int) -> Shares:
    """Split a case in the EVM. All arguments are static words, so they are packed without an encoder."""
    plan, met, family = case.plan, case.met, case.family or FamilyAccumulators()
    words = (
        allowed,
        *category_words(case.category),
        *(plan.deductible, plan.oop_max, plan.family_deductible, plan.family_oop_max),
        *(plan.annual_maximum, plan.rounding_unit),
        *(met.deductible_met, met.oop_met, met.plan_paid),
        *(case.family is not None, family.deductible_met, family.oop_met),
    )
    calldata = harness.functions["split"].selector + b"".join(int(word).to_bytes(32, "big") for word in words)
    output = harness.call(calldata)
    parts = [int.from_bytes(output[at : at + 32], "big") for at in range(0, len(output), 32)]
    family_after = FamilyAccumulators(*parts[9:]) if case.family is not None else None
    return Shares(*parts[:5], Accumulators(*parts[5:8]), family_after)


def in_python(case: Case) -> Adjudication:
    """Price a case in the package."""
    return adjudicate(
        billed_amount=case.billed,
        units=case.units,
        fee=case.fee,
        category=case.category,
        plan=case.plan,
        met=case.met,
        family=case.family,
        allowed_at_least=case.allowed_at_least,
    )


def shares(case: Case, decided: Adjudication) -> Shares:
    """Python's answer in the contract's words, where nothing is added that would pass 64 bits."""
    met, family = decided.accumulators_after, decided.family_after
    if not fits(met, family):
        met, family = case.met, case.family
    return Shares(
        decided.deductible,
        decided.copay,
        decided.coinsurance,
        decided.outside_plan,
        decided.plan_paid,
        met,
        family,
    )


def fits(met: Accumulators, family: FamilyAccumulators | None) -> bool:
    amounts = [met.deductible_met, met.oop_met, met.plan_paid]
    if family is not None:
        amounts += [family.deductible_met, family.oop_met]
    return max(amounts) <= MAX_AMOUNT


def amount(draw: random.Random, unit: int, *landmarks: int) -> int:
    """An amount: often whole units, often exactly at or one beside a landmark, sometimes enormous."""
    kind = draw.randrange(10)
    if kind == 0:
        return 0
    if kind == 1:
        return draw.choice((1, unit - 1, unit, unit + 1, MAX_AMOUNT - 1, MAX_AMOUNT))
    if kind <= 4 and landmarks:
        step = draw.choice((0, 0, 1, -1, unit, -unit))
        return min(MAX_AMOUNT, max(0, draw.choice(landmarks) + step))
    if kind == 5:
        return draw.randrange(2**64)
    if kind == 6:
        return draw.randrange(2 * 10**9)  # rarely whole units
    return min(MAX_AMOUNT, draw.randrange(200_000) * unit)


def whole(value: int, unit: int) -> int:
    """The nearest whole units below."""
    return value - value % unit


def random_case(draw: random.Random) -> Case:
    """Terms that may be published, met by any row and any opening entries."""
    unit = draw.choice(UNITS)
    max_units = draw.choice((1, 1, 2, 10, 2**16 - 1))
    fee = FeeTerms(
        amount=min(amount(draw, unit), MAX_AMOUNT // max_units),
        category=draw.choice((1, 255)),
        max_units=max_units,
    )
    units = draw.choice((1, 1, 1, 0, max_units, max_units, max_units + 1, draw.randrange(2**16)))
    scheduled = fee.amount * units
    deductible = whole(min(MAX_YEARLY_AMOUNT, amount(draw, unit, min(scheduled, MAX_AMOUNT))), unit)
    oop_max = amount(draw, unit, deductible, min(scheduled, MAX_AMOUNT))
    oop_max = whole(min(MAX_YEARLY_AMOUNT, oop_max), unit)
    family_deductible = yearly(draw, unit, deductible, 2 * deductible)
    family_oop_max = yearly(draw, unit, oop_max, 2 * oop_max)
    annual_maximum = yearly(draw, unit, min(scheduled, MAX_AMOUNT))
    category = CategoryTerms(
        covered=draw.random() < 0.95,
        deductible_applies=draw.random() < 0.7,
        copay=whole(amount(draw, unit, min(scheduled, MAX_AMOUNT), oop_max), unit)
        if draw.random() < 0.5
        else 0,
        copay_first=draw.random() < 0.5,
        coinsurance_bps=draw.choice((*BPS, draw.randrange(10_001))),
        coinsurance_after_copay=draw.random() < 0.5,
    )
    family = None
    if draw.random() < 0.6:
        family = FamilyAccumulators(
            amount(draw, unit, family_deductible, deductible), amount(draw, unit, family_oop_max, oop_max)
        )
    return Case(
        billed=amount(draw, unit, min(scheduled, MAX_AMOUNT), deductible, oop_max),
        units=min(units, 2**16 - 1),
        fee=fee,
        category=category,
        plan=PlanTerms(
            deductible=deductible,
            oop_max=oop_max,
            family_deductible=family_deductible,
            family_oop_max=family_oop_max,
            annual_maximum=annual_maximum,
            rounding_unit=unit,
        ),
        met=Accumulators(
            amount(draw, unit, deductible),
            amount(draw, unit, oop_max, oop_max),
            amount(draw, unit, annual_maximum),
        ),
        family=family,
        allowed_at_least=amount(draw, unit, min(scheduled, MAX_AMOUNT)) if draw.random() < 0.2 else 0,
    )


def yearly(draw: random.Random, unit: int, *landmarks: int) -> int:
    """A yearly amount that a plan need not have."""
    if draw.random() < 0.5:
        return 0
    return whole(min(MAX_AMOUNT, amount(draw, unit, *landmarks)), unit)


def edge_cases() -> Iterator[Case]:
    """Every combination of the corners, rather than hoping to draw them."""
    fee = FeeTerms(amount=150_000_000, category=1, max_units=4)
    for bps in (0, 1, 9_999, 10_000):
        for flags in range(8):
            for copay in (0, 25_000_000, 150_000_000, 160_000_000, whole(MAX_AMOUNT, CENT)):
                for deductible, oop_max in ((0, 0), (150_000_000, 150_000_000), (100_000_000, 10**9)):
                    for met in ((0, 0), (deductible, oop_max), (MAX_AMOUNT, MAX_AMOUNT), (0, oop_max - CENT)):
                        category = CategoryTerms(
                            copay=copay,
                            coinsurance_bps=bps,
                            deductible_applies=bool(flags & 1),
                            copay_first=bool(flags & 2),
                            coinsurance_after_copay=bool(flags & 4),
                        )
                        plan = PlanTerms(deductible=deductible, oop_max=oop_max)
                        yield Case(0, 1, fee, category, plan, Accumulators(met[0], max(0, met[1])))


def assert_identities(case: Case, allowed: int, decided: Shares) -> None:
    """What holds of every answer, whoever gives it."""
    out_of_pocket = decided.deductible + decided.copay + decided.coinsurance
    assert out_of_pocket + decided.outside_plan + decided.plan_paid == allowed
    assert min(decided[:5]) >= 0
    assert out_of_pocket <= max(0, case.plan.oop_max - case.met.oop_met)
    assert decided.deductible <= max(0, case.plan.deductible - case.met.deductible_met)
    assert decided.copay <= case.category.copay
    if case.plan.annual_maximum:
        assert decided.plan_paid <= max(0, case.plan.annual_maximum - case.met.plan_paid)
    else:
        assert decided.outside_plan == 0
    if case.family is not None and case.plan.family_oop_max:
        assert out_of_pocket <= max(0, case.plan.family_oop_max - case.family.oop_met)
    if case.family is not None and case.plan.family_deductible:
        assert decided.deductible <= max(0, case.plan.family_deductible - case.family.deductible_met)


def compare(harness: Contract, case: Case) -> Adjudication:
    decided = in_python(case)
    if decided.outcome == Outcome.DENIED:
        return decided  # the schedule's part: see test_pricing_differential
    contract = in_solidity(harness, case, decided.allowed)
    assert contract == shares(case, decided), case
    assert_identities(case, decided.allowed, contract)
    return decided


@pytest.mark.parametrize("part", quick_first(range(PARTS)))
def test_adjudicate__random_cases__agree_to_the_unit(harness: Contract, part: int) -> None:
    draw = random.Random(f"adjudication {part}")
    seen = [compare(harness, random_case(draw)) for _ in range(CASES // PARTS)]
    # A generator that drew only denials, or nothing to share, would prove little.
    reasons = {decided.reason for decided in seen}
    assert reasons == {Reason.NONE, Reason.UNITS_EXCEEDED, Reason.NOT_COVERED}
    for component in (
        "contractual_adjustment",
        "deductible",
        "copay",
        "coinsurance",
        "outside_plan",
        "plan_paid",
    ):
        assert sum(getattr(decided, component) > 0 for decided in seen) > len(seen) // 30, component


def test_adjudicate__every_corner__agrees_to_the_unit(harness: Contract) -> None:
    cases = list(edge_cases())
    for case in cases:
        compare(harness, case)
    assert len(cases) == 4 * 8 * 5 * 3 * 4
