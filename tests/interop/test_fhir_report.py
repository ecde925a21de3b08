"""The whole of a file: order, accounting, and the committed example of every kind."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.support.fhir import encounter, record

from chainbill.interop.fhir import SkippedResource, SkipReason, read_fhir
from chainbill.interop.fhir.report import LeftOut
from chainbill.records.service_event import ServiceKind

EVERY_KIND = Path(__file__).parents[1] / "fixtures" / "fhir" / "every_kind.json"


def test_report__events__stand_in_order_of_date_and_stay_in_file_order_within_a_moment(read: Any) -> None:
    dates = {
        "c": "2024-01-02",
        "a": "2024-01-02T00:00:00Z",
        "z": "2023-07-01",
        "b": "2024-01-02T01:00:00+01:00",
    }
    visits = [
        encounter(id=name, code=code, period={"start": dates[name]})
        for name, code in zip(dates, ("185349003", "185345009", "185347001", "390906007"), strict=True)
    ]
    order = [event.record_identity.removeprefix("Encounter/") for event in read(record(*visits)).events]
    assert order == ["z", "c", "a", "b"]


def test_report__every_kind_example__yields_every_kind(catalogue: Any) -> None:
    report = read_fhir(EVERY_KIND, catalogue=catalogue)
    assert Counter(event.kind.value for event in report.events) == {
        "in_person_visit": 2,
        "telehealth_visit": 2,
        "remote_monitoring_upload": 2,
        "laboratory_test": 2,
        "prescription_refill": 3,
        "digital_therapeutics_session": 3,
    }
    assert report.skipped_counts() == {
        "not a service": 7,
        "used as price": 4,
        "priced nothing": 1,
        "of no kind": 5,
        "part of report": 2,
        "status cancelled": 1,
        "before 1970": 1,
        "no service date": 1,
        "missing reference": 1,
        "invalid": 1,
        "part of the visit": 1,
        "status preliminary": 1,
        "named by a dispense": 1,
        "intent plan": 1,
        "entry without a resource": 1,
    }
    assert report.uncatalogued == {"http://www.nlm.nih.gov/research/umls/rxnorm|0": 1}


def test_report__every_kind_example__accounts_for_every_entry_once(catalogue: Any) -> None:
    entries = json.loads(EVERY_KIND.read_text())["entry"]
    named = Counter(
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in entries
        if "resource" in entry
    )
    report = read_fhir(EVERY_KIND, catalogue=catalogue)
    accounted = Counter(event.record_identity for event in report.events)
    accounted.update(skipped.resource for skipped in report.skipped if skipped.resource != "entry 43")
    assert accounted == named


def test_report__kind_switched_off__moves_nothing_else(catalogue: Any) -> None:
    whole, part = (
        read_fhir(EVERY_KIND, catalogue=catalogue, include_in_person=included) for included in (True, False)
    )
    assert part.events == [event for event in whole.events if event.kind is not ServiceKind.IN_PERSON_VISIT]
    assert part.skipped_counts()[SkipReason.IN_PERSON_OFF] == 5


def test_skipped__in_words__reads_as_a_sentence() -> None:
    def words(reason: SkipReason, detail: str = "") -> str:
        return str(SkippedResource(resource="Observation/7", reason=reason, detail=detail))

    assert words(SkipReason.PART_OF_REPORT, "DiagnosticReport/1") == (
        "Observation/7: part of report DiagnosticReport/1"
    )
    assert words(SkipReason.STATUS, "cancelled") == "Observation/7: status cancelled"
    assert words(SkipReason.NO_DATE) == "Observation/7: no service date"
    assert words(SkipReason.PART_OF_VISIT, "Encounter/1") == "Observation/7: part of the visit: Encounter/1"


def test_docs__name_every_reason(project_root: Path) -> None:
    told = (project_root / "docs" / "fhir.md").read_text("utf-8")
    absent = [reason for reason in (*SkipReason, *LeftOut) if f"`{reason}" not in told]
    assert absent == []
