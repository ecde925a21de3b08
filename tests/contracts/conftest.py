"""One deployment per test process; every test starts from it and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.contracts.evm import Evm
from tests.contracts.protocol import NOW, Protocol


@pytest.fixture(scope="session")
def deployed() -> Protocol:
    """The protocol as it was deployed and opened; use ``protocol`` instead."""
    return Protocol(Evm(NOW))


@pytest.fixture
def protocol(deployed: Protocol) -> Iterator[Protocol]:
    """The deployed protocol, rolled back after the test."""
    payers = dict(deployed.payer_contracts)
    with deployed.evm.rolled_back():
        yield deployed
    deployed.payer_contracts = payers
