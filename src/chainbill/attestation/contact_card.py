"""A contact card: what an account's owner tells others of itself, signed with the account's own key.

It never goes on chain. It is signed for settlement's domain, so a card of another chain or of another
deployment is none of this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from chainbill.attestation.address import checksum_address
from chainbill.attestation.typed_data import Domain, full_message, signing_digest, type_members
from chainbill.errors import AttestationError
from chainbill.records.hashing import keccak256

NO_KEY = bytes(32)
"""Stands where a card has no vault key, and where no schedule is handed over."""

_BITS = {"providerId": 32, "payerId": 32, "issuedAt": 64, "expiresAt": 64}


@dataclass(frozen=True, slots=True)
class ContactCard:
    """What others need to know of an account."""

    TYPE: ClassVar[str] = (
        "ContactCard(string name,string role,address account,uint32 providerId,uint32 payerId,"
        "bytes32 vaultKey,bytes32 scheduleFor,bytes schedule,uint64 issuedAt,uint64 expiresAt)"
    )

    name: str
    """What its owner calls it; whoever imports the card may call it otherwise."""
    role: str
    account: str
    """Checksum address."""
    provider_id: int
    """In the provider registry; 0: none."""
    payer_id: int
    """Of its payer contract; 0: none."""
    vault_key: bytes
    """The X25519 key that records are sealed to, 32 bytes; ``NO_KEY``: none."""
    schedule_for: bytes
    """The vault key of whom ``schedule`` is sealed to; ``NO_KEY``: none is handed over."""
    schedule: bytes
    """A schedule, sealed: an insurer's of its fees, a provider's of its cash prices."""
    issued_at: int
    """Seconds since 1970, by the chain's clock."""
    expires_at: int
    """Until when it may be imported, in seconds since 1970."""

    def __post_init__(self) -> None:
        """Raises AttestationError: a field does not fit its Solidity type."""
        object.__setattr__(self, "account", checksum_address(self.account))
        for text in (self.name, self.role):
            if type(text) is not str or not text.isascii():
                raise AttestationError("a card's name and role are text in ASCII")
        for name, value in self._numbers().items():
            if type(value) is not int or not 0 <= value < 1 << _BITS[name]:
                raise AttestationError(f"a card's {name} is a whole number of {_BITS[name]} bits")
        for key in (self.vault_key, self.schedule_for):
            if type(key) is not bytes or len(key) != len(NO_KEY):
                raise AttestationError("a vault's public key has 32 bytes")
        if type(self.schedule) is not bytes or bool(self.schedule) != (self.schedule_for != NO_KEY):
            raise AttestationError("a card with a schedule says whom it is for, and no other does")

    def digest(self, domain: Domain) -> bytes:
        """The 32 bytes that the account's owner signs."""
        words = [
            keccak256(self.TYPE.encode()),
            keccak256(self.name.encode()),
            keccak256(self.role.encode()),
            bytes(12) + bytes.fromhex(self.account[2:]),
            self.provider_id.to_bytes(32, "big"),
            self.payer_id.to_bytes(32, "big"),
            self.vault_key,
            self.schedule_for,
            keccak256(self.schedule),
            self.issued_at.to_bytes(32, "big"),
            self.expires_at.to_bytes(32, "big"),
        ]
        return signing_digest(domain, keccak256(b"".join(words)))

    def to_eip712_message(self, domain: Domain) -> dict[str, Any]:
        """The whole message for a wallet's ``eth_signTypedData_v4``; plain JSON."""
        message = {
            "name": self.name,
            "role": self.role,
            "account": self.account,
            **self._numbers(),
            "vaultKey": f"0x{self.vault_key.hex()}",
            "scheduleFor": f"0x{self.schedule_for.hex()}",
            "schedule": f"0x{self.schedule.hex()}",
        }
        return full_message(self.TYPE, domain, message)

    @classmethod
    def read(cls, message: Mapping[str, Any]) -> tuple[Self, Domain]:
        """The inverse of ``to_eip712_message``.

        Raises:
            AttestationError: it is no card, or a field is missing, too many or malformed.
        """
        try:
            named, struct = message["domain"], message["message"]
            domain = Domain(named["chainId"], named["verifyingContract"], named["name"], named["version"])
            wanted = full_message(cls.TYPE, domain, dict(struct))
            members = {member["name"] for member in type_members(cls.TYPE)}
            if dict(message) != wanted or set(struct) != members:
                raise AttestationError("that is no contact card, or not of this version")
            card = cls(
                name=struct["name"],
                role=struct["role"],
                account=struct["account"],
                provider_id=struct["providerId"],
                payer_id=struct["payerId"],
                vault_key=_bytes(struct["vaultKey"]),
                schedule_for=_bytes(struct["scheduleFor"]),
                schedule=_bytes(struct["schedule"]),
                issued_at=struct["issuedAt"],
                expires_at=struct["expiresAt"],
            )
        except (KeyError, TypeError, ValueError):
            raise AttestationError(
                "that is no contact card", hint="its owner makes one: chainbill contacts card"
            ) from None
        return card, domain

    def _numbers(self) -> dict[str, int]:
        return {
            "providerId": self.provider_id,
            "payerId": self.payer_id,
            "issuedAt": self.issued_at,
            "expiresAt": self.expires_at,
        }


def _bytes(value: object) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError
    return bytes.fromhex(value[2:])
