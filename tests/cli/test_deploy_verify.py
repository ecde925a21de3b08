"""``chainbill deploy verify`` on the devnet, whose governor is bound as that of a real deployment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.roles import Town

from chainbill.state.directory import StateDirectory
from chainbill.state.local_devnet import LocalDevnet


@pytest.fixture(scope="module")
def bound(own_settings: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A devnet whose governor must announce its calls."""
    folder = tmp_path_factory.mktemp("bound")
    local = LocalDevnet(StateDirectory.open(folder / "state"))
    try:
        local.up(bound=True)
        yield Town(local, folder, lambda: ("", ""))
    finally:
        local.down()


@pytest.fixture
def town(bound: Town, capfd: pytest.CaptureFixture[str]) -> Town:
    bound.read = lambda: tuple(capfd.readouterr())
    return bound


def test_verify__as_deployed__has_no_differences(town: Town) -> None:
    facts = town.ok("deploy", "verify")
    assert facts["differences"] == []
    assert facts["admin_delay_seconds"] == facts["registrar_delay_seconds"] == 2 * 86_400
    assert facts["test_token"]
    assert set(facts["contracts"]) == {
        *("governance", "token", "registry", "escrow", "payers", "settlement", "extension", "admin"),
    }
    shown = town("deploy", "verify").out
    assert "to the byte" in shown
    assert "not all of it is so" not in shown


def test_verify__record_that_says_something_else__exits_with_3_and_names_it(
    town: Town, tmp_path: Path
) -> None:
    record = json.loads((town.state.deployments / "31337.json").read_text())
    record["made"]["oracle_threshold"] = 3
    file = tmp_path / "deployment.json"
    file.write_text(json.dumps(record))
    ran = town("deploy", "verify", "--deployment", file)
    assert ran.code == 3
    assert "oracle: the threshold is 2; written: 3" in ran.out
    claim = ran.out.index("As it is written, and not all of it is so")
    assert claim < ran.out.index(", in every role") < ran.out.index("1 difference between")
    facts = json.loads(town("deploy", "verify", "--deployment", file, "--json").out)
    (difference,) = facts["differences"]
    assert difference == {"about": "oracle", "what": "the threshold", "written": "3", "found": "2"}


@pytest.mark.parametrize("content", ["", "{}", '{"chain_id": 31337}', "[]"])
def test_verify__file_that_is_no_record__is_one_clear_error(town: Town, tmp_path: Path, content: str) -> None:
    file = tmp_path / "deployment.json"
    file.write_text(content)
    assert "is not a deployment record" in town("deploy", "verify", "--deployment", file).error


def test_verify__devnet_of_an_earlier_version__says_that_there_is_nothing_to_compare(town: Town) -> None:
    path = town.state.deployments / "31337.json"
    right = path.read_text()
    record = json.loads(right)
    try:
        del record["made"]
        path.write_text(json.dumps(record))
        assert "does not tell how it was made" in town("deploy", "verify").error
    finally:
        path.write_text(right)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--oracle-member", "oracle-1"),
        ("--oracle-member", "oracle-1", "--threshold", 1),
        ("--oracle-member", "oracle-1", "--threshold", 1, "--test-token", "--token", "0x" + "11" * 20),
        ("--threshold", 0),
        ("--admin-delay", "two days"),
    ],
)
def test_deploy__something_is_not_said_or_said_twice__is_wrong_usage(
    town: Town, arguments: tuple[object, ...]
) -> None:
    assert town.asked("deploy", *arguments).code == 2


def test_deploy__on_the_devnet__is_refused(town: Town) -> None:
    given = ("deploy", "--oracle-member", "oracle-1", "--threshold", 1, "--test-token", "--yes")
    assert "the devnet has one already" in town.asked(*given).error
