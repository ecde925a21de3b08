"""The gas snapshot: it shows in the diff, is taken again when a contract changes, and keeps its bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scripts.gas_table import BOUNDS, WANTED

from chainbill.chain.format.events import ClaimPended
from chainbill.errors import ChainError
from chainbill.scenario.bench_gas import measure_gas, profile_gas
from chainbill.scenario.bench_scenarios import PEERS, SCENARIOS
from chainbill.scenario.bench_setup import Shape, bench_stage

SNAPSHOT = Path(__file__).parents[1] / "snapshots" / "gas.json"

AT_MOST = {
    **{(key, "osaka", "bound"): each.osaka for key, each in BOUNDS.items()},
    **{(key, "amsterdam", "bound"): each.amsterdam for key, each in BOUNDS.items()},
    **{(key, "osaka", "wanted"): most for key, most in WANTED.items()},
}
"""Gas per event, by scenario, fork and kind; None: no bound."""

NOT_REACHED = {
    ("single", "osaka", "bound"),
    ("single", "osaka", "wanted"),
    ("single", "amsterdam", "bound"),
    ("batch_100_patients_100", "osaka", "wanted"),
    ("batch_200_mixed", "osaka", "wanted"),
    ("pended", "osaka", "wanted"),
    ("pended_over_limit", "osaka", "wanted"),
}
"""What the contracts do not keep yet; ``docs/gas.md`` has the figures. What is reached fails its test until
it is taken off this list."""

STEADY = (
    "single",
    "batch_100_patients_100",
    "batch_100_patients_10",
    "batch_200_mixed",
    "family",
    "secondary",
    "self_pay",
    "single_terms_forgotten",
    "pended",
    "pended_over_limit",
)
"""Scenarios of what happens every day."""

CODE_AT_MOST = 24_576 * 19 // 20
"""EIP-170's limit with a twentieth to spare, in bytes."""


@pytest.fixture(scope="module")
def snapshot() -> dict[str, Any]:
    taken: dict[str, Any] = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    return taken


@pytest.mark.slow
def test_bench_gas__measured_again__equals_the_snapshot(snapshot: dict[str, Any]) -> None:
    measured = json.loads(json.dumps(measure_gas().to_json()))

    assert measured == snapshot, (
        "gas changed: if that is meant, run `chainbill bench gas --json > tests/snapshots/gas.json`"
    )


def test_bench_gas__some_scenarios_alone__have_the_same_figures(snapshot: dict[str, Any]) -> None:
    chosen = ("single", "batch_100_patients_10", "dispute_open")

    measured = measure_gas(chosen).to_json()

    assert measured["scenarios"] == {name: snapshot["scenarios"][name] for name in chosen}
    assert measured["bytecode_bytes"] == snapshot["bytecode_bytes"]
    assert (measured["peers"], measured["creation_gas"]) == ({}, {})


@pytest.mark.parametrize(
    "scenario,fork,kind",
    [
        pytest.param(*key, marks=pytest.mark.xfail(reason="not reached yet")) if key in NOT_REACHED else key
        for key, most in AT_MOST.items()
        if most is not None
    ],
)
def test_snapshot__scenario_with_a_bound__keeps_it(
    snapshot: dict[str, Any], scenario: str, fork: str, kind: str
) -> None:
    assert snapshot["scenarios"][scenario]["gas_per_event"][fork] <= AT_MOST[scenario, fork, kind]


def test_not_reached__names_bounds_that_there_are() -> None:
    assert {key for key in NOT_REACHED if AT_MOST.get(key) is None} == set()


@pytest.mark.parametrize("scenario", STEADY)
def test_snapshot__steady_state__creates_no_slot(snapshot: dict[str, Any], scenario: str) -> None:
    """By the rules to come a new slot costs nine times what changing one does."""
    assert snapshot["scenarios"][scenario]["slots"]["created"] == 0


def test_snapshot__hundred_patients__writes_two_slots_each_and_seven(snapshot: dict[str, Any]) -> None:
    """The wallet's word, the member year's; pool, credit, sequences, root, three balances of the token."""
    slots = snapshot["scenarios"]["batch_100_patients_100"]["slots"]
    assert slots == {"written": 2 * 100 + 7, "created": 0, "cleared": 0}


def test_snapshot__more_rows_than_a_word_has_bits__create_its_words_alone(snapshot: dict[str, Any]) -> None:
    assert snapshot["scenarios"]["batch_800_patients_10"]["slots"]["created"] == 800 // 256


def test_profile__parts__add_up_to_what_was_measured(snapshot: dict[str, Any]) -> None:
    profiles = profile_gas({"single", "patient_opened"})

    assert list(profiles) == ["single", "patient_opened"]
    for name, each in profiles.items():
        assert -(-each.gas.total // each.events) == snapshot["scenarios"][name]["gas_per_event"]["osaka"]
    single = profiles["single"].gas
    # Two nodes of the oracle, and the provider.
    assert (single.signatures, single.given_back) == (3 * 3_000, 0)
    assert min(single.storage_reads, single.storage_writes, single.transfers, single.logs) > 0


def test_snapshot__every_contract__has_a_twentieth_to_spare(snapshot: dict[str, Any]) -> None:
    assert {name: size for name, size in snapshot["bytecode_bytes"].items() if size > CODE_AT_MOST} == {}


def test_snapshot__keys__are_all_scenarios_and_peers(snapshot: dict[str, Any]) -> None:
    assert (list(snapshot["scenarios"]), list(snapshot["peers"])) == (list(SCENARIOS), list(PEERS))


def test_settle__rows_that_end_otherwise_than_the_scenario_says__are_no_figure() -> None:
    with bench_stage() as stage:
        stage.set_up([Shape(1, 1)])
        with pytest.raises(ChainError, match="0 of 1 rows ended as ClaimPended"):
            stage.settle(Shape(1, 1), root_slot=0, end=ClaimPended)
