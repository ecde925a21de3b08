"""What came of a file: the events, and for every other resource the reason why not."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from chainbill.records.service_event import ServiceEvent


class SkipReason(StrEnum):
    """Why a resource yields no event. The value is what is counted; ``detail`` says the rest."""

    NOT_A_SERVICE = "not a service"
    """Demographics, administration, clinical statements: nothing anyone bills by themselves."""
    NO_KIND = "of no kind"
    """A service or a measurement, but none of the kinds chainbill settles."""
    USED_AS_PRICE = "used as price"
    """A Claim or an ExplanationOfBenefit; the detail says what it prices, if anything."""
    PART_OF_REPORT = "part of report"
    PART_OF_PANEL = "part of panel"
    PART_OF_VISIT = "part of the visit"
    DISPENSED = "named by a dispense"
    """A prescription whose fills are its dispenses."""
    STATUS = "status"
    """The status says it did not happen, or not yet; counted as ``status cancelled`` and so on."""
    INTENT = "intent"
    """A medication request that is not an order; counted as ``intent plan`` and so on."""
    IN_PERSON_OFF = "in-person visits are switched off"
    MISSING_REFERENCE = "missing reference"
    NOT_A_PATIENT = "not about a patient"
    NO_DATE = "no service date"
    BEFORE_1970 = "before 1970"
    IN_FUTURE = "in the future"
    UNUSABLE_PRICE = "unusable price"
    """Priced, but at less than nothing or at more than a contract can hold."""
    NO_CHARGE = "no charge"
    """Priced at nothing. A billed amount of zero would be adjudicated as the plan's full fee."""
    INVALID = "invalid"
    EMPTY_ENTRY = "entry without a resource"


_COUNTED_WITH_DETAIL = (SkipReason.STATUS, SkipReason.INTENT)


_READ_ON = (
    *_COUNTED_WITH_DETAIL,
    SkipReason.PART_OF_REPORT,
    SkipReason.PART_OF_PANEL,
    SkipReason.USED_AS_PRICE,
)
"""Reasons whose detail continues the phrase: ``part of report DiagnosticReport/7``."""


class SkippedResource(BaseModel):
    """A resource that yields no event."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resource: str
    """``Type/id``, or its place in the file where it has no id."""
    reason: SkipReason
    detail: str = ""
    """What exactly, for example the report it is part of. Never a name or free text of the record."""

    @property
    def counted_as(self) -> str:
        """The short key ``IngestReport.skipped_counts`` groups by."""
        return f"{self.reason} {self.detail}" if self.reason in _COUNTED_WITH_DETAIL else str(self.reason)

    def __str__(self) -> str:
        separator = " " if self.reason in _READ_ON else ": "
        return f"{self.resource}: {self.reason}{separator + self.detail if self.detail else ''}"


class IngestReport(BaseModel):
    """Everything a file held: each of its resources is one event or one skipped resource."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    events: list[ServiceEvent]
    """In the order of their service dates; events of one moment stay in file order."""
    skipped: list[SkippedResource]
    """In file order."""
    uncatalogued: dict[str, int]
    """Codes the catalogue lacks as ``system|code``, most frequent first, with the number of events that
    took their kind's default entry; ``(no code)`` counts events whose record states none."""

    def skipped_counts(self) -> dict[str, int]:
        """Skipped resources by reason, most frequent first."""
        return dict(Counter(skipped.counted_as for skipped in self.skipped).most_common())


class NoEvent(Exception):
    """Raised inside the reader where a resource turns out to yield no event."""

    def __init__(self, reason: SkipReason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
