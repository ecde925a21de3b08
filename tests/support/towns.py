"""Fixtures: a devnet of its own for each file, furnished for the roles' commands, and the program."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.roles import Town, furnish
from tests.support.testbed import devnet_of_today, nothing_of_the_user


@pytest.fixture(scope="module")
def own_settings() -> Iterator[None]:
    """Nothing of the user's own, and keystores that open at once."""
    with nothing_of_the_user():
        yield


@pytest.fixture(scope="module")
def module_town(own_settings: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One furnished devnet for a file."""
    folder = tmp_path_factory.mktemp("town")
    with devnet_of_today(folder / "state") as local:
        yield Town(local, folder, lambda: ("", ""))


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
