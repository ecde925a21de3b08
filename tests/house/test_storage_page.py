"""docs/storage.md against the compiler's own storage layouts; a contract and those whose code it runs share
one."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from scripts import export_artifacts

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "storage.md").read_text(encoding="utf-8")

CONTRACTS = {
    "PatientEscrow": "contracts/PatientEscrow.sol",
    "InsurerPayer": "contracts/InsurerPayer.sol",
    "ClaimSettlement": "contracts/ClaimSettlement.sol",
    "SettlementExtension": "contracts/settlement/SettlementExtension.sol",
    "SettlementAdmin": "contracts/settlement/SettlementAdmin.sol",
    "ProviderRegistry": "contracts/ProviderRegistry.sol",
    "InsurerPayerFactory": "contracts/InsurerPayerFactory.sol",
    "DevUSD": "contracts/DevUSD.sol",
}
DOCUMENTED = sorted(set(CONTRACTS) - {"SettlementExtension", "SettlementAdmin"})
STRUCTS = {
    "WithdrawalRequest": "WithdrawalRequest",
    "PlanRecord": "PlanRecord",
    "Acceptance": "PayerTerms.Acceptance",
    "FeeChange": "SettlementSettings.FeeChange",
    "Epoch": "SettlementState.Epoch",
    "StandingQuorum": "SettlementState.StandingQuorum",
    "Dispute": "ISettlementState.Dispute",
    "Provider": "ProviderRegistry.Provider",
    "CashPrice": "ProviderRegistry.CashPrice",
}
"""Heading of the page by the compiler's name."""


class Place(NamedTuple):
    """Where a variable or field stands."""

    word: int
    first: int
    last: int
    name: str


@pytest.fixture(scope="module")
def layouts(project_root: Path) -> dict[str, Any]:
    """The compiler's layouts, by contract. Asking for nothing else, it makes no code."""
    request = export_artifacts.standard_input(export_artifacts.read_sources(project_root), {})
    request["settings"]["evmVersion"] = export_artifacts.EVM_VERSION
    request["settings"]["outputSelection"] = {
        file: {name: ["storageLayout"]} for name, file in CONTRACTS.items()
    }
    output = export_artifacts.run_solc(project_root, request)["contracts"]
    return {name: output[file][name]["storageLayout"] for name, file in CONTRACTS.items()}


def places(variables: list[dict[str, Any]], types: dict[str, Any]) -> list[Place]:
    """Where the compiler puts variables or fields; what fills words is shown as their last one."""
    found = []
    for variable in variables:
        size = min(32, int(types[variable["type"]]["numberOfBytes"]))
        first = variable["offset"]
        found.append(Place(int(variable["slot"]), first, first + size - 1, variable["label"]))
    return found


def rows(title: str) -> list[Place]:
    """The rows of a table that names words or slots."""
    (text,) = re.findall(
        rf"^##+ {re.escape(title)}\n(.*?)(?=^##|\Z)",
        PAGE,
        re.DOTALL | re.MULTILINE,
    )
    found = re.findall(r"^\| (\d+) \| (\d+)(?:\.\.(\d+))? \| `(\w+)` \|", text, re.MULTILINE)
    return [Place(int(word), int(first), int(last or first), name) for word, first, last, name in found]


@pytest.mark.slow
@pytest.mark.parametrize("contract", DOCUMENTED)
def test_storage_page__of_a_contract__is_the_compilers_layout(layouts: dict[str, Any], contract: str) -> None:
    layout = layouts[contract]
    assert rows(contract) == places(layout["storage"], layout["types"])


@pytest.mark.parametrize("struct", STRUCTS)
def test_storage_page__of_a_struct__is_the_compilers_layout(layouts: dict[str, Any], struct: str) -> None:
    types = {key: each for layout in layouts.values() for key, each in layout["types"].items()}
    members = [each["members"] for each in types.values() if each["label"] == f"struct {STRUCTS[struct]}"]
    assert members
    assert rows(struct) == places(members[0], types)


def test_settlement_and_what_runs_as_it__have_one_layout(layouts: dict[str, Any]) -> None:
    def plain(layout: dict[str, Any]) -> list[tuple[str, int, str, str]]:
        types = layout["types"]
        return [
            (each["slot"], each["offset"], each["label"], types[each["type"]]["label"])
            for each in layout["storage"]
        ]

    own = plain(layouts["ClaimSettlement"])
    assert own == plain(layouts["SettlementExtension"]) == plain(layouts["SettlementAdmin"])


@pytest.mark.parametrize("title", re.findall(r"^### (.*)$", PAGE, re.MULTILINE))
def test_storage_page__fields_of_a_word__overlap_nowhere(title: str) -> None:
    text = PAGE.split(f"### {title}\n")[1].split("\n##")[0]
    for word in set(re.findall(r"^\| (\d+) \| [\d.]+ \| `", text, re.MULTILINE)) or {""}:
        prefix = rf"\| {word} " if word else ""
        found = re.findall(rf"^{prefix}\| (\d+)(?:\.\.(\d+))? \| `", text, re.MULTILINE)
        ends = [(int(first), int(last or first)) for first, last in found]
        assert ends
        assert all(before[1] < after[0] for before, after in pairwise(ends))
        assert ends[-1][1] < (256 if "| bits |" in text else 32)
