"""How far a member has come in one benefit year (DESIGN 3: one slot per member and benefit year)."""

from __future__ import annotations

from dataclasses import dataclass


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
