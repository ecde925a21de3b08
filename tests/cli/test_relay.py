"""``chainbill patient sign`` and ``relay``: a patient without gas coin does everything through anyone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.roles import Town

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


def test_submit__twice__is_refused_and_says_to_sign_again(town: Town) -> None:
    town.ok("patient", "create", "once")
    file = signed(town, "limits", "--per-day", 9, "--as", "once")
    town.ok("relay", "submit", file)
    error = town("relay", "submit", file).error
    assert "InvalidSignature" in error
    assert "sign again" in error


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
    assert "InvalidSignature" in town("relay", "submit", town.file("changed.json", content)).error


def test_submit__signed_for_another_deployment__says_so(town: Town) -> None:
    town.ok("patient", "create", "elsewhere")
    file = signed(town, "limits", "--per-day", 9, "--as", "elsewhere")
    content = json.loads(file.read_text())
    content["message"]["domain"]["chainId"] = 1
    error = town("relay", "submit", town.file("other.json", content)).error
    assert "signed for other contracts than this chain's" in error


@pytest.mark.parametrize("content", ["", "{}", '{"message": {}, "signature": "0x00"}'])
def test_submit__no_signed_intent__is_one_line(town: Town, content: str) -> None:
    assert town("relay", "submit", town.file("nothing.json", content)).error.count("\n") <= 2
