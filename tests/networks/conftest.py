"""Real chains for tests: each runs once for the whole session, and is whole again after every test."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from eth_account import Account
from scripts.networks.build import is_built
from scripts.networks.devnet import Devnet
from scripts.networks.engine import Engine
from scripts.networks.geth import Geth
from scripts.networks.validators import Validators
from scripts.networks.walkthrough import Town, Walked, walk_through

from chainbill.chain.node.finality import Finality
from chainbill.state import keystores

VISITS = 12
"""Events of the walk-through."""

DEPTH = Finality(tag=None, confirmations=8)
"""What the walk-through takes for final on geth: `finalized` would be waited for three times as long."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one chain run in one process: so each is started once, and beside the others."""
    for item in items:
        if item.get_closest_marker("networks") is None:
            continue
        callspec = getattr(item, "callspec", None)
        named = callspec.params.get("engine") if callspec is not None else None
        used = {*getattr(item, "fixturenames", ())}
        chain = named or next((name for name in ("validators", "geth") if name in used), None)
        if chain is not None:
            item.add_marker(pytest.mark.xdist_group(chain))


Walk = Callable[[str], tuple[Town, Walked]]


def require_built(module: str) -> None:
    """Skip where the programs are not there."""
    if not is_built(module):
        pytest.skip(f"{module} is not built: `make networks` builds it")


@pytest.fixture(scope="session")
def running_devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    """The devnet of the session."""
    with Devnet(tmp_path_factory.mktemp("devnet"), Account.create()) as engine:
        yield engine


@pytest.fixture(scope="session")
def running_geth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Geth]:
    """The geth of the session."""
    require_built("geth")
    with Geth(tmp_path_factory.mktemp("geth"), Account.create()) as engine:
        yield engine


@pytest.fixture(scope="session")
def running_validators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Validators]:
    """The validators of the session."""
    require_built("avalanche")
    with Validators(tmp_path_factory.mktemp("validators"), Account.create()) as engine:
        yield engine


@pytest.fixture
def geth(running_geth: Geth) -> Iterator[Geth]:
    """One geth; started again after a test that ended it."""
    yield running_geth
    running_geth.start()


@pytest.fixture
def validators(running_validators: Validators) -> Iterator[Validators]:
    """Five validators; all started again after a test that ended some."""
    yield running_validators
    running_validators.start()


@pytest.fixture(params=["devnet", "geth", "validators"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each of the chains in turn."""
    running: Engine = request.getfixturevalue(f"running_{request.param}")
    return running


@pytest.fixture(scope="session")
def walk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """Walks through once on each chain, when that is first asked for."""
    done: dict[str, tuple[Town, Walked]] = {}

    def on(name: str) -> tuple[Town, Walked]:
        if name not in done:
            engine: Engine = request.getfixturevalue(f"running_{name}")
            finality = DEPTH if name == "geth" else None
            town = Town(engine, tmp_path_factory.mktemp("town") / "state", finality=finality)
            done[name] = town, walk_through(town, visits=VISITS)
        return done[name]

    with pytest.MonkeyPatch.context() as patch:
        for name in ("RPC_URL", "NETWORK", "PASSPHRASE", "RECORDS"):
            patch.delenv(f"CHAINBILL_{name}", raising=False)
        patch.setattr(keystores, "SCRYPT_N", 2)
        yield on


def eventually(holds: Callable[[], bool], *, seconds: float) -> bool:
    """Does it hold within this time?"""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
