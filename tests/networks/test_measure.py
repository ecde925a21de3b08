"""The table of docs/networks.md: every engine is in it, and all that it says adds up."""

from __future__ import annotations

from datetime import date

import pytest
from scripts.networks.__main__ import ENGINES
from scripts.networks.measure import BEGIN, COLUMNS, END, PAGE, Machine, table, written


def rows(page: str) -> dict[str, list[str]]:
    """The table between the markers: by engine, what stands in the other columns."""
    _, _, rest = page.partition(BEGIN)
    lines = [line for line in rest.partition(END)[0].splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == list(COLUMNS)
    return {row[0]: row[1:] for row in cells[2:]}


def test_page__its_table__has_every_engine_without_a_difference_or_discrepancy() -> None:
    found = rows(PAGE.read_text(encoding="utf-8"))
    assert found.keys() == ENGINES.keys()
    for measured in found.values():
        assert len(measured) == len(COLUMNS) - 1
        assert measured[-2:] == ["0", "0"]


@pytest.mark.parametrize("load,busy", [(1.5, False), (12.0, True)])
def test_table__says_of_what_kind_of_machine_the_seconds_are(load: float, busy: bool) -> None:
    told = table(Machine(date(2026, 11, 30), 2, load), {})
    assert f"Measured on 2026-11-30, one run each, on 2 cores{' that other' if busy else ' ('}" in told


def test_written__twice__is_the_same_and_leaves_the_prose() -> None:
    page = f"# Networks\n\n{BEGIN}\nold\n{END}\n\nprose\n"
    once = written(page, "new")
    assert written(once, "new") == once == f"# Networks\n\n{BEGIN}\n\nnew\n\n{END}\n\nprose\n"


def test_written__markers_missing__is_refused() -> None:
    with pytest.raises(ValueError, match="must stand there"):
        written("# Networks\n", "new")
