"""`Calendar.yearOf` against Python's calendar."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from tests.support.deployment import NOW, ZERO_ADDRESS
from tests.support.evm import Contract, Evm

FIRST, LAST = 1970, 2400


@pytest.fixture(scope="module")
def harness() -> Contract:
    return Evm(NOW).deploy(ZERO_ADDRESS, "LibraryHarness")


def seconds(year: int, month: int = 1, day: int = 1) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


def test_year_of__edges_of_every_year__equals_python(harness: Contract) -> None:
    for year in range(FIRST, LAST + 1):
        assert harness.read("yearOf", seconds(year)) == year
        assert harness.read("yearOf", seconds(year + 1) - 1) == year
        # Where the algorithm's own year begins, and the day before it: leap or not.
        assert harness.read("yearOf", seconds(year, 3)) == year
        assert harness.read("yearOf", seconds(year, 3) - 1) == year


def test_year_of__random_times__equals_python(harness: Contract) -> None:
    draw = random.Random("calendar")
    for _ in range(5_000):
        time = draw.randrange(seconds(LAST + 1))
        assert harness.read("yearOf", time) == datetime.fromtimestamp(time, UTC).year, time
