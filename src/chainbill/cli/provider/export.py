"""``chainbill provider export``: attested events, for an oracle of another machine."""

from __future__ import annotations

from pathlib import Path

import click

from chainbill.cli.provider.acting import provider
from chainbill.cli.shell.acting import FILE, acting_as
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, note
from chainbill.cli.shell.parameters import ACCOUNT, ACCOUNT_OR_ADDRESS
from chainbill.cli.shell.written_files import check_place, force_option, write_output


@click.command(
    cls=ShellCommand,
    example="chainbill provider export events.sealed --to oracle-1\n"
    "chainbill provider export events.sealed --to oracle-1 --as lakeview --force",
)
@click.argument("file", type=FILE)
@click.option(
    "--to",
    "oracle",
    type=ACCOUNT_OR_ADDRESS,
    required=True,
    metavar="ORACLE",
    help="The oracle node that opens it.",
)
@click.option("--key", type=ACCOUNT, help="The key that attested.  [default: the account's own]")
@force_option
@acting_as("provider")
@pass_invocation
def export(invocation: Invocation, file: Path, oracle: str, key: str | None, force: bool, name: str) -> None:
    """Write what was attested and has not ended on chain into FILE, for an oracle elsewhere.

    Only that oracle opens it, and takes it in by `oracle take`. What was taken back since is in it, too.
    Made again, it says the same again, and nothing is taken twice.
    """
    from chainbill.operations.provider.export import export_events

    check_place(file, force=force)
    acting, provider_id = provider(invocation, name)
    done = export_events(acting, provider_id, oracle, key=key)
    write_output(file, done.content, force=force)
    taken_back = f", {done.recalls} taken back" if done.recalls else ""
    emit(
        {
            "account": name,
            "provider_id": provider_id,
            "events": done.events,
            "recalls": done.recalls,
            "unreadable": done.unreadable,
            "file": file,
        },
        f"{done.events} attested events{taken_back} are in {file}, sealed to {oracle}. "
        f"There: chainbill oracle take {file.name}",
    )
    if done.unreadable:
        note(f"note: not handed over, since their records cannot be opened: {list(done.unreadable)}")
