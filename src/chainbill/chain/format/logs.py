"""Decodes the contracts' logs: flat, fast, and equal to eth-abi (a differential test holds it to that).

Every event but two is a row of 32-byte words, indexed ones first. One ``struct`` per event reads the words of
the topics and the data together, packed words (``packed_claim``) included; packing the values again must give
the same bytes, which refuses every value that does not fit its type and all that a log of its kind never
holds. The commonest log, that of a plain claim, is anonymous: it is known by its first topic, an address.
Neighbouring rows of one patient share a log: it is taken apart into logs of one row each (``_rows_apart``).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from chainbill.attestation.address import checksum_address
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import CategoryTerms, CobMode, FeeTerms, PlanTerms
from chainbill.chain.format import events
from chainbill.chain.format.packed_claim import (
    CLAIM,
    CLAIM_FIELDS,
    PLAIN,
    PLAIN_FIELDS,
    PLAIN_WHOLE,
    REVERSED,
    SECONDARY,
    SETTLED,
    UNSETTLED,
    build_claim,
    build_plain_claim,
    show_field,
)
from chainbill.errors import ArgumentError, LedgerError
from chainbill.records.hashing import keccak256

WORD = 32
"""Bytes of one ABI word."""

_WORDS = {
    "address": "12x20s",
    "bool": "31x?",
    "bytes32": "32s",
    "bytes8": "8s24x",
    "uint8": "31xB",
    "uint16": "30xH",
    "uint32": "28xI",
    "uint40": "27x5s",
    "uint64": "24xQ",
    "uint256": "32s",
}
"""How ``struct`` reads one word of each type; left out bytes must be 0."""


@lru_cache(maxsize=65_536)
def _address(raw: bytes) -> str:
    return checksum_address("0x" + raw.hex())


def _integer(raw: bytes) -> int:
    return int.from_bytes(raw, "big")


_CONVERSIONS: dict[str, Callable[[bytes], Any]] = {
    "address": _address,
    "uint40": _integer,
    "uint256": _integer,
}
"""What becomes of the values that ``struct`` cannot read by itself."""


_Conversions = tuple[tuple[int, Callable[[bytes], Any]], ...]
"""Which values are converted, by their place, and how."""


@dataclass(frozen=True, slots=True)
class _Room:
    """All fields that a claim's log has room for, some of which are 0 in every log of its kind: read only to
    name those that are not."""

    what: str
    words: struct.Struct
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Layout:
    """How one event's words become its fields."""

    words: struct.Struct
    topic_count: int
    conversions: _Conversions
    build: Callable[..., events.Event]
    room: _Room | None = None

    def refusal(self, words: bytes) -> str:
        """What is wrong with words that packing their values again does not give."""
        if self.room is not None:
            found = self.room.words.unpack(words)
            again = self.room.words.unpack(self.words.pack(*self.words.unpack(words)))
            pairs = zip(self.room.fields, found, again, strict=True)
            beyond = [show_field(name, has) for name, has, may in pairs if has != may]
            if beyond:
                return f"holds what it cannot: {self.room.what} has {', '.join(beyond)}"
        return "holds a value that does not fit its type"


def decode_log(
    log: Mapping[str, Any], contract: str = "ClaimSettlement", *, payer_id: int = 0
) -> events.Event:
    """Decode a log of ``eth_getLogs`` or of web3: ``topics`` and ``data`` as bytes or as ``0x`` text.

    Args:
        contract: the Solidity name of the contract that logged it.
        payer_id: the payer's, where that is a payer contract.

    Raises:
        LedgerError: no event of that contract, not encoded as one, or rows that share a log: ``decode_all``.
    """
    return decode_words(contract, [_bytes(topic) for topic in log["topics"]], _bytes(log["data"]), payer_id)


def decode_all(
    log: Mapping[str, Any], contract: str = "ClaimSettlement", *, payer_id: int = 0
) -> list[events.Event]:
    """Decode a log that several rows may share; otherwise as ``decode_log``."""
    topics = [_bytes(topic) for topic in log["topics"]]
    return decode_all_words(contract, topics, _bytes(log["data"]), payer_id)


