"""``chainbill insurer accept-provider``, ``enrol``, ``change-plan``, ``end-coverage``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.acting import acting_as
from chainbill.cli.command import ShellCommand
from chainbill.cli.confirming import dry_run_option
from chainbill.cli.context import Invocation, pass_invocation
from chainbill.cli.insurer_terms import own_payer
from chainbill.cli.output import emit, show_time
from chainbill.cli.parameters import ACCOUNT, DOLLARS
from chainbill.errors import StateError
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.chain.contracts import InsurerPayer
    from chainbill.chain.contracts.payer import MemberYear
    from chainbill.settings.session import Session

_plan_option = click.option(
    "--plan", "plan_id", type=click.IntRange(1, 65_535), required=True, help="The plan's number."
)
_year_option = click.option(
    "--year", type=click.IntRange(1970, 9999), help="Benefit year.  [default: the chain's year]"
)


# ---- providers ----------------------------------------------------------------------------------------


@click.command(
    "accept-provider",
    cls=ShellCommand,
    example="chainbill insurer accept-provider lakeview\nchainbill insurer accept-provider lakeview --end",
)
@click.argument("provider", type=ACCOUNT)
@click.option("--end", is_flag=True, help="Stop paying its events instead, a day from now.")
@acting_as("insurer")
@dry_run_option
@pass_invocation
def accept_provider(invocation: Invocation, provider: str, end: bool, name: str) -> None:
    """Pay a provider's events from now on. Repeated, this changes nothing and says so."""
    from chainbill.chain.fee_publication import END_OF_TIME
    from chainbill.settings.onboarding import provider_of

    session = invocation.session()
    payer = session.protocol.payer(own_payer(session, name))
    _, provider_id = provider_of(session, provider)
    changed = payer.accepts_provider(provider_id, END_OF_TIME) == end
    facts = {"account": name, "provider": provider, "provider_id": provider_id, "changed": changed}
    if end:
        if changed:
            payer.end_provider_acceptance(session.sender(name), provider_id)
        in_force = payer.accepts_provider(provider_id, session.now())
        until = "only for a day after it said so" if in_force else "no more"
        emit({**facts, "accepted": False}, f"{name} pays events of {provider} {until}.")
        return
    if changed:
        payer.accept_provider(session.sender(name), provider_id)
    told = "now pays" if changed else "pays"
    emit(
        {**facts, "accepted": True},
        f"{name} {told} events of {provider}{'' if changed else ' already'}.",
    )


# ---- members ------------------------------------------------------------------------------------------


@click.command(
    cls=ShellCommand,
    example="chainbill insurer enrol patient --plan 1\n"
    "chainbill insurer enrol maria --plan 1 --year 2026 --deductible-met 120 --oop-met 180\n"
    "chainbill insurer enrol juan --plan 1 --family 7",
)
@click.argument("patient", type=ACCOUNT)
@_plan_option
@_year_option
@click.option(
    "--family",
    "family_id",
    type=click.IntRange(1, 2**32 - 1),
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
    if new:
        opening = Accumulators(deductible_met=deductible_met, oop_met=oop_met, plan_paid=plan_paid)
        payer.enrol(session.sender(name), member, year, plan_id, opening, family_id=family_id or 0)
        standing = payer.member_year(member, year)
    family = f", in family {standing.family_id}" if standing.family_id else ""
    emit(
        {**_standing_facts(name, patient, member, year, standing), "changed": new},
        f"{patient} {'is' if new else 'was already'} enrolled with {name} under plan {plan_id} for {year}"
        f"{family}: {show_dollars(standing.met.deductible_met)} of the deductible and "
        f"{show_dollars(standing.met.oop_met)} out of pocket met so far.",
    )


@click.command(
    "change-plan", cls=ShellCommand, example="chainbill insurer change-plan maria --plan 2 --year 2026"
)
@click.argument("patient", type=ACCOUNT)
@_plan_option
@_year_option
@acting_as("insurer")
@dry_run_option
@pass_invocation
def change_plan(invocation: Invocation, patient: str, plan_id: int, year: int | None, name: str) -> None:
    """Move an enrolled patient to another plan, a day from now; what was met in the year goes on.

    Naming the present plan calls an announced change off.
    """
    session = invocation.session()
    payer = session.protocol.payer(own_payer(session, name))
    member, year = _member(session, patient), _year(session, year)
    _check_plan(payer, name, plan_id)
    before = payer.member_year(member, year)
    _check_enrolled(before, patient, name, year)
    last = before.next_plan_id or before.plan_id
    if last != plan_id:
        payer.change_plan(session.sender(name), member, year, plan_id)
    standing = payer.member_year(member, year)
    later = standing.next_plan_id == plan_id and standing.next_plan_at > session.now()
    when = f"from {show_time(standing.next_plan_at)}" if later else "now"
    emit(
        {**_standing_facts(name, patient, member, year, standing), "changed": last != plan_id},
        f"{patient} is under plan {plan_id} for {year} {when}.",
    )


@click.command("end-coverage", cls=ShellCommand, example="chainbill insurer end-coverage maria --year 2026")
@click.argument("patient", type=ACCOUNT)
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
        {**_standing_facts(name, patient, member, year, standing), "changed": changed},
        f"{patient} is covered for {year} until {show_time(standing.coverage_ends_at)} and no longer.",
    )


def _member(session: Session, patient: str) -> str:
    from chainbill.settings.addressbook import Role

    return session.book.get(patient, Role.PATIENT).address


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
