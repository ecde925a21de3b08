"""Some of a patient's charges: a period's, or those that were asked for by number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date

from chainbill.errors import StateError
from chainbill.statements.asked_for import hint_for_unlisted
from chainbill.statements.facts import ChargeState
from chainbill.statements.model import Amounts, Counts
from chainbill.statements.patient_model import PatientEvent, PatientStatement
from chainbill.statements.period import Period


def only_period(statement: PatientStatement, period: Period) -> PatientStatement:
    """The same statement with that period's events, their sums, and the benefit years that they or it touch.

    Numbers, benefit years as they stand, the wallet and what is announced stay what they are: none of them
    begins anew with a period.
    """
    events = [event for event in statement.events if _within(event, period)]
    years = {event.benefit_year for event in events}
    return _with(statement, events).model_copy(
        update={
            "period": period.line(),
            "benefit_years": [
                each
                for each in statement.benefit_years
                if each.benefit_year in years or period.covers_year(each.benefit_year)
            ],
        }
    )


def only_charges(statement: PatientStatement, numbers: Collection[str]) -> PatientStatement:
    """The same statement with those charges alone.

    Raises:
        StateError: one of them is not on the statement.
    """
    known = {event.number for event in statement.events}
    unknown = [number for number in numbers if number not in known]
    if unknown:
        where = "in this period" if statement.period else "on the statement"
        raise StateError(
            f"there is no charge {unknown[0]} {where}",
            hint=hint_for_unlisted("patient", statement.not_final),
        )
    return _with(statement, [event for event in statement.events if event.number in numbers])


def _with(statement: PatientStatement, events: Sequence[PatientEvent]) -> PatientStatement:
    return statement.model_copy(
        update={
            "events": list(events),
            "outside_period": len(statement.events) - len(events) + statement.outside_period,
            "counts": _counts(events),
            "totals": Amounts.total(event.net for event in events if event.net),
        }
    )


def _within(event: PatientEvent, period: Period) -> bool:
    return period.covers(date.fromisoformat(event.service_date or event.decided_date), event.benefit_year)


def _counts(events: Sequence[PatientEvent]) -> Counts:
    def by_reason(state: ChargeState) -> dict[str, int]:
        return dict(sorted(Counter(event.reason for event in events if event.state is state).items()))

    taken_back = sum(event.state is ChargeState.TAKEN_BACK for event in events)
    return Counts(
        settled=sum(event.outcome == "settled" for event in events) - taken_back,
        taken_back=taken_back,
        denied=by_reason(ChargeState.REFUSED),
        pended=by_reason(ChargeState.WAITING),
    )
