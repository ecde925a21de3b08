"""The keys that are in the state directory, each in an encrypted keystore."""

from __future__ import annotations

import os
from pathlib import Path

from eth_account.signers.local import LocalAccount

from chainbill.client.arguments import checked
from chainbill.client.parties import AccountRole, role_of
from chainbill.operations import accounts
from chainbill.operations.accounts import OwnAccount
from chainbill.state.session import Session


@checked
class Accounts:
    """The accounts whose keys are here. They are locked with the state directory's passphrase: that of
    ``$CHAINBILL_PASSPHRASE``, or of the file ``passphrase`` there. A key that a program keeps itself, as a
    ``LocalAccount``, needs none of this."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def new(self, name: str, role: AccountRole) -> OwnAccount:
        """Make an account; nothing is sent. See ``operations.accounts.new_account``."""
        session = self._session
        entry = accounts.new_account(session.book, session.keystores, name, role_of(role))
        return OwnAccount(name, entry.role, entry.address)

    def import_key(self, key: LocalAccount, name: str, role: AccountRole) -> OwnAccount:
        """Keep an account of elsewhere. See ``operations.accounts.import_account``."""
        session = self._session
        entry = accounts.import_account(session.book, session.keystores, name, role_of(role), bytes(key.key))
        return OwnAccount(name, entry.role, entry.address)

    def import_keystore(
        self, file: str | os.PathLike[str], passphrase: str, name: str, role: AccountRole
    ) -> OwnAccount:
        """Keep the account of a keystore of geth, clef, cast or a wallet; the file stays as it is.

        Args:
            passphrase: the file's own.
        """
        session = self._session
        key = accounts.read_keystore(Path(file), lambda: passphrase)
        entry = accounts.import_account(session.book, session.keystores, name, role_of(role), key)
        return OwnAccount(name, entry.role, entry.address)

    def list(self) -> tuple[OwnAccount, ...]:
        """The accounts whose keys are here, in order of name."""
        return accounts.own_accounts(self._session.book, self._session.keystores)
