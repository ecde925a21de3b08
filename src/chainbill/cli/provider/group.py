"""``chainbill provider``: register, statement, balance, withdraw; the rest is in the modules beside."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from chainbill.cli.provider.acting import provider
from chainbill.cli.provider.attest import attest
from chainbill.cli.provider.bond import advance, bond_group
from chainbill.cli.provider.check import check
from chainbill.cli.provider.claims import answer, concede, disputes, void
from chainbill.cli.provider.correct import correct
from chainbill.cli.provider.export import export
from chainbill.cli.provider.ingest import ingest
from chainbill.cli.provider.keys import keys_group
from chainbill.cli.provider.payout import payout_address_group
from chainbill.cli.provider.prices import prices
from chainbill.cli.provider.rebuild import rebuild
from chainbill.cli.provider.recall import recall
from chainbill.cli.provider.receipts import take_receipts
from chainbill.cli.provider.without_oracle import without_oracle_group
from chainbill.cli.provider.worklist import remove, show_worklist
from chainbill.cli.shell.acting import acting_as, emit_statement, note_sealed, resumed_lines, resumption
from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit
from chainbill.cli.shell.parameters import ACCOUNT
from chainbill.cli.shell.periods import detail_option, period_options
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.statements.period import Period


@click.group("provider", cls=ShellGroup)
def provider_group() -> None:
    """Attest service events from health records, and get paid for them."""


@provider_group.command(example="chainbill provider register lakeview")
@click.argument("name", type=ACCOUNT)
@pass_invocation
def register(invocation: Invocation, name: str) -> None:
    """Make a provider's account where there is none, and have the governor register it on chain.

    The account signs attestations and is paid. Repeated, this changes nothing and says so.
    """
    from chainbill.operations.governor.registrations import register_provider

    session = invocation.session()
    done = register_provider(session, name)
    facts = {
        "name": name,
        "address": done.address,
        "provider_id": done.provider_id,
        "registered": done.changed,
    }
    if done.changed:
        told = f"{name} is registered as provider {done.provider_id}, account {done.address}."
        told += f"\nAn insurer pays it once it has said so: chainbill insurer accept-provider {name}"
    else:
        told = f"{name} is registered already, as provider {done.provider_id}, account {done.address}."
    emit(facts, told)


@provider_group.command(
    example="chainbill provider statement\nchainbill provider statement --month 2024-03 --detail\n"
    "chainbill provider statement 1:7 --as lakeview"
)
@click.argument("charges", nargs=-1, metavar="[NUMBER]...")
@period_options
@detail_option
@acting_as("provider")
@pass_invocation
def statement(
    invocation: Invocation, charges: tuple[str, ...], period: Period | None, detail: bool, name: str
) -> None:
    """Show the remittance advice: what was paid for which event, by whom, and what is still waiting.

    It begins with a line for each event. NUMBERs, as that line has them, or references, tell those events
    alone, with their adjustment codes; a period goes by date of service.
    """
    from chainbill.operations.statements import provider_statement
    from chainbill.statements.provider_text import render_provider

    acting, provider_id = provider(invocation, name)
    told = provider_statement(acting, provider_id, period=period, charges=charges)
    emit_statement(told, partial(render_provider, detail=detail, alone=bool(charges)))
    note_sealed(acting)


@provider_group.command(example="chainbill provider balance --as lakeview")
@acting_as("provider")
@pass_invocation
def balance(invocation: Invocation, name: str) -> None:
    """Show what may be withdrawn, what has to wait, and how many events are to be attested."""
    from chainbill.operations.provider.credit import balance as standing

    stands = standing(*provider(invocation, name))
    credit, address, outside = stands.credit, stands.payout_address, stands.outside
    amounts = {
        "may withdraw": credit.matured,
        "maturing": credit.maturing,
        "held, disputed": credit.held,
        "bond": credit.bond,
        "advanced": credit.advanced,
        "owes insurers": credit.owed,
        "holds besides": outside,
    }
    always = ("may withdraw", "maturing", "holds besides")
    emit(
        {
            "account": name,
            "provider_id": stands.provider_id,
            "address": address,
            "credit": format_dollars(credit.matured),
            "maturing": format_dollars(credit.maturing),
            "held": format_dollars(credit.held),
            "bond": format_dollars(credit.bond),
            "advanced": format_dollars(credit.advanced),
            "owed": format_dollars(credit.owed),
            "open_disputes": credit.open_disputes,
            "suspended": credit.suspended,
            "outside": format_dollars(outside),
            "waiting": stands.to_attest,
            "attested": stands.attested,
        },
        "\n".join(
            [
                f"{name} (provider {stands.provider_id}, paid at {address})"
                + (": suspended, nothing new settles" if credit.suspended else ""),
                *(
                    f"  {label:<16}  {show_dollars(amount)}"
                    for label, amount in amounts.items()
                    if amount or label in always
                ),
                f"  events to attest  {stands.to_attest}",
                f"  events attested   {stands.attested}",
            ]
        ),
    )


@provider_group.command(example="chainbill provider withdraw")
@acting_as("provider")
@dry_run_option
@pass_invocation
def withdraw(invocation: Invocation, name: str) -> None:
    """Pay the matured credit out to the provider's payout address.

    Credit matures eight days after the start of the day (UTC) on which it was settled: then nobody can
    dispute it any more. `provider advance` pays it out before, against a bond.
    """
    from chainbill.operations.provider.credit import withdraw as pay_out

    done = pay_out(*provider(invocation, name))
    told = (
        f"{show_dollars(done.amount)} paid out to {done.payout_address}, "
        f"which holds {show_dollars(done.outside)} now."
    )
    nothing = "There is no credit to withdraw."
    if done.maturing:
        nothing += f" {show_dollars(done.maturing)} matures eight days after the day on which it was settled."
    emit(
        {
            "account": name,
            "withdrawn": format_dollars(done.amount),
            "maturing": format_dollars(done.maturing),
            "outside": format_dollars(done.outside),
            **resumption(done),
        },
        "\n".join([told, *resumed_lines(done)]) if done.amount else nothing,
    )


for _command in (
    ingest,
    show_worklist,
    remove,
    attest,
    export,
    take_receipts,
    recall,
    rebuild,
    check,
    prices,
    keys_group,
    payout_address_group,
    bond_group,
    advance,
    without_oracle_group,
    disputes,
    concede,
    answer,
    void,
    correct,
):
    provider_group.add_command(_command)
