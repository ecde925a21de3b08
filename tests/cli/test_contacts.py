"""``chainbill contacts`` and ``accounts``: parties whose keys are on other machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from tests.support.roles import Town
from tests.support.separate_parties import Party

from chainbill.attestation.contact_card import NO_KEY, ContactCard
from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import Domain
from chainbill.errors import StateError
from chainbill.state import keystores
from chainbill.state.session import Session

DAY = 86_400


@pytest.fixture
def elsewhere(bare_town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Party:
    """Somebody with a state directory of their own, on the town's chain."""
    monkeypatch.setattr(keystores, "SCRYPT_N", 2)
    return far(bare_town, tmp_path, "elsewhere")


def far(town: Town, folder: Path, name: str) -> Party:
    session = town.session()
    return Party(name, folder, session.rpc_url, session.protocol.deployment, town.read)


def card_of(town: Town, signer: Any, **changed: Any) -> tuple[ContactCard, dict[str, Any]]:
    """A card that says what it is told to, signed by ``signer``; and it as a file's content."""
    session = town.session()
    now = session.now()
    domain = changed.pop("domain", session.protocol.domain)
    stated = {
        "name": "stranger",
        "role": "patient",
        "account": signer.address,
        "provider_id": 0,
        "payer_id": 0,
        "vault_key": b"\x05" * 32,
        "schedule_for": NO_KEY,
        "schedule": b"",
        "issued_at": now,
        "expires_at": now + DAY,
    }
    card = ContactCard(**{**stated, **changed})
    signature = Signer(signer).sign(card.digest(domain))
    return card, {"message": card.to_eip712_message(domain), "signature": f"0x{signature.hex()}"}


def refused(town: Town, content: object, *arguments: object) -> str:
    """Import a card that must be refused, and change nothing; returns the error."""
    before = town.session().book.entries()
    error = town("contacts", "import", town.file("card", json.dumps(content)), *arguments).error
    assert town.session().book.entries() == before
    return error


# ---- cards --------------------------------------------------------------------------------------------


def test_card__of_elsewhere__is_imported_with_its_vault_key(bare_town: Town, elsewhere: Party) -> None:
    address = elsewhere.ok("accounts", "new", "maria", "--role", "patient")["address"]
    card = elsewhere.makes("maria.card", "contacts", "card")
    told = bare_town.ok("contacts", "import", card, "--name", "maria-of-elsewhere")
    assert (told["address"], told["role"], told["changed"]) == (address, "patient", True)
    assert bare_town.session().book.vault_key_of(address).hex() == told["vault_public_key"]
    assert bare_town.ok("contacts", "import", card)["changed"] is False
    shown = bare_town.ok("contacts", "show", address)
    assert (shown["name"], shown["key_here"]) == ("maria-of-elsewhere", False)


def test_card__of_a_patient_elsewhere__is_enough_for_the_governor_to_make_dollars(
    bare_town: Town, elsewhere: Party
) -> None:
    """As docs/parties.md says: the patient's own machine has no governor."""
    address = elsewhere.ok("accounts", "new", "ida", "--role", "patient")["address"]
    assert "the governor" in elsewhere("patient", "create", "ida", "--mint", "100").error
    bare_town.ok("contacts", "import", elsewhere.makes("ida.card", "contacts", "card"))
    told = bare_town.ok("patient", "create", "ida", "--mint", "100")
    assert (told["minted"], told["created"]) == ("100.00", False)
    assert bare_town.ok("contacts", "show", "ida")["key_here"] is False
    assert bare_town.session().protocol.token.balance_of(address) == 100_000_000


@pytest.mark.parametrize(
    "field, value",
    [
        ("account", "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"),
        ("vaultKey", "0x" + "07" * 32),
        ("name", "x"),
    ],
)
def test_card__changed_since__is_refused(bare_town: Town, field: str, value: str) -> None:
    _, content = card_of(bare_town, Account.create())
    content["message"]["message"][field] = value
    assert "the card is not signed by" in refused(bare_town, content)


