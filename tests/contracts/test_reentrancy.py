"""A token that calls back in the middle of a transfer, and several calls in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.contracts.evm import Contract, Evm, reverts
from tests.contracts.protocol import NOTICE, NOW, Protocol

from chainbill.chain.reverts import decode_revert
from chainbill.errors import ContractReverted
from chainbill.money import DOLLAR


@pytest.fixture
def unruly() -> Protocol:
    """A deployment on a token that calls back on request."""
    return Protocol(Evm(NOW), token="UnrulyDollar")


def hook(protocol: Protocol, target: Contract, function: str, *arguments: Any) -> None:
    """Have the next transfer call this."""
    calldata = target.functions[function].encode(arguments)
    protocol.token.send(protocol.stranger, "setHook", target.address, calldata)


def assert_hook_was_refused(protocol: Protocol) -> None:
    """The call back was made, and stopped by the guard rather than by chance."""
    assert protocol.token.read("hookTarget") == "0x" + "00" * 20
    assert not protocol.token.read("hookSucceeded")
    error = decode_revert(protocol.token.read("hookAnswer"))
    assert isinstance(error, ContractReverted)
    assert error.name == "ReentrancyGuardReentrantCall"


def settle_arguments(protocol: Protocol, sequence: int) -> tuple[Any, ...]:
    batch = protocol.batch([protocol.section(protocol.row(protocol.neighbour, sequence))])
    return (batch.epoch, batch.signed_at, batch.deadline), batch.sections, protocol.sign(batch)


def test_settle__token_calls_settle_again__is_refused(unruly: Protocol) -> None:
    hook(unruly, unruly.settlement, "settle", *settle_arguments(unruly, 2))
    assert unruly.settle(unruly.row(unruly.patient, 1)).value == (1, 0, 0, 0)
    assert_hook_was_refused(unruly)
    assert not unruly.is_spent(2)
    unruly.assert_solvent()


def test_settle__token_calls_withdraw__is_refused(unruly: Protocol) -> None:
    unruly.settle(unruly.row(unruly.patient, 1))
    hook(unruly, unruly.settlement, "withdraw", unruly.provider_id)
    unruly.settle(unruly.row(unruly.patient, 2))
    assert_hook_was_refused(unruly)
    assert unruly.credit() == 300 * DOLLAR


def test_withdraw__token_calls_withdraw_again__is_refused(unruly: Protocol) -> None:
    unruly.settle(unruly.row(unruly.patient, 1))
    hook(unruly, unruly.settlement, "withdraw", unruly.provider_id)
    unruly.settlement.send(unruly.stranger, "withdraw", unruly.provider_id)
    assert_hook_was_refused(unruly)
    assert unruly.tokens(unruly.provider) == 150 * DOLLAR
    unruly.assert_solvent()


def patient_withdraws(protocol: Protocol) -> None:
    protocol.escrow.send(protocol.patient, "requestWithdrawal", DOLLAR)
    protocol.evm.now += NOTICE
    protocol.escrow.send(protocol.patient, "withdraw")


def insurer_withdraws(protocol: Protocol) -> None:
    protocol.payer.send(protocol.insurer, "requestWithdrawal", DOLLAR)
    protocol.evm.now += NOTICE
    protocol.payer.send(protocol.insurer, "withdraw")


@pytest.mark.parametrize("name", ["escrow", "payer"])
def test_deposit__token_calls_the_same_contract__is_refused(unruly: Protocol, name: str) -> None:
    contract = getattr(unruly, name)
    owner = unruly.patient if name == "escrow" else unruly.insurer
    unruly.mint(owner, DOLLAR, contract)
    hook(unruly, contract, "deposit", 1)
    contract.send(owner, "deposit", DOLLAR)
    assert_hook_was_refused(unruly)
    unruly.assert_solvent()


@pytest.mark.parametrize("verb", [patient_withdraws, insurer_withdraws])
def test_withdraw__token_calls_the_same_contract__is_refused(
    unruly: Protocol, verb: Callable[[Protocol], None]
) -> None:
    contract = unruly.escrow if verb is patient_withdraws else unruly.payer
    hook(unruly, contract, "deposit", 1)
    verb(unruly)
    assert_hook_was_refused(unruly)
    unruly.assert_solvent()


def test_deposit__token_settles_against_money_not_yet_here__reverts(unruly: Protocol) -> None:
    """A deposit counts before its tokens arrive; a settlement in between would spend others' tokens."""
    unruly.welcome(unruly.late, amount=1)
    batch = unruly.batch([unruly.section(unruly.row(unruly.late, 1))])
    arguments = (batch.epoch, batch.signed_at, batch.deadline), batch.sections, unruly.sign(batch)
    unruly.mint(unruly.late, 200 * DOLLAR)
    before = unruly.state(1)
    hook(unruly, unruly.settlement, "settle", *arguments)
    with pytest.raises(ContractReverted) as refused:
        unruly.escrow.send(unruly.late, "deposit", 200 * DOLLAR)
    assert refused.value.name in ("Panic", "UnexpectedAmountReceived")
    assert unruly.state(1) == before


# ---- several calls in one transaction ---------------------------------------------------------------------


def run_together(protocol: Protocol, *calls: tuple[Contract, str, tuple[Any, ...]]) -> None:
    caller = protocol.evm.deploy(protocol.stranger, "SeveralCalls")
    targets = [target.address for target, _, _ in calls]
    calldata = [target.functions[name].encode(arguments) for target, name, arguments in calls]
    caller.send(protocol.stranger, "run", targets, calldata)


def test_settle__twice_in_one_transaction__moves_each_batchs_tokens_once(protocol: Protocol) -> None:
    """What is remembered for the length of a transaction must not be paid again."""
    settle = (protocol.settlement, "settle")
    run_together(
        protocol,
        (*settle, settle_arguments(protocol, 1)),
        (*settle, settle_arguments(protocol, 2)),
        (protocol.settlement, "withdraw", (protocol.provider_id,)),
    )
    assert protocol.tokens(protocol.provider) == 300 * DOLLAR
    assert protocol.credit() == 0
    protocol.assert_solvent()


def test_settle__same_batch_twice_in_one_transaction__settles_once(protocol: Protocol) -> None:
    arguments = settle_arguments(protocol, 1)
    run_together(
        protocol, (protocol.settlement, "settle", arguments), (protocol.settlement, "settle", arguments)
    )
    assert protocol.credit() == 150 * DOLLAR
    protocol.assert_solvent()


def test_release__after_a_settlement_in_one_transaction__is_still_guarded(
    protocol: Protocol,
) -> None:
    with reverts("NotSettlement"):
        run_together(
            protocol,
            (protocol.settlement, "settle", settle_arguments(protocol, 1)),
            (protocol.escrow, "release", ()),
        )
