"""How an event's price was shared, and the published terms it was shared by. Amounts are micro-dollars."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.billing.accumulators import Accumulators, FamilyAccumulators
from chainbill.billing.terms import CategoryTerms, PlanTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSharing:
    """How one settled event was shared, as it was logged; or the differences that were taken back of it.

    ``deductible + copay + coinsurance + outside_plan + plan_paid == allowed``: a secondary insurer takes over
    ``secondary_paid`` of the first four.
    """

    billed: int = 0
    allowed: int = 0
    deductible: int = 0
    copay: int = 0
    coinsurance: int = 0
    outside_plan: int = 0
    """Above the annual plan maximum, or the whole of a self-pay event."""
    plan_paid: int = 0
    secondary_paid: int = 0
    operator_fee: int = 0
    """Taken from the provider's credit."""
    taken_off: int = 0
    """What a ruling in part took off the agreed price: ``allowed`` is what is left of it."""

    @property
    def contractual_adjustment(self) -> int:
        """What the provider writes off."""
        return self.billed - self.allowed - self.taken_off

    @property
    def patient_responsibility(self) -> int:
        """What the patient paid."""
        return self.allowed - self.plan_paid - self.secondary_paid

    @property
    def out_of_pocket(self) -> int:
        """What counts towards the out-of-pocket maximum, whoever paid it in the end."""
        return self.deductible + self.copay + self.coinsurance

    def less(self, taken: CostSharing) -> CostSharing:
        """What is left once ``taken`` was given back; of an event given back in full nothing."""
        left = {name: getattr(self, name) - getattr(taken, name) for name in _COMPONENTS}
        if not left["allowed"] and taken.allowed:
            return CostSharing(**left)
        return CostSharing(billed=self.billed, taken_off=self.taken_off + taken.allowed, **left)


_COMPONENTS = (
    "allowed",
    "deductible",
    "copay",
    "coinsurance",
    "outside_plan",
    "plan_paid",
    "secondary_paid",
    "operator_fee",
)


@dataclass(frozen=True, slots=True)
class TermsApplied:
    """The published terms a settled event was priced by, and where the member stood just before it."""

    plan: PlanTerms
    category: CategoryTerms
    category_id: int
    """Number of ``billing.terms.Category``; others are allowed on chain."""
    met_before: Accumulators
    family_before: FamilyAccumulators | None = None
    """None: the member shares no limits with a family."""

    @property
    def deductible_left(self) -> int:
        """What was left of the deductible: the member's own, or the family's where that was less."""
        own = max(0, self.plan.deductible - self.met_before.deductible_met)
        return min(own, self.family_deductible_left) if self.family_limits_deductible else own

    @property
    def out_of_pocket_left(self) -> int:
        """The same of the out-of-pocket maximum."""
        own = max(0, self.plan.oop_max - self.met_before.oop_met)
        return min(own, self.family_out_of_pocket_left) if self.family_limits_out_of_pocket else own

    @property
    def family_limits_deductible(self) -> bool:
        """Has the plan a deductible for the member's family?"""
        return self.family_before is not None and self.plan.family_deductible > 0

    @property
    def family_limits_out_of_pocket(self) -> bool:
        """Has the plan an out-of-pocket maximum for the member's family?"""
        return self.family_before is not None and self.plan.family_oop_max > 0

    @property
    def family_deductible_left(self) -> int:
        """What was left of the family's deductible."""
        family = self.family_before or FamilyAccumulators()
        return max(0, self.plan.family_deductible - family.deductible_met)

    @property
    def family_out_of_pocket_left(self) -> int:
        """What was left of the family's out-of-pocket maximum."""
        family = self.family_before or FamilyAccumulators()
        return max(0, self.plan.family_oop_max - family.oop_met)
