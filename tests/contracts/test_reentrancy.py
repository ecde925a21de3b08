"""A token that calls back in the middle of a transfer, and several calls in one transaction.

Every verb that moves tokens is tried with a call to every other verb of every contract in its middle. Such a
call must be refused, or end as if it had been made before or after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from eth_abi.abi import decode
from tests.support.deployment import (
    ANSWER_TIME,
    NOTICE,
    RULING_TIME,
    ZERO_ADDRESS,
    Credit,
    Protocol,
    State,
    account,
)
from tests.support.evm import Contract, Receipt, artifact, members, reverts

from chainbill.attestation import patient_intents
from chainbill.attestation.patient_intents import DisputeClaim, EscrowIntent, Intent
from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import Domain
from chainbill.chain.format.logs import TRANSFER_TOPIC
from chainbill.chain.node.reverts import decode_revert
from chainbill.errors import ChainError, ContractReverted
from chainbill.money import DOLLAR
from chainbill.records.hashing import keccak256


class Scene:
    """Something of everything, so that each verb has something to move."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        protocol.set_operator_fee(DOLLAR, 0)
        protocol.publish_cash_prices()
        protocol.evm.now += NOTICE
        protocol.settle(protocol.row(protocol.patient, 1), operator=protocol.operator)
        protocol.mature()
        protocol.deposit_bond(300 * DOLLAR)
        protocol.escrow.send(protocol.patient, "requestWithdrawal", DOLLAR)
        protocol.payer.send(protocol.insurer, "requestWithdrawal", DOLLAR)
        protocol.evm.now += NOTICE
        rows = [protocol.row(protocol.patient, n) for n in range(10, 15)]
        receipt = protocol.settle(*rows, operator=protocol.operator)
        self.claims = [protocol.settled_claim(receipt, n) for n in range(5)]
        self.open, self.answered, *self.undisputed = self.claims
        protocol.dispute(self.open)
        protocol.dispute(self.answered)
        protocol.answer(self.answered)
        for owner, contract in (
            (protocol.patient, protocol.escrow),
            (protocol.insurer, protocol.payer),
            (protocol.provider, protocol.settlement),
        ):
            protocol.mint(owner, 10 * DOLLAR, contract)

    def close_all(self) -> None:
        """End what is disputed and let all credit mature."""
        self.protocol.evm.now += RULING_TIME + 1
        self.protocol.close(self.open)
        self.protocol.close(self.answered)


@pytest.fixture
def scene(unruly: Protocol) -> Scene:
    return Scene(unruly)


# ---- what moves tokens ------------------------------------------------------------------------------------


def settle(scene: Scene) -> Receipt:
    protocol = scene.protocol
    rows = [protocol.row(protocol.patient, 20), protocol.row(protocol.neighbour, 21)]
    return protocol.settle(*rows, operator=protocol.operator)


def withdraw(scene: Scene) -> Receipt:
    return scene.protocol.withdraw()


def withdraw_fees(scene: Scene) -> Receipt:
    protocol = scene.protocol
    return protocol.settlement.send(protocol.stranger, "withdrawFees", protocol.operator)


def draw_advance(scene: Scene) -> Receipt:
    protocol = scene.protocol
    return protocol.settlement.send(protocol.provider, "drawAdvance", protocol.provider_id, 50 * DOLLAR)


def deposit_bond(scene: Scene) -> Receipt:
    protocol = scene.protocol
    return protocol.settlement.send(protocol.provider, "depositBond", protocol.provider_id, DOLLAR)


def withdraw_bond(scene: Scene) -> Receipt:
    protocol = scene.protocol
    return protocol.settlement.send(protocol.provider, "withdrawBond", protocol.provider_id)


def concede(scene: Scene) -> Receipt:
    return scene.protocol.concede(scene.open)


def void(scene: Scene) -> Receipt:
    return scene.protocol.void(scene.undisputed[0])


def resolve(scene: Scene) -> Receipt:
    return scene.protocol.resolve(scene.answered)


def close(scene: Scene) -> Receipt:
    return scene.protocol.close(scene.open)


def patient_deposits(scene: Scene) -> Receipt:
    return scene.protocol.escrow.send(scene.protocol.patient, "deposit", DOLLAR)


