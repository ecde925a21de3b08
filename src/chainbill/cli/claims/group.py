"""``chainbill claims``: disputes, close. Anyone may."""

from __future__ import annotations

import click

from chainbill.cli.claims.disputing import CLAIM, list_disputes, tell_step
from chainbill.cli.claims.question import ask_about, goes_back
from chainbill.cli.shell.acting import as_option
from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.confirming import dry_run_option, yes_option
from chainbill.cli.shell.context import Invocation, pass_invocation

_STATUSES = ("open", "answered", "upheld", "reversed", "corrected")
"""The labels of ``DisputeStatus``, named here so that the help needs no chain; a test compares."""


@click.group("claims", cls=ShellGroup)
def claims_group() -> None:
    """See every disputed claim, and end disputes whose deadline has passed."""


@claims_group.command(example="chainbill claims disputes\nchainbill claims disputes --status answered")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(_STATUSES),
    help="Only those that stand so; may be given again.  [default: all]",
)
@pass_invocation
def disputes(invocation: Invocation, statuses: tuple[str, ...]) -> None:
    """List every claim that was disputed or given back, and what comes next."""
    from chainbill.operations.claims.lookup import DisputeStatus, PartyTo

    wanted = [status for status in DisputeStatus if status.label in statuses]
    list_disputes(invocation.session(), PartyTo(), wanted)


@claims_group.command(example="chainbill claims close 2:7\nchainbill claims close 2:7 --as patient")
@click.argument("claim", metavar=CLAIM)
@as_option("provider", "Whose account sends the transaction; anyone may.")
@dry_run_option
@yes_option
@pass_invocation
def close(invocation: Invocation, claim: str, name: str) -> None:
    """End a dispute whose deadline has passed.

    Where the provider was silent the claim is reversed; where the arbiter was, it stands.
    """
    from chainbill.operations.actor import Actor
    from chainbill.operations.claims.disputes import close as end_dispute
    from chainbill.operations.claims.lookup import find_claim

    session = invocation.session()
    proven = find_claim(session, claim)
    back = goes_back(proven)
    then = f"where the provider was silent, {back}; where the arbiter was, the claim stands"
    ask_about(session, name, proven, f"{name} ends the dispute of", then)
    tell_step(session, end_dispute(Actor.holding(session, name), proven), "Closed the dispute of")
