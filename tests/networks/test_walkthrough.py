"""The walk-through on every chain, from the same code; and that the page's table has every chain."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts.networks.engine import Engine
from scripts.networks.walkthrough import COPAY, RULED_COPAY, walk_through

from chainbill.billing.outcomes import Outcome
from chainbill.state import keystores

pytestmark = pytest.mark.networks

VISITS = 12


@pytest.fixture(autouse=True)
def cheap_keystores(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHAINBILL_RPC_URL", "CHAINBILL_NETWORK", "CHAINBILL_PASSPHRASE", "CHAINBILL_RECORDS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(keystores, "SCRYPT_N", 2)


def test_walk_through__any_chain__settles_disputes_explains_and_adds_up(
    engine: Engine, tmp_path: Path
) -> None:
    walked = walk_through(engine, tmp_path / "state", visits=VISITS)
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
