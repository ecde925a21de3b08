"""Telling FHIR R4 from its neighbours, which say nothing of their version in the file.

Each tell is an element or a resource type that R4 (or R4B) does not have, so an R4 file is never
refused; DSTU2, STU3 and R5 files are refused as soon as one resource gives them away.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from chainbill.interop.fhir.elements import Json, children

_BEFORE_R4 = "before R4 (DSTU2 or STU3)"
_R5 = "R5"
_NOT_R4 = "another version than R4"

# As words, not lists: one name per line would hide the rest of this module.
_TYPES_BEFORE_R4 = frozenset(
    """
    BodySite Conformance DataElement DeviceComponent DeviceUseRequest DiagnosticOrder EligibilityRequest
    EligibilityResponse ExpansionProfile ImagingManifest ImagingObjectSelection MedicationOrder Order
    OrderResponse ProcedureRequest ProcessRequest ProcessResponse ReferralRequest Sequence ServiceDefinition
    """.split()  # noqa: SIM905
)
_TYPES_OF_R5 = frozenset(
    """
    ActorDefinition ArtifactAssessment BiologicallyDerivedProductDispense ConditionDefinition
    DeviceAssociation DeviceDispense DeviceUsage EncounterHistory FormularyItem GenomicStudy
    ImagingSelection InventoryItem InventoryReport NutritionIntake Permission RequestOrchestration
    Requirements TestPlan Transport
    """.split()  # noqa: SIM905
)
TYPES = dict.fromkeys(_TYPES_BEFORE_R4, _BEFORE_R4) | dict.fromkeys(_TYPES_OF_R5, _R5)
"""Resource types of other versions only."""

ELEMENTS: dict[str, dict[str, str]] = {
    "Encounter": {
        "incomingReferral": _BEFORE_R4,
        "patient": _BEFORE_R4,
        "indication": _BEFORE_R4,
        "reason": _NOT_R4,
        "actualPeriod": _R5,
        "plannedStartDate": _R5,
        "admission": _R5,
        "virtualService": _R5,
        "subjectStatus": _R5,
    },
    "Observation": {
        "context": _BEFORE_R4,
        "comment": _BEFORE_R4,
        "comments": _BEFORE_R4,
        "related": _BEFORE_R4,
        "triggeredBy": _R5,
        "bodyStructure": _R5,
        "instantiatesCanonical": _R5,
    },
    "DiagnosticReport": {
        "context": _BEFORE_R4,
        "codedDiagnosis": _BEFORE_R4,
        "image": _BEFORE_R4,
        "supportingInfo": _R5,
        "composition": _R5,
    },
    "MedicationRequest": {"context": _BEFORE_R4, "definition": _BEFORE_R4, "medication": _R5},
    "MedicationDispense": {"notDone": _BEFORE_R4, "medication": _R5, "recorded": _R5},
    "MedicationStatement": {"taken": _BEFORE_R4, "wasNotTaken": _BEFORE_R4, "medication": _R5},
    "MedicationAdministration": {"notGiven": _BEFORE_R4, "wasNotGiven": _BEFORE_R4, "medication": _R5},
    "Procedure": {
        "context": _BEFORE_R4,
        "notDone": _BEFORE_R4,
        "notPerformed": _BEFORE_R4,
        "occurrenceDateTime": _R5,
        "occurrencePeriod": _R5,
        "reportedBoolean": _R5,
    },
    "DeviceUseStatement": {"whenUsed": _BEFORE_R4},
    "QuestionnaireResponse": {"context": _BEFORE_R4, "parent": _BEFORE_R4, "group": _BEFORE_R4},
    "Claim": {"employmentImpacted": _BEFORE_R4, "information": _BEFORE_R4, "traceNumber": _R5, "event": _R5},
    "ExplanationOfBenefit": {
        "information": _BEFORE_R4,
        "totalCost": _BEFORE_R4,
        "totalBenefit": _BEFORE_R4,
        "traceNumber": _R5,
        "event": _R5,
    },
    "Patient": {"animal": _BEFORE_R4, "careProvider": _BEFORE_R4},
    "Immunization": {"notGiven": _BEFORE_R4, "wasNotGiven": _BEFORE_R4, "basedOn": _R5},
    "CarePlan": {"context": _BEFORE_R4, "definition": _BEFORE_R4, "relatedPlan": _BEFORE_R4},
}
"""Elements of other versions only, by resource type."""

_SHAPES: dict[str, dict[str, tuple[Callable[[Any], bool], str]]] = {
    "Encounter": {"class": (lambda value: isinstance(value, str), _BEFORE_R4)},
    "Observation": {"category": (lambda value: isinstance(value, dict), _BEFORE_R4)},
    "DiagnosticReport": {"category": (lambda value: isinstance(value, dict), _BEFORE_R4)},
    "Condition": {"clinicalStatus": (lambda value: isinstance(value, str), _BEFORE_R4)},
    "AllergyIntolerance": {"clinicalStatus": (lambda value: isinstance(value, str), _BEFORE_R4)},
    "Claim": {
        "total": (lambda value: isinstance(value, dict) and "code" in value, _BEFORE_R4),
        "item": (lambda value: _any_has(value, "service"), _BEFORE_R4),
    },
    "ExplanationOfBenefit": {"item": (lambda value: _any_has(value, "service"), _BEFORE_R4)},
    "MedicationRequest": {
        "requester": (lambda value: isinstance(value, dict) and "agent" in value, _BEFORE_R4)
    },
}
"""Elements whose JSON type gives another version away."""

_VERSIONED_PROFILE = re.compile(r"http://hl7\.org/fhir/(DSTU2|STU3|R5|[1235]\.\d)/StructureDefinition/.*")
_R4_VERSION = re.compile(r"4\.[013](\.|$|-)")


def not_r4_because(resource: Json) -> str:
    """What shows that a resource is of another FHIR version, or an empty string."""
    resource_type = resource.get("resourceType")
    if not isinstance(resource_type, str):
        return ""
    if version := TYPES.get(resource_type):
        return f"{resource_type} is a resource type of {_named(version)}"
    for name, version in ELEMENTS.get(resource_type, {}).items():
        if name in resource:
            return f"{resource_type}.{name} is an element of {_named(version)}"
    for name, (tells, version) in _SHAPES.get(resource_type, {}).items():
        if name in resource and tells(resource[name]):
            return f"{resource_type}.{name} has the form of {_named(version)}"
    return _r5_encounter_class(resource) or _stated_version(resource)


def _any_has(value: Any, name: str) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) and name in item for item in value)


def _named(version: str) -> str:
    return f"FHIR {version}"


def _r5_encounter_class(resource: Json) -> str:
    """R5's Encounter.class is a list of concepts; R4's is one coding."""
    if resource["resourceType"] != "Encounter":
        return ""
    found = any("coding" in concept or "text" in concept for concept in children(resource, "class"))
    return f"Encounter.class has the form of {_named(_R5)}" if found else ""


def _stated_version(resource: Json) -> str:
    stated = resource.get("fhirVersion")
    for version in stated if isinstance(stated, list) else [stated]:
        if isinstance(version, str) and re.match(r"\d+\.\d+", version) and not _R4_VERSION.match(version):
            return f"{resource['resourceType']}.fhirVersion is {version}"
    meta = resource.get("meta")
    profiles = meta.get("profile") if isinstance(meta, dict) else None
    for profile in profiles if isinstance(profiles, list) else []:
        if isinstance(profile, str) and (found := _VERSIONED_PROFILE.fullmatch(profile)):
            return f"meta.profile names FHIR {found.group(1)}"
    return ""
