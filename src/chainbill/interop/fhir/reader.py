"""Reading a FHIR file into service events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from chainbill.errors import UnsupportedVersion
from chainbill.interop.fhir.claims import CLAIM_TYPES
from chainbill.interop.fhir.digital import SESSION_STATUSES, Sessions
from chainbill.interop.fhir.editions import newest_versions
from chainbill.interop.fhir.elements import children, text
from chainbill.interop.fhir.files import Source, read_sources
from chainbill.interop.fhir.line_events import LineEvents
from chainbill.interop.fhir.measurements import Measurements
from chainbill.interop.fhir.monitoring import with_readings
from chainbill.interop.fhir.prescriptions import Prescriptions
from chainbill.interop.fhir.records import Records
from chainbill.interop.fhir.references import PROVIDER_TYPES, Target
from chainbill.interop.fhir.repeats import Repeats
from chainbill.interop.fhir.report import IngestReport, NoEvent, SkippedResource, SkipReason
from chainbill.interop.fhir.versions import not_r4_because
from chainbill.interop.fhir.visits import Visits
from chainbill.records.catalogue import Catalogue
from chainbill.records.service_event import ServiceEvent

MAX_BYTES = 64 * 2**20
"""Default limit of a JSON file, in bytes."""

MAX_LINE_BYTES = 4 * 2**20
"""Default limit of one line of NDJSON, in bytes."""

Builder = Callable[[Source], ServiceEvent]
"""Makes a resource's event, or raises ``NoEvent``."""

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

_CONTENT_NEEDED = ("Patient", "Medication", "Device", "Questionnaire", "Location", *PROVIDER_TYPES)
"""Types whose content events are described with. Of the rest only the name is kept in memory."""

