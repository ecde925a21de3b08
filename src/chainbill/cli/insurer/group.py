"""``chainbill insurer``: create, fund, withdraw, statement, balance; the rest is in the modules beside."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from chainbill.cli.insurer.claims import collect, dispute, disputes
from chainbill.cli.insurer.handover import hand_over, take_over
from chainbill.cli.insurer.members import accept_provider, change_plan, end_coverage, enrol
from chainbill.cli.insurer.terms import fees, own_payer, plan
from chainbill.cli.shell.acting import (
    acting_as,
    announcement_facts,
    announcement_text,
    emit_statement,
    fund,
    give_spending_money,
    mint_option,
    withdraw,
)
from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.confirming import confirm, dry_run_option, yes_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit
from chainbill.cli.shell.parameters import ACCOUNT, DOLLARS
from chainbill.cli.shell.periods import detail_option, period_options
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.operations.balances import InsurerPool
    from chainbill.state.session import Session
    from chainbill.statements.period import Period


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
    from chainbill.operations.balances import InsurerPool
    from chainbill.operations.governor.registrations import insurer_of, open_payer

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
@dry_run_option
@pass_invocation
def fund_pool(invocation: Invocation, amount: int, name: str) -> None:
    """Put dollars into the pool that the plans' share of care is paid from."""
    from chainbill.operations.balances import InsurerPool

    session = invocation.session()
    fund(session, name, "insurer", InsurerPool(session.protocol, own_payer(session, name)), amount)


@insurer_group.command(
    "withdraw",
    example="chainbill insurer withdraw 10000\nchainbill insurer withdraw --take\n"
    "chainbill insurer withdraw --cancel",
)
@click.argument("amount", type=DOLLARS, required=False)
@click.option("--take", is_flag=True, help="Take what was announced, once its notice is over.")
@click.option("--cancel", is_flag=True, help="Call the announced withdrawal off.")
@acting_as("insurer")
@dry_run_option
@yes_option
@pass_invocation
def withdraw_from_pool(
    invocation: Invocation, amount: int | None, take: bool, cancel: bool, name: str
) -> None:
    """Announce that AMOUNT is to leave the pool, and a day later --take it.

    A signed batch may rely on the money, hence the notice. Until it is taken, claims are still paid from it.
    It covers no later deposit, and lapses a week after the notice is over.
    """
    from chainbill.operations.balances import InsurerPool
    from chainbill.operations.governor.registrations import insurer_of

    session = invocation.session()
    _, payer_id = insurer_of(session, name)
    pool = InsurerPool(session.protocol, payer_id)
    # Where nothing is announced there is nothing to ask: taking it says so.
    if not cancel and take == (amount is None) and (amount or pool.announced(session.now())):
        what = "the announced withdrawal" if amount is None else f"a withdrawal of {show_dollars(amount)}"
        will = f"{name} {'takes' if take else 'announces'} {what} from the pool of payer {payer_id}"
        confirm(will, _withdrawal(session, pool, amount))
    withdraw(session, name, "insurer", pool, amount, take=take, cancel=cancel)


def _withdrawal(session: Session, pool: InsurerPool, amount: int | None) -> dict[str, str]:
    held, announced = pool.balance(), pool.announced(session.now())
    facts = {"pool": show_dollars(held)}
    if announced is not None:
        facts["announced"] = announcement_text(announced)
    if amount is not None:
        facts["left for claims"] = show_dollars(max(0, held - amount))
    return facts


# ---- reading ------------------------------------------------------------------------------------------


@insurer_group.command(
    example="chainbill insurer statement\nchainbill insurer statement --month 2024-03 --detail"
)
@period_options
@detail_option
@acting_as("insurer")
@pass_invocation
def statement(invocation: Invocation, period: Period | None, detail: bool, name: str) -> None:
    """Show what the plans paid: by provider, benefit year and service, and what the pool holds.

    An insurer has no records, so a charge goes by the day it was decided (UTC); a year is a benefit year.
    """
    from chainbill.operations.governor.registrations import insurer_of
    from chainbill.operations.statements import insurer_statement
    from chainbill.statements.insurer_text import render_insurer

    session = invocation.session()
    _, payer_id = insurer_of(session, name)
    told = insurer_statement(session, payer_id, period=period)
    emit_statement(told, partial(render_insurer, detail=detail))


@insurer_group.command(example="chainbill insurer balance")
@acting_as("insurer")
@pass_invocation
def balance(invocation: Invocation, name: str) -> None:
    """Show the pool, what the insurer holds besides, an announced withdrawal, and an offer to another."""
    from chainbill.attestation.address import ZERO_ADDRESS
    from chainbill.operations.balances import InsurerPool
    from chainbill.operations.governor.registrations import insurer_of

    session = invocation.session()
    entry, payer_id = insurer_of(session, name)
    pool = InsurerPool(session.protocol, payer_id)
    held, outside = pool.balance(), session.protocol.token.balance_of(entry.address)
    announced = pool.announced(session.now())
    successor = session.protocol.payer(payer_id).successor()
    offered_to = None if successor == ZERO_ADDRESS else successor
    lines = [
        f"{name} (payer {payer_id}, account {entry.address})",
        f"  pool           {show_dollars(held)}",
        f"  holds besides  {show_dollars(outside)}",
        *([f"  announced      {announcement_text(announced)}"] if announced else []),
        *([f"  offered to     {session.book.name_of(offered_to) or offered_to}"] if offered_to else []),
    ]
    emit(
        {
            "account": name,
            "payer_id": payer_id,
            "address": entry.address,
            "balance": format_dollars(held),
            "outside": format_dollars(outside),
            "announced": announcement_facts(announced),
            "offered_to": offered_to,
        },
        "\n".join(lines),
    )


for _command in (
    plan,
    fees,
    accept_provider,
    enrol,
    change_plan,
    end_coverage,
    dispute,
    disputes,
    collect,
    hand_over,
    take_over,
):
    insurer_group.add_command(_command)
