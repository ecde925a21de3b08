"""Coordination of benefits: what a secondary payer takes over of the patient's part (DESIGN 4).

The secondary prices as if it were the only payer, on the larger of the two allowed amounts; the claim's
allowed amount is the primary's. Each counts the claim by its own price: the primary what it left to the
patient, whoever paid that in the end, and the secondary its as-if-alone amounts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from chainbill.billing.adjudication import Adjudication
from chainbill.billing.outcomes import Outcome
from chainbill.billing.terms import CobMode


@dataclass(frozen=True, slots=True)
class Coordination:
    """One event with two payers."""

    claim: Adjudication
    """The primary's price, with what the secondary takes over of the patient's part."""
    secondary: Adjudication | None
    """As if it were alone; None where it counts nothing."""


def coordinate(primary: Adjudication, secondary: Adjudication, mode: CobMode) -> Coordination:
    """Join two prices of one event; where the primary denies it, it is denied.

    Args:
        primary: as the only payer.
        secondary: priced with ``allowed_at_least=primary.allowed``; one that denies pays nothing.
        mode: of the secondary's plan.
    """
    if primary.outcome is not Outcome.SETTLED or secondary.outcome is not Outcome.SETTLED:
        return Coordination(primary, None)
    benefit = secondary.plan_paid
    if mode is CobMode.CARVE_OUT:
        benefit = max(0, benefit - primary.plan_paid)
    paid = min(benefit, primary.patient_responsibility)
    return Coordination(replace(primary, secondary_paid=paid), secondary)
