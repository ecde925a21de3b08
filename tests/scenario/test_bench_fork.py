"""Gas by the rules of a hard fork: as docs/gas.md says, and a plain word where no engine knows the rules."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.chain.devnet.geth import BLOCK_GAS, CHAIN_ID, find_geth, genesis
from chainbill.chain.devnet.scratch_devnet import scratch_devnet
from chainbill.chain.node.connection import connect
from chainbill.errors import DevnetError
from chainbill.protocol_constants import GAS_CAP
from chainbill.scenario.bench_fork import HARDFORKS, ForkReport, _check_rules, measure_fork
from chainbill.scenario.bench_setup import STARTS_AT

PAGE = Path(__file__).parents[2] / "docs" / "gas.md"

ROW = re.compile(r"^\| `(\w+)` \| ([\d,]+) \| ([\d,]+) \| x [\d.]+ \|", re.MULTILINE)

SETTLING_DIFFERS_BY = 200
"""Gas: keys and times of a run are its own, and a byte that is 0 costs less."""


def documented(column: int) -> dict[str, int]:
    """What the page says of a fork, contracts and batches together."""
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return {name: int(figures[column].replace(",", "")) for name, *figures in rows}


def geth_is_there() -> bool:
    try:
        find_geth()
    except DevnetError:
        return False
    return True


def assert_as_documented(report: ForkReport, column: int) -> None:
    page = documented(column)
    assert {*report.creation_gas, *report.settle_gas} == set(page)
    assert report.creation_gas == {name: page[name] for name in report.creation_gas}
    for name, gas in report.settle_gas.items():
        assert gas == pytest.approx(page[name], abs=SETTLING_DIFFERS_BY)


def test_measure_fork__todays_rules__are_those_of_the_page() -> None:
    report = measure_fork("osaka")
    assert_as_documented(report, 0)
    assert report.engine == "anvil"
    assert max(report.creation_gas.values()) < GAS_CAP


@pytest.mark.slow
@pytest.mark.skipif(not geth_is_there(), reason="geth is not there: make networks")
def test_measure_fork__rules_to_come__are_those_of_the_page() -> None:
    report = measure_fork("amsterdam")
    assert_as_documented(report, 1)
    assert report.engine == "geth"


def test_check_rules__node_of_todays_rules__is_refused(tmp_path: Path) -> None:
    """A geth that does not know a fork reads its genesis without complaint."""
    with scratch_devnet(tmp_path, timestamp=STARTS_AT) as devnet:
        devnet.give_gas(ZERO_ADDRESS)
        with pytest.raises(DevnetError, match="does not know the rules of amsterdam"):
            _check_rules(connect(devnet.rpc_url), "amsterdam", ZERO_ADDRESS)


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
    made = genesis(published, "amsterdam", "0x" + "11" * 20)
    assert made["config"] == {"chainId": CHAIN_ID, "osakaTime": 0, "amsterdamTime": 0}
    assert int(made["gasLimit"], 16) == BLOCK_GAS
    assert set(made["alloc"]) == {"00" * 20, "0x" + "11" * 20}
    assert "slotNumber" not in json.loads(json.dumps(made))


def test_hardforks__are_run_by_an_engine_that_knows_them() -> None:
    assert HARDFORKS == {"prague": "anvil", "osaka": "anvil", "amsterdam": "geth"}
