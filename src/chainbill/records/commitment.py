"""Salted commitments: what stands on chain for a service event, and what opens it.

    commitment = keccak256(TAG ‖ salt ‖ canonical encoding)

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
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from unicodedata import normalize

import orjson
from pydantic import ValidationError

from chainbill.errors import AttestationError, MalformedRecord
from chainbill.records.hashing import keccak256
from chainbill.records.service_event import ServiceEvent

TAG = b"chainbill/service-event/v2\0"
"""Keeps these hashes apart from every other use of keccak256."""

SALT_BYTES = 16
"""Length of a salt: 128 bits."""


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
        return keccak256(TAG + self.to_bytes())

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


def canonical(event: ServiceEvent) -> bytes:
    """The canonical encoding of ``event``: equal events give equal bytes.

    Written out field by field because it is hashed for every event; a test holds it against the model.
    """
    fields: dict[str, Any] = {
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
    return orjson.dumps(fields)


def _utc(moment: datetime) -> str:
    """Not ``strftime``, which writes the year 476 with three digits."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _nfc(text: str) -> str:
    return text if text.isascii() else normalize("NFC", text)
