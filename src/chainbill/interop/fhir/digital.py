"""Digital-therapeutics sessions: procedures, device uses and questionnaires by their code."""

from __future__ import annotations

from dataclasses import dataclass, field

from chainbill.interop.fhir.dates import first_date
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
    "DeviceUseStatement": ("timingDateTime", "timingPeriod", "recordedOn"),
    "QuestionnaireResponse": ("authored",),
}

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
        if not self.records.catalogue.find(ServiceKind.DIGITAL_THERAPEUTICS_SESSION, listed):
            raise NoEvent(SkipReason.NO_KIND, "not listed in the catalogue as digital therapeutics")
        require_status(source, *SESSION_STATUSES[source.type])
        encounter = self.records.encounter(source)
        performers = [child(who, "actor") for who in children(source.resource, "performer")]
        performers += [child(source.resource, "author"), child(source.resource, "source")]
        return self.records.event(
            source,
            ServiceKind.DIGITAL_THERAPEUTICS_SESSION,
            listed,
            patient=self.records.patient(source),
            provider=self.records.provider(source, performers, self.records.encounter_provider(encounter)),
            at=first_date(source.resource, *_DATES[source.type]),
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
