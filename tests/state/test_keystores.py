"""Accounts are kept encrypted, under a name, and never overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_account import Account

from chainbill.errors import StateError
from chainbill.state.keystores import DEVNET_SCRYPT_N, SCRYPT_N, Keystores, open_keystore

PASSPHRASE = "a long passphrase"


@pytest.fixture
def keystores(tmp_path: Path) -> Keystores:
    """As on the devnet, whose keystores open quickly."""
    return Keystores(tmp_path / "keystores", lambda: PASSPHRASE, devnet=True)


def test_create__new_name__another_process_opens_the_same_account(keystores: Keystores) -> None:
    made = keystores.create("patient")
    again = Keystores(keystores.directory, lambda: PASSPHRASE)
    assert again.unlock("patient").key == made.key
    assert again.address("patient") == made.address
    assert again.names() == ["patient"]


def test_create__its_file__is_private_and_standard_and_does_not_show_the_key(keystores: Keystores) -> None:
    made = keystores.create("patient")
    path = keystores.directory / "patient.json"
    content = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert made.key.hex().removeprefix("0x") not in content.lower()
    assert json.loads(content)["crypto"]["kdfparams"]["n"] == DEVNET_SCRYPT_N
    assert Account.decrypt(json.loads(content), PASSPHRASE) == made.key


def test_create__name_taken__is_refused_and_the_key_is_kept(keystores: Keystores) -> None:
    made = keystores.create("patient")
    with pytest.raises(StateError, match="already"):
        keystores.create("patient")
    assert Keystores(keystores.directory, lambda: PASSPHRASE).unlock("patient").key == made.key


def test_add__known_key__has_its_address(keystores: Keystores) -> None:
    key = bytes(31) + b"\1"
    assert keystores.add("provider", key).address == "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"


@pytest.mark.parametrize("key", [b"", bytes(32), b"\xff" * 32, bytes(33)])
def test_add__not_a_key__is_refused(keystores: Keystores, key: bytes) -> None:
    with pytest.raises(StateError, match="not a private key"):
        keystores.add("provider", key)
    assert keystores.names() == []


@pytest.mark.parametrize(
    "name", ["", "-a", "A", "a_b", "../a", "a/b", "a.b", "ä", "a\n", "z" * 65, "passphrase "]
)
def test_create__not_a_name__is_refused(keystores: Keystores, name: str) -> None:
    with pytest.raises(StateError, match="not an account's name"):
        keystores.create(name)


def test_unlock__wrong_passphrase__is_said_so(keystores: Keystores) -> None:
    keystores.create("patient")
    with pytest.raises(StateError, match="does not open the account 'patient'"):
        Keystores(keystores.directory, lambda: "another").unlock("patient")


def test_unlock__unknown__names_those_that_are_known(keystores: Keystores) -> None:
    keystores.create("patient")
    with pytest.raises(StateError, match="no account named 'insurer'") as refusal:
        keystores.unlock("insurer")
    assert refusal.value.hint == "known here: patient"


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", "[" * 100_000, '{"crypto": 1, "version": 3}'])
def test_unlock__damaged_file__is_said_so(keystores: Keystores, content: str) -> None:
    keystores.create("patient")
    (keystores.directory / "patient.json").write_text(content)
    with pytest.raises(StateError, match="is damaged"):
        Keystores(keystores.directory, lambda: PASSPHRASE).unlock("patient")


def test_unlock__open_to_others__is_refused(keystores: Keystores) -> None:
    keystores.create("patient")
    (keystores.directory / "patient.json").chmod(0o644)
    with pytest.raises(StateError, match="open to other users"):
        Keystores(keystores.directory, lambda: PASSPHRASE).unlock("patient")


def test_ensure__twice__is_one_account(keystores: Keystores) -> None:
    assert keystores.ensure("oracle-1").key == keystores.ensure("oracle-1").key


def test_create__off_the_devnet__costs_a_guesser_what_owasp_asks(tmp_path: Path) -> None:
    made = Keystores(tmp_path, lambda: PASSPHRASE).create("patient")
    keystore = json.loads((tmp_path / "patient.json").read_text())
    costs = keystore["crypto"]["kdfparams"]
    assert (keystore["crypto"]["kdf"], costs["n"], costs["r"], costs["p"]) == ("scrypt", 2**17, 8, 1)
    assert SCRYPT_N == 2**17
    assert Keystores(tmp_path, lambda: PASSPHRASE).unlock("patient").key == made.key


@pytest.mark.parametrize(
    "passphrase", ["q", "hunter2", "elevenchars", "aaaaaaaaaaaaaaaa", "   padded   ", "ababababab12"]
)
def test_create__weak_passphrase_off_the_devnet__is_refused_and_makes_no_key(
    tmp_path: Path, passphrase: str
) -> None:
    keystores = Keystores(tmp_path, lambda: passphrase)
    with pytest.raises(StateError, match=r"too (short|simple) for a key that may hold money") as refusal:
        keystores.create("patient")
    assert "CHAINBILL_PASSPHRASE" in (refusal.value.hint or "")
    assert passphrase.strip() not in str(refusal.value)
    assert keystores.names() == []


def test_unlock__made_with_a_weak_passphrase_before__still_opens_off_the_devnet(tmp_path: Path) -> None:
    made = Keystores(tmp_path, lambda: "x", devnet=True).create("patient")
    assert Keystores(tmp_path, lambda: "x").unlock("patient").key == made.key
    assert Keystores(tmp_path, lambda: "x").ensure("patient").key == made.key


# ---- keystores of elsewhere ---------------------------------------------------------------------------


def keystore(**changed: object) -> bytes:
    """A keystore as a wallet writes it, of the key 1; cheap to open."""
    made = Account.encrypt(bytes(31) + b"\1", PASSPHRASE, iterations=2)
    return json.dumps({**made, **changed}).encode()


def test_open__keystore_of_a_wallet__is_its_key() -> None:
    assert open_keystore(keystore(), PASSPHRASE) == bytes(31) + b"\1"


def test_open__wrong_passphrase__is_said_so() -> None:
    with pytest.raises(StateError, match="the passphrase does not open"):
        open_keystore(keystore(), "another")


def test_open__of_another_account_than_it_says__is_refused() -> None:
    with pytest.raises(StateError, match="and holds the key of"):
        open_keystore(keystore(address="11" * 20), PASSPHRASE)


@pytest.mark.parametrize(
    "cost", [{"n": 1 << 30, "r": 8, "p": 1}, {"n": 2, "r": 1 << 28, "p": 1}, {"c": 1 << 30}, {"n": "2"}]
)
def test_open__that_would_take_for_ever__is_refused_at_once(cost: dict[str, object]) -> None:
    stated = json.loads(keystore())
    stated["crypto"]["kdfparams"] |= cost
    with pytest.raises(StateError):
        open_keystore(json.dumps(stated).encode(), PASSPHRASE)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"crypto": []}', b"[" * 100_000])
def test_open__something_else__is_refused(content: bytes) -> None:
    with pytest.raises(StateError, match="no keystore"):
        open_keystore(content, PASSPHRASE)
