"""Observations and DiagnosticReports: readings sent from home, and laboratory tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from chainbill.interop.fhir.dates import first_date
from chainbill.interop.fhir.elements import all_codings, child, children, codings
from chainbill.interop.fhir.files import Source
from chainbill.interop.fhir.records import Records, require_status, require_valid
from chainbill.interop.fhir.references import required
from chainbill.interop.fhir.report import NoEvent, SkipReason
from chainbill.interop.fhir.visits import Setting, setting
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

_DATES = ("effectiveDateTime", "effectivePeriod", "effectiveInstant", "issued")


@dataclass(slots=True)
class Measurements:
    """The observations and reports of a file, and which observation belongs to what."""

    records: Records
    _belongs_to: dict[str, tuple[SkipReason, Source]] = field(default_factory=dict)

    def group(self) -> None:
        """Find the observations that are part of a laboratory report or of a panel."""
        for report in self.records.of_type("DiagnosticReport"):
            if self._is_laboratory_report(report):
                self._claim_members(report, "result", SkipReason.PART_OF_REPORT)
        for panel in self.records.of_type("Observation"):
            if children(panel.resource, "hasMember") and panel.identity not in self._belongs_to:
                self._claim_panel(panel)

    def report_event(self, source: Source) -> ServiceEvent:
        """The laboratory test a DiagnosticReport is.

        Raises:
            NoEvent: not laboratory, not final, or lacking something an event needs.
        """
        require_valid(source)
        if not self._is_laboratory_report(source):
            raise NoEvent(SkipReason.NO_KIND, "a report, but not of a laboratory")
        require_status(source, *REPORT_STATUSES)
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
        return self._event(source, kind, ("performer",))

    def _event(self, source: Source, kind: ServiceKind, performers: tuple[str, ...]) -> ServiceEvent:
        encounter = self.records.encounter(source)
        named = [who for name in performers for who in children(source.resource, name)]
        return self.records.event(
            source,
            kind,
            codings(child(source.resource, "code")),
            patient=self.records.patient(source),
            provider=self.records.provider(source, named, self.records.encounter_provider(encounter)),
            at=first_date(source.resource, *_DATES),
        )

    def _observation_kind(self, source: Source) -> ServiceKind:
        laboratory, vital = self._is_laboratory(source), self._is_vital_sign(source)
        device = child(source.resource, "device")
        if not (laboratory or vital or device):
            raise NoEvent(SkipReason.NO_KIND, "no vital sign, no laboratory value and from no device")
        encounter = self.records.encounter(source, needed=vital or bool(device and laboratory))
        in_person = encounter is not None and setting(encounter, self.records) is Setting.IN_PERSON
        if vital and in_person and encounter is not None:
            raise NoEvent(SkipReason.PART_OF_VISIT, encounter.label)
        # An analyser in the clinic is a device too: its value is a laboratory test.
        if device and not (laboratory and in_person):
            required(self.records.index.follow(device, source, "Device"), "device", identity=False)
            return ServiceKind.REMOTE_MONITORING_UPLOAD
        return ServiceKind.REMOTE_MONITORING_UPLOAD if vital else ServiceKind.LABORATORY_TEST

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


def _has_category(source: Source, wanted: Iterable[str]) -> bool:
    stated = {coding.code for coding in all_codings(children(source.resource, "category"))}
    return not stated.isdisjoint(wanted)
