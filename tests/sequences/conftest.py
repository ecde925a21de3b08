"""The long attack runs only where it is asked for: `make attack`."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is marked as an attack unless `-m` names it."""
    if "attack" in config.getoption("-m"):
        return
    for item in items:
        if item.get_closest_marker("attack"):
            item.add_marker(pytest.mark.skip(reason="runs in `make attack`"))
