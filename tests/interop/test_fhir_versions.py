"""Other FHIR versions are refused by name; R4 never is."""

from __future__ import annotations

from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from tests.support.fhir import DOCTOR, PATIENT, encounter, observation, procedure, record, ref, request

from chainbill.errors import UnsupportedVersion
from chainbill.interop.fhir.versions import ELEMENTS, TYPES

STU3_REQUEST = request(requester={"agent": ref(DOCTOR)})
R5_REQUEST = {"resourceType": "MedicationRequest", "medication": {"concept": {"text": "x"}}}


@pytest.mark.parametrize(
    "resource, version",
    [
        (encounter() | {"class": "ambulatory"}, "before R4"),
        (encounter() | {"class": [{"coding": [{"code": "AMB"}]}]}, "R5"),
        (encounter(actualPeriod={"start": "2024"}), "R5"),
        (encounter(patient=ref(PATIENT)), "before R4"),
        (observation(context=ref("Encounter/x")), "before R4"),
        (observation() | {"category": {"text": "vital-signs"}}, "before R4"),
        (procedure(occurrenceDateTime="2024"), "R5"),
        (STU3_REQUEST, "before R4"),
        (R5_REQUEST, "R5"),
        ({"resourceType": "MedicationOrder", "id": "x"}, "before R4"),
        ({"resourceType": "ProcedureRequest"}, "before R4"),
        ({"resourceType": "DeviceUsage"}, "R5"),
        ({"resourceType": "Condition", "clinicalStatus": "active"}, "before R4"),
        ({"resourceType": "Claim", "total": {"value": 9, "code": "USD"}}, "before R4"),
        ({"resourceType": "Claim", "item": [{"service": {"text": "x"}}]}, "before R4"),
        ({"resourceType": "CapabilityStatement", "fhirVersion": "3.0.2"}, "3.0.2"),
        ({"resourceType": "ImplementationGuide", "fhirVersion": ["5.0.0"]}, "5.0.0"),
        (
            {
                "resourceType": "Patient",
                "meta": {"profile": ["http://hl7.org/fhir/5.0/StructureDefinition/Patient"]},
            },
            "5.0",
        ),
    ],
)
def test_version__other_than_r4__is_refused_and_named(read: Any, resource: Any, version: str) -> None:
    for content in (resource, record(resource)):
        with pytest.raises(UnsupportedVersion, match="not FHIR R4") as refused:
            read(content)
        assert version in str(refused.value)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"},
        {"resourceType": "StructureDefinition", "fhirVersion": "4.3.0"},
        {"resourceType": "ImplementationGuide", "fhirVersion": ["4.0.1"]},
        {
            "resourceType": "Patient",
            "meta": {"profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"]},
        },
    ],
)
def test_version__r4__is_read(read: Any, resource: Any) -> None:
    assert len(read(resource).skipped) == 1


@pytest.mark.parametrize("resource_type", ELEMENTS)
def test_tells__elements__are_not_in_the_r4_model(resource_type: str) -> None:
    model = get_fhir_model_class(resource_type)
    allowed = {field.alias or name for name, field in model.model_fields.items()}
    assert not allowed & set(ELEMENTS[resource_type])


@pytest.mark.parametrize("resource_type", sorted(TYPES))
def test_tells__types__are_not_in_r4(resource_type: str) -> None:
    with pytest.raises(ValueError, match="not a valid FHIR Model"):
        get_fhir_model_class(resource_type)
