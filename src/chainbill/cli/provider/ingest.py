"""``chainbill provider ingest``: from a health record to the provider's worklist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.provider.worklist import event_facts, show_events
from chainbill.cli.shell.acting import FILE, acting_as, actor
from chainbill.cli.shell.arguments import as_options
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, note, several
from chainbill.cli.shell.parameters import Count
from chainbill.cli.shell.terminal import one_line
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.interop.fhir import IngestReport
    from chainbill.interop.patient_accounts import Mapped
    from chainbill.operations.provider.ingest import Ingested
    from chainbill.operations.provider.queueing import IngestResult
    from chainbill.records.service_event import ServiceEvent

_MAX_BYTES = 64 * 2**20
"""``interop.fhir.MAX_BYTES``, named here so that the help needs no reader; a test compares."""

RECORD = click.Path(path_type=Path, allow_dash=True)
"""A file, a folder, or ``-``; whether it can be read is the reader's question."""

_MOST_LINES = 20


@click.command(
    cls=ShellCommand,
    example="chainbill provider ingest visit.json --patient patient\n"
    "chainbill provider ingest bulk-export/ --patients patients.csv --performed-by Organization/clinic\n"
    "chainbill provider ingest Encounter.ndjson Claim.ndjson.gz --patient Patient/7=wei --dry-run",
)
@click.argument("files", type=RECORD, nargs=-1, metavar="FILE...")
@acting_as("provider")
@click.option(
    "--patient",
    "patients",
    multiple=True,
    metavar="[REF=]ACCOUNT",
    help="The account of a patient of the record; may be given again. REF= is for a record with several: a "
    "reference, an identifier or an MRN.",
)
@click.option(
    "--patients", "map_file", type=FILE, help="A CSV file with the columns patient and account, for many."
)
@click.option(
    "--same-account",
    is_flag=True,
    help="Several patients of the record are one person and have one account.",
)
@click.option(
    "--performed-by",
    multiple=True,
    metavar="REF|NAME|any",
    help="What you are called in the record, and remembered; may be given again. `any`: take everybody's "
    "services as yours.  [default: what was given before]",
)
@click.option(
    "--source",
    metavar="URL",
    help="The FHIR server that the files are from, where they do not say so: Encounter/1 of two servers is "
    "two records.",
)
@click.option("--catalogue", "catalogue_file", type=FILE, help="A service catalogue of your own.")
@click.option("--no-in-person", is_flag=True, help="Leave visits in person out.")
@click.option(
    "--max-bytes", type=Count(1), default=_MAX_BYTES, show_default=True, help="Largest file to read."
)
@click.option("--dry-run", is_flag=True, help="Show what would be taken, and take nothing.")
@click.option("--forget", is_flag=True, help="Forget what earlier parts said, and read nothing.")
@pass_invocation
def ingest(
    invocation: Invocation,
    files: tuple[Path, ...],
    name: str,
    patients: tuple[str, ...],
    map_file: Path | None,
    same_account: bool,
    performed_by: tuple[str, ...],
    source: str | None,
    catalogue_file: Path | None,
    no_in_person: bool,
    max_bytes: int,
    dry_run: bool,
    forget: bool,
) -> None:
    """Find service events in a health record (FHIR R4) and put them on the provider's worklist.

    FILE is a Bundle, NDJSON of resources, or one resource; a folder of them, such as a bulk export; or - for
    standard input; any of them may be compressed (.gz). Several are read as parts of one record. Every
    resource that is no event is counted with the reason, and every dollar of the claims is accounted for.
    Reading a file again adds only what is new, and what arrives later completes what waits.
    """
    from chainbill.operations.provider.ingest import forget_records
    from chainbill.operations.provider.ingest import ingest as ingest_records
    from chainbill.records.catalogue import Catalogue

    acting = actor(invocation, name, "provider")
    if forget or not files:
        _check_forget(forget=forget, files=files)
        forgotten = forget_records(acting)
        emit(
            {"account": name, "forgotten": forgotten},
            f"Forgot {forgotten} resources of the records that {name} ingested. What waits stays.",
        )
        return
    done = ingest_records(
        acting,
        files,
        patients=[_mapped(option) for option in patients],
        patient_map=map_file,
        same_account=same_account,
        performed_by=performed_by,
        source=source,
        catalogue=Catalogue.load(catalogue_file),
        in_person=not no_in_person,
        max_bytes=max_bytes,
        dry_run=dry_run,
    )
    _note_unknown(name, done)
    book = acting.session.book
    shown = {reference: book.name_of(account) or account for reference, account in done.accounts.items()}
    facts = _ingest_facts(done.report, done.result, shown, dry_run=dry_run)
    emit(facts, lambda: _show_ingest(name, done.report, done.result, shown, dry_run=dry_run))
    _note_oddities(done.result)


def _mapped(option: str) -> Mapped:
    from chainbill.interop.patient_accounts import Mapped

    # References may hold "=" (``Patient?identifier=…``), account names never.
    written, _, account = option.rpartition("=")
    return Mapped(written, account)


def _note_unknown(name: str, done: Ingested) -> None:
    from chainbill.operations.provider.ingest import several_performers

    for patient in done.unknown_patients:
        note(f"note: no event of the record is of patient {patient}")
    if counted := done.undecided_performers:
        listed = ", ".join(f"{performer}: {count}" for performer, count in counted.items())
        note(f"note: {as_options(several_performers(name))} ({listed})")


