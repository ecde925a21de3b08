"""What the tests of the roles' commands share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from tests.support.roles import TODAY, Town, furnish

from chainbill.state import keystores
from chainbill.state.directory import StateDirectory
from chainbill.state.local_devnet import LocalDevnet


@pytest.fixture(scope="module")
def own_settings() -> Iterator[pytest.MonkeyPatch]:
    """Nothing of the user's own, and keystores that open at once."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("CHAINBILL_")]:
            if name not in ("CHAINBILL_SAMPLES", "CHAINBILL_ANVIL"):
                patch.delenv(name)
        patch.setattr(keystores, "DEVNET_SCRYPT_N", 2)
        yield patch


@pytest.fixture(scope="module")
def module_town(
    own_settings: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Town]:
    """One furnished devnet for a file."""
    folder = tmp_path_factory.mktemp("town")
    local = LocalDevnet(StateDirectory.open(folder / "state"))
    try:
        local.up(timestamp=int(datetime.fromisoformat(TODAY).replace(tzinfo=UTC).timestamp()))
        yield Town(local, folder, lambda: ("", ""))
    finally:
        local.down()


@pytest.fixture
def bare_town(module_town: Town, capfd: pytest.CaptureFixture[str]) -> Town:
    """The file's devnet, as it was brought up or as earlier tests left it."""
    module_town.read = lambda: tuple(capfd.readouterr())
    return module_town


@pytest.fixture
def town(bare_town: Town) -> Town:
    """The file's devnet with an insurer that has a pool, a plan and fees."""
    if bare_town.session().book.get("insurer").payer_id is None:
        furnish(bare_town)
    return bare_town


@pytest.fixture
def clinic(town: Town) -> str:
    """A provider of this test's own, registered and accepted by the insurer."""
    return town.clinic()