def test_card__signed_by_another__is_refused(bare_town: Town) -> None:
    _, content = card_of(bare_town, Account.create(), account=Account.create().address)
    assert "the card is not signed by" in refused(bare_town, content)


@pytest.mark.parametrize("other", ["chain_id", "verifying_contract", "name"])
def test_card__for_another_deployment__is_refused(bare_town: Town, other: str) -> None:
    own = bare_town.session().protocol.domain
    changed = {"chain_id": 1, "verifying_contract": Account.create().address, "name": "somebody's"}
    stated = {"chain_id": own.chain_id, "verifying_contract": own.verifying_contract, "name": own.name}
    domain = Domain(**{**stated, other: changed[other]})
    _, content = card_of(bare_town, Account.create(), domain=domain)
    assert "not for this deployment" in refused(bare_town, content)


def test_card__expired__is_refused(bare_town: Town) -> None:
    now = bare_town.session().now()
    _, content = card_of(bare_town, Account.create(), issued_at=now - 2 * DAY, expires_at=now - DAY)
    assert "the card has expired" in refused(bare_town, content)


def test_card__of_the_future__is_refused(bare_town: Town) -> None:
    now = bare_town.session().now()
    _, content = card_of(bare_town, Account.create(), issued_at=now + DAY, expires_at=now + 2 * DAY)
    assert "of the future" in refused(bare_town, content)


def test_card__of_no_role__is_refused(bare_town: Town) -> None:
    _, content = card_of(bare_town, Account.create(), role="bank")
    assert "no account has that role" in refused(bare_town, content)


def test_card__older_than_what_is_known__brings_no_old_vault_key_back(bare_town: Town) -> None:
    owner, now = Account.create(), bare_town.session().now()
    _, old = card_of(bare_town, owner, name="mover", issued_at=now - 100)
    _, new = card_of(bare_town, owner, name="mover", vault_key=b"\x06" * 32)
    bare_town.ok("contacts", "import", bare_town.file("new", json.dumps(new)))
    assert "a newer card of mover was imported before" in refused(bare_town, old)


def test_card__of_an_account_here__is_refused(bare_town: Town) -> None:
    account = bare_town.session().account("patient")
    _, content = card_of(bare_town, account, vault_key=b"\x06" * 32)
    assert "whose key is here" in refused(bare_town, content)


def test_card__by_the_name_of_another__takes_nobodys_place(bare_town: Town) -> None:
    _, content = card_of(bare_town, Account.create(), name="insurer")
    assert "--name NAME" in refused(bare_town, content)
    assert "another account named 'insurer'" in refused(bare_town, content)


def test_card__of_an_account_known_otherwise__keeps_its_name(bare_town: Town) -> None:
    owner = Account.create()
    _, content = card_of(bare_town, owner, name="first-name")
    bare_town.ok("contacts", "import", bare_town.file("card", json.dumps(content)))
    assert "already, as first-name" in refused(bare_town, content, "--name", "second-name")


@pytest.mark.parametrize("role, claimed", [("provider", "provider_id"), ("insurer", "payer_id")])
def test_card__with_an_id_that_is_another_s__is_refused(
    town: Town, clinic: str, role: str, claimed: str
) -> None:
    _, content = card_of(town, Account.create(), role=role, **{claimed: 1})
    assert "1 on this chain" in refused(town, content)


@pytest.mark.parametrize("claimed", ["provider_id", "payer_id"])
def test_card__of_a_patient_with_an_id__is_refused(bare_town: Town, claimed: str) -> None:
    _, content = card_of(bare_town, Account.create(), **{claimed: 1})
    assert "1 on this chain" in refused(bare_town, content)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"message": {}, "signature": "0x12"}', "x" * (1 << 21)])
