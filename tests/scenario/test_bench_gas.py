"""The gas snapshot: it shows in the diff, is taken again when a contract changes, and keeps its bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chainbill.scenario.bench_gas import PEERS, SCENARIOS, measure_gas

SNAPSHOT = Path(__file__).parents[1] / "snapshots" / "gas.json"

AT_MOST = {
    "single": 122_000,
    "batch_100_patients_100": 18_800,
    "batch_100_patients_10": 7_400,
    "batch_800_patients_10": 5_700,
    "batch_200_mixed": 16_500,
    "deposit_3009": 85_000,
    "dispute_open": 115_000,
}
"""Gas per event."""

NOT_REACHED: tuple[str, ...] = ("single",)
"""Bounds that the contracts do not keep yet; ``docs/gas.md`` has the figures. One that is reached fails its
test until it is taken off this list."""

CODE_AT_MOST = 24_576 * 9 // 10
"""EIP-170's limit with a tenth to spare, in bytes."""


@pytest.fixture(scope="module")
def snapshot() -> dict[str, Any]:
    taken: dict[str, Any] = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    return taken


def test_bench_gas__measured_again__equals_the_snapshot(snapshot: dict[str, Any]) -> None:
    measured = json.loads(json.dumps(measure_gas().to_json()))

    assert measured == snapshot, (
        "gas changed: if that is meant, run `chainbill bench gas --json > tests/snapshots/gas.json`"
    )


def test_bench_gas__one_scenario_alone__has_the_same_figures(snapshot: dict[str, Any]) -> None:
    measured = measure_gas({"single"}).to_json()

    assert measured["scenarios"] == {"single": snapshot["scenarios"]["single"]}
    assert measured["bytecode_bytes"] == snapshot["bytecode_bytes"]
    assert measured["peers"] == {}


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(key, marks=pytest.mark.xfail(reason="not reached yet")) if key in NOT_REACHED else key
        for key in AT_MOST
    ],
)
def test_snapshot__scenario_with_a_bound__keeps_it(snapshot: dict[str, Any], scenario: str) -> None:
    assert snapshot["scenarios"][scenario]["gas_per_event"] <= AT_MOST[scenario]


def test_snapshot__every_contract__has_a_tenth_to_spare(snapshot: dict[str, Any]) -> None:
    assert {name: size for name, size in snapshot["bytecode_bytes"].items() if size > CODE_AT_MOST} == {}


def test_snapshot__keys__are_all_scenarios_and_peers(snapshot: dict[str, Any]) -> None:
    assert (list(snapshot["scenarios"]), list(snapshot["peers"])) == (list(SCENARIOS), list(PEERS))
