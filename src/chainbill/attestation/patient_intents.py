"""What patients sign so that anyone may submit it for them: one struct for each verb.

``EscrowIntent``s and ``DisputeClaim`` name the patient's next nonce and a deadline; the relay that submits
one can neither change it nor use it twice. The escrow's are signed for the escrow's domain, ``DisputeClaim``
for settlement's, ``Permit`` and the two transfers (ERC-2612, ERC-3009) for the token's own domain.

Every member of these structs is one word, so one base class packs them all; tests hold it against
eth-account's general encoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self

from chainbill.attestation.address import checksum_address
from chainbill.attestation.typed_data import (
    DOMAIN_TYPE,
    Domain,
    full_message,
    signing_digest,
    type_members,
)
from chainbill.errors import AttestationError, quoted
from chainbill.records.hashing import keccak256


class Intent:
    """Base of what a patient signs. A subclass's fields are the members of its ``TYPE``, in their order;
    amounts are micro-dollars, times seconds since 1970, addresses carry their checksum."""

    __slots__ = ()

    TYPE: ClassVar[str]

    def __post_init__(self) -> None:
        """Raises AttestationError: a field does not fit its Solidity type."""
        for member in _members(self.TYPE):
            value = member.checked(getattr(self, member.field))
            object.__setattr__(self, member.field, value)

    def struct_hash(self) -> bytes:
        """The 32-byte EIP-712 hash of this struct."""
        words = [member.word(getattr(self, member.field)) for member in _members(self.TYPE)]
        return keccak256(keccak256(self.TYPE.encode()) + b"".join(words))

    def digest(self, domain: Domain) -> bytes:
        """The 32 bytes the patient signs."""
        return signing_digest(domain, self.struct_hash())

    def to_eip712_message(self, domain: Domain) -> dict[str, Any]:
        """The whole message for a wallet's ``eth_signTypedData_v4``; plain JSON."""
        message = {member.name: member.shown(getattr(self, member.field)) for member in _members(self.TYPE)}
        return full_message(self.TYPE, domain, message)

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """Read the ``message`` part of ``to_eip712_message``.

        Raises:
            AttestationError: a member is missing, too many, or does not fit its Solidity type.
        """
        members = _members(cls.TYPE)
        if set(message) != {member.name for member in members}:
            raise AttestationError(f"the message has other fields than {cls.__name__}")
        return cls(**{member.field: member.read(message[member.name]) for member in members})


class EscrowIntent(Intent):
    """An intent of the escrow: each of its verbs has a twin that takes the signature."""

    __slots__ = ()

    patient: str
    nonce: int

    def arguments(self) -> tuple[Any, ...]:
        """What the twin takes before the signature: every field but the nonce, which it knows itself."""
        names = [member.field for member in _members(self.TYPE) if member.name != "nonce"]
        return tuple(getattr(self, name) for name in names)

    @property
    def twin(self) -> str:
        """The twin's name in Solidity (``requestWithdrawalBySig``)."""
        name = type(self).__name__
        return f"{name[0].lower()}{name[1:]}BySig"


# ---- the escrow's -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RequestWithdrawal(EscrowIntent):
    """Announce a withdrawal."""

    TYPE: ClassVar[str] = "RequestWithdrawal(address patient,uint64 amount,uint64 nonce,uint256 deadline)"

    patient: str
    amount: int
    nonce: int
    deadline: int


@dataclass(frozen=True, slots=True)
class CancelWithdrawal(EscrowIntent):
    """Call the announced withdrawal off."""

    TYPE: ClassVar[str] = "CancelWithdrawal(address patient,uint64 nonce,uint256 deadline)"

    patient: str
    nonce: int
    deadline: int


@dataclass(frozen=True, slots=True)
class Withdraw(EscrowIntent):
    """Take the announced withdrawal; it is paid to the patient."""

    TYPE: ClassVar[str] = "Withdraw(address patient,uint64 nonce,uint256 deadline)"

    patient: str
    nonce: int
    deadline: int


@dataclass(frozen=True, slots=True)
class AcceptPayer(EscrowIntent):
    """Name the payers that may adjudicate the patient's events; 0: none."""

    TYPE: ClassVar[str] = (
        "AcceptPayer(address patient,uint32 payerId,uint32 secondaryPayerId,uint64 nonce,uint256 deadline)"
    )

    patient: str
    payer_id: int
    secondary_payer_id: int
    nonce: int
    deadline: int


@dataclass(frozen=True, slots=True)
class SetLimits(EscrowIntent):
    """Limit what may be taken for one event and on one day; 0: no limit."""

    TYPE: ClassVar[str] = (
        "SetLimits(address patient,uint64 perEventLimit,uint64 perDayLimit,uint64 nonce,uint256 deadline)"
    )

    patient: str
    per_event_limit: int
    per_day_limit: int
    nonce: int
    deadline: int


@dataclass(frozen=True, slots=True)
class GrantConsent(EscrowIntent):
    """Let a provider charge the patient, outside any plan only with ``self_pay``."""

    TYPE: ClassVar[str] = (
        "GrantConsent(address patient,uint32 providerId,uint64 perEventLimit,uint40 expiresAt,bool selfPay,"
        "uint64 nonce,uint256 deadline)"
    )

    patient: str
    provider_id: int
    per_event_limit: int
    expires_at: int
    self_pay: bool
    nonce: int
    deadline: int


