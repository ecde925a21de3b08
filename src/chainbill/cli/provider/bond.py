"""``chainbill provider bond`` and ``advance``: credit before it has matured."""

from __future__ import annotations

import click

from chainbill.cli.shell.acting import acting_as, resumed_facts, resumed_text
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
    from chainbill.chain.node.outbox import Errand
    from chainbill.operations.provider.payout import payout_sender

    session = invocation.session()
    provider_id, owner = payout_sender(session, name)
    settlement, token = session.protocol.settlement, session.protocol.token
    errand = Errand(f"deposit bond of {provider_id}", settlement.address, amount)
    with owner.errand(errand) as earlier:
        if earlier is None:
            if token.allowance(owner.address, settlement.address) < amount:
                token.approve(owner, settlement.address, amount)
            settlement.deposit_bond(owner, provider_id, amount)
        bond = settlement.credit_of(provider_id).bond
        emit(
            {
                "account": name,
                "provider_id": provider_id,
                "deposited": format_dollars(amount),
                "bond": format_dollars(bond),
                **resumed_facts(earlier),
            },
            f"The bond of {name} is {show_dollars(bond)}.{resumed_text(earlier)}",
        )


@bond_group.command(example="chainbill provider bond withdraw --as lakeview")
@acting_as("provider")
@dry_run_option
@pass_invocation
def withdraw(invocation: Invocation, name: str) -> None:
    """Take the whole bond back, once no dispute is open, all credit has matured and nothing is owed."""
    from chainbill.chain.format.events import BondWithdrawn
    from chainbill.chain.format.logs import decode_receipt
    from chainbill.chain.node.outbox import Errand
    from chainbill.operations.provider.payout import payout_sender

    session = invocation.session()
    provider_id, owner = payout_sender(session, name)
    settlement = session.protocol.settlement
    errand = Errand(f"withdraw bond of {provider_id}", settlement.address)
    with owner.errand(errand) as earlier:
        if earlier is None or settlement.credit_of(provider_id).bond:
            receipt, earlier = settlement.withdraw_bond(owner, provider_id), None
        else:
            receipt = earlier
        events = decode_receipt(receipt, settlement.address)
        amount = sum(event.amount for event in events if isinstance(event, BondWithdrawn))
        emit(
            {
                "account": name,
                "provider_id": provider_id,
                "withdrawn": format_dollars(amount),
                **resumed_facts(earlier),
            },
            f"{show_dollars(amount)} of bond paid out to {owner.address}.{resumed_text(earlier)}",
        )


@click.command(cls=ShellCommand, example="chainbill provider advance 120 --as lakeview")
@click.argument("amount", type=DOLLARS)
@acting_as("provider")
@dry_run_option
@pass_invocation
def advance(invocation: Invocation, amount: int, name: str) -> None:
    """Be paid credit that has not matured yet, as far as the bond covers it."""
    from chainbill.chain.node.outbox import Errand
    from chainbill.operations.provider.payout import payout_sender

    session = invocation.session()
    provider_id, owner = payout_sender(session, name)
    settlement = session.protocol.settlement
    errand = Errand(f"advance to {provider_id}", settlement.address, amount)
    with owner.errand(errand) as earlier:
        if earlier is None:
            settlement.draw_advance(owner, provider_id, amount)
        credit = settlement.credit_of(provider_id)
        emit(
            {
                "account": name,
                "provider_id": provider_id,
                "advanced": format_dollars(amount),
                "outstanding": format_dollars(credit.advanced),
                "bond": format_dollars(credit.bond),
                **resumed_facts(earlier),
            },
            f"{show_dollars(amount)} paid out ahead to {owner.address}; {show_dollars(credit.advanced)} is "
            f"advanced against a bond of {show_dollars(credit.bond)}.{resumed_text(earlier)}",
        )