def patient_withdraws(scene: Scene) -> Receipt:
    return scene.protocol.escrow.send(scene.protocol.patient, "withdraw")


def insurer_deposits(scene: Scene) -> Receipt:
    return scene.protocol.payer.send(scene.protocol.insurer, "deposit", DOLLAR)


def insurer_withdraws(scene: Scene) -> Receipt:
    return scene.protocol.payer.send(scene.protocol.insurer, "withdraw")


Move = Callable[[Scene], Receipt]
MOVES: tuple[Move, ...] = (
    *(settle, withdraw, withdraw_fees, draw_advance, deposit_bond, withdraw_bond),
    *(concede, void, resolve, close),
    *(patient_deposits, patient_withdraws, insurer_deposits, insurer_withdraws),
)


def prepare(scene: Scene, move: Move) -> None:
    """What a verb needs beyond the scene."""
    if move is withdraw_bond:
        scene.close_all()
    if move is close:
        scene.protocol.evm.now += ANSWER_TIME


HOOK_ANSWERED = keccak256(b"HookAnswered(bytes)")


def transfers(receipt: Receipt) -> int:
    """How many times tokens moved."""
    return sum(log.topics[0] == TRANSFER_TOPIC for log in receipt.logs)


# ---- what is called in the middle -------------------------------------------------------------------------

CONTRACTS = {
    "escrow": "PatientEscrow",
    "payer": "InsurerPayer",
    "settlement": "ClaimSettlement",
    "registry": "ProviderRegistry",
    "payers": "InsurerPayerFactory",
}


def verbs() -> Iterator[tuple[str, str]]:
    """Everything that is not a view, in every contract but the token and Governance."""
    for name, contract in CONTRACTS.items():
        for entry in artifact(contract)["abi"]:
            if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure"):
                yield name, entry["name"]


VERBS = tuple(verbs())


def arguments(scene: Scene, contract: str, verb: str) -> tuple[Any, ...]:
    """Good ones where anybody may call the verb, and otherwise the least that can be encoded."""
    protocol = scene.protocol
    claim = scene.undisputed[1]
    proven = claim.root_slot, list(claim.proof)
    known: dict[tuple[str, str], Callable[[], tuple[Any, ...]]] = {
        ("escrow", "deposit"): lambda: (1,),
        ("escrow", "grantConsent"): lambda: (protocol.provider_id, DOLLAR, 2**39, True),
        ("escrow", "acceptPayer"): lambda: (protocol.payer_id, 0),
        ("escrow", "setLimits"): lambda: (DOLLAR, DOLLAR),
        ("payer", "deposit"): lambda: (1,),
        ("settlement", "settle"): lambda: settle_arguments(protocol, 30),
        ("settlement", "withdraw"): lambda: (protocol.provider_id,),
        ("settlement", "withdrawFees"): lambda: (protocol.operator,),
        ("settlement", "withdrawBond"): lambda: (protocol.provider_id,),
        ("settlement", "depositBond"): lambda: (protocol.provider_id, 1),
        ("settlement", "drawAdvance"): lambda: (protocol.provider_id, DOLLAR),
        ("settlement", "dispute"): lambda: (claim.words, 0, *proven),
        ("settlement", "disputeBySig"): lambda: dispute_by_signature(scene),
        ("settlement", "void"): lambda: (claim.words, *proven),
        ("settlement", "concede"): lambda: (scene.open.words,),
        ("settlement", "answer"): lambda: (scene.open.words, bytes(32)),
        ("settlement", "resolve"): lambda: (scene.answered.words, (0, 0, 0, 0, False)),
        ("settlement", "close"): lambda: (scene.open.words,),
    }
    if (contract, verb) in known:
        return known[contract, verb]()
    if contract == "escrow" and verb in INTENTS:
        return signed(protocol, verb)
    return tuple(least(kind) for kind in getattr(protocol, contract).functions[verb].inputs)


def settle_arguments(protocol: Protocol, sequence: int) -> tuple[Any, ...]:
    batch = protocol.batch([protocol.section(protocol.row(protocol.neighbour, sequence))])
    return protocol.settle_arguments(batch)


