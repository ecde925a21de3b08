"""The keystores' passphrase: from the environment, a private file, or a prompt; never an argument."""

from __future__ import annotations

import os
import secrets
import sys
from getpass import getpass
from pathlib import Path

from chainbill.errors import StateError
from chainbill.state.private_files import read_private, write_private

ENVIRONMENT = "CHAINBILL_PASSPHRASE"
"""Holds the passphrase; wins over the file."""

LEAST_CHARACTERS, LEAST_DIFFERENT = 12, 6
"""What the passphrase of a new key off the devnet needs: so many characters, so many of them different."""


def passphrase_from(file: Path, *, twice: bool = False) -> str:
    """The passphrase of ``$CHAINBILL_PASSPHRASE``, else of ``file``, else of whoever sits at the terminal;
    ``twice``: typed again there, since a key that is locked with a slip of the finger is lost.

    Raises:
        StateError: there is none, the file is open to other users, or what was typed again is another.
    """
    named = os.environ.get(ENVIRONMENT)
    if named:
        return named
    kept = read_private(file)
    if kept is not None and kept.strip():
        return _decoded(kept, file)
    if sys.stdin.isatty():
        typed = getpass("Passphrase of the keystores: ")
        if typed and twice and getpass("The same again: ") != typed:
            raise StateError("that is another passphrase than the first time", hint="try again")
        if typed:
            return typed
    raise StateError(
        "there is no passphrase for the keystores",
        hint=f"set {ENVIRONMENT}; for a devnet `chainbill devnet up` makes one",
    )


def passphrase_of(what: str, passphrase_file: Path | None) -> str:
    """The passphrase of a file of elsewhere: in ``passphrase_file``, else of whoever sits at the terminal.

    Raises:
        StateError: there is none, or the file cannot be read or is open to other users.
    """
    if passphrase_file is not None:
        kept = read_private(passphrase_file)
        if kept is None:
            raise StateError(f"there is no file {passphrase_file}", hint="is it spelled right?")
        return _decoded(kept, passphrase_file)
    if sys.stdin.isatty():
        return getpass(f"Passphrase of {what}: ")
    raise StateError(f"there is no passphrase for {what}", hint="give a file with it: `passphrase_file=FILE`")


def check_strength(passphrase: str) -> None:
    """Refuse a passphrase that would not keep a stolen keystore shut. Only for new keys: what an earlier key
    was locked with must still open it.

    Raises:
        StateError: it is too short, or a few characters over and over.
    """
    hint = (
        f"set {ENVIRONMENT} to another, such as five words picked at random; "
        "accounts made with this one are still opened by it"
    )
    length, different = len(passphrase.strip()), len(set(passphrase.strip()))
    if length < LEAST_CHARACTERS:
        raise StateError(
            f"the passphrase is too short for a key that may hold money: {length} characters, "
            f"and {LEAST_CHARACTERS} are the least",
            hint=hint,
        )
    if different < LEAST_DIFFERENT:
        raise StateError(
            f"the passphrase is too simple for a key that may hold money: {different} different characters, "
            f"and {LEAST_DIFFERENT} are the least",
            hint=hint,
        )


def make_passphrase(file: Path) -> None:
    """Keep a random passphrase in ``file``, unless the environment or the file holds one already. For
    devnets: it guards the keys of play money from nobody who can read the directory."""
    if not os.environ.get(ENVIRONMENT) and not file.exists():
        write_private(file, secrets.token_urlsafe(24).encode() + b"\n")


def _decoded(content: bytes, file: Path) -> str:
    try:
        return content.decode().strip()
    except UnicodeDecodeError:
        raise StateError(f"{file} does not hold a passphrase in UTF-8") from None
