"""Withdrawals on notice, the same for a patient and an insurer: announced, debitable until taken, lapsing."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests.contracts.situations import endings
from tests.support.deployment import HOUR, NOTICE, NOW, PATIENT_FUNDS, POOL_FUNDS, WITHDRAWAL_LIFE, Protocol
from tests.support.evm import Contract, Receipt, reverts

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.format.events import (
    PatientWithdrawalCancelled,
    PatientWithdrawalRequested,
    PatientWithdrew,
    PoolWithdrawalCancelled,
    PoolWithdrawalRequested,
    PoolWithdrawn,
)
from chainbill.money import DOLLAR
from chainbill.records.hashing import keccak256


@dataclass
class Saver:
    """A patient or an insurer, for tests that hold for both."""

    protocol: Protocol
    contract: Contract
    owner: str
    funds: int
    debit: int
    """What one settled visit takes from it."""

    def money(self) -> int:
        return (
            self.protocol.balance(self.owner)
            if self.contract is self.protocol.escrow
            else int(self.contract.read("pool"))
        )

    def request(self, amount: int) -> Receipt:
        return self.contract.send(self.owner, "requestWithdrawal", amount)

    def announced(self) -> tuple[int, int, int]:
        if self.contract is self.protocol.escrow:
            return tuple(self.contract.read("withdrawalOf", self.owner))
        return tuple(self.contract.read("withdrawalRequest"))

    def cancel(self) -> Receipt:
        return self.contract.send(self.owner, "cancelWithdrawal")

    def withdraw(self) -> Receipt:
        return self.contract.send(self.owner, "withdraw")

    def deposit(self, amount: int) -> None:
        self.protocol.mint(self.owner, amount, self.contract)
        self.contract.send(self.owner, "deposit", amount)

    def spend(self, sequence: int = 1) -> None:
        """Settle the patient's first visit: both savers pay a part of it."""
        assert self.protocol.settle(self.protocol.row(self.protocol.patient, sequence)).value[0] == 1

    def wait(self, seconds: int = NOTICE) -> None:
        self.protocol.evm.now += seconds


@pytest.fixture(params=["patient", "insurer"])
def saver(request: pytest.FixtureRequest, protocol: Protocol) -> Saver:
    if request.param == "patient":
        return Saver(protocol, protocol.escrow, protocol.patient, PATIENT_FUNDS, 110 * DOLLAR)
    return Saver(protocol, protocol.payer, protocol.insurer, POOL_FUNDS, 40 * DOLLAR)


def test_withdraw__after_notice__pays_the_owner(saver: Saver) -> None:
    saver.request(30 * DOLLAR)
    assert saver.announced() == (30 * DOLLAR, 0, NOW + NOTICE)
    saver.wait()
    assert saver.withdraw().value == 30 * DOLLAR
    assert saver.money() == saver.funds - 30 * DOLLAR
    assert saver.protocol.tokens(saver.owner) == 30 * DOLLAR
    assert saver.announced() == (0, 0, 0)
    saver.protocol.assert_solvent()


def test_withdraw__patient_and_insurer__are_logged(protocol: Protocol) -> None:
    asked = protocol.escrow.send(protocol.patient, "requestWithdrawal", DOLLAR)
    requested = PatientWithdrawalRequested(protocol.patient, DOLLAR, NOW + NOTICE)
    assert asked.of(PatientWithdrawalRequested) == [requested]
    asked = protocol.payer.send(protocol.insurer, "requestWithdrawal", DOLLAR)
    assert asked.events == (PoolWithdrawalRequested(1, DOLLAR, NOW + NOTICE),)
    protocol.evm.now += NOTICE
    taken = protocol.escrow.send(protocol.patient, "withdraw")
    assert taken.of(PatientWithdrew) == [PatientWithdrew(protocol.patient, DOLLAR)]
    taken = protocol.payer.send(protocol.insurer, "withdraw")
    assert taken.of(PoolWithdrawn) == [PoolWithdrawn(1, protocol.insurer, DOLLAR)]


@pytest.mark.parametrize("late, open_", [(-1, False), (0, True), (1, True)])
def test_withdraw__around_the_notices_end__from_that_second_on(saver: Saver, late: int, open_: bool) -> None:
    saver.request(DOLLAR)
    saver.wait(NOTICE + late)
    if open_:
        assert saver.withdraw().value == DOLLAR
    else:
        with reverts("WithdrawalNotAvailable", availableAt=NOW + NOTICE, now=NOW + NOTICE - 1):
            saver.withdraw()


@pytest.mark.parametrize("late, open_", [(-1, True), (0, False), (1, False)])
def test_withdraw__around_its_lapse__until_that_second(saver: Saver, late: int, open_: bool) -> None:
    saver.request(DOLLAR)
    saver.wait(NOTICE + WITHDRAWAL_LIFE + late)
    if open_:
        assert saver.withdraw().value == DOLLAR
    else:
        with reverts("WithdrawalLapsed", lapsedAt=NOW + NOTICE + WITHDRAWAL_LIFE):
            saver.withdraw()


