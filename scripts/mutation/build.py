"""Compiles mutants: not for the chain but for speed, and only the contracts that a change reaches."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export_artifacts import (
    CONTRACTS,
    MOCKS,
    PASSES_ON,
    artifact,
    compiler_settings,
    is_deployable,
    joined_abi,
    read_sources,
    standard_input,
)
from mutation.compiler import Compiler
from mutation.mutants import Mutant, mutants_of

# The old code generator takes a fraction of the time of viaIR. Of the optimizer there is only what makes room
# on the stack for long blocks of assembly.
SETTINGS = compiler_settings() | {
    "viaIR": False,
    "optimizer": {"enabled": False, "details": {"yul": True, "yulDetails": {"stackAllocation": True}}},
}

CONTRACT = re.compile(r"^contract ", re.MULTILINE)

Artifacts = dict[str, dict[str, Any]]  # by contract name


class BuildError(Exception):
    """The contracts as they are do not compile; the message is the compiler's."""


@dataclass(frozen=True)
class Build:
    """The contracts without any change."""

    sources: dict[str, str]
    artifacts: Artifacts
    reached: dict[str, set[str]]
    """The sources whose code is in a contract's bytecode."""

    def contracts_with(self, file: str) -> list[str]:
        """Return the contracts that hold code of `file`."""
        return [name for name, sources in self.reached.items() if file in sources]


def build_unchanged(root: Path, compiler: Compiler) -> Build:
    """Compile the contracts as they are."""
    sources = read_sources(root)
    ours = [
        name
        for name, text in sources.items()
        if name.startswith((CONTRACTS, MOCKS)) and CONTRACT.search(text)
    ]
    output = compiler.compile(_request(sources, {name: ["*"] for name in ours}))
    if problems := errors(output):
        raise BuildError("\n".join(problems))
    artifacts: Artifacts = {}
    reached: dict[str, set[str]] = {}
    for source in ours:
        for name, contract in output["contracts"][source].items():
            if is_deployable(contract):
                artifacts[name] = artifact(source, name, contract, None)
                reached[name] = _reached(output, contract)
    for name in PASSES_ON.keys() & artifacts.keys():
        for behind in PASSES_ON[name]:
            artifacts[name]["abi"] = joined_abi(artifacts[name]["abi"], artifacts[behind]["abi"])
    for name, built in artifacts.items():
        # A contract that makes another carries its creation code.
        carried = [one for one in artifacts if artifacts[one]["bytecode"][2:] in built["bytecode"]]
        reached[name] = set().union(*(reached[one] for one in carried))
    return Build(sources, artifacts, reached)


def _reached(output: dict[str, Any], contract: dict[str, Any]) -> set[str]:
    """Return the sources that a contract's source maps (`start:length:source` a step) lead to."""
    maps = [contract["evm"][code]["sourceMap"] for code in ("bytecode", "deployedBytecode")]
    steps = [step.split(":") for text in maps for step in text.split(";")]
    ids = {step[2] for step in steps if len(step) > 2}
    return {name for name, source in output["sources"].items() if str(source["id"]) in ids}


def errors(output: dict[str, Any]) -> list[str]:
    """Return the compiler's errors."""
    return [entry["formattedMessage"] for entry in output.get("errors", []) if entry["severity"] == "error"]


def _request(sources: dict[str, str], names: dict[str, list[str]]) -> dict[str, Any]:
    """Return the compiler's input for some contracts, by source."""
    request = standard_input(sources, SETTINGS)
    wanted = ["abi", "evm.bytecode", "evm.deployedBytecode", "evm.methodIdentifiers"]
    selection = {source: dict.fromkeys(names[source], wanted) for source in names}
    request["settings"] = request["settings"] | {"outputSelection": selection}
    return request


def all_mutants(build: Build, compiler: Compiler, files: list[str]) -> list[Mutant]:
    """Return every mutant of the given files."""
    request = {
        "language": "Solidity",
        "sources": {name: {"content": build.sources[name]} for name in files},
        "settings": {"stopAfter": "parsing", "outputSelection": {"*": {"": ["ast"]}}},
    }
    trees = compiler.compile(request)["sources"]
    return [m for name in files for m in mutants_of(name, build.sources[name], trees[name]["ast"])]


def build_mutant(build: Build, compiler: Compiler, mutant: Mutant) -> Artifacts | None:
    """Return the artifacts that a mutant changes, none if the bytecode stays; None if it does not compile."""
    sources = build.sources | {mutant.file: mutant.apply(build.sources[mutant.file])}
    names = {build.artifacts[name]["sourceName"]: [name] for name in build.contracts_with(mutant.file)}
    output = compiler.compile(_request(sources, names))
    if errors(output):
        return None
    changed: Artifacts = {}
    for source, (name,) in names.items():
        bytecode = "0x" + output["contracts"][source][name]["evm"]["bytecode"]["object"]
        if bytecode != build.artifacts[name]["bytecode"]:
            changed[name] = build.artifacts[name] | {"bytecode": bytecode}
    return changed
