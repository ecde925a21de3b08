"""Run slither over the contracts, mocks left out, and compare its findings with the explained ones.

    .venv/bin/python scripts/run_slither.py

`scripts/slither_triage.toml` explains every finding that is accepted: one table per reason, with the
detector and a line per finding, `Contract.function` or `Contract.function.variable`. Exit code 1: a
finding is not explained there, or an explained one is no longer found.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from export_artifacts import ROOT
from foundry_view import VIEW, NoForge, environment, lay_out

TRIAGE = ROOT / "scripts" / "slither_triage.toml"

# What is not ours, or serves tests alone.
LEFT_OUT = "node_modules|contracts/mocks"

Finding = tuple[str, str]  # detector and place


class SlitherFailed(Exception):
    """Slither did not come to an end; the message is what it said."""


def analyse() -> list[dict[str, Any]]:
    """Return slither's own findings."""
    view = lay_out(VIEW / "slither", "contracts", via_ir=True)
    report = view / "slither.json"
    report.unlink(missing_ok=True)
    command = ["slither", ".", "--json", report.name, "--filter-paths", LEFT_OUT]
    done = subprocess.run(command, cwd=view, env=environment(), capture_output=True, text=True, check=False)
    # Its exit code tells of findings too; only the report tells of failure.
    if not report.is_file():
        raise SlitherFailed(done.stderr[-4000:])
    outcome: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    if not outcome["success"]:
        raise SlitherFailed(outcome["error"])
    found: list[dict[str, Any]] = outcome["results"].get("detectors", [])
    return found


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


def explained(triage: Path) -> Counter[Finding]:
    """Return how often each finding is explained in the triage file."""
    tables = tomllib.loads(triage.read_text(encoding="utf-8")).get("accepted", [])
    for table in tables:
        if not table["reason"].strip():
            raise ValueError(f"{triage.name}: {table['detector']} has no reason")
    return Counter((table["detector"], where) for table in tables for where in table["where"])


def compare(found: Counter[Finding], accepted: Counter[Finding]) -> list[str]:
    """Return a line for each finding that is not explained, and each explanation of nothing."""
    return [
        *(
            f"not explained: {detector} in {where}"
            for detector, where in sorted((found - accepted).elements())
        ),
        *(
            f"no longer found: {detector} in {where}"
            for detector, where in sorted((accepted - found).elements())
        ),
    ]


def main() -> int:
    """Run the command; return its exit code."""
    try:
        detected = analyse()
    except (NoForge, SlitherFailed) as error:
        print(f"slither: {error}", file=sys.stderr)
        return 1
    found = Counter(finding(one) for one in detected)
    differences = compare(found, explained(TRIAGE))
    for line in differences:
        print(line)
    for one in detected:
        if f"not explained: {one['check']} in {place(one['elements'][0])}" in differences:
            print(f"\n{one['check']} ({one['impact']}): {one['description'].strip()}")
    print(
        f"slither: {found.total()} findings, {found.total() - (found - explained(TRIAGE)).total()} explained"
    )
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
