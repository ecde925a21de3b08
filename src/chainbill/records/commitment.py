"""Salted commitments: what stands on chain for a service event, and what opens it.

    commitment = keccak256(TAG ‖ salt ‖ canonical encoding)

A record with readings commits to a tree of them, so that one can be shown without the others, and to each
field by itself:

    commitment = keccak256(READINGS_TAG ‖ count ‖ root ‖ field₀ ‖ field₁ ‖ …)

``docs/protocol.md`` draws both.

The salt is 128 random bits, drawn anew for each event (DESIGN 3, "what is public"): without it, anyone
could guess a record and check the guess against the chain. Its length is fixed, so no two pairs of salt
and record run together into the same bytes.

The canonical encoding is JSON in UTF-8 with sorted keys, no spaces, texts in Unicode normal form C,
times in UTC with six decimals of a second, the date of service as the calendar day of the place, and exact
integers (which is where it departs from RFC 8785: amounts reach 2^64).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from unicodedata import normalize

import orjson
from pydantic import ValidationError

from chainbill.errors import AttestationError, MalformedRecord
from chainbill.records.hashing import keccak256
from chainbill.records.merkle_tree import merkle_root
from chainbill.records.reading import Reading, Readings
from chainbill.records.salted_fields import SALT_BYTES, OpenField, open_fields
from chainbill.records.service_event import ServiceEvent

TAG = b"chainbill/service-event/v2\0"
"""Keeps these hashes apart from every other use of keccak256."""

READINGS_TAG = b"chainbill/service-event/v3\0"
"""The same for records with readings."""

READING_TAG = b"chainbill/reading/v1\0"
"""The same for leaves of the tree of readings."""


@dataclass(frozen=True, slots=True, repr=False)
class Opening:
    """A service event and the salt it was committed with: whoever holds both can prove the commitment.

    It is personal health information and has no ``repr`` that would show it.
    """

    event: ServiceEvent
    salt: bytes

    def __post_init__(self) -> None:
        if len(self.salt) != SALT_BYTES:
            raise AttestationError(f"a salt has {SALT_BYTES} bytes, not {len(self.salt)}")

    def __repr__(self) -> str:
        return "Opening(…)"

    @property
    def commitment(self) -> bytes:
        """The 32 bytes that go on chain."""
        if self.event.readings is None:
            return keccak256(TAG + self.to_bytes())
        leaves = [
            reading_leaf(number, [field.digest for field in fields])
            for number, fields in enumerate(self.reading_fields(), start=1)
        ]
        return readings_commitment(
            len(leaves), merkle_root(leaves), [field.digest for field in self.record_fields()]
        )

    def record_fields(self) -> list[OpenField]:
        """The fields of a record with readings that are its own, as they are committed to.

        Raises:
            AttestationError: it has no readings, and so no fields that can be opened one by one.
        """
        readings = self._readings()
        period = {"first_day": readings.first_day.isoformat(), "last_day": readings.last_day.isoformat()}
        return open_fields(_own_fields(self.event) | period, self.salt, "record")

    def reading_fields(self) -> list[list[OpenField]]:
        """The fields of each reading, as they are committed to.

        Raises:
            AttestationError: the record has no readings.
        """
        return [
            open_fields(_reading(reading), self.salt, str(number))
            for number, reading in enumerate(self._readings().taken, start=1)
        ]

    def _readings(self) -> Readings:
        if self.event.readings is None:
            raise AttestationError(
                "the record has no readings", hint="a claim for a month of monitoring may have some"
            )
        return self.event.readings

    def to_bytes(self) -> bytes:
        """Salt, then canonical encoding: what a vault seals."""
        return self.salt + canonical(self.event)

    @classmethod
    def from_bytes(cls, opened: bytes) -> Self:
        """Read what ``to_bytes`` wrote.

        Raises:
            MalformedRecord: not an opening. The message shows nothing of what was read.
        """
        try:
            event = ServiceEvent.model_validate_json(opened[SALT_BYTES:])
        except ValidationError:
            raise MalformedRecord("an opened record is not a service event") from None
        return cls(event, opened[:SALT_BYTES])


def new_salt() -> bytes:
    """128 bits from the operating system's random source."""
    return secrets.token_bytes(SALT_BYTES)


def commit(event: ServiceEvent, salt: bytes) -> bytes:
    """The 32-byte commitment to ``event`` under ``salt``.

    Raises:
        AttestationError: the salt is not 16 bytes.
    """
    return Opening(event, salt).commitment


def verify(opening: Opening, commitment: bytes) -> None:
    """Return where ``opening`` opens ``commitment``.

    Raises:
        AttestationError: it opens another one.
    """
    if not hmac.compare_digest(opening.commitment, commitment):
        raise AttestationError(f"the record does not open commitment 0x{commitment.hex()}")


RECORD_FIELDS = tuple(
    sorted({*ServiceEvent.model_fields} - {"readings"} | {"first_day", "last_day"})
)  # fmt: skip
"""A record's own fields where it has readings, in the order in which they are committed to."""

READING_FIELDS = tuple(sorted(Reading.model_fields))
"""A reading's, likewise."""


def reading_leaf(number: int, fields: Sequence[bytes]) -> bytes:
    """A reading's leaf in the tree: its number and the hashes of its fields, hashed twice."""
    return keccak256(keccak256(READING_TAG + _four_bytes(number) + b"".join(fields)))


def readings_commitment(count: int, root: bytes, fields: Sequence[bytes]) -> bytes:
    """The commitment to a record with readings: how many, the root over them, hashes of its own fields."""
    return keccak256(READINGS_TAG + _four_bytes(count) + root + b"".join(fields))


def canonical(event: ServiceEvent) -> bytes:
    """The canonical encoding of ``event``: equal events give equal bytes."""
    fields = _own_fields(event)
    if event.readings is not None:
        fields["readings"] = {
            "first_day": event.readings.first_day.isoformat(),
            "last_day": event.readings.last_day.isoformat(),
            "taken": [_reading(reading) for reading in event.readings.taken],
        }
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def _own_fields(event: ServiceEvent) -> dict[str, Any]:
    """Written out field by field because it is hashed for every event; a test holds it against the model."""
    return {
        "billed_amount": event.billed_amount,
        "category": event.category,
        "code": _nfc(event.code),
        "code_system": _nfc(event.code_system),
        "description": _nfc(event.description),
        "kind": event.kind.value,
        "patient": {"name": _nfc(event.patient.name), "reference": _nfc(event.patient.reference)},
        "performed_at": _utc(event.performed_at),
        "price_source": event.price_source.value,
        "provider": {"name": _nfc(event.provider.name), "reference": _nfc(event.provider.reference)},
        "record_identity": _nfc(event.record_identity),
        "service": _nfc(event.service),
        "service_date": event.service_date.isoformat(),
        "units": event.units,
    }


def _reading(reading: Reading) -> dict[str, Any]:
    return {
        "code": _nfc(reading.code),
        "code_system": _nfc(reading.code_system),
        "day": reading.day.isoformat(),
        "device": _nfc(reading.device),
        "measured_at": _utc(reading.measured_at),
        "record_identity": _nfc(reading.record_identity),
        "values": [
            {
                "code": _nfc(measured.code),
                "code_system": _nfc(measured.code_system),
                "unit": _nfc(measured.unit),
                "value": _nfc(measured.value),
            }
            for measured in reading.values
        ],
    }


def _four_bytes(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _utc(moment: datetime) -> str:
    """Not ``strftime``, which writes the year 476 with three digits."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _nfc(text: str) -> str:
    return text if text.isascii() else normalize("NFC", text)