def test_card__that_is_none__is_refused(bare_town: Town, content: str) -> None:
    error = bare_town("contacts", "import", bare_town.file("card", content)).error
    assert "contact card" in error


def test_card__with_one_thing_twice__is_refused(bare_town: Town) -> None:
    _, content = card_of(bare_town, Account.create())
    twice = json.dumps(content)[:-1] + ', "signature": "0x"}'
    assert "says 'signature' twice" in bare_town("contacts", "import", bare_town.file("card", twice)).error


# ---- schedules ----------------------------------------------------------------------------------------


def test_schedule__on_a_card__is_kept_by_whom_it_is_for_alone(
    town: Town, elsewhere: Party, tmp_path: Path
) -> None:
    elsewhere.ok("accounts", "new", "far-clinic", "--role", "provider")
    town.ok("contacts", "import", elsewhere.makes("far.card", "contacts", "card"))
    card = tmp_path / "insurer.card"
    town.ok("contacts", "card", "--as", "insurer", "--for", "far-clinic", "--output", card)
    own = town.session().schedules.load(1)
    assert own.key_hex not in card.read_text()
    assert elsewhere.ok("contacts", "import", card)["schedule_kept"] is True
    kept = json.loads((elsewhere.state.schedules / "1.json").read_text())
    assert (kept["key_hex"], kept["services"], kept["decoys"]) == (own.key_hex, list(own.services), {})

    third = far(town, tmp_path, "third")
    assert third.ok("contacts", "import", card)["schedule_kept"] is False
    assert not third.state.schedules.exists()


def test_schedule__of_another_payer_on_a_card__is_refused(town: Town) -> None:
    from chainbill.records.vault import seal_to
    from chainbill.state.schedules import Schedule

    public = bytes.fromhex(town.session().book.get("provider").vault_public_key or "")
    sealed = seal_to(public, Schedule(owner_id=1, key_hex="ab" * 32).model_dump_json().encode())
    _, content = card_of(town, Account.create(), role="insurer", schedule_for=public, schedule=sealed)
    assert "the schedule on the card is of another than" in refused(town, content)
    assert town.session().schedules.load(1).key_hex != "ab" * 32


def test_schedule__for_somebody_without_a_vault_key__says_how_to_get_it(town: Town) -> None:
    address = Account.create().address
    town.ok("contacts", "add", "keyless", address, "--role", "provider")
    error = town("contacts", "card", "--as", "insurer", "--for", "keyless").error
    assert "no vault key" in error
    assert "chainbill contacts import CARD" in error


def test_schedule__of_one_who_published_nothing__says_so(town: Town) -> None:
    assert (
        "no schedule to hand over" in town("contacts", "card", "--as", "patient", "--for", "provider").error
    )


# ---- the address book ---------------------------------------------------------------------------------


def test_add__address_of_a_registered_provider__finds_its_id(
    town: Town, clinic: str, elsewhere: Party
) -> None:
    entry = town.session().book.get(clinic)
    told = elsewhere.ok("contacts", "add", "lakeview", entry.address, "--role", "provider")
    assert told["provider_id"] == entry.provider_id
    assert [each["name"] for each in elsewhere.ok("contacts", "list")["contacts"]] == ["lakeview"]
    elsewhere.ok("contacts", "remove", "lakeview")
    assert elsewhere.ok("contacts", "list")["contacts"] == []


def test_add__what_is_there__is_refused(bare_town: Town) -> None:
    address = bare_town.session().book.get("patient").address
    assert "already, as patient" in bare_town("contacts", "add", "other", address, "--role", "patient").error
    new = Account.create().address
    assert (
        "named 'patient' already" in bare_town("contacts", "add", "patient", new, "--role", "patient").error
    )
    escrow = bare_town.session().protocol.escrow.address
    assert "is nobody's" in bare_town("contacts", "add", "escrow", escrow, "--role", "patient").error


