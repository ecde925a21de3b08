"""``chainbill oracle rebuild``: the store again, from the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, several

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainbill.operations.oracle.settle import Place


@click.command(
    cls=ShellCommand, example="chainbill oracle rebuild\nchainbill oracle rebuild --without-records"
)
@click.option(
    "--without-records",
    is_flag=True,
    help="Accept that nobody can say any more which records the claims are: vault and worklist are gone.",
)
@pass_invocation
def rebuild(invocation: Invocation, without_records: bool) -> None:
    """Write into the oracle's store what the chain knows and the store does not: after it was lost, or put
    back from an old copy.

    What the chain has settled or denied is final here again. What was attested and not settled is gone with
    the store: each provider attests it again (`provider rebuild`), under the same number. That also tells the
    oracle which records its claims are; until then it takes nothing of a patient and year with such a claim.
    Repeated, this changes nothing.
    """
    from chainbill.operations.oracle.settle import rebuild as rebuild_store

    rebuilt = rebuild_store(invocation.session(), without_records=without_records)
    done, unknown, given_up = rebuilt.told, rebuilt.records_unknown, rebuilt.given_up
    lines = [
        f"{several(len(done.restored), 'claim')} restored from the chain, "
        f"{len(done.corrected)} brought up to date.",
        *_told("the chain has spent on another record than was accepted", done.contradicted),
        *_told("put back by the chain; their providers attest them again", done.to_attest_again),
    ]
    if unknown:
        lines.append(
            f"Of {several(unknown, 'claim')} the record is not known. "
            "Each provider tells it: chainbill provider rebuild"
        )
    if given_up:
        stay = "stays" if given_up == 1 else "stay"
        lines.append(
            f"{several(given_up, 'claim')} {stay} without a record: what it is of could be attested twice."
        )
    emit(
        {
            "restored": _places(done.restored),
            "corrected": _places(done.corrected),
            "contradicted": _places(done.contradicted),
            "to_attest_again": _places(done.to_attest_again),
            "records_unknown": unknown,
            "records_given_up": given_up,
        },
        "\n".join(lines),
    )


def _places(places: Sequence[Place]) -> list[dict[str, int]]:
    return [{"provider_id": provider_id, "sequence": sequence} for provider_id, sequence in places]


def _told(what: str, places: Sequence[Place]) -> list[str]:
    if not places:
        return []
    shown = ", ".join(f"{provider_id}:{sequence}" for provider_id, sequence in places)
    return [f"{len(places)} {what}: {shown}"]
