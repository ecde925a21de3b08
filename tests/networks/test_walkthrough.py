"""The walk-through on every chain, from the same code."""

from __future__ import annotations

import pytest
from scripts.networks.engine import Engine
from scripts.networks.walkthrough import COPAY, RULED_COPAY
from tests.networks.conftest import VISITS, Walk

from chainbill.billing.outcomes import Outcome

pytestmark = pytest.mark.networks


def test_walk_through__any_chain__settles_disputes_explains_and_adds_up(engine: Engine, walk: Walk) -> None:
    _, walked = walk(engine.name)
    assert walked.deployed.differences == walked.differences == ()
    outcomes = [row.outcome for batch in walked.settled.settlement.batches for row in batch.rows]
    assert outcomes == [Outcome.SETTLED] * VISITS
    assert walked.settled.receipt_seconds <= walked.settled.final_seconds
    counts, events = walked.statement.counts, walked.statement.events
    assert (counts.settled, counts.taken_back) == (VISITS - 1, 1)
    shares = {event.number: event.net.patient_responsibility for event in events if event.net is not None}
    assert shares == {f"1:{number}": COPAY for number in range(1, VISITS + 1)} | {
        "1:1": RULED_COPAY,
        "1:2": 0,
    }
    assert walked.verification.discrepancies == ()
