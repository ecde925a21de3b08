"""What a patient's device has sent from home, and a month of it: what a claim for monitoring stands on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from chainbill.records.moments import is_somewhere_the_day_of, plausible
from chainbill.stated import Stated

MOST_READINGS = 10_000
"""A record holds this many at most: a month of one every five minutes is 8,928."""


class Measured(Stated):
    """One value of a reading."""

    code_system: str = ""
    code: str = ""
    """What was measured, for example LOINC 8480-6, systolic blood pressure."""
    value: str
    """As it counts: a number without needless zeros, a word, or the hash of what is too long for either."""
    unit: str = ""


class Reading(Stated):
    """What a device measured at one moment: a weight, or a blood pressure with its two values."""

    record_identity: Annotated[str, Field(min_length=1)]
    """The source record it is, for example ``Observation/7``."""
    code_system: str = ""
    code: str = ""
    device: str = ""
    """The device's serial number where the record has it, else its reference; empty: none was named."""
    measured_at: AwareDatetime
    day: date
    """The calendar day at the place, which rules on days count."""
    values: tuple[Measured, ...]
    """None where the record has them elsewhere."""

    _plausible = field_validator("measured_at")(plausible)

    @model_validator(mode="after")
    def _same_day_somewhere(self) -> Self:
        if not is_somewhere_the_day_of(self.day, self.measured_at):
            raise ValueError("day: nowhere the day of measured_at")
        return self

    @property
    def what_and_when(self) -> tuple[str, str, str, datetime]:
        """What makes it this reading and no other: the device, what it measured, and when. A corrected value
        is the same reading."""
        return self.device, self.code_system, self.code, self.measured_at


class Readings(Stated):
    """The readings of a period, which one claim is for."""

    first_day: date
    last_day: date
    taken: Annotated[tuple[Reading, ...], Field(min_length=1, max_length=MOST_READINGS)]
    """In the order in which they are committed to."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last_day < self.first_day:
            raise ValueError("last_day: before first_day")
        return self

    @property
    def days(self) -> frozenset[date]:
        """The days on which something was read: what CPT 99454 and 99445 count."""
        return frozenset(reading.day for reading in self.taken)

    def outside_period(self) -> Iterator[Reading]:
        """Those that were not taken in the period."""
        return (reading for reading in self.taken if not self.first_day <= reading.day <= self.last_day)

    def repeated(self) -> Iterator[Reading]:
        """Those that are the same as one before: of one device, code and moment, or of one source record."""
        seen: set[object] = set()
        for reading in self.taken:
            marks = {reading.what_and_when, reading.record_identity}
            if not seen.isdisjoint(marks):
                yield reading
            seen |= marks
