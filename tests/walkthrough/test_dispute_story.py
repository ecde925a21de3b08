"""docs/dispute-story.md, line by line, each a process of its own."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.walkthrough.terminal import ROOT, Terminal, check_screens, steps

STORY = ROOT / "docs" / "dispute-story.md"


@pytest.mark.slow
def test_story__as_the_document_says__gives_back_corrects_and_adds_up(terminal: Terminal) -> None:
    # One test and not several: walking through takes forty processes.
    lines = [step.line for step in steps(STORY.read_text(encoding="utf-8"))]
    assert lines[0].startswith("chainbill devnet up")
    assert lines[-1] == "chainbill devnet down"
    said = {line: terminal.ok(line) for line in lines[:-1]}

    assert "Next: chainbill provider concede 1:1" in said["chainbill patient dispute 1:1 --as maria --yes"]
    assert "held, disputed    $260.70" in said["chainbill provider balance --as clinic"]
    assert "$92.00 of it is taken back" in said["chainbill provider concede 1:1 --as clinic --yes"]
    assert "$10.00 to the patient's wallet" in said["chainbill governor resolve 1:2 --copay 15 --yes"]
    assert "$77.00 of it is taken back" in said["chainbill claims close 1:3 --yes"]
    assert "0 discrepancies" in said["chainbill audit verify"]
    check_screens(STORY, said)
    _check_claims(terminal)
    _check_everybodys_money(terminal)
    terminal.ok(lines[-1])


def _check_claims(terminal: Terminal) -> None:
    disputes = terminal.facts("chainbill claims disputes")["disputes"]
    assert [(each["sequence"], each["status"], each["parties"]) for each in disputes] == [
        (1, "corrected", ["patient"]),
        (2, "reversed", ["patient"]),
        (3, "reversed", ["primary"]),
    ]
    wrong, corrected = terminal.facts("chainbill audit show 1:1 1:4")["claims"]
    assert corrected["corrects"] == wrong["claim_id"]
    assert (wrong["copay"], corrected["copay"]) == ("25.00", "15.00")


def _check_everybodys_money(terminal: Terminal) -> None:
    """What is left: $82 for the second visit and $85 for the corrected first; $15 of each is hers."""
    patient = terminal.facts("chainbill patient balance --as maria")
    assert Decimal(patient["balance"]) == 500 - 15 - 15
    assert Decimal(terminal.facts("chainbill insurer balance")["balance"]) == 100_000 - 67 - 70
    provider = terminal.facts("chainbill provider balance --as clinic")
    assert Decimal(provider["outside"]) == Decimal("166.80")
    assert [provider[kind] for kind in ("credit", "maturing", "held", "owed")] == ["0.00"] * 4
    verification = terminal.facts("chainbill audit verify")
    assert verification["discrepancies"] == []
    assert (verification["claims"]["settled"], verification["checked"]["reversed"]) == (4, 3)
