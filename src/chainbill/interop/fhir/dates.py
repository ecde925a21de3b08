"""Service dates: FHIR's dates and partial dates as moments in time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from chainbill.interop.fhir.elements import Json, child, text

_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_LEAP_SECOND = re.compile(r"(T\d\d:\d\d):60")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The chain's clock cannot stand before this."""


def parse_date(written: str) -> datetime | None:
    """Read a FHIR date, partial date, dateTime or instant.

    A date without a time is midnight UTC, and ``2015`` or ``2015-02`` its first day: an arbitrary
    but fixed moment in the right benefit year. None where it is no date.
    """
    try:
        if partial := _DATE.fullmatch(written):
            year, month, day = (int(part or 1) for part in partial.groups())
            return datetime(year, month, day, tzinfo=UTC)
        # A leap second is allowed by FHIR and unknown to Python; the second before it is as good.
        moment = datetime.fromisoformat(_LEAP_SECOND.sub(r"\1:59", written))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        moment.astimezone(UTC) + timedelta(days=1)  # an offset can leave the calendar
    except (ValueError, OverflowError):
        return None
    return moment


def first_date(resource: Json, *names: str) -> datetime | None:
    """The first of the named elements that states a date; a Period counts by its start, else its end."""
    for name in names:
        period = child(resource, name)
        for written in (text(resource, name), text(period, "start"), text(period, "end")):
            if written and (moment := parse_date(written)):
                return moment
    return None
