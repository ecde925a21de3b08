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
    """A Claim, ExplanationOfBenefit, ChargeItem or Invoice that priced something; the detail says what."""
    BILLED_BY_LINE = "billed by the line"
    """A claim whose lines are events of their own, and priced no other."""
    PRICED_NOTHING = "priced nothing"
    """A claim none of whose lines was billed; the detail says why."""
    REPLACED = "replaced by"
    """A claim that a later one names as prior, or a report that a corrected one takes the place of."""
    NOT_FOR_PAYMENT = "not a claim for payment"
    """A preauthorization or predetermination; the detail is the claim's ``use``."""
    SUPERSEDED = "superseded by"
    """An older version of a resource that the record holds several of."""
    DELETED = "deleted"
    """Its newest version is a deletion."""
    SAME_MEASUREMENT = "same measurement as"
    SAME_SERVICE = "same service as"
    """The same patient, provider, code, instant and value under another identity."""
    PART_OF = "part of"
    """An encounter within another."""
    PART_OF_REPORT = "part of report"
    PART_OF_PANEL = "part of panel"
    PART_OF_VISIT = "part of the visit"
    PART_OF_CLAIM = "part of the month billed by"
    """A reading in the days of a claim line for the device that sent it (CPT 99454 and its like)."""
    NO_MEASUREMENT = "no measurement"
    """An Observation without a value; the detail is the code of its dataAbsentReason."""
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
    INEXACT_DATE = "date not exact to the day"
    BEFORE_1970 = "before 1970"
    IN_FUTURE = "in the future"
    UNUSABLE_PRICE = "unusable price"
    """Priced, but at less than nothing, at more than a contract can hold, or not in dollars."""
    NO_CHARGE = "no charge"
    """Priced at nothing. A billed amount of zero would be adjudicated as the plan's full fee."""
    INVALID = "invalid"
    NOT_UNDERSTOOD = "not understood"
    """It carries a modifier extension or implicit rules, which may turn its meaning round."""
    EMPTY_ENTRY = "entry without a resource"


_COUNTED_WITH_DETAIL = (SkipReason.STATUS, SkipReason.INTENT)


_READ_ON = (
    *_COUNTED_WITH_DETAIL,
    SkipReason.USED_AS_PRICE,
    SkipReason.REPLACED,
    SkipReason.SUPERSEDED,
    SkipReason.SAME_MEASUREMENT,
    SkipReason.SAME_SERVICE,
    SkipReason.PART_OF,
    SkipReason.PART_OF_REPORT,
    SkipReason.PART_OF_PANEL,
    SkipReason.PART_OF_CLAIM,
)
"""Reasons whose detail continues the phrase: ``part of report DiagnosticReport/7``."""


class LeftOut(StrEnum):
    """Why an amount of a claim is in no event."""

    NO_KIND = "its code is of no kind that is settled"
    OTHER_CURRENCY = "not in dollars"
    OTHER_PATIENT = "names a visit of another patient"
    SEVERAL_VISITS = "names several visits"
    SEVERAL_VISITS_THAT_DAY = "several visits that day"
    NO_VISIT_HERE = "its visit is not in this record"
    NO_PRESCRIPTION_HERE = "its prescription is not in this record"
    VISIT_NO_EVENT = "its visit is no event"
    PRESCRIPTION_NO_EVENT = "its prescription is no event"
    OTHER_CLAIM = "another claim is for the same"
    REVERSED = "reversed"
    REPEATED = "repeats another charge"
    ADJUDICATED = "adjudicated elsewhere already"
    """A line of an ExplanationOfBenefit that prices nothing here: somebody has decided it."""
    SAME_CHARGE = "charged twice"
    MISSING_REFERENCE = "missing reference"
    NO_DATE = "no service date"
    INEXACT_DATE = "date not exact to the day"
    BEFORE_1970 = "before 1970"
    IN_FUTURE = "in the future"
    NOTHING_TO_BILL = "not more than zero"
    TOO_MUCH = "more than a contract can hold"
    NOT_UNDERSTOOD = "not understood"
    NOT_DIVIDED = "a total that is not divided"
    ABOVE_LINES = "the total is above its lines"
    NOT_BILLABLE = "not billable"
    IN_PERSON_OFF = "in-person visits are switched off"


