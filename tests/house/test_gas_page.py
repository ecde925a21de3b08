"""docs/gas.md says what the committed snapshot says, beside the bounds that the benchmark's test holds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scripts import gas_table
from tests.scenario.test_bench_gas import AT_MOST

from chainbill.scenario.bench_gas import PEERS, SCENARIOS


@pytest.fixture
def snapshot() -> dict[str, Any]:
    taken: dict[str, Any] = json.loads(gas_table.SNAPSHOT.read_text(encoding="utf-8"))
    return taken


def test_gas_page__is_what_the_snapshot_says(snapshot: dict[str, Any]) -> None:
    page = gas_table.DOCUMENT.read_text(encoding="utf-8")
    assert gas_table.written(page, snapshot) == page, (
        "docs/gas.md is stale: run .venv/bin/python scripts/gas_table.py"
    )


def test_gas_table__every_key__has_a_meaning() -> None:
    assert set(gas_table.MEANINGS) == {*SCENARIOS, *PEERS}


def test_gas_table__bounds__are_those_that_are_tested() -> None:
    assert gas_table.BOUNDS == AT_MOST


@pytest.mark.parametrize("gas,verdict", [(183_000, "missed by 50.0 %"), (122_000, "met")])
def test_gas_table__around_a_bound__says_which(snapshot: dict[str, Any], gas: int, verdict: str) -> None:
    snapshot["scenarios"]["single"]["gas_per_event"] = gas
    assert f"| {gas:,} | 122,000 | {verdict} |" in gas_table.tables(snapshot)


def test_gas_table__markers_missing__is_refused(snapshot: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must stand there"):
        gas_table.written("# Gas\n", snapshot)
