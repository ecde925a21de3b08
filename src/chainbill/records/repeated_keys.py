"""JSON that says one thing twice: programs take the last, people the first, so it is refused by name."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from chainbill.errors import ChainbillError


def refuse_repeated_keys(content: bytes | str, what: str, error: type[ChainbillError]) -> None:
    """Return where no object in ``content`` has a key twice. What is no JSON is left to the reader to refuse.

    Raises:
        error: an object says something twice; ``what`` is what it was read from, for the person.
    """
    repeated: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            repeated.append(next(name for place, name in enumerate(names) if name in names[:place]))

    with suppress(ValueError, RecursionError):
        # Numbers are not looked at: one of 5,000 digits is the reader's to refuse.
        json.loads(content, object_pairs_hook=note, parse_int=len, parse_float=len)
    if repeated:
        raise error(
            f"{what} says {repeated[0]!r} twice", hint="which of the two is meant cannot be told: say it once"
        )
