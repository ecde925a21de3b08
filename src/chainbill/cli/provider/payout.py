"""``chainbill provider payout-address``: show, change, cancel."""

from __future__ import annotations

import click

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
    from chainbill.operations.governor.registrations import provider_of

    session = invocation.session()
    _, provider_id = provider_of(session, name)
    address = session.protocol.registry.payout_address(provider_id)
    announced = session.protocol.registry.announced_payout_address(provider_id)
    changing = bool(announced.effective_at)
    emit(
        {
            "account": name,
            "provider_id": provider_id,
            "payout_address": address,
            "announced": announced.payout_address if changing else None,
            "effective_at": announced.effective_at or None,
        },
        f"{name} is paid at {address}."
        + (
            f"\nFrom {show_time(announced.effective_at)} it is paid at {announced.payout_address}."
            if changing
            else ""
        ),
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
    from chainbill.operations.provider.payout import payout_sender
    from chainbill.state.address_book import Role

    session = invocation.session()
    provider_id, owner = payout_sender(session, name)
    registry = session.protocol.registry
    confirm(
        f"{name} announces another payout address",
        {
            "from": who_is(session, registry.payout_address(provider_id)),
            "to": who_is(session, account, new=new),
            "then": "in two days it is paid there, and that account alone manages keys, prices and disputes",
        },
    )
    address = session.address_of(account, role=Role.PROVIDER, new=new)
    registry.announce_payout_address(owner, provider_id, address)
    effective_at = registry.announced_payout_address(provider_id).effective_at
    emit(
        {
            "account": name,
            "provider_id": provider_id,
            "announced": address,
            "effective_at": effective_at,
        },
        f"{name} is to be paid at {address}. {it_holds(effective_at)}",
    )


@payout_address_group.command(example="chainbill provider payout-address cancel --as lakeview")
@acting_as("provider")
@dry_run_option
@pass_invocation
def cancel(invocation: Invocation, name: str) -> None:
    """Call the announced change of the payout address off."""
    from chainbill.operations.effect import effective_at
    from chainbill.operations.provider.payout import payout_sender

    session = invocation.session()
    provider_id, owner = payout_sender(session, name)
    since = effective_at(session, session.protocol.registry.cancel_payout_address(owner, provider_id))
    address = session.protocol.registry.payout_address(provider_id)
    emit(
        {
            "account": name,
            "provider_id": provider_id,
            "payout_address": address,
            "effective_at": since,
        },
        f"The change is called off: {name} stays paid at {address}. {it_holds(since)}",
    )
