"""Not a micro-dollar is lost or made: 100,000 random amounts split in the EVM."""

from __future__ import annotations

import random

import pytest
from tests.support.deployment import NOW, ZERO_ADDRESS
from tests.support.evm import Contract, Evm
from tests.support.sampling import quick_first

from chainbill.money import CENT

SPLITS, PARTS = 100_000, 4
UNITS = (1, 3, 7, CENT, CENT, 1_000_000, 2**32 - 1)


@pytest.fixture(scope="module")
def harness() -> Contract:
    return Evm(NOW).deploy(ZERO_ADDRESS, "LibraryHarness")


def words(values: tuple[int, ...]) -> bytes:
    return b"".join(value.to_bytes(32, "big") for value in values)


@pytest.mark.parametrize("part", quick_first(range(PARTS)))
def test_split__coinsurance_of_random_amounts__loses_nothing_and_rounds_half_up(
    harness: Contract, part: int
) -> None:
    draw = random.Random(f"rounding {part}")
    selector = harness.functions["split"].selector
    rounded_up = rounded_down = 0
    for _ in range(SPLITS // PARTS):
        unit = draw.choice(UNITS)
        bps = draw.randrange(10_001)
        # Often half a unit, where rounding decides; otherwise anything a uint64 holds.
        allowed = draw.choice(
            (draw.randrange(2**64), draw.randrange(2**40), draw.randrange(10**5) * unit // 2)
        )
        category = (1, 0, 0, 0, bps, 0)
        plan = (0, 2**64 - 1, 0, 0, 0, unit)
        calldata = selector + words((allowed, *category, *plan)) + bytes(6 * 32)
        output = harness.call(calldata)
        deductible, copay, coinsurance, outside, plan_paid = (
            int.from_bytes(output[at : at + 32], "big") for at in range(0, 160, 32)
        )
        assert (deductible, copay, outside) == (0, 0, 0)
        assert coinsurance + plan_paid == allowed
        exact = allowed * (10_000 - bps)  # times 10,000
        if bps == 0:
            assert plan_paid == allowed
        elif plan_paid != allowed:
            assert plan_paid % unit == 0
            assert -5_000 * unit < plan_paid * 10_000 - exact <= 5_000 * unit
        rounded_up += plan_paid * 10_000 > exact
        rounded_down += plan_paid * 10_000 < exact
    assert min(rounded_up, rounded_down) > SPLITS // PARTS // 5
