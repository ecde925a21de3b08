"""Every patient verb by signature: what was signed happens once, whoever submits it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account.messages import encode_typed_data
from tests.support.deployment import (
    CONSENT_LIMIT,
    HOUR,
    MAX_BATCH_LIFE,
    NEVER,
    NOTICE,
    PATIENT_FUNDS,
    ZERO_ADDRESS,
    Protocol,
    account,
)
from tests.support.evm import Contract, Receipt, reverts

from chainbill.attestation.patient_intents import (
    AcceptPayer,
    CancelWithdrawal,
    DisputeClaim,
    EscrowIntent,
    GrantConsent,
    RequestWithdrawal,
    RevokeConsent,
    SetLimits,
    UseNonce,
    Withdraw,
)
from chainbill.attestation.signing import CURVE_ORDER, Signer
from chainbill.attestation.typed_data import Domain
from chainbill.chain.format.events import NonceUsed, PatientWithdrew
from chainbill.money import DOLLAR
from chainbill.records.hashing import keccak256


def ask(protocol: Protocol, owner: str) -> None:
    protocol.escrow.send(owner, "requestWithdrawal", 30 * DOLLAR)


def ask_and_wait(protocol: Protocol, owner: str) -> None:
    ask(protocol, owner)
    protocol.advance(NOTICE)


def nothing(protocol: Protocol, owner: str) -> None:
    """The verb needs no preparation."""


@dataclass(frozen=True)
class Verb:
    """A verb, the values it takes after the patient, and what it needs beforehand."""

    intent: type[EscrowIntent]
    values: tuple[Any, ...] = ()
    prepare: Callable[[Protocol, str], None] = nothing
    other: tuple[Any, ...] = ()
    """Other values, each of which the verb would take as well."""

    @property
    def direct(self) -> str:
        name = self.intent.__name__
        return name[0].lower() + name[1:]


VERBS = [
    Verb(RequestWithdrawal, (20 * DOLLAR,), other=(30 * DOLLAR,)),
    Verb(CancelWithdrawal, (), ask),
    Verb(Withdraw, (), ask_and_wait),
    Verb(AcceptPayer, (0, 0)),
    Verb(SetLimits, (50 * DOLLAR, 90 * DOLLAR), other=(60 * DOLLAR, 80 * DOLLAR)),
    Verb(GrantConsent, (1, CONSENT_LIMIT + 1, NEVER - 1, True), other=(2, CONSENT_LIMIT, NEVER, False)),
    Verb(RevokeConsent, (1,), other=(2,)),
    Verb(UseNonce, ()),
]


@pytest.fixture
def ready(protocol: Protocol) -> Protocol:
    """The patient has long accepted its payer, and consents to a second provider, too."""
    protocol.grant(protocol.patient, provider_id=protocol.register_provider(protocol.stranger))
    protocol.advance(MAX_BATCH_LIFE)
    return protocol


@pytest.fixture(params=VERBS, ids=lambda verb: verb.direct)
def verb(request: pytest.FixtureRequest, ready: Protocol) -> Verb:
    found: Verb = request.param
    found.prepare(ready, ready.patient)
    return found


def nonce_of(protocol: Protocol, patient: str | None = None) -> int:
    return int(protocol.escrow.read("nonceOf", patient or protocol.patient))


def domain(protocol: Protocol) -> Domain:
    return Domain(protocol.evm.chain_id, protocol.escrow.address)


def intend(
    protocol: Protocol, verb: Verb, patient: str | None = None, deadline: int | None = None
) -> EscrowIntent:
    """What the patient means to sign now, good for an hour."""
    owner = patient or protocol.patient
    until = protocol.evm.now + HOUR if deadline is None else deadline
    return verb.intent(owner, *verb.values, nonce_of(protocol, owner), until)


def sign(protocol: Protocol, intent: EscrowIntent, signer: str = "patient") -> bytes:
    return Signer(account(signer)).sign(intent.digest(domain(protocol)))


def relay(protocol: Protocol, intent: EscrowIntent, signature: bytes | None = None) -> Receipt:
    """Have a stranger submit it."""
    signed = sign(protocol, intent) if signature is None else signature
    return protocol.escrow.send(protocol.stranger, intent.twin, *intent.arguments(), signed)


def standing(protocol: Protocol, patient: str | None = None) -> tuple[Any, ...]:
    """All that a verb could change."""
    owner, now = patient or protocol.patient, protocol.evm.now
    times = (now, now + NOTICE)
    return (
        nonce_of(protocol, owner),
        protocol.balance(owner),
        protocol.tokens(owner),
        protocol.escrow.read("withdrawalOf", owner),
        *(protocol.escrow.read(view, owner, time) for view in ("payersOf", "limitsOf") for time in times),
        *(protocol.escrow.read("consentOf", owner, n, time) for n in (1, 2) for time in times),
    )


# ---- what a signature does --------------------------------------------------------------------------------


def test_verb_by_signature__anyone__does_what_the_patients_own_call_does(ready: Protocol, verb: Verb) -> None:
    with ready.rolled_back():
        direct = ready.escrow.send(ready.patient, verb.direct, *verb.values)
        expected = standing(ready)
    before = standing(ready)
    relayed = relay(ready, intend(ready, verb))
    assert (relayed.events, relayed.value) == (direct.events, direct.value)
    assert standing(ready) == expected
    assert standing(ready) != before
    assert ready.tokens(ready.stranger) == 0


def test_verb__direct_or_signed__raises_the_nonce_by_one(ready: Protocol, verb: Verb) -> None:
    nonce = nonce_of(ready)
    with ready.rolled_back():
        receipt = ready.escrow.send(ready.patient, verb.direct, *verb.values)
        assert receipt.of(NonceUsed) == [NonceUsed(ready.patient, nonce + 1)]
        assert nonce_of(ready) == nonce + 1
    receipt = relay(ready, intend(ready, verb))
    assert receipt.of(NonceUsed) == [NonceUsed(ready.patient, nonce + 1)]
    assert nonce_of(ready) == nonce + 1
    assert nonce_of(ready, ready.neighbour) == 2  # the two verbs of its own welcome


def test_verb_by_signature__what_a_wallet_signs__is_the_same(ready: Protocol, verb: Verb) -> None:
    intent = intend(ready, verb)
    signable = encode_typed_data(full_message=intent.to_eip712_message(domain(ready)))
    relay(ready, intent, bytes(account("patient").sign_message(signable).signature))


def test_deposit__raises_no_nonce(ready: Protocol) -> None:
    """So that a deposit, which anybody may relay, voids no signature."""
    nonce = nonce_of(ready)
    ready.fund_patient(ready.patient, DOLLAR)
    assert nonce_of(ready) == nonce


def test_withdraw_by_signature__whoever_submits__pays_the_patient(ready: Protocol) -> None:
    ask_and_wait(ready, ready.patient)
    receipt = relay(ready, intend(ready, Verb(Withdraw)))
    assert receipt.of(PatientWithdrew) == [PatientWithdrew(ready.patient, 30 * DOLLAR)]
    assert ready.tokens(ready.patient) == 30 * DOLLAR
    ready.assert_solvent()


# ---- once, in time, and unchanged -------------------------------------------------------------------------


def test_verb_by_signature__twice__reverts(ready: Protocol, verb: Verb) -> None:
    intent = intend(ready, verb)
    signature = sign(ready, intent)
    relay(ready, intent, signature)
    before = standing(ready)
    with reverts("InvalidSignature", patient=ready.patient):
        relay(ready, intent, signature)
    assert standing(ready) == before


@pytest.mark.parametrize("ahead", [-1, 1])
def test_verb_by_signature__over_another_nonce__reverts(ready: Protocol, verb: Verb, ahead: int) -> None:
    intent = intend(ready, verb)
    off = replace(intent, nonce=intent.nonce + ahead)
    with reverts("InvalidSignature", patient=ready.patient):
        relay(ready, off)


@pytest.mark.parametrize("other", VERBS, ids=lambda verb: verb.direct)
def test_verb_by_signature__after_a_direct_call__is_void(ready: Protocol, other: Verb) -> None:
    other.prepare(ready, ready.patient)
    intent = intend(ready, Verb(GrantConsent, (1, NEVER, NEVER, True)))
    signature = sign(ready, intent)
    ready.escrow.send(ready.patient, other.direct, *other.values)
    with reverts("InvalidSignature", patient=ready.patient):
        relay(ready, intent, signature)


@pytest.mark.parametrize("late, valid", [(-1, True), (0, True), (1, False)])
def test_verb_by_signature__around_the_deadline__until_that_second(
    ready: Protocol, verb: Verb, late: int, valid: bool
) -> None:
    deadline = ready.evm.now + HOUR
    intent = intend(ready, verb, deadline=deadline)
    ready.advance(HOUR + late)
    if valid:
        relay(ready, intent)
    else:
        with reverts("SignatureExpired", deadline=deadline, now=deadline + 1):
            relay(ready, intent)


def test_verb_by_signature__any_word_changed__reverts(ready: Protocol, verb: Verb) -> None:
    intent = intend(ready, verb)
    signature, words = sign(ready, intent), list(intent.arguments())
    others = (ready.neighbour, *verb.other, intent.deadline + 1)
    if verb.intent is AcceptPayer:  # of payers that there are
        others = (ready.neighbour, ready.payer_id, ready.create_payer(ready.insurer), others[-1])
    for index, other in enumerate(others):
        changed = [*words[:index], other, *words[index + 1 :]]
        if verb.intent is AcceptPayer and index == 2:
            changed[1] = ready.payer_id  # no secondary without a primary
        with reverts("InvalidSignature"):
            ready.escrow.send(ready.stranger, intent.twin, *changed, signature)
    relay(ready, intent, signature)


def test_verb_by_signature__signed_by_another__reverts(ready: Protocol, verb: Verb) -> None:
    intent = intend(ready, verb)
    for signer in ("neighbour", "stranger", "governor", "insurer", "provider"):
        with reverts("InvalidSignature", patient=ready.patient):
            relay(ready, intent, sign(ready, intent, signer))


def test_verb_by_signature__signed_for_another_verb__reverts(ready: Protocol) -> None:
    """These four have the same members: only the name of the struct tells them apart."""
    alike = [Withdraw, CancelWithdrawal, UseNonce]
    ask_and_wait(ready, ready.patient)
    for signed in alike:
        for submitted in alike:
            if submitted is not signed:
                signature = sign(ready, intend(ready, Verb(signed)))
                with reverts("InvalidSignature"):
                    relay(ready, intend(ready, Verb(submitted)), signature)


def test_verb_by_signature__for_another_chain_contract_or_version__reverts(
    ready: Protocol, verb: Verb
) -> None:
    intent, ours = intend(ready, verb), domain(ready)
    for changes in (
        {"chain_id": ours.chain_id + 1},
        {"verifying_contract": ready.settlement.address},
        {"name": "chainbil"},
        {"version": "2"},
    ):
        signature = Signer(account("patient")).sign(intent.digest(replace(ours, **changes)))
        with reverts("InvalidSignature", patient=ready.patient):
            relay(ready, intent, signature)


def test_verb_by_signature__what_it_asks_is_refused__spends_no_nonce(ready: Protocol) -> None:
    ask(ready, ready.patient)
    intent = intend(ready, Verb(Withdraw), deadline=ready.evm.now + NOTICE)
    with reverts("WithdrawalNotAvailable"):
        relay(ready, intent)
    ready.advance(NOTICE)
    assert relay(ready, intent).value == 30 * DOLLAR


# ---- malformed signatures ---------------------------------------------------------------------------------


def high_s(signature: bytes) -> bytes:
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


def compact(signature: bytes) -> bytes:
    """ERC-2098: the parity bit in s."""
    s = int.from_bytes(signature[32:64], "big") | (signature[64] - 27) << 255
    return signature[:32] + s.to_bytes(32, "big")


MALFORMED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda signature: b"",
    "64 bytes": lambda signature: signature[:64],
    "66 bytes": lambda signature: signature + b"\0",
    "all zero": lambda signature: bytes(65),
    "compact": compact,
    "high s": high_s,
    "v 0 or 1": lambda signature: signature[:64] + bytes([signature[64] - 27]),
    "the other v": lambda signature: signature[:64] + bytes([55 - signature[64]]),
}


@pytest.mark.parametrize("broken", MALFORMED.values(), ids=MALFORMED)
def test_verb_by_signature__malformed__reverts(
    ready: Protocol, verb: Verb, broken: Callable[[bytes], bytes]
) -> None:
    intent = intend(ready, verb)
    with reverts("InvalidSignature", patient=ready.patient):
        relay(ready, intent, broken(sign(ready, intent)))


@pytest.mark.parametrize("signature", [b"", bytes(65), b"\x01" * 64 + b"\x1b", b"\xff" * 65])
def test_verb_by_signature__of_nobody__reverts(ready: Protocol, verb: Verb, signature: bytes) -> None:
    """A signature that nobody can have made recovers to the zero address, which is no patient."""
    with reverts("InvalidSignature", patient=ZERO_ADDRESS):
        relay(ready, intend(ready, verb, ZERO_ADDRESS), signature)


# ---- wallets that are contracts ---------------------------------------------------------------------------


@pytest.fixture
def wallet(ready: Protocol) -> Contract:
    """A funded patient whose account is a contract that the patient's key owns."""
    deployed = ready.evm.deploy(ready.stranger, "ContractWallet", ready.patient)
    ready.mint(deployed.address, PATIENT_FUNDS)
    run(ready, deployed, ready.token, "approve", ready.escrow.address, PATIENT_FUNDS)
    run(ready, deployed, ready.escrow, "deposit", PATIENT_FUNDS)
    ready.funded.append(deployed.address)
    return deployed


