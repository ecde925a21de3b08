"""Tokens that do not behave: nobody is credited what did not arrive, and everybody else goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.contracts.situations import endings
from tests.support.deployment import HOUR, NOTICE, Protocol
from tests.support.evm import Receipt, reverts

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.format.batch_codec import BatchSection
from chainbill.chain.format.events import PatientRefunded, PoolRefunded
from chainbill.errors import ChainError
from chainbill.money import CENT, DOLLAR

TRUE, FALSE, NOTHING, FALSE_AFTER_MOVING = range(4)
"""How the token's transfers answer."""

Deposit = Callable[[Protocol], Receipt]


def ask(protocol: Protocol, verb: str, *arguments: Any) -> None:
    """Ask the token for something."""
    protocol.token.send(protocol.stranger, verb, *arguments)


def patient_deposits(protocol: Protocol) -> Receipt:
    return protocol.escrow.send(protocol.patient, "deposit", DOLLAR)


def insurer_deposits(protocol: Protocol) -> Receipt:
    return protocol.payer.send(protocol.insurer, "deposit", DOLLAR)


def provider_deposits(protocol: Protocol) -> Receipt:
    return protocol.settlement.send(protocol.provider, "depositBond", protocol.provider_id, DOLLAR)


def patient_withdraws(protocol: Protocol) -> Receipt:
    return protocol.escrow.send(protocol.patient, "withdraw")


def insurer_withdraws(protocol: Protocol) -> Receipt:
    return protocol.payer.send(protocol.insurer, "withdraw")


def provider_withdraws(protocol: Protocol) -> Receipt:
    return protocol.withdraw()


def operator_withdraws(protocol: Protocol) -> Receipt:
    return protocol.settlement.send(protocol.stranger, "withdrawFees", protocol.operator)


DEPOSITS = (patient_deposits, insurer_deposits, provider_deposits)
WITHDRAWALS = (patient_withdraws, insurer_withdraws, provider_withdraws, operator_withdraws)


@pytest.fixture
def ready(unruly: Protocol) -> Protocol:
    """Everybody has tokens to deposit and something to withdraw, and may."""
    unruly.set_operator_fee(DOLLAR, 0)
    unruly.evm.now += NOTICE
    unruly.settle(unruly.row(unruly.patient, 1), operator=unruly.operator)
    unruly.mature()
    unruly.escrow.send(unruly.patient, "requestWithdrawal", DOLLAR)
    unruly.payer.send(unruly.insurer, "requestWithdrawal", DOLLAR)
    unruly.evm.now += NOTICE
    unruly.mint(unruly.patient, DOLLAR, unruly.escrow)
    unruly.mint(unruly.insurer, DOLLAR, unruly.payer)
    unruly.mint(unruly.provider, DOLLAR, unruly.settlement)
    return unruly


def all_work(protocol: Protocol, *but: Callable[[Protocol], Receipt]) -> None:
    """Every deposit and withdrawal but these goes through, and a batch settles."""
    for verb in (*DEPOSITS, *WITHDRAWALS):
        if verb not in but:
            verb(protocol)
    assert protocol.settle(protocol.row(protocol.neighbour, 9)).value == (1, 0, 0, 0)
    protocol.assert_solvent()


# ---- what no deposit may take for money -------------------------------------------------------------------


