"""Who is who: cards that accounts' owners sign, and the address book's entries made of them."""

from __future__ import annotations

import os
from pathlib import Path

from chainbill.client.acting import Who, acting
from chainbill.client.arguments import checked
from chainbill.client.parties import AccountRole, role_of
from chainbill.client.times import Span, seconds
from chainbill.errors import ArgumentError
from chainbill.operations import contacts
from chainbill.operations.contacts import CARD_SECONDS, ImportedCard, KnownContact, SignedCard
from chainbill.records.vault import KEY_BYTES
from chainbill.state.address_book import Contact
from chainbill.state.session import Session


@checked
class Contacts:
    """The address book. Records are sealed to whom it names, so who gives a card should be known."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def card(
        self,
        who: Who,
        *,
        role: AccountRole | None = None,
        name: str | None = None,
        schedule_for: str | None = None,
        valid_for: Span = CARD_SECONDS,
    ) -> SignedCard:
        """Make the card of an account whose key is at hand, for others to import; nothing on it is secret.
        See ``operations.contacts.sign_card``.

        Args:
            role: what the account is for; None: what the address book says.
            name: what its owner calls it; None: as the address book does.
            schedule_for: whom an insurer's fee schedule, or a provider's of its cash prices, is handed to,
                by name or address; sealed, so that nobody else opens it.
            valid_for: how long it can be imported.
        """
        owner = acting(self._session, who, any_name=True)
        return contacts.sign_card(
            owner,
            name=name,
            role=None if role is None else role_of(role),
            valid_seconds=seconds(valid_for),
            schedule_for=schedule_for,
        )

    def import_card(
        self,
        card: SignedCard | str | os.PathLike[str],
        *,
        name: str | None = None,
        receiver: Who | None = None,
    ) -> ImportedCard:
        """Put the account of a card into the address book, and keep the schedule on it that is for an account
        here. It does not prove who that is: compare the address. See ``operations.contacts.import_card``.

        Args:
            card: as it was made, or the file that it is in.
            name: what to call it; None: as its owner does.
            receiver: for whom a schedule on it may be, where that key is in no keystore here.
        """
        signed = card if isinstance(card, SignedCard) else SignedCard.read_file(Path(card))
        opener = None if receiver is None else acting(self._session, receiver, any_name=True)
        return contacts.import_card(self._session, signed, name=name, receiver=opener)

    def add(
        self,
        name: str,
        address: str,
        role: AccountRole,
        *,
        provider_id: int | None = None,
        vault_key: bytes | None = None,
    ) -> KnownContact:
        """Give an address a name, without a card. See ``operations.contacts.add_contact``.

        Args:
            provider_id: a provider's id; None: as it is registered.
            vault_key: the X25519 key that its records are sealed to, 32 bytes; from nobody but its owner.

        Raises:
            ArgumentError: the vault key has another length.
        """
        if vault_key is not None and len(vault_key) != KEY_BYTES:
            raise ArgumentError(
                f"a vault key has {KEY_BYTES} bytes, and not {len(vault_key)}", argument="vault_key"
            )
        entry = Contact(
            role=role_of(role),
            address=self._session.address_of(address) if address.startswith("0x") else address,
            provider_id=provider_id,
            vault_public_key=None if vault_key is None else vault_key.hex(),
        )
        contacts.add_contact(self._session, name, entry)
        return self.show(name)

    def list(self, role: AccountRole | None = None) -> tuple[KnownContact, ...]:
        """Everybody in the address book, or everybody of one role."""
        return contacts.contacts(self._session.state, None if role is None else role_of(role))

    def show(self, who: str) -> KnownContact:
        """One entry, by name or address. See ``operations.contacts.contact``."""
        return contacts.contact(self._session.state, who)

    def remove(self, name: str) -> Contact:
        """Take somebody else's account out; nothing on chain changes. See
        ``operations.contacts.remove_contact``."""
        return contacts.remove_contact(self._session.book, self._session.keystores, name)