def run(protocol: Protocol, wallet: Contract, target: Contract, function: str, *arguments: Any) -> Receipt:
    """Have the wallet call."""
    calldata = target.functions[function].encode(arguments)
    return wallet.send(protocol.stranger, "run", target.address, calldata)


def foresee(
    protocol: Protocol, wallet: Contract, success: bool, answer: bytes, function: str, *arguments: Any
) -> None:
    """Asked about a signature, the wallet makes this call on the escrow, and signs only if it ends so."""
    calldata = protocol.escrow.functions[function].encode(arguments)
    wallet.send(protocol.stranger, "setProbe", protocol.escrow.address, calldata, success, answer)


def test_verb_by_signature__a_wallet_that_agrees__does_the_same(ready: Protocol, wallet: Contract) -> None:
    relay(ready, intend(ready, Verb(RequestWithdrawal, (DOLLAR,)), wallet.address))
    ready.advance(NOTICE)
    assert relay(ready, intend(ready, Verb(Withdraw), wallet.address)).value == DOLLAR
    assert ready.tokens(wallet.address) == DOLLAR
    assert nonce_of(ready, wallet.address) == 2
    ready.assert_solvent()


def test_verb_by_signature__a_wallet_that_refuses__reverts(ready: Protocol, wallet: Contract) -> None:
    intent = intend(ready, Verb(UseNonce), wallet.address)
    with reverts("InvalidSignature", patient=wallet.address):
        relay(ready, intent, sign(ready, intent, "stranger"))


