"""The flat log decoder: equal to eth-abi on random values, and to web3 on the story's own logs."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple, event_abi_to_log_topic
from hexbytes import HexBytes
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from tests.audit.story import Story
from web3 import Web3
from web3._utils.events import get_event_data

from chainbill.audit import RawLedger
from chainbill.audit.indexer import decode_ledger
from chainbill.billing.outcomes import Reason
from chainbill.chain.artifacts import load_artifact
from chainbill.chain.claim_words import pack_claim, pack_secondary
from chainbill.chain.events import Claim, SecondaryDetermined, SecondaryShares
from chainbill.chain.logs import decode_log, decode_words
from chainbill.errors import LedgerError

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


FOUR = [_free(64)] * 4
WORDS = {
    "parties": _word(_free(224), (24, 0), (8, max(Reason))),
    "amounts": _word(*FOUR),
    "shares": _word(*FOUR),
    "service": _word(_free(224), (8, 7), (24, 0)),
    "secondary": _word(_free(192), (64, 0)),
}
"""The packed words of ``contracts/libraries/ClaimWords.sol``, their reserved bits 0."""


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


def logged(entry: dict[str, Any], values: list[Any]) -> tuple[list[bytes], bytes]:
    """Topics and data as a contract writes them."""
    pairs = list(zip(entry["inputs"], values, strict=True))
    topics = [event_abi_to_log_topic(entry)]  # type: ignore[arg-type]
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
    """What the decoder should give; the order of category terms is billing's own."""
    leaves = [leaf for value in values for leaf in flat(value)]
    if entry["name"] == "CategoryTermsPublished":
        plan, version, category, covered, applies, first, after, bps, copay = leaves
        return [plan, version, category, covered, applies, copay, first, bps, after]
    return leaves


def within_contract_rules(entry: dict[str, Any], values: list[Any]) -> bool:
    """Terms are checked when they are published; the decoder builds them into checked models."""
    if entry["name"] == "PlanPublished":
        *amounts, unit, _, _ = values[2]
        return all(amount % unit == 0 for amount in amounts)
    if entry["name"] == "FeePublished":
        return bool(values[1][0] * values[1][2] < 2**64)
    return True


@pytest.mark.parametrize("contract, entry", DECLARED)
def test_decode__every_event__equals_eth_abi(contract: str, entry: dict[str, Any]) -> None:
    @settings(max_examples=60, deadline=None)
    @given(st.tuples(*map(values_of, entry["inputs"])))
    def agree(drawn: tuple[Any, ...]) -> None:
        values = list(drawn)
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
    @given(st.tuples(*map(values_of, entry["inputs"])), st.data())
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


def test_decode__the_storys_logs__equal_web3(story: Story, ledger_copy: RawLedger) -> None:
    names = {
        story.deployment.settlement: "ClaimSettlement",
        story.deployment.registry: "ProviderRegistry",
        story.deployment.payers: "InsurerPayerFactory",
        story.deployment.escrow: "PatientEscrow",
        story.deployment.token: "DevUSD",
    }
    compared = set()
    for raw, recorded in zip(ledger_copy.logs, decode_ledger(ledger_copy), strict=True):
        contract = names.get(recorded.emitter, "InsurerPayer")
        [entry] = [
            each
            for each in load_artifact(contract).abi
            if each["type"] == "event" and "0x" + event_abi_to_log_topic(each).hex() == raw.topics[0]  # type: ignore[arg-type]
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
            assert decode_log(receipt) == recorded.event
    assert compared >= {
        "ClaimSettled",
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
