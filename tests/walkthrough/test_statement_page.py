"""docs/statement.md: its commands, line by line, and its screens, word for word."""

from __future__ import annotations

import pytest
from tests.walkthrough.terminal import ROOT, Terminal, check_screens, steps

PAGE = ROOT / "docs" / "statement.md"


@pytest.mark.slow
def test_page__as_it_stands__prints_what_it_shows(terminal: Terminal) -> None:
    lines = [step.line for step in steps(PAGE.read_text(encoding="utf-8"))]
    assert lines[0].startswith("chainbill devnet up")
    assert lines[-1] == "chainbill devnet down"
    said = {line: terminal.ok(line) for line in lines[:-1]}
    check_screens(PAGE, said)
