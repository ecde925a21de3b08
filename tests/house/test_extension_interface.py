"""SettlementExtension and SettlementAdmin implement the interfaces by which they are called through
ClaimSettlement: where one drifts, nothing compiles; and what ClaimSettlement passes on is in its ABI."""

from __future__ import annotations

from pathlib import Path

import pytest
from eth_utils.abi import function_abi_to_4byte_selector
from scripts import export_artifacts
from scripts.export_artifacts import signature

from chainbill.chain.artifacts import load_artifact

COMPILED = {
    "ClaimSettlement": "contracts/ClaimSettlement.sol",
    "SettlementExtension": "contracts/settlement/SettlementExtension.sol",
    "SettlementAdmin": "contracts/settlement/SettlementAdmin.sol",
}
INTERFACE = "contracts/interfaces/ISettlementExtension.sol"

DRIFTS = {
    "a parameter of the extension's": (
        "contracts/settlement/ProviderPayouts.sol",
        "function withdraw(uint32 providerId)",
        "function withdraw(uint64 providerId)",
    ),
    "a return value of the extension's": (
        "contracts/settlement/ClaimReversals.sol",
        "function collectRefund(uint32 payerId) external delegated nonReentrant returns (uint64 amount) {",
        "function collectRefund(uint32 payerId) external delegated nonReentrant returns (uint128 amount) {",
    ),
    "a view of the admin's": (
        "contracts/settlement/SettlementViews.sol",
        "function membersOf(uint32 epoch)",
        "function membersOf(uint64 epoch)",
    ),
    "a parameter of the interface's": (
        "contracts/interfaces/ISettlementExtension.sol",
        "function suspend(uint32 providerId) external;",
        "function suspend(uint64 providerId) external;",
    ),
}


def compile_with(root: Path, file: str, before: str, after: str) -> None:
    """Compile these contracts with one text changed; asking for nothing but the ABI, it makes no code."""
    sources = export_artifacts.read_sources(root)
    assert sources[file].count(before) == 1
    sources[file] = sources[file].replace(before, after)
    request = export_artifacts.standard_input(sources, {})
    request["settings"]["evmVersion"] = export_artifacts.EVM_VERSION
    request["settings"]["outputSelection"] = {file: {name: ["abi"]} for name, file in COMPILED.items()}
    export_artifacts.run_solc(root, request)


@pytest.mark.slow
def test_extension__as_it_is__compiles(project_root: Path) -> None:
    same = "function concede("
    compile_with(project_root, INTERFACE, same, same)


@pytest.mark.slow
@pytest.mark.parametrize("drift", DRIFTS.values(), ids=DRIFTS)
def test_extension__signature_drifts__does_not_compile(
    project_root: Path, drift: tuple[str, str, str]
) -> None:
    with pytest.raises(export_artifacts.ExportError):
        compile_with(project_root, *drift)


def test_settlement__every_function_behind_it__is_passed_on() -> None:
    """What only the extension or the admin had could not be called."""
    front, extension, admin = (
        {signature(entry) for entry in load_artifact(name).abi if entry["type"] == "function"}
        for name in COMPILED
    )
    assert (extension | admin) - front == set()
    # Both answer what SettlementState declares, and nothing else.
    assert (len(extension), len(admin), len(extension & admin)) == (33, 36, 13)


def test_settlement__of_what_it_has_and_passes_on__no_two_have_one_selector() -> None:
    """The compiler looks for that within one contract alone."""
    functions = [entry for entry in load_artifact("ClaimSettlement").abi if entry["type"] == "function"]
    selectors = [function_abi_to_4byte_selector(function) for function in functions]
    assert len(set(selectors)) == len(selectors) > 50
