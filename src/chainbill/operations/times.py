"""A time of the chain as a person reads it."""

from __future__ import annotations

from datetime import UTC, datetime

_LAST_OF_THE_CALENDAR = int(datetime.max.replace(microsecond=0, tzinfo=UTC).timestamp())


def show_time(timestamp: int) -> str:
    """Seconds since 1970 as ``2026-11-24 07:50:47 UTC``."""
    if timestamp > _LAST_OF_THE_CALENDAR:
        # A chain counts further than calendars do.
        return f"after the year 9999 (second {timestamp})"
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
