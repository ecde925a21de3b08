"""Run slither over the contracts and compare its findings with the explained ones.

    .venv/bin/python scripts/run_slither.py

`scripts/slither_triage.toml` explains every finding that is accepted: one table per reason, with the
detector and where it was found, `Contract.function` or `Contract.function.variable`, or `everywhere`. Exit
code 1: a finding is not explained there, or an explained one is no longer found.

Slither reads syntax trees, so nothing is translated to bytecode for it: it gets the compiler's output as a
Foundry project would keep it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from export_artifacts import (
    CONTRACTS,
    ROOT,
    SOLC_VERSION,
    ExportError,
    compiler_settings,
    read_sources,
    run_solc,
)
from foundry_view import NoForge, environment

TRIAGE = ROOT / "scripts" / "slither_triage.toml"
VIEW = ROOT / ".cache" / "slither"

# What is not ours.
LEFT_OUT = "node_modules"

EVERYWHERE = "everywhere"
NO_CODE = {"object": "", "sourceMap": ""}

Finding = tuple[str, str]  # detector and place


class SlitherFailed(Exception):
    """Slither did not come to an end; the message is what it said."""


def analyse() -> list[dict[str, Any]]:
    """Return slither's own findings."""
    lay_out()
    report = VIEW / "report.json"
    report.unlink(missing_ok=True)
    command = ["slither", ".", "--ignore-compile", "--json", report.name, "--filter-paths", LEFT_OUT]
    done = subprocess.run(command, cwd=VIEW, env=environment(), capture_output=True, text=True, check=False)
    # Its exit code tells of findings too; only the report tells of failure.
    if not report.is_file():
        raise SlitherFailed(done.stderr[-4000:])
    outcome: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    if not outcome["success"]:
        raise SlitherFailed(outcome["error"])
    found: list[dict[str, Any]] = outcome["results"].get("detectors", [])
    return found


def lay_out() -> None:
    """Write the sources and the compiler's output where slither looks for them."""
    shutil.rmtree(VIEW, ignore_errors=True)
    build_info = VIEW / "out" / "build-info"
    build_info.mkdir(parents=True)
    shutil.copytree(ROOT / "contracts", VIEW / "contracts", ignore=shutil.ignore_patterns(".*"))
    (VIEW / "node_modules").symlink_to(ROOT / "node_modules")
    (VIEW / "foundry.toml").touch()
    sources = {name: {"content": text} for name, text in read_sources(ROOT, (CONTRACTS,)).items()}
    settings = compiler_settings() | {"outputSelection": {"*": {"": ["ast"], "*": ["abi"]}}}
    output = run_solc(ROOT, {"language": "Solidity", "sources": sources, "settings": settings})
    for contracts in output["contracts"].values():
        for contract in contracts.values():
            contract["evm"] = {"bytecode": NO_CODE, "deployedBytecode": NO_CODE}
    kept = {
        "solcVersion": SOLC_VERSION,
        "input": {"language": "Solidity", "settings": settings},
        "output": output,
    }
    (build_info / "contracts.json").write_text(json.dumps(kept), encoding="utf-8")


def finding(detected: dict[str, Any]) -> Finding:
    """Return the detector and the place of its first element."""
    return detected["check"], place(detected["elements"][0])


def place(element: dict[str, Any]) -> str:
    """Return an element's name after those of the function and contract it stands in."""
    names = []
    while element:
        if element["type"] in ("contract", "function", "variable", "event", "enum", "struct"):
            names.append(element["name"])
        element = element.get("type_specific_fields", {}).get("parent", {})
    return ".".join(reversed(names))


def explained(triage: Path) -> set[Finding]:
    """Return the findings that the triage file explains."""
    tables = tomllib.loads(triage.read_text(encoding="utf-8")).get("accepted", [])
    for table in tables:
        if not table["reason"].strip():
            raise ValueError(f"{triage.name}: {table['detector']} has no reason")
    return {(table["detector"], where) for table in tables for where in table["where"]}


def compare(found: set[Finding], accepted: set[Finding]) -> tuple[set[Finding], set[Finding]]:
    """Return the findings that are not explained, and the explanations of what is no longer found."""
    widely = {detector for detector, where in accepted if where == EVERYWHERE}
    unexplained = {one for one in found - accepted if one[0] not in widely}
    stale = {one for one in accepted - found if one[1] != EVERYWHERE}
    stale |= {(detector, EVERYWHERE) for detector in widely - {detector for detector, _ in found}}
    return unexplained, stale


def main() -> int:
    """Run the command; return its exit code."""
    try:
        detected = analyse()
    except (ExportError, NoForge, SlitherFailed) as error:
        print(f"slither: {error}", file=sys.stderr)
        return 1
    unexplained, stale = compare({finding(one) for one in detected}, explained(TRIAGE))
    for one in detected:
        if finding(one) in unexplained:
            detector, where = finding(one)
            print(f"not explained: {detector} ({one['impact']}) in {where}\n{one['description'].strip()}\n")
    for detector, where in sorted(stale):
        print(f"explained, but no longer found: {detector} in {where}")
    print(f"slither: {len(detected)} findings, {len(unexplained)} places not explained")
    return 1 if unexplained or stale else 0


if __name__ == "__main__":
    sys.exit(main())
