"""``chainbill oracle take``: attested events that providers elsewhere have written into files."""

from __future__ import annotations

from pathlib import Path

import click

from chainbill.cli.shell.command import ExitCode, ShellCommand
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, note


@click.command(cls=ShellCommand, example="chainbill oracle take events.sealed")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_context
@pass_invocation
def take(invocation: Invocation, context: click.Context, file: Path) -> None:
    """Check the events of FILE, which a `provider export` has written, and keep what passes for settling.

    What is refused stops no other; tell its provider why. What was taken before is taken once.

    Exits with 1 when something was refused or damaged and nothing was taken.
    """
    from chainbill.operations.oracle.take import take_events

    done = take_events(invocation.session(), file)
    told = f"{done.taken} taken, {done.known} known already, {len(done.refused)} refused."
    if done.recalled or done.too_late:
        told += f" {done.recalled} taken back by their provider, {done.too_late} too late."
    if done.taken or done.known:
        told += "\nThey are settled by: chainbill oracle settle"
    emit(
        {
            "taken": done.taken,
            "known": done.known,
            "recalled": done.recalled,
            "too_late": done.too_late,
            "refused": [
                {
                    "number": each.number,
                    "reason": each.reason,
                    "message": each.message,
                }
                for each in done.refused
            ],
            "damaged_lines": done.damaged,
        },
        told,
    )
    for each in done.refused:
        note(f"note: refused: {each.number}: {each.message}")
    if done.damaged:
        note(f"note: lines that are no attested event: {list(done.damaged)}")
    if (done.refused or done.damaged) and not (done.taken or done.known or done.recalled):
        context.exit(ExitCode.FAILED)