_KEPT_TYPES = (*_EVENT_TYPES, *CLAIM_TYPES, *_CONTENT_NEEDED)


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of a record, and what it takes to read it again with a later part."""

    report: IngestReport
    kept: list[Source]
    """The newest versions of what events are made of, deletions among them."""


def read_fhir(
    path: Path | str | Sequence[Path | str],
    *,
    catalogue: Catalogue,
    include_in_person: bool = True,
    max_bytes: int = MAX_BYTES,
    max_line_bytes: int = MAX_LINE_BYTES,
    not_after: datetime | None = None,
    server: str = "",
) -> IngestReport:
    """Read a Bundle, NDJSON of resources, or one resource, and find the service events in it.

    ``path`` may be several files, which are read as parts of one record; a folder; ``-`` for the standard
    input. ``max_bytes`` limits a JSON file and ``max_line_bytes`` a line of NDJSON. Events dated after
    ``not_after`` (now, where it is not given) are skipped as in the future, those before 1970 always:
    the chain's clock begins there.

    ``server`` is the address (``https://ehr.example/fhir``) that resources are from which do not say so
    themselves: an id is unique on its server alone.

    Raises:
        RecordTooLarge: the file, or a line of NDJSON, is over its limit.
        UnsupportedVersion: FHIR, but not R4.
        MalformedRecord: not JSON, not FHIR, or nested beyond reason.
        RecordError: the file cannot be opened.
    """
    return read_part(
        path,
        earlier=(),
        catalogue=catalogue,
        include_in_person=include_in_person,
        max_bytes=max_bytes,
        max_line_bytes=max_line_bytes,
        not_after=not_after,
        server=server,
    ).report


def read_part(
    path: Path | str | Sequence[Path | str],
    *,
    earlier: Iterable[Source],
    catalogue: Catalogue,
    include_in_person: bool = True,
    max_bytes: int = MAX_BYTES,
    max_line_bytes: int = MAX_LINE_BYTES,
    not_after: datetime | None = None,
    server: str = "",
) -> Reading:
    """Read a part of a record whose ``earlier`` parts were read before, as ``read_fhir`` reads a whole.

    The report has the events of all parts; what it says of resources and claims is of this part's alone.

    Raises:
        RecordError: as ``read_fhir``.
    """
    paths = [path] if isinstance(path, str | Path) else list(path)
    shown = str(path) if isinstance(path, str | Path) else ", ".join(map(str, paths))
    found = list(earlier)
    before = len(found)
    for source in read_sources(
        [Path(each) for each in paths], max_bytes=max_bytes, max_line_bytes=max_line_bytes
    ):
        if tell := not_r4_because(source.resource):
            raise UnsupportedVersion(
                f"{shown}: not FHIR R4: {tell} ({source.label})", hint="export it again as FHIR R4"
            )
        if source.type not in _KEPT_TYPES:
            source.shed()
        if server:
            source.come_from(server.rstrip("/"))
        found.append(source)
    ordered, past = newest_versions(found)
    records = Records(catalogue, not_after or datetime.now(UTC))
    for place, source in enumerate(ordered):
        if place not in past:
            records.add(source)
    records.index.merge_patients(records.of_type("Patient"))
    report = _report(records, ordered, past, before=before, include_in_person=include_in_person)
    kept = [
        source
        for place, source in enumerate(ordered)
        if place >= before and source.type in _KEPT_TYPES and (place not in past or source.deleted)
    ]
    return Reading(report, kept)


def _report(
    records: Records,
    ordered: list[Source],
    past: dict[int, SkippedResource],
    *,
    before: int,
    include_in_person: bool,
) -> IngestReport:
    """What came of the sources, of which ``before`` are of earlier parts and come first."""
    measurements = Measurements(records)
    builders, repeats = _builders(records, measurements, include_in_person=include_in_person)
    events: list[ServiceEvent] = []
    skipped = dict(past)
    claims: list[int] = []
    not_events: dict[str, str] = {}
    for place, source in enumerate(ordered):
        if place in past:
            continue
        if source.type in CLAIM_TYPES:
            claims.append(place)
            continue
        try:
            repeats.check(source)
            events.append(_event(source, builders))
        except NoEvent as no_event:
            skipped[place] = _skipped(source, no_event.reason, no_event.detail)
            not_events[source.identity] = f"{no_event.reason} {no_event.detail}".strip()
    lines = LineEvents(
        records, {event.record_identity: event for event in events}, not_events, include_in_person
    )
    by_line = lines.make()
    for place in claims:  # only now is it known what became of each of their lines
        skipped[place] = records.prices.skipped(ordered[place])
    whole = with_readings(_in_order(events, by_line), measurements.held, records)
    here = {source.identity for source in ordered[before:]}
    why = {ordered[place].identity: told for place, told in skipped.items() if place not in past or told.gone}
    return IngestReport(
        events=whole,
        skipped=[skipped[place] for place in sorted(skipped) if place >= before],
        claim_lines=records.prices.claim_lines(here),
        contradictions=records.prices.contradictions(here),
        earlier=frozenset(
            identity
            for identity in (*(event.record_identity for event in whole), *why)
            if identity.partition("#")[0] not in here
        ),
        not_events={identity: f"{told.reason} {told.detail}".strip() for identity, told in why.items()},
        replaced={
            identity: told.detail for identity, told in why.items() if told.reason is SkipReason.REPLACED
        },
        patients=_identifiers(records),
        uncatalogued=dict(records.uncatalogued.most_common()),
    )


def _identifiers(records: Records) -> dict[str, list[str]]:
    """The identifiers of every patient, those of a merged one with whom it was merged into."""
    found: dict[str, list[str]] = {}
    for patient in records.of_type("Patient"):
        current = records.index.in_lieu(Target(patient.identity, "Patient", "", patient)).reference
        stated = children(patient.resource, "identifier")
        named = [f"{text(each, 'system')}|{text(each, 'value')}" for each in stated if text(each, "value")]
        found.setdefault(current, []).extend(named)
    return found


def _in_order(events: list[ServiceEvent], by_line: list[ServiceEvent]) -> list[ServiceEvent]:
    """By date of service; those of one day by their time, and claim lines, which have a day alone, last."""
    whole = [(event.service_date, False, event.performed_at, event) for event in events]
    whole += [(event.service_date, True, event.performed_at, event) for event in by_line]
    return [event for *_, event in sorted(whole, key=lambda each: each[:3])]


def _builders(
    records: Records, measurements: Measurements, *, include_in_person: bool
) -> tuple[dict[str, Builder], Repeats]:
    """How each type of resource becomes an event, once the whole record is known."""
    visits = Visits(records, include_in_person)
    prescriptions, sessions = Prescriptions(records), Sessions(records)
    repeats = Repeats(records, measurements)
    records.prices.read(source for kind in CLAIM_TYPES for source in records.of_type(kind))
    records.prices.add(visits.group(), repeats.group_visits())
    for grouped in (measurements, prescriptions, sessions, repeats):
        grouped.group()
    builders: dict[str, Builder] = {
        "Encounter": visits.event,
        "Observation": measurements.observation_event,
        "DiagnosticReport": measurements.report_event,
        "MedicationDispense": prescriptions.dispense_event,
        "MedicationRequest": prescriptions.request_event,
        **dict.fromkeys(SESSION_STATUSES, sessions.event),
    }
    return builders, repeats


def _event(source: Source, builders: dict[str, Builder]) -> ServiceEvent:
    builder = builders.get(source.type)
    if builder is None:
        raise _no_event(source)
    return builder(source)


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
