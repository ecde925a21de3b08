"""The address book knows who is who, and loses no entry to another process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chainbill.errors import StateError
from chainbill.state.address_book import AddressBook, Contact, Role

PATIENT = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
PROVIDER = "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"


@pytest.fixture
def book(tmp_path: Path) -> AddressBook:
    book = AddressBook(tmp_path / "addressbook.json")
    book.put("patient", Contact(role=Role.PATIENT, address=PATIENT))
    book.put("provider", Contact(role=Role.PROVIDER, address=PROVIDER, provider_id=7))
    return book


def test_get__known__is_the_entry_that_was_put(book: AddressBook) -> None:
    assert book.get("patient", Role.PATIENT).address == PATIENT
    assert book.get("provider").provider_id == 7
    assert list(book.entries(Role.PROVIDER)) == ["provider"]


def test_get__of_another_role__names_those_of_the_role(book: AddressBook) -> None:
    with pytest.raises(StateError, match="no provider named 'patient'") as refusal:
        book.get("patient", Role.PROVIDER)
    assert refusal.value.hint == "known here: provider"


def test_get__nobody_of_that_name__says_how_one_of_elsewhere_gets_in(book: AddressBook) -> None:
    """The parties of a network are on machines of their own: what lacks is most often their card."""
    for role in (None, Role.GOVERNOR, Role.PROVIDER):
        with pytest.raises(StateError, match="named 'maria'") as refusal:
            book.get("maria", role)
        assert "one of elsewhere: chainbill contacts import CARD" in (refusal.value.hint or "")


def test_lookups__by_address_and_id__find_the_name(book: AddressBook) -> None:
    assert book.name_of(PATIENT.lower()) == "patient"
    assert book.name_of("0x" + "11" * 20) is None
    assert book.provider(7) == ("provider", book.get("provider"))
    assert book.insurer(7) is None


def test_get__by_address__is_the_entry_of_the_name(book: AddressBook) -> None:
    assert book.get(PATIENT.lower(), Role.PATIENT) == book.get("patient")
    with pytest.raises(StateError, match="no provider named 'patient'"):
        book.get(PATIENT, Role.PROVIDER)
    with pytest.raises(StateError, match="in no entry") as refusal:
        book.get("0x" + "11" * 20)
    assert "chainbill contacts add" in (refusal.value.hint or "")


def test_remove__one__leaves_the_others(book: AddressBook) -> None:
    assert book.remove("patient").address == PATIENT
    assert list(book.entries()) == ["provider"]
    with pytest.raises(StateError, match="no account named 'patient'"):
        book.remove("patient")


@pytest.mark.parametrize("name", ["7", "007"])
def test_put__a_number_for_a_name__is_refused(book: AddressBook, name: str) -> None:
    with pytest.raises(StateError, match="ids of providers and payers are numbers"):
        book.put(name, book.get("patient"))


def test_update__one_field__keeps_the_others(book: AddressBook) -> None:
    book.update("provider", vault_public_key="ab" * 32)
    assert book.get("provider").provider_id == 7
    with pytest.raises(StateError, match="no account named 'nobody'"):
        book.update("nobody", provider_id=1)


def test_forget_ids__chain_gone__addresses_stay(book: AddressBook) -> None:
    book.forget_ids()
    assert book.get("provider") == Contact(role=Role.PROVIDER, address=PROVIDER)


def test_put__by_many_at_once__loses_none(book: AddressBook) -> None:
    names = [f"patient-{number}" for number in range(24)]

    def add(name: str) -> None:
        AddressBook(book.path).put(name, Contact(role=Role.PATIENT, address=PATIENT))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, names))
    assert set(names) < set(book.entries())


@pytest.mark.parametrize("content", [b"", b"[]", b'{"patient": {"role": "patient", "address": "0x12"}}'])
def test_entries__damaged_file__is_said_so(book: AddressBook, content: bytes) -> None:
    book.path.write_bytes(content)
    with pytest.raises(StateError, match="is damaged"):
        book.entries()


def test_put__not_a_name__is_refused(book: AddressBook) -> None:
    with pytest.raises(StateError, match="not an account's name"):
        book.put("../patient", book.get("patient"))
