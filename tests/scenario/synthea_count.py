"""Counts service events in a Synthea R4 bundle straight from its JSON, by the rules, without our reader."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

VISIT_CLASSES = {"AMB", "EMER", "IMP", "HH", "VR"}
ORDERS = {"active", "completed", "stopped"}
FINAL = {"final", "amended", "corrected"}


def resources(path: Path) -> list[dict[str, Any]]:
    """Every resource of a bundle, amounts as exact decimals."""
    bundle = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    return [entry["resource"] for entry in bundle["entry"]]


def count_events(path: Path) -> Counter[str]:
    """Events by kind."""
    found = resources(path)
    in_reports = {
        result["reference"].removeprefix("urn:uuid:")
        for report in _of(found, "DiagnosticReport")
        for result in report.get("result", [])
    }
    counts: Counter[str] = Counter()
    counts["in_person_visit"] = sum(
        1
        for visit in _of(found, "Encounter")
        if visit["status"] == "finished" and visit["class"]["code"] in VISIT_CLASSES
    )
    counts["laboratory_test"] = sum(
        1
        for report in _of(found, "DiagnosticReport")
        if report["status"] in FINAL and "LAB" in json.dumps(report["category"])
    ) + sum(
        1
        for observation in _of(found, "Observation")
        if observation["status"] in FINAL
        and observation["category"][0]["coding"][0]["code"] == "laboratory"
        and observation["id"] not in in_reports
    )
    counts["prescription_refill"] = sum(
        1
        for order in _of(found, "MedicationRequest")
        if order["intent"] == "order" and order["status"] in ORDERS
    )
    return counts


def billed_by_record(path: Path) -> dict[str, Decimal]:
    """The price of each visit and fill in dollars, from the claims."""
    prices: dict[str, Decimal] = {}
    for claim in _of(resources(path), "Claim"):
        total = _cents(claim["total"]["value"])
        if "prescription" in claim:
            prices["MedicationRequest/" + claim["prescription"]["reference"].removeprefix("urn:uuid:")] = (
                total
            )
            continue
        items = claim["item"]
        visit = next(item["encounter"][0]["reference"] for item in items if "encounter" in item)
        others = sum((_cents(item["net"]["value"]) for item in items if "net" in item), Decimal(0))
        prices["Encounter/" + visit.removeprefix("urn:uuid:")] = total - others
    return prices


def _of(found: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [resource for resource in found if resource["resourceType"] == kind]


def _cents(value: Decimal | int) -> Decimal:
    return Decimal(value).quantize(Decimal("0.01"))
