"""Small FHIR resources for tests: valid R4, and as little of it as each type allows."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
DAY = "2024-03-05T10:00:00+00:00"


def concept(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def ref(resource: Json | str) -> Json:
    return {
        "reference": resource if isinstance(resource, str) else f"{resource['resourceType']}/{resource['id']}"
    }


def usd(value: float, currency: str = "USD") -> Json:
    return {"value": value, "currency": currency}


PATIENT: Json = {"resourceType": "Patient", "id": "pat", "name": [{"family": "Doe", "given": ["Pat", "Q."]}]}
CLINIC: Json = {"resourceType": "Organization", "id": "clinic", "name": "Main Street Clinic"}
DOCTOR: Json = {"resourceType": "Practitioner", "id": "doctor", "name": [{"text": "Dr. Ida Ray"}]}
DEVICE: Json = {"resourceType": "Device", "id": "cuff"}


def encounter(encounter_class: str = "AMB", code: str = "185349003", **extra: Any) -> Json:
    return {
        "resourceType": "Encounter",
        "id": "visit",
        "status": "finished",
        "class": {"system": ACT, "code": encounter_class},
        "type": [concept(SNOMED, code)],
        "subject": ref(PATIENT),
        "serviceProvider": ref(CLINIC),
        "period": {"start": DAY},
    } | extra


def claim(*items: Json, **extra: Any) -> Json:
    return {
        "resourceType": "Claim",
        "id": "claim",
        "status": "active",
        "use": "claim",
        "type": concept("http://terminology.hl7.org/CodeSystem/claim-type", "professional"),
        "patient": ref(PATIENT),
        "created": DAY,
        "provider": ref(CLINIC),
        "priority": concept("http://terminology.hl7.org/CodeSystem/processpriority", "normal"),
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "plan"}}],
        "item": list(items),
    } | extra


def item(*encounters: str, code: str = "185349003", **extra: Any) -> Json:
    return {
        "sequence": 1,
        "productOrService": concept(SNOMED, code),
        "encounter": [ref(name) for name in encounters],
    } | extra


def observation(category: str = "vital-signs", code: str = "8867-4", **extra: Any) -> Json:
    return {
        "resourceType": "Observation",
        "id": "value",
        "status": "final",
        "category": [concept("http://terminology.hl7.org/CodeSystem/observation-category", category)],
        "code": concept(LOINC, code),
        "subject": ref(PATIENT),
        "effectiveDateTime": DAY,
        "valueQuantity": {"value": 71},
    } | extra


def report(*results: Json | str, **extra: Any) -> Json:
    return {
        "resourceType": "DiagnosticReport",
        "id": "report",
        "status": "final",
        "category": [concept("http://terminology.hl7.org/CodeSystem/v2-0074", "LAB")],
        "code": concept(LOINC, "57698-3"),
        "subject": ref(PATIENT),
        "effectiveDateTime": DAY,
        "performer": [ref(CLINIC)],
        "result": [ref(result) for result in results],
    } | extra


def request(**extra: Any) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "id": "rx",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": concept(RXNORM, "314076"),
        "subject": ref(PATIENT),
        "authoredOn": DAY,
        "requester": ref(DOCTOR),
    } | extra


def dispense(**extra: Any) -> Json:
    return {
        "resourceType": "MedicationDispense",
        "id": "fill",
        "status": "completed",
        "medicationCodeableConcept": concept(RXNORM, "314076"),
        "subject": ref(PATIENT),
        "whenHandedOver": DAY,
        "performer": [{"actor": ref(CLINIC)}],
    } | extra


def procedure(system: str = HCPCS, code: str = "G0553", **extra: Any) -> Json:
    return {
        "resourceType": "Procedure",
        "id": "session",
        "status": "completed",
        "code": concept(system, code),
        "subject": ref(PATIENT),
        "performedDateTime": DAY,
        "performer": [{"actor": ref(CLINIC)}],
    } | extra


def bundle(*resources: Json | None, **extra: Any) -> Json:
    """A collection; None stands for an entry without a resource."""
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{} if resource is None else {"resource": resource} for resource in resources],
    } | extra


def record(*resources: Json) -> Json:
    """A bundle with the patient, the clinic and the doctor the other builders name."""
    return bundle(PATIENT, CLINIC, DOCTOR, *resources)
