"""The six Synthea records, replayed on the chain's own clock and held against a count of our own."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from tests.scenario.synthea_count import billed_by_record, count_events, resources

from chainbill.interop.fhir import read_fhir
from chainbill.records.catalogue import Catalogue
from chainbill.scenario.demo import COMPONENTS, run_demo

PATIENTS = (
    "Angelic_Mueller",
    "Asa_Hermiston",
    "Eboni_Brekke",
    "Elsa_Vargas",
    "Gloria_Covarrubias",
    "Jill_Tillman",
)


def bundle_of(samples_dir: Path, patient: str) -> Path:
    (path,) = (samples_dir / "synthea_r4_2019").glob(f"{patient}_*.json")
    return path


def test_count__six_bundles__is_what_was_counted_elsewhere(samples_dir: Path) -> None:
    counts = sum((count_events(bundle_of(samples_dir, patient)) for patient in PATIENTS), Counter())

    assert counts == {"in_person_visit": 146, "laboratory_test": 37, "prescription_refill": 67}


@pytest.mark.parametrize(
    "patient", [PATIENTS[0], *(pytest.param(patient, marks=pytest.mark.slow) for patient in PATIENTS[1:])]
)
def test_demo__synthea_bundle__every_event_ends_and_the_audit_adds_up(
    samples_dir: Path, patient: str
) -> None:
    path = bundle_of(samples_dir, patient)
    catalogue = Catalogue.load()
    ingest = read_fhir(path, catalogue=catalogue)
    report = run_demo(ingest, catalogue)
    facts = report.to_json()

    counted = count_events(path)
    assert Counter(claim["kind"] for claim in facts["claims"]) == counted
    events = facts["events"]
    assert events["found"] == counted.total()
    assert events["found"] == sum(events[name] for name in ("settled", "pended", "denied", "duplicate"))
    assert all(claim["outcome"] == "settled" or claim["reason"] for claim in facts["claims"])

    assert events["found"] + len(ingest.skipped) == len(resources(path))
    assert sum(facts["skipped_resources"].values()) == len(ingest.skipped)
    assert all(skipped.reason for skipped in ingest.skipped)

    assert facts["discrepancies"] == 0, report.discrepancies
    assert report.checks > events["settled"]
    _check_amounts(facts["claims"], facts["amounts"])
    _check_prices(facts["claims"], billed_by_record(path))


def _check_amounts(claims: list[dict[str, str]], amounts: dict[str, str]) -> None:
    settled = [claim for claim in claims if claim["outcome"] == "settled"]
    for claim in settled:
        value = {name: Decimal(claim[name]) for name in COMPONENTS}
        assert value["plan_paid"] + value["patient_responsibility"] == value["allowed"]
        assert value["allowed"] + value["contractual_adjustment"] == value["billed"]
        assert value["deductible"] + value["copay"] + value["coinsurance"] == value["patient_responsibility"]
    for name in COMPONENTS:
        assert sum(Decimal(claim[name]) for claim in settled) == Decimal(amounts[name])


def _check_prices(claims: list[dict[str, str]], prices: dict[str, Decimal]) -> None:
    priced = {
        claim["record"]: Decimal(claim["billed"])
        for claim in claims
        if claim["price_source"] != "catalogue_default"
    }
    assert priced == {record: price for record, price in prices.items() if record in priced}
    visits_and_fills = [claim for claim in claims if claim["kind"] != "laboratory_test"]
    assert len(priced) == len(visits_and_fills)
