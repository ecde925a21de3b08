"""``chainbill insurer accept-provider``, ``enrol``, ``change-plan``, ``end-coverage``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.insurer.terms import own_payer
from chainbill.cli.shell.acting import acting_as
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, holds_from, it_holds, show_table, show_time
from chainbill.cli.shell.parameters import ACCOUNT_OR_ADDRESS, DOLLARS, PARTY, Count
from chainbill.errors import StateError
from chainbill.money import format_dollars, show_dollars
from chainbill.protocol_constants import END_OF_TIME

if TYPE_CHECKING:
    from chainbill.chain.contracts import InsurerPayer
    from chainbill.chain.contracts.payer import MemberYear
    from chainbill.state.session import Session

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
    from chainbill.operations.effect import effective_at
    from chainbill.operations.governor.registrations import provider_of

    session = invocation.session()
    if provider is None:
        if end:
            raise click.UsageError("name the provider whose events are not to be paid any more")
        _show_accepted(session, name)
        return
    payer = session.protocol.payer(own_payer(session, name))
    _, provider_id = provider_of(session, provider)
    changed = payer.accepts_provider(provider_id, END_OF_TIME) == end
    since: int | None = None
    if changed:
        change = payer.end_provider_acceptance if end else payer.accept_provider
        since = effective_at(session, change(session.sender(name), provider_id))
    facts = {
        "account": name,
        "provider": provider,
        "provider_id": provider_id,
        "changed": changed,
        "accepted": not end,
        "effective_at": since,
    }
    if end:
        in_force = payer.accepts_provider(provider_id, session.now())
        until = "only for a day after it said so" if in_force else "no more"
        told = f"{name} pays events of {provider} {until}."
    else:
        told = (
            f"{name} {'now pays' if changed else 'pays'} events of {provider}{'' if changed else ' already'}."
        )
    emit(facts, told if since is None else f"{told} {it_holds(since)}")


def _show_accepted(session: Session, name: str) -> None:
    from chainbill.cli.audit.text import Names
    from chainbill.operations.governor.registrations import insurer_of
    from chainbill.operations.insurer.acceptances import accepted_providers

    _, payer_id = insurer_of(session, name)
    names, accepted = Names(session.book), accepted_providers(session, payer_id)
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
            click.echo(f"{name} pays no provider's events yet: chainbill insurer accept-provider PROVIDER")

    emit(
        {
            "account": name,
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
    "chainbill insurer enrol juan --plan 1 --family 7",
)
@click.argument("patient", type=ACCOUNT_OR_ADDRESS)
@_plan_option
@_year_option
@click.option(
    "--family",
    "family_id",
    type=Count(1, 2**32 - 1),
    help="Number of the family whose deductible and maximum the member shares.  [default: none]",
)
@click.option("--deductible-met", type=DOLLARS, default=0, help="Of the deductible, met elsewhere this year.")
@click.option(
    "--oop-met", type=DOLLARS, help="Paid out of pocket elsewhere this year.  [default: --deductible-met]"
)
@click.option(
    "--plan-paid", type=DOLLARS, default=0, help="Paid by a plan elsewhere this year, for the annual maximum."
)
@acting_as("insurer")
@dry_run_option
@pass_invocation
def enrol(
    invocation: Invocation,
    patient: str,
    plan_id: int,
    year: int | None,
    family_id: int | None,
    deductible_met: int,
    oop_met: int | None,
    plan_paid: int,
    name: str,
) -> None:
    """Enrol a patient under a plan for one benefit year, which is the calendar year of the service.

    What was met elsewhere in the year is carried in as an opening entry. Where coverage had ended, this
    resumes it, and what was met goes on.
    """
    from chainbill.billing.accumulators import Accumulators
    from chainbill.operations.effect import effective_at

    oop_met = deductible_met if oop_met is None else oop_met
    if oop_met < deductible_met:
        raise click.UsageError(
            "what was paid to meet the deductible is paid out of pocket: --oop-met is too low"
        )
    session = invocation.session()
    payer = session.protocol.payer(own_payer(session, name))
    member = _member(session, patient)
    year = _reachable_year(session, year)
    _check_plan(payer, name, plan_id)
    standing = payer.member_year(member, year)
    new = _is_open(standing, session.now())
    if not new and standing.plan_id != plan_id:
        raise StateError(
            f"{patient} is enrolled for {year} under plan {standing.plan_id} already",
            hint=f"chainbill insurer change-plan {patient} --plan {plan_id} --year {year} --as {name}",
        )
    since: int | None = None
    if new:
        opening = Accumulators(deductible_met=deductible_met, oop_met=oop_met, plan_paid=plan_paid)
        receipt = payer.enrol(session.sender(name), member, year, plan_id, opening, family_id=family_id or 0)
        since = effective_at(session, receipt)
        standing = payer.member_year(member, year)
    family = f", in family {standing.family_id}" if standing.family_id else ""
    emit(
        {**_standing_facts(name, patient, member, year, standing), "changed": new, "effective_at": since},
        f"{patient} {'is' if new else 'was already'} enrolled with {name} under plan {plan_id} for {year}"
        f"{family}: {show_dollars(standing.met.deductible_met)} of the deductible and "
        f"{show_dollars(standing.met.oop_met)} out of pocket met so far."
        + (f" {it_holds(since)}" if since is not None else ""),
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
    from chainbill.operations.effect import effective_at

    session = invocation.session()
    payer = session.protocol.payer(own_payer(session, name))
    member, year = _member(session, patient), _year(session, year)
    _check_plan(payer, name, plan_id)
    before = payer.member_year(member, year)
    _check_enrolled(before, patient, name, year)
    last = before.next_plan_id or before.plan_id
    since: int | None = None
    if last != plan_id:
        since = effective_at(session, payer.change_plan(session.sender(name), member, year, plan_id))
    standing = payer.member_year(member, year)
    if since is None and standing.next_plan_id == plan_id:
        since = standing.next_plan_at
    told = f"{patient} is under plan {plan_id} for {year}"
    emit(
        {
            **_standing_facts(name, patient, member, year, standing),
            "changed": last != plan_id,
            "effective_at": since,
        },
        f"{told} now." if since is None else f"{told}. {it_holds(since)}",
    )


@click.command("end-coverage", cls=ShellCommand, example="chainbill insurer end-coverage maria --year 2026")
@click.argument("patient", type=ACCOUNT_OR_ADDRESS)
@_year_option
@acting_as("insurer")
@dry_run_option
@pass_invocation
def end_coverage(invocation: Invocation, patient: str, year: int | None, name: str) -> None:
    """End a patient's coverage in a benefit year, a day from now. Enrolling again resumes it."""
    session = invocation.session()
    payer = session.protocol.payer(own_payer(session, name))
    member, year = _member(session, patient), _year(session, year)
    standing = payer.member_year(member, year)
    _check_enrolled(standing, patient, name, year)
    changed = standing.coverage_ends_at == 0
    if changed:
        payer.end_coverage(session.sender(name), member, year)
        standing = payer.member_year(member, year)
    emit(
        {
            **_standing_facts(name, patient, member, year, standing),
            "changed": changed,
            "effective_at": standing.coverage_ends_at,
        },
        f"{patient} is covered for {year} until {show_time(standing.coverage_ends_at)} and no longer: "
        f"the end {holds_from(standing.coverage_ends_at)}.",
    )


