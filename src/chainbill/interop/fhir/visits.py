"""Encounters: visits by video or telephone, visits in person, and where a measurement was taken."""

from __future__ import annotations

import re
from enum import Enum

from chainbill.interop.fhir.dates import first_date
from chainbill.interop.fhir.elements import all_codings, child, children, text, words
from chainbill.interop.fhir.files import Source
from chainbill.interop.fhir.records import Records, require_status, require_valid, visit_providers
from chainbill.interop.fhir.report import NoEvent, SkipReason
from chainbill.records.catalogue import Coding
from chainbill.records.service_event import ServiceEvent, ServiceKind

IN_PERSON_CLASSES = ("AMB", "EMER", "IMP", "HH", "ACUTE", "NONAC")
"""Encounter classes of visits in person; ACUTE and NONAC are HL7's two sorts of IMP."""

TELEHEALTH_MODIFIERS = ("95", "93")
"""CPT modifiers of a visit by video (95) and by telephone (93)."""

_VIRTUAL_OR_HOME = re.compile(
    r"\b(telehealth|telemedicine|tele-?(visit|consult\w*)|telephone|virtual|video|e-visit|home visit)\b"
)


class Setting(Enum):
    """Where an encounter took place."""

    VIRTUAL = "virtual"
    HOME = "home"
    """Home health, class HH: a visit in person, at the patient's home."""
    IN_PERSON = "in person"


def setting(encounter: Source, records: Records) -> Setting:
    """Where an encounter took place, by its class, its type, or a modifier on its claim.

    Class HH goes before a "home visit" type: somebody was at the door.
    """
    encounter_class = text(child(encounter.resource, "class"), "code")
    if encounter_class == "HH":
        return Setting.HOME
    if encounter_class == "VR" or _has_virtual_or_home_type(encounter, records):
        return Setting.VIRTUAL
    if records.prices.modifiers(encounter.identity) & set(TELEHEALTH_MODIFIERS):
        return Setting.VIRTUAL
    return Setting.IN_PERSON


def visit_event(source: Source, records: Records, *, include_in_person: bool) -> ServiceEvent:
    """The visit an Encounter is.

    Raises:
        NoEvent: not finished, of a class that is no visit, or lacking something an event needs.
    """
    require_valid(source)
    require_status(source, "finished")
    kind = _kind(source, records)
    if kind is ServiceKind.IN_PERSON_VISIT and not include_in_person:
        raise NoEvent(SkipReason.IN_PERSON_OFF)
    types = all_codings(children(source.resource, "type"))
    encounter_class = child(source.resource, "class")
    claims = records.prices.visit_claims(source.identity)
    return records.event(
        source,
        kind,
        types,
        patient=records.patient(source),
        provider=records.provider(source, visit_providers(source), records.claim_provider(claims)),
        at=first_date(source.resource, "period"),
        price=records.prices.visit(source.identity, types),
        fallback=[Coding(text(encounter_class, "system"), text(encounter_class, "code"))],
    )


def _kind(source: Source, records: Records) -> ServiceKind:
    if setting(source, records) is Setting.VIRTUAL:
        return ServiceKind.TELEHEALTH_VISIT
    encounter_class = text(child(source.resource, "class"), "code")
    if encounter_class not in IN_PERSON_CLASSES:
        raise NoEvent(SkipReason.NO_KIND, f"encounter class {encounter_class[:20] or 'not stated'}")
    return ServiceKind.IN_PERSON_VISIT


def _has_virtual_or_home_type(encounter: Source, records: Records) -> bool:
    types = children(encounter.resource, "type")
    codings = all_codings(types)
    if records.catalogue.is_virtual_or_home(codings):
        return True
    if records.catalogue.find(ServiceKind.IN_PERSON_VISIT, codings):
        return False
    # Local codes and plain text say it in words only.
    return any(_VIRTUAL_OR_HOME.search(words(concept)) for concept in types)
