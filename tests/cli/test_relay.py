"""``chainbill patient sign`` and ``relay``: a patient without gas coin does everything through anyone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from eth_account import Account
from tests.support.roles import Town

from chainbill.attestation.patient_intents import SetLimits
from chainbill.attestation.signing import CURVE_ORDER, Signer
from chainbill.cli.shell.output import show_time
from chainbill.operations.patient.signed_intents import SignedIntent, domain_of

DAY = 86_400


def signed(town: Town, *arguments: object) -> Path:
    """A signed intent, as a file."""
    ran = town("patient", "sign", *arguments)
    assert ran.code == 0, ran
    return town.file("signed.json", ran.out)


def test_sign__every_verb_of_the_wallet__holds_for_the_patient_whoever_sends_it(
    town: Town, clinic: str
) -> None:
    town.ok("patient", "create", "gasless", "--mint", 300)
    town.ok("insurer", "create", "second")
    own = ("--as", "gasless")
    for arguments in (
        ("fund", 200),
        ("accept-payer", "insurer", "--secondary", "second"),
        ("limits", "--per-event", 80, "--per-day", 120),
        ("consent", clinic, "--limit", 50, "--self-pay"),
        ("withdraw", 30),
    ):
        told = town.ok("relay", "submit", signed(town, *arguments, *own), "--as", clinic)
        assert told["sent_by"] == clinic
    balance = town.ok("patient", "balance", *own)
    assert (balance["balance"], balance["outside"]) == ("200.00", "100.00")
    assert (balance["insurer"], balance["secondary_insurer"]) == ("insurer", "second")
    (given,) = balance["consents"]
    assert (given["provider"], given["limit"], given["self_pay"]) == (clinic, "50.00", True)
    assert balance["announced"]["amount"] == "30.00"
    town.ok("relay", "submit", signed(town, "withdraw", "--cancel", *own), "--as", clinic)
    town.ok("relay", "submit", signed(town, "revoke", clinic, *own), "--as", clinic)
    assert town.ok("patient", "balance", *own)["announced"] is None
    town.ok("devnet", "advance", "1d")
    after = town.ok("patient", "balance", *own)
    assert (after["consents"], after["per_event_limit"], after["per_day_limit"]) == ([], "80.00", "120.00")


def test_sign__withdrawal_taken__is_paid_to_the_patient(town: Town, clinic: str) -> None:
    town.ok("patient", "create", "takes", "--mint", 50)
    town.ok("patient", "fund", 50, "--permit", "--as", "takes")
    town.ok("relay", "submit", signed(town, "withdraw", 20, "--as", "takes"), "--as", clinic)
    town.ok("devnet", "advance", "1d")
    town.ok("relay", "submit", signed(town, "withdraw", "--take", "--as", "takes"), "--as", clinic)
    told = town.ok("patient", "balance", "--as", "takes")
    assert (told["balance"], told["outside"]) == ("30.00", "20.00")


def test_sign__to_a_file__says_how_to_send_it(town: Town, clinic: str) -> None:
    town.ok("patient", "create", "careful")
    file = town.file("kept.json", "")
    file.unlink()
    ran = town("patient", "sign", "limits", "--per-day", 9, "--output", file, "--as", "careful")
    assert f"chainbill relay submit {file}" in ran.out
    assert file.stat().st_mode & 0o777 == 0o600
    shown = town.ok("relay", "show", file)
    assert (shown["intent"], shown["message"]["perDayLimit"]) == ("SetLimits", 9_000_000)
    assert "SetLimits, for contract 0x" in town("relay", "show", file).out


def test_show__dispute__tells_which_charge_and_until_when(town: Town, clinic: str) -> None:
    name = town.patient(f"asks-{clinic}", clinic)
    town.attest(clinic, name, f"visit-{clinic}")
    town.settle(clinic)
    number = f"{town.session().book.get(clinic).provider_id}:1"
    file = signed(town, "dispute", number, "--as", name)
    told = town.ok("relay", "show", file)
    assert told["claim"]["number"] == number
    assert told["claim"]["service"] == "A check-up visit at your clinic"
    assert told["claim"]["patient"] == name
    assert told["claim"]["amount"].startswith("$100.00: $25.00 by the patient")
    shown = town("relay", "show", file).out
    deadline = told["message"]["deadline"]
    assert f"{show_time(deadline)} ({deadline})" in shown
    assert number in shown
    content = json.loads(file.read_text())
    content["message"]["message"]["claimId"] = "0x" + "12" * 32
    ran = town("relay", "show", town.file("other.json", json.dumps(content)))
    assert ran.code == 0
    assert "which charge it is about cannot be told" in ran.err


def test_submit__twice__is_refused_and_says_to_sign_again(town: Town) -> None:
    town.ok("patient", "create", "once")
    file = signed(town, "limits", "--per-day", 9, "--as", "once")
    town.ok("relay", "submit", file)
    error = town("relay", "submit", file).error
    assert "InvalidSignature" in error
    assert "it is signed over nonce 0, and the next is 1; sign again" in error


def test_submit__after_its_time__is_refused(town: Town) -> None:
    town.ok("patient", "create", "late")
    file = signed(town, "limits", "--per-day", 9, "--valid-for", "1h", "--as", "late")
    town.ok("devnet", "advance", "2h")
    assert "SignatureExpired" in town("relay", "submit", file).error


def test_submit__voided_before__is_refused(town: Town) -> None:
    town.ok("patient", "create", "voids")
    file = signed(town, "limits", "--per-day", 9, "--as", "voids")
    assert town.ok("patient", "void-signatures", "--as", "voids")["nonce"] == 1
    assert "InvalidSignature" in town("relay", "submit", file).error


def test_submit__over_the_nonces_after_each_other__are_sent_in_order(town: Town) -> None:
    town.ok("patient", "create", "ahead")
    nonce = town.session().protocol.escrow.nonce_of(town.session().book.get("ahead").address)
    first = signed(town, "limits", "--per-day", 9, "--as", "ahead").read_text()
    second = signed(town, "void-signatures", "--nonce", nonce + 1, "--as", "ahead").read_text()
    for name, content in (("first.json", first), ("second.json", second)):
        town.ok("relay", "submit", town.file(name, content))


def test_submit__changed_since__is_refused(town: Town) -> None:
    town.ok("patient", "create", "tampered")
    file = signed(town, "limits", "--per-day", 9, "--as", "tampered")
    content = json.loads(file.read_text())
    content["message"]["message"]["perDayLimit"] = 90_000_000
    error = town("relay", "submit", town.file("changed.json", content)).error
    assert "the signature is not that of 0x" in error
    assert "the message was changed after it was signed" in error


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


def rewritten(town: Town, file: Path, form: Callable[[bytes], bytes]) -> Path:
    """The same signed intent, its signature in another form."""
    content = json.loads(file.read_text())
    content["signature"] = "0x" + form(bytes.fromhex(content["signature"][2:])).hex()
    return town.file("rewritten.json", content)


@pytest.mark.parametrize("form", [parity_form, compact_form])
def test_submit__signature_in_another_form__is_accepted(
    town: Town, clinic: str, form: Callable[[bytes], bytes]
) -> None:
    name = town.patient(f"wallet-{clinic}", clinic, fund=0)
    town.ok("relay", "submit", rewritten(town, signed(town, "fund", 500, "--as", name), form))
    # Several, so that both parities come up.
    for limit in range(1, 7):
        file = rewritten(town, signed(town, "limits", "--per-day", 900 + limit, "--as", name), form)
        town.ok("relay", "submit", file)
    town.attest(clinic, name, f"visit-{clinic}")
    assert [row["outcome"] for row in town.settle(clinic)] == ["settled"]
    claim = f"{town.session().book.get(clinic).provider_id}:1"
    told = town.ok("relay", "submit", rewritten(town, signed(town, "dispute", claim, "--as", name), form))
    assert told["intent"] == "DisputeClaim"


@pytest.mark.parametrize(
    "form, said, advice",
    [
        (mirrored, "s is in the upper half", "low s alone (EIP-2)"),
        (lambda signature: signature[:64] + b"\x25", "not 37", "typed data (EIP-712)"),
        (lambda signature: signature + b"\x00", "not 66", "a contract wallet"),
        (lambda signature: bytes(65), "r is 0", ""),
        (lambda signature: signature[32:64] + signature[32:], "belongs to no key|not that of", ""),
    ],
)
def test_submit__signature_in_no_form_in_use__says_what_to_do(
    town: Town, form: Callable[[bytes], bytes], said: str, advice: str
) -> None:
    town.ok("patient", "create", "odd")
    error = town(
        "relay", "submit", rewritten(town, signed(town, "limits", "--per-day", 9, "--as", "odd"), form)
    ).error
    assert any(each in error for each in said.split("|")), error
    assert advice in error


def test_submit__signed_ahead_of_its_turn__says_what_goes_first(town: Town) -> None:
    town.ok("patient", "create", "hurried")
    file = signed(town, "limits", "--per-day", 9, "--nonce", 3, "--as", "hurried")
    assert "signed over nonce 3, and the next is 0: send first" in town("relay", "submit", file).error


def test_submit__deposit_sent_twice__says_so(town: Town) -> None:
    town.ok("patient", "create", "doubled", "--mint", 100)
    file = signed(town, "fund", 50, "--as", "doubled")
    town.ok("relay", "submit", file)
    error = town("relay", "submit", file).error
    assert "AuthorizationUsedOrCanceled" in error
    assert "it was sent before, or cancelled" in error


def test_submit__of_a_contract_wallet__leaves_its_signature_alone(town: Town) -> None:
    session = town.session()
    owner = Account.from_key(b"\x05" * 32)
    artifact = json.loads((Path(__file__).parent.parent / "artifacts" / "ContractWallet.json").read_text())
    factory = session.protocol.w3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"])
    wallet = session.sender("governor").send(factory.constructor(owner.address))["contractAddress"]
    intent = SetLimits(wallet, 10**6, 2 * 10**6, 0, session.now() + 3_600)
    domain = domain_of(session.protocol, intent)
    signature = Signer(owner).sign(intent.digest(domain))
    message = intent.to_eip712_message(domain)
    forms = {
        form: SignedIntent(message=message, signature="0x" + form(signature).hex())
        for form in (bytes, parity_form, mirrored)
    }
    for form in (parity_form, mirrored):
        # This wallet takes no such form, and what it takes is for it to say.
        error = town("relay", "submit", town.file("wallet.json", forms[form].to_text())).error
        assert "InvalidSignature" in error
        assert "the wallet contract that the message names does not take the signature" in error
    town.ok("relay", "submit", town.file("wallet.json", forms[bytes].to_text()))
    assert session.protocol.escrow.nonce_of(wallet) == 1


def test_submit__signed_for_another_deployment__says_so(town: Town) -> None:
    town.ok("patient", "create", "elsewhere")
    file = signed(town, "limits", "--per-day", 9, "--as", "elsewhere")
    content = json.loads(file.read_text())
    content["message"]["domain"]["chainId"] = 1
    error = town("relay", "submit", town.file("other.json", content)).error
    assert "signed for other contracts than this chain's" in error


@pytest.mark.parametrize(
    "content", ["", "{}", '{"message": {}, "signature": "0x00"}', '{"message": {}, "signature": "0x0"}']
)
def test_submit__no_signed_intent__is_one_line(town: Town, content: str) -> None:
    assert town("relay", "submit", town.file("nothing.json", content)).error.count("\n") <= 2
