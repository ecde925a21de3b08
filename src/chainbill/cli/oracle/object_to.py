"""``chainbill oracle object``."""

from __future__ import annotations

import click

from chainbill.cli.shell.acting import as_option
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, show_time


@click.command("object", cls=ShellCommand, example="chainbill oracle object lakeview")
@click.argument("provider", metavar="PROVIDER")
@as_option("oracle-1", "Whose account sends the transaction; anyone may.")
@dry_run_option
@pass_invocation
def object_to(invocation: Invocation, provider: str, name: str) -> None:
    """Call off what a provider has announced to settle without the oracle.

    The nodes' keys that are here sign it. `oracle status` lists what is announced; what is right in it the
    oracle can settle itself.
    """
    from chainbill.operations.actor import Actor
    from chainbill.operations.oracle.objections import object_to_sections
    from chainbill.operations.parties import provider_of

    session = invocation.session()
    _, provider_id = provider_of(session, provider)
    done = object_to_sections(Actor.holding(session, name), provider_id)
    emit(
        {
            "provider": provider,
            "provider_id": done.provider_id,
            "events": done.events,
            "announced_at": done.announced_at,
            "effective_at": done.effective_at,
            "transaction": done.transaction,
        },
        f"What {provider} announced on {show_time(done.announced_at)} is called off: {done.events} events do "
        "not settle without the oracle.",
    )
