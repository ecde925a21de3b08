"""Accounts in encrypted keystores (the Web3 Secret Storage format), one file per name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from chainbill.errors import StateError
from chainbill.records.repeated_keys import refuse_repeated_keys
from chainbill.state.names import NAME, check_name, whom_else
from chainbill.state.passphrase import check_strength
from chainbill.state.private_files import read_private, write_private

SCRYPT_N = 2**17
"""scrypt's cost of a key that may hold money: 128 MiB and about half a second for each guess, OWASP's least
for r = 8 and p = 1 (Password Storage Cheat Sheet)."""

DEVNET_SCRYPT_N = 2**15
"""And of the devnet's play money, a quarter of that: its passphrase is random and would need none."""


MOST_SCRYPT_BYTES, MOST_ROUNDS = 1 << 30, 10_000_000
"""What opening a keystore of elsewhere may cost: scrypt's memory, and the rounds of PBKDF2. geth's take 256
MiB and 262,144."""


def open_keystore(content: bytes, passphrase: str) -> bytes:
    """The private key in a keystore of elsewhere (Web3 Secret Storage, version 3), 32 bytes.

    Raises:
        StateError: it is no keystore, would cost too much to open, the passphrase does not open it, or it
            holds another account than it says.
    """
    refuse_repeated_keys(content, "the keystore", StateError)
    try:
        keystore = json.loads(content)
        _check_cost(keystore["crypto"]["kdfparams"])
        stated = keystore.get("address")
        key = bytes(Account.decrypt(keystore, passphrase))
        address = Account.from_key(key).address
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if "MAC mismatch" in str(error):
            raise StateError(
                "the passphrase does not open the keystore", hint="it is asked for the keystore's own"
            ) from None
        raise StateError(
            "that is no keystore of an account",
            hint="keystores are JSON files as geth, clef and most wallets write them (version 3)",
        ) from None
    if stated and to_checksum_address(str(stated)) != address:
        raise StateError(f"the keystore says {stated} and holds the key of {address}")
    return key


def _check_cost(parameters: dict[str, int]) -> None:
    memory = 128 * parameters.get("n", 0) * parameters.get("r", 1) * parameters.get("p", 1)
    if memory > MOST_SCRYPT_BYTES or parameters.get("c", 0) > MOST_ROUNDS:
        raise StateError(
            "the keystore would take longer to open than any that a wallet writes",
            hint="if it is yours, have its wallet write it anew",
        )


class Keystores:
    """The keystores of one directory. An opened account is remembered for the life of this object."""

    def __init__(self, directory: Path, passphrase: Callable[[], str], *, devnet: bool = False) -> None:
        """``passphrase`` is called when the first keystore is made or opened. ``devnet``: keys that are made
        hold play money, so any passphrase will do."""
        self.directory = directory
        self._ask = passphrase
        self._devnet = devnet
        self._passphrase: str | None = None
        self._open: dict[str, LocalAccount] = {}

    def names(self) -> list[str]:
        """Every account's name, in order."""
        return sorted(path.stem for path in self.directory.glob("*.json") if NAME.fullmatch(path.stem))

    def __contains__(self, name: str) -> bool:
        return self._path(name).is_file()

    def create(self, name: str) -> LocalAccount:
        """Make a new account.

        Raises:
            StateError: the name is taken or not a name, or there is no passphrase, or a weak one.
        """
        return self.add(name, bytes(Account.create().key))

    def add(self, name: str, private_key: bytes) -> LocalAccount:
        """Keep an account that exists elsewhere, by its 32-byte private key.

        Raises:
            StateError: the name is taken or not a name, not a key, or there is no passphrase, or a weak one.
        """
        path = self._path(name)
        if path.exists():
            raise StateError(f"there is an account named {name!r} already", hint="choose another name")
        account = self.check(private_key)
        if not self._devnet:
            check_strength(self._secret())
        cost = DEVNET_SCRYPT_N if self._devnet else SCRYPT_N
        keystore = Account.encrypt(account.key, self._secret(), kdf="scrypt", iterations=cost)
        # Never replaced: a key that is overwritten is gone, and money with it.
        write_private(path, json.dumps(keystore, indent=2).encode() + b"\n", replace=False)
        self._open[name] = account
        return account

    @staticmethod
    def check(private_key: bytes) -> LocalAccount:
        """The account of a 32-byte private key.

        Raises:
            StateError: it is none.
        """
        try:
            account: LocalAccount = Account.from_key(private_key)
        except ValueError:
            raise StateError("that is not a private key of an account") from None
        return account

    def unlock(self, name: str) -> LocalAccount:
        """Open an account.

        Raises:
            StateError: no such account, the passphrase is missing or wrong, or the file is damaged.
        """
        if name not in self._open:
            keystore = self._read(name)
            try:
                self._open[name] = Account.from_key(Account.decrypt(keystore, self._secret()))
            except (ValueError, KeyError, TypeError) as error:
                raise self._refusal(name, error) from None
        return self._open[name]

    def ensure(self, name: str) -> LocalAccount:
        """Open the account, or make it where there is none."""
        return self.unlock(name) if name in self else self.create(name)

    def address(self, name: str) -> str:
        """An account's checksum address, without opening it.

        Raises:
            StateError: no such account, or the file is damaged.
        """
        try:
            return to_checksum_address(self._read(name)["address"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._refusal(name, error) from None

    def _read(self, name: str) -> dict[str, Any]:
        content = read_private(self._path(name))
        if content is None:
            raise StateError(
                f"there is no account named {name!r} whose keystore is here",
                hint=whom_else(
                    name,
                    self.names(),
                    none="make the usual ones of a devnet: chainbill devnet up; or your own: chainbill "
                    "accounts new NAME, or accounts import FILE",
                ),
            )
        refuse_repeated_keys(content, f"the keystore {self._path(name)}", StateError)
        try:
            keystore: dict[str, Any] = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise self._refusal(name, error) from None
        return keystore

    def _secret(self) -> str:
        if self._passphrase is None:
            self._passphrase = self._ask()
        return self._passphrase

    def _refusal(self, name: str, error: Exception) -> StateError:
        if "MAC mismatch" in str(error):
            return StateError(
                f"the passphrase does not open the account {name!r}",
                hint="is CHAINBILL_PASSPHRASE the one the account was made with?",
            )
        return StateError(f"the keystore {self._path(name)} is damaged")

    def _path(self, name: str) -> Path:
        return self.directory / f"{check_name(name)}.json"
