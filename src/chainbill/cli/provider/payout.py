"""``chainbill provider payout-address``: show, change, cancel."""

from __future__ import annotations

import click

from chainbill.cli.provider.acting import provider
from chainbill.cli.shell.acting import acting_as, new_option, who_is
from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.confirming import confirm, dry_run_option, yes_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, it_holds, show_time


@click.group("payout-address", cls=ShellGroup)
def payout_address_group() -> None:
    """Say where a provider is paid. The account there also manages keys, prices and disputes."""


@payout_address_group.command(example="chainbill provider payout-address show --as lakeview")
@acting_as("provider")
@pass_invocation
def show(invocation: Invocation, name: str) -> None:
    """Show where the provider is paid, and an announced change."""
    from chainbill.operations.provider.payout import payout_address

    acting, provider_id = provider(invocation, name)
    stands = payout_address(acting.session, provider_id)
    later = f"\nFrom {show_time(stands.effective_at)} it is paid at {stands.announced}."
    emit(
        {
            "account": name,
            "provider_id": provider_id,
            "payout_address": stands.payout_address,
            "announced": stands.announced,
            "effective_at": stands.effective_at or None,
        },
        f"{name} is paid at {stands.payout_address}." + (later if stands.announced else ""),
    )


@payout_address_group.command(
    example="chainbill provider payout-address change lakeview-bank --new --as lakeview\n"
    "chainbill provider payout-address change 0xe0fc04fa2d34a66b779fd5cee748268032a146c0"
)
@click.argument("account", metavar="ACCOUNT|ADDRESS")
@new_option
@acting_as("provider")
@dry_run_option
@yes_option
@pass_invocation
def change(invocation: Invocation, account: str, new: bool, name: str) -> None:
    """Announce another payout address; it takes over after two days.

    ACCOUNT is a name in the address book, or an address. The present address can call the change off until
    then; after that it has no say any more.
    """
    from chainbill.operations.provider.payout import announce_payout_address, payout_actor

    acting, provider_id = provider(invocation, name)
    # Nobody is asked about what cannot be done from here.
    present = payout_actor(acting, provider_id).address
    confirm(
        f"{name} announces another payout address",
        {
            "from": who_is(acting.session, present),
            "to": who_is(acting.session, account, new=new),
            "then": "in two days it is paid there, and that account alone manages keys, prices and disputes",
        },
    )
    done = announce_payout_address(acting, provider_id, account, new=new)
    emit(
        {
            "account": name,
            "provider_id": provider_id,
            "announced": done.announced,
            "changed": done.changed,
            "effective_at": done.effective_at,
        },
        f"{name} is to be paid at {done.announced}{'' if done.changed else ' already'}."
        + (f" {it_holds(done.effective_at)}" if done.effective_at is not None else ""),
    )


@payout_address_group.command(example="chainbill provider payout-address cancel --as lakeview")
@acting_as("provider")
@dry_run_option
@pass_invocation
def cancel(invocation: Invocation, name: str) -> None:
    """Call the announced change of the payout address off."""
    from chainbill.operations.provider.payout import cancel_payout_address

    done = cancel_payout_address(*provider(invocation, name))
    emit(
        {
            "account": name,
            "provider_id": done.provider_id,
            "payout_address": done.payout_address,
            "effective_at": done.effective_at,
        },
        f"The change is called off: {name} stays paid at {done.payout_address}. "
        f"{it_holds(done.effective_at or 0)}",
    )
