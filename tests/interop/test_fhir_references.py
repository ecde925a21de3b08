"""References: found in the file, external to it, or missing."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.fhir import CLINIC, PATIENT, bundle, encounter, observation, record, ref, report

from chainbill.interop.fhir import SkipReason

UUID = "urn:uuid:11111111-2222-3333-4444-555555555555"
SERVER = "https://ehr.example.org/fhir"
IDENTIFIED = PATIENT | {"identifier": [{"system": "urn:mrn", "value": "7"}]}


def visit(subject: Any, **extra: Any) -> Any:
    return encounter(subject=subject, **extra)


def entry(resource: Any, full_url: str) -> Any:
    return {"fullUrl": full_url, "resource": resource}


def missing(read_report: Any) -> list[str]:
    return [
        skipped.detail for skipped in read_report.skipped if skipped.reason is SkipReason.MISSING_REFERENCE
    ]


@pytest.mark.parametrize(
    "reference",
    [
        UUID,
        f"{SERVER}/Patient/pat",
        f"{SERVER}/Patient/pat/_history/3",
        "Patient/pat",
        "Patient/pat/_history/1",
        "urn:uuid:pat",
        "Patient?identifier=urn:mrn|7",
    ],
)
def test_reference__every_way_to_name_a_resource__finds_it(read: Any, reference: str) -> None:
    full_url = UUID if reference == UUID else f"{SERVER}/Patient/pat"
    entries = [
        entry(visit({"reference": reference}), f"{SERVER}/Encounter/visit"),
        entry(IDENTIFIED, full_url),
    ]
    (event,) = read(bundle() | {"entry": entries}).events
    identity = "Patient/pat" if reference == UUID else f"{SERVER}/Patient/pat"
    assert (event.patient.reference, event.patient.name) == (identity, "Pat Q. Doe")


def test_reference__absolute_url_in_a_file_without_full_urls__finds_by_type_and_id(read: Any) -> None:
    (event,) = read(bundle(PATIENT, visit(ref(f"{SERVER}/Patient/pat")))).events
    assert event.patient.reference == "Patient/pat"


def test_reference__by_identifier_alone__finds_it(read: Any) -> None:
    subject = {"identifier": {"system": "urn:mrn", "value": "7"}}
    (event,) = read(bundle(IDENTIFIED, visit(subject))).events
    assert event.patient.reference == "Patient/pat"


def test_reference__contained__finds_it(read: Any) -> None:
    stated = visit(ref("#p"), contained=[PATIENT | {"id": "p"}])
    (event,) = read(bundle(stated)).events
    assert (event.patient.reference, event.patient.name) == ("Encounter/visit#p", "Pat Q. Doe")


def test_reference__same_id_on_two_servers__goes_by_the_server(read: Any) -> None:
    other = PATIENT | {"name": [{"text": "Other"}]}
    entries = [
        entry(other, "https://other.example.org/Patient/pat"),
        entry(PATIENT, f"{SERVER}/Patient/pat"),
        entry(visit(ref("Patient/pat")), f"{SERVER}/Encounter/visit"),
    ]
    (event,) = read(bundle() | {"entry": entries}).events
    assert event.patient.name == "Pat Q. Doe"


@pytest.mark.parametrize(
    "subject",
    [
        ref("Patient/ghost"),
        ref(f"{SERVER}/Patient/ghost"),
        ref("Patient?identifier=urn:mrn|99"),
        ref(UUID),
        ref("#ghost"),
        {"identifier": {"system": "urn:mrn", "value": "99"}},
        {"display": "Pat Doe"},
        {},
        ref("Pat Doe of Main Street"),
    ],
)
def test_subject__missing_from_a_file_with_patients__skips_the_event_alone(read: Any, subject: Any) -> None:
    found = read(record(visit(subject), encounter() | {"id": "good"}))
    assert [event.record_identity for event in found.events] == ["Encounter/good"]
    (detail,) = missing(found)
    assert detail.startswith("subject")
    assert "Doe" not in detail


@pytest.mark.parametrize(
    "subject, reference",
    [
        (ref("Patient/elsewhere"), "Patient/elsewhere"),
        (ref(f"{SERVER}/Patient/elsewhere"), f"{SERVER}/Patient/elsewhere"),
        (ref("Patient?identifier=urn:mrn|99"), "Patient?identifier=urn:mrn|99"),
        ({"identifier": {"system": "urn:mrn", "value": "99"}}, "Patient?identifier=urn:mrn|99"),
    ],
)
@pytest.mark.parametrize("alone", [True, False])
def test_subject__named_in_a_file_without_patients__is_an_external_patient(
    read: Any, subject: Any, reference: str, alone: bool
) -> None:
    stated = visit(subject | {"display": "P. Doe"})
    (event,) = read(stated if alone else bundle(stated)).events
    assert (event.patient.reference, event.patient.name) == (reference, "P. Doe")


@pytest.mark.parametrize("subject", [ref(UUID), ref("#ghost"), {"display": "Pat Doe"}])
def test_subject__that_means_nothing_outside_the_file__is_missing_even_alone(read: Any, subject: Any) -> None:
    found = read(visit(subject))
    assert found.events == []
    assert len(missing(found)) == 1


@pytest.mark.parametrize("reference", ["Encounter/ghost", UUID, "#ghost"])
def test_encounter__missing__skips_what_belongs_to_it(read: Any, reference: str) -> None:
    stated = {"encounter": ref(reference)}
    found = read(record(encounter(), observation(**stated), report(**stated)))
    assert [event.record_identity for event in found.events] == ["Encounter/visit"]
    assert missing(found) == [f"encounter {reference}"] * 2


def test_encounter__external__is_enough_for_a_laboratory_test_and_not_for_a_vital_sign(read: Any) -> None:
    stated = {"encounter": ref("Encounter/elsewhere")}
    found = read(record(observation(**stated), report(**stated)))
    assert [event.record_identity for event in found.events] == ["DiagnosticReport/report"]
    assert missing(found) == ["encounter Encounter/elsewhere"]


def test_provider__external__is_named_by_its_reference(read: Any) -> None:
    elsewhere = encounter(serviceProvider={"reference": "Organization/elsewhere", "display": "Elsewhere"})
    (event,) = read(record(elsewhere)).events
    assert (event.provider.reference, event.provider.name) == ("Organization/elsewhere", "Elsewhere")


def test_provider__conditional__is_named_by_its_identifier(read: Any) -> None:
    reference = "Organization?identifier=https://github.com/synthetichealth/synthea|abc"
    (event,) = read(record(encounter(serviceProvider={"reference": reference, "display": "PCP1"}))).events
    assert (event.provider.reference, event.provider.name) == (reference, "PCP1")


def test_provider__dangling__skips_the_event(read: Any) -> None:
    found = read(record(encounter(serviceProvider=ref(UUID))))
    assert missing(found) == [f"provider {UUID}"]


def test_provider__in_words_alone__is_unnamed_with_those_words(read: Any) -> None:
    (event,) = read(record(encounter(serviceProvider={"display": "The old clinic"}))).events
    assert (event.provider.reference, event.provider.name) == ("unnamed", "The old clinic")


def test_device__dangling__skips_the_reading(read: Any) -> None:
    assert missing(read(record(observation("activity", device=ref(UUID))))) == [f"device {UUID}"]


def test_identity__without_id__is_the_full_url_else_the_content(read: Any) -> None:
    def identity(full_url: str | None, **extra: Any) -> str:
        stated = encounter(**extra)
        del stated["id"]
        entries = [entry(PATIENT, ""), entry(CLINIC, ""), {"resource": stated}]
        if full_url:
            entries[2]["fullUrl"] = full_url
        (event,) = read(bundle() | {"entry": entries}).events
        return str(event.record_identity)

    assert identity(UUID) == UUID
    assert identity(None) == identity(None) != identity(None, period={"start": "2020-01-01"})
    assert identity(None).startswith("Encounter/sha256-")


def test_identity__same_resource_twice__is_one_event_and_its_copy_is_listed(read: Any) -> None:
    found = read(record(encounter(), encounter()))
    assert [event.record_identity for event in found.events] == ["Encounter/visit"]
    assert "Encounter/visit: superseded by the copy at entry 5" in map(str, found.skipped)


def test_identity__on_a_named_server__is_the_absolute_url(read: Any) -> None:
    """FHIR R4 Resource.id is unique on its server alone."""
    entries = [
        entry(PATIENT, f"{server}/Patient/pat") for server in (SERVER, "https://other.example/fhir")
    ] + [
        entry(encounter(period={"start": day}), f"{server}/Encounter/visit")
        for server, day in ((SERVER, "2024-03-05"), ("https://other.example/fhir", "2024-04-01"))
    ]
    found = read(bundle() | {"entry": entries})
    assert [(event.record_identity, event.patient.reference) for event in found.events] == [
        (f"{SERVER}/Encounter/visit", f"{SERVER}/Patient/pat"),
        ("https://other.example/fhir/Encounter/visit", "https://other.example/fhir/Patient/pat"),
    ]
    assert "Encounter/visit" not in str([skipped.resource for skipped in found.skipped])
