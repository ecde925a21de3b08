"""The packaged story: every kind of event, one patient without money, one without consent, one duplicate."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainbill.interop.fhir import IngestReport
from chainbill.records.catalogue import Catalogue
from chainbill.records.service_event import ServiceKind
from chainbill.scenario.demo import (
    STORY_UNFUNDED,
    STORY_WITHOUT_CONSENT,
    DemoOptions,
    DemoReport,
    read_story,
    run_demo,
)

KEYS = {
    "events",
    "skipped_resources",
    "uncatalogued",
    "amounts",
    "seconds_to_credited",
    "gas_per_event",
    "discrepancies",
    "claims",
}


@pytest.fixture(scope="module")
def story() -> DemoReport:
    catalogue = Catalogue.load()
    options = DemoOptions(unfunded=STORY_UNFUNDED, without_consent=STORY_WITHOUT_CONSENT)
    return run_demo(read_story(catalogue), catalogue, options)


def test_story__holds_every_kind_of_event() -> None:
    kinds = {event.kind for event in read_story(Catalogue.load()).events}

    assert kinds == set(ServiceKind)


def test_story__ends_as_it_is_told(story: DemoReport) -> None:
    facts = story.to_json()

    assert set(facts) == KEYS
    assert facts["events"] == {"found": 16, "settled": 14, "pended": 2, "denied": 0, "duplicate": 0}
    assert facts["discrepancies"] == 0
    assert facts["skipped_resources"]["superseded by"] == 1  # the story holds one report twice
    reasons = {claim["record"]: claim["reason"] for claim in facts["claims"] if claim["outcome"] != "settled"}
    assert reasons == {
        "Encounter/wei-video": "patient_unfunded",
        "Encounter/ruth-office": "no_consent",
    }


def test_story__every_component_occurs(story: DemoReport) -> None:
    amounts = story.to_json()["amounts"]

    assert all(amounts[name] != "0.00" for name in amounts), amounts


def test_story__gas_and_seconds_are_measured(story: DemoReport) -> None:
    facts = story.to_json()

    assert facts["gas_per_event"] > 21_000
    assert 0 < facts["seconds_to_credited"]["p50"] <= facts["seconds_to_credited"]["max"]


def test_story__statement_names_the_patient_and_what_was_paid(story: DemoReport) -> None:
    assert "Alvarez" in story.statement
    assert "deductible" in story.statement.lower()


def test_demo__record_without_events__says_so_without_a_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINBILL_ANVIL", str(Path("/nonexistent")))

    facts = run_demo(IngestReport(events=[], skipped=[], uncatalogued={}), Catalogue.load()).to_json()

    assert facts["events"]["found"] == 0
    assert facts["gas_per_event"] is None
    assert facts["seconds_to_credited"] == {"p50": None, "max": None}
