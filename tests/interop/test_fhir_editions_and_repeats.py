"""Versions and deletions of a resource, and the same thing under two identities."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.fhir import (
    CLINIC,
    DOCTOR,
    LOINC,
    PATIENT,
    claim,
    concept,
    encounter,
    item,
    observation,
    record,
    ref,
    usd,
)

from chainbill.interop.fhir import read_fhir
from chainbill.records.catalogue import Catalogue

VISIT = "Encounter/visit"
BASE = "https://clinic.example/fhir"


def versioned(dollars: int, **meta: str) -> Any:
    return claim(item(VISIT, net=usd(dollars))) | {"meta": meta}


def price(found: Any) -> float:
    (event,) = found.events
    return float(event.billed_amount) / 1_000_000


@pytest.mark.parametrize(
    "newer, older",
    [
        ({"versionId": "2"}, {"versionId": "1"}),
        ({"versionId": "10"}, {"versionId": "9"}),
        ({"versionId": 'W/"2"'}, {"versionId": "1"}),
        ({"lastUpdated": "2024-03-05T10:00:00-05:00"}, {"lastUpdated": "2024-03-05T12:00:00Z"}),
        ({"versionId": "1", "lastUpdated": "2024-03-06"}, {"versionId": "2", "lastUpdated": "2024-03-05"}),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_versions_of_a_claim__in_any_order__the_newest_bills(
    read: Any, newer: Any, older: Any, order: int
) -> None:
    both = [versioned(20, **newer), versioned(10, **older)]
    assert price(read(record(encounter(), *both[::order]))) == 20


def full(resource: Any) -> Any:
    return {"fullUrl": f"{BASE}/{resource['resourceType']}/{resource['id']}", "resource": resource}


def deletion(url: str, **answer: str) -> Any:
    return {"request": {"method": "DELETE", "url": url}, "response": answer}


@pytest.mark.parametrize(
    "url",
    [VISIT, f"{VISIT}/_history/3", f"{BASE}/{VISIT}"],
    ids=["relative", "version", "absolute"],
)
def test_deletion_in_a_history__with_or_without_its_server__is_the_newest_version(
    read: Any, url: str
) -> None:
    entries = [full(PATIENT), full(CLINIC), deletion(url), full(encounter())]
    found = read({"resourceType": "Bundle", "type": "history", "entry": entries})
    assert found.events == []
    assert found.skipped_counts()["deleted"] == 2


def test_deletion_in_a_history__of_what_was_made_again__is_past(read: Any) -> None:
    entries = [full(PATIENT), full(CLINIC), full(encounter()), deletion(VISIT), full(encounter())]
    found = read({"resourceType": "Bundle", "type": "history", "entry": entries})
    assert len(found.events) == 1
    assert found.skipped_counts()["superseded by"] == 2


def test_deletion__of_a_name_that_two_servers_have__is_of_neither(read: Any) -> None:
    here = [full(PATIENT), full(encounter())]
    there = [entry | {"fullUrl": entry["fullUrl"].replace(BASE, "https://other.example")} for entry in here]
    entries = [deletion(VISIT), *here, *there]
    assert len(read({"resourceType": "Bundle", "type": "history", "entry": entries}).events) == 2


def test_folder__of_a_bulk_export__is_read_with_its_manifest_and_deletions(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    gone = {"resourceType": "Bundle", "type": "transaction", "entry": [deletion("Claim/claim")]}
    (tmp_path / "deleted").mkdir()
    (tmp_path / "deleted" / "Claim.ndjson").write_text(json.dumps(gone) + "\n")
    (tmp_path / "Patient.ndjson").write_text(json.dumps(PATIENT) + "\n")
    (tmp_path / "Encounter.ndjson").write_text(json.dumps(encounter()) + "\n")
    packed = gzip.compress(json.dumps(claim(item(VISIT, net=usd(9)))).encode() + b"\n")
    (tmp_path / "Claim.ndjson.gz").write_bytes(packed)
    (tmp_path / "manifest.json").write_text(json.dumps({"transactionTime": "2024-03-05", "output": []}))
    assert price(read_fhir(tmp_path, catalogue=catalogue)) == 92


# ── The same thing twice ─────────────────────────────────────────────────────────────────────────────────


def pressure(name: str, *values: tuple[str, int]) -> Any:
    made = observation(code="85354-9", id=name)
    del made["valueQuantity"]
    parts = [{"code": concept(LOINC, code), "valueQuantity": {"value": value}} for code, value in values]
    return made | {"component": parts}


SAME = {
    "at another offset": {"effectiveDateTime": "2024-03-05T05:00:00-05:00"},
    "a number written otherwise": {"valueQuantity": {"value": 71.0}},
    "a translation of its code": {
        "code": {"coding": [{"system": LOINC, "code": "8867-4"}, {"system": "urn:local", "code": "HR"}]}
    },
    "a word for its code": {"code": {"coding": [{"system": LOINC, "code": "8867-4", "display": "Pulse"}]}},
    "another device": {"device": {"display": "watch"}},
    "a second category": {"category": [concept("urn:c", "vital-signs"), concept("urn:c", "own")]},
    "its provider named": {"performer": [ref(CLINIC)]},
}
OTHER = {
    "another value": {"valueQuantity": {"value": 72}},
    "another instant": {"effectiveDateTime": "2024-03-05T10:01:00Z"},
    "another code": {"code": concept(LOINC, "9279-1")},
}


@pytest.mark.parametrize("changed, events", [*[(each, 1) for each in SAME], *[(each, 2) for each in OTHER]])
def test_reading_under_two_identities__with_something_changed__is_one_or_two(
    read: Any, changed: str, events: int
) -> None:
    second = observation(id="second") | (SAME | OTHER)[changed]
    found = read(record(observation(id="first"), second))
    assert len(found.events) == events
    assert found.skipped_counts().get("same measurement as", 0) == 2 - events


def test_readings_of_two_providers__are_two(read: Any) -> None:
    both = [observation(id=who["id"], performer=[ref(who)]) for who in (CLINIC, DOCTOR)]
    assert len(read(record(*both)).events) == 2


def test_reading_of_the_same_components_in_another_order__is_one(read: Any) -> None:
    first = pressure("first", ("8480-6", 120), ("8462-4", 80))
    second = pressure("second", ("8462-4", 80), ("8480-6", 120))
    assert len(read(record(first, second)).events) == 1


def test_encounter_under_two_identities__the_one_that_a_claim_names_stands(read: Any) -> None:
    found = read(record(encounter(id="first"), encounter(), claim(item(VISIT, net=usd(50)))))
    assert price(found) == 50
    assert found.skipped_counts()["same service as"] == 1


@pytest.mark.parametrize(
    "value",
    [
        {"valueQuantity": {}},
        {"valueQuantity": {"unit": "mg"}},
        {"valueQuantity": None},
        {
            "valueCodeableConcept": concept(
                "http://terminology.hl7.org/CodeSystem/data-absent-reason", "not-performed"
            )
        },
        {"component": [{"code": concept(LOINC, "8480-6"), "dataAbsentReason": concept("urn:why", "error")}]},
    ],
    ids=["empty", "unit-alone", "null", "why-absent", "component-absent"],
)
def test_reading_that_states_no_value__is_no_measurement(read: Any, value: Any) -> None:
    made = observation()
    del made["valueQuantity"]
    found = read(record(made | value))
    assert found.events == []
    assert found.skipped_counts()["no measurement"] == 1


# ── Encounters within encounters ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "between, whole, events",
    [
        ({"status": "cancelled"}, {}, ["Encounter/whole"]),
        ({}, {}, ["Encounter/whole"]),
        ({"status": "cancelled"}, {"status": "cancelled"}, ["Encounter/part"]),
        ({"class": {"code": "XXX"}, "type": []}, {}, ["Encounter/part", "Encounter/whole"]),
    ],
    ids=["cancelled-between", "chain", "all-cancelled", "of-no-kind"],
)
def test_encounter_within_another__is_charged_where_nothing_else_holds_it(
    read: Any, between: Any, whole: Any, events: list[str]
) -> None:
    outer = encounter(id="whole", period={"start": "2024-03-04"}) | whole
    middle = encounter(id="middle", partOf=ref(outer), period={"start": "2024-03-05"}) | between
    if not middle["type"]:
        del middle["type"]
    part = encounter(id="part", partOf=ref(middle), period={"start": "2024-03-06"})
    found = read(record(outer, middle, part))
    assert sorted(event.record_identity for event in found.events) == events


@pytest.mark.parametrize("start", ["1969-12-31T20:00:00-05:00", "1970-01-01T00:00:00+14:00"])
def test_service_around_the_epoch__whose_day_or_instant_is_before__is_before_1970(
    read: Any, start: str
) -> None:
    assert read(record(encounter(period={"start": start}))).skipped_counts()["before 1970"] == 1


@pytest.mark.parametrize("unit, events", [("kg", 1), ("lb", 2)])
def test_reading_sent_twice__with_the_units_code_or_without__is_one(
    read: Any, unit: str, events: int
) -> None:
    coded = {"value": 81.5, "unit": "kilogram", "system": "http://unitsofmeasure.org", "code": "kg"}
    quantities = [coded, {"value": 81.50, "unit": unit}]
    readings = [
        observation(id=f"o{place}", code="29463-7", valueQuantity=quantity, device={"display": "scale"})
        for place, quantity in enumerate(quantities)
    ]
    assert len(read(record(*readings)).events) == events
