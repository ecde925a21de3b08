"""What an account may be called, and what may have been meant by a name that nobody has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from chainbill.errors import StateError, looks_like_key

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
"""An account's name: it becomes part of file names."""

_MOST_NAMED = 12
"""Names that a hint lists one by one."""


def check_name(name: str) -> str:
    """``name``, where it is one.

    Raises:
        StateError: not lower-case letters, digits and hyphens, over 64 characters, or like an address, an id
            or a private key.
    """
    refuse_key(name)
    if name.startswith("0x"):
        raise StateError(
            f"{name!r} is not an account's name: addresses begin like that",
            hint="choose a name that does not begin with 0x",
        )
    if is_id(name):
        raise StateError(
            f"{name!r} is not an account's name: ids of providers and payers are numbers",
            hint="choose a name with a letter in it",
        )
    if not NAME.fullmatch(name):
        raise StateError(
            f"{name!r} is not an account's name",
            hint="use lower-case letters, digits and hyphens, at most 64, beginning with a letter or digit",
        )
    return name


def refuse_key(text: str) -> None:
    """Refuse a private key in the place of a name.

    Raises:
        StateError: it looks like one.
    """
    if looks_like_key(text):
        raise StateError(
            "that looks like a private key, and is not repeated here: an account is meant",
            hint="name the account, or its address; whoever reads a key can spend what it holds",
        )


def is_id(text: str) -> bool:
    """Is this the id of a provider or a payer, and so no name?"""
    return text.isascii() and text.isdecimal()


def closest(word: str, known: Iterable[str]) -> str | None:
    """Which of the ``known`` was probably meant by ``word``; None where none is near it."""
    return next(iter(get_close_matches(word, list(known), n=1)), None)


def whom_else(name: str, known: Iterable[str], *, none: str) -> str:
    """The hint beside "there is no …": the name that was probably meant, and those there are.

    Args:
        none: what to do where there are none.
    """
    names = sorted(known)
    if not names:
        return none
    listed = ", ".join(names[:_MOST_NAMED])
    if len(names) > _MOST_NAMED:
        listed += f" and {len(names) - _MOST_NAMED} more"
    meant = closest(name, names)
    return f"did you mean {meant}? known here: {listed}" if meant else f"known here: {listed}"
