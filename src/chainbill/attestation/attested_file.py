"""Attested events on their way from a provider to an oracle, as one file.

Each line is sealed to the oracle's vault key: the openings are personal health information. What a line says
is signed by the provider, and the oracle checks it as if it had come any other way; the file itself proves
nothing.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from chainbill.attestation.attested import AttestedEvent
from chainbill.attestation.typed_data import Domain, RecallAttestation, ServiceAttestation
from chainbill.errors import AttestationError
from chainbill.records.commitment import Opening

MOST_LINE_BYTES = 8 << 20
"""A line is smaller than this: an event is about two thousand bytes, with 10,000 readings seven million."""


@dataclass(frozen=True, slots=True)
class SignedRecall:
    """A provider takes an attestation back."""

    request: RecallAttestation
    signature: bytes


def write_lines(
    handed: Iterable[AttestedEvent | SignedRecall], domain: Domain, seal: Callable[[bytes], bytes]
) -> Iterator[bytes]:
    """The lines behind the header; ``seal`` seals to the oracle."""
    for each in handed:
        plain = _recall(each) if isinstance(each, SignedRecall) else _event(each, domain)
        yield b64encode(seal(orjson.dumps(plain))) + b"\n"


def read_line(line: bytes, unseal: Callable[[bytes], bytes]) -> AttestedEvent | SignedRecall:
    """What a line says; ``unseal`` opens it.

    Raises:
        AttestationError: sealed to another key, damaged or malformed.
        MalformedRecord: the event's record is none.
    """
    try:
        stated = orjson.loads(unseal(b64decode(line.strip(), validate=True)))
        if "recall" in stated:
            return _read_recall(stated)
        return AttestedEvent(
            ServiceAttestation.from_message(stated["attestation"]),
            bytes.fromhex(stated["signature"]),
            Opening.from_bytes(b64decode(stated["opening"], validate=True)),
            bytes.fromhex(stated["corrects"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise AttestationError("a line of the file is no attested event") from None


def _event(attested: AttestedEvent, domain: Domain) -> dict[str, Any]:
    return {
        "attestation": attested.attestation.to_eip712_message(domain)["message"],
        "signature": attested.signature.hex(),
        "opening": b64encode(attested.opening.to_bytes()).decode(),
        "corrects": attested.corrects.hex(),
    }


def _recall(signed: SignedRecall) -> dict[str, Any]:
    request = signed.request
    return {
        "recall": request.attestation.hex(),
        "provider_id": request.provider_id,
        "deadline": request.deadline,
        "signature": signed.signature.hex(),
    }


def _read_recall(stated: dict[str, Any]) -> SignedRecall:
    request = RecallAttestation(
        provider_id=stated["provider_id"],
        attestation=bytes.fromhex(stated["recall"]),
        deadline=stated["deadline"],
    )
    return SignedRecall(request, bytes.fromhex(stated["signature"]))
