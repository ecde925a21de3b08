"""A section that is all of a run: its payer pays in the call that prices it, and the escrow in the call that
charges the batch's last. What ends is the same as where they pay afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from tests.contracts.evm import reverts
from tests.contracts.protocol import NOTICE, VISIT, Protocol, account
from tests.contracts.situations import endings

from chainbill.attestation.patient_intents import Withdraw
from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import Domain
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.batch_codec import BatchSection
from chainbill.chain.events import PayerFailed, TokensMoved
from chainbill.chain.reverts import decode_revert
from chainbill.errors import ChainError, ContractReverted
from chainbill.money import DOLLAR


@pytest.fixture(autouse=True)
def second(unruly: Protocol) -> int:
    """A second payer, with a patient of its own."""
    return unruly.second_payer(unruly.late)


def alone(protocol: Protocol) -> list[BatchSection]:
    """A section of either payer: each is all of its run."""
    return [
        protocol.section(protocol.row(protocol.patient, 1), protocol.row(protocol.neighbour, 2)),
        protocol.section(protocol.row(protocol.late, 3), payer_id=2),
    ]


def together(protocol: Protocol) -> list[BatchSection]:
    """The same rows, the first payer's in two sections of one run."""
    return [
        protocol.section(protocol.row(protocol.patient, 1)),
        protocol.section(protocol.row(protocol.neighbour, 2)),
        protocol.section(protocol.row(protocol.late, 3), payer_id=2),
    ]


def outcome(protocol: Protocol, batches: Sequence[list[BatchSection]]) -> Any:
    """What these batches leave behind, all of it undone afterwards."""
    with protocol.rolled_back():
        for sections in batches:
            protocol.submit(protocol.batch(sections))
        protocol.assert_solvent()
        return protocol.state(1, 2, 3)


def test_settle__rows_in_sections_of_their_own_or_not__end_equally(unruly: Protocol) -> None:
    wanted = outcome(unruly, [alone(unruly)])
    assert wanted != unruly.state(1, 2, 3)
    assert outcome(unruly, [together(unruly)]) == wanted
    assert outcome(unruly, [[section] for section in together(unruly)]) == wanted
    assert outcome(unruly, [[section] for section in alone(unruly)]) == wanted


@pytest.mark.parametrize("split", [alone, together])
def test_settle__several_payers__each_paying_contract_moves_tokens_once(
    protocol: Protocol, split: Any
) -> None:
    protocol.second_payer(protocol.late)
    receipt = protocol.submit(protocol.batch(split(protocol)))
    moved = Counter(event.sender.lower() for event in receipt.of(TokensMoved))
    payers = [protocol.payer_contracts[number].address for number in (1, 2)]
    assert moved == Counter([*payers, protocol.escrow.address])


@pytest.mark.parametrize("last", ["charges", "pends", "is paid by the patient alone", "is coordinated"])
def test_settle__last_section_of_any_kind__the_escrow_pays_all_it_has_debited(
    unruly: Protocol, last: str
) -> None:
    """Whether or not the last section is the one in which the escrow pays."""
    unruly.publish_cash_prices()
    first = unruly.section(unruly.row(unruly.patient, 1))
    late = unruly.row(unruly.late, 2)
    sections = {
        "charges": [first, unruly.section(late, payer_id=2)],
        "pends": [first, unruly.section(unruly.row(unruly.neighbour, 2), payer_id=2)],
        "is paid by the patient alone": [unruly.self_pay(unruly.row(unruly.stranger, 2)), first],
        "is coordinated": [first, unruly.section(late, payer_id=2), unruly.section(late, payer_id=2)],
    }[last]
    held = unruly.tokens(unruly.escrow.address)
    unruly.submit(unruly.batch(sections))
    assert unruly.tokens(unruly.escrow.address) < held
    unruly.assert_solvent()


def test_settle__twice_in_one_transaction__debits_of_the_first_do_not_move_again(unruly: Protocol) -> None:
    """What the escrow had debited before the section in which it pays is gone with that payment."""
    caller = unruly.evm.deploy(unruly.stranger, "SeveralCalls")
    first, second_ = alone(unruly), [unruly.section(unruly.row(unruly.patient, 9))]
    calls = [
        unruly.settlement.functions["settle"].encode(unruly.settle_arguments(unruly.batch(sections)))
        for sections in (first, second_)
    ]
    caller.send(unruly.stranger, "run", [unruly.settlement.address] * 2, calls)
    unruly.assert_solvent()


