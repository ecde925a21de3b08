"""``chainbill records``: sealed records on their way from providers to their patients."""

from __future__ import annotations

from pathlib import Path

import click

from chainbill.cli.shell.acting import only_account
from chainbill.cli.shell.command import ExitCode, ShellGroup
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, note
from chainbill.cli.shell.parameters import ACCOUNT, PARTY
from chainbill.cli.shell.written_files import check_place, force_option, write_output

_PLACE = click.Path(path_type=Path)


@click.group("records", cls=ShellGroup)
def records_group() -> None:
    """Bring sealed records to their patients: by a file, or a folder that both reach.

    Where CHAINBILL_RECORDS names such a folder, `provider attest` lays records there, and a patient's
    statement looks for them there, without a command of these.
    """


@records_group.command(
    example="chainbill records export --to maria maria.records\nchainbill records export /mnt/shared/records"
)
@click.argument("place", metavar="FOLDER|FILE", type=_PLACE)
@click.option(
    "--to",
    type=PARTY,
    multiple=True,
    metavar="PATIENT",
    help="Only what is sealed to this one; repeatable.",
)
@force_option
@pass_invocation
def export(invocation: Invocation, place: Path, to: tuple[str, ...], force: bool) -> None:
    """Lay the sealed records that are here into a folder, or write them into one file.

    A record is opened only by those it was sealed to, so the place may be seen by others; how many there are,
    and under which commitments, is seen by all.
    """
    from chainbill.operations.records import export_records

    if not place.is_dir():
        check_place(place, force=force)
    done = export_records(
        invocation.session(), place, to, write=lambda content: write_output(place, content, force=force)
    )
    told = f"{done.records} sealed records are in {place}"
    told += f", {done.new} of them new." if place.is_dir() else f": chainbill records fetch {place.name}"
    emit({"records": done.records, "new": done.new, "place": place}, told)


@records_group.command(
    example="chainbill records fetch maria.records --as maria\nchainbill records fetch /mnt/shared/records"
)
@click.argument("place", metavar="FOLDER|FILE", type=click.Path(exists=True, path_type=Path))
@click.option("--as", "name", type=ACCOUNT, help="Whose records.  [default: the only account here]")
@click.pass_context
@pass_invocation
def fetch(invocation: Invocation, context: click.Context, place: Path, name: str | None) -> None:
    """Take the records that are sealed to you, for your statement to explain charges by.

    Each is opened first and must be what its commitment says. Records of others are passed over.

    Exits with 3 where a record that is sealed to you is not what it should be.
    """
    from chainbill.operations.actor import Actor
    from chainbill.operations.records import fetch_records

    session = invocation.session()
    name = only_account(session.keystores) if name is None else name
    done = fetch_records(Actor.known(session, name), place)
    emit(
        {
            "account": name,
            "kept": done.kept,
            "known": done.known,
            "others": done.others,
            "refused": [{"commitment": each, "message": message} for each, message in done.refused],
        },
        f"{done.kept} records are new here, {done.known} were here already; "
        f"{done.others} are sealed to others.",
    )
    for commitment, message in done.refused:
        note(f"note: refused: 0x{commitment.hex()}: {message}")
    if done.refused:
        context.exit(ExitCode.DISCREPANCIES)
