"""Nodes killed in the middle of settling: nothing is lost, nothing is paid twice, and no statement says what
the chain has not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import pytest
from scripts.networks.geth import Geth
from scripts.networks.validators import Validators
from scripts.networks.walkthrough import COPAY, Town
from tests.networks.conftest import Walk, eventually

import chainbill
from chainbill.billing.outcomes import Outcome
from chainbill.chain.node import sender
from chainbill.chain.node.send_state import Patience
from chainbill.errors import NodeError
from chainbill.operations.oracle.settle import Settlement

pytestmark = pytest.mark.networks

NOTHING_TO_DO = Settlement(0, (), 0, ())

ATTEMPTS = 5
"""How often geth is killed at most until it has lost a block that was acknowledged."""


@pytest.fixture
def town_on_geth(geth: Geth, walk: Walk) -> Town:
    return walk("geth")[0]


@pytest.fixture
def town_of_validators(validators: Validators, walk: Walk) -> Town:
    return walk("validators")[0]


def on_chain(bill: chainbill.Chainbill) -> list[str]:
    """The numbers of the claims that the chain has, each of which must be settled, and once."""
    claims = list(bill.ledger.claims(patient=bill.patient("maria").address))
    assert {claim.outcome for claim in claims} <= {Outcome.SETTLED}
    numbers = [claim.number for claim in claims]
    assert len(set(numbers)) == len(numbers)
    return sorted(numbers, key=lambda number: int(number.split(":")[1]))


def check_told(town: Town, *, final: int) -> None:
    """Statements say so many of the claims that the chain has, to the dollar, and count the others; and all
    adds up."""
    bill = town.connect()
    numbers = on_chain(bill)
    told, of_clinic = bill.patient("maria").statement(), bill.provider("clinic").statement()
    paid = [event.number for event in told.events if event.amounts is not None]
    assert sorted(paid) == sorted(numbers[:final])
    assert (told.counts.settled + told.counts.taken_back, told.not_final) == (final, len(numbers) - final)
    assert told.wallet.paid_for_care == final * COPAY
    assert (len(of_clinic.lines), of_clinic.not_final) == (final, len(numbers) - final)
    assert bill.auditor().verify().discrepancies == ()


def settled_and_told(town: Town) -> int:
    """Wait until all that is settled is final; it must be told then. How many claims that are."""
    maria = town.connect().patient("maria")
    assert eventually(lambda: maria.statement().not_final == 0, seconds=60)
    settled = len(on_chain(town.connect()))
    check_told(town, final=settled)
    return settled


def test_settling__geth_killed_before_the_receipt__is_settled_once_when_it_is_back(
    geth: Geth, town_on_geth: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch is in the node's pool alone."""
    town = town_on_geth
    before = settled_and_told(town)
    # What is settled until here is on the disk.
    geth.restart()
    town.attest(*(f"sent-{number}" for number in range(5)))
    with monkeypatch.context() as patch:
        patch.setattr(sender.Sender, "_wait", _killing(geth))
        with pytest.raises(NodeError):
            town.settle()
    geth.start()
    check_told(town, final=before)
    assert town.settle().waited == 5
    assert settled_and_told(town) == before + 5
    assert town.settle() == NOTHING_TO_DO


def test_settling__geth_killed_after_the_receipt__what_it_forgot_is_settled_again_and_was_never_told(
    geth: Geth, town_on_geth: Town
) -> None:
    """The batch is in a block that geth has not written out. That is what it does in portions of 32 KB: those
    blocks are lost that come soon after its start. Where it was quicker, it is tried again."""
    town, lost = town_on_geth, 0
    for attempt in range(ATTEMPTS):
        town.attest(f"recorded-{attempt}-1", f"recorded-{attempt}-2")
        before = settled_and_told(town)
        geth.restart()
        assert [row.outcome for batch in town.settle().batches for row in batch.rows] == [Outcome.SETTLED] * 2
        # Acknowledged, and not final: no statement has it.
        told = town.connect().patient("maria").statement()
        geth.kill()
        geth.start()
        assert (told.counts.settled + told.counts.taken_back, told.not_final) == (before, 2)
        check_told(town, final=before)
        lost = town.connect().oracle("oracle-1").status().dropped
        assert len(on_chain(town.connect())) == before + 2 - lost
        again = town.settle()
        assert (again.reopened, again.waited) == (lost, lost)
        assert settled_and_told(town) == before + 2
        assert town.settle() == NOTHING_TO_DO
        if lost:
            break
    assert lost, "geth has lost none of its newest blocks"


def _killing(geth: Geth) -> object:
    def killed(*_: object) -> NoReturn:
        geth.kill()
        raise NodeError("no node answers")

    return killed


def test_settling__one_validator_killed__goes_on(validators: Validators, town_of_validators: Town) -> None:
    """Any of them: also the first, which is the one that is asked."""
    town = town_of_validators
    before = settled_and_told(town)
    for killed in (5, 1):
        town.attest(f"without-{killed}")
        validators.kill(killed)
        assert town.settle().waited == 1
        assert settled_and_told(town) == before + 1
        validators.start(killed)
        before += 1


def test_settling__two_validators_killed__waits_says_so_and_goes_on_when_one_is_back(
    validators: Validators,
    town_of_validators: Town,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    town = town_of_validators
    before = settled_and_told(town)
    town.attest("while-two-are-away-1", "while-two-are-away-2")
    validators.kill(4, 5)
    with monkeypatch.context() as patch:
        patch.setattr(sender, "PATIENCE", Patience(receipt=8, renewal=2))
        with pytest.raises(NodeError, match="the network makes none at present"):
            town.settle()
    check_told(town, final=before)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(town.settle)
        assert eventually(lambda: bool(caplog.messages), seconds=60)
        assert caplog.messages[0].startswith("the network makes no blocks")
        assert not waiting.done()
        validators.start(4)
        settled = waiting.result(timeout=120)
        assert settled.waited == 2
    assert "is safe" in caplog.messages[0]
    assert settled_and_told(town) == before + 2
    assert town.settle() == NOTHING_TO_DO
