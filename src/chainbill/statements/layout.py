"""Plain text in columns: wrapping, amounts flush right, tables that turn into lists on narrow terminals."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

MIN_WIDTH = 40
MAX_WIDTH = 100
DEFAULT_WIDTH = 88

_COMMAND = re.compile(r"chainbill [a-z-]+ [a-z-]+(?: \d+:\d+)?(?: --as [\w.-]+)?")
_NO_BREAK = "\u00a0"
_SHORTEST = 8
"""Columns that a shortened text keeps at least."""


def clamp_width(width: int) -> int:
    """The width a statement is laid out for: lines longer than ``MAX_WIDTH`` read badly."""
    return max(MIN_WIDTH, min(width, MAX_WIDTH))


def wrapped(text: str, width: int, indent: str = "", hang: str = "") -> list[str]:
    """``text`` in lines of ``width`` columns. What is there to be
    copied, a reference or a command, stays whole even where it is longer than a line."""
    lines = textwrap.wrap(
        _COMMAND.sub(lambda command: command[0].replace(" ", _NO_BREAK), text),
        width,
        initial_indent=indent,
        subsequent_indent=indent + hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_NO_BREAK, " ") for line in lines]


def heading(text: str) -> list[str]:
    """A section's title, with an empty line before it."""
    return ["", text.upper(), "-" * min(len(text), MIN_WIDTH)]


def not_final_lines(count: int, width: int) -> list[str]:
    """That some charges more are not final, after an empty line; nothing where there are none."""
    if not count:
        return []
    said = (
        f"Not final yet: {count} more, in blocks that the chain may still take back. What is final is listed "
        "here."
    )
    return ["", *wrapped(said, width)]


def amount_lines(rows: Sequence[tuple[str, str]], width: int, indent: str = "") -> list[str]:
    """Labels left, amounts flush right at one column, no further away than is easy to read across.

    An amount that its label leaves no room for stands on the next line.
    """
    room = min(width, 64) - len(indent)
    lines: list[str] = []
    for label, amount in rows:
        gap = room - len(label) - len(amount)
        if gap > 0:
            lines.append(f"{indent}{label}{' ' * gap}{amount}")
        else:
            lines += [*wrapped(label, width, indent), f"{indent}{amount:>{room}}"]
    return lines


def table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int, text_columns: int = 1) -> list[str]:
    """Rows under their heads: the first ``text_columns`` flush left, the others flush right.

    Where the columns do not fit into ``width``, each row becomes a short list of its fields.
    """
    widths = [max(len(line[column]) for line in (head, *rows)) for column in range(len(head))]
    if sum(widths) + 2 * (len(head) - 1) > width:
        return _stacked(head, rows, width)
    lines = [_row(cells, widths, text_columns) for cells in (head, ["-" * size for size in widths], *rows)]
    return [line.rstrip() for line in lines]


def fitted(
    head: Sequence[str], rows: Sequence[Sequence[str]], width: int, right: Sequence[int], cut: Sequence[int]
) -> list[str] | None:
    """A line a row. The columns in ``cut`` are shortened until all fit; those in ``right`` are flush right.

    None: they do not fit even so.
    """
    widths = [max(len(line[column]) for line in (head, *rows)) for column in range(len(head))]
    while sum(widths) + 2 * (len(head) - 1) > width:
        widest = max(cut, key=lambda column: widths[column])
        if widths[widest] <= _SHORTEST:
            return None
        widths[widest] -= 1
    lines = [
        "  ".join(
            f"{_cut(cell, size):>{size}}" if column in right else f"{_cut(cell, size):<{size}}"
            for column, (cell, size) in enumerate(zip(cells, widths, strict=True))
        )
        for cells in (head, ["-" * size for size in widths], *rows)
    ]
    return [line.rstrip() for line in lines]


def summary(head: Sequence[str], rows: Sequence[Sequence[str]], width: int, narrow: str) -> list[str]:
    """A line a charge: number, day, service, party, three amounts and how it stands.

    Where a line is too long, each becomes two; ``narrow`` then names the amounts, such as
    ``charged {}, insurer {}, you {}``.
    """
    fits = fitted(head, rows, width, right=(4, 5, 6), cut=(2, 3))
    if fits is not None:
        return fits
    lines: list[str] = []
    for number, day, service, _, *amounts, state in rows:
        lines += wrapped(f"{number}  {day}  {service}: {state}", width, hang="  ")
        lines += wrapped(narrow.format(*amounts), width, "  ")
    return lines


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else f"{text[: size - 1].rstrip()}…"


def _row(cells: Sequence[str], widths: Sequence[int], text_columns: int) -> str:
    return "  ".join(
        f"{cell:<{size}}" if column < text_columns else f"{cell:>{size}}"
        for column, (cell, size) in enumerate(zip(cells, widths, strict=True))
    )


def _stacked(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    lines: list[str] = []
    for row in rows:
        lines += wrapped(row[0], width)
        lines += amount_lines(list(zip(head[1:], row[1:], strict=True)), width, "  ")
    return lines
