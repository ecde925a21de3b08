"""The README's walk-through, line by line, each a process of its own."""

from __future__ import annotations

import json
import shlex
from decimal import Decimal
from pathlib import Path

import pytest
from tests.walkthrough.terminal import ROOT, Terminal, commands


def walkthrough_lines() -> list[str]:
    """The commands of the fenced block under "Role by role"."""
    return commands((ROOT / "README.md").read_text(encoding="utf-8").partition("## Role by role")[2])


@pytest.mark.slow
def test_walkthrough__as_the_readme_says__pays_explains_and_adds_up(terminal: Terminal) -> None:
    # One test and not several: walking through takes thirty processes.
    lines = walkthrough_lines()
    assert lines[0].startswith("chainbill devnet up")
    assert lines[-1] == "chainbill devnet down"

    said = {line: terminal.ok(line) for line in lines[:-1]}
    node = terminal.facts("chainbill devnet status")

    totals = _check_statement(terminal, said["chainbill patient statement --as maria"])
    _check_everybodys_money(terminal, totals)
    _check_audit(terminal)
    _check_edited_ledger(terminal)

    assert terminal.run(lines[-1]).returncode == 0
    # An ended process nobody has collected yet still has its directory, but no command line.
    command_line = Path(f"/proc/{node['pid']}/cmdline")
    assert not command_line.exists() or command_line.read_bytes() == b""


def _check_statement(terminal: Terminal, shown: str) -> dict[str, Decimal]:
    statement = terminal.facts("chainbill patient statement --as maria")
    totals = {name: Decimal(value) for name, value in statement["totals"].items()}
    settled = [event for event in statement["events"] if event["outcome"] == "settled"]
    assert len(settled) == statement["counts"]["settled"] > 0
    for name in ("billed", "allowed", "plan_paid", "patient_responsibility"):
        assert sum(Decimal(event["amounts"][name]) for event in settled) == totals[name]
    assert totals["plan_paid"] + totals["patient_responsibility"] == totals["allowed"]
    assert "Maria Alvarez" in shown
    assert f"${totals['patient_responsibility']}" in shown
    return totals


def _check_everybodys_money(terminal: Terminal, totals: dict[str, Decimal]) -> None:
    """Funded with 500 and 100,000; 100 withdrawn by the patient, all credit by the provider."""
    patient = terminal.facts("chainbill patient balance --as maria")
    assert Decimal(patient["balance"]) == 500 - totals["patient_responsibility"] - 100
    assert Decimal(patient["outside"]) == 10_000 - 500 + 100
    pool = terminal.facts("chainbill insurer balance")
    assert Decimal(pool["balance"]) == 100_000 - totals["plan_paid"]
    provider = terminal.facts("chainbill provider balance --as clinic")
    assert (Decimal(provider["credit"]), Decimal(provider["outside"])) == (0, totals["allowed"])


def _check_audit(terminal: Terminal) -> None:
    verification = terminal.facts("chainbill audit verify")
    assert verification["discrepancies"] == []
    assert verification["claims"]["settled"] > 0


def _check_edited_ledger(terminal: Terminal) -> None:
    """A copy of the ledger in which a plan paid one micro-dollar more is not what happened."""
    ledger = terminal.folder / "ledger.jsonl"
    lines = ledger.read_text(encoding="utf-8").splitlines()
    place = max(number for number, line in enumerate(lines) if len(json.loads(line).get("topics", ())) == 1)
    entry = json.loads(lines[place])
    assert entry["topics"][0].startswith("0x" + "00" * 12)  # a plain claim's: its only topic is the patient
    # The third word's second field is what was allowed; the plan's part is what is left of it.
    last = 2 + 2 * 64 + 31
    data = entry["data"]
    entry["data"] = data[:last] + format(int(data[last], 16) ^ 1, "x") + data[last + 1 :]
    ledger.write_text("\n".join([*lines[:place], json.dumps(entry), *lines[place + 1 :]]) + "\n")

    done = terminal.run(f"chainbill audit verify --ledger {shlex.quote(str(ledger))} --json")

    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout)["discrepancies"]
