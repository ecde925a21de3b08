"""Observations and DiagnosticReports: readings sent from home, and laboratory tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chainbill.interop.fhir.dates import require_performed, service_moment
from chainbill.interop.fhir.elements import all_codings, child, children, codings, text
from chainbill.interop.fhir.files import Source
from chainbill.interop.fhir.records import Records, require_status, require_valid, shown_code
from chainbill.interop.fhir.references import required
from chainbill.interop.fhir.report import NoEvent, SkipReason
from chainbill.interop.fhir.visits import is_virtual, is_visit
from chainbill.records.service_event import ServiceEvent, ServiceKind

OBSERVATION_STATUSES = ("final", "amended", "corrected")
REPORT_STATUSES = (*OBSERVATION_STATUSES, "appended")
"""``appended`` is FHIR's word for a final report that something was added to."""

LABORATORY_CATEGORIES = frozenset(
    # The words of HL7's observation categories, SNOMED CT's two concepts, LOINC's section, and the
    # laboratory sections of HL7 table 0074. Pathology (PAT, SP, CP) reads tissue and is no laboratory test.
    """
    laboratory 15220000 108252007 26436-6
    LAB BG BLB CG CH GE HM IMM MB MCB MYC OSL PAR SR TX URN VR
    """.split()  # noqa: SIM905
)
"""Category codes that make a report or an observation a laboratory one, in whatever code system."""

MEASURED = ("effectiveDateTime", "effectivePeriod", "effectiveInstant", "effectiveTiming", "issued")
"""Elements that date a measurement, those that go first first."""

VALUES = [
    "valueQuantity",
    "valueCodeableConcept",
    "valueString",
    "valueBoolean",
    "valueInteger",
    "valueRange",
    "valueRatio",
    "valueSampledData",
    "valueTime",
    "valueDateTime",
    "valuePeriod",
]
"""The choices of ``Observation.value[x]``."""


_NO_VALUE = ("id", "extension", "unit", "system", "code", "comparator", "origin", "period", "dimensions")
"""Elements of a value that say nothing without the others."""

_WHY_ABSENT = (
    "http://terminology.hl7.org/CodeSystem/data-absent-reason",
    "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
    "http://hl7.org/fhir/data-absent-reason",
)
"""Code systems that say why there is no value."""


@dataclass(frozen=True, slots=True)
class HeldReading:
    """An Observation that is no event of its own, because a line bills the month that it is in."""

    source: Source
    patient: str
    """Reference of its patient."""
    at: datetime


