"""Digital-therapeutics sessions and months of monitoring: procedures, device uses, questionnaires, by their
code."""

from __future__ import annotations

from dataclasses import dataclass, field

from chainbill.interop.fhir.dates import service_moment
from chainbill.interop.fhir.elements import child, children, codings, text
from chainbill.interop.fhir.files import Source
from chainbill.interop.fhir.records import Records, require_status, require_valid
from chainbill.interop.fhir.references import required
from chainbill.interop.fhir.report import NoEvent, SkipReason
from chainbill.records.catalogue import Coding
from chainbill.records.service_event import ServiceEvent, ServiceKind

SESSION_STATUSES = {
    "Procedure": ("completed",),
    "DeviceUseStatement": ("active", "completed"),
    "QuestionnaireResponse": ("completed", "amended"),
}
"""The statuses that say a session took place, by resource type."""

_DATES = {
    "Procedure": ("performedDateTime", "performedPeriod"),
    "DeviceUseStatement": ("timingDateTime", "timingPeriod", "timingTiming", "recordedOn"),
    "QuestionnaireResponse": ("authored",),
}

_KINDS = (ServiceKind.DIGITAL_THERAPEUTICS_SESSION, ServiceKind.REMOTE_MONITORING_UPLOAD)

_URIS = "urn:ietf:rfc:3986"
"""FHIR's code system of URIs, by which the catalogue lists questionnaires without a code."""


@dataclass(slots=True)
class Sessions:
    """The digital-therapeutics sessions of a file."""

    records: Records
    _questionnaires: dict[str, list[Coding]] = field(default_factory=dict)
    """Codes of the file's questionnaires, by what a response can name them by."""

    def group(self) -> None:
        """Find the file's questionnaires."""
        for questionnaire in self.records.of_type("Questionnaire"):
            listed = codings({"coding": questionnaire.resource.get("code")})
            for name in (text(questionnaire.resource, "url"), questionnaire.identity):
                self._questionnaires.setdefault(name, listed)

    def event(self, source: Source) -> ServiceEvent:
        """The session a resource is, if the catalogue lists its code as one.

        Raises:
            NoEvent: not a listed code, not carried out, or lacking something an event needs.
        """
        require_valid(source)
        listed = self._codings(source)
        records = self.records
        kinds = records.catalogue.kinds(listed)
        kind = next((kind for kind in _KINDS if kind in kinds), None)
        if kind is None:
            raise NoEvent(
                SkipReason.NO_KIND, "not listed in the catalogue as digital therapeutics or monitoring"
            )
        require_status(source, *SESSION_STATUSES[source.type])
        encounter = records.encounter(source)
        performers = [child(who, "actor") for who in children(source.resource, "performer")]
        performers += [child(source.resource, "author"), child(source.resource, "source")]
        patient = records.patient(source)
        at = service_moment(source.resource, *_DATES[source.type])
        return records.event(
            source,
            kind,
            listed,
            patient=patient,
            provider=records.provider(source, performers, records.encounter_provider(encounter)),
            at=at,
            price=records.prices.matching(
                kind,
                patient.reference,
                listed,
                at.date(),
                encounter.identity if encounter else "",
                records.performers(source, performers),
            ),
        )

    def _codings(self, source: Source) -> list[Coding]:
        if source.type == "DeviceUseStatement":
            target = self.records.index.follow(child(source.resource, "device"), source, "Device")
            found = required(target, "device", content=True).found
            return codings(child(found.resource, "type")) if found else []
        if source.type == "QuestionnaireResponse":
            canonical = text(source.resource, "questionnaire").partition("|")[0]
            named = [Coding(_URIS, canonical)] if canonical else []
            return named + self._questionnaires.get(canonical, [])
        return codings(child(source.resource, "code"))
