"""``chainbill provider ingest``: from a health record to the provider's worklist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.acting import FILE, acting_as
from chainbill.cli.command import ShellCommand
from chainbill.cli.context import Invocation, pass_invocation
from chainbill.cli.output import emit, note
from chainbill.cli.parameters import Count
from chainbill.cli.provider_worklist import event_facts, open_worklist, show_events

if TYPE_CHECKING:
    from chainbill.interop.enlisting import Enlisted
    from chainbill.interop.fhir import IngestReport
    from chainbill.records.service_event import ServiceEvent
    from chainbill.settings.session import Session

_MAX_BYTES = 64 * 2**20
"""``interop.fhir.MAX_BYTES``, named here so that the help needs no reader; a test compares."""


@click.command(
    cls=ShellCommand,
    example="chainbill provider ingest visit.json --patient patient\n"
    "chainbill provider ingest clinic.ndjson --patient Patient/maria=patient --patient Patient/7=wei\n"
    "chainbill provider ingest clinic.ndjson --dry-run",
)
@click.argument("file", type=FILE)
@acting_as("provider")
@click.option(
    "--patient",
    "patients",
    multiple=True,
    metavar="[REF=]ACCOUNT",
    help="The account of a patient of the record; may be given again. REF= is for a record with several.",
)
@click.option(
    "--performed-by",
    multiple=True,
    metavar="REF|NAME",
    help="Take only what this provider of the record performed; may be given again.  [default: all]",
)
@click.option("--catalogue", "catalogue_file", type=FILE, help="A service catalogue of your own.")
@click.option("--no-in-person", is_flag=True, help="Leave visits in person out.")
@click.option(
    "--max-bytes", type=Count(1), default=_MAX_BYTES, show_default=True, help="Largest file to read."
)
@click.option("--dry-run", is_flag=True, help="Show what would be taken, and take nothing.")
@pass_invocation
def ingest(
    invocation: Invocation,
    file: Path,
    name: str,
    patients: tuple[str, ...],
    performed_by: tuple[str, ...],
    catalogue_file: Path | None,
    no_in_person: bool,
    max_bytes: int,
    dry_run: bool,
) -> None:
    """Find service events in a health record (FHIR R4) and put them on the provider's worklist.

    FILE is a Bundle, NDJSON of resources, or one resource. Every resource that is no event is counted with
    the reason; events of patients without an account here are listed and can be taken later. Reading a file
    again adds only what is new.
    """
    from datetime import UTC, datetime

    from chainbill.interop.enlisting import enlist
    from chainbill.interop.fhir import read_fhir
    from chainbill.records.catalogue import Catalogue

    session = invocation.session()
    worklist = open_worklist(session, name)
    report = read_fhir(
        file,
        catalogue=Catalogue.load(catalogue_file),
        include_in_person=not no_in_person,
        max_bytes=max_bytes,
        not_after=datetime.fromtimestamp(session.now(), UTC),
    )
    named = _patient_accounts(report.events, patients, optional=dry_run)
    accounts = {reference: _patient_address(session, account) for reference, account in named.items()}
    enlisted = enlist(report.events, worklist, accounts, performed_by=performed_by, dry_run=dry_run)
    facts = _ingest_facts(report, enlisted, named, dry_run=dry_run)
    emit(facts, lambda: _show_ingest(name, report, enlisted, named, dry_run=dry_run))
    _note_oddities(report, enlisted, named, performed_by)


def _patient_accounts(
    events: Sequence[ServiceEvent], patients: Sequence[str], *, optional: bool
) -> dict[str, str]:
    """Account name by reference, as ``--patient`` gives them."""
    references = list(dict.fromkeys(event.patient.reference for event in events))
    named: dict[str, str] = {}
    for given in patients:
        # References may hold "=" (``Patient?identifier=…``), account names never.
        reference, _, account = given.rpartition("=")
        if not reference and len(references) > 1:
            raise click.BadParameter(
                f"the file has {len(references)} patients, so write REF={account}: {', '.join(references)}",
                param_hint="--patient",
            )
        for each in [reference] if reference else references:
            named[each] = account
    if references and not named and not optional:
        raise click.UsageError(
            "say whose account a patient of the record has: "
            + " ".join(f"--patient {reference}=ACCOUNT" for reference in references)
        )
    return named


def _patient_address(session: Session, account: str) -> str:
    from chainbill.settings.addressbook import Role

    return session.book.get(account, Role.PATIENT).address


def _ingest_facts(
    report: IngestReport, enlisted: Enlisted, named: Mapping[str, str], *, dry_run: bool
) -> dict[str, Any]:
    from chainbill.interop.enlisting import count_by_party

    return {
        "dry_run": dry_run,
        "events": {
            "found": len(report.events),
            "added": len(enlisted.added),
            "already_known": len(enlisted.already_known),
            "unmapped": len(enlisted.unmapped),
            "performed_by_others": len(enlisted.performed_by_others),
        },
        "added": [event_facts(event, named[event.patient.reference]) for event in enlisted.added],
        "already_known": [event.record_identity for event in enlisted.already_known],
        "unmapped_patients": count_by_party(event.patient for event in enlisted.unmapped),
        "other_performers": count_by_party(event.provider for event in enlisted.performed_by_others),
        "skipped_resources": report.skipped_counts(),
        "skipped": [skipped.model_dump(mode="json") for skipped in report.skipped],
        "uncatalogued": report.uncatalogued,
    }


def _show_ingest(
    name: str, report: IngestReport, enlisted: Enlisted, named: Mapping[str, str], *, dry_run: bool
) -> None:
    from chainbill.interop.enlisting import count_by_party

    resources = len(report.events) + len(report.skipped)
    put = "would go onto" if dry_run else "put on"
    click.echo(
        f"{len(report.events)} service events in {resources} resources; "
        f"{len(enlisted.added)} {put} the worklist of {name}, {len(enlisted.already_known)} known already."
    )
    if enlisted.added:
        click.echo()
        show_events([(event, named[event.patient.reference]) for event in enlisted.added])
    _show_counts(
        "Left out, patients without an account here:", count_by_party(e.patient for e in enlisted.unmapped)
    )
    _show_counts("Left out, performed by:", count_by_party(e.provider for e in enlisted.performed_by_others))
    _show_counts("Resources that are no event:", report.skipped_counts())
    _show_counts("Codes that the catalogue lacks, priced as their kind's default:", report.uncatalogued)


def _show_counts(title: str, counts: Mapping[str, int]) -> None:
    if counts:
        click.echo(f"\n{title}")
        for what, count in counts.items():
            click.echo(f"  {count:>5}  {what}")


def _note_oddities(
    report: IngestReport, enlisted: Enlisted, named: Mapping[str, str], performed_by: Sequence[str]
) -> None:
    known = {event.patient.reference for event in report.events}
    for reference in named:
        if reference not in known:
            note(f"note: no event of the file is of patient {reference}")
    performers = {event.provider.reference: event.provider for event in report.events}
    if len(performers) > 1 and not performed_by:
        note(
            "note: several providers of the record performed these services; all were taken. "
            f"--performed-by takes only some: {', '.join(performers)}"
        )
    for event in enlisted.other_patient:
        note(
            f"note: {event.record_identity} waits under another patient's account. If that is wrong: "
            f"chainbill provider remove {event.record_identity}"
        )