def test_remove__own_account__is_refused(bare_town: Town) -> None:
    assert "the key of patient is here" in bare_town("contacts", "remove", "patient").error
    assert bare_town.session().book.get("patient")


@pytest.mark.parametrize("key", ["12", "zz" * 32, "0x" + "ab" * 31])
def test_add__vault_key_that_is_none__is_wrong_usage(bare_town: Town, key: str) -> None:
    address = Account.create().address
    ran = bare_town("contacts", "add", "new", address, "--role", "patient", "--vault-key", key)
    assert (ran.code, "64 hexadecimal digits" in ran.err) == (2, True)


def test_card__several_accounts_here__asks_whose(bare_town: Town) -> None:
    error = bare_town("contacts", "card").error
    assert "say whose account: --as NAME" in error


# ---- names, addresses, ids ----------------------------------------------------------------------------


def test_provider__by_address_or_id__is_the_one_that_is_meant(town: Town, clinic: str) -> None:
    entry = town.session().book.get(clinic)
    patient = town.patient("finder")
    for number, named in enumerate((entry.address, entry.address.lower(), entry.provider_id)):
        given = town.ok("patient", "consent", named, "--limit", 100 + number, "--as", patient)
        assert (given["provider"], given["provider_id"]) == (clinic, entry.provider_id)
    assert town.ok("insurer", "accept-provider", entry.provider_id)["changed"] is False
    assert town.ok("audit", "history", "--provider", entry.address)["total"] >= 0


def test_provider__unknown_id_or_address__says_so(town: Town, clinic: str) -> None:
    count = town.session().protocol.registry.provider_count()
    error = town("patient", "consent", count + 1, "--limit", 1).error
    assert f"there is no provider {count + 1} on this chain" in error
    assert f"1 to {count}" in error
    address = Account.create().address
    assert f"{address} is not registered" in town("patient", "consent", address, "--limit", 1).error


def test_provider__that_names_another_s_account_as_its_key__is_not_found_by_it(
    town: Town, clinic: str
) -> None:
    stranger = Account.create().address
    town.ok("provider", "keys", "add", stranger, "--as", clinic)
    assert f"{stranger} is not registered" in town("patient", "consent", stranger, "--limit", 1).error


def test_consents__to_a_provider_nobody_named__are_shown(town: Town, clinic: str, elsewhere: Party) -> None:
    provider_id = town.session().book.get(clinic).provider_id
    patient = town.patient("open", clinic)
    address = town.session().book.get(patient).address
    elsewhere.ok("contacts", "add", "open", address, "--role", "patient")
    (consent,) = elsewhere.ok("patient", "consent", "--as", "open")["consents"]
    assert consent["provider"] == f"provider {provider_id}"


def test_insurer__by_address_or_payer_id__is_the_one_that_is_meant(town: Town) -> None:
    patient = town.patient("insured")
    address = town.session().book.get("insurer").address
    assert town.ok("patient", "accept-payer", address, "--as", patient)["changed"] is False
    assert town.ok("patient", "accept-payer", 1, "--as", patient)["changed"] is False


def test_patient__by_address__is_enrolled_without_an_entry(town: Town) -> None:
    address = Account.create().address
    assert town.ok("insurer", "enrol", address.lower(), "--plan", 1)["changed"] is True


def test_role__registered_elsewhere__finds_its_id_on_chain(town: Town, elsewhere: Party) -> None:
    address = elsewhere.ok("accounts", "new", "far", "--role", "provider")["address"]
    error = elsewhere("provider", "register", "far").error
    assert f"far (account {address}) is not registered, and only the governor changes that" in error
    assert f"chainbill governor register-provider {address}" in error
    assert town.session().book.name_of(address) is None
    town.ok("governor", "register-provider", address)
    told = elsewhere.ok("provider", "register", "far")
    assert (told["registered"], told["provider_id"]) == (
        False,
        town.session().protocol.registry.provider_count(),
    )