def test_withdraw__lapsed__may_be_announced_anew(saver: Saver) -> None:
    saver.request(DOLLAR)
    saver.wait(NOTICE + WITHDRAWAL_LIFE)
    saver.request(2 * DOLLAR)
    saver.wait()
    assert saver.withdraw().value == 2 * DOLLAR


def test_withdraw__nothing_announced__reverts(saver: Saver) -> None:
    with reverts("NoWithdrawalRequested"):
        saver.withdraw()


def test_withdraw__twice__reverts(saver: Saver) -> None:
    saver.request(DOLLAR)
    saver.wait()
    saver.withdraw()
    with reverts("NoWithdrawalRequested"):
        saver.withdraw()


def test_request_withdrawal__of_nothing__reverts(saver: Saver) -> None:
    with reverts("NothingToWithdraw"):
        saver.request(0)


def test_request_withdrawal__around_all_there_is__not_more(saver: Saver) -> None:
    with reverts("AmountOverBalance", amount=saver.funds + 1, balance=saver.funds):
        saver.request(saver.funds + 1)
    saver.request(saver.funds)
    saver.wait()
    assert saver.withdraw().value == saver.funds
    assert saver.money() == 0


def test_request_withdrawal__again__replaces_and_starts_the_notice_anew(saver: Saver) -> None:
    saver.request(5 * DOLLAR)
    saver.wait(NOTICE)
    saver.request(3 * DOLLAR)
    with reverts("WithdrawalNotAvailable", availableAt=NOW + 2 * NOTICE):
        saver.withdraw()
    saver.wait(NOTICE)
    assert saver.withdraw().value == 3 * DOLLAR


def test_withdraw__spent_in_the_meantime__takes_what_is_left(saver: Saver) -> None:
    saver.request(saver.funds)
    saver.spend()
    saver.wait()
    assert saver.withdraw().value == saver.funds - saver.debit
    assert saver.money() == 0
    saver.protocol.assert_solvent()


def test_withdraw__deposited_since__does_not_cover_it(saver: Saver) -> None:
    saver.request(saver.funds)
    saver.deposit(50 * DOLLAR)
    assert saver.announced()[1] == 50 * DOLLAR
    saver.wait()
    assert saver.withdraw().value == saver.funds
    assert saver.money() == 50 * DOLLAR


def test_withdraw__deposited_and_spent_since__the_older_money_was_spent(saver: Saver) -> None:
    saver.request(saver.funds)
    saver.deposit(50 * DOLLAR)
    saver.spend()
    saver.wait()
    assert saver.withdraw().value == saver.funds - saver.debit
    assert saver.money() == 50 * DOLLAR


def test_withdraw__deposited_before__is_covered(saver: Saver) -> None:
    saver.deposit(50 * DOLLAR)
    saver.request(saver.funds + 50 * DOLLAR)
    saver.wait()
    assert saver.withdraw().value == saver.funds + 50 * DOLLAR


def test_withdraw__refunded_since__does_not_cover_it(saver: Saver) -> None:
    """A claim that is given back brings new money, like a deposit."""
    protocol = saver.protocol
    claim = protocol.settled_claim(protocol.settle(protocol.row(protocol.patient, 1)))
    saver.request(saver.funds - saver.debit)
    protocol.void(claim)
    assert saver.money() == saver.funds
    assert saver.announced()[1] == saver.debit
    saver.wait()
    assert saver.withdraw().value == saver.funds - saver.debit
    assert saver.money() == saver.debit
    protocol.assert_solvent()


def test_withdraw__only_later_deposits_left__reverts_and_stays_announced(saver: Saver) -> None:
    saver.request(saver.funds)
    saver.wait()
    saver.withdraw()
    saver.deposit(saver.debit)
    saver.request(saver.debit)
    saver.deposit(7 * DOLLAR)
    saver.deposit(saver.debit)
    announced = saver.announced()
    saver.spend()  # takes as much as there was when it was announced
    saver.wait()
    with reverts("NothingToWithdraw"):
        saver.withdraw()
    assert saver.announced() == announced


def test_settle__withdrawal_announced_but_not_taken__may_spend_it(saver: Saver) -> None:
    """What is announced stays debitable: announcing is no way out of a bill."""
    saver.request(saver.funds)
    saver.wait(NOTICE + HOUR)
    saver.spend()
    assert saver.money() == saver.funds - saver.debit


def test_settle__withdrawn__pends(saver: Saver) -> None:
    saver.request(saver.funds)
    saver.wait()
    saver.withdraw()
    receipt = saver.protocol.settle(saver.protocol.row(saver.protocol.patient, 1))
    short = Reason.PATIENT_UNFUNDED if saver.contract is saver.protocol.escrow else Reason.PAYER_UNFUNDED
    assert endings(receipt) == [(1, Outcome.PENDED, short)]


# ---- calling it off ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "waiting", [0, NOTICE - 1, NOTICE, NOTICE + WITHDRAWAL_LIFE - 1, NOTICE + WITHDRAWAL_LIFE]
)
def test_cancel_withdrawal__at_any_time__leaves_nothing_to_take(saver: Saver, waiting: int) -> None:
    saver.request(DOLLAR)
    saver.wait(waiting)
    saver.cancel()
    assert saver.announced() == (0, 0, 0)
    with reverts("NoWithdrawalRequested"):
        saver.withdraw()
    assert saver.money() == saver.funds