def test_verb_by_signature__a_contract_that_signs_nothing__reverts(ready: Protocol) -> None:
    for contract in (ready.escrow, ready.token, ready.settlement):
        intent = intend(ready, Verb(UseNonce), contract.address)
        with reverts("InvalidSignature", patient=contract.address):
            relay(ready, intent)


def test_verb_by_signature__while_a_wallet_is_asked__its_nonce_is_spent(
    ready: Protocol, wallet: Contract
) -> None:
    intent = intend(ready, Verb(RequestWithdrawal, (DOLLAR,)), wallet.address)
    foresee(ready, wallet, True, encode(["uint64"], [1]), "nonceOf", wallet.address)
    relay(ready, intent)
    assert nonce_of(ready, wallet.address) == 1


def test_verb_by_signature__while_a_wallet_is_asked__nothing_has_happened_yet(
    ready: Protocol, wallet: Contract
) -> None:
    run(ready, wallet, ready.escrow, "requestWithdrawal", DOLLAR)
    ready.advance(NOTICE)
    foresee(ready, wallet, True, encode(["uint64"], [PATIENT_FUNDS]), "balanceOf", wallet.address)
    relay(ready, intend(ready, Verb(Withdraw), wallet.address))
    assert ready.balance(wallet.address) == PATIENT_FUNDS - DOLLAR


