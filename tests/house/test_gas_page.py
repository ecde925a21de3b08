"""docs/gas.md says what the committed snapshot says, beside the bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scripts import gas_table

from chainbill.scenario.bench_scenarios import PEERS, SCENARIOS


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


def test_gas_table__bounds__are_of_scenarios() -> None:
    assert {*gas_table.BOUNDS, *gas_table.WANTED} <= set(SCENARIOS)


@pytest.mark.parametrize("gas,verdict", [(183_000, "122,000: missed by 50.0 %"), (122_000, "122,000")])
def test_gas_table__around_a_bound__says_which(snapshot: dict[str, Any], gas: int, verdict: str) -> None:
    snapshot["scenarios"]["single"]["gas_per_event"]["osaka"] = gas
    assert f"| {gas:,} | {verdict} |" in gas_table.tables(snapshot)


@pytest.mark.parametrize("fork,place", [("osaka", 3), ("amsterdam", 6)])
def test_gas_table__each_fork__stands_in_its_column(snapshot: dict[str, Any], fork: str, place: int) -> None:
    snapshot["scenarios"]["single"]["gas_per_event"][fork] = 98_765
    (row,) = [line for line in gas_table.tables(snapshot).splitlines() if "98,765" in line]
    assert row.split(" | ")[place - 1] == "98,765"


def test_gas_table__markers_missing__is_refused(snapshot: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must stand there"):
        gas_table.written("# Gas\n", snapshot)