def _check_forget(*, forget: bool, files: Sequence[Path]) -> None:
    if not forget:
        raise click.UsageError("name the files to read, a folder, or - for standard input")
    if files:
        raise click.UsageError("--forget reads nothing: leave the files out")


def _ingest_facts(
    report: IngestReport, result: IngestResult, shown: Mapping[str, str], *, dry_run: bool
) -> dict[str, Any]:
    from chainbill.operations.provider.ingest import events_here
    from chainbill.operations.provider.queueing import count_by_party

    return {
        "dry_run": dry_run,
        "events": {
            "found": len(events_here(report)),
            "added": len(result.added),
            "replaced": len(result.replaced),
            "already_known": len(result.already_known),
            "unmapped": len(result.unmapped),
            "performed_by_others": len(result.performed_by_others),
        },
        "added": [event_facts(event, _shown(event, shown)) for event in result.added],
        "replaced": [event_facts(event, _shown(event, shown)) for event in result.replaced],
        "withdrawn": [{"record": named.event, "why": named.why} for named in result.withdrawn],
        "already_known": [event.record_identity for event in result.already_known],
        "named": [{"record": named.event, "why": named.why} for named in result.named],
        "unmapped_patients": count_by_party(event.patient for event in result.unmapped),
        "other_performers": count_by_party(event.provider for event in result.performed_by_others),
        "claims": claim_facts(report),
        "skipped_resources": report.skipped_counts(),
        "skipped": [skipped.model_dump(mode="json") for skipped in report.skipped],
        "uncatalogued": report.uncatalogued,
    }


def _shown(event: ServiceEvent, shown: Mapping[str, str]) -> str:
    return shown.get(event.patient.reference, event.patient.reference)


def claim_facts(report: IngestReport) -> dict[str, Any]:
    """Where every dollar of a record's claims went, for JSON: ``claimed`` = ``in_events`` + the sum of
    ``left_out``.
    """
    account = report.claim_account()
    return {
        "claimed": format_dollars(account.claimed),
        "in_events": format_dollars(account.in_events),
        "left_out": {str(reason): format_dollars(amount) for reason, amount in account.left_out.items()},
        "lines": [
            {
                "claim": line.claim,
                "line": line.number,
                "code": line.code,
                "amount": None if line.amount is None else format_dollars(line.amount),
                "event": line.event,
                "left_out": line.left_out,
                "detail": line.detail,
            }
            for line in report.claim_lines
        ],
        "contradictions": report.contradictions,
    }


def show_claims(report: IngestReport) -> None:
    """The same for a person: the sum, what was left out by reason, and what contradicts itself."""
    account = report.claim_account()
    if report.claim_lines:
        left_out = sum(account.left_out.values())
        click.echo(
            f"\nClaims: {show_dollars(account.claimed)} claimed = {show_dollars(account.in_events)} in events"
            f" + {show_dollars(left_out)} left out."
        )
        for reason, amount in account.left_out.items():
            click.echo(f"  {show_dollars(amount):>12}  {reason}")
    for told in report.contradictions[:_MOST_LINES]:
        click.echo(f"  {one_line(told)}; the lines count")
    if len(report.contradictions) > _MOST_LINES:
        click.echo(f"  … and {len(report.contradictions) - _MOST_LINES} more claims (all of them: --json)")


def _show_ingest(
    name: str, report: IngestReport, result: IngestResult, shown: Mapping[str, str], *, dry_run: bool
) -> None:
    from chainbill.operations.provider.ingest import events_here
    from chainbill.operations.provider.queueing import count_by_party

    here = events_here(report)
    resources = len(report.skipped) + sum("#" not in event.record_identity for event in here)
    put = "would go onto" if dry_run else "put on"
    click.echo(
        f"{several(len(here), 'service event')} in "
        f"{several(resources, 'resource')}; "
        f"{len(result.added)} {put} the worklist of {name}, {len(result.already_known)} known already."
    )
    if result.added:
        click.echo()
        show_events([(event, _shown(event, shown)) for event in result.added])
    if result.replaced:
        click.echo(f"\n{'Would replace' if dry_run else 'Replaced'} what the same record said before:")
        show_events([(event, _shown(event, shown)) for event in result.replaced])
    if result.withdrawn:
        click.echo(f"\n{'Would be taken' if dry_run else 'Taken'} off the worklist:")
        for named in result.withdrawn:
            click.echo(f"  {named.event}: {named.why}")
    _show_counts(
        "Left out, patients without an account here:", count_by_party(e.patient for e in result.unmapped)
    )
    _show_counts("Left out, performed by:", count_by_party(e.provider for e in result.performed_by_others))
    show_claims(report)
    _show_counts("Resources that are no event:", report.skipped_counts())
    _show_counts("Codes that the catalogue lacks, priced as their kind's default:", report.uncatalogued)


def _show_counts(title: str, counts: Mapping[str, int]) -> None:
    if counts:
        click.echo(f"\n{title}")
        for what, count in counts.items():
            click.echo(f"  {count:>5}  {one_line(what)}")


def _note_oddities(result: IngestResult) -> None:
    for event in result.other_patient:
        note(
            f"note: {event.record_identity} waits under another patient's account. If that is wrong: "
            f"chainbill provider remove {event.record_identity}"
        )
    for named in result.named:
        note(f"note: {named.event}: {named.why}")