def test_card__of_a_contract_wallet__says_what_to_do_instead(bare_town: Town) -> None:
    wallet = bare_town.session().protocol.settlement.extension_code()
    bare_town.ok("contacts", "add", "safe", wallet, "--role", "patient", "--vault-key", "ab" * 32)
    error = bare_town("contacts", "card", "--as", "safe").error
    assert f"safe ({wallet}) is a contract wallet" in error
    assert f"chainbill contacts add safe {wallet} --role patient --vault-key {'ab' * 32}" in error
    bare_town.ok("contacts", "remove", "safe")


def test_account__known_by_its_address_alone__says_how_it_signs(bare_town: Town) -> None:
    address = Account.create().address
    bare_town.ok("contacts", "add", "hardware", address, "--role", "patient")
    error = bare_town("patient", "fund", 1, "--as", "hardware").error
    assert f"the key of hardware ({address}) is not here" in error
    assert "--external" in error
    assert bare_town.ok("patient", "balance", "--as", address)["account"] == "hardware"


def test_records__of_a_hardware_wallet__open_by_the_vault_key_of_an_account_here(elsewhere: Party) -> None:
    elsewhere.ok("accounts", "new", "reader", "--role", "patient")
    key = elsewhere.ok("contacts", "show", "reader")["vault_public_key"]
    address = Account.create().address
    elsewhere.ok("contacts", "add", "cold", address, "--role", "patient", "--vault-key", key)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHAINBILL_PASSPHRASE", "the passphrase of elsewhere alone")
        session = Session.open(elsewhere.state)
        assert session.vault_key("cold").public.hex() == key
        with pytest.raises(StateError, match="the key of cold"):
            session.account("cold")


def test_as__left_out__is_the_only_account_of_the_role(elsewhere: Party) -> None:
    elsewhere.ok("accounts", "new", "maria", "--role", "patient")
    elsewhere.ok("contacts", "add", "ben", Account.create().address, "--role", "patient")
    assert elsewhere.ok("patient", "balance")["account"] == "maria"
    elsewhere.ok("accounts", "new", "clara", "--role", "patient")
    assert "no patient named 'patient'" in elsewhere("patient", "balance").error
    elsewhere.ok("accounts", "new", "patient", "--role", "patient")
    assert elsewhere.ok("patient", "balance")["account"] == "patient"


# ---- accounts -----------------------------------------------------------------------------------------


@pytest.fixture
def wallet(tmp_path: Path) -> tuple[Any, Path, Path]:
    """An account in a keystore of elsewhere, and its passphrase in a file."""
    account, keystore, passphrase = Account.create(), tmp_path / "UTC--2026", tmp_path / "passphrase"
    keystore.write_text(json.dumps(Account.encrypt(account.key, "of the wallet", iterations=2)))
    passphrase.write_text("of the wallet\n")
    passphrase.chmod(0o600)
    return account, keystore, passphrase


def imported(elsewhere: Party, wallet: tuple[Any, Path, Path], name: str = "mine") -> Any:
    _, keystore, passphrase = wallet
    return elsewhere(
        *("accounts", "import", keystore, "--name", name, "--role", "patient"),
        *("--passphrase-file", passphrase),
    )


def test_import__keystore_of_elsewhere__opens_under_the_own_passphrase(
    elsewhere: Party, wallet: tuple[Any, Path, Path]
) -> None:
    account = wallet[0]
    assert imported(elsewhere, wallet).code == 0
    assert elsewhere.ok("accounts", "list")["accounts"] == [
        {"name": "mine", "role": "patient", "address": account.address}
    ]
    kept = json.loads((elsewhere.state.keystores / "mine.json").read_text())
    assert Account.decrypt(kept, "the passphrase of elsewhere alone") == account.key
    assert "whose key is here" not in elsewhere("contacts", "card").err


