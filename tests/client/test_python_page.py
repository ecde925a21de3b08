"""The examples of docs/python.md and docs/tutorial.md run, and print what the pages say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.support import python_page

from chainbill.state.directory import StateDirectory
from chainbill.state.local_devnet import LocalDevnet

DOCS = Path(__file__).resolve().parents[2] / "docs"

LINES = 40
"""The tutorial promises no more."""


@pytest.mark.parametrize("page", ["python.md", "tutorial.md"])
def test_page__its_examples__run_and_print_what_it_says(
    page: str, tmp_path: Path, own_settings: pytest.MonkeyPatch
) -> None:
    script = "\n".join(python_page.examples(DOCS / page))
    local = LocalDevnet(StateDirectory.open(tmp_path / "devnet"))
    try:
        local.up()
        (tmp_path / "work").mkdir()
        environment = python_page.furnish(tmp_path / "work", local)
        url = local.require().rpc_url
        printed = python_page.run(Path(sys.executable), tmp_path / "work", script, url, environment)
    finally:
        local.down()
    assert printed == python_page.promised(script)
    assert len(printed) > 2


def test_tutorial__its_code__is_forty_lines() -> None:
    code = [line for block in python_page.examples(DOCS / "tutorial.md") for line in block.splitlines()]
    assert 20 < len([line for line in code if line.strip()]) <= LINES
