"""Observations and DiagnosticReports: readings sent from home and laboratory tests."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.fhir import (
    CLINIC,
    DEVICE,
    DOCTOR,
    LOINC,
    bundle,
    concept,
    encounter,
    observation,
    record,
    ref,
    report,
)

from chainbill.interop.fhir import SkipReason
from chainbill.records.service_event import PriceSource, ServiceKind

REMOTE, LABORATORY = ServiceKind.REMOTE_MONITORING_UPLOAD, ServiceKind.LABORATORY_TEST
V2_0074 = "http://terminology.hl7.org/CodeSystem/v2-0074"


def kinds(read_report: Any) -> dict[str, ServiceKind]:
    return {event.record_identity: event.kind for event in read_report.events}


def reasons(read_report: Any) -> dict[str, str]:
    return {skipped.resource: str(skipped) for skipped in read_report.skipped}


def value(name: str, category: str = "laboratory", code: str = "2093-3", **extra: Any) -> Any:
    return observation(category, code, id=name, **extra)


def test_observation__vital_sign_without_encounter__is_remote_monitoring(read: Any) -> None:
    (event,) = read(record(observation())).events
    assert (event.kind, event.service) == (REMOTE, "remote-heart-rate")
    assert event.price_source is PriceSource.CATALOGUE_DEFAULT


@pytest.mark.parametrize("visit", [encounter("VR"), encounter("HH"), encounter("AMB", "448337001")])
@pytest.mark.parametrize("extra", [{}, {"device": ref(DEVICE)}])
def test_observation__vital_sign_in_a_virtual_or_home_encounter__is_part_of_the_visit(
    read: Any, visit: Any, extra: Any
) -> None:
    """CPT 99453-99458 pay for what is sent from elsewhere; Observation.encounter is where it was made."""
    found = reasons(read(record(visit, DEVICE, observation(encounter=ref(visit), **extra))))
    assert found["Observation/value"] == "Observation/value: part of the visit: Encounter/visit"


def test_observation__laboratory_value_from_a_device_in_a_video_visit__is_part_of_the_visit(
    read: Any,
) -> None:
    visit = encounter("VR")
    meter = value("meter", device=ref(DEVICE), encounter=ref(visit))
    found = reasons(read(record(visit, DEVICE, meter)))
    assert found["Observation/meter"] == "Observation/meter: part of the visit: Encounter/visit"


def test_observation__in_an_encounter_that_is_no_visit__is_remote_monitoring(read: Any) -> None:
    monitoring = encounter("FLD", status="in-progress")
    found = kinds(read(record(monitoring, observation(encounter=ref(monitoring)))))
    assert found == {"Observation/value": REMOTE}


@pytest.mark.parametrize("encounter_class", ["AMB", "EMER", "IMP", "OBSENC"])
@pytest.mark.parametrize("extra", [{}, {"device": ref(DEVICE)}, {"status": "preliminary"}])
def test_observation__vital_sign_in_a_visit__is_part_of_the_visit(
    read: Any, encounter_class: str, extra: Any
) -> None:
    visit = encounter(encounter_class)
    found = reasons(read(record(visit, DEVICE, observation(encounter=ref(visit), **extra))))
    assert found["Observation/value"] == "Observation/value: part of the visit: Encounter/visit"


@pytest.mark.parametrize("category", ["survey", "activity", "procedure", "laboratory"])
@pytest.mark.parametrize("device", [ref(DEVICE), ref("DeviceMetric/elsewhere"), {"display": "my watch"}])
def test_observation__from_a_device__is_remote_monitoring(read: Any, category: str, device: Any) -> None:
    assert kinds(read(record(DEVICE, observation(category, device=device)))) == {"Observation/value": REMOTE}


def test_observation__from_a_device_in_a_visit__is_part_of_it_unless_laboratory(read: Any) -> None:
    visit = encounter()
    stated = {"device": ref(DEVICE), "encounter": ref(visit)}
    found = read(record(visit, DEVICE, value("ecg", "procedure", **stated), value("analyser", **stated)))
    assert kinds(found)["Observation/analyser"] is LABORATORY
    assert reasons(found)["Observation/ecg"] == "Observation/ecg: part of the visit: Encounter/visit"


@pytest.mark.parametrize("category", ["survey", "social-history", "exam", "imaging"])
def test_observation__other_category_and_no_device__is_of_no_kind(read: Any, category: str) -> None:
    assert read(record(observation(category, "2093-3"))).skipped_counts()[SkipReason.NO_KIND] == 1


@pytest.mark.parametrize("status", ["final", "amended", "corrected"])
@pytest.mark.parametrize("category", ["vital-signs", "laboratory"])
def test_observation__accepted_status__is_an_event(read: Any, category: str, status: str) -> None:
    assert len(read(record(observation(category, status=status))).events) == 1


@pytest.mark.parametrize("status", ["registered", "preliminary", "cancelled", "entered-in-error", "unknown"])
@pytest.mark.parametrize("category", ["vital-signs", "laboratory"])
def test_observation__other_status__is_skipped_with_it(read: Any, category: str, status: str) -> None:
    found = read(record(observation(category, status=status)))
    assert found.events == []
    assert found.skipped_counts()[f"status {status}"] == 1


@pytest.mark.parametrize("code, kind", [("2093-3", LABORATORY), ("8867-4", REMOTE), ("2345-7", LABORATORY)])
def test_observation__no_category__goes_by_its_code(read: Any, code: str, kind: ServiceKind) -> None:
    stated = observation(code=code)
    del stated["category"]
    assert kinds(read(record(stated))) == {"Observation/value": kind}


def test_observation__no_category_and_unknown_code__is_of_no_kind(read: Any) -> None:
    stated = observation(code="0-0")
    del stated["category"]
    assert read(record(stated)).skipped_counts()[SkipReason.NO_KIND] == 1


def test_laboratory__values_of_a_report__are_one_test(read: Any) -> None:
    values = [value("ldl"), value("hdl", code="2085-9")]
    found = read(record(report(*values), *values, value("alone", code="4548-4")))
    assert kinds(found) == {"DiagnosticReport/report": LABORATORY, "Observation/alone": LABORATORY}
    assert [event.service for event in found.events] == ["lab-lipid-panel", "lab-hba1c"]
    assert reasons(found)["Observation/ldl"] == "Observation/ldl: part of report DiagnosticReport/report"
    assert found.skipped_counts()[SkipReason.PART_OF_REPORT] == 2


def test_laboratory__values_within_values_of_a_report__are_part_of_it(read: Any) -> None:
    panel = value("panel", hasMember=[ref("Observation/inner")])
    inner = value("inner", hasMember=[ref("Observation/panel"), ref("Observation/innermost")])
    found = read(record(value("innermost"), inner, panel, report(panel)))
    assert kinds(found) == {"DiagnosticReport/report": LABORATORY}
    assert found.skipped_counts()[SkipReason.PART_OF_REPORT] == 3


def test_laboratory__panel_in_no_report__is_one_test_with_its_members(read: Any) -> None:
    panel = value("panel", hasMember=[ref("Observation/a"), ref("Observation/b")])
    found = read(record(value("a"), panel, value("b")))
    assert kinds(found) == {"Observation/panel": LABORATORY}
    assert reasons(found)["Observation/a"] == "Observation/a: part of panel Observation/panel"


def test_laboratory__panel_that_is_no_event__leaves_its_members_to_themselves(read: Any) -> None:
    panel = value("panel", status="cancelled", hasMember=[ref("Observation/a")])
    assert kinds(read(record(panel, value("a")))) == {"Observation/a": LABORATORY}


@pytest.mark.parametrize("code", ["LAB", "HM", "CH", "MB", "SR"])
def test_report__laboratory_section__is_a_laboratory_test(read: Any, code: str) -> None:
    assert kinds(read(record(report(category=[concept(V2_0074, code)])))) == {
        "DiagnosticReport/report": LABORATORY
    }


@pytest.mark.parametrize("code", ["RAD", "PAT", "CT", "34117-2"])
def test_report__other_section__is_of_no_kind_and_keeps_no_values(read: Any, code: str) -> None:
    inside = value("inside")
    found = read(record(report(inside, category=[concept(V2_0074, code)]), inside))
    assert kinds(found) == {"Observation/inside": LABORATORY}
    assert found.skipped_counts()[SkipReason.NO_KIND] == 1


@pytest.mark.parametrize("status", ["final", "amended", "corrected", "appended"])
def test_report__accepted_status__is_an_event(read: Any, status: str) -> None:
    assert len(read(record(report(status=status))).events) == 1


@pytest.mark.parametrize("status", ["registered", "partial", "preliminary", "cancelled"])
def test_report__other_status__is_skipped_with_it_and_so_are_its_values(read: Any, status: str) -> None:
    inside = value("inside")
    found = read(record(report(inside, status=status), inside))
    assert found.events == []
    assert found.skipped_counts()[f"status {status}"] == 1
    assert found.skipped_counts()[SkipReason.PART_OF_REPORT] == 1


def test_report__no_category__goes_by_its_code_or_its_values(read: Any) -> None:
    by_code, by_value = report(), report("Observation/inside", code={"text": "bloods"}, id="other")
    neither = report(code={"text": "bone scan"}, id="scan")
    for stated in (by_code, by_value, neither):
        del stated["category"]
    found = read(record(by_code, by_value, neither, value("inside")))
    assert set(kinds(found)) == {"DiagnosticReport/report", "DiagnosticReport/other"}


def test_laboratory__provider__is_performer_then_the_encounters(read: Any) -> None:
    visit = encounter(serviceProvider=ref(CLINIC))
    own = report(performer=[ref(DOCTOR), ref("Organization/lab")], encounter=ref(visit))
    encounters = report(id="other", encounter=ref(visit))
    del encounters["performer"]
    providers = {
        event.record_identity: event.provider.reference
        for event in read(record(visit, own, encounters)).events
    }
    assert providers["DiagnosticReport/report"] == "Organization/lab"
    assert providers["DiagnosticReport/other"] == "Organization/clinic"


@pytest.mark.parametrize(
    "dates",
    [
        {"effectivePeriod": {"start": "2024-01-02", "end": "2024-01-09"}},
        {"effectiveInstant": "2024-01-02T00:00:00Z"},
        {"issued": "2024-01-02T00:00:00Z"},
    ],
)
def test_observation__its_other_dates__are_read(read: Any, dates: Any) -> None:
    stated = observation()
    del stated["effectiveDateTime"]
    (event,) = read(record(stated | dates)).events
    assert event.performed_at.isoformat() == "2024-01-02T00:00:00+00:00"


def test_observation__about_a_group__is_not_about_a_patient(read: Any) -> None:
    found = reasons(read(bundle(observation(subject=ref("Group/herd")))))
    assert found["Observation/value"] == "Observation/value: not about a patient: subject is a Group"


def test_laboratory__uncatalogued_code__takes_the_default_and_is_listed(read: Any) -> None:
    found = read(
        record(
            value("a", code="0-0"),
            value("b", code="0-0", valueQuantity={"value": 72}),
            value("c", code="1-1"),
        )
    )
    assert {event.service for event in found.events} == {"laboratory-test"}
    assert found.uncatalogued == {f"{LOINC}|0-0": 2, f"{LOINC}|1-1": 1}
