"""How far a member has come in one benefit year (DESIGN 3: one slot per member and benefit year)."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.errors import ArgumentError


@dataclass(frozen=True, slots=True)
class Accumulators:
    """What counts so far towards a plan's yearly limits, in micro-dollars.

    They are the member's opening entries plus every live claim of that year. Amounts carried in from
    another insurer may be over the plan's limits and need not be whole rounding units.
    """

    deductible_met: int = 0
    """Paid by the member towards the deductible."""
    oop_met: int = 0
    """Paid by the member towards the out-of-pocket maximum: deductible, copay and coinsurance together."""
    plan_paid: int = 0
    """Paid by the plan towards its annual maximum; as secondary payer what it would have paid alone."""


@dataclass(frozen=True, slots=True)
class FamilyAccumulators:
    """What a family's members have paid together, in micro-dollars."""

    deductible_met: int = 0
    oop_met: int = 0


UNTOUCHED = Accumulators()
"""A member at the start of a benefit year."""


def opening_entries(deductible_met: int, oop_met: int | None, plan_paid: int) -> Accumulators:
    """What was met elsewhere in a year, as a member begins with it.

    Args:
        deductible_met: of the deductible, in micro-dollars.
        oop_met: paid out of pocket; None: ``deductible_met``.
        plan_paid: by a plan.

    Raises:
        ArgumentError: less was paid out of pocket than of the deductible.
    """
    paid = deductible_met if oop_met is None else oop_met
    if paid < deductible_met:
        raise ArgumentError(
            "what was paid to meet the deductible is paid out of pocket", hint="`oop_met=` is too low"
        )
    return Accumulators(deductible_met=deductible_met, oop_met=paid, plan_paid=plan_paid)
