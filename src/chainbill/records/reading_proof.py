"""Proofs of readings: some fields of a month's record, and what leads from them to its commitment.

Whoever has a commitment from the chain checks a proof with nothing else. It shows the fields that it opens,
and of the record nothing more: every other field is there by its hash alone.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import orjson
from pydantic import JsonValue

from chainbill.errors import AttestationError
from chainbill.records.commitment import (
    READING_FIELDS,
    RECORD_FIELDS,
    Opening,
    reading_leaf,
    readings_commitment,
)
from chainbill.records.merkle_tree import merkle_proof, merkle_root, proof_length, root_of_proof
from chainbill.records.reading import MOST_READINGS
from chainbill.records.salted_fields import SALT_BYTES, Field, HiddenField, OpenField, show_only

FORM = "proof of readings"
VERSION = 1

HASH_BYTES = 32

PERIOD = ("first_day", "last_day")
"""The fields of a record that say of which days its readings are."""


@dataclass(frozen=True, slots=True)
class ShownReading:
    """A reading, some of its fields open."""

    number: int
    """Its place among the record's readings, from 1."""
    fields: tuple[Field, ...]
    path: tuple[bytes, ...] = ()
    """The siblings from its leaf up to the root; empty where the proof has every reading."""

    @property
    def values(self) -> dict[str, JsonValue]:
        """What is open of it, by name."""
        return _shown(self.fields)

    @property
    def leaf(self) -> bytes:
        """Its leaf in the tree."""
        return reading_leaf(self.number, [field.digest for field in self.fields])


