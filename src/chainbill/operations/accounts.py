"""Accounts whose keys are here: made, or brought from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from eth_account.signers.local import LocalAccount

from chainbill.errors import StateError, unusable
from chainbill.records.vault import VaultKey
from chainbill.state.address_book import AddressBook, Contact, Role
from chainbill.state.keystores import Keystores, open_keystore

_KEYSTORE_BYTES = 1 << 16
"""A keystore is smaller than this."""


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """An account whose key is here."""

    name: str
    role: Role | None
    """What it is for on this network; None: it is not known there."""
    address: str
    """Checksum address."""


def own_accounts(book: AddressBook, keystores: Keystores) -> tuple[OwnAccount, ...]:
    """The accounts whose keys are here, in order of name.

    Raises:
        StateError: a keystore or the address book is damaged or open to other users.
    """
    entries = book.entries()
    return tuple(
        OwnAccount(name, entries[name].role if name in entries else None, keystores.address(name))
        for name in keystores.names()
    )


def read_keystore(file: Path, passphrase: Callable[[], str]) -> bytes:
    """The private key in a keystore file of elsewhere, 32 bytes; ``passphrase`` is asked once it was read.

    Raises:
        StateError: it cannot be read, is no keystore, or the passphrase does not open it.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(_KEYSTORE_BYTES)
    except OSError as error:
        raise unusable(file, "read", error) from None
    return open_keystore(content, passphrase())


def new_account(book: AddressBook, keystores: Keystores, name: str, role: Role) -> Contact:
    """Make an account of a new name. One whose key is here, and that this network's address book lacks, is
    entered there.

    Raises:
        StateError: the name is taken or not a name, or the passphrase is missing, weak or wrong.
    """
    if name in book.entries():
        raise StateError(f"there is an account named {name!r} already", hint="choose another name")
    return _enter(book, keystores.ensure(name), name, role)


def import_account(book: AddressBook, keystores: Keystores, name: str, role: Role, key: bytes) -> Contact:
    """Keep an account of elsewhere by its 32-byte private key. An entry of its address that was known by the
    address alone keeps its ids, and is its entry from now on.

    Raises:
        StateError: the name is another account's or not a name, the account is here already or goes by
            another name, not a key, or there is no passphrase, or a weak one.
    """
    account = keystores.check(key)
    known = book.name_of(account.address)
    if known is not None and (known in keystores or known != name):
        here = "its key is here" if known in keystores else "by its address"
        raise StateError(
            f"{account.address} is in the address book already, as {known}, {here}",
            hint="there is nothing to import" if known in keystores else f"import it as that: `name={known}`",
        )
    if known is None and name in book.entries():
        raise StateError(f"there is another account named {name!r}", hint="choose another name")
    before = None if known is None else book.get(known).role
    if before not in (None, role):
        raise StateError(f"{known} is known as {before}, not as {role}", hint=f"give `role={before}`")
    return _enter(book, keystores.add(name, key), name, role)


def _enter(book: AddressBook, account: LocalAccount, name: str, role: Role) -> Contact:
    before = book.entries().get(name)
    entry = Contact(
        role=role,
        address=account.address,
        provider_id=None if before is None else before.provider_id,
        payer_id=None if before is None else before.payer_id,
        vault_public_key=VaultKey.derive(bytes(account.key)).public.hex(),
    )
    book.put(name, entry)
    return entry