def dispute_by_signature(scene: Scene) -> tuple[Any, ...]:
    protocol, claim = scene.protocol, scene.undisputed[1]
    deadline = protocol.evm.now + NOTICE
    nonce = protocol.settlement.read("nonces", protocol.patient)
    digest = DisputeClaim(claim.claim_id, nonce, deadline).digest(protocol.domain)
    signature = Signer(account("patient")).sign(digest)
    return claim.words, claim.root_slot, list(claim.proof), deadline, signature


INTENTS: dict[str, tuple[type[EscrowIntent], tuple[Any, ...]]] = {
    "requestWithdrawalBySig": (patient_intents.RequestWithdrawal, (2 * DOLLAR,)),
    "cancelWithdrawalBySig": (patient_intents.CancelWithdrawal, ()),
    "withdrawBySig": (patient_intents.Withdraw, ()),
    "acceptPayerBySig": (patient_intents.AcceptPayer, (0, 0)),
    "setLimitsBySig": (patient_intents.SetLimits, (DOLLAR, DOLLAR)),
    "grantConsentBySig": (patient_intents.GrantConsent, (1, 3_000 * DOLLAR, 2**39, True)),
    "revokeConsentBySig": (patient_intents.RevokeConsent, (1,)),
}
"""The escrow's verbs that the token, like anybody, may submit for the patient."""


def signed(protocol: Protocol, verb: str) -> tuple[Any, ...]:
    kind, values = INTENTS[verb]
    nonce = protocol.escrow.read("nonceOf", protocol.patient)
    intent: Intent = kind(protocol.patient, *values, nonce, protocol.evm.now + NOTICE)
    signature = Signer(account("patient")).sign(intent.digest(escrow_domain(protocol)))
    return *intent.arguments(), signature


def escrow_domain(protocol: Protocol) -> Domain:
    return Domain(protocol.evm.chain_id, protocol.escrow.address)


def least(kind: str) -> Any:
    """The value of a type that says nothing."""
    if kind.endswith("[]"):
        return []
    if kind.startswith("("):
        return tuple(least(part) for part in members(kind))
    if kind == "address":
        return ZERO_ADDRESS
    if kind.startswith("bytes"):
        return bytes(int(kind.removeprefix("bytes") or 0))
    return False if kind == "bool" else 0


# ---- every verb within every other ------------------------------------------------------------------------


def hook(protocol: Protocol, delay: int, target: Contract, calldata: bytes) -> None:
    """Have the transfer after `delay` more make this call first."""
    protocol.token.send(protocol.stranger, "setHook", delay, target.address, calldata)


def refusal(protocol: Protocol) -> str:
    """The name of the error that the call back met."""
    error = decode_revert(protocol.token.read("hookAnswer"))
    return error.name if isinstance(error, ContractReverted) else str(error)


SEQUENCES = (1, 10, 11, 12, 20, 21, 30)


@pytest.mark.parametrize("move", MOVES)
def test_move__token_calls_any_verb__is_refused_or_as_before_or_after(scene: Scene, move: Move) -> None:
    protocol = scene.protocol
    prepare(scene, move)
    untouched = protocol.state(*SEQUENCES)
    with protocol.rolled_back():
        times = transfers(move(scene))
        undisturbed = protocol.state(*SEQUENCES)
    assert times > 0
    for contract, verb in VERBS:
        target = getattr(protocol, contract)
        calldata = target.functions[verb].encode(arguments(scene, contract, verb))
        for delay in range(times):
            with protocol.rolled_back():
                hook(protocol, delay, target, calldata)
                went_through = goes_through(scene, move)
                ended, succeeded = protocol.state(*SEQUENCES), protocol.token.read("hookSucceeded")
            if not went_through:
                assert (move, verb) in TAKEN_BACK
                assert ended == untouched
            elif succeeded:
                assert ended in orders(scene, move, target, calldata), (verb, delay)
            else:
                assert ended == undisturbed, (verb, delay)


def goes_through(scene: Scene, move: Move) -> bool:
    """Make the move with the hook in it; False where that reverts."""
    try:
        move(scene)
    except ContractReverted:
        return False
    assert scene.protocol.token.read("hookTarget") == ZERO_ADDRESS
    scene.protocol.assert_solvent()
    return True


TAKEN_BACK = {(patient_deposits, "settle"), (insurer_deposits, "settle")}
"""Where what arrives cannot be told from what a settlement sends away: nothing of either stays."""


