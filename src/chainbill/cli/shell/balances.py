"""What the commands of a balance tell: a patient's wallet, an insurer's pool."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chainbill.cli.shell.acting import resumed_lines, resumption
from chainbill.cli.shell.output import emit, it_holds, note, show_time
from chainbill.cli.shell.parameters import DOLLARS
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.operations.balances import (
        Announcement,
        Deposit,
        WithdrawalAnnounced,
        WithdrawalCalledOff,
        WithdrawalTaken,
    )

_Command = TypeVar("_Command", bound=Callable[..., Any])


def withdrawal_options(command: _Command) -> _Command:
    """What is to be done of a withdrawal: AMOUNT announced, or the announced one taken or called off."""
    command = click.option("--cancel", is_flag=True, help="Call the announced withdrawal off.")(command)
    command = click.option("--take", is_flag=True, help="Take what was announced, once its notice is over.")(
        command
    )
    return click.argument("amount", type=DOLLARS, required=False)(command)


def check_one_of(amount: int | None, *, take: bool, cancel: bool) -> None:
    """Refuse none, or several, of ``withdrawal_options``."""
    if (amount is not None) + take + cancel != 1:
        raise click.UsageError(
            "give either an amount, to announce it, or --take, to take what was announced, "
            "or --cancel, to call it off"
        )


def tell_deposit(name: str, done: Deposit) -> None:
    """Tell that an account has put dollars in."""
    emit(
        {
            "account": name,
            "deposited": format_dollars(done.amount),
            "balance": format_dollars(done.balance),
            "outside": format_dollars(done.outside),
            **resumption(done),
        },
        "\n".join(
            [
                f"{show_dollars(done.amount)} put in. The balance is {show_dollars(done.balance)}; "
                f"{name} has {show_dollars(done.outside)} besides.",
                *resumed_lines(done),
            ]
        ),
    )


def tell_announced(name: str, role: str, done: WithdrawalAnnounced) -> None:
    """Tell that a withdrawal is announced, and what comes next."""
    own = "" if name == role else f" --as {name}"
    emit(
        {
            "account": name,
            "announced": announcement_facts(done.announced),
            "withdrawn": None,
            "balance": format_dollars(done.balance),
            **resumption(done),
        },
        f"{_said(done)}: {announcement_text(done.announced)}.\n"
        f"Until then claims are still paid from it. Then: chainbill {role} withdraw --take{own}",
    )


def tell_taken(name: str, done: WithdrawalTaken) -> None:
    """Tell what was withdrawn."""
    if done.announced is not None and done.amount < done.announced:
        left = f"{show_dollars(done.amount)} of the {show_dollars(done.announced)}"
        note(f"note: claims since have left {left}")
    emit(
        {
            "account": name,
            "announced": None,
            "withdrawn": format_dollars(done.amount),
            "balance": format_dollars(done.balance),
            **resumption(done),
        },
        "\n".join(
            [
                f"{show_dollars(done.amount)} withdrawn to {name}'s own account. "
                f"The balance is {show_dollars(done.balance)}.",
                *resumed_lines(done),
            ]
        ),
    )


def tell_called_off(name: str, done: WithdrawalCalledOff) -> None:
    """Tell that an announced withdrawal is called off."""
    emit(
        {
            "account": name,
            "announced": None,
            "withdrawn": None,
            "balance": format_dollars(done.balance),
            "effective_at": done.effective_at,
        },
        f"The withdrawal is called off. The balance is {show_dollars(done.balance)}. "
        f"{it_holds(done.effective_at or 0)}",
    )


def announcement_facts(announced: Announcement | None) -> dict[str, Any] | None:
    """An announced withdrawal for JSON."""
    if announced is None:
        return None
    return {
        "amount": format_dollars(announced.amount),
        "available_at": announced.available_at,
        "lapses_at": announced.lapses_at,
    }


def announcement_text(announced: Announcement) -> str:
    """An announced withdrawal in words."""
    return (
        f"{show_dollars(announced.amount)} may be taken from {show_time(announced.available_at)} "
        f"until {show_time(announced.lapses_at)}"
    )


def _said(done: WithdrawalAnnounced) -> str:
    if done.before == done.announced:
        return "That is announced already"
    return "Announced" if done.before is None else "Announced, in place of the earlier announcement"
