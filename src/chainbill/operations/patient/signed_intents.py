"""Signed intents as files: a patient signs what it wants, and anyone sends it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError

from chainbill.attestation.patient_intents import DisputeClaim, EscrowIntent, read_intent
from chainbill.attestation.patient_intents import Intent as Intent  # faces get it here
from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import Domain
from chainbill.chain.protocol import Protocol
from chainbill.errors import AttestationError
from chainbill.operations.actor import Actor
from chainbill.records.repeated_keys import refuse_repeated_keys
from chainbill.stated import Stated


class SignedIntent(Stated):
    """What a patient wants, and its signature over it. It names no more than will stand on chain."""

    message: dict[str, Any]
    """The EIP-712 message, as wallets show it."""
    signature: Annotated[str, Field(pattern=r"^0x([0-9a-fA-F]{2})+$")]
    """Of a key in any form in use (``canonical_signature``); of a contract wallet any bytes."""

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a file's content.

        Raises:
            AttestationError: it is no signed intent, or says something twice.
        """
        refuse_repeated_keys(content, "the signed intent", AttestationError)
        try:
            return cls.model_validate_json(content)
        except ValidationError:
            raise AttestationError(
                "that is no signed intent", hint="make one: chainbill patient sign --help"
            ) from None

    def read(self) -> tuple[Intent, Domain]:
        """The intent, and the domain it was signed for.

        Raises:
            AttestationError: no intent of ours, or malformed.
        """
        return read_intent(self.message)

    @property
    def is_dispute(self) -> bool:
        """Does it dispute a claim? Errors as ``read``."""
        return isinstance(self.read()[0], DisputeClaim)

    @property
    def deadline(self) -> int:
        """Until when it can be sent, in seconds since 1970."""
        return deadline_of(self.message)

    def to_text(self) -> str:
        """The content of a file."""
        return json.dumps(self.model_dump(), indent=2)


def deadline_of(message: Mapping[str, Any]) -> int:
    """Until when an intent can be sent, by its EIP-712 message; in seconds since 1970."""
    members = message["message"]
    return int(members["deadline"] if "deadline" in members else members["validBefore"])


def sign(patient: Actor, intent: Intent) -> SignedIntent:
    """Sign what a patient wants.

    Raises:
        StateError: its key is not at hand, or the passphrase is missing or wrong.
    """
    domain = domain_of(patient.protocol, intent)
    signature = Signer(patient.account).sign(intent.digest(domain))
    return SignedIntent(message=intent.to_eip712_message(domain), signature=f"0x{signature.hex()}")


def domain_of(protocol: Protocol, intent: Intent) -> Domain:
    """The domain of the contract that an intent is for."""
    match intent:
        case EscrowIntent():
            return protocol.escrow_domain
        case DisputeClaim():
            return protocol.domain
    return protocol.token_domain
