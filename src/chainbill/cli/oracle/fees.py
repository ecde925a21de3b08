"""``chainbill oracle fees``: balance, withdraw. What an operator earns by settling."""

from __future__ import annotations

import click

from chainbill.cli.shell.acting import resumed_facts, resumed_text
from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit
from chainbill.cli.shell.parameters import ACCOUNT
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
    session = invocation.session()
    address, settlement = session.book.address_of(operator), session.protocol.settlement
    fees = settlement.fees_of(address)
    flat, bps = settlement.operator_fee_at(session.now())
    emit(
        {
            "operator": operator,
            "address": address,
            "matured": format_dollars(fees.matured),
            "maturing": format_dollars(fees.maturing),
            "held": format_dollars(fees.held),
            "fee_flat": format_dollars(flat),
            "fee_bps": bps,
        },
        f"{operator} (account {address})\n"
        f"  may withdraw      {show_dollars(fees.matured)}\n"
        f"  maturing          {show_dollars(fees.maturing)}\n"
        f"  held, disputed    {show_dollars(fees.held)}\n"
        f"  fee for an event  {show_dollars(flat)} and {bps / 100:g}% of what is allowed",
    )


@fees_group.command(example="chainbill oracle fees withdraw oracle-1")
@click.argument("operator", metavar="ACCOUNT|ADDRESS")
@click.option(
    "--as",
    "name",
    type=ACCOUNT,
    default="oracle-1",
    show_default=True,
    help="Whose account sends the transaction; anyone may.",
)
@dry_run_option
@pass_invocation
def withdraw(invocation: Invocation, operator: str, name: str) -> None:
    """Pay an operator's matured fees out to it."""
    from chainbill.chain.format.events import OperatorPaid
    from chainbill.chain.format.logs import decode_receipt
    from chainbill.chain.node.outbox import Errand

    session = invocation.session()
    address, settlement = session.book.address_of(operator), session.protocol.settlement
    sender = session.sender(name)
    with sender.errand(Errand(f"pay operator {address}", settlement.address)) as earlier:
        receipt = earlier
        if settlement.fees_of(address).matured:
            receipt, earlier = settlement.withdraw_fees(sender, address), None
        events = decode_receipt(receipt, settlement.address) if receipt else []
        paid = sum(event.amount for event in events if isinstance(event, OperatorPaid))
        told = f"{show_dollars(paid)} paid out to {address}.{resumed_text(earlier)}"
        emit(
            {
                "operator": operator,
                "address": address,
                "withdrawn": format_dollars(paid),
                **resumed_facts(earlier),
            },
            told if paid else "There are no matured fees to withdraw.",
        )
