"""What a token does on transfer is told as it is: what was taken, what arrived, and at what cost."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.deployment import NOW
from tests.support.evm import Contract, Evm

DEPLOYER, RECIPIENT = "0x" + "11" * 20, "0x" + "22" * 20
HELD, AMOUNT, HAD = 1_000_000, 10_000, 7
VERBS = ("tryTransfer", "tryTransferFrom")
TRUE, FALSE, NOTHING, FALSE_AFTER_MOVING = range(4)


@pytest.fixture
def token() -> Contract:
    """A token that does as it is told."""
    token = Evm(NOW).deploy(DEPLOYER, "UnrulyDollar", DEPLOYER)
    token.send(DEPLOYER, "mint", RECIPIENT, HAD)
    return token


@pytest.fixture
def holder(token: Contract) -> Contract:
    """Somebody who holds some of it, at whose address the trial's code stands."""
    holder = token._evm.deploy(DEPLOYER, "TokenTrial")
    token.send(DEPLOYER, "mint", holder.address, HELD)
    return holder


def tried(holder: Contract, token: Contract, verb: str, amount: int = AMOUNT) -> Any:
    """Whether it moved, what left, what arrived."""
    *outcome, gas = holder.read(verb, token.address, RECIPIENT, amount)
    assert gas < 200_000
    return tuple(outcome)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("answer", [TRUE, NOTHING])
def test_trial__all_that_is_sent_arrives__is_told_so(
    holder: Contract, token: Contract, verb: str, answer: int
) -> None:
    token.send(DEPLOYER, "setAnswer", answer)
    assert tried(holder, token, verb) == (True, AMOUNT, AMOUNT)
    assert token.read("balanceOf", RECIPIENT) == HAD + AMOUNT


@pytest.mark.parametrize("verb", VERBS)
def test_trial__token_keeps_a_fee__is_told_how_much_arrives(
    holder: Contract, token: Contract, verb: str
) -> None:
    token.send(DEPLOYER, "setFee", 100)
    assert tried(holder, token, verb) == (True, AMOUNT, AMOUNT - AMOUNT // 100)


@pytest.mark.parametrize("verb", VERBS)
def test_trial__token_answers_false__did_not_move(holder: Contract, token: Contract, verb: str) -> None:
    token.send(DEPLOYER, "setAnswer", FALSE)
    assert tried(holder, token, verb) == (False, 0, 0)
    token.send(DEPLOYER, "setAnswer", FALSE_AFTER_MOVING)
    assert tried(holder, token, verb) == (False, AMOUNT, AMOUNT)


@pytest.mark.parametrize("verb", VERBS)
def test_trial__token_reverts__did_not_move(holder: Contract, token: Contract, verb: str) -> None:
    token.send(DEPLOYER, "setPaused", True)
    assert tried(holder, token, verb) == (False, 0, 0)
    token.send(DEPLOYER, "setPaused", False)
    assert tried(holder, token, verb, HELD + 1) == (False, 0, 0)


@pytest.mark.parametrize("verb", VERBS)
def test_trial__token_takes_much_gas__is_told_how_much(holder: Contract, token: Contract, verb: str) -> None:
    token.send(DEPLOYER, "setBurnsGas", holder.address, True)
    moved, left, arrived, gas = holder.read(verb, token.address, RECIPIENT, AMOUNT)
    assert (moved, left, arrived) == (False, 0, 0)
    assert gas > 1_000_000


def test_trial__token_that_refuses_the_approval__did_not_move(holder: Contract) -> None:
    governance = holder._evm.deploy(DEPLOYER, "Governance", DEPLOYER)
    assert holder.read("tryTransferFrom", governance.address, RECIPIENT, AMOUNT) == (False, 0, 0, 0)
