"""Statements are kept word for word: a changed word, column or JSON field shows up in the diff.

``CHAINBILL_WRITE_GOLDEN=1`` writes the files anew; read the difference before you commit it.
"""

import os
from pathlib import Path

import pytest
from tests.statements.scenarios import golden_files

GOLDEN = Path(__file__).parent / "golden"
FILES = golden_files()

if os.environ.get("CHAINBILL_WRITE_GOLDEN"):
    GOLDEN.mkdir(exist_ok=True)
    for name, content in FILES.items():
        (GOLDEN / name).write_text(content, "utf-8")


@pytest.mark.parametrize("name", FILES)
def test_statement__worked_scenario__reads_as_kept(name: str) -> None:
    assert FILES[name] == (GOLDEN / name).read_text("utf-8")


def test_golden__files__are_all_made_here() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(FILES)
