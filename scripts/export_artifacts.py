"""Compile `contracts/` and write one artifact per deployable contract into the package.

    .venv/bin/python scripts/export_artifacts.py            write what changed
    .venv/bin/python scripts/export_artifacts.py --check    write nothing, exit 1 if anything is stale

An artifact is a JSON object: `contractName`, `sourceName`, `abi`, `bytecode` (creation code as 0x hex),
`deployedBytecode` (run-time code, zeros where an immutable stands), `immutables` (of each the offsets of its
32 bytes in that, by name), `deployedSize` (bytes of run-time code) and `compiler` (version and settings).
Interfaces, abstract contracts and libraries without external functions have none. Contracts under
`tests/mocks/` serve tests alone and go to `tests/artifacts/`. The bytecode carries no metadata, so it
depends on sources and settings only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import posixpath
import re
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

# Compiler settings: `ape-config.yaml` and `package.json` repeat some of them, a test keeps them equal.
SOLC_VERSION = "0.8.30"
EVM_VERSION = "cancun"
OPTIMIZER_RUNS = 200  # EIP-170 decides: larger values inline more than ClaimSettlement has room for
VIA_IR = True

# EIP-170: a contract whose run-time code is larger cannot be deployed.
MAX_DEPLOYED_SIZE = 24_576

# A contract that passes every call it does not know on to others' code, which then belongs to its ABI.
PASSES_ON = {"ClaimSettlement": ("SettlementExtension", "SettlementAdmin")}

# Bytes of an immutable in run-time code, whatever its type.
WORD = 32

CONTRACTS = "contracts/"
MOCKS = "tests/mocks/"
PACKAGE_ARTIFACTS = "src/chainbill/chain/artifacts"
TEST_ARTIFACTS = "tests/artifacts"

IMPORT = re.compile(r"""^\s*import\s+(?:[^"';]*?\bfrom\s+)?["']([^"']+)["']""", re.MULTILINE)


class ExportError(Exception):
    """The contracts cannot be turned into artifacts; the message says why."""


@dataclass(frozen=True)
class Drift:
    """What differs between the artifacts on disk and those the sources call for, as relative paths."""

    stale: tuple[str, ...]
    missing: tuple[str, ...]
    left_over: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.stale or self.missing or self.left_over)

    def lines(self) -> list[str]:
        """One line per differing file."""
        return [
            *(f"stale: {path}" for path in self.stale),
            *(f"missing: {path}" for path in self.missing),
            *(f"left over: {path}" for path in self.left_over),
        ]


def compiler_settings() -> dict[str, Any]:
    """Return the solc settings that decide the bytecode, metadata switched off."""
    return {
        "evmVersion": EVM_VERSION,
        "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
        "optimizer": {"enabled": True, "runs": OPTIMIZER_RUNS},
        "viaIR": VIA_IR,
    }


def read_sources(root: Path, folders: tuple[str, ...] = (CONTRACTS, MOCKS)) -> dict[str, str]:
    """Return every Solidity file under these folders and all they import, by source name."""
    sources: dict[str, str] = {}
    pending = sorted(path.relative_to(root).as_posix() for f in folders for path in solidity_files(root / f))
    while pending:
        name = pending.pop()
        if name in sources:
            continue
        sources[name] = source_path(root, name).read_text(encoding="utf-8")
        pending += [import_name(name, target) for target in IMPORT.findall(sources[name])]
    return dict(sorted(sources.items()))


def solidity_files(folder: Path) -> list[Path]:
    """Return the Solidity files of a folder, without hidden folders (ape keeps a cache in one)."""
    found = folder.rglob("*.sol")
    return [
        path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def source_path(root: Path, name: str) -> Path:
    """Return the file of a source name: ours under the root, a package's under `node_modules/`."""
    path = root / name if name.startswith((CONTRACTS, MOCKS)) else root / "node_modules" / name
    if not path.is_file():
        raise ExportError(f"imported file not found: {name}")
    return path


def import_name(importer: str, target: str) -> str:
    """Return the source name that `target` has when imported from the source `importer`."""
    if not target.startswith("."):
        return target
    return posixpath.normpath(str(PurePosixPath(importer).parent / target))


def standard_input(sources: dict[str, str], settings: dict[str, Any]) -> dict[str, Any]:
    """Return the compiler's standard-JSON input; output is asked for our own contracts only."""
    wanted = [
        "abi",
        "evm.bytecode.object",
        "evm.deployedBytecode.object",
        "evm.deployedBytecode.immutableReferences",
        "evm.methodIdentifiers",
    ]
    # Immutables are told by the number of their declaration, which may stand in a package's source.
    selection = {name: {"": ["ast"]} for name in sources}
    for name in sources:
        if name.startswith((CONTRACTS, MOCKS)):
            selection[name]["*"] = wanted
    return {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in sources.items()},
        "settings": settings | {"outputSelection": selection},
    }


