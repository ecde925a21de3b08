"""Times and spans as programs give them."""

from __future__ import annotations

from datetime import datetime, timedelta

from chainbill.errors import ArgumentError

Moment = datetime | int
"""A ``datetime`` that names its zone, or seconds since 1970."""

Span = timedelta | int
"""A ``timedelta``, or seconds."""


def timestamp(moment: Moment) -> int:
    """A moment in seconds since 1970.

    Raises:
        ArgumentError: a ``datetime`` without a zone: nobody can say when that is; or neither of the two.
    """
    if not isinstance(moment, datetime):
        return _whole(moment, "moment", "give datetime(…, tzinfo=UTC), or seconds since 1970 as int")
    if moment.tzinfo is None:
        raise ArgumentError(
            f"{moment.isoformat()} names no zone", hint="give datetime(…, tzinfo=UTC), or seconds since 1970"
        )
    return int(moment.timestamp())


def seconds(span: Span) -> int:
    """A span in seconds.

    Raises:
        ArgumentError: neither a ``timedelta`` nor whole seconds.
    """
    if isinstance(span, timedelta):
        return int(span.total_seconds())
    return _whole(span, "span", "give a timedelta, or seconds as int")


def _whole(given: int, what: str, hint: str) -> int:
    if isinstance(given, bool) or not isinstance(given, int):
        raise ArgumentError(f"{given!r} is no {what}", argument=what, hint=hint)
    return given
