"""Who owes what for one service event: the same integers as ``contracts/libraries/Adjudication.sol``.

This is DESIGN 4 without secondary payers, family limits and annual limits. Every amount is an integer
number of micro-dollars, every division is Python's ``//`` on non-negative integers (Solidity's ``/``),
and no step depends on anything but its arguments.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms
from chainbill.errors import AmountError
from chainbill.money import MAX_AMOUNT, format_dollars

BPS = 10_000
"""Basis points in the whole."""


@dataclass(frozen=True, slots=True)
class Adjudication:
    """One event as the terms decide it; every amount in micro-dollars.

    A settled event adds up: ``plan_paid + patient_responsibility == allowed`` and
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
    plan_paid: int
    accumulators_after: Accumulators
    """The member's year with this event in it; unchanged where it is denied."""

    @property
    def patient_responsibility(self) -> int:
        """Deductible, copay and coinsurance together, in micro-dollars."""
        return self.deductible + self.copay + self.coinsurance


def adjudicate(
    *,
    billed_amount: int,
    units: int,
    fee: FeeTerms | None,
    category: CategoryTerms | None,
    plan: PlanTerms,
    met: Accumulators,
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

    Raises:
        AmountError: ``billed_amount`` is not a ``uint64``.
    """
    if not 0 <= billed_amount <= MAX_AMOUNT:
        raise AmountError(f"{billed_amount} micro-dollars is not an amount a contract can hold")
    if fee is None:
        return _denied(Reason.UNKNOWN_SERVICE, billed_amount, met)
    if not 0 < units <= fee.max_units:
        return _denied(Reason.UNITS_EXCEEDED, billed_amount, met)
    if category is None or not category.covered:
        return _denied(Reason.NOT_COVERED, billed_amount, met)
    scheduled = fee.amount * units
    billed = billed_amount or scheduled
    return _settled(billed, min(billed, scheduled), category, plan, met)


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


def _settled(
    billed: int, allowed: int, category: CategoryTerms, plan: PlanTerms, met: Accumulators
) -> Adjudication:
    """Split ``allowed`` between the patient and the plan."""
    rest = allowed
    oop = max(0, plan.oop_max - met.oop_met)
    deductible = copay = 0

    if category.copay_first:
        copay = min(category.copay, rest, oop)
        rest, oop = rest - copay, oop - copay
    if category.deductible_applies:
        deductible = min(max(0, plan.deductible - met.deductible_met), rest, oop)
        rest, oop = rest - deductible, oop - deductible
    if not category.copay_first:
        copay = min(category.copay, rest, oop)
        rest, oop = rest - copay, oop - copay

    coinsurance = min(_coinsurance(rest, category, plan.rounding_unit), oop)
    patient = deductible + copay + coinsurance
    return Adjudication(
        outcome=Outcome.SETTLED,
        reason=Reason.NONE,
        billed=billed,
        allowed=allowed,
        contractual_adjustment=billed - allowed,
        deductible=deductible,
        copay=copay,
        coinsurance=coinsurance,
        plan_paid=rest - coinsurance,
        accumulators_after=Accumulators(met.deductible_met + deductible, met.oop_met + patient),
    )


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


def _denied(reason: Reason, billed: int, met: Accumulators) -> Adjudication:
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
        plan_paid=0,
        accumulators_after=met,
    )
