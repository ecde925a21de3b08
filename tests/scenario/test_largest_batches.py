"""The largest batches that the oracle makes fit one transaction: 2^24 gas (EIP-7825)."""

from __future__ import annotations

import pytest

from chainbill.oracle import batching
from chainbill.protocol_constants import GAS_CAP
from chainbill.scenario.bench_setup import Shape, bench_stage

BESIDE_ROWS = batching.GAS_PER_BATCH + batching.GAS_PER_SECTION + 8 * batching.GAS_PER_BITMAP_WORD
A_PATIENT = batching.GAS_PER_PATIENT + batching.GAS_PER_SERVICE
A_ROW = batching.GAS_PER_ROW

ALL_NEW = (GAS_CAP - BESIDE_ROWS) // (A_PATIENT + A_ROW)
"""Patients with one event each: every slot is new."""

FEW_PATIENTS = 10
MANY_ROWS = (GAS_CAP - BESIDE_ROWS - FEW_PATIENTS * A_PATIENT) // A_ROW
"""Events of ten patients."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "shape", [Shape(ALL_NEW, ALL_NEW), Shape(MANY_ROWS, FEW_PATIENTS)], ids=["all slots new", "many rows"]
)
def test_settle__largest_batch_the_oracle_makes__fits_one_transaction(shape: Shape) -> None:
    with bench_stage() as stage:
        stage.set_up([shape])
        receipt = stage.settle(shape, root_slot=0)

    assert receipt["gasUsed"] <= GAS_CAP
    # The bounds by which the oracle sizes batches hold. They are for rows of any kind; these are plain, the
    # cheapest, and still leave no more than four fifths unused.
    assert receipt["gasUsed"] > GAS_CAP // 5