@dataclass(frozen=True, slots=True)
class RevokeConsent(EscrowIntent):
    """Stop a provider from charging the patient, after the notice."""

    TYPE: ClassVar[str] = "RevokeConsent(address patient,uint32 providerId,uint64 nonce,uint256 deadline)"

    patient: str
    provider_id: int
    nonce: int
    deadline: int


@dataclass(frozen=True, slots=True)
class UseNonce(EscrowIntent):
    """Void every other signature over the same nonce."""

    TYPE: ClassVar[str] = "UseNonce(address patient,uint64 nonce,uint256 deadline)"

    patient: str
    nonce: int
    deadline: int


# ---- settlement's -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DisputeClaim(Intent):
    """Dispute a settled claim."""

    TYPE: ClassVar[str] = "DisputeClaim(bytes32 claimId,uint256 nonce,uint256 deadline)"

    claim_id: bytes
    nonce: int
    """The patient's next one of settlement, which counts apart from the escrow's."""
    deadline: int


# ---- the token's --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Permit(Intent):
    """Let ``spender`` pull ``value`` (ERC-2612)."""

    TYPE: ClassVar[str] = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"

    owner: str
    spender: str
    value: int
    nonce: int
    deadline: int


@dataclass(frozen=True, slots=True)
class ReceiveWithAuthorization(Intent):
    """Let ``to`` itself take ``value`` from ``owner`` (ERC-3009)."""

    TYPE: ClassVar[str] = (
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,"
        "uint256 validBefore,bytes32 nonce)"
    )

    owner: str
    to: str
    value: int
    valid_after: int
    valid_before: int
    nonce: bytes
    """32 bytes of the owner's choice."""


@dataclass(frozen=True, slots=True)
class TransferWithAuthorization(Intent):
    """Let anyone move ``value`` from ``owner`` to ``to`` (ERC-3009)."""

    TYPE: ClassVar[str] = (
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,"
        "uint256 validBefore,bytes32 nonce)"
    )

    owner: str
    to: str
    value: int
    valid_after: int
    valid_before: int
    nonce: bytes


INTENTS: tuple[type[Intent], ...] = (
    RequestWithdrawal,
    CancelWithdrawal,
    Withdraw,
    AcceptPayer,
    SetLimits,
    GrantConsent,
    RevokeConsent,
    UseNonce,
    DisputeClaim,
    Permit,
    ReceiveWithAuthorization,
    TransferWithAuthorization,
)
"""Everything a patient signs."""


def read_intent(message: Mapping[str, Any]) -> tuple[Intent, Domain]:
    """Read a whole message of ``to_eip712_message``: the intent, and the domain it was signed for.

    Raises:
        AttestationError: no intent of ours, or a field that is missing, too many or does not fit its type.
    """
    kinds = {kind.__name__: kind for kind in INTENTS}
    name, domain, members = (message.get(key) for key in ("primaryType", "domain", "message"))
    if not isinstance(name, str) or name not in kinds:
        raise AttestationError(f"{quoted(name)} is nothing that a patient signs")
    if not isinstance(domain, Mapping) or not isinstance(members, Mapping):
        raise AttestationError("the message has no domain or no content")
    if set(domain) != {member["name"] for member in type_members(DOMAIN_TYPE)}:
        raise AttestationError("the domain has other fields than chainbill's")
    signed_for = Domain(
        domain["chainId"], domain["verifyingContract"], name=domain["name"], version=domain["version"]
    )
    return kinds[name].from_message(members), signed_for


# ---- one word each ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Member:
    """One member of a struct: the field that holds it, and its name and type in Solidity."""

    field: str
    name: str
    kind: str

    def checked(self, value: Any) -> Any:
        """``value`` as the field keeps it."""
        if self.kind == "address":
            return checksum_address(value)
        expected: type[Any] = {"bool": bool, "bytes32": bytes}.get(self.kind, int)
        if type(value) is not expected:
            raise AttestationError(f"{self.field} is {type(value).__name__}, not {expected.__name__}")
        if self.kind == "bytes32" and len(value) != 32:
            raise AttestationError(f"{self.field} has {len(value)} bytes, not 32")
        if expected is int and not 0 <= value < 1 << int(self.kind.removeprefix("uint")):
            raise AttestationError(f"{self.field} {value} does not fit {self.kind}")
        return value

    def word(self, value: Any) -> bytes:
        if self.kind == "address":
            return bytes(12) + bytes.fromhex(value[2:])
        return value if isinstance(value, bytes) else int(value).to_bytes(32, "big")

    def shown(self, value: Any) -> Any:
        return "0x" + value.hex() if isinstance(value, bytes) else value

    def read(self, value: Any) -> Any:
        if self.kind != "bytes32":
            return value
        try:
            if value[:2] != "0x":
                raise ValueError
            return bytes.fromhex(value[2:])
        except (TypeError, ValueError):
            raise AttestationError(f"{self.name} is not hexadecimal") from None


@cache
def _members(struct_type: str) -> tuple[_Member, ...]:
    """A struct's members, beside the fields that hold them."""
    return tuple(
        _Member(_field_name(member["name"]), member["name"], member["type"])
        for member in type_members(struct_type)
    )


def _field_name(name: str) -> str:
    """``perEventLimit`` is kept in ``per_event_limit``; ``from`` is no name in Python."""
    if name == "from":
        return "owner"
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
