"""Claim lines that are services of their own: months of monitoring, e-visits, tests, fills, and visits
nobody recorded.

A line that prices nothing else is an event of its code's kind, under its claim's identity and its number
(``Claim/7#2``); where it cannot be one it is left out, with its amount and the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from chainbill.interop.fhir.claims import Line
from chainbill.interop.fhir.dates import service_moment
from chainbill.interop.fhir.elements import child, text
from chainbill.interop.fhir.files import Source
from chainbill.interop.fhir.prices import VISIT_KINDS, Price, Visit, order_of_line, shown, stated_days
from chainbill.interop.fhir.records import UNNAMED_PROVIDER, Records
from chainbill.interop.fhir.report import LeftOut, NoEvent, SkipReason
from chainbill.interop.fhir.visits import NEVER_WAS
from chainbill.records.catalogue import Coding
from chainbill.records.service_event import Party, ServiceEvent, ServiceKind

_LEFT_OUT = {
    SkipReason.MISSING_REFERENCE: LeftOut.MISSING_REFERENCE,
    SkipReason.NOT_A_PATIENT: LeftOut.MISSING_REFERENCE,
    SkipReason.NO_DATE: LeftOut.NO_DATE,
    SkipReason.INEXACT_DATE: LeftOut.INEXACT_DATE,
    SkipReason.BEFORE_1970: LeftOut.BEFORE_1970,
    SkipReason.IN_FUTURE: LeftOut.IN_FUTURE,
    SkipReason.NO_CHARGE: LeftOut.NOTHING_TO_BILL,
    SkipReason.UNUSABLE_PRICE: LeftOut.NOTHING_TO_BILL,
}


@dataclass(slots=True)
class LineEvents:
    """Turns what is left of a record's claim lines into events, once its resources have become theirs."""

    records: Records
    events: dict[str, ServiceEvent]
    """The record's events, by identity."""
    not_events: dict[str, str]
    """Why an encounter or prescription of the record is no event, by identity."""
    include_in_person: bool = True
    made: list[ServiceEvent] = field(default_factory=list)
    _known: dict[tuple[object, ...], Line] = field(default_factory=dict)

    def make(self) -> list[ServiceEvent]:
        """The events; every other line with an amount is left out with its reason."""
        for identity, prices in self.records.prices.extra.items():
            if identity in self.events:
                for price in prices:
                    self._make_extra(self.events[identity], price)
        # What a visit's charges bill, another claim's line may ask for again.
        for line in sorted(self.records.prices.visit_lines(), key=order_of_line):
            if line.event is not None:
                self._known.setdefault(self._charge(line), line)
        self._settle_reversed()
        # The oldest of two claims for one service bills it, wherever it stands in the file.
        for line in sorted(self.records.prices.open_lines(), key=order_of_line):
            if line.open:  # the lines before may have taken it off
                self._make(line)
        return self.made

    def _make_extra(self, visit: ServiceEvent, price: Price) -> None:
        """A facility's charge beside a professional's, or the other way round: a charge of the same visit."""
        line = next((each for each in price.lines if each.amount is not None), None) or price.lines[0]
        target = price.claim.provider
        source = self.records.prices.visits[visit.record_identity].source
        try:
            self.made.append(
                self.records.event(
                    source,
                    visit.kind,
                    line.codings,
                    patient=visit.patient,
                    provider=target.party() if target else visit.provider,
                    at=_on_its_day(line, visit),
                    price=price,
                    fallback=[Coding(visit.code_system, visit.code)],
                    identity=_identity(line),
                )
            )
        except NoEvent as no_event:
            self._leave_out(line, no_event)

    def _make(self, line: Line) -> None:
        records = self.records
        kind = records.prices.kind(line)
        if line.claim.source.type == "ExplanationOfBenefit":
            line.leave_out(LeftOut.ADJUDICATED)
        elif reason := self._not_its_own(line, kind):
            line.leave_out(*reason)
        elif kind is None:
            line.leave_out(LeftOut.NO_KIND)
        elif kind is ServiceKind.IN_PERSON_VISIT and not self.include_in_person:
            line.leave_out(LeftOut.IN_PERSON_OFF)
        elif (line.amount or 0) <= 0:
            line.leave_out(LeftOut.NOTHING_TO_BILL)
        elif (
            twin := self._known.setdefault(self._charge(line), line)
        ) is not line and twin.claim is not line.claim:
            line.leave_out(LeftOut.SAME_CHARGE, twin.named)
        else:
            try:
                self.made.append(self._event(line, kind))
            except NoEvent as no_event:
                self._leave_out(line, no_event)

    def _event(self, line: Line, kind: ServiceKind) -> ServiceEvent:
        records, claim = self.records, line.claim
        named = "patient" if "patient" in claim.source.resource else "subject"
        visit = records.prices.at_visit(line)
        at = _moment(records, line, visit)
        # The number of pills is no number of services, and a visit is one however long it took.
        by_unit = kind not in (*VISIT_KINDS, ServiceKind.PRESCRIPTION_REFILL)
        return records.event(
            claim.source,
            kind,
            line.codings,
            patient=records.patient_named(child(claim.source.resource, named), claim.source),
            provider=_provider(line),
            at=at,
            price=records.prices.with_offsets(line),
            identity=_identity(line),
            units=line.units if by_unit else 1,
        )

    def _not_its_own(self, line: Line, kind: ServiceKind | None) -> tuple[LeftOut, str] | None:
        """Why a line that names a visit or a prescription cannot be a service of its own."""
        claim = line.claim
        if claim.prescription is not None:
            reference = claim.prescription.reference
            if reference in self.not_events:
                return (
                    LeftOut.PRESCRIPTION_NO_EVENT,
                    f"{shown(claim.prescription)}: {self.not_events[reference]}",
                )
            if claim.prescription.found is None:
                return LeftOut.NO_PRESCRIPTION_HERE, shown(claim.prescription)
            if kind is ServiceKind.PRESCRIPTION_REFILL and self._is_another_fill(line, reference):
                return None
            return LeftOut.OTHER_CLAIM, shown(claim.prescription)
        if not line.encounters:
            visit = self.records.prices.at_visit(line)
            if visit is None or visit.source.identity in self.events:
                return None
            return LeftOut.VISIT_NO_EVENT, self._why(visit.source)
        target = line.encounters[0]
        found = target.found
        if found is not None and target.reference in self.not_events:
            never = text(found.resource, "status") in NEVER_WAS
            if never or kind in (*VISIT_KINDS, None):
                return LeftOut.VISIT_NO_EVENT, self._why(found)
        if found is None and kind in VISIT_KINDS:
            return LeftOut.NO_VISIT_HERE, shown(target)
        return None

    def _is_another_fill(self, line: Line, prescription: str) -> bool:
        """Whether a line is of another day than every fill of its prescription that is billed."""
        prices = self.records.prices
        ordered = self.events.get(prescription)
        days = {ordered.service_date} if ordered else set()
        try:
            for other in prices.fill_lines(prescription):
                if other.event is not None:
                    days.add(prices.moment(other).date())
            return prices.moment(line).date() not in days
        except NoEvent:
            return False

    def _why(self, encounter: Source) -> str:
        return f"{encounter.label}: {self.not_events.get(encounter.identity, 'not charged')}"

    def _charge(self, line: Line) -> tuple[object, ...]:
        """What is equal of two lines of different claims that ask for one service twice."""
        try:
            day = self.records.prices.moment(line).date()
        except NoEvent:
            day = None
        provider = line.claim.provider.reference if line.claim.provider else ""
        service = str(line.codings[0]) if line.codings else ""
        return line.claim.patient, provider, line.claim.type, service, day, line.amount, line.units

    def _settle_reversed(self) -> None:
        """Set lines of less than nothing against the equal ones of another claim that they reverse."""
        prices = self.records.prices
        lines = sorted(prices.open_lines(), key=order_of_line)
        asked: dict[tuple[object, ...], list[Line]] = {}
        for line in lines:
            asked.setdefault((line.claim.patient, prices.service_key(line), line.amount), []).append(line)
        for taken in (line for line in lines if (line.amount or 0) < 0):
            key = taken.claim.patient, prices.service_key(taken), -(taken.amount or 0)
            # The charge of the same day goes first.
            for line in sorted(asked.get(key, ()), key=lambda each: stated_days(each) != stated_days(taken)):
                if line.claim is not taken.claim and line.open and taken.open:
                    line.leave_out(LeftOut.REVERSED, f"by {taken.claim.source.label}")
                    taken.leave_out(LeftOut.REVERSED, f"it reverses {line.claim.source.label}")

    @staticmethod
    def _leave_out(line: Line, no_event: NoEvent) -> None:
        line.leave_out(_LEFT_OUT.get(no_event.reason, LeftOut.NO_KIND), no_event.detail)


def _on_its_day(line: Line, visit: ServiceEvent) -> datetime:
    """When a charge beside a visit's own took place: on the day it states, else with the visit."""
    try:
        at = service_moment(line.item, "servicedDate")
    except NoEvent:
        return visit.performed_at
    return visit.performed_at if at.date() == visit.service_date else at


def _identity(line: Line) -> str:
    return f"{line.claim.source.identity}#{line.number}"


def _provider(line: Line) -> Party:
    return line.claim.provider.party() if line.claim.provider else UNNAMED_PROVIDER


def _moment(records: Records, line: Line, visit: Visit | None) -> datetime:
    """A line's own date, else its visit's."""
    try:
        return records.prices.moment(line)
    except NoEvent:
        if visit is None:
            raise
        return service_moment(visit.source.resource, "period")