@dataclass(frozen=True, slots=True)
class ReadingsProof:
    """Readings of one record, and the commitment that they lead to."""

    count: int
    """How many readings the record has."""
    record: tuple[Field, ...]
    """The record's own fields."""
    readings: tuple[ShownReading, ...]
    """By number, ascending."""

    @property
    def is_complete(self) -> bool:
        """Does it hold every reading of the record, so that none was left out?"""
        return len(self.readings) == self.count

    @property
    def record_values(self) -> dict[str, JsonValue]:
        """What is open of the record's own fields, by name."""
        return _shown(self.record)

    @property
    def commitment(self) -> bytes:
        """What it comes to: 32 bytes, to be compared with those on chain.

        Raises:
            AttestationError: it does not hold together, and proves nothing.
        """
        _check_fields(self.record, RECORD_FIELDS)
        for reading in self.readings:
            _check_fields(reading.fields, READING_FIELDS)
        return readings_commitment(self.count, self._root(), [field.digest for field in self.record])

    def _root(self) -> bytes:
        numbers = [reading.number for reading in self.readings]
        in_order = numbers == sorted(set(numbers))
        if not (numbers and in_order and numbers[0] >= 1 and numbers[-1] <= self.count <= MOST_READINGS):
            raise AttestationError("the proof's readings are not numbered as a record's are")
        if self.is_complete:
            if any(reading.path for reading in self.readings):
                raise AttestationError("the proof has every reading, and paths beside them")
            return merkle_root([reading.leaf for reading in self.readings])
        for reading in self.readings:
            whole = all(len(sibling) == HASH_BYTES for sibling in reading.path)
            if not whole or len(reading.path) != proof_length(self.count, reading.number - 1):
                raise AttestationError(f"the path of reading {reading.number} is none of such a tree")
        roots = {root_of_proof(reading.leaf, reading.path) for reading in self.readings}
        if len(roots) != 1:
            raise AttestationError("the proof's readings are not of one record")
        return roots.pop()

    def to_bytes(self) -> bytes:
        """The proof as a file, in which the commitment stands for whoever looks it up."""
        stated = {
            "chainbill": FORM,
            "version": VERSION,
            "commitment": _hex(self.commitment),
            "count": self.count,
            "record": [_written(field) for field in self.record],
            "readings": [
                {
                    "number": reading.number,
                    "fields": [_written(field) for field in reading.fields],
                    "path": [_hex(sibling) for sibling in reading.path],
                }
                for reading in self.readings
            ],
        }
        return orjson.dumps(stated, option=orjson.OPT_INDENT_2) + b"\n"

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read what ``to_bytes`` wrote.

        Raises:
            AttestationError: it is no such file, or a proof that does not come to the commitment it states.
        """
        try:
            stated = orjson.loads(content)
            if (stated["chainbill"], stated["version"]) != (FORM, VERSION):
                raise ValueError
            proof = cls(
                _number(stated["count"]),
                tuple(map(_read, stated["record"])),
                tuple(
                    ShownReading(
                        _number(each["number"]),
                        tuple(map(_read, each["fields"])),
                        tuple(_bytes(sibling, HASH_BYTES) for sibling in each["path"]),
                    )
                    for each in stated["readings"]
                ),
            )
            verify_readings(proof, _bytes(stated["commitment"], HASH_BYTES))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise AttestationError(
                "that is no proof of readings, or a damaged one",
                hint="whoever holds the record makes one: chainbill records prove CLAIM FILE",
            ) from None
        return proof


def prove_reading(opening: Opening, number: int) -> ReadingsProof:
    """Show one reading of a record, and nothing of the others.

    Args:
        number: its place among the readings, from 1.

    Raises:
        AttestationError: the record has no readings, or not so many.
    """
    fields = opening.reading_fields()
    if not 1 <= number <= len(fields):
        raise AttestationError(f"there is no reading {number}", hint=f"the record has {len(fields)}")
    leaves = [
        reading_leaf(place, [field.digest for field in each]) for place, each in enumerate(fields, start=1)
    ]
    shown = ShownReading(number, tuple(fields[number - 1]), tuple(merkle_proof(leaves, number - 1)))
    return ReadingsProof(len(leaves), show_only(opening.record_fields(), ()), (shown,))


def prove_days(opening: Opening) -> ReadingsProof:
    """Show the period and the day of every reading, and nothing else.

    Raises:
        AttestationError: the record has no readings.
    """
    readings = tuple(
        ShownReading(number, show_only(fields, ("day",)))
        for number, fields in enumerate(opening.reading_fields(), start=1)
    )
    return ReadingsProof(len(readings), show_only(opening.record_fields(), PERIOD), readings)


def verify_readings(proof: ReadingsProof, commitment: bytes) -> None:
    """Return where a proof leads to a commitment.

    Raises:
        AttestationError: it leads to another one, or does not hold together.
    """
    if not hmac.compare_digest(proof.commitment, commitment):
        raise AttestationError(f"the proof does not lead to commitment 0x{commitment.hex()}")


def _check_fields(fields: Sequence[Field], names: Sequence[str]) -> None:
    """Each field has its place, so that none can be shown in place of another, or twice."""
    placed = len(fields) == len(names) and all(map(_is_in_place, fields, names))
    if not placed:
        raise AttestationError("the proof's fields are not those of a record with readings")


def _is_in_place(field: Field, name: str) -> bool:
    if isinstance(field, HiddenField):
        return len(field.digest) == HASH_BYTES
    return field.name == name and len(field.salt) == SALT_BYTES


def _shown(fields: Sequence[Field]) -> dict[str, JsonValue]:
    return {field.name: field.value for field in fields if isinstance(field, OpenField)}


def _written(field: Field) -> dict[str, JsonValue]:
    if isinstance(field, HiddenField):
        return {"hash": _hex(field.digest)}
    return {"name": field.name, "salt": _hex(field.salt), "value": field.value}


def _read(stated: dict[str, Any]) -> Field:
    if "hash" in stated:
        return HiddenField(_bytes(stated["hash"], HASH_BYTES))
    name = stated["name"]
    if not isinstance(name, str):
        raise TypeError
    return OpenField(name, _bytes(stated["salt"], SALT_BYTES), stated["value"])


def _number(stated: Any) -> int:
    if not isinstance(stated, int) or isinstance(stated, bool):
        raise TypeError
    return stated


def _bytes(stated: Any, length: int) -> bytes:
    found = bytes.fromhex(stated.removeprefix("0x"))
    if len(found) != length:
        raise ValueError
    return found


def _hex(value: bytes) -> str:
    return f"0x{value.hex()}"