def orders(scene: Scene, move: Move, target: Contract, calldata: bytes) -> list[State]:
    """How it ends when anybody makes the call before the move, and when after."""
    protocol, found = scene.protocol, []
    for steps in (("call", "move"), ("move", "call")):
        with protocol.rolled_back():
            try:
                for step in steps:
                    if step == "move":
                        move(scene)
                    else:
                        protocol.evm.call(protocol.stranger, target.address, calldata)
            except ChainError:
                continue
            found.append(protocol.state(*SEQUENCES))
    return found


GUARDED = (
    *("settle", "withdraw", "withdrawFees", "drawAdvance", "depositBond", "withdrawBond"),
    *("dispute", "disputeBySig", "concede", "void", "answer", "close", "collectReceivable", "collectRefund"),
)
"""All verbs of settlement that the guard stops before anything else is looked at."""


@pytest.mark.parametrize("move", [settle, withdraw, close])
def test_settlement__token_calls_settlement__is_stopped_by_the_guard(scene: Scene, move: Move) -> None:
    """And not by chance: with good arguments, what anybody may call would go through."""
    protocol = scene.protocol
    prepare(scene, move)
    for verb in GUARDED:
        calldata = protocol.settlement.functions[verb].encode(arguments(scene, "settlement", verb))
        with protocol.rolled_back():
            hook(protocol, 0, protocol.settlement, calldata)
            move(scene)
            assert not protocol.token.read("hookSucceeded")
            assert refusal(protocol) == "ReentrancyGuardReentrantCall"


@pytest.mark.parametrize("move", [patient_deposits, patient_withdraws, insurer_deposits, insurer_withdraws])
def test_deposits_and_withdrawals__token_deposits_too__is_stopped_by_the_guard(
    scene: Scene, move: Move
) -> None:
    protocol = scene.protocol
    contract = protocol.escrow if move in (patient_deposits, patient_withdraws) else protocol.payer
    hook(protocol, 0, contract, contract.functions["deposit"].encode((1,)))
    move(scene)
    assert refusal(protocol) == "ReentrancyGuardReentrantCall"


# ---- what views say in the middle -------------------------------------------------------------------------


@pytest.mark.parametrize("move", MOVES)
def test_views__in_the_middle_of_a_transfer__promise_no_more_than_is_held(scene: Scene, move: Move) -> None:
    protocol = scene.protocol
    prepare(scene, move)
    holders = (protocol.escrow, protocol.payer, protocol.settlement)
    views: list[tuple[Contract, str, tuple[Any, ...]]] = [
        *((protocol.token, "balanceOf", (holder.address,)) for holder in holders),
        *((protocol.escrow, "balanceOf", (patient,)) for patient in protocol.patients()),
        (protocol.payer, "pool", ()),
        (protocol.settlement, "refundOf", (protocol.payer_id,)),
        (protocol.settlement, "creditOf", (protocol.provider_id,)),
        (protocol.settlement, "feesOf", (protocol.operator,)),
    ]
    asker = protocol.evm.deploy(protocol.stranger, "SeveralCalls")
    calls = [contract.functions[name].encode(values) for contract, name, values in views]
    ask = asker.functions["run"].encode(([contract.address for contract, _, _ in views], calls))
    with protocol.rolled_back():
        times = transfers(move(scene))
    for delay in range(times):
        with protocol.rolled_back():
            hook(protocol, delay, asker, ask)
            (answered,) = (log for log in move(scene).logs if log.topics[0] == HOOK_ANSWERED)
            (answers,) = decode(["bytes[]"], decode(["bytes"], answered.data)[0])
        values = [
            contract.functions[name].decode(answer)
            for (contract, name, _), answer in zip(views, answers, strict=True)
        ]
        held = sum(values[:3])
        owed = sum(values[3:-2]) + sum(Credit(*credit).tokens for credit in values[-2:])
        assert owed <= held, delay


# ---- a deposit that is spent before it is there -----------------------------------------------------------


