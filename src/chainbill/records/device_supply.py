"""CPT's codes for a device and its readings, and the days that each asks for.

Since 2026 the descriptors say it: 16 to 30 days in a 30-day period, or 2 to 15. Several readings of one day
are one day.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection
from datetime import date, timedelta
from types import MappingProxyType

_MOST_OF_THEM, _FEW_OF_THEM = range(16, 31), range(2, 16)

DAYS_IN_30 = MappingProxyType(
    dict.fromkeys(("99454", "98976", "98977", "98978"), _MOST_OF_THEM)
    | dict.fromkeys(("99445", "98984", "98985", "98986"), _FEW_OF_THEM)
)
"""On how many days of 30 something was read, by the code that bills it once: physiologic monitoring, then
therapeutic (respiratory, musculoskeletal, cognitive behavioural)."""

_PERIOD = timedelta(days=30)


def most_days_in_30(days: Collection[date]) -> int:
    """How many of these days are within some 30 consecutive ones, at most."""
    ordered = sorted(set(days))
    return max(
        (bisect_left(ordered, first + _PERIOD) - place for place, first in enumerate(ordered)), default=0
    )
