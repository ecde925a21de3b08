"""Service dates: FHIR's dates and partial dates as moments in time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from chainbill.interop.fhir.elements import Json, child, text
from chainbill.interop.fhir.report import NoEvent, SkipReason
from chainbill.records.moments import LATEST_YEAR

_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_LEAP_SECOND = re.compile(r"(T\d\d:\d\d):60")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The chain's clock cannot stand before this."""

_FARTHEST_EAST = timedelta(hours=14)
"""Where the calendar's day begins first."""


def parse_date(written: str) -> datetime | None:
    """Read a FHIR date, partial date, dateTime or instant, at the offset it is written with.

    A date without a time is midnight UTC, and ``2015`` or ``2015-02`` its first day: good for putting things
    in order, and not for a date of service (see ``exact_to_the_day``). None where it is no date.
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


def exact_to_the_day(written: str) -> bool:
    """Whether a date names its day: ``2015`` and ``2015-02`` do not."""
    partial = _DATE.fullmatch(written)
    return partial is None or partial[3] is not None


def first_date(resource: Json, *names: str) -> datetime | None:
    """The first of the named elements that states a date; a Period counts by its start, else its end."""
    return next((moment for _, moment in _stated(resource, names)), None)


def service_moment(resource: Json, *names: str, last_day: bool = False) -> datetime:
    """When a service took place, by the first of the named elements that states a date.

    A Period counts by its start, else its end (``last_day``: the other way round, as a claim line's does), a
    Timing by its first event.

    Raises:
        NoEvent: none states a date, or it is not exact to the day (X12 837 DTP*472 is a day).
    """
    for written, moment in _stated(resource, names, last_day=last_day):
        if not exact_to_the_day(written):
            raise NoEvent(SkipReason.INEXACT_DATE)
        return moment
    raise NoEvent(SkipReason.NO_DATE)


def require_performed(moment: datetime, now: datetime) -> None:
    """Check that a service can have been performed by ``now``.

    Raises:
        NoEvent: it is dated later, or before 1970, where the chain's clock begins.
    """
    if moment < EPOCH or moment.year < EPOCH.year:
        raise NoEvent(SkipReason.BEFORE_1970)
    # A day without a time has begun as soon as it has begun anywhere.
    latest = (now + _FARTHEST_EAST).date() if _is_a_whole_day(moment) else None
    later = moment.date() > latest if latest else moment > now
    if later or max(moment.year, moment.astimezone(UTC).year) > LATEST_YEAR:
        raise NoEvent(SkipReason.IN_FUTURE)


def days_of(resource: Json, name: str) -> tuple[date, date] | None:
    """First and last day of a Period, where both are exact to the day."""
    period = child(resource, name)
    written = text(period, "start"), text(period, "end")
    start, end = (parse_date(each) if each and exact_to_the_day(each) else None for each in written)
    return (start.date(), end.date()) if start and end else None


def ends_before_it_starts(period: Json) -> bool:
    """Whether a Period ends before it starts (FHIR R4 per-1), by its days and its moments.

    A day without a time lasts until its end, and a month or a year until its last day.
    """
    written = text(period, "start"), text(period, "end")
    start, end = (parse_date(each) if each else None for each in written)
    if start is None or end is None:
        return False
    shown = min(len(each) for each in (*written, "2024-03-05"))
    return start > end and start.date().isoformat()[:shown] > end.date().isoformat()[:shown]


def _stated(
    resource: Json, names: tuple[str, ...], *, last_day: bool = False
) -> Iterator[tuple[str, datetime]]:
    for name in names:
        element = child(resource, name)
        period = ("end", "start") if last_day else ("start", "end")
        bounds = child(child(element, "repeat"), "boundsPeriod")
        written = [
            text(resource, name),
            *(text(element, each) for each in period),
            *_first_event(element),
            *(text(bounds, each) for each in period),
        ]
        for each in written:
            if each and (moment := parse_date(each)):
                yield each, moment


def _first_event(timing: Json) -> list[str]:
    events: Any = timing.get("event")
    stated = [each for each in events if isinstance(each, str)] if isinstance(events, list) else []
    return sorted(stated, key=lambda each: parse_date(each) or datetime.max.replace(tzinfo=UTC))[:1]


def _is_a_whole_day(moment: datetime) -> bool:
    return (
        moment.tzinfo is UTC and (moment.hour, moment.minute, moment.second, moment.microsecond) == (0,) * 4
    )