def decode_receipt(
    receipt: Mapping[str, Any], address: str, contract: str = "ClaimSettlement", *, payer_id: int = 0
) -> list[events.Event]:
    """What one contract, at ``address``, has logged in a transaction; otherwise as ``decode_all``."""
    own = (log for log in receipt["logs"] if log["address"] == address)
    return [event for log in own for event in decode_all(log, contract, payer_id=payer_id)]


def decode_all_words(
    contract: str, topics: Sequence[bytes], data: bytes, payer_id: int = 0
) -> list[events.Event]:
    """Decode topics and data that are bytes already; as ``decode_all``."""
    apart = _rows_apart(topics, data) if contract == "ClaimSettlement" else [data]
    return [decode_words(contract, topics, each, payer_id) for each in apart]


def decode_words(contract: str, topics: Sequence[bytes], data: bytes, payer_id: int = 0) -> events.Event:
    """Decode topics and data that are bytes already; as ``decode_log``."""
    special = _SPECIAL.get((contract, topics[0])) if topics else None
    if special is not None:
        return special(topics, data)
    layout = _LAYOUTS.get((contract, topics[0])) if topics else None
    indexed = topics[1:]
    if layout is None and contract == "ClaimSettlement" and topics and topics[0].startswith(_ADDRESS_PADDING):
        layout, indexed = _PLAIN, topics
    if layout is None:
        raise LedgerError(f"{contract} has no event with topic {topics[0].hex() if topics else 'none'}")
    words = b"".join(indexed) + data
    if len(topics) != layout.topic_count or len(words) != layout.words.size or len(data) % WORD:
        raise LedgerError(f"a log of {contract} has {len(topics)} topics and {len(data)} bytes of data")
    values = layout.words.unpack(words)
    if layout.words.pack(*values) != words:
        raise LedgerError(f"a log of {contract} {layout.refusal(words)}")
    if layout.conversions:
        fields = list(values)
        for index, convert in layout.conversions:
            fields[index] = convert(fields[index])
        values = tuple(fields)
    try:
        return layout.build(payer_id, *values) if contract == PAYER else layout.build(*values)
    except (ValueError, ArgumentError) as error:  # no values of the field, or terms that are none
        raise LedgerError(f"a log of {contract} holds what it cannot: {_first_line(error)}") from None


# ---- rows that share a log -------------------------------------------------------------------------------

_PLAIN_BYTES, _OTHER_PLAIN_BYTES = 4 * WORD, 3 * WORD
"""Data of a plain claim's log: of the first row, and of each other, which has the same parties."""

_UNSETTLED_BYTES, _OTHER_UNSETTLED_BYTES = 5 * WORD, 2 * WORD
"""The same of rows that did not settle: commitment, and service with what was billed in the fee's place."""


def _rows_apart(topics: Sequence[bytes], data: bytes) -> list[bytes]:
    """The data of a log as that of logs of one row each. What rows cannot have left stays as it is."""
    if not topics:
        return [data]
    if topics[0].startswith(_ADDRESS_PADDING):
        first, size, row = _PLAIN_BYTES, _OTHER_PLAIN_BYTES, _other_plain
    elif topics[0] in _UNSETTLED_TOPICS:
        first, size, row = _UNSETTLED_BYTES, _OTHER_UNSETTLED_BYTES, _other_unsettled
    else:
        return [data]
    if len(data) <= first or (len(data) - first) % size:
        return [data]
    parties = data[WORD : 2 * WORD]
    others = (data[start : start + size] for start in range(first, len(data), size))
    return [data[:first], *(row(parties, other) for other in others)]


def _other_plain(parties: bytes, row: bytes) -> bytes:
    return row[:WORD] + parties + row[WORD:]


def _other_unsettled(parties: bytes, row: bytes) -> bytes:
    service, billed, flags = row[WORD:52], row[52:60], row[60:]
    return row[:WORD] + parties + billed + bytes(24) + bytes(WORD) + service + bytes(8) + flags


# ---- fields that are more than a word -------------------------------------------------------------------


def _settled(patient: str, *claim: Any) -> events.ClaimSettled:
    return events.ClaimSettled(patient, build_claim(*claim))


def _plain(patient: str, *claim: Any) -> events.ClaimSettled:
    return events.ClaimSettled(patient, build_plain_claim(*claim))


