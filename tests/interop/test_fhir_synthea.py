"""Synthea's bundles, against a count over their JSON that shares no code with the reader."""

from __future__ import annotations

import json
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from chainbill.interop.fhir import IngestReport, read_fhir
from chainbill.records.service_event import PriceSource, ServiceKind


@pytest.fixture
def bundles(samples_dir: Path) -> list[Path]:
    paths = sorted((samples_dir / "synthea_r4_2019").glob("*.json"))
    assert len(paths) == 6
    return paths


def by_type(path: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in json.loads(path.read_text(), parse_float=Decimal)["entry"]:
        found.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    return found


def counted(path: Path) -> dict[str, int]:
    resources = by_type(path)
    reports = resources.get("DiagnosticReport", [])
    in_reports = {result["reference"].removeprefix("urn:uuid:") for r in reports for result in r["result"]}
    laboratory = [
        value["id"]
        for value in resources["Observation"]
        if value["category"][0]["coding"][0]["code"] == "laboratory" and value["id"] not in in_reports
    ]
    fills = [r for r in resources.get("MedicationRequest", []) if r["status"] in ("active", "stopped")]
    return {
        "in_person_visit": sum(visit["status"] == "finished" for visit in resources["Encounter"]),
        "laboratory_test": len(reports) + len(laboratory),
        "prescription_refill": len(fills),
    }


def cents(dollars: Any) -> int:
    return int(Decimal(dollars).quantize(Decimal("0.01"), ROUND_HALF_UP) * 1_000_000)


def kinds(report: IngestReport) -> Counter[str]:
    return Counter(event.kind.value for event in report.events)


def test_synthea__events__agree_with_an_independent_count(bundles: list[Path], catalogue: Any) -> None:
    total: Counter[str] = Counter()
    for path in bundles:
        found = kinds(read_fhir(path, catalogue=catalogue))
        assert found == Counter(counted(path))
        total += found
    assert total == {"in_person_visit": 146, "laboratory_test": 37, "prescription_refill": 67}


def test_synthea__every_resource__is_an_event_or_skipped(bundles: list[Path], catalogue: Any) -> None:
    for path in bundles:
        report = read_fhir(path, catalogue=catalogue)
        named = Counter(
            f"{kind}/{resource['id']}" for kind, resources in by_type(path).items() for resource in resources
        )
        accounted = Counter(event.record_identity for event in report.events)
        accounted.update(skipped.resource for skipped in report.skipped)
        assert accounted == named
        assert report.uncatalogued == {}
        assert not {"invalid", "missing reference"} & set(report.skipped_counts())


def test_synthea__prices__are_those_of_the_claims(bundles: list[Path], catalogue: Any) -> None:
    for path in bundles:
        stated = {}
        for claim in by_type(path)["Claim"]:
            others = sum(line["net"]["value"] for line in claim["item"][1:] if "net" in line)
            owner = claim.get("prescription") or claim["item"][0]["encounter"][0]
            stated[owner["reference"].removeprefix("urn:uuid:")] = claim["total"]["value"] - others
        for event in read_fhir(path, catalogue=catalogue).events:
            if event.kind is ServiceKind.LABORATORY_TEST:
                assert event.price_source is PriceSource.CATALOGUE_DEFAULT
            else:
                dollars = stated[event.record_identity.partition("/")[2]]
                assert event.billed_amount == round(Decimal(dollars), 2) * 1_000_000
                assert event.price_source is PriceSource.CLAIM_TOTAL


def test_synthea__claims__are_accounted_for_to_the_cent(bundles: list[Path], catalogue: Any) -> None:
    for path in bundles:
        claimed, in_lines = 0, 0
        for claim in by_type(path)["Claim"]:
            lines = sum(cents(line["net"]["value"]) for line in claim["item"] if "net" in line)
            claimed += max(cents(claim["total"]["value"]), lines)  # Synthea's totals are often below
            in_lines += lines
        report = read_fhir(path, catalogue=catalogue)
        account = report.claim_account()
        assert account.claimed == claimed
        assert account.claimed == account.in_events + sum(account.left_out.values())
        billed = [event for event in report.events if event.price_source is not PriceSource.CATALOGUE_DEFAULT]
        assert account.in_events == sum(event.billed_amount for event in billed)
        assert account.in_events > 0
        assert account.claimed - account.in_events <= in_lines


def test_synthea__as_ndjson__yields_the_same_events(
    bundles: list[Path], catalogue: Any, tmp_path: Path
) -> None:
    path = bundles[0]
    copy = tmp_path / "record.ndjson"
    entries = json.loads(path.read_text())["entry"]
    copy.write_text("".join(json.dumps(entry["resource"]) + "\n" for entry in entries))
    assert read_fhir(copy, catalogue=catalogue).events == read_fhir(path, catalogue=catalogue).events


def test_synthea__patient_taken_out__skips_everything_as_missing(
    bundles: list[Path], catalogue: Any, tmp_path: Path
) -> None:
    document = json.loads(bundles[0].read_text())
    events = len(read_fhir(bundles[0], catalogue=catalogue).events)
    document["entry"] = [e for e in document["entry"] if e["resource"]["resourceType"] != "Patient"]
    copy = tmp_path / "record.json"
    copy.write_text(json.dumps(document))
    report = read_fhir(copy, catalogue=catalogue)
    assert report.events == []
    assert report.skipped_counts()["missing reference"] == events