def test_deposit__token_settles_against_money_not_yet_here__spends_nobody_elses(unruly: Protocol) -> None:
    unruly.welcome(unruly.late, amount=1)
    batch = unruly.batch([unruly.section(unruly.row(unruly.late, 1))])
    calldata = unruly.settlement.functions["settle"].encode(unruly.settle_arguments(batch))
    unruly.mint(unruly.late, 200 * DOLLAR, unruly.escrow)
    before = unruly.balance(unruly.patient), unruly.balance(unruly.neighbour)
    hook(unruly, 0, unruly.settlement, calldata)
    with suppress(ContractReverted):
        unruly.escrow.send(unruly.late, "deposit", 200 * DOLLAR)
    unruly.assert_solvent()
    assert (unruly.balance(unruly.patient), unruly.balance(unruly.neighbour)) == before


# ---- several calls in one transaction ---------------------------------------------------------------------


def run_together(protocol: Protocol, *calls: tuple[Contract, str, tuple[Any, ...]]) -> None:
    caller = protocol.evm.deploy(protocol.stranger, "SeveralCalls")
    targets = [target.address for target, _, _ in calls]
    calldata = [target.functions[name].encode(arguments) for target, name, arguments in calls]
    caller.send(protocol.stranger, "run", targets, calldata)


def test_settle__twice_in_one_transaction__moves_each_batchs_tokens_once(protocol: Protocol) -> None:
    """What is remembered for the length of a transaction must not be paid again."""
    protocol.settle(protocol.row(protocol.neighbour, 9))
    protocol.mature()
    settle_ = (protocol.settlement, "settle")
    run_together(
        protocol,
        (*settle_, settle_arguments(protocol, 1)),
        (protocol.settlement, "withdraw", (protocol.provider_id,)),
        (*settle_, settle_arguments(protocol, 2)),
    )
    assert protocol.tokens(protocol.provider) == 150 * DOLLAR
    assert protocol.credit() == 300 * DOLLAR
    protocol.assert_solvent()


def test_settle__same_batch_twice_in_one_transaction__settles_once(protocol: Protocol) -> None:
    first, second = settle_arguments(protocol, 1), settle_arguments(protocol, 1)
    run_together(protocol, (protocol.settlement, "settle", first), (protocol.settlement, "settle", second))
    assert protocol.credit() == 150 * DOLLAR
    protocol.assert_solvent()


def test_release__after_a_settlement_in_one_transaction__is_still_guarded(protocol: Protocol) -> None:
    with reverts("NotSettlement"):
        run_together(
            protocol,
            (protocol.settlement, "settle", settle_arguments(protocol, 1)),
            (protocol.escrow, "disburseTotal", ()),
        )


# ---- a patient that is paid out while it is charged -------------------------------------------------------


@pytest.mark.parametrize("delay", [0, 1, 2])
def test_settle__token_lets_a_patient_withdraw_in_its_middle__refused_and_the_batch_settles(
    unruly: Protocol, delay: int
) -> None:
    """What the escrow has stated is still there when it charges: nobody is paid out in between."""
    patient = unruly.patient
    unruly.escrow.send(patient, "requestWithdrawal", unruly.balance(patient))
    unruly.advance(NOTICE)
    intent = patient_intents.Withdraw(
        patient, unruly.escrow.read("nonceOf", patient), unruly.evm.now + NOTICE
    )
    digest = intent.digest(Domain(unruly.evm.chain_id, unruly.escrow.address))
    signed = *intent.arguments(), Signer(account("patient")).sign(digest)
    calldata = unruly.escrow.functions["withdrawBySig"].encode(signed)
    sections = [
        unruly.section(unruly.row(patient, 1)),
        unruly.section(unruly.row(unruly.late, 2), payer_id=unruly.second_payer(unruly.late)),
    ]
    unruly.token.send(unruly.stranger, "setHook", delay, unruly.escrow.address, calldata)
    assert unruly.submit(unruly.batch(sections)).value == (2, 0, 0, 0)
    assert refusal(unruly) == "SettlementUnderWay"
    unruly.assert_solvent()
    assert unruly.escrow.send(patient, "withdraw").value == unruly.tokens(patient)


def test_is_settling__between_two_verbs__is_not(unruly: Protocol) -> None:
    assert unruly.settlement.read("isSettling") is False
    unruly.settle(unruly.row(unruly.patient, 1))
    assert unruly.settlement.read("isSettling") is False
