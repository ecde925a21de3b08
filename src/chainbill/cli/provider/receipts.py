"""``chainbill provider take-receipts``: what an oracle elsewhere has made of exported events."""

from __future__ import annotations

from pathlib import Path

import click

from chainbill.cli.provider.acting import provider
from chainbill.cli.shell.acting import FILE, acting_as
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit


@click.command(cls=ShellCommand, example="chainbill provider take-receipts receipts.sealed --as lakeview")
@click.argument("file", type=FILE)
@acting_as("provider")
@pass_invocation
def take_receipts(invocation: Invocation, file: Path, name: str) -> None:
    """Read in FILE, written by `oracle take --receipts`, which of your events an oracle elsewhere has taken.

    `provider worklist` shows then what it has refused, why, and what to do. Receipts that are older than what
    is known change nothing.
    """
    from chainbill.operations.provider.receipts import take_receipts as take_in

    acting, provider_id = provider(invocation, name)
    done = take_in(acting, provider_id, file)
    told = f"{done.accepted} accepted, {done.refused} refused; {done.new} of that is new here."
    if done.refused:
        told += "\nWhy, and what to do: chainbill provider worklist"
    emit(
        {
            "account": name,
            "provider_id": provider_id,
            "accepted": done.accepted,
            "refused": done.refused,
            "new": done.new,
            "issued_at": done.issued_at,
            "signed_by": done.signed_by,
        },
        told,
    )
