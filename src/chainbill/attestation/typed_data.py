"""What providers and oracle nodes sign, in one place (``contracts/codec/TypedData.sol`` is the other
language's); ``patient_intents`` has what patients sign.

Digests are packed by hand, field by field, because one is computed for every event; tests hold them
against eth-account's general encoder and against the contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from chainbill.attestation.address import checksum_address
from chainbill.errors import AttestationError
from chainbill.records.hashing import keccak256

DOMAIN_NAME = "chainbill"
DOMAIN_VERSION = "1"

DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
SERVICE_ATTESTATION_TYPE = (
    "ServiceAttestation(uint32 providerId,uint32 payerId,address patient,bytes32 commitment,"
    "bytes8 serviceId,uint16 units,uint64 billedAmount,uint16 benefitYear,uint64 sequence)"
)
SERVICE_BUNDLE_TYPE = "ServiceBundle(uint32 providerId,uint32 payerId,uint64 sequenceBase,bytes rows)"
SETTLEMENT_BATCH_TYPE = (
    "SettlementBatch(uint32 epoch,uint64 signedAt,uint64 deadline,address operator,bytes sections)"
)

SECTIONS_OBJECTION_TYPE = "SectionsObjection(uint32 providerId,bytes32 sectionsHash,uint40 announcedAt)"

DOMAIN_TYPEHASH = keccak256(DOMAIN_TYPE.encode())
SERVICE_ATTESTATION_TYPEHASH = keccak256(SERVICE_ATTESTATION_TYPE.encode())
SERVICE_BUNDLE_TYPEHASH = keccak256(SERVICE_BUNDLE_TYPE.encode())
SETTLEMENT_BATCH_TYPEHASH = keccak256(SETTLEMENT_BATCH_TYPE.encode())
SECTIONS_OBJECTION_TYPEHASH = keccak256(SECTIONS_OBJECTION_TYPE.encode())

_PREFIX = b"\x19\x01"


@dataclass(frozen=True)
class Domain:
    """Where a signature counts: one chain, one contract. Name and version are the token's own where that
    is the contract."""

    chain_id: int
    verifying_contract: str
    """Checksum address of the contract that checks the signature."""
    name: str = DOMAIN_NAME
    version: str = DOMAIN_VERSION
    separator: bytes = field(init=False, repr=False, compare=False)
    """The 32-byte domain separator."""

    def __post_init__(self) -> None:
        """Raises AttestationError: the chain id is not a ``uint256``, the address is not one, or name or
        version are not text."""
        check_uint("chain_id", self.chain_id, 256)
        contract = checksum_address(self.verifying_contract)
        object.__setattr__(self, "verifying_contract", contract)
        names = keccak256(_utf8("name", self.name)) + keccak256(_utf8("version", self.version))
        packed = DOMAIN_TYPEHASH + names + word(self.chain_id) + _address_word(contract)
        object.__setattr__(self, "separator", keccak256(packed))

    def to_message(self) -> dict[str, Any]:
        """The domain as an EIP-712 JSON object."""
        return {
            "name": self.name,
            "version": self.version,
            "chainId": self.chain_id,
            "verifyingContract": self.verifying_contract,
        }


@dataclass(frozen=True, slots=True)
class ServiceAttestation:
    """What a provider signs: one service event, with nothing that says what or who it was."""

    TYPE: ClassVar[str] = SERVICE_ATTESTATION_TYPE

    provider_id: int
    payer_id: int
    patient: str
    """Checksum address of the patient's account."""
    commitment: bytes
    """32 bytes, of ``records.commitment``."""
    service_id: bytes
    """8 bytes, of ``records.service_id``."""
    units: int
    billed_amount: int
    """Micro-dollars for all units together; 0 bills what the fee schedule allows."""
    benefit_year: int
    sequence: int
    """The provider's own number of this attestation; it settles at most once."""

    def __post_init__(self) -> None:
        """Raises AttestationError: a field does not fit its Solidity type."""
        check_uint("provider_id", self.provider_id, 32)
        check_uint("payer_id", self.payer_id, 32)
        object.__setattr__(self, "patient", checksum_address(self.patient))
        check_bytes("commitment", self.commitment, 32)
        check_bytes("service_id", self.service_id, 8)
        check_uint("units", self.units, 16)
        check_uint("billed_amount", self.billed_amount, 64)
        check_uint("benefit_year", self.benefit_year, 16)
        check_uint("sequence", self.sequence, 64)

    def struct_hash(self) -> bytes:
        """The 32-byte EIP-712 hash of this struct."""
        return keccak256(
            SERVICE_ATTESTATION_TYPEHASH
            + self.provider_id.to_bytes(32, "big")
            + self.payer_id.to_bytes(32, "big")
            + _address_word(self.patient)
            + self.commitment
            + self.service_id
            + bytes(24)
            + self.units.to_bytes(32, "big")
            + self.billed_amount.to_bytes(32, "big")
            + self.benefit_year.to_bytes(32, "big")
            + self.sequence.to_bytes(32, "big")
        )

    def digest(self, domain: Domain) -> bytes:
        """The 32 bytes the provider's attester key signs."""
        return signing_digest(domain, self.struct_hash())

    def to_eip712_message(self, domain: Domain) -> dict[str, Any]:
        """The whole message for a wallet's ``eth_signTypedData_v4``; plain JSON."""
        message = {
            "providerId": self.provider_id,
            "payerId": self.payer_id,
            "patient": self.patient,
            "commitment": _hex(self.commitment),
            "serviceId": _hex(self.service_id),
            "units": self.units,
            "billedAmount": self.billed_amount,
            "benefitYear": self.benefit_year,
            "sequence": self.sequence,
        }
        return full_message(self.TYPE, domain, message)

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """Read the ``message`` part of ``to_eip712_message``.

        Raises:
            AttestationError: a field is missing, too many, or does not fit its Solidity type.
        """
        if set(message) != {field["name"] for field in type_members(cls.TYPE)}:
            raise AttestationError("an attestation has other fields than ServiceAttestation")
        return cls(
            provider_id=message["providerId"],
            payer_id=message["payerId"],
            patient=message["patient"],
            commitment=_from_hex("commitment", message["commitment"]),
            service_id=_from_hex("serviceId", message["serviceId"]),
            units=message["units"],
            billed_amount=message["billedAmount"],
            benefit_year=message["benefitYear"],
            sequence=message["sequence"],
        )


