"""Numbers and names that stand in both languages, read from the Solidity sources."""

from __future__ import annotations

import re
from dataclasses import fields
from enum import IntEnum
from pathlib import Path

import pytest
from pydantic import BaseModel
from tests.support import deployment as protocol

from chainbill import protocol_constants
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import CategoryTerms, CobMode, FeeTerms, PlanTerms
from chainbill.chain.artifacts import CONTRACTS, load_artifact
from chainbill.chain.format.events import Claim, DisputeParty

SPANS = (
    *("NOTICE", "MAX_BATCH_LIFE", "WITHDRAWAL_LIFE", "MAX_ANNOUNCEMENT", "PAYOUT_CHANGE_DELAY"),
    *("DISPUTE_WINDOW", "BUCKET", "ANSWER_TIME", "RULING_TIME"),
    *("QUORUM_SILENCE", "UNANSWERED_LIFE", "UNANSWERED_DELAY"),
)
TIME_UNITS = {"hours": 3_600, "days": 86_400}


@pytest.fixture
def contracts(project_root: Path) -> Path:
    return project_root / "contracts"


def without_comments(source: Path) -> str:
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", source.read_text(encoding="utf-8"), flags=re.DOTALL)


def enum_members(source: Path, name: str) -> list[str]:
    body = re.search(rf"enum {name} \{{(.*?)\}}", without_comments(source), flags=re.DOTALL)
    assert body is not None
    return re.findall(r"\w+", body[1])


def upper_snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


@pytest.mark.parametrize(
    "words, name, file",
    [
        (Outcome, "Outcome", "types/Outcomes.sol"),
        (Reason, "Reason", "types/Outcomes.sol"),
        (CobMode, "CobMode", "types/Terms.sol"),
        (DisputeParty, "Party", "interfaces/ISettlementState.sol"),
    ],
)
def test_enum__solidity_and_python__same_names_and_numbers(
    contracts: Path, words: type[IntEnum], name: str, file: str
) -> None:
    members = enum_members(contracts / file, name)
    assert [(upper_snake(member), number) for number, member in enumerate(members)] == [
        (word.name, word.value) for word in words
    ]


def test_cost_sharing__solidity__has_the_components_of_a_claim(contracts: Path) -> None:
    body = re.search(
        r"struct CostSharing \{(.*?)\}", without_comments(contracts / "types" / "Outcomes.sol"), re.DOTALL
    )
    assert body is not None
    components = [upper_snake(name).lower() for name in re.findall(r"uint64 (\w+);", body[1])]
    assert components == [
        *("billed", "allowed", "deductible", "copay", "coinsurance", "outside_plan", "plan_paid"),
        "secondary_paid",
    ]
    assert set(components) <= {field.name for field in fields(Claim)}


@pytest.mark.parametrize(
    "struct, terms, more",
    [
        ("PlanTerms", PlanTerms, ["effective_at"]),
        ("Fee", FeeTerms, ["effective_at", "version"]),
        ("CategoryTerms", CategoryTerms, []),
    ],
)
def test_terms__solidity_and_python__have_the_same_fields(
    contracts: Path, struct: str, terms: type[BaseModel], more: list[str]
) -> None:
    body = re.search(
        rf"struct {struct} \{{(.*?)\}}", without_comments(contracts / "types" / "Terms.sol"), re.DOTALL
    )
    assert body is not None
    names = {upper_snake(name).lower() for name in re.findall(r"(\w+);", body[1])}
    assert names == {*terms.model_fields, *more}


def test_protocol_constants__equal_those_of_the_contracts_and_of_these_tests(contracts: Path) -> None:
    found = re.findall(
        r"uint40 constant (\w+) = (\d+) (\w+);", without_comments(contracts / "types" / "Timelocks.sol")
    )
    seconds = {name: int(number) * TIME_UNITS[unit] for name, number, unit in found}
    assert seconds == {name: getattr(protocol, name) for name in SPANS}
    assert seconds["MAX_BATCH_LIFE"] < seconds["NOTICE"]
    assert seconds == {name: getattr(protocol_constants, f"{name}_SECONDS") for name in seconds}


def test_bounds_of_a_year__equal_the_contracts(contracts: Path) -> None:
    source = without_comments(contracts / "types" / "Terms.sol")
    (bits,) = re.findall(r"uint64 constant MAX_YEARLY_AMOUNT = 2 \*\* (\d+) - 1;", source)
    (members,) = re.findall(r"uint8 constant MAX_FAMILY_MEMBERS = (\d+);", source)
    bounds = 2 ** int(bits) - 1, int(members)
    assert bounds == (protocol_constants.MAX_YEARLY_AMOUNT, protocol_constants.MAX_FAMILY_MEMBERS)
    # What all members of a family have met together fits 64 bits, whatever is opened and claimed.
    assert bounds[0] * bounds[1] < 2**64


def test_gas_of_a_transfer__equals_the_contracts(contracts: Path) -> None:
    source = without_comments(contracts / "token" / "TransferGas.sol")
    (gas,) = re.findall(r"uint256 internal constant RELEASE_GAS = ([\d_]+);", source)
    assert int(gas) == protocol_constants.RELEASE_GAS


def test_errors__every_declared_one__is_in_an_exported_abi(contracts: Path) -> None:
    """An error of a library shows in the ABI of a contract that uses it, or no client could name it."""
    declared = {
        name
        for source in contracts.rglob("*.sol")
        for name in re.findall(r"\berror (\w+)\(", without_comments(source))
    }
    exported = {
        entry["name"] for name in CONTRACTS for entry in load_artifact(name).abi if entry["type"] == "error"
    }
    assert declared - exported == set()
