"""The flat log decoder: equal to eth-abi on random values, and to web3 on the story's own logs."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from itertools import groupby
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple, event_abi_to_log_topic
from hexbytes import HexBytes
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from tests.support.random_claims import plain_claims, row_claims
from tests.support.settled_history import Story
from web3 import Web3
from web3._utils.events import get_event_data

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.artifacts import load_artifact
from chainbill.chain.format.events import Claim, ClaimSettled, SecondaryDetermined, SecondaryShares
from chainbill.chain.format.logs import decode_all, decode_all_words, decode_words
from chainbill.chain.format.packed_claim import pack_claim, pack_secondary
from chainbill.errors import LedgerError
from chainbill.ledger.indexer import decode_ledger
from chainbill.ledger.raw_logs import RawLedger
from chainbill.protocol_constants import MAX_YEARLY_AMOUNT

CONTRACTS = (
    "ClaimSettlement",
    "ProviderRegistry",
    "InsurerPayerFactory",
    "PatientEscrow",
    "InsurerPayer",
    "DevUSD",
)
NEVER_LOGGED = {"EIP712DomainChanged"}
"""Declared by OpenZeppelin for domains that change; ours cannot."""
NOT_READ = {"Approval", "AuthorizationUsed", "AuthorizationCanceled", "AuthorityUpdated"}
"""Of the token only transfers are fetched."""

DECLARED = [
    pytest.param(contract, entry, id=f"{contract}.{entry['name']}")
    for contract in CONTRACTS
    for entry in load_artifact(contract).abi
    if entry["type"] == "event"
    and entry["name"] not in NEVER_LOGGED
    and not (contract == "DevUSD" and entry["name"] in NOT_READ)
]
BOUNDS = {"party": 2, "cobMode": 1, "category": 255, "coinsuranceBps": 10_000, "maxUnits": 2**16 - 1}
"""Where the contracts allow less than the type does."""
YEARLY = ("deductible", "oopMax", "familyDeductible", "familyOopMax", "annualMaximum")


def _word(*fields: tuple[int, int]) -> st.SearchStrategy[int]:
    """A packed word, high bits first: how many bits each field has, and the most it may be."""

    def packed(values: tuple[int, ...]) -> int:
        word = 0
        for (bits, _), value in zip(fields, values, strict=True):
            word = word << bits | value
        return word

    return st.tuples(*(st.integers(0, most) for _, most in fields)).map(packed)


def _free(bits: int) -> tuple[int, int]:
    return bits, 2**bits - 1


WORDS = {
    "secondary": _word(_free(192), (64, 0)),
    "batch": _word(_free(256)),
    "submission": _word(_free(232), (24, 0)),
}
"""The packed words of a batch, and a secondary payer's, their reserved bits 0."""

ROWS = {
    "ClaimSettled": row_claims(Outcome.SETTLED),
    "ClaimDenied": row_claims(Outcome.DENIED),
    "ClaimPended": row_claims(Outcome.PENDED),
    "ClaimSkipped": row_claims(Outcome.SKIPPED),
    "ClaimReversed": row_claims(Outcome.SETTLED).map(lambda claim: replace(claim, billed=0)),
    "PlainClaimSettled": plain_claims(),
}
"""The claims that each event with a claim's words can hold."""

PACKED = ("parties", "amounts", "shares", "service")
MASK = 2**64 - 1


@st.composite
def claim_values(draw: st.DrawFn, entry: dict[str, Any]) -> tuple[Any, ...]:
    """Values of an event with a claim's words."""
    claim = draw(ROWS[entry["name"]])
    words = _numbers(pack_claim(claim))
    named = {"commitment": claim.commitment, **dict(zip(PACKED, words, strict=True))}
    if entry["name"] == "PlainClaimSettled":
        _, _, shares, service = words
        named["service"] = shares >> 192 << 192 | (service >> 96) << 32 | service >> 24 & 255
    return tuple(
        named[name] if (name := each["name"]) in named else draw(values_of(each)) for each in entry["inputs"]
    )


