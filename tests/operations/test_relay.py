"""What a patient signs, and a relay that sends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account
from tests.support.testbed import DAY, Testbed

from chainbill.attestation.patient_intents import Intent, SetLimits, TransferWithAuthorization
from chainbill.attestation.signing import CURVE_ORDER, Signer
from chainbill.chain.contracts.escrow import Consent, Limits, PatientEscrow, Payers
from chainbill.chain.node.sender import Sender
from chainbill.errors import ArgumentError, AttestationError, ContractReverted, NodeError, StateError
from chainbill.money import DOLLAR
from chainbill.operations.actor import Actor
from chainbill.operations.patient import intents, wallet
from chainbill.operations.patient.intents import Validity
from chainbill.operations.patient.signed_intents import SignedIntent, domain_of, sign
from chainbill.operations.relay import disputed_claim, submit

ARTIFACTS = Path(__file__).parent.parent / "artifacts"


@pytest.fixture(scope="module")
def relay(testbed: Testbed) -> Actor:
    """Anybody."""
    return testbed.account()


@pytest.fixture
def patient(testbed: Testbed) -> Actor:
    """A patient with 100 dollars, that sends nothing itself."""
    return testbed.account(100)


def limits_of(patient: Actor, validity: Validity = intents.ONE_DAY) -> SignedIntent:
    """A signed message, such as one is."""
    return sign(patient, intents.limits_intent(patient, per_day=9 * DOLLAR, validity=validity))


def test_submit__every_verb__is_done_for_the_patient(testbed: Testbed, relay: Actor, patient: Actor) -> None:
    clinic, (_, first), (_, second) = testbed.provider(), testbed.insurer(), testbed.insurer()
    until = testbed.session.now() + 30 * DAY
    for intent in (
        lambda: intents.deposit_intent(patient, 60 * DOLLAR),
        lambda: intents.payers_intent(patient, first, second),
        lambda: intents.limits_intent(patient, per_event=80 * DOLLAR),
        lambda: intents.consent_intent(patient, clinic, limit=50 * DOLLAR, until=until, self_pay=True),
        lambda: intents.withdrawal_request_intent(patient, 30 * DOLLAR),
    ):
        assert submit(relay, sign(patient, intent())).changed is True
    standing = wallet.balance(patient)
    assert (standing.balance, standing.outside) == (60 * DOLLAR, 40 * DOLLAR)
    assert standing.payers == Payers(first, second)
    assert standing.consents == {clinic: Consent(50 * DOLLAR, until, self_pay=True)}
    assert standing.announced is not None
    testbed.wait(DAY)
    assert wallet.balance(patient).limits == Limits(80 * DOLLAR, 0)
    submit(relay, sign(patient, intents.withdrawal_intent(patient)))
    assert wallet.balance(patient).balance == 30 * DOLLAR
    submit(relay, sign(patient, intents.withdrawal_request_intent(patient, 10 * DOLLAR)))
    submit(relay, sign(patient, intents.cancel_withdrawal_intent(patient)))
    submit(relay, sign(patient, intents.revocation_intent(patient, clinic)))
    submit(relay, sign(patient, intents.use_nonce_intent(patient)))
    assert wallet.balance(patient).announced is None
    assert testbed.sent_by(patient) == 0


def test_submit__done__says_since_when_and_what_it_took(
    testbed: Testbed, relay: Actor, patient: Actor
) -> None:
    done = submit(relay, limits_of(patient))
    assert done.effective_at == testbed.session.now() + DAY
    assert isinstance(done.intent, SetLimits)
    receipt = testbed.session.protocol.w3.eth.get_transaction_receipt(done.transaction)
    assert (receipt["gasUsed"], receipt["from"]) == (done.gas_used, relay.address)


def test_intent__what_would_be_refused__is_not_signed(patient: Actor) -> None:
    with pytest.raises(ArgumentError, match="no limit is named"):
        intents.limits_intent(patient)
    with pytest.raises(ArgumentError, match="there is no consent to keep the limit of"):
        intents.consent_intent(patient, 1)


def test_signed_intent__of_each_kind__says_until_when(testbed: Testbed, patient: Actor) -> None:
    validity = Validity(seconds=3_600)
    deadline = testbed.session.now() + 3_600
    for intent in (
        intents.deposit_intent(patient, DOLLAR, validity),
        intents.use_nonce_intent(patient, validity),
    ):
        assert deadline <= sign(patient, intent).deadline <= deadline + 60


def test_sign__without_the_key__is_refused(testbed: Testbed, patient: Actor) -> None:
    reader = Actor.reading(testbed.session, patient.address)
    with pytest.raises(StateError, match=r"the key of .* is not here"):
        sign(reader, intents.use_nonce_intent(reader))


def test_submit__reply_lost__is_told_by_the_next(
    relay: Actor, patient: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unheard(*_: object, **__: object) -> None:
        raise NodeError("the line is dead")

    signed = sign(patient, intents.deposit_intent(patient, 40 * DOLLAR))
    with monkeypatch.context() as patch:
        patch.setattr(Sender, "_wait", unheard)
        with pytest.raises(NodeError):
            submit(relay, signed)
    again = submit(relay, signed)
    assert (again.resumed, wallet.balance(patient).balance) == (True, 40 * DOLLAR)


# ---- what was sent before --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "intent",
    [
        lambda patient: intents.deposit_intent(patient, DOLLAR),
        lambda patient: intents.limits_intent(patient, per_day=9 * DOLLAR),
        intents.use_nonce_intent,
    ],
)
def test_submit__again__is_told_by_which_transaction_and_sends_nothing(
    testbed: Testbed, relay: Actor, patient: Actor, intent: Callable[[Actor], Intent]
) -> None:
    signed = sign(patient, intent(patient))
    done = submit(testbed.account(), signed)
    wallet.use_nonce(patient)  # What came later is not taken for it.
    sent = testbed.sent_by(relay)
    assert submit(relay, signed) == replace(done, changed=False)
    assert testbed.sent_by(relay) == sent


def test_submit__another_relay_is_faster__is_told_as_it_stands(
    testbed: Testbed, relay: Actor, patient: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = limits_of(patient)
    done = submit(testbed.account(), signed)
    looked = iter([0])  # Its nonce was still unspent when it was looked at.
    really = PatientEscrow.nonce_of
    monkeypatch.setattr(
        PatientEscrow, "nonce_of", lambda escrow, whose: next(looked, None) or really(escrow, whose)
    )
    assert submit(relay, signed) == replace(done, changed=False)


# ---- what is refused ----------------------------------------------------------------------------------


def test_submit__outrun_ahead_voided_or_late__says_what_to_do(
    testbed: Testbed, relay: Actor, patient: Actor
) -> None:
    first, other = limits_of(patient), sign(patient, intents.limits_intent(patient, per_day=8 * DOLLAR))
    submit(relay, first)
    with pytest.raises(ContractReverted, match="InvalidSignature") as refused:
        submit(relay, other)
    assert "it is signed over nonce 0, and the next is 1; sign again" in str(refused.value.hint)
    with pytest.raises(ContractReverted) as refused:
        submit(relay, limits_of(patient, Validity(nonce=3)))
    assert "signed over nonce 3, and the next is 1: send first" in str(refused.value.hint)
    voided = limits_of(patient)
    wallet.use_nonce(patient)
    with pytest.raises(ContractReverted, match="InvalidSignature"):
        submit(relay, voided)
    late = limits_of(patient, Validity(seconds=60))
    testbed.wait(120)
    with pytest.raises(ContractReverted, match="SignatureExpired"):
        submit(relay, late)


def test_submit__another_deposit_over_the_same_nonce__says_so(relay: Actor, patient: Actor) -> None:
    intent = intents.deposit_intent(patient, DOLLAR)
    submit(relay, sign(patient, intent))
    other = sign(patient, replace(intent, value=2 * DOLLAR))
    with pytest.raises(ContractReverted, match="AuthorizationUsedOrCanceled") as refused:
        submit(relay, other)
    assert refused.value.hint == "it was sent before, or cancelled: sign a new one"


def changed(signed: SignedIntent, part: str, **members: object) -> SignedIntent:
    """The same signature under another message."""
    message = json.loads(json.dumps(signed.message))
    message[part].update(members)
    return SignedIntent(message=message, signature=signed.signature)


def test_submit__changed_since__is_refused(relay: Actor, patient: Actor) -> None:
    signed = limits_of(patient)
    with pytest.raises(AttestationError, match=r"the signature is not that of 0x"):
        submit(relay, changed(signed, "message", perDayLimit=90 * DOLLAR))
    with pytest.raises(StateError, match="signed for other contracts than this chain's"):
        submit(relay, changed(signed, "domain", chainId=1))


def test_submit__what_nobody_sends_for_another__is_refused(testbed: Testbed, relay: Actor) -> None:
    patient = testbed.account()
    intent = TransferWithAuthorization(
        patient.address, relay.address, DOLLAR, 0, testbed.session.now() + DAY, b"\x01" * 32
    )
    with pytest.raises(AttestationError, match="is nothing that others send"):
        submit(relay, sign(patient, intent))


def test_disputed_claim__of_what_disputes_nothing__is_refused(testbed: Testbed, patient: Actor) -> None:
    with pytest.raises(AttestationError, match="a SetLimits disputes nothing"):
        disputed_claim(testbed.session, limits_of(patient))


# ---- the forms that wallets write ---------------------------------------------------------------------


def parity_form(signature: bytes) -> bytes:
    """v as the parity 0 or 1, as hardware wallets write it."""
    return signature[:64] + bytes((signature[64] - 27,))


def compact_form(signature: bytes) -> bytes:
    """EIP-2098."""
    return signature[:32] + bytes((signature[32] | (signature[64] - 27) << 7,)) + signature[33:64]


def mirrored(signature: bytes) -> bytes:
    """The other signature of the same key over the same message, with high s."""
    high = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + high.to_bytes(32, "big") + bytes((55 - signature[64],))


def rewritten(signed: SignedIntent, form: Callable[[bytes], bytes]) -> SignedIntent:
    """The same signed intent, its signature in another form."""
    signature = form(bytes.fromhex(signed.signature[2:]))
    return SignedIntent(message=signed.message, signature=f"0x{signature.hex()}")


@pytest.mark.parametrize("form", [parity_form, compact_form])
def test_submit__signature_in_another_form__is_accepted(
    relay: Actor, patient: Actor, form: Callable[[bytes], bytes]
) -> None:
    submit(relay, rewritten(sign(patient, intents.deposit_intent(patient, 10 * DOLLAR)), form))
    # Several, so that both parities come up.
    for limit in range(1, 7):
        intent = intents.limits_intent(patient, per_day=(900 + limit) * DOLLAR)
        submit(relay, rewritten(sign(patient, intent), form))


@pytest.mark.parametrize(
    "form, said, advice",
    [
        (mirrored, "s is in the upper half", "low s alone"),
        (lambda signature: signature[:64] + b"\x25", "not 37", "typed data"),
        (lambda signature: signature + b"\x00", "not 66", "a contract wallet"),
        (lambda signature: bytes(65), "r is 0", ""),
        (lambda signature: signature[32:64] + signature[32:], "belongs to no key|not that of", ""),
    ],
)
def test_submit__signature_in_no_form_in_use__says_what_to_do(
    relay: Actor, patient: Actor, form: Callable[[bytes], bytes], said: str, advice: str
) -> None:
    with pytest.raises(AttestationError, match=said) as refused:
        submit(relay, rewritten(limits_of(patient), form))
    assert advice in str(refused.value.hint)


def test_submit__of_a_contract_wallet__leaves_its_signature_alone(testbed: Testbed, relay: Actor) -> None:
    session, owner = testbed.session, Account.from_key(b"\x05" * 32)
    artifact = json.loads((ARTIFACTS / "ContractWallet.json").read_text())
    factory = session.protocol.w3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"])
    address = relay.sender().send(factory.constructor(owner.address))["contractAddress"]
    intent: Intent = SetLimits(address, 10**6, 2 * 10**6, 0, session.now() + 3_600)
    domain = domain_of(session.protocol, intent)
    signature = Signer(owner).sign(intent.digest(domain))
    signed = SignedIntent(message=intent.to_eip712_message(domain), signature=f"0x{signature.hex()}")
    for form in (parity_form, mirrored):
        # This wallet takes no such form, and what it takes is for it to say.
        with pytest.raises(ContractReverted, match="InvalidSignature") as refused:
            submit(relay, rewritten(signed, form))
        assert "the wallet contract that the message names" in str(refused.value.hint)
    submit(relay, signed)
    assert session.protocol.escrow.nonce_of(address) == 1


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"message": {}, "signature": "0x0"}', b'{"message": {}, "message": {}}']
)
def test_parse__no_signed_intent__is_refused(content: bytes) -> None:
    with pytest.raises(AttestationError):
        SignedIntent.parse(content)