def _member(session: Session, patient: str) -> str:
    from chainbill.operations.governor.registrations import patient_address

    return patient_address(session, patient)


def _year(session: Session, year: int | None) -> int:
    return datetime.fromtimestamp(session.now(), UTC).year if year is None else year


def _reachable_year(session: Session, year: int | None) -> int:
    current = _year(session, None)
    year = current if year is None else year
    if abs(year - current) > 1:
        raise click.BadParameter(
            f"the chain's year is {current}: only {current - 1} to {current + 1} can be opened",
            param_hint="--year",
        )
    return year


def _check_plan(payer: InsurerPayer, name: str, plan_id: int) -> None:
    if payer.plan_versions(plan_id) == 0:
        raise StateError(
            f"{name} has published no plan {plan_id}", hint="publish it: chainbill insurer plan FILE"
        )


def _is_open(standing: MemberYear, now: int) -> bool:
    """May the member be enrolled: never was, or coverage has ended?"""
    return standing.plan_id == 0 or 0 < standing.coverage_ends_at <= now


def _check_enrolled(standing: MemberYear, patient: str, name: str, year: int) -> None:
    if standing.plan_id == 0:
        raise StateError(
            f"{patient} is not enrolled for {year}",
            hint=f"enrol: chainbill insurer enrol {patient} --plan ID --year {year} --as {name}",
        )


def _standing_facts(name: str, patient: str, member: str, year: int, standing: MemberYear) -> dict[str, Any]:
    return {
        "account": name,
        "patient": patient,
        "address": member,
        "benefit_year": year,
        "plan_id": standing.plan_id,
        "next_plan_id": standing.next_plan_id or None,
        "next_plan_at": standing.next_plan_at or None,
        "coverage_ends_at": standing.coverage_ends_at or None,
        "family_id": standing.family_id or None,
        "deductible_met": format_dollars(standing.met.deductible_met),
        "oop_met": format_dollars(standing.met.oop_met),
        "plan_paid": format_dollars(standing.met.plan_paid),
    }
