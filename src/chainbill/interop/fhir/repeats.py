"""The same thing under two identities: a reading sent twice, a report corrected under a new name.

FHIR R4 does not forbid either: a resource's id says nothing of the thing. One patient, provider, code,
instant and value is one measurement or service, and the second is listed. Reports that share a business
identifier, patient, code and time are one report, of which the last issued counts
(``DiagnosticReport.identifier``, ``.status`` corrected).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC
from decimal import Decimal
from typing import Any

from chainbill.interop.fhir.dates import EPOCH, first_date
from chainbill.interop.fhir.digital import SESSION_STATUSES
from chainbill.interop.fhir.elements import Json, all_codings, child, children, codings, text, words
from chainbill.interop.fhir.files import Source
from chainbill.interop.fhir.measurements import (
    LABORATORY_CATEGORIES,
    MEASURED,
    OBSERVATION_STATUSES,
    REPORT_STATUSES,
    VALUES,
    Measurements,
)
from chainbill.interop.fhir.records import Records, visit_providers
from chainbill.interop.fhir.report import NoEvent, SkipReason
from chainbill.records.catalogue import Coding

_DATES = {
    "Observation": MEASURED,
    "DiagnosticReport": MEASURED,
    "Encounter": ("period",),
    "MedicationDispense": ("whenHandedOver", "whenPrepared"),
    "MedicationRequest": ("authoredOn",),
    "Procedure": ("performedDateTime", "performedPeriod"),
    "DeviceUseStatement": ("timingDateTime", "timingPeriod", "recordedOn"),
    "QuestionnaireResponse": ("authored",),
}
_STATUSES = {
    "Observation": OBSERVATION_STATUSES,
    "DiagnosticReport": REPORT_STATUSES,
    "Encounter": ("finished",),
    "MedicationDispense": ("completed",),
    "MedicationRequest": ("active", "completed", "stopped"),
    **SESSION_STATUSES,
}
_CONTENT = (
    *VALUES,
    *"""
    component class type partOf quantity daysSupply authorizingPrescription dosageInstruction dispenseRequest
    conclusion conclusionCode presentedForm questionnaire item bodySite device category reasonCode identifier
    prescription location intent doNotPerform reportedBoolean
    """.split(),  # noqa: SIM905
)
"""What has to be equal besides, where it is stated."""
_LOINC = "http://loinc.org"
_UCUM = "http://unitsofmeasure.org"
_VISIT = "Encounter"
_NAMES_THE_THING = ("DiagnosticReport", "Observation")
"""Types whose business identifiers stay the same when they are corrected under a new id."""


@dataclass(slots=True)
class Repeats:
    """Which resources of a record repeat or correct another."""

    records: Records
    measurements: Measurements
    _told: dict[str, NoEvent] = field(default_factory=dict)

    def group_visits(self) -> dict[str, Source]:
        """Find the encounters that repeat another, before claims are put to visits.

        Returns the one that stands in lieu of each: the first that a claim names, else the first.
        """
        self._find((_VISIT,))
        return self.records.same

    def group(self) -> None:
        """Find the others. Of equal ones the first stands, but a part of a report or panel goes before one by
        itself.
        """
        self._find(kind for kind in _DATES if kind != _VISIT)

    def _find(self, kinds: Iterable[str]) -> None:
        for kind in kinds:
            accepted = [
                source
                for source in self.records.of_type(kind)
                if text(source.resource, "status") in _STATUSES[kind]
            ]
            if kind in _NAMES_THE_THING:
                self._find_corrected(accepted)
            self._find_equal(accepted, kind)

    def check(self, source: Source) -> None:
        """Raise where a resource repeats, or is corrected by, another.

        Raises:
            NoEvent: it does.
        """
        if (told := self._told.get(source.identity)) is not None:
            raise told

    def _find_corrected(self, sources: Iterable[Source]) -> None:
        known: dict[tuple[str, ...], Source] = {}
        for source in sources:
            when = _instant(source)
            listed = codings(child(source.resource, "code"))
            for identifier in children(source.resource, "identifier"):
                value = text(identifier, "value")
                if not (value and when and listed):
                    continue
                key = (text(identifier, "system"), value, self._patient(source), str(listed[0]), when)
                other = known.setdefault(key, source)
                if other is source or source.identity in self._told:
                    continue
                older, newer = (source, other) if _issued(source) < _issued(other) else (other, source)
                known[key] = newer
                self._told[older.identity] = NoEvent(SkipReason.REPLACED, newer.label)

    def _find_equal(self, sources: Iterable[Source], kind: str) -> None:
        reason = SkipReason.SAME_MEASUREMENT if kind == "Observation" else SkipReason.SAME_SERVICE
        prices = self.records.prices
        named = prices.named_visits() if kind == _VISIT else set()
        # One that a claim names stands before one by itself: its price is stated.
        ordered = sorted(
            sources,
            key=lambda source: (
                not self.measurements.belongs(source),
                source.identity not in named and not prices.is_billed(source.identity),
            ),
        )
        known: dict[str, list[tuple[list[str], Source]]] = {}
        for source in ordered:
            if source.identity in self._told or not (key := self._key(source)):
                continue
            providers = self._providers(source)
            equal = known.setdefault(key, [])
            # Who names no provider does not say that it is another's.
            first = next(
                (each for named, each in equal if not (named and providers and named != providers)), None
            )
            if first is None:
                equal.append((providers, source))
            else:
                self._told[source.identity] = NoEvent(reason, first.label)
                if kind == _VISIT:
                    self.records.same[source.identity] = first

    def _key(self, source: Source) -> str:
        """What is equal of two resources for one thing; empty where it cannot be told."""
        when = _instant(source)
        # Two visits, fills or sessions on one day are two; two readings of one value on one day may be one.
        if not when or (source.type not in _NAMES_THE_THING and "T" not in _written(source)):
            return ""
        resource = source.resource
        content: Json = {name: _plain(resource[name]) for name in _CONTENT if name in resource}
        if source.type in _NAMES_THE_THING:
            for name in ("device", "identifier", "category"):
                content.pop(name, None)
            categories = {coding.code for coding in all_codings(children(resource, "category"))}
            content["category"] = sorted(categories & {*LABORATORY_CATEGORIES, "vital-signs"})
            content["members"] = sorted(
                self._value(member)
                for name in ("result", "hasMember")
                for reference in children(resource, name)
                if (member := self.records.index.follow(reference, source, "Observation").found)
            )
            if not content["members"] and any(children(resource, name) for name in ("result", "hasMember")):
                return ""
        medicine = codings(child(resource, "medicationCodeableConcept"))
        listed = codings(child(resource, "code")) or medicine or all_codings(children(resource, "type"))
        reference = child(resource, "medicationReference")
        if reference:
            content["medicine"] = self.records.index.follow(reference, source, "Medication").reference
        said = words(child(resource, "code"))
        if not (listed or said or reference):
            return ""
        return json.dumps(
            [source.type, self._patient(source), _telling(listed) or said, when, content],
            sort_keys=True,
            default=str,
        )

    def _value(self, source: Source) -> str:
        resource = source.resource
        stated = {name: _plain(resource[name]) for name in (*VALUES, "component") if name in resource}
        return json.dumps([_telling(codings(child(resource, "code"))), stated], sort_keys=True, default=str)

    def _patient(self, source: Source) -> str:
        index = self.records.index
        return index.in_lieu(index.follow(child(source.resource, "subject"), source, "Patient")).reference

    def _providers(self, source: Source) -> list[str]:
        resource = source.resource
        named = visit_providers(source) if source.type == "Encounter" else children(resource, "performer")
        actors = [child(each, "actor") or each for each in named]
        actors += [child(resource, "requester"), child(resource, "author"), child(resource, "source")]
        # Where none is named, it is the one of its visit.
        actors = [each for each in actors if each] or [child(resource, "encounter")]
        return sorted({self.records.index.follow(each, source).reference for each in actors if each})


def _telling(listed: list[Coding]) -> list[Coding]:
    """The codings of LOINC, beside which others are translations; where it has none, all, in order."""
    return [coding for coding in listed if coding.system == _LOINC] or sorted(listed)


def _plain(value: Any) -> Any:
    """A value as it counts: numbers by their size, concepts by their codes, components in one order."""
    if isinstance(value, dict):
        dropped = {"id", "extension", "display"} | ({"text"} if value.get("coding") else set())
        dropped |= {"unit"} if value.get("code") else set()
        kept = {name: _plain(inner) for name, inner in value.items() if name not in dropped}
        if "value" in kept and "code" in kept and kept.get("system") in (_UCUM, None):
            # A unit's code is what another may have written as the unit alone.
            kept.pop("system", None)
            kept["unit"] = kept.pop("code")
        return kept
    if isinstance(value, list):
        return sorted((_plain(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return format(Decimal(value).normalize(), "E")
    return value


def _instant(source: Source) -> str:
    moment = first_date(source.resource, *_DATES[source.type])
    if moment is None:
        return ""
    end = text(child(source.resource, _DATES[source.type][0]), "end")
    return f"{moment.astimezone(UTC).isoformat()} {end}"


def _written(source: Source) -> str:
    resource = source.resource
    for name in _DATES[source.type]:
        if written := text(resource, name) or text(child(resource, name), "start"):
            return written
    return ""


def _issued(source: Source) -> tuple[object, ...]:
    resource = source.resource
    issued = first_date(resource, "issued") or first_date(child(resource, "meta"), "lastUpdated") or EPOCH
    return issued, text(resource, "status") in ("corrected", "amended", "appended")
