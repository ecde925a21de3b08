"""Random sequences of every operation, good and bad, on the contracts and on an independent ledger: after
each step both must say the same, and invariants 1 to 6 must hold (`docs/invariants.md`)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sequences.harness.both_sides import INTENTS, Doing
from tests.sequences.harness.planted_bugs import PLANTED, Planted, play
from tests.sequences.model.ledger import REASONS

EXAMPLES = 360
"""Of up to 60 steps each; a few end early, and 300 times 60 steps are wanted."""

VERBS = {
    *INTENTS,
    *(f"{verb}BySig" for verb in INTENTS),
    *("deposit", "depositWithPermit", "depositWithAuthorization"),
    *("publishPlan", "publishFees", "acceptProvider", "endProviderAcceptance"),
    *("enrol", "changePlan", "endCoverage"),
    *("publishCashPrices", "announcePayoutAddress", "cancelPayoutAddress"),
    *("addAttester", "revokeAttester", "rotateAttester"),
    *("settle", "withdrawFees", "depositBond", "withdrawBond", "drawAdvance"),
    *("dispute", "disputeBySig", "concede", "answer", "resolve", "close", "void"),
    *("collectReceivable", "collectRefund"),
    *("suspend", "reinstate", "pause", "unpause", "openEpoch", "endEpoch", "setOperatorFee"),
}
"""Every operation. In the long run each must have succeeded somewhere, and rows ended in every way."""


def test_random_sequences__a_few__agree_with_the_ledger() -> None:
    play(10, derandomize=True, database=None)


@pytest.mark.slow
def test_random_sequences__contracts_and_ledger__agree() -> None:
    play(EXAMPLES, derandomize=True, database=None)


@pytest.mark.attack
def test_random_sequences__twenty_times_as_many__agree() -> None:
    Doing.done.clear()
    play(20 * EXAMPLES, print_blob=True)
    assert {*VERBS, *REASONS} - set(Doing.done) == set()


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name)
def test_planted_bugs__contracts_as_they_are__can_still_be_planted(bug: Planted, project_root: Path) -> None:
    assert bug.apply_in(project_root)
