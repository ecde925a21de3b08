"""What holds for every adjudication: invariants 2 and 4, and agreement with the rules written another way."""

from collections.abc import Callable
from fractions import Fraction
from math import floor

from hypothesis import given
from hypothesis import strategies as st

from chainbill.billing.accumulators import UNTOUCHED, Accumulators
from chainbill.billing.adjudication import Adjudication, adjudicate
from chainbill.billing.outcomes import Outcome
from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms
from chainbill.money import CENT, MAX_AMOUNT

SMALL = st.integers(0, 40_000 * CENT)
TINY = st.integers(0, 20).map(lambda cents: cents * CENT)  # so that limits meet in one event
AMOUNTS = st.one_of(TINY, SMALL, SMALL.map(lambda amount: amount // CENT * CENT), st.integers(0, MAX_AMOUNT))
UNITS = st.one_of(st.just(CENT), st.just(1), st.integers(1, 2**32 - 1))


@st.composite
def plans(draw: Callable[..., int]) -> PlanTerms:
    unit = draw(UNITS)
    whole = [draw(AMOUNTS) // unit * unit for _ in range(2)]
    return PlanTerms(deductible=whole[0], oop_max=whole[1], rounding_unit=unit)


@st.composite
def fees(draw: Callable[..., int]) -> FeeTerms:
    max_units = draw(st.integers(1, 2**16 - 1))
    return FeeTerms(amount=draw(AMOUNTS) // max_units, category=1, max_units=max_units)


CATEGORIES = st.builds(
    CategoryTerms,
    covered=st.integers(0, 9).map(bool),
    deductible_applies=st.booleans(),
    copay=AMOUNTS,
    copay_first=st.booleans(),
    coinsurance_bps=st.integers(0, 10_000),
    coinsurance_after_copay=st.booleans(),
)
MET = st.builds(Accumulators, deductible_met=AMOUNTS, oop_met=AMOUNTS)


@st.composite
def events(draw: Callable[..., int], fee: FeeTerms) -> tuple[int, int]:
    """Billed amount and units, the units mostly within the fee's."""
    return draw(AMOUNTS), draw(st.integers(0, fee.max_units + 1))


@given(st.data(), fees(), CATEGORIES, plans(), MET)
def test_adjudicate__any_event__adds_up(
    data: st.DataObject, fee: FeeTerms, category: CategoryTerms, plan: PlanTerms, met: Accumulators
) -> None:
    billed, units = data.draw(events(fee))
    ours = adjudicate(billed_amount=billed, units=units, fee=fee, category=category, plan=plan, met=met)
    parts = (ours.contractual_adjustment, ours.deductible, ours.copay, ours.coinsurance, ours.plan_paid)
    assert min(parts) >= 0
    assert ours.plan_paid + ours.patient_responsibility == ours.allowed <= fee.amount * units
    if ours.outcome is Outcome.SETTLED:
        assert ours.allowed + ours.contractual_adjustment == ours.billed
        assert ours.billed == billed or billed == 0
    gained = ours.accumulators_after.oop_met - met.oop_met
    assert gained == ours.patient_responsibility <= max(0, plan.oop_max - met.oop_met)
    assert ours.accumulators_after.deductible_met - met.deductible_met == ours.deductible


@given(st.data(), fees(), CATEGORIES, plans(), MET)
def test_adjudicate__any_event__agrees_with_the_rules_in_fractions(
    data: st.DataObject, fee: FeeTerms, category: CategoryTerms, plan: PlanTerms, met: Accumulators
) -> None:
    billed, units = data.draw(events(fee))
    ours = adjudicate(billed_amount=billed, units=units, fee=fee, category=category, plan=plan, met=met)
    if ours.outcome is Outcome.SETTLED:
        assert (ours.deductible, ours.copay, ours.coinsurance) == _by_fractions(ours, category, plan, met)


def _by_fractions(
    ours: Adjudication, category: CategoryTerms, plan: PlanTerms, met: Accumulators
) -> tuple[int, int, int]:
    """Deductible, copay and coinsurance with exact fractions and one room to pay in, not two rests."""
    room = min(ours.allowed, max(0, plan.oop_max - met.oop_met))
    want = {
        "deductible": max(0, plan.deductible - met.deductible_met) if category.deductible_applies else 0,
        "copay": category.copay,
    }
    taken = {}
    for name in sorted(want, reverse=not category.copay_first):  # c before d
        taken[name] = min(want[name], room)
        room -= taken[name]
    rest = ours.allowed - sum(taken.values())
    share = Fraction(category.coinsurance_bps, 10_000)
    if share == 0 or (category.copay and not category.coinsurance_after_copay):
        return taken["deductible"], taken["copay"], 0
    in_units = rest * (1 - share) / plan.rounding_unit
    plan_part = min(rest, floor(in_units + Fraction(1, 2)) * plan.rounding_unit)
    return taken["deductible"], taken["copay"], min(rest - plan_part, room)


YEARS = st.lists(st.tuples(AMOUNTS, st.integers(1, 4), CATEGORIES, AMOUNTS), max_size=30)


@given(YEARS, plans())
def test_adjudicate__a_year_of_events__never_passes_the_limits(
    year: list[tuple[int, int, CategoryTerms, int]], plan: PlanTerms
) -> None:
    met, paid = UNTOUCHED, 0
    for billed, units, category, price in year:
        fee = FeeTerms(amount=price // 4, category=1, max_units=4)
        ours = adjudicate(billed_amount=billed, units=units, fee=fee, category=category, plan=plan, met=met)
        met, paid = ours.accumulators_after, paid + ours.patient_responsibility
        assert met.deductible_met <= plan.deductible
        assert met.oop_met == paid <= plan.oop_max
