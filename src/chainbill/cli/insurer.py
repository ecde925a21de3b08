"""``chainbill insurer``: create, fund, plan, fees, accept-provider, enrol, statement, balance, withdraw."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from chainbill.cli.acting import (
    acting_as,
    announcement_facts,
    announcement_text,
    emit_statement,
    fund,
    give_spending_money,
    mint_option,
    withdraw,
)
from chainbill.cli.command import ShellGroup
from chainbill.cli.context import Invocation, pass_invocation
from chainbill.cli.insurer_terms import fees, own_payer, plan
from chainbill.cli.output import emit
from chainbill.cli.parameters import ACCOUNT, DOLLARS
from chainbill.errors import StateError
from chainbill.money import format_dollars, show_dollars


@click.group("insurer", cls=ShellGroup)
def insurer_group() -> None:
    """Fund a pool, publish plans and fees, accept providers, enrol members."""


# ---- account and pool ---------------------------------------------------------------------------------


@insurer_group.command(example="chainbill insurer create harbor")
@click.argument("name", type=ACCOUNT)
@mint_option
@pass_invocation
def create(invocation: Invocation, name: str, mint: int | None) -> None:
    """Make an insurer's account where there is none, and have the governor make its payer contract."""
    from chainbill.chain.holdings import InsurerPool
    from chainbill.settings.onboarding import insurer_of, open_payer

    session = invocation.session()
    entry, new = open_payer(session, name)
    _, payer_id = insurer_of(session, name)
    held = (
        session.protocol.token.balance_of(entry.address) + InsurerPool(session.protocol, payer_id).balance()
    )
    minted = give_spending_money(session, entry, held, mint)
    outside = session.protocol.token.balance_of(entry.address)
    emit(
        {
            "account": name,
            "address": entry.address,
            "payer_id": payer_id,
            "created": new,
            "minted": format_dollars(minted),
            "outside": format_dollars(outside),
        },
        f"{name} {'is' if new else 'was already'} payer {payer_id}, account {entry.address}, "
        f"with {show_dollars(outside)} to put into the pool.",
    )


@insurer_group.command("fund", example="chainbill insurer fund 50000")
@click.argument("amount", type=DOLLARS)
@acting_as("insurer")
@pass_invocation
def fund_pool(invocation: Invocation, amount: int, name: str) -> None:
    """Put dollars into the pool that the plans' share of care is paid from."""
    from chainbill.chain.holdings import InsurerPool

    session = invocation.session()
    fund(session, name, "insurer", InsurerPool(session.protocol, own_payer(session, name)), amount)


@insurer_group.command(
    "withdraw", example="chainbill insurer withdraw 10000\nchainbill insurer withdraw --take"
)
@click.argument("amount", type=DOLLARS, required=False)
@click.option("--take", is_flag=True, help="Take what was announced, once its notice is over.")
@acting_as("insurer")
@pass_invocation
def withdraw_from_pool(invocation: Invocation, amount: int | None, take: bool, name: str) -> None:
    """Announce that AMOUNT is to leave the pool, and a day later --take it.

    A signed batch may rely on the money, hence the notice. Until it is taken, claims are still paid from it.
    It covers no later deposit, and lapses a week after the notice is over.
    """
    from chainbill.chain.holdings import InsurerPool
    from chainbill.settings.onboarding import insurer_of

    session = invocation.session()
    _, payer_id = insurer_of(session, name)
    withdraw(session, name, "insurer", InsurerPool(session.protocol, payer_id), amount, take=take)


# ---- providers and members ----------------------------------------------------------------------------


@insurer_group.command(example="chainbill insurer accept-provider lakeview")
@click.argument("provider", type=ACCOUNT)
@acting_as("insurer")
@pass_invocation
def accept_provider(invocation: Invocation, provider: str, name: str) -> None:
    """Pay a provider's events from now on. Repeated, this changes nothing and says so."""
    from chainbill.chain.fee_publication import END_OF_TIME
    from chainbill.settings.onboarding import provider_of

    session = invocation.session()
    payer = session.protocol.payer(own_payer(session, name))
    _, provider_id = provider_of(session, provider)
    accepted = payer.accepts_provider(provider_id, END_OF_TIME)
    if not accepted:
        payer.accept_provider(session.sender(name), provider_id)
    told = "pays" if accepted else "now pays"
    emit(
        {"account": name, "provider": provider, "provider_id": provider_id, "changed": not accepted},
        f"{name} {told} events of {provider}{' already' if accepted else ''}.",
    )


