"""Times and spans as programs give them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from chainbill.client.arguments import Expected
from chainbill.errors import ArgumentError

Moment = Annotated[datetime | int, Expected("datetime(…, tzinfo=UTC), or seconds since 1970 as int")]
"""A ``datetime`` that names its zone, or seconds since 1970."""

Span = Annotated[timedelta | int, Expected("a timedelta, or seconds as int")]
"""A ``timedelta``, or seconds."""


def timestamp(moment: Moment) -> int:
    """A moment in seconds since 1970.

    Raises:
        ArgumentError: a ``datetime`` without a zone: nobody can say when that is.
    """
    if not isinstance(moment, datetime):
        return moment
    if moment.tzinfo is None:
        raise ArgumentError(
            f"{moment.isoformat()} names no zone", hint="give datetime(…, tzinfo=UTC), or seconds since 1970"
        )
    return int(moment.timestamp())


def seconds(span: Span) -> int:
    """A span in seconds."""
    return int(span.total_seconds()) if isinstance(span, timedelta) else span