def values_of(entry: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a contract of ours could log for an ABI entry."""
    kind, name = entry["type"], entry["name"]
    if kind == "tuple":
        return st.tuples(*map(values_of, entry["components"]))
    if kind == "address[]":
        return st.lists(values_of({"type": "address", "name": ""}), max_size=5)
    if kind == "address":
        return st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
    if kind == "bool":
        return st.booleans()
    if kind == "bytes":
        return st.binary(max_size=100)
    if kind.startswith("bytes"):
        return st.binary(min_size=int(kind[5:]), max_size=int(kind[5:]))
    if name in WORDS:
        return WORDS[name]
    if name in YEARLY and entry["internalType"] == "uint64":
        return st.just(0) | st.integers(0, 2**64 - 1)
    lowest = 1 if name in ("roundingUnit", "maxUnits", "category") else 0
    return st.integers(lowest, BOUNDS.get(name, 2 ** int(kind[4:]) - 1))


def all_values_of(entry: dict[str, Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Values that a contract of ours could log for an event."""
    if entry["name"] in ROWS:
        return claim_values(entry)
    return st.tuples(*map(values_of, entry["inputs"]))


def logged(entry: dict[str, Any], values: list[Any]) -> tuple[list[bytes], bytes]:
    """Topics and data as a contract writes them."""
    pairs = list(zip(entry["inputs"], values, strict=True))
    topics = [] if entry["anonymous"] else [event_abi_to_log_topic(entry)]  # type: ignore[arg-type]
    topics += [encode([each["type"]], [value]) for each, value in pairs if each["indexed"]]
    rest = [(collapse_if_tuple(each), value) for each, value in pairs if not each["indexed"]]
    return topics, encode([kind for kind, _ in rest], [value for _, value in rest])


def flat(value: Any) -> list[Any]:
    """Every leaf of an event or an ABI value, in a form that can be compared; a claim as its words."""
    if isinstance(value, Claim):
        return [value.commitment, *_numbers(pack_claim(value))]
    if isinstance(value, SecondaryShares):
        return _numbers(pack_secondary(value))
    if isinstance(value, SecondaryDetermined):
        return [value.patient.lower(), value.commitment, *_numbers(pack_secondary(value.shares))]
    if isinstance(value, BaseModel):
        return flat(tuple(getattr(value, name) for name in type(value).model_fields))
    if is_dataclass(value):
        return [leaf for field in fields(value) for leaf in flat(getattr(value, field.name))]
    if isinstance(value, tuple | list):
        return [leaf for each in value for leaf in flat(each)]
    return [value.lower() if isinstance(value, str) else value]


def _numbers(words: bytes) -> list[Any]:
    return [int.from_bytes(words[i : i + 32], "big") for i in range(0, len(words), 32)]


def expected_leaves(entry: dict[str, Any], values: list[Any]) -> list[Any]:
    """What the decoder should give: packed words taken apart, category terms in billing's own order."""
    leaves = [leaf for value in values for leaf in flat(value)]
    if entry["name"] == "PlainClaimSettled":
        *parties, amounts, service = leaves
        coinsurance, allowed = service >> 192, amounts >> 128 & MASK
        plan_paid = allowed - (amounts >> 64 & MASK) - (amounts & MASK) - coinsurance
        long_service = (service >> 32 & 2**160 - 1) << 96 | (service & 255) << 24
        return [*parties, amounts, coinsurance << 192 | plan_paid << 64, long_service]
    if entry["name"] == "BatchSettled":
        digest, root, batch, submission = leaves
        counts = [batch >> shift & 2**16 - 1 for shift in (48, 32, 16, 0)]
        signed_at, slot = submission >> 56 & 2**40 - 1, submission >> 24 & 2**32 - 1
        parties = [_address(submission), _address(batch)]
        return [digest, batch >> 64 & 2**32 - 1, signed_at, *parties, *counts, root, slot]
    if entry["name"] == "CategoryTermsPublished":
        plan, version, category, covered, applies, first, after, bps, copay = leaves
        return [plan, version, category, covered, applies, copay, first, bps, after]
    return leaves


def _address(word: int) -> str:
    """That of a packed word's first 20 bytes."""
    return f"0x{word >> 96:040x}"


def within_contract_rules(entry: dict[str, Any], values: list[Any]) -> bool:
    """Terms are checked when they are published; the decoder builds them into checked models."""
    if entry["name"] == "PlanPublished":
        *amounts, unit, _, _ = values[2]
        owed_in_a_year = amounts[:2]
        return all(amount % unit == 0 for amount in amounts) and max(owed_in_a_year) <= MAX_YEARLY_AMOUNT
    if entry["name"] == "FeePublished":
        return bool(values[1][0] * values[1][2] < 2**64)
    return True


def drawn_near_the_bounds(entry: dict[str, Any], values: list[Any]) -> list[Any]:
    """Deductible and out-of-pocket maximum about as often within their bound as not."""
    if entry["name"] == "PlanPublished":
        deductible, oop_max, *others = values[2]
        most = 2 * (MAX_YEARLY_AMOUNT + 1)
        values[2] = (deductible % most, oop_max % most, *others)
    return values


@pytest.mark.parametrize("contract, entry", DECLARED)
def test_decode__every_event__equals_eth_abi(contract: str, entry: dict[str, Any]) -> None:
    @settings(max_examples=60, deadline=None)
    @given(all_values_of(entry))
    def agree(drawn: tuple[Any, ...]) -> None:
        values = drawn_near_the_bounds(entry, list(drawn))
        topics, data = logged(entry, values)
        if not within_contract_rules(entry, values):
            with pytest.raises(LedgerError):
                decode_words(contract, topics, data)
            return
        leaves = flat(decode_words(contract, topics, data, payer_id=7))
        if contract == "InsurerPayer":
            assert leaves.pop(0) == 7
        assert leaves == expected_leaves(entry, values)

    agree()


@pytest.mark.parametrize("contract, entry", DECLARED)
def test_decode__a_byte_changed__never_reads_what_eth_abi_refuses(
    contract: str, entry: dict[str, Any]
) -> None:
    kinds = [collapse_if_tuple(each) for each in entry["inputs"] if not each["indexed"]]

    @settings(max_examples=60, deadline=None)
    @given(all_values_of(entry), st.data())
    def agree(drawn: tuple[Any, ...], more: st.DataObject) -> None:
        topics, data = logged(entry, list(drawn))
        if not data:
            return
        place = more.draw(st.integers(0, len(data) - 1))
        changed = bytearray(data)
        changed[place] ^= more.draw(st.integers(1, 255))
        try:
            ours: Any = decode_words(contract, topics, bytes(changed))
        except LedgerError:
            return
        try:
            theirs = decode(kinds, bytes(changed))
        except (DecodingError, OverflowError) as error:
            raise AssertionError(f"read {ours} though eth-abi refuses: {error}") from None
        again, rewritten = logged(entry, [*drawn[: len(drawn) - len(theirs)], *theirs])
        assert (again, rewritten) == (topics, bytes(changed))

    agree()


@pytest.mark.parametrize(
    "topics, data",
    [
        ([], b""),
        ([bytes(32)], b""),
        ([Web3.keccak(text="EpochEnded(uint32)")], b""),
        ([Web3.keccak(text="EpochEnded(uint32)"), bytes(31) + b"\1"], bytes(32)),
        ([Web3.keccak(text="EpochEnded(uint32)"), b"\1" + bytes(31)], b""),
        ([Web3.keccak(text="EpochEnded(uint32)")], bytes(32)),
    ],
    ids=["no topic", "unknown", "too short", "too long", "too large", "indexed word in the data"],
)
def test_decode__not_a_log_of_ours__is_refused(topics: list[bytes], data: bytes) -> None:
    with pytest.raises(LedgerError):
        decode_words("ClaimSettlement", topics, data)


# ---- the log of a plain claim -----------------------------------------------------------------------------

PATIENT = bytes(12) + bytes(range(1, 21))
PLAIN_WORDS = (
    bytes(range(100, 132)),
    bytes.fromhex(
        "00000001 00000002 0003 0004 00000000 0000 0000 0000000000000000 000000 00".replace(" ", "")
    ),
    b"".join(amount.to_bytes(8, "big") for amount in (200, 150, 40, 25)),
    (17).to_bytes(8, "big") + b"visit\0\0\0" + bytes([0, 5, 7, 232, *bytes(7), 9, 0, 0, 0, 1]),
)


def test_decode__plain_claim__is_read_field_by_field() -> None:
    event = decode_words("ClaimSettlement", [PATIENT], WHOLE)
    claim = Claim(
        commitment=PLAIN_WORDS[0],
        sequence=9,
        provider_id=1,
        payer_id=2,
        plan_id=3,
        terms_version=4,
        secondary_payer_id=0,
        secondary_plan_id=0,
        secondary_terms_version=0,
        secondary_service_id=bytes(8),
        reason=Reason.NONE,
        benefit_year=2024,
        service_id=b"visit\0\0\0",
        units=5,
        billed_as_fee=True,
        billed=200,
        allowed=150,
        deductible=40,
        copay=25,
        coinsurance=17,
        outside_plan=0,
        plan_paid=68,
        secondary_paid=0,
        fee=0,
        units_counted=False,
        secondary_units_counted=False,
    )
    assert event == ClaimSettled(Web3.to_checksum_address(PATIENT[12:].hex()), claim)


def _plain(word: int, change: int) -> bytes:
    """A plain claim's data with something added to one word."""
    changed = (int.from_bytes(PLAIN_WORDS[word], "big") + change).to_bytes(32, "big")
    return b"".join(changed if number == word else each for number, each in enumerate(PLAIN_WORDS))


WHOLE = _plain(0, 0)


@pytest.mark.parametrize(
    "topics, data, said",
    [
        ([PATIENT], WHOLE[:-1], "127 bytes"),
        ([PATIENT], WHOLE[:-32], "96 bytes"),
        ([PATIENT], WHOLE + bytes(1), "129 bytes"),
        ([PATIENT], WHOLE + bytes(32), "160 bytes"),
        ([PATIENT], b"", "0 bytes"),
        ([PATIENT, bytes(32)], WHOLE, "2 topics"),
        ([PATIENT, WHOLE[:32]], WHOLE[32:], "2 topics"),
        ([b"\1" + PATIENT[1:]], WHOLE, "no event with topic"),
        ([bytes(11) + b"\1" + PATIENT[12:]], WHOLE, "no event with topic"),
        ([PATIENT], _plain(2, 69), "of 150 allowed the member's shares are 151"),
        ([PATIENT], _plain(3, 69 << 192), "of 150 allowed the member's shares are 151"),
        ([PATIENT], _plain(3, 1 << 8), "does not fit its type"),
        ([PATIENT], _plain(3, 1 << 31), "does not fit its type"),
        ([PATIENT], _plain(1, 1 << 8), "does not fit its type"),
        ([PATIENT], _plain(1, 1 << 31), "does not fit its type"),
    ],
)
def test_decode__no_plain_claim__is_refused(topics: list[bytes], data: bytes, said: str) -> None:
    with pytest.raises(LedgerError, match=said):
        decode_words("ClaimSettlement", topics, data)


@pytest.mark.parametrize(
    "word, change, said",
    [
        (1, 7 << 128, "secondary payer id 7"),
        (1, 7 << 112, "secondary plan id 7"),
        (1, 7 << 96, "secondary terms version 7"),
        (1, 7 << 32, "secondary service id 0x0000000000000007"),
        (1, 19, "reason 19"),
        (1, 255, "reason 255"),
        (
            1,
            7 << 128 | 1 << 32 | 19,
            "secondary payer id 7, secondary service id 0x0000000000000001, reason 19",
        ),
        (1, -2 << 192, "no payer"),
        (3, 2, "units counted"),
        (3, 4, "secondary units counted"),
        (3, 6, "units counted, secondary units counted"),
        (3, 8, "unknown flags 8"),
        (3, 128 | 2, "units counted, unknown flags 128"),
    ],
)
@pytest.mark.parametrize("billed_as_fee", [0, 1])
def test_decode__plain_claim_with_what_none_has__is_refused_by_name(
    word: int, change: int, said: str, billed_as_fee: int
) -> None:
    data = bytearray(_plain(word, change))
    data[127] ^= 1 - billed_as_fee
    with pytest.raises(LedgerError, match=f"holds what it cannot: a plain claim has {said}$"):
        decode_words("ClaimSettlement", [PATIENT], bytes(data))


@pytest.mark.parametrize("bit", range(160), ids=str)
def test_decode__plain_claim_with_a_bit_behind_its_payer__is_refused(bit: int) -> None:
    """Whatever the word's parts may be called: nothing stands there."""
    with pytest.raises(LedgerError):
        decode_words("ClaimSettlement", [PATIENT], _plain(1, 1 << bit))


def test_decode__plain_claim__shares_of_all_that_is_allowed_are_read() -> None:
    event = decode_words("ClaimSettlement", [PATIENT], _plain(2, 68))
    assert isinstance(event, ClaimSettled)
    assert (event.claim.copay, event.claim.plan_paid) == (93, 0)


@pytest.mark.parametrize("contract", [name for name in CONTRACTS if name != "ClaimSettlement"])
def test_decode__plain_claim__is_settlements_alone(contract: str) -> None:
    with pytest.raises(LedgerError, match="has no event with topic"):
        decode_words(contract, [PATIENT], WHOLE)


@pytest.mark.parametrize("bit", [0, 23])
def test_decode__batch_with_a_dirty_padding__is_refused(bit: int) -> None:
    topics = [Web3.keccak(text="BatchSettled(bytes32,bytes32,uint256,uint256)"), bytes(32)]
    assert decode_words("ClaimSettlement", topics, bytes(96))
    with pytest.raises(LedgerError, match="does not fit its type"):
        decode_words("ClaimSettlement", topics, bytes(64) + (1 << bit).to_bytes(32, "big"))


# ---- rows that share a log --------------------------------------------------------------------------------


def of_the_same(claims: list[Claim]) -> list[Claim]:
    """The claims with the parties of the first of them."""
    names = (
        *("provider_id", "payer_id", "plan_id", "terms_version", "secondary_payer_id", "secondary_plan_id"),
        *("secondary_terms_version", "secondary_service_id", "reason"),
    )
    shared = {name: getattr(claims[0], name) for name in names}
    return [replace(claim, **shared) for claim in claims]


def plain_data(claim: Claim) -> bytes:
    words = pack_claim(claim)
    service = words[64:72] + words[96:116] + bytes(3) + words[124:125]
    return claim.commitment + words[:64] + service


def unsettled_rest(claim: Claim) -> bytes:
    """Commitment, and the service with what was billed in the fee's place."""
    words = pack_claim(claim)
    return claim.commitment + words[96:116] + words[32:40] + words[124:]


@given(st.lists(plain_claims(), min_size=1, max_size=4).map(of_the_same))
def test_decode_all__plain_claims_in_one_log__are_those_of_a_log_each(claims: list[Claim]) -> None:
    each = [plain_data(claim) for claim in claims]
    shared = each[0] + b"".join(data[:32] + data[64:] for data in each[1:])
    expected = [decode_words("ClaimSettlement", [PATIENT], data) for data in each]
    assert decode_all_words("ClaimSettlement", [PATIENT], shared) == expected
    assert decode_all({"topics": [PATIENT], "data": "0x" + shared.hex()}) == expected


@pytest.mark.parametrize("outcome", [Outcome.DENIED, Outcome.PENDED, Outcome.SKIPPED])
@given(data=st.data())
def test_decode_all__unsettled_rows_in_one_log__are_those_of_a_log_each(
    outcome: Outcome, data: st.DataObject
) -> None:
    claims = of_the_same(data.draw(st.lists(row_claims(outcome), min_size=1, max_size=4)))
    name = f"Claim{outcome.name.title()}(address,bytes32,uint256,uint256,uint256,uint256)"
    topics = [Web3.keccak(text=name), PATIENT]
    each = [claim.commitment + pack_claim(claim) for claim in claims]
    shared = each[0] + b"".join(map(unsettled_rest, claims[1:]))
    expected = [decode_words("ClaimSettlement", topics, row) for row in each]
    assert decode_all_words("ClaimSettlement", topics, shared) == expected


@pytest.mark.parametrize("size", [1, 32, 64, 95, 97, 128])
def test_decode_all__plain_claims_cut_short__are_refused(size: int) -> None:
    with pytest.raises(LedgerError, match=f"1 topics and {128 + size} bytes"):
        decode_all_words("ClaimSettlement", [PATIENT], WHOLE + bytes(size))


def test_decode_all__settled_row_with_another_behind_it__is_refused() -> None:
    """Claims that are not plain have a log each."""
    name = "ClaimSettled(address,bytes32,uint256,uint256,uint256,uint256)"
    topics = [Web3.keccak(text=name), PATIENT]
    with pytest.raises(LedgerError, match="2 topics and 224 bytes"):
        decode_all_words("ClaimSettlement", topics, bytes(160 + 64))


@pytest.mark.parametrize("byte", [28, 29, 30, 31])
def test_decode_all__other_row_with_what_none_has__is_refused(byte: int) -> None:
    """Of a row that did not settle: bits where nothing stands, or an unknown flag."""
    name = "ClaimPended(address,bytes32,uint256,uint256,uint256,uint256)"
    first = PLAIN_WORDS[0] + PLAIN_WORDS[1][:31] + bytes([Reason.NO_CONSENT]) + bytes(96)
    service = bytearray(32)
    assert len(decode_all_words("ClaimSettlement", [Web3.keccak(text=name), PATIENT], first + bytes(64))) == 2
    service[byte] = 2
    with pytest.raises(LedgerError):
        decode_all_words("ClaimSettlement", [Web3.keccak(text=name), PATIENT], first + bytes(32) + service)


def test_decode_words__rows_that_share_a_log__are_not_taken_for_one() -> None:
    with pytest.raises(LedgerError, match="1 topics and 224 bytes"):
        decode_words("ClaimSettlement", [PATIENT], WHOLE + bytes(96))


# ---- the story's ------------------------------------------------------------------------------------------


def test_decode__the_storys_logs__equal_web3(story: Story, ledger_copy: RawLedger) -> None:
    names = {
        story.deployment.settlement: "ClaimSettlement",
        story.deployment.registry: "ProviderRegistry",
        story.deployment.payers: "InsurerPayerFactory",
        story.deployment.escrow: "PatientEscrow",
        story.deployment.token: "DevUSD",
    }
    compared = set()
    told = groupby(decode_ledger(ledger_copy), key=lambda recorded: (recorded.block, recorded.log_index))
    for raw, (position, rows) in zip(ledger_copy.logs, told, strict=True):
        # Of rows that share a log, what its event declares is the first one's.
        recorded, *others = rows
        assert position == raw.position
        contract = names.get(recorded.emitter, "InsurerPayer")
        anonymous = len(raw.topics) == 1 and raw.topics[0].startswith("0x" + "00" * 12)
        [entry] = [
            each
            for each in load_artifact(contract).abi
            if each["type"] == "event"
            and each["anonymous"] == anonymous
            and (anonymous or "0x" + event_abi_to_log_topic(each).hex() == raw.topics[0])  # type: ignore[arg-type]
        ]
        receipt = {
            "address": recorded.emitter,
            "topics": [HexBytes(topic) for topic in raw.topics],
            "data": HexBytes(raw.data),
            "blockNumber": raw.block,
            "blockHash": HexBytes(raw.block_hash),
            "transactionHash": HexBytes(raw.transaction),
            "transactionIndex": raw.transaction_index,
            "logIndex": raw.log_index,
        }
        theirs = get_event_data(story.w3.codec, entry, receipt)["args"]  # type: ignore[arg-type]
        values = [_unnamed(theirs[each["name"]]) for each in entry["inputs"]]
        leaves = flat(recorded.event)
        if contract == "InsurerPayer":
            assert leaves.pop(0) in (1, 2)
        assert leaves == expected_leaves(entry, values)
        compared.add(entry["name"])
        # As the oracle reads it from a receipt.
        if contract == "ClaimSettlement":
            assert decode_all(receipt) == [each.event for each in (recorded, *others)]
        else:
            assert others == []
    assert compared >= {
        "ClaimSettled",
        "PlainClaimSettled",
        "ClaimDenied",
        "ClaimPended",
        "ClaimSkipped",
        "BatchSettled",
        "EpochOpened",
    }


def _unnamed(value: Any) -> Any:
    """web3's structs without their names."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return tuple(_unnamed(each) for each in value.values())
    return value
