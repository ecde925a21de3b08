"""The gas snapshot: it shows in the diff, and must be taken again when a contract changes."""

from __future__ import annotations

import json
from pathlib import Path

from chainbill.scenario.bench_gas import measure_gas

SNAPSHOT = Path(__file__).parents[1] / "snapshots" / "gas.json"


def test_bench_gas__measured_again__equals_the_snapshot() -> None:
    measured = json.loads(json.dumps(measure_gas().to_json()))

    assert measured == json.loads(SNAPSHOT.read_text(encoding="utf-8")), (
        "gas changed: if that is meant, run `chainbill bench gas --json > tests/snapshots/gas.json`"
    )
