"""``chainbill provider check``: claims in the provider's name that it did not attest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.provider.acting import provider
from chainbill.cli.shell.acting import acting_as
from chainbill.cli.shell.command import ExitCode, ShellCommand
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, several, show_table, show_time
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.operations.provider.own_claims import DoubtfulClaim
    from chainbill.state.session import Session


@click.command(cls=ShellCommand, example="chainbill provider check --as lakeview")
@acting_as("provider")
@click.pass_context
@pass_invocation
def check(invocation: Invocation, context: click.Context, name: str) -> None:
    """List claims settled in the provider's name that it did not attest, or not with these figures.

    Two oracle keys and a stolen key of the provider's settle care that it never attested; it is the one who
    can tell. What was given back is left out. A worklist that was lost is rebuilt first: `provider rebuild`.

    Exits with 3 where there is such a claim.
    """
    from chainbill.operations.provider.check import check as check_claims

    acting, provider_id = provider(invocation, name)
    session, found = acting.session, check_claims(acting, provider_id)
    emit(
        {"account": name, "provider_id": provider_id, "claims": [_facts(session, each) for each in found]},
        lambda: _show(session, name, found),
    )
    if found:
        context.exit(ExitCode.DISCREPANCIES)


def _facts(session: Session, doubtful: DoubtfulClaim) -> dict[str, Any]:
    record = doubtful.record
    return {
        "finding": doubtful.doubt.value,
        "why": doubtful.why,
        "number": f"{record.provider_id}:{record.sequence}",
        "sequence": record.sequence,
        "claim_id": record.claim_id,
        "commitment": record.commitment,
        "settled_at": record.recorded.block_time,
        "patient": session.book.name_of(record.patient),
        "address": record.patient,
        "allowed": format_dollars(record.claim.allowed),
    }


def _show(session: Session, name: str, found: Sequence[DoubtfulClaim]) -> None:
    if not found:
        click.echo(f"Every claim settled in the name of {name} is one that it attested.")
        return
    are = "is" if len(found) == 1 else "are"
    click.echo(f"{several(len(found), 'claim')} settled in the name of {name} {are} not as it attested:\n")
    rows = [
        (
            f"{each.record.provider_id}:{each.record.sequence}",
            show_time(each.record.recorded.block_time),
            session.book.name_of(each.record.patient) or each.record.patient,
            show_dollars(each.record.claim.allowed),
            each.why,
        )
        for each in found
    ]
    show_table(("claim", "settled", "patient", ">allowed", "what is wrong"), rows)
    click.echo(
        f"\nIf the worklist was lost: chainbill provider rebuild --as {name}\n"
        f"What is not yours is given back by: chainbill provider void CLAIM --as {name}\n"
        "Tell the governor: whoever holds the oracle's keys has settled what you did not sign."
    )
