"""A real anvil with the whole protocol deployed: one per test module, on a free port, ended by its pid."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.senders import Stage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The protocol with nobody in it yet, as ``deploy`` leaves it."""
    stage = Stage.start(tmp_path_factory.mktemp("anvil"))
    try:
        yield stage
    finally:
        stage.anvil.kill()


@pytest.fixture
def chain(stage: Stage) -> Iterator[Stage]:
    """The same, rolled back after the test."""
    snapshot = stage.rpc("evm_snapshot")
    yield stage
    stage.rpc("evm_revert", snapshot)
