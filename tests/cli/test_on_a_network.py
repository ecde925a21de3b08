"""From a bare chain of somebody else's to a settled and disputed claim, as docs/deploying.md tells it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.support import forked
from tests.support.foreign_chain import ForeignChain, foreign_chain
from tests.support.roles import FEES, PLAN, Town
from tests.support.testbed import TODAY

import chainbill
from chainbill.state import keystores
from chainbill.state.directory import StateDirectory
from chainbill.state.local_devnet import LocalDevnet
from chainbill.state.session import Session

NETWORK = "clinic-net"

DEPLOY = (
    *("deploy", "--oracle-member", "node-1", "--oracle-member", "node-2", "--oracle-member", "node-3"),
    *("--threshold", 2, "--test-token", "--admin-delay", "0s", "--registrar-delay", "0s", "--yes"),
)


class NetworkTown(Town):
    """The program on a network."""

    def __init__(self, chain: ForeignChain, home: StateDirectory, folder: Path, read: Any) -> None:
        super().__init__(cast("LocalDevnet", SimpleNamespace(state=home)), folder, read)
        self.chain = chain

    def session(self) -> Session:
        return Session.open(self.state.of_network(NETWORK))

    def address(self, name: str) -> str:
        accounts = self.ok("accounts", "list")["accounts"]
        return next(str(each["address"]) for each in accounts if each["name"] == name)

    def relayed(self, file: str, *command: object) -> Any:
        """A patient signs, and the clinic sends it."""
        path = self.file(file, json.dumps(self.ok(*command)))
        return self.ok("relay", "submit", path, "--as", "clinic")


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CHAINBILL_")]:
        if name not in ("CHAINBILL_SAMPLES", "CHAINBILL_ANVIL", "CHAINBILL_SEQUENCES"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CHAINBILL_PASSPHRASE", "five words picked at random")
    monkeypatch.setattr(keystores, "SCRYPT_N", 2)


@pytest.fixture(scope="module")
def chain() -> Iterator[ForeignChain]:
    begin = int(datetime.fromisoformat(TODAY).replace(tzinfo=UTC).timestamp())
    with foreign_chain(timestamp=begin) as running:
        yield running


@pytest.fixture
def town(chain: ForeignChain, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> NetworkTown:
    home = StateDirectory.open(tmp_path / "state")
    return NetworkTown(chain, home, tmp_path, lambda: tuple(capfd.readouterr()))


@pytest.fixture
def deployed(town: NetworkTown) -> NetworkTown:
    """chainbill on the network, governed without delays."""
    prepare(town)
    assert town.ok(*DEPLOY)["differences"] == []
    return town


def prepare(town: NetworkTown) -> None:
    """Name the network, and make the accounts that a deployment needs."""
    # One node, which takes nothing back.
    town.ok("network", "add", NETWORK, "--rpc-url", town.chain.url, "--confirmations", 0)
    town.ok("network", "use", NETWORK)
    town.ok("accounts", "new", "governor", "--role", "governor")
    for node in ("node-1", "node-2", "node-3"):
        town.ok("accounts", "new", node, "--role", "oracle")
    for account in ("governor", "node-1"):
        town.chain.send_coin(town.address(account))


def people(town: NetworkTown) -> None:
    """The first provider, the first insurer, and a patient without any of the chain's coin."""
    for name, role in (("clinic", "provider"), ("harbor", "insurer")):
        town.ok("accounts", "new", name, "--role", role)
        town.chain.send_coin(town.address(name))
    town.ok("governor", "register-provider", "clinic")
    town.ok("insurer", "create", "harbor", "--mint", "100000")
    town.ok("insurer", "fund", "50000", "--as", "harbor")
    town.ok("insurer", "plan", town.file("plan.toml", PLAN), "--as", "harbor")
    town.ok("insurer", "fees", town.file("fees.toml", FEES), "--as", "harbor")
    town.ok("insurer", "accept-provider", "clinic", "--as", "harbor")
    town.ok("patient", "create", "maria", "--mint", "1000")
    town.ok("insurer", "enrol", "maria", "--plan", 1, "--as", "harbor")


