"""The form of one sealed record as a file: its copies, each sealed to one reader, with the reader's tag.

What comes from elsewhere is read as if it were hostile: of bounded size, in this form alone.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from chainbill.errors import StateError

VERSION = 1

MOST_BYTES = 16 << 20
"""A sealed record is smaller than this: a copy of it is about a thousand bytes, with 10,000 readings five
million."""


@dataclass(frozen=True, slots=True)
class SealedRecord:
    """One record, sealed: whoever holds a key that it is sealed to opens its copy."""

    copies: Mapping[str, bytes]
    """Sealed boxes by their readers' tags (``vault.copy_tag``), in the file's order."""

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a file's content.

        Raises:
            StateError: it is no sealed record, or too large for one.
        """
        if len(content) > MOST_BYTES:
            raise StateError("a sealed record is larger than any that chainbill writes")
        try:
            return cls.of(orjson.loads(content))
        except orjson.JSONDecodeError:
            raise _unreadable() from None

    @classmethod
    def of(cls, file: Any) -> Self:
        """What a parsed file holds.

        Raises:
            StateError: it is no sealed record.
        """
        try:
            if file["version"] != VERSION or not file["copies"]:
                raise ValueError
            copies = {copy["to"]: b64decode(copy["box"], validate=True) for copy in file["copies"]}
            if not all(isinstance(tag, str) for tag in copies):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise _unreadable() from None
        return cls(copies)

    def to_json(self) -> dict[str, Any]:
        """The inverse of ``of``."""
        copies = [{"to": tag, "box": b64encode(box).decode()} for tag, box in self.copies.items()]
        return {"version": VERSION, "copies": copies}

    def to_bytes(self) -> bytes:
        """The inverse of ``parse``."""
        return orjson.dumps(self.to_json())


def _unreadable() -> StateError:
    return StateError("that is no sealed record, or a damaged one")
