"""``chainbill provider rebuild``: the worklist again, from the chain, the oracle and the vault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from chainbill.cli.provider.acting import provider
from chainbill.cli.provider.worklist import MOST_ROWS
from chainbill.cli.shell.acting import acting_as
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, note, several

if TYPE_CHECKING:
    from chainbill.operations.provider.worklist_rebuild import RebuiltWorklist


@click.command(
    cls=ShellCommand,
    example="chainbill provider rebuild --as lakeview\nchainbill provider rebuild --unsent",
)
@click.option(
    "--unsent",
    is_flag=True,
    help="Also put records on the worklist that are sealed and that nobody has on file as attested.",
)
@acting_as("provider")
@pass_invocation
def rebuild(invocation: Invocation, unsent: bool, name: str) -> None:
    """Let the worklist know again what was attested, and the oracle which records the claims are.

    For a worklist that was lost, or an oracle's store that was. Sequences and states are read from the chain,
    the oracle's store and the provider's own copies in the vault. What was attested and is neither settled
    nor at the oracle any more waits again, under its own number. What cannot be told is named. Repeated, this
    changes nothing.
    """
    from chainbill.operations.provider.rebuild import rebuild as rebuild_worklist

    done = rebuild_worklist(*provider(invocation, name), with_unsent=unsent)
    emit(
        {
            "attested": done.attested,
            "to_attest_again": done.to_attest_again,
            "to_ingest_again": done.to_ingest_again,
            "recalled": done.recalled,
            "unsent": [
                {"record": lost.opening.event.record_identity, "commitment": lost.commitment}
                for lost in done.unsent
            ],
            "without_record": [sequence for _, sequence in done.without_record],
            "named_to_oracle": done.named_to_oracle,
            "oracle_behind": done.oracle_behind,
            "block": asdict(done.block),
        },
        lambda: _show(name, done),
    )
    if done.oracle_behind:
        note(
            f"note: the oracle's store knows nothing of {done.oracle_behind} of these claims\n"
            "hint: chainbill oracle rebuild, then this again"
        )


def _show(name: str, done: RebuiltWorklist) -> None:
    click.echo(
        f"{several(len(done.attested), 'record')} known again as attested; the oracle has learnt the records "
        f"of {several(done.named_to_oracle, 'claim')}. The next number is one of the {done.block.unused} "
        f"unused from {max(done.block.first, 1)} to {done.block.last}."
    )
    _list(
        "Attested and gone; they wait again under their numbers "
        f"(then: chainbill provider attest --as {name}):",
        done.to_attest_again,
    )
    _list("Attested and gone, and their records too; ingest their files again:", done.to_ingest_again)
    _list("Taken back before; ingest their files again to bill them:", done.recalled)
    _list(
        "Sealed, and nobody knows of them as attested: they may have been removed on purpose. Ingest their"
        " files again, or put them on the worklist with --unsent:",
        [lost.opening.event.record_identity for lost in done.unsent],
    )
    _list(
        "Claims in your name whose records are not in the vault; see which you know: "
        f"chainbill provider check --as {name}",
        [str(sequence) for _, sequence in done.without_record],
    )


def _list(title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    click.echo(f"\n{title}")
    for line in lines[:MOST_ROWS]:
        click.echo(f"  {line}")
    if len(lines) > MOST_ROWS:
        click.echo(f"  … and {len(lines) - MOST_ROWS} more (all of them: --json)")
