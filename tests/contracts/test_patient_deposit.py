"""`PatientEscrow.deposit`: credits what arrived, to the caller."""

from __future__ import annotations

import pytest
from tests.contracts.evm import Evm, reverts
from tests.contracts.protocol import NOW, PATIENT_FUNDS, Protocol

from chainbill.chain.events import PatientDeposited
from chainbill.errors import ContractReverted
from chainbill.money import DOLLAR, MAX_AMOUNT


def test_deposit__approved_tokens__are_the_callers_balance(protocol: Protocol) -> None:
    protocol.mint(protocol.late, 10 * DOLLAR, protocol.escrow)
    receipt = protocol.escrow.send(protocol.late, "deposit", 4 * DOLLAR)
    assert receipt.of(PatientDeposited) == [PatientDeposited(protocol.late, 4 * DOLLAR)]
    assert protocol.balance(protocol.late) == 4 * DOLLAR
    assert protocol.tokens(protocol.late) == 6 * DOLLAR
    assert protocol.balance(protocol.patient) == PATIENT_FUNDS
    protocol.assert_solvent()


def test_deposit__nothing__reverts(protocol: Protocol) -> None:
    with reverts("DepositOfNothing"):
        protocol.escrow.send(protocol.patient, "deposit", 0)


def test_deposit__more_than_approved__reverts(protocol: Protocol) -> None:
    protocol.token.send(protocol.governor, "mint", protocol.late, DOLLAR)
    protocol.token.send(protocol.late, "approve", protocol.escrow.address, DOLLAR - 1)
    with reverts("ERC20InsufficientAllowance", allowance=DOLLAR - 1, needed=DOLLAR):
        protocol.escrow.send(protocol.late, "deposit", DOLLAR)
    assert protocol.balance(protocol.late) == 0


def test_deposit__more_than_owned__reverts(protocol: Protocol) -> None:
    protocol.mint(protocol.late, DOLLAR, protocol.escrow)
    with reverts("ERC20InsufficientBalance", balance=DOLLAR, needed=DOLLAR + 1):
        protocol.escrow.send(protocol.late, "deposit", DOLLAR + 1)


def test_deposit__up_to_64_bits__and_not_beyond(protocol: Protocol) -> None:
    protocol.fund_patient(protocol.late, MAX_AMOUNT)
    assert protocol.balance(protocol.late) == MAX_AMOUNT
    protocol.mint(protocol.late, 1)
    with reverts("BalanceOverflow", balance=MAX_AMOUNT, amount=1):
        protocol.escrow.send(protocol.late, "deposit", 1)


def test_deposit__token_keeps_a_fee__reverts() -> None:
    unruly = Protocol(Evm(NOW), token="UnrulyDollar")
    unruly.token.send(unruly.stranger, "setFee", 1)
    unruly.mint(unruly.late, 2 * DOLLAR, unruly.escrow)
    with reverts("UnexpectedAmountReceived", expected=DOLLAR, received=DOLLAR - 100):
        unruly.escrow.send(unruly.late, "deposit", DOLLAR)
    unruly.mint(unruly.insurer, 2 * DOLLAR, unruly.payer)
    with reverts("UnexpectedAmountReceived", expected=DOLLAR, received=DOLLAR - 100):
        unruly.payer.send(unruly.insurer, "deposit", DOLLAR)


def test_deposit__tokens_sent_without_it__are_nobodys(protocol: Protocol) -> None:
    protocol.mint(protocol.late, DOLLAR)
    before = [protocol.balance(patient) for patient in protocol.patients()]
    protocol.token.send(protocol.late, "transfer", protocol.escrow.address, DOLLAR)
    assert [protocol.balance(patient) for patient in protocol.patients()] == before
    assert protocol.tokens(protocol.escrow.address) == sum(before) + DOLLAR
    with pytest.raises(ContractReverted):
        protocol.escrow.send(protocol.late, "requestWithdrawal", DOLLAR)
