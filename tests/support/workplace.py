"""A network to deploy on: somebody else's chain, and a state directory with keys."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_account.signers.local import LocalAccount
from tests.support.foreign_chain import ForeignChain, foreign_chain
from tests.support.testbed import quick_keys

from chainbill.chain.roles import GovernanceDelays
from chainbill.operations.deploying import DeploymentRequest
from chainbill.operations.networks import NetworkSettings, add_network
from chainbill.state.directory import StateDirectory
from chainbill.state.keystores import Keystores

PASSPHRASE = "five words picked at random"


@dataclass(frozen=True)
class Workplace:
    """A state directory with the network ``clinic-net``, and accounts for a deployment."""

    chain: ForeignChain
    home: StateDirectory

    @property
    def state(self) -> StateDirectory:
        """Of the network's chain."""
        return self.home.of_network("clinic-net")

    def account(self, name: str) -> LocalAccount:
        """An account's key."""
        return Keystores(self.home.keystores, lambda: PASSPHRASE).unlock(name)

    def request(self, **changes: object) -> DeploymentRequest:
        """DevUSD, two of three oracle nodes, the usual delays; and ``changes``."""
        nodes = tuple(f"node-{number}" for number in (1, 2, 3))
        usual = {
            "account": "governor",
            "oracle_members": nodes,
            "threshold": 2,
            "delays": GovernanceDelays.standard(),
            "token": None,
        }
        return DeploymentRequest(**{**usual, **changes})  # type: ignore[arg-type]


@pytest.fixture
def strong_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the user's own, and keys that open at once."""
    for name in [name for name in os.environ if name.startswith("CHAINBILL_")]:
        if name not in ("CHAINBILL_SAMPLES", "CHAINBILL_ANVIL", "CHAINBILL_SEQUENCES"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CHAINBILL_PASSPHRASE", PASSPHRASE)
    quick_keys(monkeypatch)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[ForeignChain]:
    """Somebody else's chain, for a file."""
    with foreign_chain() as running:
        yield running


@pytest.fixture
def new_workplace(tmp_path: Path, strong_passphrase: None) -> Callable[[ForeignChain], Workplace]:
    """Makes a workplace on a chain."""

    def make(chain: ForeignChain) -> Workplace:
        home = StateDirectory.open(tmp_path / "state")
        keys = Keystores(home.keystores, lambda: PASSPHRASE)
        for name in ("governor", "node-1", "node-2", "node-3"):
            keys.create(name)
        chain.send_coin(keys.address("governor"))
        add_network(home, "clinic-net", NetworkSettings(rpc_urls=(chain.url,)))
        return Workplace(chain, home)

    return make


@pytest.fixture
def workplace(elsewhere: ForeignChain, new_workplace: Callable[[ForeignChain], Workplace]) -> Workplace:
    """A workplace of this test's own: with keys that nobody has used."""
    return new_workplace(elsewhere)
