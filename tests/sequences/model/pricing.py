"""Who owes what of one allowed amount: the rules of adjudication, written a second time."""

from __future__ import annotations

from dataclasses import dataclass, field

BPS = 10_000


@dataclass(frozen=True)
class Category:
    """How a plan shares the cost of one kind of service."""

    deductible_applies: bool = True
    copay: int = 0
    copay_first: bool = False
    bps: int = 0
    after_copay: bool = False


@dataclass(frozen=True)
class Plan:
    """One version of a plan; family amounts and the annual maximum 0: none."""

    deductible: int
    oop_max: int
    family_deductible: int = 0
    family_oop_max: int = 0
    annual_maximum: int = 0
    unit: int = 10_000
    carve_out: bool = False
    categories: dict[int, Category] = field(default_factory=dict)


@dataclass(frozen=True)
class Fee:
    """What a plan allows for a service; `annual_units` 0: no limit."""

    amount: int
    category: int
    max_units: int = 1
    annual_units: int = 0


@dataclass(frozen=True)
class Met:
    """What a member and, in a family, all its members together have met."""

    deductible: int = 0
    oop: int = 0
    plan_paid: int = 0
    family: tuple[int, int] | None = None


@dataclass(frozen=True)
class Shares:
    """The parts of an allowed amount."""

    deductible: int
    copay: int
    coinsurance: int
    outside: int
    plan_paid: int

    @property
    def oop(self) -> int:
        """What counts towards the out-of-pocket maximum."""
        return self.deductible + self.copay + self.coinsurance


def share(allowed: int, plan: Plan, category: Category, met: Met) -> Shares:
    """Split an allowed amount."""
    oop = left(plan.oop_max, met.oop)
    deductible = left(plan.deductible, met.deductible)
    if met.family is not None:
        if plan.family_oop_max:
            oop = min(oop, left(plan.family_oop_max, met.family[1]))
        if plan.family_deductible:
            deductible = min(deductible, left(plan.family_deductible, met.family[0]))
    wanted = {"deductible": deductible if category.deductible_applies else 0, "copay": category.copay}
    taken = {"deductible": 0, "copay": 0}
    rest = allowed
    for part in ("copay", "deductible") if category.copay_first else ("deductible", "copay"):
        taken[part] = min(wanted[part], rest, oop)
        rest -= taken[part]
        oop -= taken[part]

    coinsurance = 0
    if category.bps and (not category.copay or category.after_copay):
        whole, remainder = divmod(rest * (BPS - category.bps), BPS * plan.unit)
        plan_part = (whole + (2 * remainder >= BPS * plan.unit)) * plan.unit
        coinsurance = min(max(rest - plan_part, 0), oop)
        rest -= coinsurance

    outside = 0
    if plan.annual_maximum:
        outside = max(0, rest - left(plan.annual_maximum, met.plan_paid))
    return Shares(taken["deductible"], taken["copay"], coinsurance, outside, rest - outside)


def left(yearly: int, met: int) -> int:
    """What is left of a yearly amount."""
    return max(0, yearly - met)
