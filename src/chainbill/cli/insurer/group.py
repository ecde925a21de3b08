"""``chainbill insurer``: create, fund, withdraw, statement, balance; the rest is in the modules beside."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from chainbill.cli.insurer.claims import collect, dispute, disputes
from chainbill.cli.insurer.handover import hand_over, take_over
from chainbill.cli.insurer.members import accept_provider, change_plan, end_coverage, enrol
from chainbill.cli.insurer.own_payer import own_payer
from chainbill.cli.insurer.terms import fees, plan
from chainbill.cli.shell.acting import acting_as, actor, emit_statement, mint_option
from chainbill.cli.shell.balances import (
    announcement_facts,
    announcement_text,
    check_one_of,
    tell_announced,
    tell_called_off,
    tell_deposit,
    tell_taken,
    withdrawal_options,
)
from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.confirming import confirm, dry_run_option, yes_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit
from chainbill.cli.shell.parameters import ACCOUNT, DOLLARS
from chainbill.cli.shell.periods import detail_option, period_options
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.operations.actor import Actor
    from chainbill.operations.insurer.pool import PoolStanding
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
    from chainbill.operations.insurer import account

    done = account.create(invocation.session(), name, mint=mint)
    emit(
        {
            "account": name,
            "address": done.address,
            "payer_id": done.payer_id,
            "created": done.created,
            "minted": format_dollars(done.minted),
            "outside": format_dollars(done.outside),
        },
        f"{name} {'is' if done.created else 'was already'} payer {done.payer_id}, account {done.address}, "
        f"with {show_dollars(done.outside)} to put into the pool.",
    )


@insurer_group.command("fund", example="chainbill insurer fund 50000")
@click.argument("amount", type=DOLLARS)
@acting_as("insurer")
@dry_run_option
@pass_invocation
def fund_pool(invocation: Invocation, amount: int, name: str) -> None:
    """Put dollars into the pool that the plans' share of care is paid from."""
    from chainbill.operations.insurer import pool

    insurer = actor(invocation, name, "insurer")
    tell_deposit(name, pool.deposit(insurer, own_payer(insurer), amount))


@insurer_group.command(
    "withdraw",
    example="chainbill insurer withdraw 10000\nchainbill insurer withdraw --take\n"
    "chainbill insurer withdraw --cancel",
)
@withdrawal_options
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
    from chainbill.operations.insurer import pool
    from chainbill.operations.insurer.account import payer_of

    check_one_of(amount, take=take, cancel=cancel)
    insurer = actor(invocation, name, "insurer")
    payer_id = payer_of(insurer)
    if cancel:
        tell_called_off(name, pool.cancel_withdrawal(insurer, payer_id))
        return
    _ask(insurer, pool.balance(insurer, payer_id), amount)
    if amount is not None:
        tell_announced(name, "insurer", pool.request_withdrawal(insurer, payer_id, amount))
    else:
        tell_taken(name, pool.withdraw(insurer, payer_id))


def _ask(insurer: Actor, standing: PoolStanding, amount: int | None) -> None:
    """Ask whether ``amount`` is to be announced; None: whether what is announced is to be taken. Where there
    is nothing to take, or to announce, there is nothing to ask."""
    if not (amount or standing.announced):
        return
    what = "the announced withdrawal" if amount is None else f"a withdrawal of {show_dollars(amount)}"
    facts = {"pool": show_dollars(standing.balance)}
    if standing.announced is not None:
        facts["announced"] = announcement_text(standing.announced)
    if amount is not None:
        facts["left for claims"] = show_dollars(max(0, standing.balance - amount))
    does = f"{insurer.name} {'takes' if amount is None else 'announces'} {what}"
    confirm(f"{does} from the pool of payer {standing.payer_id}", facts)


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
    from chainbill.operations.parties import insurer_of
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
    from chainbill.operations.insurer import pool
    from chainbill.operations.insurer.account import payer_of

    insurer = actor(invocation, name, "insurer")
    standing = pool.balance(insurer, payer_of(insurer))
    announced, taker = standing.announced, standing.offered_to
    lines = [
        f"{name} (payer {standing.payer_id}, account {insurer.address})",
        f"  pool           {show_dollars(standing.balance)}",
        f"  holds besides  {show_dollars(standing.outside)}",
        *([f"  announced      {announcement_text(announced)}"] if announced else []),
        *([f"  offered to     {insurer.session.book.name_of(taker) or taker}"] if taker else []),
    ]
    emit(
        {
            "account": name,
            "payer_id": standing.payer_id,
            "address": insurer.address,
            "balance": format_dollars(standing.balance),
            "outside": format_dollars(standing.outside),
            "announced": announcement_facts(announced),
            "offered_to": taker,
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