@pytest.mark.parametrize("deposit", DEPOSITS)
@pytest.mark.parametrize("bps", [1, 100, 10_000])
def test_deposit__token_keeps_a_fee__reverts_and_credits_nothing(
    ready: Protocol, deposit: Deposit, bps: int
) -> None:
    before = ready.state()
    ask(ready, "setFee", bps)
    with reverts("UnexpectedAmountReceived", expected=DOLLAR, received=DOLLAR - DOLLAR * bps // 10_000):
        deposit(ready)
    assert ready.state() == before
    ask(ready, "setFee", 0)
    all_work(ready)


@pytest.mark.parametrize("verb", [*DEPOSITS, *WITHDRAWALS])
@pytest.mark.parametrize("answer", [FALSE, FALSE_AFTER_MOVING])
def test_any_transfer__token_answers_false__reverts_and_changes_nothing(
    ready: Protocol, verb: Deposit, answer: int
) -> None:
    before = ready.state()
    ask(ready, "setAnswer", answer)
    with reverts("SafeERC20FailedOperation", token=ready.token.address):
        verb(ready)
    assert ready.state() == before
    ask(ready, "setAnswer", TRUE)
    all_work(ready)


def test_settle__token_answers_false__pends_what_the_payer_owes(ready: Protocol) -> None:
    before = ready.state(2)
    ask(ready, "setAnswer", FALSE)
    receipt = ready.settle(ready.row(ready.patient, 2))
    assert endings(receipt) == [(2, Outcome.PENDED, Reason.PAYER_FAILED)]
    assert ready.state(2) == before


def test_settle__token_answers_false_and_the_patient_owes_all__reverts(ready: Protocol) -> None:
    before = ready.state(2)
    ask(ready, "setAnswer", FALSE)
    with reverts("SafeERC20FailedOperation"):
        ready.settle(ready.row(ready.neighbour, 2, billed=100 * DOLLAR))
    assert ready.state(2) == before


def test_any_transfer__token_answers_nothing__goes_through(ready: Protocol) -> None:
    """As some of the oldest dollars do."""
    ask(ready, "setAnswer", NOTHING)
    all_work(ready)


# ---- a fee that begins after money was put in -------------------------------------------------------------


def one_section(protocol: Protocol) -> list[BatchSection]:
    return [protocol.section(protocol.row(protocol.neighbour, 2))]


def several_payers(protocol: Protocol) -> list[BatchSection]:
    second = protocol.second_payer(protocol.late)
    return [
        protocol.section(protocol.row(protocol.patient, 2), protocol.row(protocol.neighbour, 3)),
        protocol.section(protocol.row(protocol.late, 4), payer_id=second),
    ]


def two_payers_of_one(protocol: Protocol) -> list[BatchSection]:
    second = protocol.second_payer()
    protocol.welcome(protocol.late, payers=(protocol.payer_id, second))
    return [protocol.coordinated(protocol.row(protocol.late, 2), secondary=second)]


def self_pay(protocol: Protocol) -> list[BatchSection]:
    protocol.publish_cash_prices()
    protocol.grant(protocol.patient, self_pay=True)
    return [protocol.self_pay(protocol.row(protocol.patient, 2))]


def patient_alone(protocol: Protocol) -> list[BatchSection]:
    return [protocol.section(protocol.row(protocol.neighbour, 2, billed=100 * DOLLAR))]


@pytest.mark.parametrize("bps", [1, 100, 10_000])
@pytest.mark.parametrize("kind", [one_section, several_payers, two_payers_of_one, self_pay, patient_alone])
def test_settle__token_has_begun_to_keep_a_fee__reverts_and_credits_nothing(
    ready: Protocol, kind: Callable[[Protocol], list[BatchSection]], bps: int
) -> None:
    """What is credited must have arrived, or one would be paid out of another's money."""
    sections = kind(ready)
    batch = ready.batch(sections, operator=ready.operator)
    rows = sum(len(section.rows) for section in sections)
    before = ready.state(2, 3, 4)
    ask(ready, "setFee", bps)
    with reverts("TokensMissing"):
        ready.submit(batch)
    assert ready.state(2, 3, 4) == before
    ask(ready, "setFee", 0)
    assert ready.submit(batch).value == (rows, 0, 0, 0)
    all_work(ready)


def test_settle__token_has_begun_to_keep_a_fee__says_what_is_missing(ready: Protocol) -> None:
    held = ready.tokens(ready.settlement.address)
    ask(ready, "setFee", 100)
    missing = 110 * DOLLAR // 100 + 40 * DOLLAR // 100
    with reverts("TokensMissing", expected=held + 150 * DOLLAR, held=held + 150 * DOLLAR - missing):
        ready.settle(ready.row(ready.neighbour, 2))


def test_settle__token_keeps_a_fee_and_nobody_owes_anything__settles(ready: Protocol) -> None:
    """No token moves."""
    ask(ready, "setFee", 100)
    assert nothing_from_anybody(ready).value == (0, 2, 0, 0)
    ready.assert_solvent()


@pytest.mark.parametrize("bps", [1, 100, 10_000])
def test_reversal__token_has_begun_to_keep_a_fee__credits_what_arrives(ready: Protocol, bps: int) -> None:
    """The dispute ends, and whoever is given something back bears the fee, as of a withdrawal."""
    claim = ready.settled_claim(ready.settle(ready.row(ready.neighbour, 2)))
    ready.dispute(claim)
    balance, pool = ready.balance(ready.neighbour), ready.pool()
    ask(ready, "setFee", bps)
    receipt = ready.concede(claim)
    back, refund = (amount - amount * bps // 10_000 for amount in (110 * DOLLAR, 40 * DOLLAR))
    assert receipt.of(PatientRefunded) == [PatientRefunded(ready.neighbour, back)]
    assert receipt.of(PoolRefunded) == [PoolRefunded(ready.payer_id, refund)]
    assert (ready.balance(ready.neighbour), ready.pool()) == (balance + back, pool + refund)
    assert ready.credit_of().held == 0
    ready.assert_solvent()


def test_collect_refund__token_has_begun_to_keep_a_fee__credits_what_arrives(ready: Protocol) -> None:
    claim = ready.settled_claim(ready.settle(ready.row(ready.neighbour, 2)))
    ready.dispute(claim)
    ask(ready, "setBlocked", ready.payer.address, True)
    ready.concede(claim)
    ask(ready, "setBlocked", ready.payer.address, False)
    ask(ready, "setFee", 100)
    pool = ready.pool()
    receipt = ready.settlement.send(ready.stranger, "collectRefund", ready.payer_id)
    assert receipt.of(PoolRefunded) == [PoolRefunded(ready.payer_id, 39_600_000)]
    assert ready.pool() == pool + 39_600_000
    ready.assert_solvent()


# ---- paused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [*DEPOSITS, *WITHDRAWALS])
def test_any_transfer__token_paused__reverts_and_works_again_after(ready: Protocol, verb: Deposit) -> None:
    before = ready.state()
    ask(ready, "setPaused", True)
    with pytest.raises(ChainError):
        verb(ready)
    assert ready.state() == before
    ask(ready, "setPaused", False)
    all_work(ready)


def test_settle__token_paused__pends_what_the_payer_owes_and_settles_it_after(ready: Protocol) -> None:
    batch = ready.batch([ready.section(ready.row(ready.patient, 2))], deadline=ready.evm.now + HOUR)
    ask(ready, "setPaused", True)
    assert endings(ready.submit(batch)) == [(2, Outcome.PENDED, Reason.PAYER_FAILED)]
    ask(ready, "setPaused", False)
    assert ready.submit(batch).value == (1, 0, 0, 0)
    all_work(ready)


def test_everything_else__token_paused__goes_on(ready: Protocol) -> None:
    """Announcements, consents and terms need no token."""
    ask(ready, "setPaused", True)
    ready.escrow.send(ready.patient, "cancelWithdrawal")
    ready.escrow.send(ready.patient, "requestWithdrawal", 2 * DOLLAR)
    ready.grant(ready.late)
    ready.payer.send(ready.insurer, "cancelWithdrawal")
    ready.publish_cash_prices()


# ---- an address on the block list -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "who, stopped",
    [
        ("patient", (patient_deposits, patient_withdraws)),
        ("insurer", (insurer_deposits, insurer_withdraws)),
        ("provider", (provider_deposits, provider_withdraws)),
        ("operator", (operator_withdraws,)),
        ("stranger", ()),
    ],
)
def test_block_list__one_of_them__stops_its_own_transfers_and_nobody_elses(
    ready: Protocol, who: str, stopped: tuple[Deposit, ...]
) -> None:
    ask(ready, "setBlocked", getattr(ready, who), True)
    for verb in stopped:
        with pytest.raises(ChainError):
            verb(ready)
    all_work(ready, *stopped)
    # What it is owed waits.
    ask(ready, "setBlocked", getattr(ready, who), False)
    for verb in stopped:
        verb(ready)
    ready.assert_solvent()


@pytest.mark.parametrize("who", ["patient", "insurer", "provider", "operator"])
def test_settle__someone_on_the_block_list__settles_for_and_against_it(ready: Protocol, who: str) -> None:
    """Settlement moves tokens between the contracts alone."""
    ask(ready, "setBlocked", getattr(ready, who), True)
    receipt = ready.settle(ready.row(ready.patient, 2), operator=ready.operator)
    assert receipt.value == (1, 0, 0, 0)
    ready.assert_solvent()


def test_concede__payer_on_the_block_list__its_refund_waits_and_the_patient_has_its_own(
    ready: Protocol,
) -> None:
    """$150 of a first visit: $110 are the patient's, $40 the payer's."""
    receipt = ready.settle(ready.row(ready.neighbour, 2), operator=ready.operator)
    claim = ready.settled_claim(receipt)
    before = ready.balance(ready.neighbour), ready.pool()
    ask(ready, "setBlocked", ready.payer.address, True)
    ready.dispute(claim)
    ready.concede(claim)
    assert ready.balance(ready.neighbour) == before[0] + 110 * DOLLAR
    assert (ready.pool(), ready.settlement.read("refundOf", ready.payer_id)) == (before[1], 40 * DOLLAR)
    ready.assert_solvent()

    with pytest.raises(ChainError):
        ready.settlement.send(ready.stranger, "collectRefund", ready.payer_id)
    ask(ready, "setBlocked", ready.payer.address, False)
    ready.settlement.send(ready.stranger, "collectRefund", ready.payer_id)
    assert (ready.pool(), ready.settlement.read("refundOf", ready.payer_id)) == (before[1] + 40 * DOLLAR, 0)
    ready.assert_solvent()


# ---- a token that refuses to move nothing -----------------------------------------------------------------


def nothing_from_the_patient(protocol: Protocol) -> Receipt:
    protocol.enrol(protocol.late, met=Accumulators(oop_met=1_000 * DOLLAR))
    protocol.escrow.send(protocol.late, "acceptPayer", protocol.payer_id, 0)
    protocol.grant(protocol.late)
    return protocol.settle(protocol.row(protocol.late, 2))


def nothing_from_the_payer(protocol: Protocol) -> Receipt:
    return protocol.settle(protocol.row(protocol.neighbour, 2, billed=100 * DOLLAR))


def nothing_from_anybody(protocol: Protocol) -> Receipt:
    nothing = protocol.row(protocol.neighbour, 2, b"unlisted")
    return protocol.settle(nothing, protocol.row(protocol.neighbour, 3, units=9))


@pytest.mark.parametrize("settle", [nothing_from_the_patient, nothing_from_the_payer, nothing_from_anybody])
def test_settle__token_refuses_a_transfer_of_nothing__none_is_made(
    ready: Protocol, settle: Callable[[Protocol], Receipt]
) -> None:
    ask(ready, "setRefusesZero", True)
    assert settle(ready).value in ((1, 0, 0, 0), (0, 2, 0, 0))
    all_work(ready)


@pytest.mark.parametrize("billed", [100 * DOLLAR, 200 * DOLLAR])
def test_concede__token_refuses_a_transfer_of_nothing__none_is_made(ready: Protocol, billed: int) -> None:
    receipt = ready.settle(ready.row(ready.neighbour, 2, billed=billed))
    claim = ready.settled_claim(receipt)
    ask(ready, "setRefusesZero", True)
    ready.dispute(claim)
    ready.concede(claim)
    ready.assert_solvent()


# ---- donations --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("contract", ["escrow", "payer", "settlement", "registry", "payers"])
def test_donation__to_any_contract__is_nobodys(ready: Protocol, contract: str) -> None:
    before = ready.state()
    ask(ready, "mint", getattr(ready, contract).address, 7 * CENT)
    after = ready.state()
    assert (after.balances, after.pools, after.credits, after.fees) == (
        *(before.balances, before.pools, before.credits, before.fees),
    )
    # A deposit beside it still counts what arrived, no more.
    for deposit in DEPOSITS:
        deposit(ready)
    assert ready.balance(ready.patient) == before.balances[0] + DOLLAR
    assert ready.pool() == before.pools[0] + DOLLAR
    assert ready.credit_of().bond == DOLLAR
