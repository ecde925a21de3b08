"""Who acts: an account on one chain, with its key, or to read only without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

from chainbill.chain.node.sender import Sender
from chainbill.chain.protocol import Protocol
from chainbill.errors import StateError
from chainbill.records.vault import VaultKey
from chainbill.state.address_book import Role
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class Actor:
    """An account, and the session it acts in. Its key is opened when it is first needed."""

    session: Session
    address: ChecksumAddress
    name: str
    """What it is called: its name in the address book, else its address."""
    _unlock: Callable[[], LocalAccount] | None = field(default=None, repr=False)
    _open_vault: Callable[[], VaultKey] | None = field(default=None, repr=False)

    @classmethod
    def named(cls, session: Session, name: str, role: Role | None = None) -> Self:
        """The account of a name in the address book, whose keystore may be in the state directory.

        Raises:
            StateError: nobody (of that role, where one is given) has the name.
        """
        return cls._of_state(session, session.book.get(name, role).address, name)

    @classmethod
    def holding(cls, session: Session, name: str) -> Self:
        """The account of a keystore of the state directory, whatever its role.

        Raises:
            StateError: there is none of that name.
        """
        return cls._of_state(session, session.keystores.address(name), name)

    @classmethod
    def known(cls, session: Session, name: str) -> Self:
        """The account of a name, whatever its role: of a keystore of the state directory, else of the address
        book.

        Raises:
            StateError: there is none of that name.
        """
        return cls.holding(session, name) if name in session.keystores else cls.named(session, name)

    @classmethod
    def _of_state(cls, session: Session, address: str, name: str) -> Self:
        checked = to_checksum_address(address)
        return cls(session, checked, name, lambda: session.account(name), lambda: session.vault_key(name))

    @classmethod
    def of(cls, session: Session, account: LocalAccount) -> Self:
        """An account whose key is at hand."""
        name = session.book.name_of(account.address) or account.address
        return cls(session, account.address, name, lambda: account)

    @classmethod
    def reading(cls, session: Session, address: str) -> Self:
        """An account without its key: it can be looked at.

        Raises:
            AttestationError: not an address.
            StateError: nobody's, or a contract's.
        """
        checked = to_checksum_address(session.address_of(address))
        return cls(session, checked, session.book.name_of(checked) or checked)

    @property
    def protocol(self) -> Protocol:
        """The contracts."""
        return self.session.protocol

    @property
    def account(self) -> LocalAccount:
        """The account with its key.

        Raises:
            StateError: its key is not at hand, or the passphrase is missing or wrong.
        """
        if self._unlock is None:
            raise StateError(
                f"the key of {self.name} is not here: it can be read, and nothing be sent for it",
                hint="give its keystore or an eth-account LocalAccount; a patient can also sign elsewhere: "
                "chainbill patient sign --help",
            )
        return self._unlock()

    @property
    def is_named(self) -> bool:
        """Was it named, and so is one of the state directory's own?"""
        return self._open_vault is not None

    @property
    def only_reads(self) -> bool:
        """Is it an address alone, without a key or a name whose keystore may be here?"""
        return self._unlock is None

    def sender(self) -> Sender:
        """Sends its transactions; errors as ``account``."""
        return self.session.sender_of(self.account)

    def vault_key(self) -> VaultKey:
        """The key that opens records sealed to it; of a named account whose key is elsewhere, that of one
        here to whose vault key its records are sealed. Errors as ``account``."""
        return VaultKey.derive(bytes(self.account.key)) if self._open_vault is None else self._open_vault()

    def vault_key_at_hand(self) -> VaultKey | None:
        """The same; None where it is elsewhere, as an address alone or a name of the address book tells.

        Raises:
            StateError: the passphrase is missing or wrong.
        """
        if self.only_reads:
            return None
        if not self.is_named or self.name in self.session.keystores:
            return self.vault_key()
        return self.session.vault_key_in_stead(self.name)
