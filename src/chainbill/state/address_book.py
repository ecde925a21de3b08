"""The address book: who is who among the accounts of a state directory. Public facts only."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError

from chainbill.attestation.address import checksum_address
from chainbill.chain.deployments import Address
from chainbill.errors import StateError
from chainbill.records.repeated_keys import refuse_repeated_keys
from chainbill.state.names import NAME, check_name, refuse_key, whom_else
from chainbill.state.private_files import locked, read_private, write_private
from chainbill.stated import Stated


class Role(StrEnum):
    """What an account is for."""

    GOVERNOR = "governor"
    PROVIDER = "provider"
    PATIENT = "patient"
    INSURER = "insurer"
    ORACLE = "oracle"


class Contact(Stated):
    """One entry."""

    role: Role
    address: Address
    provider_id: int | None = None
    """In the provider registry; None until registered."""
    payer_id: int | None = None
    """Of the insurer's payer contract; None until it has one."""
    vault_public_key: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Hexadecimal X25519 key that records are sealed to; None where it was not told."""
    card_issued_at: int | None = None
    """When the contact card was signed that this was taken from, in seconds since 1970; None: from none."""


_A = {
    Role.GOVERNOR: "a governor's",
    Role.PROVIDER: "a provider",
    Role.PATIENT: "a patient",
    Role.INSURER: "an insurer",
    Role.ORACLE: "an oracle node",
}
"""What an account of a role is."""

_MADE_BY = {
    Role.PROVIDER: "chainbill provider register",
    Role.PATIENT: "chainbill patient create",
    Role.INSURER: "chainbill insurer create",
}
"""What makes an account of a role; the others come with the devnet."""

_BOOK = TypeAdapter(dict[str, Contact])


class AddressBook:
    """Entries by account name, in one file. Changes are made under a lock, so processes do not lose each
    other's."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self, role: Role | None = None) -> dict[str, Contact]:
        """Every entry, or every entry of one role, in order of name.

        Raises:
            StateError: the file is damaged or open to other users.
        """
        content = read_private(self.path)
        if content is None:
            return {}
        refuse_repeated_keys(content, f"the address book {self.path}", StateError)
        try:
            book = _BOOK.validate_json(content)
        except ValidationError as error:
            raise StateError(
                f"the address book {self.path} is damaged: {error.error_count()} errors"
            ) from None
        for name in book:
            if not NAME.fullmatch(name):
                raise StateError(
                    f"the address book {self.path} is damaged: {name!r} is not an account's name",
                    hint="names are lower-case letters, digits and hyphens; undo what was edited by hand",
                )
        return {name: contact for name, contact in sorted(book.items()) if role in (None, contact.role)}

    def get(self, name: str, role: Role | None = None) -> Contact:
        """One entry, by its name or its address.

        Raises:
            AttestationError: it begins like an address and is none.
            StateError: there is none of that name or address, and of that role.
        """
        refuse_key(name)
        book = self.entries(role)
        if name.startswith("0x"):
            name = self._name_at(name, role)
        if name not in book:
            raise self._nobody(name, role, book)
        return book[name]

    def put(self, name: str, contact: Contact) -> None:
        """Add or replace an entry."""
        check_name(name)
        with locked(self._lock):
            self._write({**self.entries(), name: contact})

    def remove(self, name: str) -> Contact:
        """Take an entry out; returns what it was.

        Raises:
            StateError: there is none of that name.
        """
        with locked(self._lock):
            contact = self.get(name)
            self._write({other: entry for other, entry in self.entries().items() if other != name})
        return contact

    def update(self, name: str, **changes: Any) -> Contact:
        """Change some fields of an entry, such as ``provider_id=7``; returns the new one.

        Raises:
            StateError: there is no such entry.
        """
        with locked(self._lock):
            contact = Contact.model_validate({**self.get(name).model_dump(), **changes})
            self._write({**self.entries(), name: contact})
        return contact

    def forget_ids(self) -> None:
        """Clear the ids that a chain gave out, when that chain is gone."""
        with locked(self._lock):
            fresh = {"provider_id": None, "payer_id": None}
            self._write({name: contact.model_copy(update=fresh) for name, contact in self.entries().items()})

    def name_of(self, address: str) -> str | None:
        """The name an address goes by; None where it is not in the book."""
        wanted = address.lower()
        return next(
            (name for name, contact in self.entries().items() if contact.address.lower() == wanted), None
        )

    def address_of(self, text: str) -> str:
        """An address as it is, with its checksum, or the address of a name.

        Raises:
            AttestationError: it begins like an address and is none.
            StateError: there is no account of that name.
        """
        refuse_key(text)
        return checksum_address(text) if text.startswith("0x") else self.get(text).address

    def vault_key_of(self, address: str) -> bytes:
        """The public key that records are sealed to for the account at an address.

        Raises:
            StateError: it is not in the book, or the book has no such key for it.
        """
        name = self.name_of(address)
        key = self.get(name).vault_public_key if name is not None else None
        if key is None:
            raise StateError(
                f"the address book has no vault key for {address}",
                hint="its owner makes a card that has it (chainbill contacts card); then here: "
                "chainbill contacts import CARD",
            )
        return bytes.fromhex(key)

    def provider(self, provider_id: int) -> tuple[str, Contact] | None:
        """Name and entry of a provider id; None where it is not in the book."""
        return next(((n, c) for n, c in self.entries().items() if c.provider_id == provider_id), None)

    def insurer(self, payer_id: int) -> tuple[str, Contact] | None:
        """Name and entry of a payer id; None where it is not in the book."""
        return next(((n, c) for n, c in self.entries().items() if c.payer_id == payer_id), None)

    def _name_at(self, address: str, role: Role | None) -> str:
        name = self.name_of(checksum_address(address))
        if name is None:
            raise StateError(
                f"{address} is in no entry of the address book",
                hint=f"give it a name: chainbill contacts add NAME {address} --role {role or 'ROLE'}",
            )
        return name

    def _nobody(self, name: str, role: Role | None, book: dict[str, Contact]) -> StateError:
        other = self.entries().get(name)
        besides = "" if other is None else f": {name} is {_A[other.role]}"
        hint = whom_else(name, book, none="a devnet has the usual ones: chainbill devnet up")
        if role in _MADE_BY and other is None:
            hint += f"; a new one: {_MADE_BY[role]} {name}"
        if other is None:
            hint += "; one of elsewhere: chainbill contacts import CARD"
        return StateError(
            f"there is no {role or 'account'} named {name!r} in the address book{besides}", hint=hint
        )

    @property
    def _lock(self) -> Path:
        return self.path.with_suffix(".lock")

    def _write(self, book: dict[str, Contact]) -> None:
        write_private(self.path, _BOOK.dump_json(book, indent=2, exclude_none=True) + b"\n")
