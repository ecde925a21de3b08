"""What days a statement is about: a month, a year, or from one day to another.

A charge belongs to its date of service, which is the day where the service took place; where the reader has
no record of it, to the day (UTC) on which it was decided. A year is a benefit year: that stands on chain, and
is the year of the date of service, record or not.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date
from typing import Self

from chainbill.statements.facts import ClaimFacts
from chainbill.statements.model import PeriodLine
from chainbill.statements.wording import show_date, utc_day


@dataclass(frozen=True, slots=True)
class Period:
    """Days from ``first`` to ``last``, both included; None: open on that side."""

    first: date | None = None
    last: date | None = None
    year: int | None = None
    """The benefit year that is meant; then the days are its own."""

    @classmethod
    def of_year(cls, year: int) -> Self:
        """One benefit year."""
        return cls(date(year, 1, 1), date(year, 12, 31), year)

    @classmethod
    def of_month(cls, year: int, month: int) -> Self:
        """One month."""
        return cls(date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1]))

    def covers(self, day: date, benefit_year: int | None) -> bool:
        """Is a charge of that day and benefit year (None: not known) in the period?"""
        if self.year is not None and benefit_year:
            return benefit_year == self.year
        return (self.first or day) <= day <= (self.last or day)

    def covers_year(self, year: int) -> bool:
        """Has the period a day of that year?"""
        after = self.first is None or self.first.year <= year
        return after and (self.last is None or year <= self.last.year)

    def line(self) -> PeriodLine:
        """As it stands on a statement."""
        first = self.first.isoformat() if self.first else None
        last = self.last.isoformat() if self.last else None
        return PeriodLine(first=first, last=last, words=self.words)

    @property
    def words(self) -> str:
        """``from March 1, 2026 to March 31, 2026``."""
        told = [f"from {show_date(self.first)}"] if self.first else []
        told += [f"to {show_date(self.last)}"] if self.last else []
        return " ".join(told)


def day_of(claim: ClaimFacts) -> date:
    """The date of service; without a record the day on which the charge was decided."""
    return claim.record.service_date if claim.record else utc_day(claim.decided_at)


def within(claims: list[ClaimFacts], period: Period | None) -> list[ClaimFacts]:
    """Those of the period, in their order; None: all."""
    if period is None:
        return claims
    return [claim for claim in claims if period.covers(day_of(claim), claim.benefit_year)]
