"""What the walk-throughs share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.walkthrough.terminal import Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A terminal whose devnet is gone afterwards, whatever happens."""
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.run("chainbill devnet down")
