"""Encounters: visits by video or telephone, visits in person, and where a measurement was taken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from chainbill.interop.fhir.dates import service_moment
from chainbill.interop.fhir.elements import all_codings, child, children, text, words
from chainbill.interop.fhir.files import Source
from chainbill.interop.fhir.prices import Visit, is_virtual_place, providers_of, shown
from chainbill.interop.fhir.records import Records, require_status, require_valid, visit_providers
from chainbill.interop.fhir.references import Target
from chainbill.interop.fhir.report import NoEvent, SkipReason
from chainbill.records.catalogue import Coding
from chainbill.records.service_event import ServiceEvent, ServiceKind

IN_PERSON_CLASSES = ("AMB", "EMER", "IMP", "HH", "ACUTE", "NONAC", "OBSENC", "SS")
"""Encounter classes (HL7 v3 ActEncounterCode) of visits in person: ACUTE and NONAC are two sorts of IMP,
OBSENC is an observation stay and SS a short one."""

NEVER_WAS = ("entered-in-error", "cancelled")
"""Encounter statuses that say that nothing took place."""

_VIRTUAL_OR_HOME = re.compile(
    r"\b(telehealth|telemedicine|tele-?(visit|consult\w*)|e-visit|home visit"
    r"|(video|virtual|telephone|phone|online|audio(-only)?)[\s-]+"
    r"(visit|consult\w*|encounter|appointment|session|call|conference|check-?in|follow-?up|contact))\b"
)
"""Words that name a visit. "Video" alone does not: video-assisted surgery is done in person."""
_WHOLE_WORDS = ("telephone", "phone", "video", "virtual", "online")
"""What names a visit where it is all that a type says."""


@dataclass(slots=True)
class Visits:
    """The encounters of a record, and which of them are visits."""

    records: Records
    include_in_person: bool = True
    _wholes: dict[str, Target] = field(default_factory=dict)
    """The encounter that another is part of, by identity."""

    def group(self) -> Iterator[Visit]:
        """Every encounter as claim lines may find it."""
        encounters = self.records.of_type("Encounter")
        for source in encounters:
            self._note_whole(source)
        for source in encounters:
            yield self._visit(source)

    def event(self, source: Source) -> ServiceEvent:
        """The visit an Encounter is.

        Raises:
            NoEvent: not finished, part of another, of a class that is no visit, or lacking something an
            event needs.
        """
        require_valid(source)
        require_status(source, "finished")
        records = self.records
        kind = self._kind(source)
        if (whole := self._whole(source)) and not records.prices.names_visit(source.identity):
            raise NoEvent(SkipReason.PART_OF, whole)
        if kind is ServiceKind.IN_PERSON_VISIT and not self.include_in_person:
            raise NoEvent(SkipReason.IN_PERSON_OFF)
        if charge := records.prices.not_billable(source.identity):
            raise NoEvent(SkipReason.NO_CHARGE, f"not billable by {charge.label}")
        types = all_codings(children(source.resource, "type"))
        encounter_class = child(source.resource, "class")
        claims = records.prices.visit_claims(source.identity)
        return records.event(
            source,
            kind,
            types,
            patient=records.patient(source),
            provider=records.provider(source, visit_providers(source), records.claim_provider(claims)),
            at=service_moment(source.resource, "period"),
            price=records.prices.visit(source.identity, types),
            fallback=[Coding(text(encounter_class, "system"), text(encounter_class, "code"))],
        )

    def _visit(self, source: Source) -> Visit:
        records = self.records
        patient = records.index.in_lieu(
            records.index.follow(child(source.resource, "subject"), source, "Patient")
        )
        named = [records.index.follow(each, source) for each in visit_providers(source) if each]
        try:
            day = service_moment(source.resource, "period").date()
        except NoEvent:
            day = None
        try:
            self._kind(source)
        except NoEvent:
            is_visit = False
        else:
            is_visit = text(source.resource, "status") == "finished" and not self._whole(source)
        return Visit(
            source=source,
            patient=patient.reference,
            providers=frozenset().union(*(providers_of(target, records.index) for target in named)),
            day=day,
            types=all_codings(children(source.resource, "type")),
            virtual=_is_virtual(source, records),
            takes_lines=is_visit,
        )

    def _note_whole(self, source: Source) -> None:
        part_of = child(source.resource, "partOf")
        if not part_of:
            return
        target = self.records.index.follow(part_of, source, "Encounter")
        seen = {source.identity}
        while target.found is not None and text(target.found.resource, "status") in NEVER_WAS:
            # What it was part of never was: it is part of what that was part of, or stands for itself.
            seen.add(target.reference)
            part_of = child(target.found.resource, "partOf")
            target = self.records.index.follow(part_of, target.found, "Encounter")
            if target.reference in seen:
                return
        # What a server's reference names is a whole, here or not; a urn says nothing outside its file.
        nowhere = target.missing and not (target.reference and target.type)
        if nowhere or target.reference == source.identity:
            return
        if target.found is not None and not _may_be_visit(target.found, self.records):
            return  # what is never charged cannot hold the charge for its parts
        self._wholes[source.identity] = target

    def _whole(self, source: Source) -> str:
        """What an encounter is part of, as a reason names it; empty: nothing. Of a ring, one stands for
        itself.
        """
        direct = self._wholes.get(source.identity)
        if direct is None:
            return ""
        ring, current = [source.identity], direct.reference
        while current in self._wholes and current not in ring:
            ring.append(current)
            current = self._wholes[current].reference
        if current == source.identity and source.identity == min(ring):
            return ""
        return shown(direct)

    def _kind(self, source: Source) -> ServiceKind:
        if is_virtual(source, self.records):
            return ServiceKind.TELEHEALTH_VISIT
        encounter_class = text(child(source.resource, "class"), "code")
        if encounter_class not in IN_PERSON_CLASSES:
            raise NoEvent(SkipReason.NO_KIND, f"encounter class {encounter_class[:20] or 'not stated'}")
        return ServiceKind.IN_PERSON_VISIT


def _may_be_visit(encounter: Source, records: Records) -> bool:
    encounter_class = text(child(encounter.resource, "class"), "code")
    return encounter_class in IN_PERSON_CLASSES or _is_virtual(encounter, records)


def is_visit(encounter: Source, records: Records) -> bool:
    """Whether an encounter is a visit, in person, by video or at home, so that what is measured in it is
    part of it.
    """
    encounter_class = text(child(encounter.resource, "class"), "code")
    return encounter_class in IN_PERSON_CLASSES or is_virtual(encounter, records)


def is_virtual(encounter: Source, records: Records) -> bool:
    """Whether an encounter was telehealth: by its class, type, location, or a modifier or place on its claim.

    Class HH goes before all of them: somebody was at the door.
    """
    if text(child(encounter.resource, "class"), "code") == "HH":
        return False
    return _is_virtual(encounter, records) or records.prices.virtual_by_line(encounter.identity)


def _is_virtual(encounter: Source, records: Records) -> bool:
    encounter_class = text(child(encounter.resource, "class"), "code")
    if encounter_class in ("VR", "HH"):
        return encounter_class == "VR"
    return _has_virtual_or_home_type(encounter, records) or any(_virtual_locations(encounter, records))


def _virtual_locations(encounter: Source, records: Records) -> Iterator[bool]:
    for stay in children(encounter.resource, "location"):
        yield any(coding.code == "vi" for coding in all_codings([child(stay, "physicalType")]))
        place = records.index.follow(child(stay, "location"), encounter, "Location").found
        yield place is not None and is_virtual_place(place)


def _has_virtual_or_home_type(encounter: Source, records: Records) -> bool:
    types = children(encounter.resource, "type")
    codings = all_codings(types)
    if records.catalogue.is_virtual_or_home(codings):
        return True
    if records.catalogue.find(ServiceKind.IN_PERSON_VISIT, codings):
        return False
    # Local codes and plain text say it in words only.
    return any(_says_virtual(words(concept)) for concept in types)


def _says_virtual(said: str) -> bool:
    return bool(_VIRTUAL_OR_HOME.search(said)) or said.strip() in _WHOLE_WORDS
