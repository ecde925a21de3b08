"""``chainbill insurer hand-over`` and ``take-over``: a payer contract becomes another account's."""

from __future__ import annotations

import click

from chainbill.cli.shell.acting import acting_as, new_option, who_is
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.confirming import confirm, dry_run_option, yes_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, it_holds
from chainbill.cli.shell.parameters import Count
from chainbill.money import show_dollars


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
    from chainbill.operations.insurer.ownership import call_offer_off, offer_payer

    if (account is not None) == cancel:
        raise click.UsageError("give either the account that is to take over, or --cancel")
    session = invocation.session()
    if account is None:
        payer_id = call_offer_off(session, name)
        emit(
            {
                "account": name,
                "payer_id": payer_id,
                "offered_to": None,
                "changed": True,
                "effective_at": session.now(),
            },
            f"The offer is called off: {name} stays the insurer of payer {payer_id}. "
            f"{it_holds(session.now())}",
        )
        return
    confirm(
        f"{name} offers its payer contract, with the whole pool, to another account",
        {"to": who_is(session, account, new=new), "then": "it becomes the other's once that takes it over"},
    )
    payer_id, address, changed = offer_payer(session, name, account, new=new)
    taker = session.book.name_of(address) or "NAME"
    emit(
        {"account": name, "payer_id": payer_id, "offered_to": address, "changed": changed},
        f"Payer {payer_id} is {'' if changed else 'already '}offered to {account}; until it takes over, "
        f"{name} stays its insurer.\nThen: chainbill insurer take-over {payer_id} --as {taker}",
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
    from chainbill.operations.balances import InsurerPool
    from chainbill.operations.insurer.ownership import take_payer

    session = invocation.session()
    pool = InsurerPool(session.protocol, payer_id).balance()
    confirm(
        f"{name} takes payer {payer_id} over",
        {
            "from": who_is(session, session.protocol.payer(payer_id).insurer()),
            "pool": show_dollars(pool),
            "then": f"its plans, members and open disputes are {name}'s",
        },
    )
    changed = take_payer(session, name, payer_id)
    address = session.book.get(name).address
    emit(
        {
            "account": name,
            "address": address,
            "payer_id": payer_id,
            "changed": changed,
            "effective_at": session.now() if changed else None,
        },
        f"{name} {'is now' if changed else 'is already'} the insurer of payer {payer_id}."
        + (f" {it_holds(session.now())}" if changed else ""),
    )
