"""Reading a FHIR file into service events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from chainbill.errors import UnsupportedVersion
from chainbill.interop.fhir.digital import SESSION_STATUSES, Sessions
from chainbill.interop.fhir.files import Source, read_sources
from chainbill.interop.fhir.measurements import Measurements
from chainbill.interop.fhir.prescriptions import Prescriptions
from chainbill.interop.fhir.records import Records
from chainbill.interop.fhir.references import PROVIDER_TYPES
from chainbill.interop.fhir.report import IngestReport, NoEvent, SkippedResource, SkipReason
from chainbill.interop.fhir.versions import not_r4_because
from chainbill.interop.fhir.visits import visit_event
from chainbill.records.catalogue import Catalogue
from chainbill.records.service_event import ServiceEvent

MAX_BYTES = 64 * 2**20
"""Default limit of a JSON file, in bytes."""

MAX_LINE_BYTES = 4 * 2**20
"""Default limit of one line of NDJSON, in bytes."""

Builder = Callable[[Source], ServiceEvent]
"""Makes a resource's event, or raises ``NoEvent``."""

_PRICE_TYPES = ("Claim", "ExplanationOfBenefit")
_EVENT_TYPES = (
    "Encounter",
    "Observation",
    "DiagnosticReport",
    "MedicationDispense",
    "MedicationRequest",
    *SESSION_STATUSES,
)
_CARE_OF_NO_KIND = {
    "Immunization": "a vaccination",
    "ImagingStudy": "an imaging study",
    "MedicationAdministration": "a medication given in a visit",
    "SupplyDelivery": "a supply",
    "VisionPrescription": "a prescription of glasses",
}
"""Care that is billed somewhere, but is none of the kinds of event chainbill settles."""

_NO_SERVICE = {
    "Bundle": "a bundle inside a bundle",
    "CarePlan": "a plan of care",
    "CareTeam": "provider directory",
    "Condition": "a diagnosis",
    "Coverage": "insurance",
    "Device": "a device",
    "Location": "provider directory",
    "Medication": "a medicine's description",
    "Organization": "provider directory",
    "Patient": "patient demographics",
    "Practitioner": "provider directory",
    "PractitionerRole": "provider directory",
    "Questionnaire": "a questionnaire's questions",
    "ServiceRequest": "an order",
}
"""What common resources are, where the type's name does not say it."""

_CONTENT_NEEDED = ("Patient", "Medication", "Device", "Questionnaire", *PROVIDER_TYPES)
"""Types whose content events are described with. Of the rest only the name is kept in memory."""


def read_fhir(
    path: Path | str,
    *,
    catalogue: Catalogue,
    include_in_person: bool = True,
    max_bytes: int = MAX_BYTES,
    max_line_bytes: int = MAX_LINE_BYTES,
    not_after: datetime | None = None,
) -> IngestReport:
    """Read a Bundle, NDJSON of resources, or one resource, and find the service events in it.

    ``max_bytes`` limits a JSON file and ``max_line_bytes`` a line of NDJSON. Events dated after
    ``not_after`` are skipped as in the future; without it none are. Events before 1970 always are:
    the chain's clock begins there.

    Raises:
        RecordTooLarge: the file, or a line of NDJSON, is over its limit.
        UnsupportedVersion: FHIR, but not R4.
        MalformedRecord: not JSON, not FHIR, or nested beyond reason.
        RecordError: the file cannot be opened.
    """
    records = Records(catalogue)
    for source in read_sources(Path(path), max_bytes=max_bytes, max_line_bytes=max_line_bytes):
        if tell := not_r4_because(source.resource):
            raise UnsupportedVersion(
                f"{path}: not FHIR R4: {tell} ({source.label})", hint="export it again as FHIR R4"
            )
        if source.type not in (*_EVENT_TYPES, *_PRICE_TYPES, *_CONTENT_NEEDED):
            source.shed()
        records.add(source)
    return _report(records, _builders(records, include_in_person=include_in_person), not_after)


def _builders(records: Records, *, include_in_person: bool) -> dict[str, Builder]:
    """How each type of resource becomes an event, once the whole file is known."""
    records.prices.add(source for kind in _PRICE_TYPES for source in records.of_type(kind))
    measurements, prescriptions, sessions = Measurements(records), Prescriptions(records), Sessions(records)
    for grouped in (measurements, prescriptions, sessions):
        grouped.group()
    return {
        "Encounter": partial(visit_event, records=records, include_in_person=include_in_person),
        "Observation": measurements.observation_event,
        "DiagnosticReport": measurements.report_event,
        "MedicationDispense": prescriptions.dispense_event,
        "MedicationRequest": prescriptions.request_event,
        **dict.fromkeys(SESSION_STATUSES, sessions.event),
    }


def _report(records: Records, builders: dict[str, Builder], not_after: datetime | None) -> IngestReport:
    events: list[ServiceEvent] = []
    skipped: dict[int, SkippedResource] = {}
    claims: list[int] = []
    for place, source in enumerate(records.sources):
        if source.type in _PRICE_TYPES:
            claims.append(place)
            continue
        try:
            events.append(_event(source, builders, not_after))
        except NoEvent as no_event:
            skipped[place] = _skipped(source, no_event.reason, no_event.detail)
    for place in claims:  # only now is it known what each was used for
        claim = records.sources[place]
        skipped[place] = _skipped(claim, SkipReason.USED_AS_PRICE, records.prices.use_of(claim))
    return IngestReport(
        events=sorted(events, key=lambda event: event.performed_at),
        skipped=[skipped[place] for place in sorted(skipped)],
        uncatalogued=dict(records.uncatalogued.most_common()),
    )


def _event(source: Source, builders: dict[str, Builder], not_after: datetime | None) -> ServiceEvent:
    builder = builders.get(source.type)
    if builder is None:
        raise _no_event(source)
    event = builder(source)
    if not_after is not None and event.performed_at > not_after:
        raise NoEvent(SkipReason.IN_FUTURE)
    return event


def _no_event(source: Source) -> NoEvent:
    """Why a resource of a type that is never an event is none."""
    if source.empty:
        return NoEvent(SkipReason.EMPTY_ENTRY)
    if not source.type:
        return NoEvent(SkipReason.INVALID, "it states no resourceType")
    if care := _CARE_OF_NO_KIND.get(source.type):
        return NoEvent(SkipReason.NO_KIND, care)
    return NoEvent(SkipReason.NOT_A_SERVICE, _NO_SERVICE.get(source.type, source.type))


def _skipped(source: Source, reason: SkipReason, detail: str) -> SkippedResource:
    return SkippedResource(resource=source.label, reason=reason, detail=detail)