class ClaimLine(BaseModel):
    """One line of a claim, or what its total holds beyond its lines: in an event, or left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    claim: str
    """The claim as ``SkippedResource`` names it."""
    number: int
    """The line's ``sequence``, else its place from one; 0: what the total holds beyond the lines."""
    code: str
    """``system|code`` of the product or service, as the record writes it; empty: none."""
    amount: int | None
    """Micro-dollars, of either sign; None: the line states none."""
    event: str | None = None
    """Record identity of the event that bills it."""
    left_out: LeftOut | None = None
    """Why no event bills it; None for a line without an amount, of which nothing is left out."""
    detail: str = ""

    def __str__(self) -> str:
        what = f"line {self.number}" if self.number else "total"
        why = f"{self.left_out}{f': {self.detail}' if self.detail else ''}"
        return f"{self.claim} {what}: {f'in {self.event}' if self.event else why}"


class ClaimAccount(BaseModel):
    """Every dollar of a record's claims, in micro-dollars: ``claimed = in_events + the sum of left_out``.

    Of a claim counts what its lines come to, or its total where that is more; claims that were replaced,
    reversed as a whole by their status, or never made do not count.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    claimed: int = 0
    in_events: int = 0
    left_out: dict[LeftOut, int] = {}
    """By reason, largest first."""


class SkippedResource(BaseModel):
    """A resource that yields no event."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resource: str
    """``Type/id``, or its place in the file where it has no id."""
    reason: SkipReason
    detail: str = ""
    """What exactly, for example the report it is part of. Never a name or free text of the record."""

    @property
    def gone(self) -> bool:
        """Whether the resource is no more."""
        return self.reason is SkipReason.DELETED

    @property
    def counted_as(self) -> str:
        """The short key ``IngestReport.skipped_counts`` groups by."""
        return f"{self.reason} {self.detail}" if self.reason in _COUNTED_WITH_DETAIL else str(self.reason)

    def __str__(self) -> str:
        separator = " " if self.reason in _READ_ON else ": "
        return f"{self.resource}: {self.reason}{separator + self.detail if self.detail else ''}"


class IngestReport(BaseModel):
    """Everything a record held: each of its resources is one event or one skipped resource.

    A claim is always a skipped resource; those of its lines that price nothing else but are services of their
    own are events besides, under the claim's identity and the line's number (``Claim/7#2``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    events: list[ServiceEvent]
    """In the order of their service dates; events of one moment stay in file order."""
    skipped: list[SkippedResource]
    """In file order."""
    claim_lines: list[ClaimLine] = []
    """Every line of every claim that counts, in file order."""
    contradictions: list[str] = []
    """Claims whose total is not what their lines come to, each in a sentence."""
    earlier: frozenset[str] = frozenset()
    """Identities that only earlier parts of the record hold: of events, and of resources that are none."""
    not_events: dict[str, str] = {}
    """Why a resource is no event, by its identity; of all parts."""
    replaced: dict[str, str] = {}
    """The claim that takes the place of another, as reasons name it, by the other's identity."""
    patients: dict[str, list[str]] = {}
    """Identifiers of the record's patients as ``system|value``, by the reference that events name them by."""
    uncatalogued: dict[str, int]
    """Codes the catalogue lacks as ``system|code``, most frequent first, with the number of events that
    took their kind's default entry; ``(no code)`` counts events whose record states none."""

    def claim_account(self) -> ClaimAccount:
        """Where every dollar of the claims went."""
        left_out: Counter[LeftOut] = Counter()
        for line in self.claim_lines:
            if line.left_out is not None and line.amount:
                left_out[line.left_out] += line.amount
        return ClaimAccount(
            claimed=sum(line.amount or 0 for line in self.claim_lines),
            in_events=sum(line.amount or 0 for line in self.claim_lines if line.event is not None),
            left_out=dict(left_out.most_common()),
        )

    def skipped_counts(self) -> dict[str, int]:
        """Skipped resources by reason, most frequent first."""
        return dict(Counter(skipped.counted_as for skipped in self.skipped).most_common())


class NoEvent(Exception):
    """Raised inside the reader where a resource turns out to yield no event."""

    def __init__(self, reason: SkipReason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
