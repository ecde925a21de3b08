"""``chainbill records``: sealed records on their way to their patients, and what is proved of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chainbill.cli.shell.acting import only_account
from chainbill.cli.shell.command import ExitCode, ShellGroup
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, note, several, show_table
from chainbill.cli.shell.parameters import ACCOUNT, PARTY
from chainbill.cli.shell.terminal import one_line
from chainbill.cli.shell.written_files import check_place, force_option, write_output

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from chainbill.operations.actor import Actor
    from chainbill.operations.claims.facts import LedgerClaim

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


_AS = click.option("--as", "name", type=ACCOUNT, help="Whose record.  [default: the only account here]")


@records_group.command(example="chainbill records readings 2:7 --as maria")
@click.argument("claim")
@_AS
@pass_invocation
def readings(invocation: Invocation, claim: str, name: str | None) -> None:
    """List the readings that a claim for a month of monitoring stands on."""
    from chainbill.operations.readings import show_readings

    found = show_readings(_holder(invocation, name), claim)

    def show() -> None:
        click.echo(
            f"{several(len(found.taken), 'reading')} on {several(len(found.days), 'day')},"
            f" {found.first_day} to {found.last_day}"
        )
        show_table(
            (">Number", "Day", "Measured at", "Device", "Values"),
            [
                (
                    number,
                    reading.day.isoformat(),
                    reading.measured_at.isoformat(),
                    reading.device,
                    ", ".join(f"{each.value} {each.unit}".strip() for each in reading.values),
                )
                for number, reading in enumerate(found.taken, start=1)
            ],
        )

    emit(
        {
            "claim": claim,
            "first_day": found.first_day.isoformat(),
            "last_day": found.last_day.isoformat(),
            "days": len(found.days),
            "readings": [
                {"number": number, **reading.model_dump(mode="json")}
                for number, reading in enumerate(found.taken, start=1)
            ],
        },
        show,
    )


def _holder(invocation: Invocation, name: str | None) -> Actor:
    """The account whose key opens the record."""
    from chainbill.operations.actor import Actor

    session = invocation.session()
    return Actor.holding(session, only_account(session.keystores) if name is None else name)


@records_group.command(
    example="chainbill records prove 2:7 days.proof --as maria\n"
    "chainbill records prove 2:7 fifth.proof --reading 5"
)
@click.argument("claim")
@click.argument("file", metavar="FILE", type=_PLACE)
@click.option(
    "--reading",
    type=click.IntRange(min=1),
    help="One reading, whole, by its number in `records readings`.  [default: the days of all, and no value]",
)
@_AS
@force_option
@pass_invocation
def prove(
    invocation: Invocation, claim: str, file: Path, reading: int | None, name: str | None, force: bool
) -> None:
    """Write a proof of one reading of a claim, or of the days of all, for somebody without the record.

    Whoever has the file and a node checks it by `records check`. It shows what it opens and nothing else. To
    dispute one reading, dispute its claim, and give the arbiter the proof of that one.
    """
    from chainbill.operations.readings import prove_readings

    check_place(file, force=force)
    proof = prove_readings(_holder(invocation, name), claim, reading=reading)
    write_output(file, proof.to_bytes(), force=force)
    shown = f"the days of all {proof.count} readings" if reading is None else f"reading {reading}"
    emit(
        {"claim": claim, "commitment": proof.commitment, "count": proof.count, "file": file},
        f"{file} proves {shown} of claim {claim}: chainbill records check {file.name}",
    )


@records_group.command(example="chainbill records check days.proof")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_invocation
def check(invocation: Invocation, file: Path) -> None:
    """Check a proof of readings against the chain, and say what it shows.

    It takes a node and nothing else. That the readings are true no proof says; the provider has signed that.
    """
    from chainbill.operations.readings import check_readings, read_proof

    done = check_readings(invocation.session(), read_proof(file))
    proof = done.proof
    numbers = [claim.number for claim in done.claims]

    def show() -> None:
        whole = "all" if proof.is_complete else str(len(proof.readings))
        dated = sum("day" in reading.values for reading in proof.readings)
        on = "on" if dated == len(proof.readings) else f"{dated} of them on"
        days = f", {on} {several(len(done.days), 'day')}" if done.days else ""
        outcomes = " and ".join(f"claim {each.number} ({_standing(each)})" for each in done.claims)
        click.echo(f"It holds: {whole} of {several(proof.count, 'reading')}{days}, of {outcomes}.")
        if proof.record_values:
            click.echo(f"Of the record: {_stated(proof.record_values)}.")
        show_table(
            (">Number", "What is shown"),
            [(reading.number, _stated(reading.values)) for reading in proof.readings],
        )

    emit(
        {
            "claims": numbers,
            "outcomes": [claim.outcome.name.lower() for claim in done.claims],
            "disputes": [claim.dispute.label for claim in done.claims],
            "commitment": proof.commitment,
            "count": proof.count,
            "complete": proof.is_complete,
            "days": sorted(done.days),
            "every_day": done.shows_every_day,
            "record": proof.record_values,
            "readings": [{"number": each.number, **each.values} for each in proof.readings],
        },
        show,
    )


def _standing(claim: LedgerClaim) -> str:
    """How it ended, and what became of it since."""
    ended = claim.outcome.name.lower()
    if claim.reversed is not None:
        return f"{ended}, then {claim.dispute.label}"
    return f"{ended}, its dispute {claim.dispute.label}" if claim.dispute else ended


def _stated(fields: Mapping[str, JsonValue]) -> str:
    """Fields in one line; what comes from a record drives no terminal."""
    told = []
    for name, value in fields.items():
        written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        told.append(f"{name.replace('_', ' ')} {written}")
    return one_line(", ".join(told))
