"""``chainbill provider``: register, ingest, worklist, remove, attest, statement, balance, withdraw."""

from __future__ import annotations

import click

from chainbill.cli.acting import acting_as, emit_statement
from chainbill.cli.command import ShellGroup
from chainbill.cli.context import Invocation, pass_invocation
from chainbill.cli.output import emit
from chainbill.cli.parameters import ACCOUNT
from chainbill.cli.provider_attest import attest
from chainbill.cli.provider_ingest import ingest
from chainbill.cli.provider_worklist import open_worklist, remove, show_worklist
from chainbill.money import format_dollars, show_dollars


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
    from chainbill.settings.onboarding import register_provider

    session = invocation.session()
    entry, new = register_provider(session, name)
    facts = {"name": name, "address": entry.address, "provider_id": entry.provider_id, "registered": new}
    if new:
        told = f"{name} is registered as provider {entry.provider_id}, account {entry.address}."
        told += f"\nAn insurer pays it once it has said so: chainbill insurer accept-provider {name}"
    else:
        told = f"{name} is registered already, as provider {entry.provider_id}, account {entry.address}."
    emit(facts, told)


@provider_group.command(example="chainbill provider statement")
@acting_as("provider")
@pass_invocation
def statement(invocation: Invocation, name: str) -> None:
    """Show the remittance advice: what was paid for which event, by whom, and what is still waiting."""
    from chainbill.settings.history import names, read_history, reader
    from chainbill.settings.onboarding import provider_of
    from chainbill.statements.provider import provider_statement
    from chainbill.statements.provider_text import render_provider

    session = invocation.session()
    _, provider_id = provider_of(session, name)
    facts = read_history(session).provider(provider_id, reader(session, name))
    emit_statement(provider_statement(provider_id, facts, names(session.book)), render_provider)


@provider_group.command(example="chainbill provider balance --as lakeview")
@acting_as("provider")
@pass_invocation
def balance(invocation: Invocation, name: str) -> None:
    """Show what may be withdrawn, what the provider's account holds, and how many events wait."""
    from chainbill.settings.onboarding import provider_of

    session = invocation.session()
    entry, provider_id = provider_of(session, name)
    credit = session.protocol.settlement.credit_of(provider_id)
    outside = session.protocol.token.balance_of(entry.address)
    counts = open_worklist(session, name).counts()
    emit(
        {
            "account": name,
            "provider_id": provider_id,
            "address": entry.address,
            "credit": format_dollars(credit),
            "outside": format_dollars(outside),
            **counts,
        },
        f"{name} (provider {provider_id}, account {entry.address})\n"
        f"  may withdraw      {show_dollars(credit)}\n"
        f"  holds besides     {show_dollars(outside)}\n"
        f"  events to attest  {counts['waiting']}\n"
        f"  events attested   {counts['attested']}",
    )


@provider_group.command(example="chainbill provider withdraw")
@acting_as("provider")
@pass_invocation
def withdraw(invocation: Invocation, name: str) -> None:
    """Pay the whole credit out to the provider's account. No notice is needed."""
    from chainbill.chain.events import ProviderPaid
    from chainbill.chain.logs import decode_log
    from chainbill.settings.onboarding import provider_of

    session = invocation.session()
    entry, provider_id = provider_of(session, name)
    settlement, paid = session.protocol.settlement, 0
    if settlement.credit_of(provider_id):
        receipt = settlement.withdraw(session.sender(name), provider_id)
        logged = [decode_log(log) for log in receipt["logs"] if log["address"] == settlement.address]
        paid = sum(event.amount for event in logged if isinstance(event, ProviderPaid))
    outside = session.protocol.token.balance_of(entry.address)
    told = f"{show_dollars(paid)} paid out to {name}'s account, which holds {show_dollars(outside)} now."
    emit(
        {"account": name, "withdrawn": format_dollars(paid), "outside": format_dollars(outside)},
        told if paid else "There is no credit to withdraw.",
    )


for _command in (ingest, show_worklist, remove, attest):
    provider_group.add_command(_command)
