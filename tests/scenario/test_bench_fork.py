"""The benchmark run by geth: it asks for what the snapshot says, and a plain word where it is not there."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from tests.support.geth import needs_geth

from chainbill.chain.devnet.geth import BLOCK_GAS, CHAIN_ID, genesis
from chainbill.chain.devnet.scratch_devnet import scratch_devnet
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.errors import DevnetError
from chainbill.scenario.bench_fork import HARDFORKS, check_rules, measure_fork
from chainbill.scenario.bench_setup import STARTS_AT

SNAPSHOT = Path(__file__).parents[1] / "snapshots" / "gas.json"


@pytest.mark.slow
@needs_geth
@pytest.mark.parametrize("hardfork", HARDFORKS)
def test_measure_fork__every_transaction__takes_what_the_snapshot_says(hardfork: str) -> None:
    """All of it to the unit: scenarios, peers and creations."""
    report = measure_fork(hardfork)
    taken = [*report.scenarios.values(), *report.peers.values(), *report.creation_gas.values()]
    assert [each.geth for each in taken] == [each.chainbill for each in taken]

    snapshot: dict[str, Any] = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    assert list(report.scenarios) == list(snapshot["scenarios"])
    for name, figure in snapshot["scenarios"].items():
        assert -(-report.scenarios[name].geth // figure["events"]) == figure["gas_per_event"][hardfork]
    assert {name: each.geth for name, each in report.creation_gas.items()} == {
        name: figure[hardfork] for name, figure in snapshot["creation_gas"].items()
    }
    assert list(report.peers) == list(snapshot["peers"])


@needs_geth
def test_measure_fork__one_scenario_alone__is_told_beside_ours() -> None:
    report = asdict(measure_fork("amsterdam", {"deposit_3009"}))
    assert report == {
        "hardfork": "amsterdam",
        "scenarios": {"deposit_3009": {"geth": 188_317, "chainbill": 188_317}},
        "peers": {},
        "creation_gas": {},
    }


def test_check_rules__node_of_todays_rules__is_refused(tmp_path: Path) -> None:
    """A geth that does not know a fork reads its genesis without complaint."""
    with scratch_devnet(tmp_path, timestamp=STARTS_AT) as devnet, JsonRpc(devnet.rpc_url) as node:
        check_rules(node, "osaka")
        with pytest.raises(DevnetError, match="does not know the rules of amsterdam"):
            check_rules(node, "amsterdam")


def test_measure_fork__no_geth__says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHAINBILL_GETH", str(tmp_path / "geth"))
    with pytest.raises(DevnetError, match="not an executable file") as caught:
        measure_fork("amsterdam")
    assert "make networks" in str(caught.value.hint)


def test_measure_fork__another_program_called_geth__says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "geth"
    other.write_text("#!/bin/sh\nexit 0\n")
    other.chmod(0o700)
    monkeypatch.setenv("CHAINBILL_GETH", str(other))
    with pytest.raises(DevnetError, match="it is no geth"):
        measure_fork("amsterdam")


def test_genesis__of_a_fork__has_its_time_and_none_after_it() -> None:
    published = {
        "config": {"chainId": 1337, "osakaTime": 0, "bogotaTime": 0},
        "gasLimit": "0xaf79e0",
        "slotNumber": None,
        "alloc": {"00" * 20: {"balance": "0x1"}},
    }
    made = genesis(published, "amsterdam")
    assert made["config"] == {"chainId": CHAIN_ID, "osakaTime": 0, "amsterdamTime": 0}
    assert int(made["gasLimit"], 16) == BLOCK_GAS
    assert made["alloc"] == published["alloc"]
    assert "slotNumber" not in json.loads(json.dumps(made))