@dataclass(slots=True)
class Measurements:
    """The observations and reports of a file, and which observation belongs to what."""

    records: Records
    held: list[HeldReading] = field(default_factory=list)
    """What the events of months of monitoring stand on."""
    _belongs_to: dict[str, tuple[SkipReason, Source]] = field(default_factory=dict)

    def group(self) -> None:
        """Find the observations that are part of a laboratory report or of a panel."""
        for report in self.records.of_type("DiagnosticReport"):
            if self._is_laboratory_report(report):
                self._claim_members(report, "result", SkipReason.PART_OF_REPORT)
        for panel in self.records.of_type("Observation"):
            if children(panel.resource, "hasMember") and panel.identity not in self._belongs_to:
                self._claim_panel(panel)
        self._group_reports()

    def report_event(self, source: Source) -> ServiceEvent:
        """The laboratory test a DiagnosticReport is.

        Raises:
            NoEvent: not laboratory, not final, or lacking something an event needs.
        """
        require_valid(source)
        if not self._is_laboratory_report(source):
            raise NoEvent(SkipReason.NO_KIND, "a report, but not of a laboratory")
        require_status(source, *REPORT_STATUSES)
        if belongs := self._belongs_to.get(source.identity):
            raise NoEvent(belongs[0], belongs[1].label)
        if self._reports_nothing(source):
            raise NoEvent(SkipReason.NO_MEASUREMENT, "all of its results are absent")
        return self._event(source, ServiceKind.LABORATORY_TEST, ("performer", "resultsInterpreter"))

    def observation_event(self, source: Source) -> ServiceEvent:
        """The reading from home or the laboratory test an Observation is.

        Raises:
            NoEvent: part of something, of no kind, not final, or lacking something an event needs.
        """
        require_valid(source)
        if belongs := self._belongs_to.get(source.identity):
            raise NoEvent(belongs[0], belongs[1].label)
        kind = self._observation_kind(source)
        require_status(source, *OBSERVATION_STATUSES)
        if not self.has_value(source):
            absent = codings(child(source.resource, "dataAbsentReason"))
            raise NoEvent(SkipReason.NO_MEASUREMENT, shown_code(absent[0].code) if absent else "")
        return self._event(source, kind, ("performer",))

    def belongs(self, source: Source) -> bool:
        """Whether a measurement is part of a report or a panel."""
        return source.identity in self._belongs_to

    def has_value(self, source: Source) -> bool:
        """Whether an Observation states a value: its own, a component's, or a member's (one that is
        elsewhere may).
        """
        waiting, seen = [source], set()
        while waiting:
            current = waiting.pop()
            seen.add(current.identity)
            stated = [current.resource, *children(current.resource, "component")]
            if any(is_stated(each.get(name)) for each in stated for name in VALUES):
                return True
            for reference in children(current.resource, "hasMember"):
                target = self.records.index.follow(reference, current, "Observation")
                if target.found is None and not child(source.resource, "dataAbsentReason"):
                    return True
                if target.found is not None and target.reference not in seen:
                    waiting.append(target.found)
        return False

    def _event(self, source: Source, kind: ServiceKind, performers: tuple[str, ...]) -> ServiceEvent:
        records = self.records
        encounter = records.encounter(source)
        named = [who for name in performers for who in children(source.resource, name)]
        listed = codings(child(source.resource, "code"))
        patient = records.patient(source)
        at = service_moment(source.resource, *MEASURED)
        price = records.prices.matching(
            kind,
            patient.reference,
            listed,
            at.date(),
            encounter.identity if encounter else "",
            records.performers(source, named),
        )
        if price is None and kind is ServiceKind.REMOTE_MONITORING_UPLOAD:
            for line, (first, last) in records.prices.supplies(patient.reference):
                if first <= at.date() <= last:
                    require_performed(at, records.now)
                    self.held.append(HeldReading(source, patient.reference, at))
                    raise NoEvent(SkipReason.PART_OF_CLAIM, line.named)
        return records.event(
            source,
            kind,
            listed,
            patient=patient,
            provider=records.provider(source, named, records.encounter_provider(encounter)),
            at=at,
            price=price,
        )

    def _observation_kind(self, source: Source) -> ServiceKind:
        """What a measurement is: a reading in a visit is part of it, with a device or without.

        Remote monitoring is of what a patient's device sends from elsewhere (CPT 99453-99458: "remote"),
        while FHIR R4 Observation.encounter is the event "during which this observation is made".
        """
        laboratory, vital = self._is_laboratory(source), self._is_vital_sign(source)
        device = child(source.resource, "device")
        if not (laboratory or vital or device):
            raise NoEvent(SkipReason.NO_KIND, "no vital sign, no laboratory value and from no device")
        encounter = self.records.encounter(source, needed=vital or bool(device))
        in_visit = encounter is not None and is_visit(encounter, self.records)
        in_person = in_visit and encounter is not None and not is_virtual(encounter, self.records)
        # An analyser in the clinic is a device too: its value is a laboratory test.
        sample = laboratory and (in_person or not device)
        if in_visit and encounter is not None and not sample:
            raise NoEvent(SkipReason.PART_OF_VISIT, encounter.label)
        if sample:
            return ServiceKind.LABORATORY_TEST
        if device:
            required(self.records.index.follow(device, source, "Device"), "device", identity=False)
        return ServiceKind.REMOTE_MONITORING_UPLOAD

    def _group_reports(self) -> None:
        """Find panels whose members are all a report's results, and reports whose results are all
        another's.
        """
        for panel in self.records.of_type("Observation"):
            members = list(self._members(panel, "hasMember"))
            if not members or panel.identity in self._belongs_to:
                continue
            wholes = {id(whole[1]): whole for member in members if (whole := self._report_of(member))}
            if len(wholes) == 1 and all(self._report_of(member) for member in members):
                self._belongs_to[panel.identity] = wholes.popitem()[1]
        results = {
            report.identity: frozenset(member.identity for member in self._members(report, "result"))
            for report in self.records.of_type("DiagnosticReport")
            if self._is_laboratory_report(report) and text(report.resource, "status") in REPORT_STATUSES
        }
        holders: dict[str, list[Source]] = {}
        for report in self.records.of_type("DiagnosticReport"):
            for member in results.get(report.identity, ()):
                holders.setdefault(member, []).append(report)
        for report in self.records.of_type("DiagnosticReport"):
            mine = results.get(report.identity)
            for other in holders.get(next(iter(mine)), []) if mine else ():
                theirs = results[other.identity]
                # Of two reports on the very same results, the first one stands.
                first = other.identity not in self._belongs_to and mine == theirs
                if other is not report and mine and (mine < theirs or first):
                    self._belongs_to[report.identity] = (SkipReason.PART_OF_REPORT, other)
                    break

    def _report_of(self, member: Source) -> tuple[SkipReason, Source] | None:
        belongs = self._belongs_to.get(member.identity)
        return belongs if belongs and belongs[0] is SkipReason.PART_OF_REPORT else None

    def _reports_nothing(self, report: Source) -> bool:
        """Whether a report's results are all here and none has a value, and it says nothing itself."""
        stated = children(report.resource, "result")
        members = list(self._members(report, "result"))
        said = any(report.resource.get(name) for name in ("conclusion", "conclusionCode", "presentedForm"))
        absent = [
            member
            for member in members
            if child(member.resource, "dataAbsentReason") and not self.has_value(member)
        ]
        return bool(stated) and len(stated) == len(absent) and not said

    def _is_laboratory_report(self, source: Source) -> bool:
        """By category; where it states none, by a code the catalogue knows, or by its results."""
        if children(source.resource, "category"):
            return _has_category(source, LABORATORY_CATEGORIES)
        if self._is_coded_as(source, ServiceKind.LABORATORY_TEST):
            return True
        return any(self._is_laboratory(result) for result in self._members(source, "result"))

    def _is_laboratory(self, source: Source) -> bool:
        if children(source.resource, "category"):
            return _has_category(source, LABORATORY_CATEGORIES)
        return self._is_coded_as(source, ServiceKind.LABORATORY_TEST)

    def _is_vital_sign(self, source: Source) -> bool:
        if children(source.resource, "category"):
            return _has_category(source, {"vital-signs"})
        return not self._is_laboratory(source) and self._is_coded_as(
            source, ServiceKind.REMOTE_MONITORING_UPLOAD
        )

    def _is_coded_as(self, source: Source, kind: ServiceKind) -> bool:
        return bool(self.records.catalogue.find(kind, codings(child(source.resource, "code"))))

    def _members(self, source: Source, name: str) -> Iterator[Source]:
        for reference in children(source.resource, name):
            member = self.records.index.follow(reference, source, "Observation").found
            if member is not None and member.type == "Observation":
                yield member

    def _claim_panel(self, panel: Source) -> None:
        """Its members are part of a panel that is an event itself, so that nobody pays twice."""
        try:
            require_valid(panel)
            self._observation_kind(panel)
            require_status(panel, *OBSERVATION_STATUSES)
        except NoEvent:
            return
        self._claim_members(panel, "hasMember", SkipReason.PART_OF_PANEL)

    def _claim_members(self, whole: Source, name: str, reason: SkipReason) -> None:
        """Mark the members, and the members of members; a ring of them ends at the first one seen."""
        waiting = list(self._members(whole, name))
        while waiting:
            member = waiting.pop()
            if member.identity not in self._belongs_to and member is not whole:
                self._belongs_to[member.identity] = (reason, whole)
                waiting.extend(self._members(member, "hasMember"))


def is_stated(value: Any) -> bool:
    """Whether a value says something: not a unit without a number, nor a code for why there is none."""
    if isinstance(value, dict):
        listed = codings(value)
        if listed and all(coding.system in _WHY_ABSENT for coding in listed):
            return False
        return any(inner not in (None, "", [], {}) for name, inner in value.items() if name not in _NO_VALUE)
    return value not in (None, "")


def _has_category(source: Source, wanted: Iterable[str]) -> bool:
    stated = {coding.code for coding in all_codings(children(source.resource, "category"))}
    return not stated.isdisjoint(wanted)
