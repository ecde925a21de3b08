"""SettlementExtension implements the interface by which it is called through ClaimSettlement: where it
drifts, nothing compiles; and what ClaimSettlement passes on is in its ABI."""

from __future__ import annotations

from pathlib import Path

import pytest
from eth_utils.abi import function_abi_to_4byte_selector
from scripts import export_artifacts

from chainbill.chain.artifacts import load_artifact

EXTENSION = "contracts/settlement/SettlementExtension.sol"
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
    "a parameter of the interface's": (
        "contracts/interfaces/ISettlementExtension.sol",
        "function suspend(uint32 providerId) external;",
        "function suspend(uint64 providerId) external;",
    ),
}


def compile_with(root: Path, file: str, before: str, after: str) -> None:
    """Compile both contracts with one text changed; asking for nothing but the ABI, it makes no code."""
    sources = export_artifacts.read_sources(root)
    assert sources[file].count(before) == 1
    sources[file] = sources[file].replace(before, after)
    request = export_artifacts.standard_input(sources, {})
    request["settings"]["evmVersion"] = export_artifacts.EVM_VERSION
    wanted = {EXTENSION: "SettlementExtension", "contracts/ClaimSettlement.sol": "ClaimSettlement"}
    request["settings"]["outputSelection"] = {file: {name: ["abi"]} for file, name in wanted.items()}
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


def test_extension__every_verb_of_its_own__is_passed_on() -> None:
    """What only the extension had could not be called."""
    front, extension = (
        {
            (entry["name"], tuple(part["type"] for part in entry["inputs"]))
            for entry in load_artifact(name).abi
            if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
        }
        for name in ("ClaimSettlement", "SettlementExtension")
    )
    # An authority is set by Governance alone, on the contract itself (AccessManaged).
    assert extension - front == set()
    assert len(extension) == 25


def test_settlement__of_what_it_has_and_passes_on__no_two_have_one_selector() -> None:
    """The compiler looks for that within one contract alone."""
    functions = [entry for entry in load_artifact("ClaimSettlement").abi if entry["type"] == "function"]
    selectors = [function_abi_to_4byte_selector(function) for function in functions]
    assert len(set(selectors)) == len(selectors) > 50
