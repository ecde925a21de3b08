"""A file that says one thing twice is refused by name, wherever it is about money or about who is who."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from chainbill.chain.deployments import load_deployment
from chainbill.errors import ChainbillError, LedgerError, StateError
from chainbill.ledger.raw_logs import RawLedger
from chainbill.operations.patient.signed_intents import SignedIntent
from chainbill.records.repeated_keys import refuse_repeated_keys
from chainbill.state.address_book import AddressBook
from chainbill.state.keystores import Keystores
from chainbill.state.private_files import write_private
from chainbill.state.schedules import Schedules

ADDRESS = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
OTHER = "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"


@pytest.mark.parametrize(
    "content, key",
    [
        ('{"a": 1, "a": 1}', "a"),
        ('{"a": 1, "b": {"c": [{"d": 1, "e": 2, "d": 3}]}}', "d"),
        ('[{"x": 1}, {"y": 1, "y": 2}]', "y"),
        ('{"caf\\u00e9": 1, "café": 2}', "café"),
        ('{"n": ' + "9" * 6_000 + ', "m": NaN, "n": 1.5e400}', "n"),
    ],
)
def test_refuse_repeated_keys__a_key_twice__is_named(content: str, key: str) -> None:
    for written in (content, content.encode()):
        with pytest.raises(LedgerError, match=f"the file says '{key}' twice"):
            refuse_repeated_keys(written, "the file", LedgerError)


@pytest.mark.parametrize(
    "content", ['{"a": {"a": 1}, "b": {"a": 2}}', '[{"a": 1}, {"a": 2}]', "{}", "no JSON", "", "[" * 200_000]
)
def test_refuse_repeated_keys__once_in_each_object__is_fine(content: str) -> None:
    refuse_repeated_keys(content, "the file", StateError)


def twice(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    write_private(path, content.encode())
    return path


def in_address_book(folder: Path) -> None:
    entries = ", ".join(f'"maria": {{"role": "patient", "address": "{each}"}}' for each in (ADDRESS, OTHER))
    AddressBook(twice(folder, "addressbook.json", f"{{{entries}}}")).entries()


def in_keystore(folder: Path) -> None:
    twice(folder, "maria.json", f'{{"address": "{ADDRESS}", "address": "{OTHER}"}}')
    Keystores(folder, lambda: "a long passphrase").address("maria")


def in_deployment(folder: Path) -> None:
    places = dict.fromkeys(("governance", "token", "registry", "escrow", "payers"), ADDRESS)
    head = json.dumps({"chain_id": 1, "block": 0, **places})[:-1]
    twice(folder, "1.json", f'{head}, "settlement": "{ADDRESS}", "settlement": "{OTHER}"}}')
    load_deployment(folder, 1)


def in_schedule(folder: Path) -> None:
    key = "00" * 32
    twice(folder, "1.json", f'{{"owner_id": 1, "key_hex": "{key}", "services": [], "services": ["visit"]}}')
    Schedules(folder).load(1)


def in_signed_intent(folder: Path) -> None:
    SignedIntent.parse(b'{"message": {"message": {"amount": 1, "amount": 9}}, "signature": "0x00"}')


def in_ledger_header(folder: Path) -> None:
    RawLedger.read(twice(folder, "ledger.jsonl", '{"to_block": 1, "to_block": 2}\n'))


@pytest.mark.parametrize(
    "read, key",
    [
        (in_address_book, "maria"),
        (in_keystore, "address"),
        (in_deployment, "settlement"),
        (in_schedule, "services"),
        (in_signed_intent, "amount"),
        (in_ledger_header, "to_block"),
    ],
)
def test_read__a_key_twice__is_refused_by_name(
    tmp_path: Path, read: Callable[[Path], None], key: str
) -> None:
    with pytest.raises(ChainbillError, match=f"says '{key}' twice") as refusal:
        read(tmp_path)
    assert refusal.value.hint