def test_withdraw_by_signature__a_wallet_that_re_enters__is_paid_once(
    ready: Protocol, wallet: Contract
) -> None:
    run(ready, wallet, ready.escrow, "requestWithdrawal", DOLLAR)
    ready.advance(NOTICE)
    first = intend(ready, Verb(Withdraw), wallet.address)
    second = replace(first, nonce=first.nonce + 1)
    for again in (first, second):
        with ready.rolled_back():
            arguments = (*again.arguments(), sign(ready, again))
            calldata = ready.escrow.functions[again.twin].encode(arguments)
            wallet.send(ready.stranger, "setProbe", ready.escrow.address, calldata, False, REENTERED)
            relay(ready, first)
            assert ready.tokens(wallet.address) == DOLLAR
            assert nonce_of(ready, wallet.address) == first.nonce + 1


REENTERED = keccak256(b"ReentrancyGuardReentrantCall()")[:4]


@pytest.mark.parametrize("function, arguments", [("requestWithdrawal", (DOLLAR,)), ("useNonce", ())])
def test_verb_by_signature__a_wallet_that_calls_a_verb__changes_nothing(
    ready: Protocol, wallet: Contract, function: str, arguments: tuple[Any, ...]
) -> None:
    """It is asked by a static call: whatever it tries to write is lost."""
    intent = intend(ready, Verb(SetLimits, (DOLLAR, DOLLAR)), wallet.address)
    foresee(ready, wallet, False, b"", function, *arguments)
    relay(ready, intent)
    assert nonce_of(ready, wallet.address) == 1
    assert ready.escrow.read("withdrawalOf", wallet.address) == (0, 0, 0)


# ---- magic values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("intent", [verb.intent for verb in VERBS], ids=lambda intent: intent.__name__)
def test_escrow__type_hash__is_in_the_contract(protocol: Protocol, intent: type[EscrowIntent]) -> None:
    assert keccak256(intent.TYPE.encode()) in protocol.evm.code(protocol.escrow.address)


def test_escrow__verbs__all_have_a_twin(protocol: Protocol) -> None:
    twins = {name for name in protocol.escrow.functions if name.endswith("BySig")}
    assert {name.removesuffix("BySig") for name in twins} == {verb.direct for verb in VERBS}


def test_escrow__eip712_domain__names_chainbill_and_the_escrow(protocol: Protocol) -> None:
    fields, name, version, chain_id, contract, salt, extensions = protocol.escrow.read("eip712Domain")
    assert (fields, salt, extensions) == (b"\x0f", bytes(32), ())
    assert (name, version, chain_id) == ("chainbill", "1", protocol.evm.chain_id)
    assert contract == protocol.escrow.address.lower()


def test_dispute_claim__is_not_the_escrows(protocol: Protocol) -> None:
    assert keccak256(DisputeClaim.TYPE.encode()) not in protocol.evm.code(protocol.escrow.address)
