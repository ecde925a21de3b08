"""``chainbill insurer hand-over`` and ``take-over``: a payer contract becomes another account's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chainbill.cli.shell.acting import acting_as, actor, new_option, who_is
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.confirming import confirm, dry_run_option, yes_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, it_holds
from chainbill.cli.shell.parameters import Count
from chainbill.money import show_dollars

if TYPE_CHECKING:
    from chainbill.operations.insurer.ownership import PayerOffer


@click.command(
    "hand-over",
    cls=ShellCommand,
    example="chainbill insurer hand-over harbor-2 --new --as harbor\n"
    "chainbill insurer hand-over --cancel --as harbor",
)
@click.argument("account", metavar="ACCOUNT|ADDRESS", required=False)
@click.option("--cancel", is_flag=True, help="Call the offer off.")
@new_option
@acting_as("insurer")
@dry_run_option
@yes_option
@pass_invocation
def hand_over(invocation: Invocation, account: str | None, cancel: bool, new: bool, name: str) -> None:
    """Offer the payer contract, with its pool, to another account, which then takes it over.

    ACCOUNT is a name in the address book, or an address. Nothing changes until it has taken over; another
    offer takes the place of this one.
    """
    from chainbill.operations.insurer import ownership
    from chainbill.operations.insurer.account import payer_of

    if (account is not None) == cancel:
        raise click.UsageError("give either the account that is to take over, or --cancel")
    insurer = actor(invocation, name, "insurer")
    if account is None:
        _tell_called_off(name, ownership.cancel_transfer(insurer, payer_of(insurer)))
        return
    confirm(
        f"{name} offers its payer contract, with the whole pool, to another account",
        {
            "to": who_is(insurer.session, account, new=new),
            "then": "it becomes the other's once that takes it over",
        },
    )
    done = ownership.transfer_ownership(insurer, payer_of(insurer), account, new=new)
    taker = insurer.session.book.name_of(done.offered_to or "") or "NAME"
    emit(
        {
            "account": name,
            "payer_id": done.payer_id,
            "offered_to": done.offered_to,
            "changed": done.changed,
        },
        f"Payer {done.payer_id} is {'' if done.changed else 'already '}offered to {account}; until it takes "
        f"over, {name} stays its insurer.\n"
        f"Then: chainbill insurer take-over {done.payer_id} --as {taker}",
    )


def _tell_called_off(name: str, done: PayerOffer) -> None:
    emit(
        {
            "account": name,
            "payer_id": done.payer_id,
            "offered_to": None,
            "changed": True,
            "effective_at": done.effective_at,
        },
        f"The offer is called off: {name} stays the insurer of payer {done.payer_id}. "
        f"{it_holds(done.effective_at or 0)}",
    )


@click.command("take-over", cls=ShellCommand, example="chainbill insurer take-over 1 --as harbor-2")
@click.argument("payer_id", metavar="PAYER_ID", type=Count(1, 2**32 - 1))
@acting_as("insurer")
@dry_run_option
@yes_option
@pass_invocation
def take_over(invocation: Invocation, payer_id: int, name: str) -> None:
    """Become the insurer of the payer contract that is offered to the account.

    Its pool, terms, members and open disputes go on. So that services keep their ids, the one before hands
    over schedules/PAYER_ID.json, too, where the two have not one state directory.
    """
    from chainbill.operations.insurer import ownership, pool

    insurer = actor(invocation, name, "insurer")
    owner = insurer.protocol.payer(payer_id).insurer()
    confirm(
        f"{name} takes payer {payer_id} over",
        {
            "from": who_is(insurer.session, owner),
            "pool": show_dollars(pool.balance(insurer, payer_id).balance),
            "then": f"its plans, members and open disputes are {name}'s",
        },
    )
    done = ownership.accept_ownership(insurer, payer_id)
    emit(
        {
            "account": name,
            "address": insurer.address,
            "payer_id": payer_id,
            "changed": done.changed,
            "effective_at": done.effective_at,
        },
        f"{name} {'is now' if done.changed else 'is already'} the insurer of payer {payer_id}."
        + (f" {it_holds(done.effective_at)}" if done.effective_at is not None else ""),
    )
