"""One deployment per test process; every test starts from it and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.deployment import NOW, Protocol
from tests.support.evm import Evm


@pytest.fixture(scope="session")
def deployed() -> Protocol:
    """The protocol as it was deployed and opened; use ``protocol`` instead."""
    return Protocol(Evm(NOW))


@pytest.fixture
def protocol(deployed: Protocol) -> Iterator[Protocol]:
    """The deployed protocol, rolled back after the test."""
    with deployed.rolled_back():
        yield deployed


@pytest.fixture(scope="session")
def deployed_unruly() -> Protocol:
    """A deployment on a token that misbehaves on request; use ``unruly`` instead."""
    return Protocol(Evm(NOW), token="UnrulyDollar")


@pytest.fixture
def unruly(deployed_unruly: Protocol) -> Iterator[Protocol]:
    """The deployment on an unruly token, rolled back after the test."""
    with deployed_unruly.rolled_back():
        yield deployed_unruly