def _unsettled(outcome: Outcome, claim: Sequence[Any]) -> events.Claim:
    """From commitment, parties, what was billed, and the service without a fee."""
    *parties, number, billed, service, units, year, sequence, flag = claim
    reason = _REASONS[outcome].get(number)
    if reason is None:
        raise ValueError(f"the reason of a {outcome.name.lower()} claim is {number}")
    words = [*parties, billed, 0, 0, 0, 0, 0, 0, 0, service, units, year, sequence, 0, flag, reason]
    return build_claim(*words)


_REASONS = {
    outcome: {int(reason): reason for reason in Reason if reason.outcome is outcome} for outcome in Outcome
}
"""By outcome and number."""


def _batch_settled(
    digest: bytes,
    root: bytes,
    operator: str,
    epoch: int,
    settled: int,
    denied: int,
    pended: int,
    skipped: int,
    submitter: str,
    signed_at: int,
    slot: int,
) -> events.BatchSettled:
    tally = (settled, denied, pended, skipped)
    return events.BatchSettled(digest, epoch, signed_at, submitter, operator, *tally, root, slot)


def _denied(patient: str, *claim: Any) -> events.ClaimDenied:
    return events.ClaimDenied(patient, _unsettled(Outcome.DENIED, claim))


def _pended(patient: str, *claim: Any) -> events.ClaimPended:
    return events.ClaimPended(patient, _unsettled(Outcome.PENDED, claim))


def _skipped(patient: str, *claim: Any) -> events.ClaimSkipped:
    return events.ClaimSkipped(patient, _unsettled(Outcome.SKIPPED, claim))


def _reversed(claim_id: bytes, patient: str, *words: Any) -> events.ClaimReversed:
    claim, secondary = (*words[:9], 0, *words[9:-3]), events.SecondaryShares(*words[-3:])
    return events.ClaimReversed(claim_id, patient, build_claim(*claim), secondary)


def _disputed(claim_id: bytes, provider: int, party: int, answer_by: int) -> events.ClaimDisputed:
    return events.ClaimDisputed(claim_id, provider, events.DisputeParty(party), answer_by)


def _plan(
    payer: int,
    plan: int,
    version: int,
    deductible: int,
    oop_max: int,
    family_deductible: int,
    family_oop_max: int,
    annual_maximum: int,
    unit: int,
    cob_mode: int,
    at: int,
) -> events.PlanPublished:
    terms = PlanTerms(
        deductible=deductible,
        oop_max=oop_max,
        family_deductible=family_deductible,
        family_oop_max=family_oop_max,
        annual_maximum=annual_maximum,
        rounding_unit=unit,
        cob_mode=CobMode(cob_mode),
    )
    return events.PlanPublished(payer, plan, version, terms, at)


def _category(
    payer: int, plan: int, version: int, category: int, *words: Any
) -> events.CategoryTermsPublished:
    covered, deductible_applies, copay_first, coinsurance_after_copay, bps, copay = words
    terms = CategoryTerms(
        covered=covered,
        deductible_applies=deductible_applies,
        copay=copay,
        copay_first=copay_first,
        coinsurance_bps=bps,
        coinsurance_after_copay=coinsurance_after_copay,
    )
    return events.CategoryTermsPublished(payer, plan, version, category, terms)


def _fee(
    payer: int,
    service: bytes,
    amount: int,
    category: int,
    max_units: int,
    annual_units: int,
    at: int,
    version: int,
) -> events.FeePublished:
    terms = FeeTerms(amount=amount, category=category, max_units=max_units, annual_units=annual_units)
    return events.FeePublished(payer, service, terms, at, version)


def _payer_failed(topics: Sequence[bytes], data: bytes) -> events.PayerFailed:
    (payer,) = _unpacked("28xI", b"".join(topics[1:]))
    (start, size), tail = _unpacked("24xQ24xQ", data[: 2 * WORD]), data[2 * WORD :]
    failure = tail[:size]
    if start != WORD or len(failure) != size or tail[size:] != bytes(-size % WORD):
        raise LedgerError("a log PayerFailed is cut short or too long")
    return events.PayerFailed(payer, failure)


