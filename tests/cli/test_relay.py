"""``chainbill patient sign`` and ``relay``: a patient without gas coin does everything through anyone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.roles import Town

from chainbill.cli.shell.output import show_time

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


def test_submit__twice__says_that_it_was_done_before(town: Town) -> None:
    town.ok("patient", "create", "again")
    file = signed(town, "limits", "--per-day", 9, "--as", "again")
    done, again = town.ok("relay", "submit", file), town.ok("relay", "submit", file)
    assert (done["changed"], again) == (True, {**done, "changed": False, "sent_by": None})
    assert town("relay", "submit", file).out.startswith("SetLimits was done before, in block ")


def test_submit__another_over_a_spent_nonce__is_refused_and_says_to_sign_again(town: Town) -> None:
    town.ok("patient", "create", "once")
    other = town.file("other.json", signed(town, "limits", "--per-day", 8, "--as", "once").read_text())
    town.ok("relay", "submit", signed(town, "limits", "--per-day", 9, "--as", "once"))
    error = town("relay", "submit", other).error
    assert "InvalidSignature" in error
    assert "it is signed over nonce 0, and the next is 1; sign again" in error


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


def rewritten(town: Town, file: Path, form: Callable[[bytes], bytes]) -> Path:
    """The same signed intent, its signature in another form."""
    content = json.loads(file.read_text())
    content["signature"] = "0x" + form(bytes.fromhex(content["signature"][2:])).hex()
    return town.file("rewritten.json", content)


def test_submit__dispute_signed_by_a_hardware_wallet__is_accepted(town: Town, clinic: str) -> None:
    name = town.patient(f"wallet-{clinic}", clinic)
    town.attest(clinic, name, f"visit-{clinic}")
    assert [row["outcome"] for row in town.settle(clinic)] == ["settled"]
    claim = f"{town.session().book.get(clinic).provider_id}:1"
    file = signed(town, "dispute", claim, "--as", name)
    told = town.ok("relay", "submit", rewritten(town, file, parity_form))
    assert told["intent"] == "DisputeClaim"


@pytest.mark.parametrize(
    "content", ["", "{}", '{"message": {}, "signature": "0x00"}', '{"message": {}, "signature": "0x0"}']
)
def test_submit__no_signed_intent__is_one_line(town: Town, content: str) -> None:
    assert town("relay", "submit", town.file("nothing.json", content)).error.count("\n") <= 2