@dataclass(frozen=True, slots=True)
class ServiceBundle:
    """What a provider signs for many events of one payer at once, beside an attestation of each."""

    TYPE: ClassVar[str] = SERVICE_BUNDLE_TYPE

    provider_id: int
    payer_id: int
    sequence_base: int
    """What the rows' sequences count from."""
    rows: bytes
    """The events as groups of rows, packed as a section of a batch has them."""

    def __post_init__(self) -> None:
        """Raises AttestationError: a field does not fit its Solidity type."""
        check_uint("provider_id", self.provider_id, 32)
        check_uint("payer_id", self.payer_id, 32)
        check_uint("sequence_base", self.sequence_base, 64)
        if not isinstance(self.rows, bytes):
            raise AttestationError("rows are bytes")

    def struct_hash(self) -> bytes:
        """The 32-byte EIP-712 hash of this struct."""
        numbers = word(self.provider_id) + word(self.payer_id) + word(self.sequence_base)
        return keccak256(SERVICE_BUNDLE_TYPEHASH + numbers + keccak256(self.rows))

    def digest(self, domain: Domain) -> bytes:
        """The 32 bytes the provider's attester key signs."""
        return signing_digest(domain, self.struct_hash())

    def to_eip712_message(self, domain: Domain) -> dict[str, Any]:
        """The whole message for a wallet's ``eth_signTypedData_v4``; plain JSON."""
        message = {
            "providerId": self.provider_id,
            "payerId": self.payer_id,
            "sequenceBase": self.sequence_base,
            "rows": _hex(self.rows),
        }
        return full_message(self.TYPE, domain, message)


@dataclass(frozen=True, slots=True)
class RecallAttestation:
    """What a provider signs to take an attestation back from the oracle; it never goes on chain."""

    TYPE: ClassVar[str] = "RecallAttestation(uint32 providerId,bytes32 attestation,uint256 deadline)"

    provider_id: int
    attestation: bytes
    """The 32-byte digest of the attestation, as it was signed."""
    deadline: int
    """Seconds since 1970 after which the oracle does not act on it."""

    def __post_init__(self) -> None:
        """Raises AttestationError: a field does not fit its Solidity type."""
        check_uint("provider_id", self.provider_id, 32)
        check_bytes("attestation", self.attestation, 32)
        check_uint("deadline", self.deadline, 256)

    def digest(self, domain: Domain) -> bytes:
        """The 32 bytes that the provider signs."""
        words = word(self.provider_id) + self.attestation + word(self.deadline)
        return signing_digest(domain, keccak256(keccak256(self.TYPE.encode()) + words))


