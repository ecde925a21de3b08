"""Many members on every chain: several in a block, since none waits for another."""

from __future__ import annotations

import pytest
from scripts.networks.devnet import Devnet
from scripts.networks.engine import Engine
from scripts.networks.enrolling import enrol_members
from tests.networks.conftest import Walk

pytestmark = pytest.mark.networks

MEMBERS = 300
IN_A_BLOCK = 10
"""So many at least, on average, also on a machine that has much else to do. One by one it would be one."""


def test_enrol_many__any_chain__stand_in_few_blocks_and_nobody_twice(engine: Engine, walk: Walk) -> None:
    town, _ = walk(engine.name)
    took = enrol_members(town, MEMBERS)
    assert (took.done.enrolled, len(took.done.members)) == (MEMBERS, MEMBERS)
    # The devnet makes a block whenever a transaction comes.
    if not isinstance(engine, Devnet):
        assert took.done.blocks * IN_A_BLOCK <= MEMBERS
