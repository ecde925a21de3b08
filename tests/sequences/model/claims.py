"""Settled claims: their amounts, the words they are logged in, their ids and the tree over a batch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum

from eth_hash.auto import keccak

CLAIM_TAG = keccak(b"chainbill.claim.v1")

BILLED_AS_FEE, UNITS_COUNTED, SECONDARY_UNITS_COUNTED = 1 << 24, 2 << 24, 4 << 24


class Status(IntEnum):
    """What became of a settled claim."""

    NONE = 0
    OPEN = 1
    ANSWERED = 2
    UPHELD = 3
    REVERSED = 4
    CORRECTED = 5


@dataclass(frozen=True)
class Amounts:
    """What a claim moves. `alone`: deductible, out of pocket and benefit of the secondary as if alone."""

    allowed: int = 0
    deductible: int = 0
    copay: int = 0
    coinsurance: int = 0
    outside: int = 0
    plan_paid: int = 0
    second_paid: int = 0
    alone: tuple[int, int, int] = (0, 0, 0)
    fee: int = 0

    @property
    def parts(self) -> int:
        """What the primary leaves to the patient."""
        return self.deductible + self.copay + self.coinsurance + self.outside

    @property
    def oop(self) -> int:
        return self.deductible + self.copay + self.coinsurance

    @property
    def responsibility(self) -> int:
        """What the patient pays."""
        return self.parts - self.second_paid

    @property
    def credit(self) -> int:
        """What the provider gains."""
        return self.allowed - self.fee

    def numbers(self) -> tuple[int, ...]:
        """All of them flat."""
        return (
            self.allowed,
            self.deductible,
            self.copay,
            self.coinsurance,
            self.outside,
            self.plan_paid,
            self.second_paid,
            *self.alone,
            self.fee,
        )

    def minus(self, other: Amounts) -> Amounts:
        """The difference, component by component."""
        flat = [mine - theirs for mine, theirs in zip(self.numbers(), other.numbers(), strict=True)]
        return Amounts(*flat[:7], (flat[7], flat[8], flat[9]), flat[10])


@dataclass(frozen=True)
class Header:
    """What all rows of a section share."""

    provider: int
    payer: int
    plan: int
    version: int
    second: int = 0
    second_plan: int = 0
    second_version: int = 0


@dataclass(frozen=True)
class Event:
    """One row."""

    header: Header
    patient: str
    commitment: bytes
    service: bytes
    units: int
    billed: int
    year: int
    sequence: int
    second_service: bytes = b""

    def parties(self, reason: int = 0) -> int:
        """The word `parties`."""
        h = self.header
        word = h.provider << 224 | h.payer << 192 | h.plan << 176 | h.version << 160
        word |= h.second << 128 | h.second_plan << 112 | h.second_version << 96
        return word | int.from_bytes(self.second_service, "big") << 32 | reason

    def service_word(self, fee: int = 0, flags: int = 0) -> int:
        """The word `service`."""
        word = int.from_bytes(self.service, "big") << 192 | self.units << 176 | self.year << 160
        flags |= BILLED_AS_FEE if self.billed == 0 else 0
        return word | self.sequence << 96 | fee << 32 | flags


@dataclass
class Claim:
    """One settled claim and what has happened to it since."""

    event: Event
    billed: int
    settled: Amounts
    counted: bool
    second_counted: bool
    operator: str
    settled_at: int
    batch: bytes
    """Digest."""
    root_slot: int = 0
    live: Amounts = field(default_factory=Amounts)
    """What is left of it."""
    units_live: bool = True
    status: Status = Status.NONE
    parties: int = 0
    """A bit per party that has disputed."""
    deadline: int = 0
    held: int = 0
    fee_held: int = 0
    id: bytes = b""
    proof: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        self.live = self.settled

    @property
    def day(self) -> int:
        return self.settled_at // 86_400

    @property
    def pending(self) -> bool:
        """Is a dispute of it open?"""
        return self.status in (Status.OPEN, Status.ANSWERED)

    @property
    def secondary_took_part(self) -> bool:
        return self.second_counted or any(self.settled.alone)

    def amounts_words(self) -> tuple[int, int]:
        """The words `amounts` and `shares`."""
        a = self.settled
        return (
            self.billed << 192 | a.allowed << 128 | a.deductible << 64 | a.copay,
            a.coinsurance << 192 | a.outside << 128 | a.plan_paid << 64 | a.second_paid,
        )

    def secondary_word(self) -> int:
        deductible, oop, benefit = self.settled.alone
        return deductible << 192 | oop << 128 | benefit << 64

    def log(self) -> tuple[bytes, int, int, int, int]:
        """What is logged of it, behind the patient."""
        flags = UNITS_COUNTED if self.counted else 0
        flags |= SECONDARY_UNITS_COUNTED if self.second_counted else 0
        service = self.event.service_word(self.settled.fee, flags)
        return self.event.commitment, self.event.parties(), *self.amounts_words(), service

    def words(self) -> tuple[object, ...]:
        """The SettledClaim that the contract takes."""
        batch = self.batch, self.settled_at, self.operator
        return *batch, self.event.patient, *self.log(), self.secondary_word()

    def dispute_words(self) -> tuple[int, ...]:
        """What the contract keeps of its dispute."""
        known = self.event.header.provider if self.status != Status.NONE else 0
        return int(self.status), self.parties, self.deadline, self.held, self.fee_held, known


def ruling_words(amounts: Amounts) -> tuple[int, int, int, int]:
    """The Ruling that leaves these amounts."""
    deductible, oop, benefit = amounts.alone
    return (
        amounts.allowed << 128 | amounts.deductible << 64 | amounts.copay,
        amounts.coinsurance << 192 | amounts.outside << 128 | amounts.plan_paid << 64 | amounts.second_paid,
        deductible << 192 | oop << 128 | benefit << 64,
        amounts.fee,
    )


def number(claims: list[Claim], chain_id: int, settlement: str) -> bytes:
    """Give the claims of one batch their ids and proofs; returns the root, empty where nothing settled."""
    if not claims:
        return b""
    first = claims[0]
    prefix = keccak(
        CLAIM_TAG
        + word(chain_id)
        + address_word(settlement)
        + first.batch
        + word(first.settled_at)
        + address_word(first.operator)
    )
    for claim in claims:
        commitment, *numbers = claim.log()
        tail = b"".join(map(word, (*numbers, claim.secondary_word())))
        claim.id = keccak(keccak(prefix + address_word(claim.event.patient) + commitment + tail))
    level = [claim.id for claim in claims]
    places = list(range(len(claims)))
    while len(level) > 1:
        for claim, place in zip(claims, places, strict=True):
            if place ^ 1 < len(level):
                claim.proof = (*claim.proof, level[place ^ 1])
        places = [place // 2 for place in places]
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [keccak(b"".join(sorted(pair))) if len(pair) == 2 else pair[0] for pair in pairs]
    return level[0]


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def address_word(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(32, b"\0")


def scaled(amounts: Amounts, keep: list[int]) -> Amounts:
    """Amounts that add up and are none larger: of component i the share keep[i] out of 4 stays."""
    names = ("deductible", "copay", "coinsurance", "outside", "plan_paid")
    kept = {name: getattr(amounts, name) * keep[i] // 4 for i, name in enumerate(names)}
    parts = sum(kept.values()) - kept["plan_paid"]
    allowed = parts + kept["plan_paid"]
    least_second = max(0, parts - amounts.responsibility)
    second = min(amounts.second_paid, parts, least_second + amounts.second_paid * keep[5] // 4)
    alone = tuple(part * keep[6] // 4 if allowed else 0 for part in amounts.alone)
    least_fee = max(0, allowed - amounts.credit)
    fee = min(amounts.fee, allowed, least_fee + amounts.fee * keep[7] // 4)
    return replace(
        Amounts(**kept), allowed=allowed, second_paid=second, alone=(alone[0], alone[1], alone[2]), fee=fee
    )
