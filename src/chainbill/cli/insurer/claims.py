"""``chainbill insurer dispute``, ``disputes`` and ``collect``."""

from __future__ import annotations

import click

from chainbill.cli.audit.text import PartyNames
from chainbill.cli.claims.disputing import CLAIM, list_disputes, tell_step
from chainbill.cli.claims.question import HELD, ask_about
from chainbill.cli.shell.acting import acting_as, actor
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.confirming import dry_run_option, yes_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit
from chainbill.money import format_dollars, show_dollars


@click.command(
    cls=ShellCommand, example="chainbill insurer dispute 1:7\nchainbill insurer dispute 2:7 --as harbor"
)
@click.argument("claim", metavar=CLAIM)
@acting_as("insurer")
@dry_run_option
@yes_option
@pass_invocation
def dispute(invocation: Invocation, claim: str, name: str) -> None:
    """Dispute a settled claim of a member, within seven days of its settlement.

    The insurer may be the claim's first or second payer. Claims are named as for `patient dispute`.
    """
    from chainbill.operations.claims.disputes import dispute_as_insurer
    from chainbill.operations.claims.lookup import PartyTo, find_claim
    from chainbill.operations.insurer.account import payer_of

    insurer = actor(invocation, name, "insurer")
    payer_id = payer_of(insurer)
    proven = find_claim(insurer.session, claim, PartyTo(name, payer_id=payer_id))
    ask_about(insurer.session, name, proven, f"{name} disputes", HELD)
    tell_step(insurer.session, dispute_as_insurer(insurer, payer_id, proven), f"{name} disputes")


@click.command(cls=ShellCommand, example="chainbill insurer disputes")
@acting_as("insurer")
@pass_invocation
def disputes(invocation: Invocation, name: str) -> None:
    """List the insurer's claims that were disputed or given back, and what comes next."""
    from chainbill.operations.claims.lookup import PartyTo
    from chainbill.operations.insurer.account import payer_of

    insurer = actor(invocation, name, "insurer")
    list_disputes(insurer.session, PartyTo(name, payer_id=payer_of(insurer)))


@click.command(cls=ShellCommand, example="chainbill insurer collect")
@acting_as("insurer")
@dry_run_option
@pass_invocation
def collect(invocation: Invocation, name: str) -> None:
    """Collect what providers owe after a reversal, and refunds that could not be sent before.

    A provider pays what it owes from its matured credit, so part of it may have to wait.
    """
    from chainbill.operations.claims import receivables
    from chainbill.operations.insurer.account import payer_of

    insurer = actor(invocation, name, "insurer")
    payer_id, names = payer_of(insurer), PartyNames(insurer.session.book)
    found = receivables.collect(insurer, payer_id)
    lines = [
        f"{show_dollars(paid)} collected from {names.provider(provider_id)}, "
        f"which still owes {show_dollars(found.owed[provider_id])}."
        for provider_id, paid in found.paid.items()
    ]
    if found.refund:
        lines.append(f"{show_dollars(found.refund)} that could not be sent before is in the pool now.")
    emit(
        {
            "account": name,
            "payer_id": payer_id,
            "receivables": [
                {
                    "provider": names.provider(provider_id),
                    "provider_id": provider_id,
                    "collected": format_dollars(paid),
                    "owed": format_dollars(found.owed[provider_id]),
                }
                for provider_id, paid in found.paid.items()
            ],
            "refund": format_dollars(found.refund),
        },
        "\n".join(lines) or f"Nobody owes {name} anything, and no refund waits.",
    )
