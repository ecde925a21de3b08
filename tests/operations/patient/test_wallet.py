"""A patient's wallet: deposits, withdrawals on notice, signatures voided."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from tests.support.testbed import DAY, Testbed

from chainbill.chain.node.sender import Sender
from chainbill.errors import AmountError, ChainError, HoldsTooLittle, NodeError, StateError
from chainbill.money import DOLLAR
from chainbill.operations.actor import Actor
from chainbill.operations.patient import wallet
from chainbill.protocol_constants import WITHDRAWAL_LIFE_SECONDS

DEPOSITS = [wallet.deposit, wallet.deposit_with_permit]


@pytest.fixture
def patient(testbed: Testbed) -> Actor:
    """A patient with 100 dollars, half of them in its wallet."""
    actor = testbed.account(100)
    wallet.deposit_with_permit(actor, 50 * DOLLAR)
    return actor


def lose_the_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent is mined, and the sender hears nothing of it."""

    def unheard(*_: object, **__: object) -> None:
        raise NodeError("the line is dead")

    monkeypatch.setattr(Sender, "_wait", unheard)


# ---- deposits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("deposit, transactions", zip(DEPOSITS, (2, 1), strict=True))
def test_deposit__own_dollars__are_in_the_wallet(testbed: Testbed, deposit, transactions: int) -> None:
    patient = testbed.account(30)
    done = deposit(patient, 20 * DOLLAR)
    assert (done.changed, done.resumed) == (True, False)
    assert (done.amount, done.balance, done.outside) == (20 * DOLLAR, 20 * DOLLAR, 10 * DOLLAR)
    assert testbed.sent_by(patient) == transactions
    receipt = testbed.session.protocol.w3.eth.get_transaction_receipt(done.transaction)
    assert (receipt["blockNumber"], receipt["from"]) == (done.block, patient.address)
    assert done.effective_at == testbed.session.now()


@pytest.mark.parametrize("deposit", DEPOSITS)
def test_deposit__nothing_or_more_than_there_is__is_refused_and_nothing_sent(
    testbed: Testbed, deposit
) -> None:
    patient = testbed.account(5)
    with pytest.raises(AmountError, match="nothing to put in"):
        deposit(patient, 0)
    with pytest.raises(HoldsTooLittle, match=r"holds \$5.00, less than \$6.00") as refused:
        deposit(patient, 6 * DOLLAR)
    assert "chainbill patient create" in str(refused.value.hint)
    assert testbed.sent_by(patient) == 0


def test_deposit__without_the_key__is_refused(testbed: Testbed, patient: Actor) -> None:
    reader = Actor.reading(testbed.session, patient.address)
    assert wallet.balance(reader).balance == 50 * DOLLAR
    with pytest.raises(StateError, match=r"the key of .* is not here"):
        wallet.deposit(reader, DOLLAR)


