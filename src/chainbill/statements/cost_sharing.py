"""Why a patient paid what they paid: sentences built from the plan's own terms.

Each component is compared with what it would have been without the out-of-pocket maximum, by pricing
the event again. Amounts that do not follow from the terms get no invented reason: they are said not to.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.billing.accumulators import Accumulators, FamilyAccumulators
from chainbill.billing.adjudication import BPS, Adjudication, adjudicate
from chainbill.billing.terms import FeeTerms, PlanTerms
from chainbill.money import MAX_AMOUNT, show_dollars
from chainbill.statements.sharing import CostSharing, TermsApplied
from chainbill.statements.wording import category_words, show_percent

UNEXPLAINED = (
    "This amount does not follow from your plan's published terms. Ask your insurer, and check it with: "
    "chainbill audit verify"
)


@dataclass(frozen=True, slots=True)
class Reasons:
    """One sentence or two for each component; the last two are empty where no maximum played a part."""

    deductible: str
    copay: str
    coinsurance: str
    limit: str
    outside_plan: str = ""


def explain(sharing: CostSharing, terms: TermsApplied) -> Reasons:
    """Say why ``sharing`` is what it is under ``terms``, before a second insurer takes its part."""
    if not _follows(
        sharing, _priced(sharing.allowed, terms, terms.plan, terms.met_before, terms.family_before)
    ):
        told = UNEXPLAINED if sharing.outside_plan else ""
        return Reasons(UNEXPLAINED, UNEXPLAINED, UNEXPLAINED, "", told)
    story = _Story(sharing, terms, _without_maximums(sharing.allowed, terms))
    return Reasons(
        story.deductible(), story.copay(), story.coinsurance(), story.limit(), story.outside_plan()
    )


def _without_maximums(allowed: int, terms: TermsApplied) -> Adjudication:
    """The same price under a plan without out-of-pocket and annual maximum."""
    unlimited = terms.plan.model_copy(
        update={"oop_max": MAX_AMOUNT, "family_oop_max": 0, "annual_maximum": 0}
    )
    return _priced(
        allowed, terms, unlimited, Accumulators(terms.met_before.deductible_met), terms.family_before
    )


def _priced(
    allowed: int,
    terms: TermsApplied,
    plan: PlanTerms,
    met: Accumulators,
    family: FamilyAccumulators | None,
) -> Adjudication:
    """Split an agreed price again."""
    fee = FeeTerms(amount=allowed, category=terms.category_id, max_units=1)
    return adjudicate(
        billed_amount=allowed,
        units=1,
        fee=fee,
        category=terms.category,
        plan=plan,
        met=met,
        family=family,
    )


def _follows(sharing: CostSharing, priced: Adjudication) -> bool:
    components = ("deductible", "copay", "coinsurance", "outside_plan", "plan_paid")
    return all(getattr(sharing, name) == getattr(priced, name) for name in components)


@dataclass(frozen=True, slots=True)
class _Story:
    """One event: what was paid, by which terms, and what it would have been without the maximums."""

    paid: CostSharing
    terms: TermsApplied
    unlimited: Adjudication

    def deductible(self) -> str:
        plan, paid = self.terms.plan, self.paid.deductible
        yearly, family = show_dollars(plan.deductible), show_dollars(plan.family_deductible)
        if plan.deductible == 0:
            return "Your plan has no yearly deductible."
        if not self.terms.category.deductible_applies:
            return f"Your plan's deductible does not apply to {self._kind}."
        if self.terms.deductible_left == 0:
            if self.terms.met_before.deductible_met >= plan.deductible:
                return f"You had already met your yearly deductible of {yearly}."
            return f"Your family had already met its yearly deductible of {family}."
        if self.unlimited.deductible == 0:
            if self.paid.allowed == 0:
                return "There was nothing to pay."
            return (
                "Your copay was the whole agreed price, so nothing was left to count towards the deductible."
            )
        if paid == 0:
            return self._nothing_due("no deductible")
        told = f"Your plan has a yearly deductible of {yearly}; "
        told += f"{show_dollars(paid)} of this service counted towards it."
        return told + self._deductible_met() + self._cut_short(self.unlimited.deductible, paid)

    def _deductible_met(self) -> str:
        plan, paid = self.terms.plan, self.paid.deductible
        if self.terms.met_before.deductible_met + paid == plan.deductible:
            return " That meets it for the year."
        if self.terms.family_limits_deductible and self.terms.family_deductible_left == paid:
            family = show_dollars(plan.family_deductible)
            return f" That meets your family's deductible of {family} for the year."
        return ""

    def copay(self) -> str:
        copay, paid, full = self.terms.category.copay, self.paid.copay, self.unlimited.copay
        if copay == 0:
            return f"Your plan has no copay for {self._kind}."
        if full == 0:
            if self.paid.allowed == 0:
                return "There was nothing to pay."
            return "The deductible took the whole agreed price, so there was no copay."
        if paid == 0:
            return self._nothing_due("no copay")
        told = f"Your plan's copay for {self._kind} is {show_dollars(copay)}"
        if full == copay:
            return f"{told}.{self._cut_short(full, paid)}"
        if full == self.paid.allowed:
            told += f", but the agreed price is only {show_dollars(full)}, so you paid no more than that."
        else:
            told += f", but only {show_dollars(full)} of the agreed price was left after the deductible."
        return told + self._cut_short(full, paid)

    def coinsurance(self) -> str:
        category, paid, full = self.terms.category, self.paid.coinsurance, self.unlimited.coinsurance
        if category.coinsurance_bps == 0:
            return f"Your plan charges no percentage of the price for {self._kind}."
        if category.copay > 0 and not category.coinsurance_after_copay:
            return f"For {self._kind} your plan charges the copay and no percentage of the price."
        base = self.paid.allowed - self.unlimited.deductible - self.unlimited.copay
        if base == 0:
            return "Nothing of the agreed price was left to share with your plan."
        if full == 0:
            return "Your percentage of the agreed price was too small to be charged."
        if paid == 0:
            return self._nothing_due("no percentage of the price")
        return self._percentage(base, full) + self._cut_short(full, paid)

    def limit(self) -> str:
        reached = f"With this service you reached {self._maximum}"
        rest = "nothing more of it was due from you" if self.paid.outside_plan else "the plan paid the rest"
        if self.paid.out_of_pocket < self.unlimited.out_of_pocket:
            if self.terms.out_of_pocket_left == 0:
                return f"You had reached {self._maximum}, so {rest}."
            return f"{reached}, so {rest}."
        if self.paid.out_of_pocket and self.paid.out_of_pocket == self.terms.out_of_pocket_left:
            return f"{reached}."
        return ""

    def outside_plan(self) -> str:
        if self.paid.outside_plan == 0:
            return ""
        return (
            f"Your plan pays at most {show_dollars(self.terms.plan.annual_maximum)} a year for you, and "
            f"{show_dollars(self.paid.outside_plan)} of this service was above that. It does not count "
            "towards your out-of-pocket maximum."
        )

    @property
    def _kind(self) -> str:
        return category_words(self.terms.category_id)

    @property
    def _maximum_is_familys(self) -> bool:
        own = max(0, self.terms.plan.oop_max - self.terms.met_before.oop_met)
        return self.terms.family_limits_out_of_pocket and self.terms.family_out_of_pocket_left < own

    @property
    def _maximum(self) -> str:
        """The maximum that has the least left, with its amount."""
        if self._maximum_is_familys:
            return f"your family's out-of-pocket maximum of {show_dollars(self.terms.plan.family_oop_max)}"
        return f"your out-of-pocket maximum of {show_dollars(self.terms.plan.oop_max)}"

    @property
    def _maximum_name(self) -> str:
        return (
            "your family's out-of-pocket maximum"
            if self._maximum_is_familys
            else "your out-of-pocket maximum"
        )

    def _percentage(self, base: int, full: int) -> str:
        plan, category = self.terms.plan, self.terms.category
        before = []
        if category.deductible_applies and plan.deductible:
            before.append("deductible")
        if category.copay:
            before.append("copay")
        who = f"After the {' and the '.join(before)} you pay" if before else "You pay"
        of = "the agreed price" if base == self.paid.allowed else f"the {show_dollars(base)} that is left"
        told = f"{who} {show_percent(category.coinsurance_bps)} of {of}"
        if full * BPS != base * category.coinsurance_bps:
            told += f", rounded in steps of {show_dollars(plan.rounding_unit)}"
        return f"{told}."

    def _cut_short(self, full: int, paid: int) -> str:
        if paid == full:
            return ""
        return (
            f" That would have been {show_dollars(full)}, but you had only {show_dollars(paid)} left to pay "
            f"before {self._maximum_name}."
        )

    def _nothing_due(self, what: str) -> str:
        when = "With that you" if self.terms.out_of_pocket_left else "You had"
        return f"{when} reached {self._maximum_name}, so {what} was due."
