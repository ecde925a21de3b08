"""What holds for every adjudication: invariants 2 and 4, and agreement with the rules written another way."""

from collections.abc import Callable
from fractions import Fraction
from math import floor

from hypothesis import given
from hypothesis import strategies as st

from chainbill.billing.accumulators import UNTOUCHED, Accumulators, FamilyAccumulators
from chainbill.billing.adjudication import Adjudication, adjudicate
from chainbill.billing.coordination import coordinate
from chainbill.billing.outcomes import Outcome
from chainbill.billing.terms import CategoryTerms, CobMode, FeeTerms, PlanTerms
from chainbill.money import CENT, MAX_AMOUNT
from chainbill.protocol_constants import MAX_YEARLY_AMOUNT

SMALL = st.integers(0, 40_000 * CENT)
TINY = st.integers(0, 20).map(lambda cents: cents * CENT)  # so that limits meet in one event
AMOUNTS = st.one_of(TINY, SMALL, SMALL.map(lambda amount: amount // CENT * CENT), st.integers(0, MAX_AMOUNT))
UNITS = st.one_of(st.just(CENT), st.just(1), st.integers(1, 2**32 - 1))


@st.composite
def plans(draw: Callable[..., int]) -> PlanTerms:
    unit = draw(UNITS)
    whole = [min(draw(AMOUNTS), MAX_YEARLY_AMOUNT) // unit * unit for _ in range(2)]
    limits = [draw(st.one_of(st.just(0), AMOUNTS)) // unit * unit for _ in range(3)]
    return PlanTerms(
        deductible=whole[0],
        oop_max=whole[1],
        family_deductible=limits[0],
        family_oop_max=limits[1],
        annual_maximum=limits[2],
        rounding_unit=unit,
    )


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
MET = st.builds(Accumulators, deductible_met=AMOUNTS, oop_met=AMOUNTS, plan_paid=AMOUNTS)
FAMILIES = st.none() | st.builds(FamilyAccumulators, deductible_met=AMOUNTS, oop_met=AMOUNTS)


@st.composite
def events(draw: Callable[..., int], fee: FeeTerms) -> tuple[int, int]:
    """Billed amount and units, the units mostly within the fee's."""
    return draw(AMOUNTS), draw(st.integers(0, fee.max_units + 1))


@given(st.data(), fees(), CATEGORIES, plans(), MET, FAMILIES)
def test_adjudicate__any_event__adds_up(
    data: st.DataObject,
    fee: FeeTerms,
    category: CategoryTerms,
    plan: PlanTerms,
    met: Accumulators,
    family: FamilyAccumulators | None,
) -> None:
    billed, units = data.draw(events(fee))
    ours = adjudicate(
        billed_amount=billed, units=units, fee=fee, category=category, plan=plan, met=met, family=family
    )
    parts = (ours.deductible, ours.copay, ours.coinsurance, ours.outside_plan, ours.plan_paid)
    assert min(*parts, ours.contractual_adjustment) >= 0
    assert sum(parts) == ours.allowed <= fee.amount * units
    assert ours.out_of_pocket + ours.outside_plan == ours.patient_responsibility
    if ours.outcome is Outcome.SETTLED:
        assert ours.allowed + ours.contractual_adjustment == ours.billed
        assert ours.billed == billed or billed == 0
    gained = ours.accumulators_after.oop_met - met.oop_met
    assert gained == ours.out_of_pocket <= max(0, plan.oop_max - met.oop_met)
    assert ours.accumulators_after.deductible_met - met.deductible_met == ours.deductible
    assert ours.accumulators_after.plan_paid - met.plan_paid == ours.plan_paid
    if plan.annual_maximum:
        assert ours.plan_paid <= max(0, plan.annual_maximum - met.plan_paid)
    else:
        assert ours.outside_plan == 0


@given(st.data(), fees(), CATEGORIES, plans(), MET, FAMILIES)
def test_adjudicate__any_event__agrees_with_the_rules_in_fractions(
    data: st.DataObject,
    fee: FeeTerms,
    category: CategoryTerms,
    plan: PlanTerms,
    met: Accumulators,
    family: FamilyAccumulators | None,
) -> None:
    billed, units = data.draw(events(fee))
    ours = adjudicate(
        billed_amount=billed, units=units, fee=fee, category=category, plan=plan, met=met, family=family
    )
    if ours.outcome is Outcome.SETTLED:
        alone = _alone(plan, met, family)
        assert (ours.deductible, ours.copay, ours.coinsurance) == _by_fractions(ours, category, *alone)


def _alone(
    plan: PlanTerms, met: Accumulators, family: FamilyAccumulators | None
) -> tuple[PlanTerms, Accumulators]:
    """The same rooms for a member without a family: what is left is the least that either has left."""
    if family is None:
        return plan, met
    yearly = {"deductible": (plan.family_deductible, family.deductible_met)}
    yearly["oop"] = (plan.family_oop_max, family.oop_met)
    left = {
        name: limit - amount if limit else MAX_AMOUNT for name, (limit, amount) in yearly.items()
    }  # below 0: nothing
    return plan, Accumulators(
        max(met.deductible_met, plan.deductible - left["deductible"]),
        max(met.oop_met, plan.oop_max - left["oop"]),
    )


@given(st.data(), fees(), CATEGORIES, CATEGORIES, plans(), plans(), MET, MET, st.sampled_from(CobMode))
def test_coordinate__any_event__adds_up(
    data: st.DataObject,
    fee: FeeTerms,
    category: CategoryTerms,
    other_category: CategoryTerms,
    plan: PlanTerms,
    other_plan: PlanTerms,
    met: Accumulators,
    other_met: Accumulators,
    mode: CobMode,
) -> None:
    billed, units = data.draw(events(fee))
    other_fee = fee.model_copy(update={"amount": data.draw(AMOUNTS) // fee.max_units})
    primary = adjudicate(billed_amount=billed, units=units, fee=fee, category=category, plan=plan, met=met)
    secondary = adjudicate(
        billed_amount=billed,
        units=units,
        fee=other_fee,
        category=other_category,
        plan=other_plan,
        met=other_met,
        allowed_at_least=primary.allowed,
    )
    joined = coordinate(primary, secondary, mode)
    claim = joined.claim
    assert claim.allowed == primary.allowed
    assert claim.patient_responsibility >= 0
    assert claim.plan_paid + claim.secondary_paid + claim.patient_responsibility == claim.allowed
    assert claim.secondary_paid <= secondary.plan_paid
    assert (claim.accumulators_after, claim.out_of_pocket) == (
        primary.accumulators_after,
        primary.out_of_pocket,
    )
    if joined.secondary is None:
        assert claim.secondary_paid == 0
    elif mode is CobMode.CARVE_OUT:
        # The two together never pay more than the better of the two alone.
        assert claim.plan_paid + claim.secondary_paid <= max(primary.plan_paid, secondary.plan_paid)
    else:
        assert claim.secondary_paid == secondary.plan_paid or claim.patient_responsibility == 0


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


YEARS = st.lists(st.tuples(st.booleans(), AMOUNTS, st.integers(1, 4), CATEGORIES, AMOUNTS), max_size=30)


@given(YEARS, plans())
def test_adjudicate__a_familys_year_of_events__never_passes_the_limits(
    year: list[tuple[bool, int, int, CategoryTerms, int]], plan: PlanTerms
) -> None:
    members = {True: UNTOUCHED, False: UNTOUCHED}
    family = FamilyAccumulators()
    for member, billed, units, category, price in year:
        fee = FeeTerms(amount=price // 4, category=1, max_units=4)
        ours = adjudicate(
            billed_amount=billed,
            units=units,
            fee=fee,
            category=category,
            plan=plan,
            met=members[member],
            family=family,
        )
        members[member] = ours.accumulators_after
        assert ours.family_after is not None
        family = ours.family_after
    for met in members.values():
        assert met.deductible_met <= plan.deductible
        assert met.oop_met <= plan.oop_max
        assert met.plan_paid <= plan.annual_maximum or plan.annual_maximum == 0
    assert family == FamilyAccumulators(
        sum(met.deductible_met for met in members.values()), sum(met.oop_met for met in members.values())
    )
    assert family.deductible_met <= plan.family_deductible or plan.family_deductible == 0
    assert family.oop_met <= plan.family_oop_max or plan.family_oop_max == 0
