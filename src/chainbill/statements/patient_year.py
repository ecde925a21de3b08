"""One benefit year of a patient's statement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from chainbill.statements.model import Amounts, Counts
from chainbill.statements.patient_model import EventAmounts, PatientEvent, PatientStatement


def only_year(statement: PatientStatement, year: int) -> PatientStatement:
    """The same statement with that benefit year's events and sums alone.

    Events keep their numbers, since they name each other by them. The wallet stays whole: money in it belongs
    to no year.
    """
    events = [event for event in statement.events if event.benefit_year == year]
    return statement.model_copy(
        update={
            "events": events,
            "counts": _counts(events),
            "totals": _totals([event.amounts for event in events if event.amounts is not None]),
            "benefit_years": [each for each in statement.benefit_years if each.benefit_year == year],
        }
    )


def _counts(events: Sequence[PatientEvent]) -> Counts:
    outcomes = Counter((event.outcome, event.reason) for event in events)

    def of(outcome: str) -> dict[str, int]:
        return {reason: number for (word, reason), number in sorted(outcomes.items()) if word == outcome}

    return Counts(settled=sum(of("settled").values()), denied=of("denied"), pended=of("pended"))


def _totals(paid: Sequence[EventAmounts]) -> Amounts:
    return Amounts(
        billed=sum(each.billed for each in paid),
        allowed=sum(each.allowed for each in paid),
        contractual_adjustment=sum(each.contractual_adjustment for each in paid),
        deductible=sum(each.deductible.amount for each in paid),
        copay=sum(each.copay.amount for each in paid),
        coinsurance=sum(each.coinsurance.amount for each in paid),
        plan_paid=sum(each.plan_paid for each in paid),
        patient_responsibility=sum(each.patient_responsibility for each in paid),
    )