def test_deposit__reply_lost__is_told_by_the_next_and_paid_once(
    testbed: Testbed, patient: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        lose_the_reply(patch)
        with pytest.raises(NodeError):
            wallet.deposit_with_permit(patient, 20 * DOLLAR)
    again = wallet.deposit_with_permit(patient, 20 * DOLLAR)
    assert (again.resumed, again.changed, again.balance) == (True, True, 70 * DOLLAR)
    assert again.transaction is not None
    once_more = wallet.deposit_with_permit(patient, 20 * DOLLAR)
    assert (once_more.resumed, once_more.balance) == (False, 90 * DOLLAR)


def test_result__of_a_change__cannot_be_changed(testbed: Testbed) -> None:
    done = wallet.deposit_with_permit(testbed.account(1), DOLLAR)
    with pytest.raises(FrozenInstanceError):
        done.amount = 2  # type: ignore[misc]


# ---- withdrawals --------------------------------------------------------------------------------------


def test_request_withdrawal__first_one__may_be_taken_after_the_notice(
    testbed: Testbed, patient: Actor
) -> None:
    done = wallet.request_withdrawal(patient, 40 * DOLLAR)
    assert (done.changed, done.before, done.balance) == (True, None, 50 * DOLLAR)
    assert done.effective_at == done.announced.available_at == testbed.session.now() + DAY
    assert done.announced.lapses_at == done.announced.available_at + WITHDRAWAL_LIFE_SECONDS
    assert wallet.balance(patient).announced == done.announced


def test_request_withdrawal__same_amount_again__goes_on_and_sends_nothing(
    testbed: Testbed, patient: Actor
) -> None:
    first, sent = wallet.request_withdrawal(patient, 40 * DOLLAR), testbed.sent_by(patient)
    testbed.wait(3_600)
    again = wallet.request_withdrawal(patient, 40 * DOLLAR)
    assert (again.changed, again.transaction, again.announced) == (False, None, first.announced)
    assert testbed.sent_by(patient) == sent


def test_request_withdrawal__another_amount__takes_the_place_of_the_first(
    testbed: Testbed, patient: Actor
) -> None:
    first = wallet.request_withdrawal(patient, 40 * DOLLAR)
    testbed.wait(3_600)
    other = wallet.request_withdrawal(patient, 30 * DOLLAR)
    assert (other.changed, other.before) == (True, first.announced)
    assert other.announced.available_at >= first.announced.available_at + 3_600


def test_request_withdrawal__nothing_or_over_the_balance__is_refused(patient: Actor) -> None:
    with pytest.raises(AmountError, match="nothing to withdraw"):
        wallet.request_withdrawal(patient, 0)
    with pytest.raises(ChainError, match=r"the balance is \$50.00, less than \$51.00"):
        wallet.request_withdrawal(patient, 51 * DOLLAR)


def test_request_withdrawal__reply_lost__is_told_by_the_next(
    patient: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        lose_the_reply(patch)
        with pytest.raises(NodeError):
            wallet.request_withdrawal(patient, 5 * DOLLAR)
    again = wallet.request_withdrawal(patient, 5 * DOLLAR)
    assert (again.resumed, again.changed, again.announced.amount) == (True, True, 5 * DOLLAR)
    assert again.transaction is not None


def test_withdraw__after_the_notice__reaches_the_account(testbed: Testbed, patient: Actor) -> None:
    wallet.request_withdrawal(patient, 40 * DOLLAR)
    with pytest.raises(ChainError, match="may be taken from 2024-"):
        wallet.withdraw(patient)
    testbed.wait(DAY)
    done = wallet.withdraw(patient)
    assert (done.amount, done.announced, done.balance) == (40 * DOLLAR, 40 * DOLLAR, 10 * DOLLAR)
    assert wallet.balance(patient).outside == 90 * DOLLAR
    with pytest.raises(ChainError, match="no withdrawal is announced"):
        wallet.withdraw(patient)


def test_withdraw__reply_lost__is_told_by_the_next_and_taken_once(
    testbed: Testbed, patient: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet.request_withdrawal(patient, 40 * DOLLAR)
    testbed.wait(DAY)
    with monkeypatch.context() as patch:
        lose_the_reply(patch)
        with pytest.raises(NodeError):
            wallet.withdraw(patient)
    again = wallet.withdraw(patient)
    assert (again.resumed, again.amount, again.announced) == (True, 40 * DOLLAR, None)
    assert again.balance == 10 * DOLLAR


def test_withdraw__not_taken_for_a_week__lapses(testbed: Testbed, patient: Actor) -> None:
    wallet.request_withdrawal(patient, 40 * DOLLAR)
    testbed.wait(8 * DAY)
    assert wallet.balance(patient).announced is None
    with pytest.raises(ChainError, match="lapsed at"):
        wallet.withdraw(patient)
    anew = wallet.request_withdrawal(patient, 40 * DOLLAR)
    assert (anew.changed, anew.before) == (True, None)


def test_cancel_withdrawal__announced__is_none(patient: Actor) -> None:
    wallet.request_withdrawal(patient, 40 * DOLLAR)
    done = wallet.cancel_withdrawal(patient)
    assert (done.changed, done.balance) == (True, 50 * DOLLAR)
    assert wallet.balance(patient).announced is None
    with pytest.raises(ChainError, match="no withdrawal is announced"):
        wallet.cancel_withdrawal(patient)


# ---- the rest -----------------------------------------------------------------------------------------


def test_use_nonce__of_a_patient__is_the_next(testbed: Testbed, patient: Actor) -> None:
    done = wallet.use_nonce(patient)
    assert (done.changed, done.nonce) == (True, 1)
    assert done.effective_at == testbed.session.now()


def test_balance__new_account__has_nothing_and_nobody(testbed: Testbed) -> None:
    standing = wallet.balance(testbed.account())
    assert (standing.balance, standing.outside, standing.announced) == (0, 0, None)
    assert (standing.payers.primary, standing.limits.per_day, dict(standing.consents)) == (0, 0, {})
