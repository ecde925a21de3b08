"""Numbers and names that stand in both languages, read from the Solidity sources."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.contracts import protocol
from tests.contracts.evm import artifact

from chainbill.audit import notice
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.artifacts import CONTRACTS

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


@pytest.mark.parametrize("words", [Outcome, Reason])
def test_enum__solidity_and_python__same_names_and_numbers(
    contracts: Path, words: type[Outcome] | type[Reason]
) -> None:
    members = enum_members(contracts / "types" / "Outcomes.sol", words.__name__)
    assert [(upper_snake(name), number) for number, name in enumerate(members)] == [
        (word.name, word.value) for word in words
    ]


def test_cost_sharing__solidity__has_the_components_of_an_adjudication(contracts: Path) -> None:
    body = re.search(
        r"struct CostSharing \{(.*?)\}", without_comments(contracts / "types" / "Outcomes.sol"), re.DOTALL
    )
    assert body is not None
    assert re.findall(r"uint64 (\w+);", body[1]) == [
        *("billed", "allowed", "adjustment", "deductible", "copay", "coinsurance", "planPaid")
    ]


def test_notice__constants__equal_those_of_the_audit_and_of_these_tests(contracts: Path) -> None:
    found = re.findall(
        r"uint40 constant (\w+) = (\d+) (\w+);", without_comments(contracts / "libraries" / "Notice.sol")
    )
    seconds = {name: int(number) * TIME_UNITS[unit] for name, number, unit in found}
    assert seconds == {
        "NOTICE": protocol.NOTICE,
        "MAX_BATCH_LIFE": protocol.MAX_BATCH_LIFE,
        "WITHDRAWAL_LIFE": protocol.WITHDRAWAL_LIFE,
    }
    assert seconds["MAX_BATCH_LIFE"] < seconds["NOTICE"]
    assert seconds["NOTICE"] == notice.NOTICE_SECONDS
    assert seconds["WITHDRAWAL_LIFE"] == notice.WITHDRAWAL_LIFE_SECONDS
    assert seconds["MAX_BATCH_LIFE"] == notice.MAX_BATCH_LIFE_SECONDS


def test_errors__every_declared_one__is_in_an_exported_abi(contracts: Path) -> None:
    """An error of a library shows in the ABI of a contract that uses it, or no client could name it."""
    declared = {
        name
        for source in contracts.rglob("*.sol")
        if "mocks" not in source.parts
        for name in re.findall(r"\berror (\w+)\(", without_comments(source))
    }
    exported = {
        entry["name"] for name in CONTRACTS for entry in artifact(name)["abi"] if entry["type"] == "error"
    }
    assert declared - exported == set()
