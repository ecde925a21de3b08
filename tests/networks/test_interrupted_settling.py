"""Nodes killed in the middle of settling: nothing is lost, nothing is paid twice, and no statement says what
the chain has not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import pytest
from scripts.networks.geth import Geth
from scripts.networks.validators import Validators
from scripts.networks.walkthrough import COPAY, PRICE, Town

import chainbill
from chainbill.billing.outcomes import Outcome
from chainbill.chain.node import sender
from chainbill.chain.node.send_state import Patience
from chainbill.errors import NodeError
from chainbill.operations.oracle.settle import Settlement
from chainbill.state import keystores

pytestmark = pytest.mark.networks


@pytest.fixture(scope="module")
def module_settings() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CHAINBILL_RPC_URL", "CHAINBILL_NETWORK", "CHAINBILL_PASSPHRASE", "CHAINBILL_RECORDS"):
            patch.delenv(name, raising=False)
        patch.setattr(keystores, "SCRYPT_N", 2)
        yield


@pytest.fixture(scope="module")
def town_on_geth(running_geth: Geth, module_settings: None, tmp_path_factory: pytest.TempPathFactory) -> Town:
    town = Town(running_geth, tmp_path_factory.mktemp("town") / "state")
    town.deploy()
    town.set_up()
    return town


@pytest.fixture(scope="module")
def town_of_validators(
    running_validators: Validators, module_settings: None, tmp_path_factory: pytest.TempPathFactory
) -> Town:
    town = Town(running_validators, tmp_path_factory.mktemp("town") / "state")
    town.deploy()
    town.set_up()
    return town


def settle(town: Town) -> Settlement:
    """As a program that has just been started."""
    return town.connect().oracle("oracle-1").settle()


def on_chain(bill: chainbill.Chainbill) -> list[str]:
    """The numbers of the claims that the chain has, each of which must be settled, and once."""
    claims = bill.ledger.claims(patient=bill.patient("maria").address)
    assert {claim.outcome for claim in claims} <= {Outcome.SETTLED}
    numbers = [claim.number for claim in claims]
    assert len(set(numbers)) == len(numbers)
    return sorted(numbers, key=lambda number: int(number.split(":")[1]))


def check_told(town: Town) -> int:
    """Statements and balances say what the chain has, to the dollar, and it all adds up; how many claims."""
    bill = town.connect()
    numbers = on_chain(bill)
    of_patient, of_clinic = bill.patient("maria").statement(), bill.provider("clinic").statement()
    paid = [event.number for event in of_patient.events if event.amounts is not None]
    assert sorted(paid) == sorted(numbers)
    assert of_patient.counts.settled == len(numbers)
    assert of_patient.wallet.paid_for_care == len(numbers) * COPAY
    assert of_clinic.totals.allowed == len(numbers) * PRICE
    verification = bill.auditor().verify()
    assert verification.discrepancies == ()
    return len(numbers)


@pytest.mark.parametrize("moment", ["sent", "recorded"])
def test_settling__geth_killed__what_it_forgot_is_settled_again_and_nothing_twice(
    geth: Geth, town_on_geth: Town, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The batch is in the node's pool alone; or in a block, of which the oracle has the receipt, and which
    the node had not written out."""
    town = town_on_geth
    town.attest(f"{moment}-before-1", f"{moment}-before-2")
    settle(town)
    # What is settled until here is on the disk.
    geth.restart()
    before = check_told(town)
    town.attest(*(f"{moment}-{number}" for number in range(5)))
    if moment == "sent":
        with monkeypatch.context() as patch:
            patch.setattr(sender.Sender, "_wait", _killing(geth))
            with pytest.raises(NodeError):
                settle(town)
    else:
        assert settle(town).waited == 5
        geth.kill()
    geth.start()

    assert check_told(town) == before
    dropped = town.connect().oracle("oracle-1").status().dropped
    assert dropped == (5 if moment == "recorded" else 0)
    again = settle(town)
    assert (again.reopened, again.waited) == (dropped, 5)
    assert check_told(town) == before + 5
    assert settle(town) == Settlement(0, (), 0, ())


def _killing(geth: Geth) -> object:
    def killed(*_: object) -> NoReturn:
        geth.kill()
        raise NodeError("no node answers")

    return killed


def test_settling__one_validator_killed__goes_on(validators: Validators, town_of_validators: Town) -> None:
    """Any of them: also the first, which is the one that is asked."""
    town = town_of_validators
    before = check_told(town)
    for killed in (5, 1):
        town.attest(f"without-{killed}")
        validators.kill(killed)
        assert settle(town).waited == 1
        assert check_told(town) == before + 1
        validators.start(killed)
        before += 1


def test_settling__two_validators_killed__waits_says_so_and_goes_on_when_one_is_back(
    validators: Validators, town_of_validators: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = town_of_validators
    before = check_told(town)
    town.attest("while-two-are-away-1", "while-two-are-away-2")
    validators.kill(4, 5)
    with monkeypatch.context() as patch:
        patch.setattr(sender, "PATIENCE", Patience(receipt=8, renewal=2))
        with pytest.raises(NodeError, match="the network makes none at present"):
            settle(town)
    assert check_told(town) == before
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(settle, town)
        time.sleep(6)
        assert not waiting.done()
        validators.start(4)
        assert waiting.result(timeout=120).waited == 2
    assert check_told(town) == before + 2
    assert settle(town) == Settlement(0, (), 0, ())