def test_cancel_withdrawal__patient_and_insurer__are_logged(protocol: Protocol) -> None:
    protocol.escrow.send(protocol.patient, "requestWithdrawal", DOLLAR)
    protocol.payer.send(protocol.insurer, "requestWithdrawal", DOLLAR)
    cancelled = protocol.escrow.send(protocol.patient, "cancelWithdrawal")
    assert cancelled.of(PatientWithdrawalCancelled) == [PatientWithdrawalCancelled(protocol.patient)]
    cancelled = protocol.payer.send(protocol.insurer, "cancelWithdrawal")
    assert cancelled.events == (PoolWithdrawalCancelled(1),)


def test_cancel_withdrawal__nothing_announced_or_taken__reverts(saver: Saver) -> None:
    with reverts("NoWithdrawalRequested"):
        saver.cancel()
    saver.request(DOLLAR)
    saver.wait()
    saver.withdraw()
    with reverts("NoWithdrawalRequested"):
        saver.cancel()


def test_cancel_withdrawal__twice__reverts(saver: Saver) -> None:
    saver.request(DOLLAR)
    saver.cancel()
    with reverts("NoWithdrawalRequested"):
        saver.cancel()


def test_cancel_withdrawal__then_announced_anew__covers_what_was_deposited_between(saver: Saver) -> None:
    saver.request(saver.funds)
    saver.deposit(50 * DOLLAR)
    saver.cancel()
    saver.request(saver.funds + 50 * DOLLAR)
    saver.wait()
    assert saver.withdraw().value == saver.funds + 50 * DOLLAR


def test_cancel_withdrawal__deposits_afterwards__are_not_counted(saver: Saver) -> None:
    saver.request(DOLLAR)
    saver.cancel()
    saver.deposit(50 * DOLLAR)
    assert saver.announced() == (0, 0, 0)


def test_cancel_withdrawal__of_another_patient__stays(protocol: Protocol) -> None:
    protocol.escrow.send(protocol.patient, "requestWithdrawal", DOLLAR)
    for caller in (protocol.neighbour, protocol.governor, protocol.stranger, protocol.insurer):
        with reverts("NoWithdrawalRequested"):
            protocol.escrow.send(caller, "cancelWithdrawal")
    assert protocol.escrow.read("withdrawalOf", protocol.patient) == (DOLLAR, 0, NOW + NOTICE)


# ---- whose it is ------------------------------------------------------------------------------------------


def test_withdraw__another_patient__takes_only_its_own(protocol: Protocol) -> None:
    protocol.escrow.send(protocol.patient, "requestWithdrawal", DOLLAR)
    protocol.evm.now += NOTICE
    for caller in (protocol.neighbour, protocol.governor, protocol.stranger, protocol.insurer):
        with reverts("NoWithdrawalRequested"):
            protocol.escrow.send(caller, "withdraw")
    with reverts("AmountOverBalance", balance=0):
        protocol.escrow.send(protocol.stranger, "requestWithdrawal", 1)


@pytest.mark.parametrize("verb", ["requestWithdrawal", "cancelWithdrawal", "withdraw"])
def test_pool_withdrawal__by_anybody_but_the_insurer__reverts(protocol: Protocol, verb: str) -> None:
    protocol.payer.send(protocol.insurer, "requestWithdrawal", DOLLAR)
    protocol.evm.now += NOTICE
    arguments = (DOLLAR,) if verb == "requestWithdrawal" else ()
    for caller in (protocol.governor, protocol.provider, protocol.patient, protocol.stranger):
        with reverts("OwnableUnauthorizedAccount", account=caller):
            protocol.payer.send(caller, verb, *arguments)


def test_pool_withdrawal__of_one_payer__leaves_another_alone(protocol: Protocol) -> None:
    other = protocol.payer_contracts[protocol.second_payer()]
    protocol.payer.send(protocol.insurer, "requestWithdrawal", POOL_FUNDS)
    protocol.evm.now += NOTICE
    protocol.payer.send(protocol.insurer, "withdraw")
    assert other.read("pool") == POOL_FUNDS
    protocol.assert_solvent()


@pytest.mark.parametrize("verb", ["withdraw", "deposit"])
def test_withdraw__token_calls_the_escrow__is_refused(unruly: Protocol, verb: str) -> None:
    unruly.escrow.send(unruly.patient, "requestWithdrawal", DOLLAR)
    unruly.advance(NOTICE)
    calldata = unruly.escrow.functions[verb].encode((DOLLAR,) if verb == "deposit" else ())
    unruly.token.send(unruly.stranger, "setHook", 0, unruly.escrow.address, calldata)
    unruly.escrow.send(unruly.patient, "withdraw")
    assert unruly.token.read("hookAnswer") == keccak256(b"ReentrancyGuardReentrantCall()")[:4]
    assert unruly.tokens(unruly.patient) == DOLLAR
    unruly.assert_solvent()
