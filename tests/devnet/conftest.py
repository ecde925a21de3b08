"""Devnets for tests: each has a state directory of its own, and each is gone afterwards, by its pid."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.testbed import quick_keys

from chainbill.chain.devnet.anvil import find_anvils
from chainbill.state.directory import StateDirectory
from chainbill.state.local_devnet import LocalDevnet


@pytest.fixture(scope="module", autouse=True)
def keys_that_open_at_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        quick_keys(patch)
        yield


@pytest.fixture(autouse=True)
def no_settings_of_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PASSPHRASE", "STATE_DIR", "RPC_URL"):
        monkeypatch.delenv(f"CHAINBILL_{name}", raising=False)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> StateDirectory:
    """A devnet that was brought up and stopped once. Copied, not used: a new chain takes a second."""
    state = StateDirectory.open(tmp_path_factory.mktemp("saved"))
    local = LocalDevnet(state)
    try:
        local.up()
    finally:
        local.down()
    return state


@pytest.fixture
def local(saved: StateDirectory, tmp_path: Path) -> Iterator[LocalDevnet]:
    """A stopped devnet with a saved chain, for one test."""
    copied = tmp_path / "state"
    shutil.copytree(saved.root, copied)
    local = LocalDevnet(StateDirectory.open(copied))
    yield local
    end(local.state)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[LocalDevnet]:
    """A state directory without anything, for one test."""
    local = LocalDevnet(StateDirectory.open(tmp_path / "state"))
    yield local
    end(local.state)


def end(state: StateDirectory) -> None:
    """End what a test left running."""
    for anvil in find_anvils(state.root):
        anvil.kill()