def _sections_announced(topics: Sequence[bytes], data: bytes) -> events.SectionsAnnounced:
    (provider,) = _unpacked("28xI", b"".join(topics[1:]))
    (sections_hash, at, start, size), tail = _unpacked("32s27x5s24xQ24xQ", data[: 4 * WORD]), data[4 * WORD :]
    sections = tail[:size]
    if start != 3 * WORD or len(sections) != size or tail[size:] != bytes(-size % WORD):
        raise LedgerError("a log SectionsAnnounced is cut short or too long")
    return events.SectionsAnnounced(provider, sections_hash, _integer(at), sections)


def _epoch_opened(topics: Sequence[bytes], data: bytes) -> events.EpochOpened:
    (epoch,) = _unpacked("28xI", b"".join(topics[1:]))
    threshold, start, previous_ends_at, count = _unpacked("30xH24xQ27x5s24xQ", data[: 4 * WORD])
    tail = data[4 * WORD :]
    if start != 3 * WORD or len(tail) != count * WORD:
        raise LedgerError("a log EpochOpened is cut short or too long")
    members = _unpacked("12x20s" * count, tail)
    return events.EpochOpened(epoch, threshold, tuple(map(_address, members)), _integer(previous_ends_at))


def _unpacked(words: str, raw: bytes) -> tuple[Any, ...]:
    reader = struct.Struct(">" + words)
    if reader.size != len(raw) or reader.pack(*(values := reader.unpack(raw))) != raw:
        raise LedgerError("a log holds a value that does not fit its type")
    return values


# ---- which contract logs what ---------------------------------------------------------------------------

PAYER = "InsurerPayer"
"""The contract whose events carry a payer's id."""

_ROW = "(address,bytes32,uint256,uint256,uint256,uint256)"
_REVERSED = "ClaimReversed(bytes32,address,bytes32,uint256,uint256,uint256,uint256,uint256)"
_ROW_START = "12x20s32s"
"""Patient and commitment."""