def test_import__of_what_is_here__is_refused(elsewhere: Party, wallet: tuple[Any, Path, Path]) -> None:
    imported(elsewhere, wallet)
    assert "already, as mine, its key is here" in imported(elsewhere, wallet, "again").error


def test_import__contact_known_by_address__becomes_its_account(
    elsewhere: Party, wallet: tuple[Any, Path, Path]
) -> None:
    elsewhere.ok("contacts", "add", "mine", wallet[0].address, "--role", "patient")
    assert "import it as that: --name mine" in imported(elsewhere, wallet, "other").error
    assert imported(elsewhere, wallet).code == 0
    assert elsewhere.ok("contacts", "show", "mine")["key_here"] is True


def test_import__name_of_another__is_refused(elsewhere: Party, wallet: tuple[Any, Path, Path]) -> None:
    elsewhere.ok("contacts", "add", "mine", Account.create().address, "--role", "patient")
    assert "another account named 'mine'" in imported(elsewhere, wallet).error


def test_import__wrong_passphrase__keeps_nothing(elsewhere: Party, wallet: tuple[Any, Path, Path]) -> None:
    wallet[2].write_text("another")
    assert "the passphrase does not open the keystore" in imported(elsewhere, wallet).error
    assert elsewhere.ok("accounts", "list")["accounts"] == []


def test_import__passphrase_that_others_can_read__is_refused(
    elsewhere: Party, wallet: tuple[Any, Path, Path]
) -> None:
    wallet[2].chmod(0o644)
    assert "is open to other users" in imported(elsewhere, wallet).error


def test_new__key_that_is_here_and_unknown_on_this_network__is_entered(elsewhere: Party) -> None:
    address = elsewhere.ok("accounts", "new", "again", "--role", "patient")["address"]
    elsewhere.state.address_book.unlink()
    assert elsewhere.ok("accounts", "new", "again", "--role", "patient")["address"] == address
    assert "already" in elsewhere("accounts", "new", "again", "--role", "patient").error


# ---- signing elsewhere --------------------------------------------------------------------------------


def test_external__signed_by_a_wallet__is_sent_and_holds(bare_town: Town, tmp_path: Path) -> None:
    wallet = Account.create()
    bare_town.ok("contacts", "add", "ledger-nano", wallet.address, "--role", "patient")
    unsigned, signed = tmp_path / "limits.unsigned.json", tmp_path / "limits.json"
    sign = ("patient", "sign")
    bare_town.ok(
        *(*sign, "limits", "--per-day", 250, "--as", "ledger-nano"), *("--external", "--output", unsigned)
    )
    message = json.loads(unsigned.read_text())
    signature = Account.sign_typed_data(wallet.key, full_message=message).signature.hex()
    bare_town.ok(*sign, "complete", unsigned, signature, "--output", signed)
    bare_town.ok("relay", "submit", signed)
    limits = bare_town.ok("patient", "limits", "--as", "ledger-nano")
    assert limits["announced"]["per_day_limit"] == "250.00"


def test_external__signed_by_another__is_refused(bare_town: Town, tmp_path: Path) -> None:
    wallet, other = Account.create(), Account.create()
    bare_town.ok("contacts", "add", "cold", wallet.address, "--role", "patient")
    unsigned = tmp_path / "void.json"
    bare_town.ok("patient", "sign", "void-signatures", "--as", "cold", "--external", "--output", unsigned)
    message = json.loads(unsigned.read_text())
    signature = Account.sign_typed_data(other.key, full_message=message).signature.hex()
    assert (
        f"not that of {wallet.address}" in bare_town("patient", "sign", "complete", unsigned, signature).error
    )
    assert bare_town("patient", "sign", "complete", unsigned, "nonsense").code == 2


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"primaryType": 1, "primaryType": 2}'])
def test_complete__no_message__is_refused(bare_town: Town, content: str) -> None:
    file = bare_town.file("message.json", content)
    assert bare_town("patient", "sign", "complete", file, "0x" + "12" * 65).code == 1