@dataclass(frozen=True, slots=True)
class SettlementBatch:
    """What the oracle quorum signs: the packed sections of one batch and when they may settle."""

    TYPE: ClassVar[str] = SETTLEMENT_BATCH_TYPE

    epoch: int
    """The quorum whose signatures count."""
    signed_at: int
    """Seconds since 1970; the terms in force then apply."""
    deadline: int
    """Seconds since 1970 after which the batch no longer settles."""
    operator: str
    """Checksum address that gets the operator's fee; the zero address: nobody, and no fee is taken."""
    sections: bytes

    def __post_init__(self) -> None:
        """Raises AttestationError: a field does not fit its Solidity type."""
        check_uint("epoch", self.epoch, 32)
        check_uint("signed_at", self.signed_at, 64)
        check_uint("deadline", self.deadline, 64)
        object.__setattr__(self, "operator", checksum_address(self.operator))
        if not isinstance(self.sections, bytes):
            raise AttestationError("sections are bytes")

    def struct_hash(self) -> bytes:
        """The 32-byte EIP-712 hash of this struct."""
        times = word(self.epoch) + word(self.signed_at) + word(self.deadline)
        return keccak256(
            SETTLEMENT_BATCH_TYPEHASH + times + _address_word(self.operator) + keccak256(self.sections)
        )

    def digest(self, domain: Domain) -> bytes:
        """The 32 bytes each oracle node signs."""
        return signing_digest(domain, self.struct_hash())

    def to_eip712_message(self, domain: Domain) -> dict[str, Any]:
        """The whole message for a wallet's ``eth_signTypedData_v4``; plain JSON."""
        message = {
            "epoch": self.epoch,
            "signedAt": self.signed_at,
            "deadline": self.deadline,
            "operator": self.operator,
            "sections": _hex(self.sections),
        }
        return full_message(self.TYPE, domain, message)


@dataclass(frozen=True, slots=True)
class SectionsObjection:
    """What the oracle quorum signs against sections that a provider has announced to settle without it.
    Where it did not, the digest of this is that of their batch."""

    TYPE: ClassVar[str] = SECTIONS_OBJECTION_TYPE

    provider_id: int
    sections_hash: bytes
    """keccak256 of the packed sections."""
    announced_at: int
    """Seconds since 1970."""

    def __post_init__(self) -> None:
        """Raises AttestationError: a field does not fit its Solidity type."""
        check_uint("provider_id", self.provider_id, 32)
        check_bytes("sections_hash", self.sections_hash, 32)
        check_uint("announced_at", self.announced_at, 40)

    def struct_hash(self) -> bytes:
        """The 32-byte EIP-712 hash of this struct."""
        words = word(self.provider_id) + self.sections_hash + word(self.announced_at)
        return keccak256(SECTIONS_OBJECTION_TYPEHASH + words)

    def digest(self, domain: Domain) -> bytes:
        """The 32 bytes each oracle node signs."""
        return signing_digest(domain, self.struct_hash())

    def to_eip712_message(self, domain: Domain) -> dict[str, Any]:
        """The whole message for a wallet's ``eth_signTypedData_v4``; plain JSON."""
        message = {
            "providerId": self.provider_id,
            "sectionsHash": _hex(self.sections_hash),
            "announcedAt": self.announced_at,
        }
        return full_message(self.TYPE, domain, message)


def signing_digest(domain: Domain, struct_hash: bytes) -> bytes:
    """The 32 bytes that are signed for a struct in a domain."""
    return keccak256(_PREFIX + domain.separator + struct_hash)


def full_message(struct_type: str, domain: Domain, message: dict[str, Any]) -> dict[str, Any]:
    name = struct_type.partition("(")[0]
    return {
        "types": {"EIP712Domain": type_members(DOMAIN_TYPE), name: type_members(struct_type)},
        "primaryType": name,
        "domain": domain.to_message(),
        "message": message,
    }


def type_members(struct_type: str) -> list[dict[str, str]]:
    """A type string's members as EIP-712 JSON lists them."""
    members = struct_type.partition("(")[2].removesuffix(")").split(",")
    return [dict(zip(("type", "name"), member.split(" "), strict=True)) for member in members]


def word(value: int) -> bytes:
    """A number as EIP-712 hashes it: 32 bytes, big-endian."""
    return value.to_bytes(32, "big")


def _address_word(address: str) -> bytes:
    return bytes(12) + bytes.fromhex(address[2:])


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _from_hex(name: str, value: object) -> bytes:
    try:
        if not isinstance(value, str) or not value.startswith("0x"):
            raise ValueError
        return bytes.fromhex(value[2:])
    except ValueError:
        raise AttestationError(f"{name} is not hexadecimal") from None


def _utf8(name: str, value: object) -> bytes:
    if not isinstance(value, str):
        raise AttestationError(f"the domain's {name} is {type(value).__name__}, not text")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise AttestationError(f"the domain's {name} is not text") from None


def check_uint(name: str, value: object, bits: int) -> None:
    """Raises AttestationError: it is no whole number that fits ``uint{bits}``."""
    if type(value) is not int:
        raise AttestationError(f"{name} is {type(value).__name__}, not a whole number")
    if not 0 <= value < 1 << bits:
        raise AttestationError(f"{name} {value} does not fit uint{bits}")


def check_bytes(name: str, value: object, size: int) -> None:
    """Raises AttestationError: it is not so many bytes."""
    if type(value) is not bytes:
        raise AttestationError(f"{name} is {type(value).__name__}, not bytes")
    if len(value) != size:
        raise AttestationError(f"{name} has {len(value)} bytes, not {size}")
