"""What a command tells: the same facts as JSON for a program or as text for a person."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

from chainbill.cli.shell.context import Invocation
from chainbill.cli.shell.terminal import echo_styled, one_line, styled, visible
from chainbill.operations.times import show_time as show_time  # commands get it here, with the rest

_PIPE_WIDTH = 240
"""Columns of a table that no terminal cuts off."""


def emit(facts: Mapping[str, Any] | BaseModel, text: str | Callable[[], None]) -> None:
    """Print ``facts`` under ``--json``, and ``text`` (or what calling it prints) otherwise.

    In ``facts`` bytes become 0x-hexadecimal; money must be given as ``format_dollars`` strings, times of the
    chain as seconds since 1970. In a dry run both say so, and what would be sent. What was done is over then.
    """
    invocation = click.get_current_context().ensure_object(Invocation)
    invocation.save_shown()
    _show(invocation, facts, text)
    invocation.untold.told()


def _show(
    invocation: Invocation, facts: Mapping[str, Any] | BaseModel, text: str | Callable[[], None]
) -> None:
    if invocation.json:
        shown = {**_plain(facts), **_rehearsed_facts(invocation)}
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False, default=_plain))
        return
    if invocation.rehearsal is not None:
        click.echo("Dry run: nothing is sent and nothing is kept. It would come to this:\n")
    if isinstance(text, str):
        click.echo(text)
    else:
        text()
    if invocation.rehearsal is not None:
        click.echo(_rehearsed_text(invocation))


def note(message: str) -> None:
    """Say something by the way, on one line of stderr."""
    click.echo(one_line(message), err=True)


class Notes(logging.Handler):
    """Says by the way what the library warns of while a command waits."""

    def emit(self, record: logging.LogRecord) -> None:
        """As ``note``."""
        note(f"note: {record.getMessage()}")


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None) -> None:
    """Print a table on stdout. A column whose name begins with ``>`` stands to the right."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.lstrip(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        # A line of the table is ours to begin: a newline in a record's text would forge one.
        table.add_row(*(visible(str(cell)).replace("\n", " ") for cell in row))
    # Rich would also colour numbers and read [brackets] as markup.
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, markup=False, highlight=False)
    with console.capture() as drawn:
        console.print(table)
    echo_styled("\n".join(line.rstrip() for line in drawn.get().splitlines()))


@contextmanager
def progress(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr where that is a terminal: how much is done, at what rate, and how long what is
    left takes so. Yields what moves it on by some steps."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    console = Console(file=styled(sys.stderr))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(one_line(description), total=total, rate="")

        def advance(steps: int) -> None:
            bar.advance(task, steps)
            speed = bar.tasks[0].speed
            bar.update(task, rate="" if speed is None else f"{speed:,.1f}/s")

        yield advance


def several(count: int, noun: str) -> str:
    """So many of something, one of it in the singular: ``1 claim``, ``2 service events``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def holds_from(timestamp: int) -> str:
    """From when a change holds, as every command says it: ``holds from 2026-11-24 07:50:47 UTC``."""
    return f"holds from {show_time(timestamp)}"


def it_holds(timestamp: int) -> str:
    """The same as a sentence of its own."""
    return f"It {holds_from(timestamp)}."


def holding_lines(times: Mapping[str, int]) -> list[str]:
    """From when several changes hold: a line for each time (to the minute), not one for each change."""
    minutes: dict[int, list[int]] = {}
    for timestamp in times.values():
        minutes.setdefault(timestamp // 60, []).append(timestamp)
    if len(minutes) == 1:
        return [it_holds(max(times.values()))]
    return [
        f"For {len(together)} of them it {holds_from(max(together))}."
        for _, together in sorted(minutes.items())
    ]


def show_duration(seconds: int) -> str:
    """A span of time as commands read it: ``2d``, ``1d12h``, ``90s`` as ``1m30s``; ``none`` for 0."""
    parts, left = [], seconds
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, left = divmod(left, length)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "none"


def _rehearsed_facts(invocation: Invocation) -> dict[str, Any]:
    rehearsal = invocation.rehearsal
    if rehearsal is None:
        return {}
    name_of = rehearsal.session.book.name_of
    return {
        "dry_run": True,
        "transactions": [
            {
                "from": name_of(each.sender) or each.sender,
                "contract": each.contract,
                "function": each.function or None,
                "gas_used": each.gas_used,
            }
            for each in rehearsal.transactions()
        ],
    }


def _rehearsed_text(invocation: Invocation) -> str:
    sent = [
        f"  {each['contract']}{'.' if each['function'] else ''}{each['function'] or ''} "
        f"by {each['from']}, {each['gas_used']:,} gas"
        for each in _rehearsed_facts(invocation)["transactions"]
    ]
    return "\n".join(["\nIt would send:", *sent]) if sent else "\nIt would send nothing."


def _plain(value: Any) -> Any:
    """The form of a value that JSON knows; ``json.dumps`` asks again for what is inside."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal | Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
