"""``chainbill oracle take``: attested events that providers elsewhere have written into files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from chainbill.cli.shell.acting import FILE
from chainbill.cli.shell.command import ExitCode, ShellCommand
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, note
from chainbill.cli.shell.written_files import check_place, force_option, write_output


@click.command(
    cls=ShellCommand,
    example="chainbill oracle take events.sealed\n"
    "chainbill oracle take events.sealed --receipts receipts.sealed",
)
@click.argument("file", type=FILE)
@click.option(
    "--receipts",
    type=FILE,
    metavar="RECEIPTS",
    help="Write what became of each event into this file, for its provider.",
)
@force_option
@click.pass_context
@pass_invocation
def take(
    invocation: Invocation, context: click.Context, file: Path, receipts: Path | None, force: bool
) -> None:
    """Check the events of FILE, which a `provider export` has written, and keep what passes for settling.

    What is refused stops no other. What was taken before is taken once. With --receipts the provider is told
    of each event how it stands now, or why it was refused: signed by a node of the quorum, and sealed to the
    provider, who reads it by `provider take-receipts`.

    Exits with 1 when something was refused or damaged and nothing was taken.
    """
    from chainbill.operations.oracle.take import take_events

    if receipts is None:
        done = take_events(invocation.session(), file)
    else:
        check_place(receipts, force=force)
        done = take_events(invocation.session(), file, receipts=partial(write_output, receipts, force=force))
    told = f"{done.taken} taken, {done.known} known already, {len(done.refused)} refused."
    if done.recalled or done.too_late:
        told += f" {done.recalled} taken back by their provider, {done.too_late} too late."
    if done.taken or done.known:
        told += "\nThey are settled by: chainbill oracle settle"
    if receipts is not None and done.receipts:
        told += f"\nReceipts are in {receipts}. There: chainbill provider take-receipts {receipts.name}"
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
            "receipts": done.receipts,
        },
        told,
    )
    for each in done.refused:
        note(f"note: refused: {each.number}: {each.message}")
    if receipts is not None and not done.receipts:
        note(f"note: there is no event in {file}, and so nothing is written into {receipts}")
    if done.damaged:
        note(f"note: lines that are no attested event: {list(done.damaged)}")
    if (done.refused or done.damaged) and not (done.taken or done.known or done.recalled):
        context.exit(ExitCode.FAILED)