_EVENTS: dict[str, tuple[tuple[str, int, Callable[..., events.Event]], ...]] = {
    "ClaimSettlement": (
        ("ClaimCorrected(bytes32,bytes32)", 1, events.ClaimCorrected),
        ("ProviderPaid(uint32,address,uint64)", 2, events.ProviderPaid),
        ("AdvancePaid(uint32,address,uint64)", 2, events.AdvancePaid),
        ("BondDeposited(uint32,address,uint64)", 2, events.BondDeposited),
        ("BondWithdrawn(uint32,address,uint64)", 2, events.BondWithdrawn),
        ("OperatorPaid(address,uint64)", 1, events.OperatorPaid),
        ("OperatorFeeAnnounced(uint64,uint16,uint40)", 0, events.OperatorFeeAnnounced),
        ("ProviderSuspended(uint32)", 1, events.ProviderSuspended),
        ("ProviderReinstated(uint32)", 1, events.ProviderReinstated),
        ("ClaimDisputed(bytes32,uint32,uint8,uint40)", 3, _disputed),
        ("DisputeAnswered(bytes32,bytes32,uint40)", 1, events.DisputeAnswered),
        ("DisputeUpheld(bytes32,uint32)", 2, events.DisputeUpheld),
        ("ReversalFunded(bytes32,uint64,uint64,uint64,uint64,uint64)", 1, events.ReversalFunded),
        ("ReceivableRecorded(bytes32,uint32,uint32,uint64)", 3, events.ReceivableRecorded),
        ("ReceivablePaid(uint32,uint32,uint64)", 2, events.ReceivablePaid),
        ("RefundDeferred(uint32,uint64)", 1, events.RefundDeferred),
        ("SectionsObjected(uint32,bytes32,uint40)", 1, events.SectionsObjected),
        ("EpochEnded(uint32)", 1, events.EpochEnded),
        ("Paused(address)", 0, events.Paused),
        ("Unpaused(address)", 0, events.Unpaused),
        ("AuthorityUpdated(address)", 0, events.AuthorityUpdated),
    ),
    "ProviderRegistry": (
        ("ProviderRegistered(uint32,address)", 2, events.ProviderRegistered),
        ("AttesterAdded(uint32,address)", 2, events.AttesterAdded),
        ("AttesterRevoked(uint32,address)", 2, events.AttesterRevoked),
        ("PayoutAddressAnnounced(uint32,address,uint40)", 2, events.PayoutAddressAnnounced),
        ("PayoutAddressCancelled(uint32)", 1, events.PayoutAddressCancelled),
        ("CashPricePublished(uint32,bytes8,uint64,uint40,uint16)", 2, events.CashPricePublished),
        ("AuthorityUpdated(address)", 0, events.AuthorityUpdated),
    ),
    "InsurerPayerFactory": (
        ("PayerCreated(uint32,address,address)", 3, events.PayerCreated),
        ("AuthorityUpdated(address)", 0, events.AuthorityUpdated),
    ),
    "PatientEscrow": (
        ("Deposited(address,uint64)", 1, events.PatientDeposited),
        ("WithdrawalRequested(address,uint64,uint40)", 1, events.PatientWithdrawalRequested),
        ("WithdrawalCancelled(address)", 1, events.PatientWithdrawalCancelled),
        ("Withdrawn(address,uint64)", 1, events.PatientWithdrew),
        ("PayersAccepted(address,uint32,uint32,uint40)", 3, events.PayersAccepted),
        ("LimitsSet(address,uint64,uint64,uint40)", 1, events.LimitsSet),
        ("ConsentGranted(address,uint32,uint64,uint40,bool,uint40)", 2, events.ConsentGranted),
        ("ConsentRevoked(address,uint32,uint40)", 2, events.ConsentRevoked),
        ("Refunded(address,uint64)", 1, events.PatientRefunded),
        ("NonceUsed(address,uint64)", 1, events.NonceUsed),
    ),
    PAYER: (
        ("Deposited(address,uint64)", 1, events.PoolDeposited),
        ("WithdrawalRequested(uint64,uint40)", 0, events.PoolWithdrawalRequested),
        ("WithdrawalCancelled()", 0, events.PoolWithdrawalCancelled),
        ("Withdrawn(address,uint64)", 1, events.PoolWithdrawn),
        ("Refunded(uint64)", 0, events.PoolRefunded),
        (
            "PlanPublished(uint16,uint16,(uint64,uint64,uint64,uint64,uint64,uint32,uint8,uint40))",
            2,
            _plan,
        ),
        (
            "CategoryTermsPublished(uint16,uint16,uint8,(bool,bool,bool,bool,uint16,uint64))",
            3,
            _category,
        ),
        ("FeePublished(bytes8,(uint64,uint8,uint16,uint16,uint40,uint16))", 1, _fee),
        ("ProviderAccepted(uint32)", 1, events.ProviderAccepted),
        ("ProviderAcceptanceEnded(uint32,uint40)", 1, events.ProviderAcceptanceEnded),
        ("Enrolled(address,uint16,uint16,uint32,uint64,uint64,uint64)", 3, events.Enrolled),
        ("PlanChanged(address,uint16,uint16,uint40)", 3, events.PlanChanged),
        ("CoverageEnded(address,uint16,uint40)", 2, events.CoverageEnded),
        ("OwnershipTransferStarted(address,address)", 2, events.PayerTransferStarted),
        ("OwnershipTransferred(address,address)", 2, events.PayerTransferred),
    ),
    "DevUSD": (("Transfer(address,address,uint256)", 2, events.TokensMoved),),
}
"""By contract: each event's signature, how many of its words are indexed, and what makes the event. Of the
token only transfers are read."""

_PATIENT: _Conversions = ((0, _address),)

