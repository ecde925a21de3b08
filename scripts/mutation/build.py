"""Compiles mutants: not for the chain but for speed, and only the contracts that a change reaches."""

from __future__ import annotations

import re
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

# The old code generator takes a fraction of the time of viaIR, but not every contract fits its stack.
QUICK = compiler_settings() | {"viaIR": False, "optimizer": {"enabled": False}}
RELEASE = compiler_settings()

CONTRACT = re.compile(r"^contract ", re.MULTILINE)

Artifacts = dict[str, dict[str, Any]]  # by contract name


class BuildError(Exception):
    """The contracts as they are do not compile; the message is the compiler's."""


@dataclass(frozen=True)
class Build:
    """The contracts without any change."""

    sources: dict[str, str]
    artifacts: Artifacts
    settings: dict[str, dict[str, Any]]
    """The compiler settings of each source with contracts."""

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
    """Compile the contracts as they are, each the quick way if it can be."""
    sources = read_sources(root)
    artifacts: Artifacts = {}
    settings: dict[str, dict[str, Any]] = {}
    for source, text in sources.items():
        if not source.startswith("contracts/") or not CONTRACT.search(text):
            continue
        for settings[source] in (QUICK, RELEASE):
            output = compiler.compile(_request(sources, settings[source], {source: ["*"]}))
            if not errors(output):
                break
        else:
            raise BuildError("\n".join(errors(output)))
        for name, contract in output["contracts"][source].items():
            if is_deployable(contract):
                artifacts[name] = artifact(source, name, contract)
    return Build(sources, artifacts, settings)


def errors(output: dict[str, Any]) -> list[str]:
    """Return the compiler's errors."""
    return [entry["formattedMessage"] for entry in output.get("errors", []) if entry["severity"] == "error"]


def _request(
    sources: dict[str, str], settings: dict[str, Any], names: dict[str, list[str]]
) -> dict[str, Any]:
    """Return the compiler's input for some contracts, by source."""
    request = standard_input(sources, settings)
    wanted = request["settings"]["outputSelection"].popitem()[1]["*"]
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
    changed: Artifacts = {}
    for source, names in build.contracts_importing(mutant.file).items():
        output = compiler.compile(_request(sources, build.settings[source], {source: names}))
        if errors(output):
            return None
        for name in names:
            bytecode = "0x" + output["contracts"][source][name]["evm"]["bytecode"]["object"]
            if bytecode != build.artifacts[name]["bytecode"]:
                changed[name] = build.artifacts[name] | {"bytecode": bytecode}
    return changed
