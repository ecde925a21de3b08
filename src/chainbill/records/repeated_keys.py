"""JSON that says one thing twice: programs take the last, people the first, so it is refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from chainbill.errors import ChainbillError


def repeated_key(pairs: Iterable[tuple[str, Any]]) -> str | None:
    """The first key of an object that stands in it a second time; None where its keys are distinct."""
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return name
        seen.add(name)
    return None


def refuse_repeated_keys(content: bytes | str, what: str, error: type[ChainbillError]) -> None:
    """Return where no object in ``content`` has a key twice. What is no JSON is left to the reader to refuse.

    Raises:
        error: an object says something twice; ``what`` is what it was read from, for the person.
    """
    repeated: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        if (name := repeated_key(pairs)) is not None:
            repeated.append(name)

    with suppress(ValueError, RecursionError):
        # Numbers are not looked at: one of 5,000 digits is the reader's to refuse.
        json.loads(content, object_pairs_hook=note, parse_int=len, parse_float=len)
    if repeated:
        raise error(
            f"{what} says {repeated[0]!r} twice", hint="which of the two is meant cannot be told: say it once"
        )
