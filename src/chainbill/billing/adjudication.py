"""Who owes what for one service event: the same integers as ``contracts/math/Adjudication.sol``.

This is DESIGN 4 for one payer; ``coordination`` joins two, ``self_pay`` does without one. Every amount is an
integer number of micro-dollars, every division is Python's ``//`` on non-negative integers (Solidity's
``/``), and no step depends on anything but its arguments.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.billing.accumulators import Accumulators, FamilyAccumulators
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms
from chainbill.errors import AmountError
from chainbill.money import MAX_AMOUNT, format_dollars

BPS = 10_000
"""Basis points in the whole."""


@dataclass(frozen=True, slots=True)
class Adjudication:
    """One event as the terms decide it; every amount in micro-dollars.

    A settled event adds up: ``deductible + copay + coinsurance + outside_plan + plan_paid == allowed`` and
    ``allowed + contractual_adjustment == billed``. A denied one has ``allowed`` and every component 0
    and keeps ``billed`` as it was sent.
    """

    outcome: Outcome
    """SETTLED or DENIED; whether the money is there is for the contracts to say."""
    reason: Reason
    billed: int
    """What was billed; where 0 was sent and the event settles, the fee schedule's price."""
    allowed: int
    contractual_adjustment: int
    """What the provider writes off (CO-45): billed above the fee schedule."""
    deductible: int
    """The patient's (PR-1)."""
    copay: int
    """The patient's (PR-3)."""
    coinsurance: int
    """The patient's (PR-2)."""
    outside_plan: int
    """The patient's: above the annual plan maximum (PR-119), or the whole of a self-pay event."""
    plan_paid: int
    accumulators_after: Accumulators
    """The member's year with this event in it; unchanged where it is denied."""
    family_after: FamilyAccumulators | None
    """The family's year with this event in it; None for a member without a family."""
    secondary_paid: int = 0
    """What a secondary payer takes over of the patient's four parts."""

    @property
    def out_of_pocket(self) -> int:
        """What counts towards the out-of-pocket maximum, in micro-dollars."""
        return self.deductible + self.copay + self.coinsurance

    @property
    def patient_responsibility(self) -> int:
        """What the patient pays, in micro-dollars."""
        return self.allowed - self.plan_paid - self.secondary_paid


def adjudicate(
    *,
    billed_amount: int,
    units: int,
    fee: FeeTerms | None,
    category: CategoryTerms | None,
    plan: PlanTerms,
    met: Accumulators,
    family: FamilyAccumulators | None = None,
    units_used: int = 0,
    allowed_at_least: int = 0,
) -> Adjudication:
    """Price one event by published terms (DESIGN 4).

    Args:
        billed_amount: micro-dollars for all units together; 0 bills whatever the fee schedule allows.
        units: how many units were rendered.
        fee: the schedule's entry for the service; None where it has none.
        category: the plan's terms for the fee's category; None where the plan publishes none, which
            is the same as not covered.
        plan: the version in force.
        met: the member's accumulators before this event.
        family: the accumulators of the member's family; None where it has none.
        units_used: units of the service that the member had settled in the benefit year.
        allowed_at_least: as secondary payer the primary's allowed amount; 0 as primary.

    Raises:
        AmountError: ``billed_amount`` is not a ``uint64``.
    """
    if not 0 <= billed_amount <= MAX_AMOUNT:
        raise AmountError(f"{billed_amount} micro-dollars is not an amount a contract can hold")
    reason = _denial(units, fee, category, units_used)
    if fee is None or category is None or reason is not Reason.NONE:
        return _denied(reason, billed_amount, met, family)
    scheduled = fee.amount * units
    billed = billed_amount or scheduled
    allowed = max(min(billed, scheduled), allowed_at_least)
    deductible, copay, coinsurance = _shared(allowed, category, plan, met, family)
    out_of_pocket = deductible + copay + coinsurance
    rest = allowed - out_of_pocket
    plan_paid = min(rest, max(0, plan.annual_maximum - met.plan_paid)) if plan.annual_maximum else rest
    return Adjudication(
        outcome=Outcome.SETTLED,
        reason=Reason.NONE,
        billed=billed,
        allowed=allowed,
        contractual_adjustment=max(0, billed - allowed),  # a secondary may allow more than was billed
        deductible=deductible,
        copay=copay,
        coinsurance=coinsurance,
        outside_plan=rest - plan_paid,
        plan_paid=plan_paid,
        accumulators_after=Accumulators(
            met.deductible_met + deductible, met.oop_met + out_of_pocket, met.plan_paid + plan_paid
        ),
        family_after=family
        and FamilyAccumulators(family.deductible_met + deductible, family.oop_met + out_of_pocket),
    )


