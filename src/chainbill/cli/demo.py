"""``chainbill demo``."""

from __future__ import annotations

from pathlib import Path

import click

from chainbill.chain.devnet.ending import ending_on_signals
from chainbill.cli.provider.ingest import claim_facts, show_claims
from chainbill.cli.shell.command import ExitCode, ShellCommand
from chainbill.cli.shell.output import emit, note, progress, several, show_table
from chainbill.cli.shell.parameters import Count
from chainbill.cli.shell.terminal import one_line
from chainbill.interop.fhir import MAX_BYTES, IngestReport, read_fhir
from chainbill.money import show_dollars
from chainbill.records.catalogue import Catalogue
from chainbill.scenario.demo import (
    STORY_UNFUNDED,
    STORY_WITHOUT_CONSENT,
    DemoClaim,
    DemoOptions,
    DemoReport,
    read_story,
    run_demo,
)

_MOST_ROWS = 40
"""Events listed one by one on a terminal; ``--json`` has them all."""

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(
    cls=ShellCommand,
    example="chainbill demo\nchainbill demo --bundle patient.json --json > report.json",
)
@click.option(
    "--bundle",
    type=_FILE,
    help="A FHIR R4 Bundle, NDJSON, or single resource.  [default: a story of our own]",
)
@click.option("--catalogue", "catalogue_file", type=_FILE, help="A service catalogue of your own.")
@click.option("--no-in-person", is_flag=True, help="Leave visits in person out.")
@click.option(
    "--max-bytes", type=Count(1), default=MAX_BYTES, show_default=True, help="Largest file to read."
)
@click.option("--statement", is_flag=True, help="Explain every charge of one patient's statement.")
@click.pass_context
def demo(
    context: click.Context,
    bundle: Path | None,
    catalogue_file: Path | None,
    no_in_person: bool,
    max_bytes: int,
    statement: bool,
) -> None:
    """Turn a health record into settled, explained and audited payments.

    Starts a chain of its own at the record's first service date, moves it forward with the events, pays each
    one by an ordinary plan ($250 deductible, $2,000 out-of-pocket maximum), and audits the result from the
    chain's logs alone. Nothing is left running, and no state is kept. Exits with 3 when the audit finds a
    discrepancy.
    """
    catalogue = Catalogue.load(catalogue_file)
    if bundle is None:
        ingest = read_story(catalogue)
        unfunded, without_consent = STORY_UNFUNDED, STORY_WITHOUT_CONSENT
    else:
        ingest = read_fhir(
            bundle, catalogue=catalogue, include_in_person=not no_in_person, max_bytes=max_bytes
        )
        unfunded, without_consent = frozenset(), frozenset()

    with ending_on_signals(), progress("settling", len(ingest.events)) as advance:
        options = DemoOptions(
            unfunded=unfunded,
            without_consent=without_consent,
            on_step=lambda step: note(f"· {step}"),
            on_event=lambda _: advance(1),
        )
        report = run_demo(ingest, catalogue, options)

    facts = report.to_json() | {"claim_amounts": claim_facts(ingest)}
    emit(facts, lambda: _show(report, statement))
    if report.discrepancies:
        for discrepancy in report.discrepancies:
            note(f"discrepancy: {discrepancy}")
        context.exit(ExitCode.DISCREPANCIES)


def _show(report: DemoReport, statement: bool) -> None:
    click.echo(_headline(report.ingest))
    if not report.claims:
        _show_skipped(report.ingest)
        return
    click.echo()
    _show_claims(report.claims)
    click.echo()
    _show_totals(report)
    click.echo()
    _show_skipped(report.ingest)
    if report.statement:
        shown = report.statement_in_full if statement else report.statement
        click.echo(f"\nWhat one of the patients reads:\n\n{shown}", nl=False)
        if not statement:
            note("note: --statement explains each of its charges")


def _headline(ingest: IngestReport) -> str:
    patients = len({event.patient.reference for event in ingest.events})
    providers = len({event.provider.reference for event in ingest.events})
    if not ingest.events:
        return f"No service events in {several(len(ingest.skipped), 'resource')}."
    first, last = ingest.events[0].performed_at.date(), ingest.events[-1].performed_at.date()
    return (
        f"{several(len(ingest.events), 'service event')} of {several(patients, 'patient')}"
        f" at {several(providers, 'provider')}, {first} to {last}."
    )


def _show_claims(claims: list[DemoClaim]) -> None:
    rows = []
    for claim in claims[:_MOST_ROWS]:
        event, paid = claim.replayed.event, claim.outcome == "settled"
        amounts = [
            show_dollars(claim.amounts[name]) if paid or name == "billed" else "-"
            for name in ("billed", "allowed", "plan_paid", "patient_responsibility")
        ]
        outcome = claim.outcome if paid else f"{claim.outcome}: {claim.reason.replace('_', ' ')}"
        patient = event.patient.name or event.patient.reference
        rows.append((event.performed_at.date(), patient, event.description, *amounts, outcome))
    show_table(
        ("date", "patient", "service", ">billed", ">allowed", ">plan paid", ">patient", "outcome"), rows
    )
    if len(claims) > _MOST_ROWS:
        click.echo(f"… and {len(claims) - _MOST_ROWS} more; --json lists them all.")


def _show_totals(report: DemoReport) -> None:
    facts = report.to_json()
    events, credited = facts["events"], facts["seconds_to_credited"]
    ended = ", ".join(f"{events[name]} {name}" for name in ("settled", "pended", "denied", "duplicate"))
    rows = [
        ("events", f"{events['found']} found: {ended}"),
        ("billed", f"{show_dollars(report.total('billed'))} (settled events)"),
        ("agreed prices saved", show_dollars(report.total("contractual_adjustment"))),
        ("insurer paid", show_dollars(report.total("plan_paid"))),
        ("patients paid", _patient_split(report)),
        ("gas per event", f"{report.run.gas_per_event:,}" if report.run.gas_per_event else "-"),
    ]
    if credited["p50"] is not None:
        rows.append(
            ("attested to credited", f"{credited['p50']:.2f} s (median), {credited['max']:.2f} s (longest)")
        )
    found = f"{len(report.discrepancies)} discrepancies in {report.checks:,} checks, from the logs alone"
    rows.append(("audit", found))
    show_table(("in all", ""), rows)


def _patient_split(report: DemoReport) -> str:
    parts = ", ".join(
        f"{name} {show_dollars(report.total(name))}" for name in ("deductible", "copay", "coinsurance")
    )
    return f"{show_dollars(report.total('patient_responsibility'))} ({parts})"


def _show_skipped(ingest: IngestReport) -> None:
    show_claims(ingest)
    if ingest.skipped:
        reasons = ", ".join(f"{count} {reason}" for reason, count in ingest.skipped_counts().items())
        click.echo(one_line(f"{len(ingest.skipped)} other resources: {reasons}."))
    if ingest.uncatalogued:
        codes = ", ".join(f"{code} ({count})" for code, count in list(ingest.uncatalogued.items())[:5])
        more = len(ingest.uncatalogued) - 5
        others = f", and {more} more" if more > 0 else ""
        click.echo(one_line(f"Not in the catalogue, priced by default: {codes}{others}."))
