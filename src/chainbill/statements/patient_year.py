"""One benefit year of a patient's statement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from chainbill.statements.model import Amounts, Counts
from chainbill.statements.patient_model import PatientEvent, PatientStatement


def only_year(statement: PatientStatement, year: int) -> PatientStatement:
    """The same statement with that benefit year's events and sums alone.

    Events keep their numbers, since they name each other by them. The wallet and what is announced stay
    whole: they belong to no year.
    """
    events = [event for event in statement.events if event.benefit_year == year]
    return statement.model_copy(
        update={
            "events": events,
            "counts": _counts(events),
            "totals": Amounts.total(event.net for event in events if event.net),
            "benefit_years": [each for each in statement.benefit_years if each.benefit_year == year],
        }
    )


def _counts(events: Sequence[PatientEvent]) -> Counts:
    outcomes = Counter((event.outcome, event.reason) for event in events)

    def of(outcome: str) -> dict[str, int]:
        return {reason: number for (word, reason), number in sorted(outcomes.items()) if word == outcome}

    return Counts(
        settled=sum(of("settled").values()),
        taken_back=sum(map(_taken_back, events)),
        denied=of("denied"),
        pended=of("pended"),
    )


def _taken_back(event: PatientEvent) -> bool:
    return bool(event.amounts and event.net and event.amounts.allowed and not event.net.allowed)