def whole_units(amount: int, plan: PlanTerms) -> int:
    """Return ``amount``, or refuse it where it is not in whole rounding units of the plan.

    A billed amount finer than the plan can split is refused when it is attested (DESIGN 4), not rounded.

    Raises:
        AmountError: ``amount`` is not a multiple of ``plan.rounding_unit``.
    """
    if amount % plan.rounding_unit:
        raise AmountError(
            f"${format_dollars(amount)} is finer than the plan's rounding unit "
            f"of ${format_dollars(plan.rounding_unit)}",
            hint="bill a whole number of rounding units",
        )
    return amount


def _denial(units: int, fee: FeeTerms | None, category: CategoryTerms | None, units_used: int) -> Reason:
    """Why the terms deny the event: the first that holds; NONE where they pay it."""
    if fee is None:
        return Reason.UNKNOWN_SERVICE
    if not 0 < units <= fee.max_units:
        return Reason.UNITS_EXCEEDED
    if category is None or not category.covered:
        return Reason.NOT_COVERED
    if fee.annual_units and units_used + units > fee.annual_units:
        return Reason.ANNUAL_UNITS_EXCEEDED
    return Reason.NONE


def _shared(
    allowed: int,
    category: CategoryTerms,
    plan: PlanTerms,
    met: Accumulators,
    family: FamilyAccumulators | None,
) -> tuple[int, int, int]:
    """The member's deductible, copay and coinsurance."""
    rest = allowed
    oop = max(0, plan.oop_max - met.oop_met)
    deductible_left = max(0, plan.deductible - met.deductible_met)
    if family is not None and plan.family_oop_max:
        oop = min(oop, max(0, plan.family_oop_max - family.oop_met))
    if family is not None and plan.family_deductible:
        deductible_left = min(deductible_left, max(0, plan.family_deductible - family.deductible_met))
    deductible = copay = 0

    if category.copay_first:
        copay = min(category.copay, rest, oop)
        rest, oop = rest - copay, oop - copay
    if category.deductible_applies:
        deductible = min(deductible_left, rest, oop)
        rest, oop = rest - deductible, oop - deductible
    if not category.copay_first:
        copay = min(category.copay, rest, oop)
        rest, oop = rest - copay, oop - copay

    return deductible, copay, min(_coinsurance(rest, category, plan.rounding_unit), oop)


def _coinsurance(rest: int, category: CategoryTerms, unit: int) -> int:
    """The member's share of ``rest``: what is left once the plan's part is rounded half up to ``unit``.

    The plan's part is capped at ``rest``: an opening entry, a fee or a billed amount may leave a rest
    that is not whole units, and rounding its plan part up could then exceed it (unit 10 000, rest
    6 000, 1 bps: the plan's part would be 10 000). In Solidity the numerator stays under
    2^64 · 10^4 + 5 · 10^3 · 2^32, so it cannot overflow.
    """
    bps = category.coinsurance_bps
    if bps == 0 or (category.copay > 0 and not category.coinsurance_after_copay):
        return 0
    plan_part = (rest * (BPS - bps) + BPS // 2 * unit) // (BPS * unit) * unit
    return rest - min(plan_part, rest)


def _denied(
    reason: Reason, billed: int, met: Accumulators, family: FamilyAccumulators | None
) -> Adjudication:
    """Nobody pays and nothing is counted."""
    return Adjudication(
        outcome=Outcome.DENIED,
        reason=reason,
        billed=billed,
        allowed=0,
        contractual_adjustment=0,
        deductible=0,
        copay=0,
        coinsurance=0,
        outside_plan=0,
        plan_paid=0,
        accumulators_after=met,
        family_after=family,
    )
