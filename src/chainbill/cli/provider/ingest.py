"""``chainbill provider ingest``: from a health record to the provider's worklist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.provider.worklist import event_facts, open_worklist, show_events
from chainbill.cli.shell.acting import FILE, acting_as
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, note, several
from chainbill.cli.shell.parameters import Count
from chainbill.cli.shell.terminal import one_line
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.interop.fhir import IngestReport
    from chainbill.interop.ingest_memory import IngestMemory
    from chainbill.operations.provider.ingest import Enlisted
    from chainbill.records.service_event import ServiceEvent
    from chainbill.state.session import Session

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
    from datetime import UTC, datetime

    from chainbill.interop.fhir import read_part
    from chainbill.interop.ingest_memory import IngestMemory
    from chainbill.operations.provider.ingest import enlist
    from chainbill.records.catalogue import Catalogue

    session = invocation.session()
    worklist = open_worklist(session, name)
    memory = IngestMemory(session.state.ingest_memory(name))
    if forget or not files:
        _forget(name, memory, forget=forget, files=files)
        return
    reading = read_part(
        files,
        earlier=memory.parts(),
        catalogue=Catalogue.load(catalogue_file),
        include_in_person=not no_in_person,
        max_bytes=max_bytes,
        not_after=datetime.fromtimestamp(session.now(), UTC),
        server=_server(source),
    )
    report = reading.report
    accounts = _accounts(session, report, memory, patients, map_file, same_account, optional=dry_run)
    own = _own_names(name, report, memory, performed_by, accounts, dry_run=dry_run)
    enlisted = enlist(report, worklist, memory, accounts, performed_by=own, dry_run=dry_run)
    if not dry_run:
        memory.keep(reading.kept)
        for reference, account in accounts.items():
            memory.keep_account(reference, account)
        for performer in performed_by:
            if performer != "any":
                memory.keep_performer(performer)
    shown = {reference: session.book.name_of(account) or account for reference, account in accounts.items()}
    facts = _ingest_facts(report, enlisted, shown, dry_run=dry_run)
    emit(facts, lambda: _show_ingest(name, report, enlisted, shown, dry_run=dry_run))
    _note_oddities(enlisted)


def _accounts(
    session: Session,
    report: IngestReport,
    memory: IngestMemory,
    given: Sequence[str],
    map_file: Path | None,
    same_account: bool,
    *,
    optional: bool,
) -> dict[str, str]:
    """Address by reference: as given now, else as given before.

    Raises:
        UsageError: nothing says whose account a patient has, or one account would be several patients'.
    """
    from chainbill.interop.patient_accounts import read_patient_map, references_of

    references = list(dict.fromkeys(event.patient.reference for event in _here(report)))
    before = memory.accounts()
    now: dict[str, str] = {}
    for option in given:
        # References may hold "=" (``Patient?identifier=…``), account names never.
        written, _, account = option.rpartition("=")
        if not written and len(references) > 1:
            raise click.BadParameter(
                f"the record has {len(references)} patients, so write REF={account}: {', '.join(references)}",
                param_hint="--patient",
            )
        address = _patient_address(session, account)
        found = references_of(written, report.patients, references) if written else references
        if written and not found:
            note(f"note: no event of the record is of patient {written}")
        now |= dict.fromkeys(found, address)
    if map_file is not None:
        for mapped in read_patient_map(map_file):
            for reference in references_of(mapped.patient, report.patients, references):
                now.setdefault(reference, _patient_address(session, mapped.account))
    everybody = dict.fromkeys(event.patient.reference for event in report.events)
    accounts = {reference: now.get(reference) or before.get(reference) for reference in everybody}
    known = {reference: address for reference, address in accounts.items() if address}
    if not same_account:
        _require_one_patient_each(session, known, {**before, **now})
    if references and not known and not optional:
        raise click.UsageError(
            "say whose account a patient of the record has: "
            + " ".join(f"--patient {reference}=ACCOUNT" for reference in references)
        )
    return known


def _require_one_patient_each(
    session: Session, known: Mapping[str, str], everywhere: Mapping[str, str]
) -> None:
    for reference, address in known.items():
        others = [other for other, theirs in everywhere.items() if theirs == address and other != reference]
        if others:
            account = session.book.name_of(address) or address
            raise click.UsageError(
                f"{account} would be charged for several patients of the records: "
                f"{', '.join([*others, reference])}; if they are one person, add --same-account"
            )


def _server(source: str | None) -> str:
    """The address of a FHIR server.

    Raises:
        BadParameter: it is none.
    """
    if source is None:
        return ""
    if not source.startswith(("http://", "https://")) or not source.isascii() or not source.isprintable():
        raise click.BadParameter("write it like https://ehr.example/fhir", param_hint="--source")
    return source


def _patient_address(session: Session, account: str) -> str:
    from chainbill.operations.governor.registrations import patient_address

    return patient_address(session, account)


def _own_names(
    name: str,
    report: IngestReport,
    memory: IngestMemory,
    performed_by: Sequence[str],
    accounts: Mapping[str, str],
    *,
    dry_run: bool,
) -> frozenset[str]:
    """What the provider is called in the record: as given now, as given before, else the record's only
    performer.

    Raises:
        UsageError: the record names several performers, and nothing says which of them the provider is.
    """
    from chainbill.operations.provider.ingest import UNNAMED, count_by_party, performed_by_own

    if performed_by:
        return frozenset(performed_by)
    if known := memory.performers():
        return frozenset(known)
    here = _here(report)
    theirs = [event for event in here if event.patient.reference in accounts] or here
    performers = {event.provider.reference: event.provider for event in theirs}
    performers.pop(UNNAMED, None)
    if len(performers) <= 1:
        return frozenset(performers)
    if any(performed_by_own(event, {name}) for event in theirs if event.provider.reference != UNNAMED):
        return frozenset({name})
    counted = count_by_party(event.provider for event in theirs)
    listed = ", ".join(f"{performer}: {count}" for performer, count in counted.items())
    told = f"the record has services of several performers; say which of them {name} is: --performed-by REF"
    if dry_run:
        note(f"note: {told} ({listed})")
        return frozenset({"any"})
    raise click.UsageError(f"{told} (or `any`, to bill all of them as {name}'s): {listed}")


def _here(report: IngestReport) -> list[ServiceEvent]:
    """The events that the files hold that are read now."""
    return [event for event in report.events if event.record_identity not in report.earlier]


def _forget(name: str, memory: IngestMemory, *, forget: bool, files: Sequence[Path]) -> None:
    """Forget the earlier parts.

    Raises:
        UsageError: no file is named, or files are named as well.
    """
    if not forget:
        raise click.UsageError("name the files to read, a folder, or - for standard input")
    if files:
        raise click.UsageError("--forget reads nothing: leave the files out")
    forgotten = memory.forget_parts()
    emit(
        {"account": name, "forgotten": forgotten},
        f"Forgot {forgotten} resources of the records that {name} ingested. What waits stays.",
    )


def _ingest_facts(
    report: IngestReport, enlisted: Enlisted, shown: Mapping[str, str], *, dry_run: bool
) -> dict[str, Any]:
    from chainbill.operations.provider.ingest import count_by_party

    return {
        "dry_run": dry_run,
        "events": {
            "found": len(_here(report)),
            "added": len(enlisted.added),
            "replaced": len(enlisted.replaced),
            "already_known": len(enlisted.already_known),
            "unmapped": len(enlisted.unmapped),
            "performed_by_others": len(enlisted.performed_by_others),
        },
        "added": [event_facts(event, _shown(event, shown)) for event in enlisted.added],
        "replaced": [event_facts(event, _shown(event, shown)) for event in enlisted.replaced],
        "withdrawn": [{"record": named.event, "why": named.why} for named in enlisted.withdrawn],
        "already_known": [event.record_identity for event in enlisted.already_known],
        "named": [{"record": named.event, "why": named.why} for named in enlisted.named],
        "unmapped_patients": count_by_party(event.patient for event in enlisted.unmapped),
        "other_performers": count_by_party(event.provider for event in enlisted.performed_by_others),
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
    name: str, report: IngestReport, enlisted: Enlisted, shown: Mapping[str, str], *, dry_run: bool
) -> None:
    from chainbill.operations.provider.ingest import count_by_party

    here = _here(report)
    resources = len(report.skipped) + sum("#" not in event.record_identity for event in here)
    put = "would go onto" if dry_run else "put on"
    click.echo(
        f"{several(len(here), 'service event')} in "
        f"{several(resources, 'resource')}; "
        f"{len(enlisted.added)} {put} the worklist of {name}, {len(enlisted.already_known)} known already."
    )
    if enlisted.added:
        click.echo()
        show_events([(event, _shown(event, shown)) for event in enlisted.added])
    if enlisted.replaced:
        click.echo(f"\n{'Would replace' if dry_run else 'Replaced'} what the same record said before:")
        show_events([(event, _shown(event, shown)) for event in enlisted.replaced])
    if enlisted.withdrawn:
        click.echo(f"\n{'Would be taken' if dry_run else 'Taken'} off the worklist:")
        for named in enlisted.withdrawn:
            click.echo(f"  {named.event}: {named.why}")
    _show_counts(
        "Left out, patients without an account here:", count_by_party(e.patient for e in enlisted.unmapped)
    )
    _show_counts("Left out, performed by:", count_by_party(e.provider for e in enlisted.performed_by_others))
    show_claims(report)
    _show_counts("Resources that are no event:", report.skipped_counts())
    _show_counts("Codes that the catalogue lacks, priced as their kind's default:", report.uncatalogued)


def _show_counts(title: str, counts: Mapping[str, int]) -> None:
    if counts:
        click.echo(f"\n{title}")
        for what, count in counts.items():
            click.echo(f"  {count:>5}  {one_line(what)}")


def _note_oddities(enlisted: Enlisted) -> None:
    for event in enlisted.other_patient:
        note(
            f"note: {event.record_identity} waits under another patient's account. If that is wrong: "
            f"chainbill provider remove {event.record_identity}"
        )
    for named in enlisted.named:
        note(f"note: {named.event}: {named.why}")