def run_solc(root: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Compile a standard-JSON input; warnings about our sources go to stderr, errors raise ExportError."""
    os.environ.setdefault("SOLCX_BINARY_PATH", str(root / ".cache" / "solcx"))
    import solcx
    from solcx.exceptions import SolcError

    try:
        output: dict[str, Any] = solcx.compile_standard(request, solc_version=SOLC_VERSION, allow_empty=True)
    except SolcError as error:
        raise ExportError(compiler_messages(error.stdout_data) or str(error)) from error
    for entry in output.get("errors", []):
        if entry.get("sourceLocation", {}).get("file", "").startswith((CONTRACTS, MOCKS)):
            print(entry["formattedMessage"], file=sys.stderr)
    return output


def compiler_messages(stdout: str | None) -> str:
    """Return solc's own error messages out of its standard-JSON output, or an empty string."""
    try:
        entries = json.loads(stdout or "{}").get("errors", [])
    except json.JSONDecodeError:
        return ""
    return "\n".join(entry["formattedMessage"] for entry in entries if entry["severity"] == "error")


def is_deployable(contract: dict[str, Any]) -> bool:
    """Tell whether a compiled contract has code of its own that somebody can call."""
    entry_points = any(item["type"] in ("constructor", "fallback", "receive") for item in contract["abi"])
    callable_from_outside = bool(contract["evm"]["methodIdentifiers"]) or entry_points
    return bool(contract["evm"]["bytecode"]["object"]) and callable_from_outside


def artifact(
    source: str, name: str, contract: dict[str, Any], declared: dict[int, str] | None
) -> dict[str, Any]:
    """Return the artifact of one compiled contract; `declared` has the names of all state
    variables; without them nothing is told of immutables."""
    bytecode = contract["evm"]["bytecode"]["object"]
    if "__$" in bytecode:
        raise ExportError(f"{name} needs a separately deployed library, which artifacts do not support")
    deployed = contract["evm"]["deployedBytecode"]
    return {
        "contractName": name,
        "sourceName": source,
        "abi": contract["abi"],
        "bytecode": "0x" + bytecode,
        "deployedBytecode": "0x" + deployed["object"],
        "immutables": {}
        if declared is None
        else immutables(name, deployed.get("immutableReferences", {}), declared),
        "deployedSize": len(deployed["object"]) // 2,
        "compiler": {
            "version": SOLC_VERSION,
            "evm_version": EVM_VERSION,
            "optimizer_runs": OPTIMIZER_RUNS,
            "via_ir": VIA_IR,
        },
    }


def immutables(
    name: str, references: dict[str, list[dict[str, int]]], declared: dict[int, str]
) -> dict[str, list[int]]:
    """Return where each immutable of the contract `name` stands in its run-time code."""
    found: dict[str, list[int]] = {}
    for number, places in references.items():
        variable = declared[int(number)]
        if variable in found:
            raise ExportError(f"two immutables of {name} are called {variable}")
        if any(place["length"] != WORD for place in places):
            raise ExportError(f"the immutable {variable} of {name} is not {WORD} bytes long")
        found[variable] = sorted(place["start"] for place in places)
    return found


def state_variables(output: dict[str, Any]) -> dict[int, str]:
    """Return the name of each state variable by the number that the compiler gave its declaration."""
    found: dict[int, str] = {}
    for source in output.get("sources", {}).values():
        for unit in source.get("ast", {}).get("nodes", []):
            for node in unit.get("nodes", []) if unit["nodeType"] == "ContractDefinition" else []:
                if node["nodeType"] == "VariableDeclaration":
                    found[node["id"]] = node["name"]
    return found


def artifact_texts(output: dict[str, Any]) -> dict[str, str]:
    """Return the artifact files that a compiler output calls for, by path relative to the root."""
    texts: dict[str, str] = {}
    declared = state_variables(output)
    compiled = {
        name: c for contracts in output.get("contracts", {}).values() for name, c in contracts.items()
    }
    for source, contracts in sorted(output.get("contracts", {}).items()):
        folder = TEST_ARTIFACTS if source.startswith(MOCKS) else PACKAGE_ARTIFACTS
        for name, contract in sorted(contracts.items()):
            if not is_deployable(contract):
                continue
            for behind in PASSES_ON.get(name, ()):
                contract["abi"] = joined_abi(contract["abi"], compiled[behind]["abi"])
            path = f"{folder}/{name}.json"
            if path in texts:
                raise ExportError(f"two contracts are called {name}")
            texts[path] = (
                json.dumps(artifact(source, name, contract, declared), indent=1, sort_keys=True) + "\n"
            )
    return texts


def joined_abi(own: list[dict[str, Any]], passed_on: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return an ABI with the functions of another that it lacks; the same function of both is its own."""
    known = {signature(entry) for entry in own if entry["type"] == "function"}
    more = [entry for entry in passed_on if entry["type"] == "function" and signature(entry) not in known]
    return own + more


def signature(function: dict[str, Any]) -> str:
    """Return what the selector of a function of an ABI is made of."""
    return f"{function['name']}({','.join(map(canonical_type, function['inputs']))})"


def canonical_type(part: dict[str, Any]) -> str:
    """Return the type of a parameter, a struct by its members."""
    if not part["type"].startswith("tuple"):
        return str(part["type"])
    return f"({','.join(map(canonical_type, part['components']))}){part['type'].removeprefix('tuple')}"


def build(root: Path) -> dict[str, str]:
    """Return the artifact files for the sources under `root`; unchanged sources are not recompiled."""
    request = standard_input(read_sources(root), compiler_settings())
    key = hashlib.sha256(json.dumps([SOLC_VERSION, request], sort_keys=True).encode())
    key.update(Path(__file__).read_bytes())
    cached = root / ".cache" / "artifacts" / f"{key.hexdigest()}.json"
    if cached.is_file():
        texts: dict[str, str] = json.loads(cached.read_text(encoding="utf-8"))
        return texts
    texts = artifact_texts(run_solc(root, request))
    for outdated in cached.parent.glob("*.json"):
        outdated.unlink(missing_ok=True)
    write_text(cached, json.dumps(texts))
    return texts


def write_text(path: Path, text: str) -> None:
    """Write a file in one step, so that nobody reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def compare(root: Path, texts: dict[str, str]) -> Drift:
    """Compare the artifacts on disk with those in `texts`."""
    folders = (PACKAGE_ARTIFACTS, TEST_ARTIFACTS)
    present = {path.relative_to(root).as_posix() for f in folders for path in (root / f).glob("*.json")}
    same = {path for path in present & texts.keys() if (root / path).read_text("utf-8") == texts[path]}
    return Drift(
        stale=tuple(sorted((present & texts.keys()) - same)),
        missing=tuple(sorted(texts.keys() - present)),
        left_over=tuple(sorted(present - texts.keys())),
    )


def apply(root: Path, texts: dict[str, str], drift: Drift) -> None:
    """Bring the artifacts on disk up to date."""
    for path in (*drift.stale, *drift.missing):
        write_text(root / path, texts[path])
    for path in drift.left_over:
        (root / path).unlink()


def oversized(texts: dict[str, str]) -> list[str]:
    """Return a line for each package contract too large to be deployed."""
    sizes = {path: json.loads(text)["deployedSize"] for path, text in texts.items()}
    return [
        f"{Path(path).stem}: {size} bytes of code, the limit is {MAX_DEPLOYED_SIZE}"
        for path, size in sizes.items()
        if size > MAX_DEPLOYED_SIZE and path.startswith(PACKAGE_ARTIFACTS)
    ]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        description="Compile contracts/ and tests/mocks/, and export ABIs and bytecode."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if anything is stale")
    check = parser.parse_args(arguments).check
    try:
        texts = build(ROOT)
    except ExportError as error:
        print(f"export_artifacts: {error}", file=sys.stderr)
        return 1
    drift = compare(ROOT, texts)
    if not check:
        apply(ROOT, texts, drift)
    too_large = oversized(texts)
    for line in (*drift.lines(), *too_large):
        print(line, file=sys.stderr)
    if check and drift:
        print("run `make artifacts` and commit the outcome", file=sys.stderr)
        return 1
    print(f"{len(texts)} artifacts {'checked' if check else 'up to date'}")
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main())
