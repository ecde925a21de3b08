"""``chainbill provider bond`` and ``advance``: credit before it has matured."""

from __future__ import annotations

import click

from chainbill.cli.provider.acting import provider
from chainbill.cli.shell.acting import acting_as, resumed_lines, resumption
from chainbill.cli.shell.command import ShellCommand, ShellGroup
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit
from chainbill.cli.shell.parameters import DOLLARS
from chainbill.money import format_dollars, show_dollars


@click.group("bond", cls=ShellGroup)
def bond_group() -> None:
    """Put money down against which credit is paid out before its dispute window has ended."""


@bond_group.command(example="chainbill provider bond deposit 500 --as lakeview")
@click.argument("amount", type=DOLLARS)
@acting_as("provider")
@dry_run_option
@pass_invocation
def deposit(invocation: Invocation, amount: int, name: str) -> None:
    """Add to the bond, from the dollars of the account that is paid."""
    from chainbill.operations.provider.credit import deposit_bond

    done = deposit_bond(*provider(invocation, name), amount)
    emit(
        {
            "account": name,
            "provider_id": done.provider_id,
            "deposited": format_dollars(done.amount),
            "bond": format_dollars(done.bond),
            **resumption(done),
        },
        "\n".join([f"The bond of {name} is {show_dollars(done.bond)}.", *resumed_lines(done)]),
    )


@bond_group.command(example="chainbill provider bond withdraw --as lakeview")
@acting_as("provider")
@dry_run_option
@pass_invocation
def withdraw(invocation: Invocation, name: str) -> None:
    """Take the whole bond back, once no dispute is open, all credit has matured and nothing is owed."""
    from chainbill.operations.provider.credit import withdraw_bond

    done = withdraw_bond(*provider(invocation, name))
    told = f"{show_dollars(done.amount)} of bond paid out to {done.payout_address}."
    emit(
        {
            "account": name,
            "provider_id": done.provider_id,
            "withdrawn": format_dollars(done.amount),
            **resumption(done),
        },
        "\n".join([told, *resumed_lines(done)]),
    )


@click.command(cls=ShellCommand, example="chainbill provider advance 120 --as lakeview")
@click.argument("amount", type=DOLLARS)
@acting_as("provider")
@dry_run_option
@pass_invocation
def advance(invocation: Invocation, amount: int, name: str) -> None:
    """Be paid credit that has not matured yet, as far as the bond covers it."""
    from chainbill.operations.provider.credit import draw_advance

    done = draw_advance(*provider(invocation, name), amount)
    told = (
        f"{show_dollars(done.amount)} paid out ahead to {done.payout_address}; "
        f"{show_dollars(done.outstanding)} is advanced against a bond of {show_dollars(done.bond)}."
    )
    emit(
        {
            "account": name,
            "provider_id": done.provider_id,
            "advanced": format_dollars(done.amount),
            "outstanding": format_dollars(done.outstanding),
            "bond": format_dollars(done.bond),
            **resumption(done),
        },
        "\n".join([told, *resumed_lines(done)]),
    )
