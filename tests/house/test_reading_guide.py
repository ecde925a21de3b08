"""The auditor's reading guide names files and functions that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reading-guide.md").read_text(encoding="utf-8")
CONTRACTS = {path.name: path for path in (ROOT / "contracts").rglob("*.sol")}
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in CONTRACTS.values())


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`([\w/.-]+\.(?:sol|py|toml)|[\w/]+/)`", PAGE))))
def test_guide__file_that_it_names__is_there(named: str) -> None:
    places = [ROOT / named, ROOT / "contracts" / named, ROOT / "tests" / "contracts" / named]
    assert any(place.exists() for place in places)


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`(_?[a-z]+[A-Z]\w*)`", PAGE))))
def test_guide__function_that_it_names__is_there(named: str) -> None:
    assert f"function {named}(" in SOURCES


def test_guide__way_of_a_claim__is_twelve_steps() -> None:
    assert re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE) == [str(step) for step in range(1, 13)]
