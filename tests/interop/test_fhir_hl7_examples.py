"""HL7's own R4 examples: each is read, or refused with a RecordError, and nothing else happens."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from chainbill.errors import RecordError
from chainbill.interop.fhir import read_fhir

EXAMPLES = Path(__file__).parents[2] / "node_modules" / "hl7.fhir.r4.examples"
TYPES_WITH_EVENTS = frozenset(
    """
    Bundle Claim DeviceUseStatement DiagnosticReport Encounter ExplanationOfBenefit MedicationDispense
    MedicationRequest Observation Procedure QuestionnaireResponse
    """.split()  # noqa: SIM905
)


@pytest.fixture(scope="module")
def examples() -> list[Path]:
    paths = sorted(EXAMPLES.glob("*.json"))
    if not paths:
        pytest.skip("npm hl7.fhir.r4.examples is not installed")
    return paths


def number_of_resources(document: Any) -> int:
    """Of a resource, one; of a Bundle, its entries, and those of the answers to searches inside it."""
    answers = ("batch-response", "transaction-response", "searchset")
    if document["resourceType"] != "Bundle":
        return 1
    inside = [entry.get("resource", {}) for entry in document.get("entry", [])]
    return sum(
        number_of_resources(each) or 1
        if each.get("resourceType") == "Bundle" and {document["type"], each["type"]} & set(answers)
        else 1
        for each in inside
    )


def read_all(paths: list[Path], catalogue: Any) -> tuple[Counter[str], dict[str, str]]:
    """Events by kind, and what was refused, having checked that every entry is accounted for."""
    found: Counter[str] = Counter()
    refused: dict[str, str] = {}
    for path in paths:
        try:
            report = read_fhir(path, catalogue=catalogue)
        except RecordError as error:
            refused[path.name] = str(error)
            continue
        document = json.loads(path.read_text("utf-8"))
        whole = number_of_resources(document)
        assert len(report.events) + len(report.skipped) == whole, path.name
        assert "invalid" not in report.skipped_counts(), path.name
        found.update(event.kind.value for event in report.events)
    return found, refused


def test_hl7_examples__of_types_with_events__are_all_read(examples: list[Path], catalogue: Any) -> None:
    small = [
        path
        for path in examples
        if path.name.partition("-")[0] in TYPES_WITH_EVENTS and path.stat().st_size < 2**20
    ]
    found, refused = read_all(small, catalogue)
    assert refused == {}
    assert len(small) > 200
    # HL7 has no example of a virtual encounter, nor of digital therapeutics.
    assert found == {
        "in_person_visit": 3,
        "laboratory_test": 21,
        # Two of the 45 are given in a stay (category inpatient).
        "prescription_refill": 43,
        "remote_monitoring_upload": 14,
    }


@pytest.mark.slow
def test_hl7_examples__all_of_them__are_read_but_the_package_file(
    examples: list[Path], catalogue: Any
) -> None:
    found, refused = read_all(examples, catalogue)
    assert list(refused) == ["package.json"]
    assert found.total() == 81


def test_hl7_samples__are_all_read(samples_dir: Path, catalogue: Any) -> None:
    found, refused = read_all(sorted((samples_dir / "fhir_hl7_r4").glob("*.json")), catalogue)
    assert list(refused) == ["package.json"]
    assert found["prescription_refill"] > 40
