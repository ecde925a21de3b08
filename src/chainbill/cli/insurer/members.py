"""``chainbill insurer accept-provider``, ``enrol``, ``change-plan``, ``end-coverage``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.audit.text import PartyNames
from chainbill.cli.insurer.many_members import enrol_file
from chainbill.cli.insurer.own_payer import own_payer
from chainbill.cli.shell.acting import acting_as, actor, provider_named
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.given_files import MEMBER_FILE
from chainbill.cli.shell.output import emit, holds_from, it_holds, show_table, show_time
from chainbill.cli.shell.parameters import ACCOUNT_OR_ADDRESS, DOLLARS, PARTY, Count
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.operations.actor import Actor
    from chainbill.operations.insurer.acceptances import ProviderAcceptance
    from chainbill.operations.insurer.members import MemberChange

_plan_option = click.option(
    "--plan", "plan_id", type=Count(1, 65_535), required=True, help="The plan's number."
)
_year_option = click.option(
    "--year", type=Count(1970, 9999), help="Benefit year.  [default: the chain's year]"
)


# ---- providers ----------------------------------------------------------------------------------------


@click.command(
    "accept-provider",
    cls=ShellCommand,
    example="chainbill insurer accept-provider\nchainbill insurer accept-provider lakeview\n"
    "chainbill insurer accept-provider lakeview --end",
)
@click.argument("provider", type=PARTY, required=False)
@click.option("--end", is_flag=True, help="Stop paying its events instead, a day from now.")
@acting_as("insurer")
@dry_run_option
@pass_invocation
def accept_provider(invocation: Invocation, provider: str | None, end: bool, name: str) -> None:
    """Show whose events are paid, or pay a provider's from now on. Repeated, this changes nothing.

    What is ended is ended a day from now, since a signed batch may rely on it.
    """
    from chainbill.operations.insurer import acceptances

    if provider is None:
        if end:
            raise click.UsageError("name the provider whose events are not to be paid any more")
        _show_accepted(actor(invocation, name, "insurer"))
        return
    insurer = actor(invocation, name, "insurer")
    payer_id, (provider, provider_id) = own_payer(insurer), provider_named(insurer.session, provider)
    change = acceptances.end_provider_acceptance if end else acceptances.accept_provider
    done = change(insurer, payer_id, provider_id)
    told = _acceptance_text(name, provider, done)
    emit(
        {
            "account": name,
            "provider": provider,
            "provider_id": provider_id,
            "changed": done.changed,
            "accepted": done.accepted,
            "effective_at": done.effective_at,
        },
        told if done.effective_at is None else f"{told} {it_holds(done.effective_at)}",
    )


def _acceptance_text(name: str, provider: str, done: ProviderAcceptance) -> str:
    if done.accepted:
        pays, already = ("now pays", "") if done.changed else ("pays", " already")
        return f"{name} {pays} events of {provider}{already}."
    until = "only for a day after it said so" if done.in_force else "no more"
    return f"{name} pays events of {provider} {until}."


def _show_accepted(insurer: Actor) -> None:
    from chainbill.operations.insurer.acceptances import accepted_providers
    from chainbill.operations.insurer.account import payer_of

    payer_id, names = payer_of(insurer), PartyNames(insurer.session.book)
    accepted = accepted_providers(insurer.session, payer_id)
    rows = [
        (
            names.provider(each.provider_id),
            each.provider_id,
            "paid until " + show_time(each.ends_at) if each.ends_at else "paid",
        )
        for each in accepted
    ]

    def show() -> None:
        if rows:
            show_table(("provider", ">id", "events"), rows)
        else:
            click.echo(
                f"{insurer.name} pays no provider's events yet: chainbill insurer accept-provider PROVIDER"
            )

    emit(
        {
            "account": insurer.name,
            "payer_id": payer_id,
            "accepted": [
                {
                    "provider": names.provider(each.provider_id),
                    "provider_id": each.provider_id,
                    "ends_at": each.ends_at,
                }
                for each in accepted
            ],
        },
        show,
    )


# ---- members ------------------------------------------------------------------------------------------


@click.command(
    cls=ShellCommand,
    example="chainbill insurer enrol patient --plan 1\n"
    "chainbill insurer enrol maria --plan 1 --year 2026 --deductible-met 120 --oop-met 180\n"
    "chainbill insurer enrol juan --plan 1 --family 7\n"
    "chainbill insurer enrol --file members.csv --plan 1",
)
@click.argument("patient", type=ACCOUNT_OR_ADDRESS, required=False)
@click.option("--file", type=MEMBER_FILE, help="Enrol everybody who stands in this CSV file instead.")
@click.option(
    "--plan",
    "plan_id",
    type=Count(1, 65_535),
    help="The plan's number; with --file that of lines that name none.",
)
@_year_option
@click.option(
    "--family",
    "family_id",
    type=Count(1, 2**32 - 1),
    help="Number of the family whose deductible and maximum the member shares.  [default: none]",
)
@click.option("--deductible-met", type=DOLLARS, help="Of the deductible, met elsewhere this year.")
@click.option(
    "--oop-met", type=DOLLARS, help="Paid out of pocket elsewhere this year.  [default: --deductible-met]"
)
@click.option("--plan-paid", type=DOLLARS, help="Paid by a plan elsewhere this year, for the annual maximum.")
@acting_as("insurer")
@dry_run_option
@pass_invocation
def enrol(
    invocation: Invocation,
    patient: str | None,
    file: Path | None,
    plan_id: int | None,
    year: int | None,
    family_id: int | None,
    deductible_met: int | None,
    oop_met: int | None,
    plan_paid: int | None,
    name: str,
) -> None:
    """Enrol a patient under a plan for one benefit year, which is the calendar year of the service.

    What was met elsewhere in the year is carried in as an opening entry. Where coverage had ended, this
    resumes it, and what was met goes on.

    FILE is CSV, with a patient in each line: the columns patient, plan, year, family, deductible_met,
    oop_met, plan_paid, of which only patient must be there. Nothing is sent where a line cannot be enrolled.
    What was cut off is run again: whoever is enrolled is left alone.
    """
    if file is not None:
        if patient is not None or {family_id, deductible_met, oop_met, plan_paid} != {None}:
            raise click.UsageError("with --file, who is enrolled and with what stands in the file")
        enrol_file(invocation, file, plan_id, year, name)
        return
    if patient is None:
        raise click.UsageError("name a patient, or a file of many: --file FILE")
    if plan_id is None:
        raise click.UsageError("name the plan: --plan ID")
    from chainbill.operations.insurer import members
    from chainbill.operations.parties import patient_address

    insurer = actor(invocation, name, "insurer")
    payer_id, member = own_payer(insurer), patient_address(insurer.session, patient)
    done = members.enrol(
        insurer,
        payer_id,
        member,
        plan_id,
        year=year,
        family_id=family_id or 0,
        deductible_met=deductible_met or 0,
        oop_met=oop_met,
        plan_paid=plan_paid or 0,
    )
    standing = done.standing
    family = f", in family {standing.family_id}" if standing.family_id else ""
    emit(
        _member_facts(name, patient, done),
        f"{patient} {'is' if done.changed else 'was already'} enrolled with {name} under plan {plan_id} "
        f"for {done.benefit_year}{family}: {show_dollars(standing.met.deductible_met)} of the deductible and "
        f"{show_dollars(standing.met.oop_met)} out of pocket met so far."
        + (f" {it_holds(done.effective_at)}" if done.effective_at is not None else ""),
    )


@click.command(
    "change-plan", cls=ShellCommand, example="chainbill insurer change-plan maria --plan 2 --year 2026"
)
@click.argument("patient", type=ACCOUNT_OR_ADDRESS)
@_plan_option
@_year_option
@acting_as("insurer")
@dry_run_option
@pass_invocation
def change_plan(invocation: Invocation, patient: str, plan_id: int, year: int | None, name: str) -> None:
    """Move an enrolled patient to another plan, a day from now; what was met in the year goes on.

    Naming the present plan calls an announced change off.
    """
    from chainbill.operations.insurer import members
    from chainbill.operations.parties import patient_address

    insurer = actor(invocation, name, "insurer")
    payer_id, member = own_payer(insurer), patient_address(insurer.session, patient)
    done = members.change_plan(insurer, payer_id, member, plan_id, year=year)
    told = f"{patient} is under plan {plan_id} for {done.benefit_year}"
    emit(
        _member_facts(name, patient, done),
        f"{told} now." if done.effective_at is None else f"{told}. {it_holds(done.effective_at)}",
    )


@click.command("end-coverage", cls=ShellCommand, example="chainbill insurer end-coverage maria --year 2026")
@click.argument("patient", type=ACCOUNT_OR_ADDRESS)
@_year_option
@acting_as("insurer")
@dry_run_option
@pass_invocation
def end_coverage(invocation: Invocation, patient: str, year: int | None, name: str) -> None:
    """End a patient's coverage in a benefit year, a day from now. Enrolling again resumes it."""
    from chainbill.operations.insurer import members
    from chainbill.operations.parties import patient_address

    insurer = actor(invocation, name, "insurer")
    payer_id, member = own_payer(insurer), patient_address(insurer.session, patient)
    done = members.end_coverage(insurer, payer_id, member, year=year)
    ends = done.standing.coverage_ends_at
    emit(
        _member_facts(name, patient, done),
        f"{patient} is covered for {done.benefit_year} until {show_time(ends)} and no longer: "
        f"the end {holds_from(ends)}.",
    )


def _member_facts(name: str, patient: str, done: MemberChange) -> dict[str, Any]:
    standing = done.standing
    return {
        "account": name,
        "patient": patient,
        "address": done.member,
        "benefit_year": done.benefit_year,
        "plan_id": standing.plan_id,
        "next_plan_id": standing.next_plan_id or None,
        "next_plan_at": standing.next_plan_at or None,
        "coverage_ends_at": standing.coverage_ends_at or None,
        "family_id": standing.family_id or None,
        "deductible_met": format_dollars(standing.met.deductible_met),
        "oop_met": format_dollars(standing.met.oop_met),
        "plan_paid": format_dollars(standing.met.plan_paid),
        "changed": done.changed,
        "effective_at": done.effective_at,
    }