@insurer_group.command(
    example="chainbill insurer enrol patient --plan 1\n"
    "chainbill insurer enrol maria --plan 1 --year 2026 --deductible-met 120 --oop-met 180"
)
@click.argument("patient", type=ACCOUNT)
@click.option("--plan", "plan_id", type=click.IntRange(1, 65_535), required=True, help="The plan's number.")
@click.option("--year", type=click.IntRange(1970, 9999), help="Benefit year.  [default: the chain's year]")
@click.option("--deductible-met", type=DOLLARS, default=0, help="Of the deductible, met elsewhere this year.")
@click.option(
    "--oop-met", type=DOLLARS, help="Paid out of pocket elsewhere this year.  [default: --deductible-met]"
)
@acting_as("insurer")
@pass_invocation
def enrol(
    invocation: Invocation,
    patient: str,
    plan_id: int,
    year: int | None,
    deductible_met: int,
    oop_met: int | None,
    name: str,
) -> None:
    """Enrol a patient under a plan for one benefit year, which is the calendar year of the service."""
    from chainbill.billing.accumulators import Accumulators
    from chainbill.settings.addressbook import Role

    oop_met = deductible_met if oop_met is None else oop_met
    if oop_met < deductible_met:
        raise click.UsageError(
            "what was paid to meet the deductible is paid out of pocket: --oop-met is too low"
        )
    session = invocation.session()
    payer = session.protocol.payer(own_payer(session, name))
    member = session.book.get(patient, Role.PATIENT).address
    current = datetime.fromtimestamp(session.now(), UTC).year
    year = current if year is None else year
    if abs(year - current) > 1:
        raise click.BadParameter(
            f"the chain's year is {current}: only {current - 1} to {current + 1} can be opened",
            param_hint="--year",
        )
    if payer.plan_versions(plan_id) == 0:
        raise StateError(
            f"{name} has published no plan {plan_id}", hint="publish it: chainbill insurer plan FILE"
        )
    standing = payer.member_year(member, year)
    if standing.plan_id not in (0, plan_id):
        raise StateError(f"{patient} is enrolled for {year} under plan {standing.plan_id} already")
    new = standing.plan_id == 0
    if new:
        opening = Accumulators(deductible_met=deductible_met, oop_met=oop_met)
        payer.enrol(session.sender(name), member, year, plan_id, opening)
        standing = payer.member_year(member, year)
    emit(
        {
            "account": name,
            "patient": patient,
            "address": member,
            "plan_id": plan_id,
            "benefit_year": year,
            "deductible_met": format_dollars(standing.met.deductible_met),
            "oop_met": format_dollars(standing.met.oop_met),
            "changed": new,
        },
        f"{patient} {'is' if new else 'was already'} enrolled with {name} under plan {plan_id} for {year}: "
        f"{show_dollars(standing.met.deductible_met)} of the deductible and "
        f"{show_dollars(standing.met.oop_met)} out of pocket met so far.",
    )


# ---- reading ------------------------------------------------------------------------------------------


@insurer_group.command(example="chainbill insurer statement\nchainbill insurer statement --json")
@acting_as("insurer")
@pass_invocation
def statement(invocation: Invocation, name: str) -> None:
    """Show what the plans paid: by provider, benefit year and service, and what the pool holds."""
    from chainbill.settings.history import names, read_history
    from chainbill.settings.onboarding import insurer_of
    from chainbill.statements.insurer import insurer_statement
    from chainbill.statements.insurer_text import render_insurer

    session = invocation.session()
    _, payer_id = insurer_of(session, name)
    services = next((each.names() for each in session.schedules.all() if each.payer_id == payer_id), None)
    facts = read_history(session).insurer(payer_id)
    emit_statement(insurer_statement(payer_id, facts, names(session.book), services), render_insurer)


@insurer_group.command(example="chainbill insurer balance")
@acting_as("insurer")
@pass_invocation
def balance(invocation: Invocation, name: str) -> None:
    """Show the pool, what the insurer holds besides, and an announced withdrawal."""
    from chainbill.chain.holdings import InsurerPool
    from chainbill.settings.onboarding import insurer_of

    session = invocation.session()
    entry, payer_id = insurer_of(session, name)
    pool = InsurerPool(session.protocol, payer_id)
    held, outside = pool.balance(), session.protocol.token.balance_of(entry.address)
    announced = pool.announced(session.now())
    lines = [
        f"{name} (payer {payer_id}, account {entry.address})",
        f"  pool           {show_dollars(held)}",
        f"  holds besides  {show_dollars(outside)}",
        *([f"  announced      {announcement_text(announced)}"] if announced else []),
    ]
    emit(
        {
            "account": name,
            "payer_id": payer_id,
            "address": entry.address,
            "balance": format_dollars(held),
            "outside": format_dollars(outside),
            "announced": announcement_facts(announced),
        },
        "\n".join(lines),
    )


for _command in (plan, fees):
    insurer_group.add_command(_command)
