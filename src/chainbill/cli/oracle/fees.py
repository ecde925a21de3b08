"""``chainbill oracle fees``: balance, withdraw. What an operator earns by settling."""

from __future__ import annotations

import click

from chainbill.cli.shell.acting import as_option, resumed_lines, resumption
from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit
from chainbill.money import format_dollars, show_dollars


@click.group("fees", cls=ShellGroup)
def fees_group() -> None:
    """See and withdraw the fees of an operator, whom `oracle settle --operator` names.

    Fees mature as providers' credit does, and a reversal takes its claim's fee back.
    """


@fees_group.command(example="chainbill oracle fees balance oracle-1")
@click.argument("operator", metavar="ACCOUNT|ADDRESS")
@pass_invocation
def balance(invocation: Invocation, operator: str) -> None:
    """Show an operator's matured, maturing and disputed fees, and the fee in force."""
    from chainbill.operations.oracle.fees import fees

    session = invocation.session()
    earned = fees(session, session.book.address_of(operator))
    emit(
        {
            "operator": operator,
            "address": earned.operator,
            "matured": format_dollars(earned.matured),
            "maturing": format_dollars(earned.maturing),
            "held": format_dollars(earned.held),
            "fee_flat": format_dollars(earned.fee_flat),
            "fee_bps": earned.fee_bps,
        },
        f"{operator} (account {earned.operator})\n"
        f"  may withdraw      {show_dollars(earned.matured)}\n"
        f"  maturing          {show_dollars(earned.maturing)}\n"
        f"  held, disputed    {show_dollars(earned.held)}\n"
        f"  fee for an event  {show_dollars(earned.fee_flat)} and {earned.fee_bps / 100:g}% of what is "
        "allowed",
    )


@fees_group.command(example="chainbill oracle fees withdraw oracle-1")
@click.argument("operator", metavar="ACCOUNT|ADDRESS")
@as_option("oracle-1", "Whose account sends the transaction; anyone may.")
@dry_run_option
@pass_invocation
def withdraw(invocation: Invocation, operator: str, name: str) -> None:
    """Pay an operator's matured fees out to it."""
    from chainbill.operations.actor import Actor
    from chainbill.operations.oracle.fees import withdraw_fees

    session = invocation.session()
    done = withdraw_fees(Actor.holding(session, name), session.book.address_of(operator))
    told = f"{show_dollars(done.amount)} paid out to {done.operator}."
    emit(
        {
            "operator": operator,
            "address": done.operator,
            "withdrawn": format_dollars(done.amount),
            **resumption(done),
        },
        "\n".join([told, *resumed_lines(done)]) if done.amount else "There are no matured fees to withdraw.",
    )