_PACKED: tuple[tuple[str, int, str, _Conversions, Callable[..., events.Event]], ...] = (
    (f"ClaimSettled{_ROW}", 1, _ROW_START + SETTLED, _PATIENT, _settled),
    (f"ClaimDenied{_ROW}", 1, _ROW_START + UNSETTLED, _PATIENT, _denied),
    (f"ClaimPended{_ROW}", 1, _ROW_START + UNSETTLED, _PATIENT, _pended),
    (f"ClaimSkipped{_ROW}", 1, _ROW_START + UNSETTLED, _PATIENT, _skipped),
    (
        "BatchSettled(bytes32,bytes32,uint256,uint256)",
        1,
        "32s32s20sIHHHH20s5sI3x",
        ((2, _address), (8, _address), (9, _integer)),
        _batch_settled,
    ),
    (
        "SecondaryDetermined(address,bytes32,uint256)",
        1,
        "12x20s32s" + SECONDARY,
        _PATIENT,
        events.SecondaryDetermined,
    ),
    (
        _REVERSED,
        2,
        "32s" + _ROW_START + REVERSED + SECONDARY,
        ((1, _address),),
        _reversed,
    ),
)
"""Settlement's events with packed words: signature, how many words are indexed, how ``struct`` reads all of
them, which values are converted and how, and what makes the event."""

_ROW_FIELDS = ("patient", "commitment", *CLAIM_FIELDS)
_ROOM = {
    f"Claim{outcome}{_ROW}": _Room(
        f"a {outcome.lower()} claim", struct.Struct(">" + _ROW_START + CLAIM), _ROW_FIELDS
    )
    for outcome in ("Settled", "Denied", "Pended", "Skipped")
} | {
    _REVERSED: _Room(
        "a reversal",
        struct.Struct(">32s" + _ROW_START + CLAIM + SECONDARY),
        ("claim_id", *_ROW_FIELDS, "as_if_alone_deductible", "as_if_alone_out_of_pocket", "as_if_alone_paid"),
    )
}
"""By signature, of the events with a claim's words."""

_ADDRESS_PADDING = bytes(12)
_PLAIN = _Layout(
    struct.Struct(">" + _ROW_START + PLAIN),
    1,
    _PATIENT,
    _plain,
    _Room(
        "a plain claim",
        struct.Struct(">" + _ROW_START + PLAIN_WHOLE),
        ("patient", "commitment", *PLAIN_FIELDS),
    ),
)
"""The anonymous PlainClaimSettled, whose only topic is the patient."""


def event_topic(signature: str) -> bytes:
    """The first topic of an event's logs, from its signature such as ``Paused(address)``."""
    return keccak256(signature.encode())


TRANSFER_TOPIC = event_topic("Transfer(address,address,uint256)")
ROW_ENDED_TOPICS = tuple(
    "0x" + event_topic(f"{name}{_ROW}").hex() for name in ("ClaimSettled", "ClaimDenied")
)
"""The first topics of the logs of rows that have ended for good; a plain claim's has the patient there."""
_UNSETTLED_TOPICS = frozenset(
    event_topic(f"Claim{outcome}{_ROW}") for outcome in ("Denied", "Pended", "Skipped")
)
PAYER_CREATED_TOPIC = event_topic("PayerCreated(uint32,address,address)")

_SPECIAL: dict[tuple[str, bytes], Callable[[Sequence[bytes], bytes], events.Event]] = {
    ("ClaimSettlement", event_topic("PayerFailed(uint32,bytes)")): _payer_failed,
    ("ClaimSettlement", event_topic("EpochOpened(uint32,uint16,address[],uint40)")): _epoch_opened,
    (
        "ClaimSettlement",
        event_topic("SectionsAnnounced(uint32,bytes32,uint40,bytes)"),
    ): _sections_announced,
}
"""The events with a part of variable length."""


def _layout(signature: str, indexed: int, build: Callable[..., events.Event]) -> _Layout:
    types = re.findall(r"[a-z]+\d*", signature.partition("(")[2])
    conversions = tuple((i, _CONVERSIONS[name]) for i, name in enumerate(types) if name in _CONVERSIONS)
    return _Layout(
        struct.Struct(">" + "".join(_WORDS[name] for name in types)), indexed + 1, conversions, build
    )


_LAYOUTS: dict[tuple[str, bytes], _Layout] = {
    (contract, event_topic(signature)): _layout(signature, indexed, build)
    for contract, declared in _EVENTS.items()
    for signature, indexed, build in declared
} | {
    ("ClaimSettlement", event_topic(signature)): _Layout(
        struct.Struct(">" + words), indexed + 1, conversions, build, _ROOM.get(signature)
    )
    for signature, indexed, words, conversions, build in _PACKED
}


def _bytes(value: Any) -> bytes:
    return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else bytes(value)


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