def test_network__bare_chain__comes_to_a_settled_and_disputed_claim_without_gas_of_the_patient(
    deployed: NetworkTown,
) -> None:
    town = deployed
    people(town)
    maria = town.address("maria")
    town.relayed("fund", "patient", "sign", "fund", "500", "--as", "maria")
    town.relayed("payer", "patient", "sign", "accept-payer", "harbor", "--as", "maria")
    town.relayed("consent", "patient", "sign", "consent", "clinic", "--limit", "200", "--as", "maria")
    attested = town.attest("clinic", "maria", "visit-1", "visit-2")
    assert len(attested["attested"]) == 2
    (batch,) = town.ok("oracle", "settle", "--as", "node-1")["batches"]
    assert [row["outcome"] for row in batch["rows"]] == ["settled", "settled"]
    assert town.chain.w3.eth.get_balance(maria) == 0
    assert town.ok("patient", "statement", "--as", "maria")["counts"]["settled"] == 2
    town.relayed("dispute", "patient", "sign", "dispute", "1:1", "--as", "maria")
    town.ok("provider", "concede", "1:1", "--as", "clinic")
    assert town.ok("audit", "verify")["discrepancies"] == []
    assert town.ok("deploy", "verify")["differences"] == []
    asked = town.asked("network", "remove", NETWORK)
    assert asked.code == 2
    record = town.state.of_network(NETWORK).deployments / f"{town.chain.chain_id}.json"
    assert f"{record} is deleted: copy it first" in asked.err
    unknown = town("governor", "register-provider", "elsewhere").error
    assert "contacts import FILE" in unknown
    assert "with its key here: add --new" in unknown
    assert town.chain.w3.eth.get_balance(maria) == 0
    # All of it is the network's; of the state directory itself only keys are.
    kept = {path.name for path in town.state.root.iterdir()}
    assert kept == {"keystores", "networks", "network"}
    tried = town.ok("insurer", "fund", "10", "--as", "harbor", "--dry-run")
    assert tried["dry_run"]
    held = town.ok("insurer", "balance", "--as", "harbor")["balance"]
    assert Decimal(tried["balance"]) - Decimal(held) == 10
    checks = {each["check"]: each["verdict"] for each in town("doctor", "--json").facts["checks"]}
    assert checks["deployment"] == checks["oracle's store"] == checks["gas of clinic"] == "ok"
    assert "gas of maria" not in checks


def test_statements__blocks_that_are_not_final__say_how_many_charges_are_to_come(
    deployed: NetworkTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = deployed
    people(town)
    town.relayed("fund", "patient", "sign", "fund", "500", "--as", "maria")
    town.relayed("payer", "patient", "sign", "accept-payer", "harbor", "--as", "maria")
    town.relayed("consent", "patient", "sign", "consent", "clinic", "--limit", "200", "--as", "maria")
    town.attest("clinic", "maria", "visit-1")
    town.ok("oracle", "settle", "--as", "node-1")
    town.attest("clinic", "maria", "visit-2", "visit-3")
    town.ok("oracle", "settle", "--as", "node-1")
    readers = [("patient", "maria"), ("provider", "clinic"), ("insurer", "harbor")]

    def told(role: str, name: str) -> tuple[int, int]:
        statement = town.ok(role, "statement", "--as", name)
        return statement["counts"]["settled"], statement["not_final"]

    def final_under(confirmations: int) -> None:
        town.ok("network", "add", NETWORK, "--replace", "--confirmations", confirmations)

    assert [told(*reader) for reader in readers] == [(3, 0)] * 3
    final_under(1)
    assert [told(*reader) for reader in readers] == [(1, 2)] * 3
    assert "Not final yet: 2 more" in town("patient", "statement", "--as", "maria").out
    assert town.ok("patient", "statement", "1:1", "--as", "maria")["counts"]["settled"] == 1
    assert "not final yet" in town("patient", "statement", "1:3", "--as", "maria").error
    final_under(5_000)
    assert told("patient", "maria") == (0, 3)
    assert "not final yet" in town("provider", "statement", "--as", "clinic").error
    assert "not final yet" in town("insurer", "statement", "--as", "harbor").error

    # By its URL alone: a development node takes nothing back. Of any other it is not known, and this one's
    # word is that no block but the first is final.
    def by_url_alone() -> tuple[int, int]:
        deployment = town.session().protocol.deployment
        statement = chainbill.connect(town.chain.url, deployment=deployment).patient(maria).statement()
        return statement.counts.settled, statement.not_final

    maria = town.address("maria")
    assert by_url_alone() == (3, 0)
    monkeypatch.setattr("chainbill.chain.node.finality._DEVELOPMENT_NODES", ("none/",))
    assert by_url_alone() == (0, 3)


@pytest.mark.slow
def test_deploy__killed_by_sigkill_with_settlement_on_its_way__goes_on(town: NetworkTown) -> None:
    prepare(town)
    point = "chainbill.state.outbox:AccountOutbox.note#8"
    told = forked.dying(point, "after", "SIGKILL", "--state-dir", town.state.root, *DEPLOY)
    assert told.returncode == -signal.SIGKILL, told.stderr
    done = town.ok(*DEPLOY)
    assert done["resumed"]
    assert done["differences"] == []
    governor = town.address("governor")
    assert town.chain.w3.eth.get_transaction_count(governor) == len(done["transactions"]) == 10
