"""Prescription fills: dispenses, and requests that no dispense names."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.fhir import (
    CLINIC,
    RXNORM,
    bundle,
    claim,
    concept,
    dispense,
    encounter,
    record,
    ref,
    request,
    usd,
)

from chainbill.interop.fhir import SkipReason
from chainbill.records.service_event import ServiceKind

PRESCRIPTION = ref("MedicationRequest/rx")


def identities(report: Any) -> list[str]:
    return [event.record_identity for event in report.events]


def test_dispense__completed__is_a_fill(read: Any) -> None:
    (event,) = read(record(dispense())).events
    assert (event.kind, event.service) == (ServiceKind.PRESCRIPTION_REFILL, "lisinopril")
    assert event.provider.reference == "Organization/clinic"


@pytest.mark.parametrize(
    "status", ["preparation", "in-progress", "on-hold", "cancelled", "stopped", "declined", "unknown"]
)
def test_dispense__not_completed__is_skipped_and_speaks_for_its_request(read: Any, status: str) -> None:
    report = read(record(request(), dispense(status=status, authorizingPrescription=[PRESCRIPTION])))
    assert report.events == []
    assert report.skipped_counts()[f"status {status}"] == 1
    assert report.skipped_counts()[SkipReason.DISPENSED] == 1


def test_request__dispensed__yields_its_dispenses_alone(read: Any) -> None:
    fills = [
        dispense(id=name, authorizingPrescription=[PRESCRIPTION], whenHandedOver=f"2024-03-0{day}T10:00:00Z")
        for day, name in enumerate(("one", "two"), start=1)
    ]
    report = read(record(request(), *fills))
    assert identities(report) == ["MedicationDispense/one", "MedicationDispense/two"]
    assert str(report.skipped[-1]).endswith(
        "MedicationRequest/rx: named by a dispense: MedicationDispense/one"
    )


def test_request__dispensed_in_error_only__is_one_fill(read: Any) -> None:
    wrong = dispense(status="entered-in-error", authorizingPrescription=[PRESCRIPTION])
    assert identities(read(record(request(), wrong))) == ["MedicationRequest/rx"]


@pytest.mark.parametrize("status", ["active", "completed", "stopped"])
def test_request__carried_out_and_not_dispensed__is_one_fill(read: Any, status: str) -> None:
    (event,) = read(record(request(status=status))).events
    assert event.kind is ServiceKind.PRESCRIPTION_REFILL
    assert event.provider.reference == "Practitioner/doctor"


@pytest.mark.parametrize("status", ["draft", "on-hold", "cancelled", "entered-in-error", "unknown"])
def test_request__other_status__is_skipped_with_it(read: Any, status: str) -> None:
    assert read(record(request(status=status))).skipped_counts()[f"status {status}"] == 1


@pytest.mark.parametrize("intent", ["proposal", "plan", "instance-order", "option"])
def test_request__no_order__is_skipped_with_its_intent(read: Any, intent: str) -> None:
    assert read(record(request(intent=intent))).skipped_counts()[f"intent {intent}"] == 1


def test_request__order_not_to_take_it__is_no_fill(read: Any) -> None:
    assert read(record(request(doNotPerform=True))).events == []


def test_fill__provider__is_who_claims_then_the_encounters(read: Any) -> None:
    visit = encounter()
    asked = request(encounter=ref(visit))
    pharmacy = {"resourceType": "Organization", "id": "pharmacy", "name": "Corner Pharmacy"}
    made = claim(prescription=PRESCRIPTION, total=usd(9), provider=ref(pharmacy))

    def provider(*resources: Any) -> str:
        events = read(record(visit, asked, *resources)).events
        return next(e.provider.name for e in events if e.kind is ServiceKind.PRESCRIPTION_REFILL)

    assert provider(pharmacy, made) == "Corner Pharmacy"
    assert provider() == CLINIC["name"]


def medication(name: str = "med") -> Any:
    return {"resourceType": "Medication", "id": name, "code": concept(RXNORM, "860975")}


@pytest.mark.parametrize("contained", [False, True])
def test_fill__medication_by_reference__is_followed(read: Any, contained: bool) -> None:
    stated = dispense(medicationReference=ref("#med" if contained else "Medication/med"))
    del stated["medicationCodeableConcept"]
    if contained:
        stated["contained"] = [medication()]
    (event,) = read(record(stated, *([] if contained else [medication()]))).events
    assert event.service == "metformin"


@pytest.mark.parametrize("reference", ["Medication/elsewhere", "#gone", "urn:uuid:0-0"])
def test_fill__medication_that_cannot_be_read__is_skipped(read: Any, reference: str) -> None:
    stated = dispense(medicationReference=ref(reference))
    del stated["medicationCodeableConcept"]
    report = read(bundle(stated))
    assert report.events == []
    assert report.skipped[0].detail == f"medication {reference}"


@pytest.mark.parametrize(
    "named",
    [{"medicationReference": {"display": "a pill"}}, {"medicationCodeableConcept": {"text": "a pill"}}],
)
def test_fill__medication_in_words_alone__takes_the_default(read: Any, named: Any) -> None:
    stated = dispense()
    del stated["medicationCodeableConcept"]
    report = read(record(stated | named))
    assert report.events[0].service == "prescription-fill"
    assert report.uncatalogued == {"(no code)": 1}


def test_fill__no_date__is_skipped(read: Any) -> None:
    stated = dispense()
    del stated["whenHandedOver"]
    assert read(record(stated)).skipped_counts()[SkipReason.NO_DATE] == 1
    assert len(read(record(stated | {"whenPrepared": "2024-01-01"})).events) == 1
