"""What an account may be called."""

from __future__ import annotations

import re

from chainbill.errors import StateError

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
"""An account's name: it becomes part of file names."""


def check_name(name: str) -> str:
    """``name``, where it is one.

    Raises:
        StateError: not lower-case letters, digits and hyphens, or over 64 characters.
    """
    if not NAME.fullmatch(name):
        raise StateError(
            f"{name!r} is not an account's name",
            hint="use lower-case letters, digits and hyphens, at most 64, beginning with a letter or digit",
        )
    return name
