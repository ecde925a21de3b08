"""``chainbill network``, and which network a command means."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.foreign_chain import ForeignChain, foreign_chain
from tests.support.roles import Ran

from chainbill.chain.deployments import Deployment, deployment_text
from chainbill.cli import cli
from chainbill.cli.shell.failures import run
from chainbill.state import keystores

Program = Callable[..., Ran]

NOBODY = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def chain() -> Iterator[ForeignChain]:
    """Somebody else's chain."""
    with foreign_chain() as running:
        yield running


@pytest.fixture(scope="module")
def other() -> Iterator[ForeignChain]:
    """Another one, of another chain id."""
    with foreign_chain(chain_id=77) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def chainbill(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Program:
    """The program, on a state directory of this test's own."""
    for name in [name for name in os.environ if name.startswith("CHAINBILL_")]:
        if name not in ("CHAINBILL_SAMPLES", "CHAINBILL_ANVIL"):
            monkeypatch.delenv(name)

    def program(*arguments: object) -> Ran:
        capfd.readouterr()
        code = run(cli, ["--state-dir", str(home), *(str(each) for each in arguments)])
        return Ran(code, *capfd.readouterr())

    return program


def add(chainbill: Program, *urls: str, name: str = "clinic-net", options: tuple[object, ...] = ()) -> Any:
    """Add a network; returns what was told."""
    given = [word for url in urls for word in ("--rpc-url", url)]
    ran = chainbill("network", "add", name, *given, *options, "--json")
    assert ran.code == 0, ran
    return ran.facts


# ---- adding ---------------------------------------------------------------------------------------------


def test_add__first_node_is_down__takes_the_chain_id_of_the_next(
    chainbill: Program, chain: ForeignChain
) -> None:
    facts = add(chainbill, NOBODY, chain.url)
    assert facts["chain_id"] == chain.chain_id
    assert facts["nodes"] == [NOBODY, chain.url]
    assert facts["deployment"] is None


def test_add__nodes_of_two_chains__is_refused(
    chainbill: Program, chain: ForeignChain, other: ForeignChain
) -> None:
    ran = chainbill("network", "add", "x", "--rpc-url", chain.url, "--rpc-url", other.url)
    assert f"is of chain 77, and not of chain {chain.chain_id}" in ran.error
    assert chainbill("network", "list", "--json").facts["networks"] == []


def test_add__node_of_another_chain_than_was_said__is_refused(
    chainbill: Program, chain: ForeignChain
) -> None:
    assert "not of chain 5" in chainbill("network", "add", "x", "--rpc-url", chain.url, "--chain-id", 5).error


def test_add__no_node_answers__needs_the_chain_id(chainbill: Program) -> None:
    ran = chainbill("network", "add", "x", "--rpc-url", NOBODY)
    assert "--chain-id N" in ran.error
    assert add(chainbill, NOBODY, options=("--chain-id", 5))["chain_id"] == 5


def test_add__several_nodes_that_are_of_no_use__names_them_all(chainbill: Program) -> None:
    other = "http://127.0.0.1:2"
    error = chainbill("network", "add", "x", "--rpc-url", NOBODY, "--rpc-url", other).error
    assert f"no node answers at {NOBODY}" in error
    assert f"no node answers at {other}" in error
    error = chainbill("network", "add", "x", "--rpc-url", "10.0.0.5:8545", "--rpc-url", "ftp://x").error
    assert "'10.0.0.5:8545' is not the URL of a node" in error
    assert "'ftp://x' is not the URL of a node" in error


@pytest.mark.parametrize("url", ["10.0.0.5:8545", "ftp://x", "http://", "not a url"])
def test_add__no_url__is_refused(chainbill: Program, url: str) -> None:
    assert "is not the URL of a node" in chainbill("network", "add", "x", "--rpc-url", url).error


def test_add__settings__are_kept_and_shown(chainbill: Program, chain: ForeignChain) -> None:
    options = ("--finality", "depth", "--confirmations", 3, "--fee-floor", "0.05", "--fee-cap", 2, "--tip", 1)
    facts = add(chainbill, chain.url, options=(*options, "--explorer-url", "https://explorer.example"))
    assert (facts["finality"], facts["confirmations"]) == (None, 3)
    assert (facts["fee_floor_wei"], facts["fee_cap_wei"], facts["tip_wei"]) == (5 * 10**7, 2 * 10**9, 10**9)
    shown = chainbill("network", "show", "clinic-net").out
    for told in ("under 3 blocks", "from 0.05 to 2 gwei, the tip 1 gwei", "https://explorer.example"):
        assert told in shown


@pytest.mark.parametrize(
    "options",
    [
        ("--fee-floor", "3", "--fee-cap", "2"),
        ("--tip", "3", "--fee-cap", "2"),
        ("--explorer-url", "explorer"),
    ],
)
def test_add__settings_that_make_no_sense__are_refused(
    chainbill: Program, chain: ForeignChain, options: tuple[str, ...]
) -> None:
    assert chainbill("network", "add", "x", "--rpc-url", chain.url, *options).error


@pytest.mark.parametrize("price", ["1e3", "-1", "0.0000000001", "1,5", "x"])
def test_add__price_that_is_none__is_wrong_usage(chainbill: Program, chain: ForeignChain, price: str) -> None:
    assert chainbill("network", "add", "x", "--rpc-url", chain.url, "--tip", price).code == 2


def test_add__replace__changes_what_is_said_and_nothing_else(chainbill: Program, chain: ForeignChain) -> None:
    add(chainbill, NOBODY, chain.url, options=("--confirmations", 3, "--tip", 1))
    assert "already" in chainbill("network", "add", "clinic-net", "--rpc-url", chain.url).error
    facts = add(chainbill, options=("--replace", "--tip", 2))
    assert (facts["confirmations"], facts["tip_wei"]) == (3, 2 * 10**9)
    assert facts["nodes"] == [NOBODY, chain.url]


def test_add__key_in_a_url__is_shown_to_nobody(chainbill: Program, chain: ForeignChain) -> None:
    url = f"{chain.url}/?key=secret-key"
    added = chainbill("network", "add", "x", "--rpc-url", url)
    assert added.code == 0
    for command in (("network", "show", "x"), ("network", "list"), ("--network", "x", "doctor")):
        for form in ((), ("--json",)):
            ran = chainbill(*command, *form)
            assert "secret-key" not in ran.out + ran.err


# ---- deployments ----------------------------------------------------------------------------------------


def record(path: Path, chain_id: int) -> Path:
    at = dict.fromkeys(("governance", "token", "registry", "escrow", "payers", "settlement"))
    places = dict.fromkeys(at, "0x000000000000000000000000000000000000dEaD")
    path.write_text(deployment_text(Deployment(chain_id=chain_id, block=0, **places)))
    return path


def test_add__deployment_of_another_chain__is_refused(
    chainbill: Program, chain: ForeignChain, tmp_path: Path
) -> None:
    file = record(tmp_path / "deployment.json", 5)
    ran = chainbill("network", "add", "x", "--rpc-url", chain.url, "--deployment", file)
    assert "is of chain 5" in ran.error


def test_add__deployment_that_is_not_there__is_refused(
    chainbill: Program, chain: ForeignChain, tmp_path: Path
) -> None:
    file = record(tmp_path / "deployment.json", chain.chain_id)
    ran = chainbill("network", "add", "x", "--rpc-url", chain.url, "--deployment", file)
    assert "does not answer as it should" in ran.error
    assert chainbill("network", "list", "--json").facts["networks"] == []


def test_add__another_deployment_than_is_recorded__is_refused(
    chainbill: Program, home: Path, tmp_path: Path
) -> None:
    file = record(tmp_path / "deployment.json", 5)
    add(chainbill, NOBODY, options=("--chain-id", 5, "--deployment", file))
    another = json.loads(file.read_text()) | {"settlement": "0x0000000000000000000000000000000000000001"}
    file.write_text(json.dumps(another))
    ran = chainbill("network", "add", "clinic-net", "--replace", "--deployment", file)
    assert "another deployment is recorded" in ran.error


def test_command__not_deployed__says_how(chainbill: Program, chain: ForeignChain) -> None:
    add(chainbill, chain.url)
    ran = chainbill("--network", "clinic-net", "patient", "balance")
    assert "is not deployed" in ran.error
    assert "chainbill --network clinic-net deploy" in ran.error


# ---- which is meant -------------------------------------------------------------------------------------


def test_network_in_use__no_devnet_is_there__is_what_commands_mean(
    chainbill: Program, chain: ForeignChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(chainbill, chain.url)
    assert "the devnet is not running" in chainbill("patient", "balance").error
    assert chainbill("network", "use", "clinic-net").code == 0
    assert f"not deployed on chain {chain.chain_id}" in chainbill("patient", "balance").error
    assert "the devnet is not running" in chainbill("--network", "devnet", "patient", "balance").error
    monkeypatch.setenv("CHAINBILL_NETWORK", "devnet")
    assert "the devnet is not running" in chainbill("patient", "balance").error
    assert chainbill("network", "list", "--json").facts["in_use"] == "devnet"


def test_network__none_of_that_name__is_refused_with_what_was_meant(
    chainbill: Program, chain: ForeignChain
) -> None:
    add(chainbill, chain.url)
    for command in (("--network", "clinc-net", "patient", "balance"), ("network", "use", "clinc-net")):
        assert "did you mean clinic-net" in chainbill(*command).error


def test_command__node_of_another_chain__is_refused_before_anything(
    chainbill: Program, chain: ForeignChain, other: ForeignChain
) -> None:
    add(chainbill, chain.url)
    ran = chainbill("--network", "clinic-net", "--rpc-url", other.url, "patient", "balance")
    assert f"is of chain 77, and not of chain {chain.chain_id}" in ran.error


def test_command__first_of_the_nodes_is_of_another_chain_by_now__is_not_passed_over(
    chainbill: Program, chain: ForeignChain, other: ForeignChain, home: Path
) -> None:
    add(chainbill, chain.url)
    settings = home / "networks" / "clinic-net" / "network.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"rpc_urls": [other.url, chain.url]}))
    assert "is of chain 77" in chainbill("--network", "clinic-net", "patient", "balance").error


def test_command__no_node_answers__says_so_of_all(chainbill: Program) -> None:
    add(chainbill, NOBODY, "http://127.0.0.1:2", options=("--chain-id", 5))
    ran = chainbill("--network", "clinic-net", "patient", "balance")
    assert "none of the network's 2 nodes answers" in ran.error
    assert "devnet up" not in ran.error


def test_show__a_node_is_down__is_told_beside_the_one_that_answers(
    chainbill: Program, chain: ForeignChain
) -> None:
    add(chainbill, NOBODY, chain.url)
    ran = chainbill("network", "show", "clinic-net", "--json")
    assert ran.code == 0
    assert [node["block"] for node in ran.facts["nodes"]] == [None, 0]
    add(chainbill, NOBODY, name="down", options=("--chain-id", 5))
    assert chainbill("network", "show", "down").code == 1


# ---- removing -------------------------------------------------------------------------------------------


def test_remove__with_state__asks_and_forgets_all_but_keys(chainbill: Program, home: Path) -> None:
    add(chainbill, NOBODY, options=("--chain-id", 5))
    (home / "networks" / "clinic-net" / "vault").mkdir()
    (home / "networks" / "clinic-net" / "deploying.lock").touch()
    refused = chainbill("network", "remove", "clinic-net")
    assert refused.code == 2
    assert "vault" in refused.err
    assert ".lock" not in refused.err
    assert "deployment.json" not in refused.err
    assert chainbill("network", "remove", "clinic-net", "--yes").code == 0
    assert not (home / "networks" / "clinic-net").exists()
    add(chainbill, NOBODY, options=("--chain-id", 6))


def test_remove__of_the_one_in_use__says_that_the_devnet_is_meant_now(chainbill: Program) -> None:
    for name in ("clinic-net", "other"):
        add(chainbill, NOBODY, name=name, options=("--chain-id", 5))
    assert chainbill("network", "use", "clinic-net").err == ""
    assert chainbill("network", "remove", "other").err == ""
    assert "commands mean the devnet from now on" in chainbill("network", "remove", "clinic-net").err


def test_use__environment_names_another__says_that_it_comes_first(
    chainbill: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("clinic-net", "other"):
        add(chainbill, NOBODY, name=name, options=("--chain-id", 5))
    monkeypatch.setenv("CHAINBILL_NETWORK", "other")
    assert "CHAINBILL_NETWORK names other" in chainbill("network", "use", "clinic-net").err
    assert chainbill("network", "use", "other").err == ""


def test_new__key_of_an_account_is_here__is_no_new_account(
    chainbill: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINBILL_PASSPHRASE", "five words picked at random")
    monkeypatch.setattr(keystores, "SCRYPT_N", 2)
    for name in ("clinic-net", "other"):
        add(chainbill, NOBODY, name=name, options=("--chain-id", 5))
    words = ("accounts", "new", "maria", "--role", "patient")
    assert "is a new account" in chainbill("--network", "clinic-net", *words).out
    again = chainbill("--network", "other", *words).out
    assert "new account" not in again
    assert "whose key is here already" in again


# ---- the devnet's commands and doctor -------------------------------------------------------------------

DEVNET_COMMANDS = (("up",), ("status",), ("advance", "1d"), ("down",))


@pytest.mark.parametrize("command", DEVNET_COMMANDS, ids=lambda words: words[0])
def test_devnet__another_chains_url_or_a_network__is_refused(
    chainbill: Program,
    chain: ForeignChain,
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
    command: tuple[str, ...],
) -> None:
    before = chain.w3.eth.get_block("latest")["timestamp"]
    refused = chainbill("--rpc-url", chain.url, "devnet", *command)
    assert f"of chain {chain.chain_id}, is not the devnet" in refused.error
    assert "is a network" in chainbill("--network", "clinic-net", "devnet", *command).error
    with monkeypatch.context() as patch:
        patch.setenv("CHAINBILL_RPC_URL", chain.url)
        assert "is not the devnet" in chainbill("devnet", *command).error
    monkeypatch.setenv("CHAINBILL_NETWORK", "clinic-net")
    assert "is a network" in chainbill("devnet", *command).error
    assert chain.w3.eth.get_block("latest")["timestamp"] == before
    assert not (home / "devnet.json").exists()


def test_devnet_up__a_network_is_in_use__says_that_other_commands_mean_that(
    chainbill: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what is tried on a devnet is done on a real network."""
    monkeypatch.setattr(keystores, "SCRYPT_N", 2)
    add(chainbill, NOBODY, options=("--chain-id", 5))
    try:
        assert "other commands" not in chainbill("devnet", "up").err
        chainbill("network", "use", "clinic-net")
        assert "other commands mean the network clinic-net" in chainbill("devnet", "up").err
    finally:
        assert chainbill("devnet", "down").code == 0


def test_devnet__url_where_nobody_is__is_no_other_chain(chainbill: Program) -> None:
    assert "not running" in chainbill("--rpc-url", NOBODY, "devnet", "status").out


def test_doctor__on_a_network__speaks_of_it_and_not_of_the_devnet(
    chainbill: Program, chain: ForeignChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(chainbill, NOBODY, chain.url)
    chainbill("network", "use", "clinic-net")
    monkeypatch.setenv("CHAINBILL_ANVIL", "/nowhere/anvil")
    ran = chainbill("doctor", "--json")
    checks = {check["check"]: check["verdict"] for check in ran.facts["checks"]}
    assert checks["network"] == "ok"
    assert checks[f"node {NOBODY}"] == "warn"
    assert checks[f"node {chain.url}"] == "ok"
    assert checks["anvil"] == "warn"
    assert checks["deployment"] == "fail"
    assert "devnet" not in checks
    assert ran.code == 1


def test_doctor__no_such_network__fails(chainbill: Program) -> None:
    ran = chainbill("--network", "nowhere", "doctor")
    assert ran.code == 1
    assert "no network named 'nowhere'" in ran.out
