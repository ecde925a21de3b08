"""Digital-therapeutics sessions, by code."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.fhir import CPT, DAY, DOCTOR, HCPCS, PATIENT, SNOMED, concept, procedure, record, ref

from chainbill.interop.fhir import SkipReason
from chainbill.records.catalogue import Catalogue
from chainbill.records.service_event import ServiceKind

PROGRAM = {"resourceType": "Device", "id": "app", "type": concept(HCPCS, "A9291")}
QUESTIONNAIRE = {
    "resourceType": "Questionnaire",
    "id": "check-in",
    "url": "http://example.org/Questionnaire/check-in",
    "status": "active",
    "code": [{"system": HCPCS, "code": "G0553"}],
}


def device_use(**extra: Any) -> Any:
    return {
        "resourceType": "DeviceUseStatement",
        "id": "use",
        "status": "active",
        "subject": ref(PATIENT),
        "device": ref(PROGRAM),
        "timingPeriod": {"start": DAY},
        "source": ref(DOCTOR),
    } | extra


def answers(**extra: Any) -> Any:
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "answers",
        "status": "completed",
        "subject": ref(PATIENT),
        "questionnaire": "http://example.org/Questionnaire/check-in|1.0",
        "authored": DAY,
    } | extra


@pytest.mark.parametrize(
    "system, code",
    [(HCPCS, "G0552"), (HCPCS, "G0553"), (HCPCS, "G0554"), (HCPCS, "A9291"), (CPT, "98978"), (CPT, "0703T")],
)
def test_procedure__listed_code__is_a_session(read: Any, system: str, code: str) -> None:
    (event,) = read(record(procedure(system, code))).events
    assert event.kind is ServiceKind.DIGITAL_THERAPEUTICS_SESSION
    assert (event.code_system, event.code) == (system, code)


def test_procedure__other_code__is_of_no_kind(read: Any) -> None:
    assert read(record(procedure(SNOMED, "80146002"))).skipped_counts()[SkipReason.NO_KIND] == 1


@pytest.mark.parametrize(
    "stated, status",
    [
        (procedure(status="not-done"), "not-done"),
        (procedure(status="in-progress"), "in-progress"),
        (device_use(status="intended"), "intended"),
        (answers(status="in-progress"), "in-progress"),
    ],
)
def test_session__not_carried_out__is_skipped_with_its_status(read: Any, stated: Any, status: str) -> None:
    report = read(record(PROGRAM, QUESTIONNAIRE, stated))
    assert report.events == []
    assert report.skipped_counts()[f"status {status}"] == 1


def test_device_use__of_a_listed_device__is_a_session(read: Any) -> None:
    (event,) = read(record(PROGRAM, device_use())).events
    assert (event.service, event.provider.reference) == ("digital-therapy-course", "Practitioner/doctor")


def test_device_use__of_another_device__is_of_no_kind(read: Any) -> None:
    walker = PROGRAM | {"type": concept(SNOMED, "705406009")}
    assert read(record(walker, device_use())).skipped_counts()[SkipReason.NO_KIND] == 1


def test_device_use__device_not_in_the_file__is_skipped(read: Any) -> None:
    assert read(record(device_use())).skipped_counts()[SkipReason.MISSING_REFERENCE] == 1


def test_questionnaire__listed_by_its_code__is_a_session(read: Any) -> None:
    (event,) = read(record(QUESTIONNAIRE, answers())).events
    assert event.kind is ServiceKind.DIGITAL_THERAPEUTICS_SESSION


def test_questionnaire__listed_by_its_url__is_a_session(read: Any) -> None:
    tables: dict[str, Any] = {
        "systems": {"URI": ["urn:ietf:rfc:3986"]},
        "defaults": {kind.value: kind.value.replace("_", "-") for kind in ServiceKind},
    }
    for kind in ServiceKind:
        tables[kind.value] = {kind.value.replace("_", "-"): {"fee": "10", "description": "A service"}}
    session = tables["digital_therapeutics_session"]["digital-therapeutics-session"]
    session["URI"] = ["http://example.org/Questionnaire/check-in"]
    (event,) = read(record(answers()), catalogue=Catalogue.from_tables(tables)).events
    assert event.code == "http://example.org/Questionnaire/check-in"


def test_questionnaire__not_listed__is_of_no_kind(read: Any) -> None:
    assert read(record(answers())).skipped_counts()[SkipReason.NO_KIND] == 1
