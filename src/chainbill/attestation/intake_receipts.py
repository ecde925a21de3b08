"""What an oracle tells a provider of another machine of the events in a file: which it has, how they stand,
and which it does not take, and why.

It never goes on chain. A node of the quorum signs it, in settlement's domain, and it travels sealed to the
provider: reasons are of people's health records.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Self

import orjson

from chainbill.attestation.signing import SIGNATURE_BYTES
from chainbill.attestation.typed_data import Domain, check_bytes, check_uint, signing_digest, word
from chainbill.errors import AttestationError
from chainbill.records.hashing import keccak256

REFUSED = "refused"
"""The standing of what the oracle does not take."""

MOST_BYTES = 1 << 26
"""A file is smaller than this: a receipt is a few hundred bytes."""


def event_id(digest: bytes, signature: bytes) -> bytes:
    """How a receipt names an event: by the digest of its attestation and by the provider's signature. Signed
    by another key it is another event, of which an earlier receipt says nothing."""
    return keccak256(digest + signature)


@dataclass(frozen=True, slots=True)
class IntakeReceipt:
    """What became of one event."""

    TYPE: ClassVar[str] = "IntakeReceipt(bytes32 eventId,string standing,string reason,string message)"

    event_id: bytes
    """As of ``event_id``, 32 bytes."""
    standing: str
    """How the oracle has it, as the word of a ``Status``; or ``refused``."""
    reason: str
    """Why it was refused, or not paid, as a stable word; ``none``: there is nothing to say."""
    message: str
    """Of a refusal: the same in a sentence."""

    def __post_init__(self) -> None:
        """Raises AttestationError: a field does not fit its Solidity type."""
        check_bytes("event_id", self.event_id, 32)
        if any(type(text) is not str for text in (self.standing, self.reason, self.message)):
            raise AttestationError("a receipt says standing, reason and message in text")

    def struct_hash(self) -> bytes:
        """The 32-byte EIP-712 hash of this struct."""
        texts = (self.standing, self.reason, self.message)
        words = [self.event_id, *(keccak256(text.encode()) for text in texts)]
        return keccak256(keccak256(self.TYPE.encode()) + b"".join(words))


@dataclass(frozen=True, slots=True)
class IntakeReceipts:
    """What became of one provider's events, as the oracle knows it at one moment."""

    TYPE: ClassVar[str] = (
        f"IntakeReceipts(uint32 providerId,uint64 issuedAt,IntakeReceipt[] receipts){IntakeReceipt.TYPE}"
    )

    provider_id: int
    issued_at: int
    """Seconds since 1970, by the chain's clock, and later than of all that its oracle has issued before."""
    receipts: tuple[IntakeReceipt, ...]

    def __post_init__(self) -> None:
        """Raises AttestationError: a field does not fit its Solidity type."""
        check_uint("provider_id", self.provider_id, 32)
        check_uint("issued_at", self.issued_at, 64)

    def digest(self, domain: Domain) -> bytes:
        """The 32 bytes that the oracle's node signs."""
        words = [
            keccak256(self.TYPE.encode()),
            word(self.provider_id),
            word(self.issued_at),
            keccak256(b"".join(receipt.struct_hash() for receipt in self.receipts)),
        ]
        return signing_digest(domain, keccak256(b"".join(words)))


@dataclass(frozen=True, slots=True)
class SignedReceipts:
    """Receipts, and the signature of the node that says so."""

    receipts: IntakeReceipts
    signature: bytes

    def to_line(self, seal: Callable[[bytes], bytes]) -> bytes:
        """The line behind a file's header; ``seal`` seals to the provider."""
        told = self.receipts
        stated = {
            "provider_id": told.provider_id,
            "issued_at": told.issued_at,
            "receipts": [
                [each.event_id.hex(), each.standing, each.reason, each.message] for each in told.receipts
            ],
            "signature": self.signature.hex(),
        }
        return b64encode(seal(orjson.dumps(stated))) + b"\n"

    @classmethod
    def parse(cls, line: bytes, unseal: Callable[[bytes], bytes]) -> Self:
        """The inverse of ``to_line``; ``unseal`` opens it.

        Raises:
            AttestationError: sealed to another key, damaged or malformed.
        """
        try:
            stated = orjson.loads(unseal(b64decode(line.strip(), validate=True)))
            receipts = tuple(
                IntakeReceipt(bytes.fromhex(event), standing, reason, message)
                for event, standing, reason, message in stated["receipts"]
            )
            told = IntakeReceipts(stated["provider_id"], stated["issued_at"], receipts)
            signature = bytes.fromhex(stated["signature"])
            if len(signature) != SIGNATURE_BYTES:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise AttestationError("the file's receipts are damaged, or none") from None
        return cls(told, signature)
