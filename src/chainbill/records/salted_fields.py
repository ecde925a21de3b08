"""Fields that can be opened one by one: each hashed under a salt of its own.

    field = keccak256(TAG ‖ salt ‖ canonical JSON of [name, value])

Its salt comes from the record's by the field's place, so that it need not be kept, and shows nothing of the
record's or of a neighbour's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson
from pydantic import JsonValue

from chainbill.records.hashing import keccak256

SALT_BYTES = 16
"""Length of a salt: 128 bits."""

_TAG = b"chainbill/field/v1\0"
_SALT_TAG = b"chainbill/field-salt/v1\0"


@dataclass(frozen=True, slots=True)
class OpenField:
    """A field, shown."""

    name: str
    salt: bytes
    value: JsonValue

    @property
    def digest(self) -> bytes:
        """What stands for it where it is not shown."""
        written = orjson.dumps([self.name, self.value], option=orjson.OPT_SORT_KEYS)
        return keccak256(_TAG + self.salt + written)


@dataclass(frozen=True, slots=True)
class HiddenField:
    """A field of which only the hash is told."""

    digest: bytes


Field = OpenField | HiddenField


def field_salt(salt: bytes, place: str, name: str) -> bytes:
    """The salt of one field, from its record's; ``place`` is ``record``, or the number of a reading."""
    return keccak256(_SALT_TAG + salt + f"{place}/{name}".encode())[:SALT_BYTES]


def open_fields(values: Mapping[str, JsonValue], salt: bytes, place: str) -> list[OpenField]:
    """Fields under their salts, in the order of their names."""
    return [OpenField(name, field_salt(salt, place, name), values[name]) for name in sorted(values)]


def show_only(fields: Sequence[OpenField], names: Sequence[str]) -> tuple[Field, ...]:
    """The same fields, with those alone shown that are named."""
    return tuple(field if field.name in names else HiddenField(field.digest) for field in fields)
