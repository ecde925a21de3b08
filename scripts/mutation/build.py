"""Compiles mutants: not for the chain but for speed, and only the contracts that a change reaches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export_artifacts import (
    IMPORT,
    artifact,
    compiler_settings,
    import_name,
    is_deployable,
    read_sources,
    standard_input,
)
from mutation.compiler import Compiler
from mutation.mutants import Mutant, mutants_of

# The old code generator takes a tenth of the time of viaIR.
SETTINGS = compiler_settings() | {"viaIR": False, "optimizer": {"enabled": False}}

Artifacts = dict[str, dict[str, Any]]  # by contract name


class BuildError(Exception):
    """The contracts as they are do not compile; the message is the compiler's."""


@dataclass(frozen=True)
class Build:
    """The contracts without any change."""

    sources: dict[str, str]
    artifacts: Artifacts

    def contracts_importing(self, file: str) -> dict[str, list[str]]:
        """Return the deployable contracts whose sources import `file`, by source name."""
        wanted: dict[str, list[str]] = {}
        for name, built in self.artifacts.items():
            if file in self._imported_by(built["sourceName"]):
                wanted.setdefault(built["sourceName"], []).append(name)
        return wanted

    def _imported_by(self, source: str) -> set[str]:
        reached: set[str] = set()
        pending = [source]
        while pending:
            name = pending.pop()
            if name not in reached:
                reached.add(name)
                pending += [import_name(name, target) for target in IMPORT.findall(self.sources[name])]
        return reached


def build_unchanged(root: Path, compiler: Compiler) -> Build:
    """Compile the contracts as they are."""
    sources = read_sources(root)
    output = compiler.compile(standard_input(sources, SETTINGS))
    errors = [entry["formattedMessage"] for entry in output.get("errors", []) if entry["severity"] == "error"]
    if errors:
        raise BuildError("\n".join(errors))
    artifacts = {
        name: artifact(source, name, contract)
        for source, contracts in output["contracts"].items()
        for name, contract in contracts.items()
        if is_deployable(contract)
    }
    return Build(sources, artifacts)


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
    wanted = build.contracts_importing(mutant.file)
    request = standard_input(sources, SETTINGS)
    output_of = {
        source: {name: ["evm.bytecode.object"] for name in names} for source, names in wanted.items()
    }
    request["settings"] = request["settings"] | {"outputSelection": output_of}
    output = compiler.compile(request)
    if any(entry["severity"] == "error" for entry in output.get("errors", [])):
        return None
    changed: Artifacts = {}
    for source, names in wanted.items():
        for name in names:
            bytecode = "0x" + output["contracts"][source][name]["evm"]["bytecode"]["object"]
            if bytecode != build.artifacts[name]["bytecode"]:
                changed[name] = build.artifacts[name] | {"bytecode": bytecode}
    return changed