# ---- a payer that cannot ----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["reverts", "answers false", "burns all gas"])
def test_settle__payer_alone_cannot_pay__its_section_pends_and_the_other_settles(
    unruly: Protocol, way: str
) -> None:
    payer = unruly.payer_contracts[2].address
    if way == "reverts":
        unruly.token.send(unruly.stranger, "setBlocked", payer, True)
    elif way == "burns all gas":
        unruly.token.send(unruly.stranger, "setBurnsGas", payer, True)
    else:
        unruly.token.send(unruly.stranger, "setAnswer", 1)
    before = unruly.state(1, 2, 3)
    sections = alone(unruly) if way != "answers false" else alone(unruly)[1:]
    receipt = unruly.submit(unruly.batch(sections))
    assert (3, Outcome.PENDED, Reason.PAYER_FAILED) in endings(receipt)
    (failed,) = receipt.of(PayerFailed)
    assert failed.payer_id == 2
    after = unruly.state(1, 2, 3)
    assert (after.pools[1], unruly.is_spent(3)) == (before.pools[1], False)
    if way == "answers false":
        assert after == before
    else:
        assert after.pools[0] < before.pools[0]
    unruly.token.send(unruly.stranger, "setAnswer", 0)
    unruly.assert_solvent()


def test_settle__section_alone_and_every_gas_limit__settles_or_reverts(unruly: Protocol) -> None:
    """A payer that is to pay at once asks for the gas of a transfer first: a lack of it is no failure."""
    batch = unruly.batch([unruly.section(unruly.row(unruly.patient, 1))])
    signed, untouched = unruly.sign(batch), unruly.state(1)
    enough = too_little = 0
    for gas in range(60_000, 700_000, 1_993):
        with unruly.rolled_back():
            try:
                assert unruly.submit(batch, signed, gas=gas).value == (1, 0, 0, 0)
                enough += 1
            except ChainError as refusal:
                named = refusal.name if isinstance(refusal, ContractReverted) else "InsufficientGas"
                assert named == "InsufficientGas"
                assert unruly.state(1) == untouched
                too_little += 1
    assert min(enough, too_little) > 50


def test_settle__section_alone_a_little_less_gas_than_enough__says_that_gas_is_missing(
    unruly: Protocol,
) -> None:
    batch = unruly.batch([unruly.section(unruly.row(unruly.patient, 1, VISIT))])
    with reverts("InsufficientGas", required=300_000):
        unruly.submit(batch, gas=350_000)


def test_settle__escrow_cannot_pay_at_once__reverts_whole(unruly: Protocol) -> None:
    unruly.token.send(unruly.stranger, "setBlocked", unruly.escrow.address, True)
    before = unruly.state(1, 2, 3)
    with reverts("ERC20InvalidSender", sender=unruly.escrow.address):
        unruly.submit(unruly.batch(alone(unruly)))
    assert unruly.state(1, 2, 3) == before
    assert unruly.tokens(unruly.settlement.address) == 0


def test_settle__nothing_is_owed_by_the_payer__no_token_of_it_moves(protocol: Protocol) -> None:
    """All of it is the patient's deductible."""
    row = protocol.row(protocol.patient, 1, billed=50 * DOLLAR)
    moved = protocol.settle(row).of(TokensMoved)
    assert [event.sender.lower() for event in moved] == [protocol.escrow.address]
    protocol.assert_solvent()


# ---- a token that calls back ------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [0, 1, 2])
def test_settle__token_lets_a_patient_withdraw_in_its_middle__refused_and_the_batch_settles(
    unruly: Protocol, delay: int
) -> None:
    """What the escrow has stated is still there when it charges: nobody is paid out in between."""
    patient = unruly.patient
    unruly.escrow.send(patient, "requestWithdrawal", unruly.balance(patient))
    unruly.advance(NOTICE)
    intent = Withdraw(patient, unruly.escrow.read("nonceOf", patient), unruly.evm.now + NOTICE)
    digest = intent.digest(Domain(unruly.evm.chain_id, unruly.escrow.address))
    signed = *intent.arguments(), Signer(account("patient")).sign(digest)
    calldata = unruly.escrow.functions["withdrawBySig"].encode(signed)
    unruly.token.send(unruly.stranger, "setHook", delay, unruly.escrow.address, calldata)
    assert unruly.submit(unruly.batch(alone(unruly))).value == (3, 0, 0, 0)
    assert not unruly.token.read("hookSucceeded")
    refused = decode_revert(unruly.token.read("hookAnswer"))
    assert isinstance(refused, ContractReverted)
    assert refused.name == "SettlementUnderWay"
    unruly.assert_solvent()
    assert unruly.escrow.send(patient, "withdraw").value == unruly.tokens(patient)


def test_is_settling__between_two_verbs__is_not(unruly: Protocol) -> None:
    assert unruly.settlement.read("isSettling") is False
    unruly.submit(unruly.batch(alone(unruly)))
    assert unruly.settlement.read("isSettling") is False
