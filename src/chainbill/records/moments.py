"""When care can have been given: moments that are no slip of the pen, and the calendar's days beside them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

EARLIEST_YEAR, LATEST_YEAR = 1900, 2199
"""Years (UTC) in which a service can have been performed; anything else is a slip of the pen."""


def plausible(moment: datetime) -> datetime:
    """The same moment.

    Raises:
        ValueError: it is not between the two years.
    """
    # One year off at either end: converting the first and last moments of the calendar would overflow.
    if (
        not EARLIEST_YEAR - 1 <= moment.year <= LATEST_YEAR + 1
        or not EARLIEST_YEAR <= moment.astimezone(UTC).year <= LATEST_YEAR
    ):
        raise ValueError(f"not between the years {EARLIEST_YEAR} and {LATEST_YEAR}")
    return moment


def is_somewhere_the_day_of(day: date, moment: datetime) -> bool:
    """Whether some place on earth has that day on its calendar at that moment."""
    # UTC-12 to UTC+14: a place's day is the UTC day, the one before or the one after.
    return abs(day - moment.astimezone(UTC).date()) <= timedelta(days=1)
