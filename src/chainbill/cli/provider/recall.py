"""``chainbill provider recall``: take back what was attested and is not settled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.provider.acting import provider
from chainbill.cli.provider.worklist import MOST_ROWS
from chainbill.cli.shell.acting import acting_as
from chainbill.cli.shell.command import ExitCode, ShellCommand
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, show_table, show_time
from chainbill.cli.shell.parameters import ACCOUNT
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.operations.provider.recaller import Recalled
    from chainbill.state.session import Session

_TAKEN_BACK = ("recalled", "in_signed_batch")
_DONE = (*_TAKEN_BACK, "recalled_before")


@click.command(
    cls=ShellCommand,
    example="chainbill provider recall Encounter/maria-video --as lakeview\n"
    "chainbill provider recall --all --dry-run\nchainbill provider recall Encounter/maria-video --drop",
)
@click.argument("records", nargs=-1, metavar="[RECORD]...")
@click.option("--all", "everything", is_flag=True, help="Everything that waits to be settled, or is held.")
@click.option(
    "--held", is_flag=True, help="Whatever the oracle holds: such as what a revoked key has signed."
)
@click.option("--drop", is_flag=True, help="Forget the events, so that they can be ingested anew or never.")
@click.option("--dry-run", is_flag=True, help="Say what would be taken back, and change nothing.")
@click.option("--key", type=ACCOUNT, help="The key that signs the recall.  [default: the account's own]")
@acting_as("provider")
@click.pass_context
@pass_invocation
def recall(
    invocation: Invocation,
    context: click.Context,
    records: tuple[str, ...],
    everything: bool,
    held: bool,
    drop: bool,
    dry_run: bool,
    key: str | None,
    name: str,
) -> None:
    """Take back what was attested and is not settled: events named by their records, --held ones, or --all.

    They go into no batch any more and wait on the worklist again, under the same number. The payout address's
    key may take back everything, an attester key what it has signed. What is in a batch that was signed and
    sent is recalled as well: that batch may still settle it until its deadline, and it comes back to the
    worklist when this is run again after it.

    Exits with 1 when there was something to take back and none of it could be.
    """
    from chainbill.operations.provider.recall import recall as take_back

    if bool(records) + everything + held != 1:
        raise click.UsageError("name the records to take back, or give --all, or --held")
    acting, provider_id = provider(invocation, name)
    session = acting.session
    done = take_back(acting, provider_id, records, only_held=held, drop=drop, dry_run=dry_run, key=key)
    emit(
        {"dry_run": dry_run, "dropped": drop, "events": [_facts(session, each) for each in done]},
        lambda: _show(session, name, done, drop=drop, dry_run=dry_run),
    )
    if done and not any(each.end in _DONE for each in done):
        context.exit(ExitCode.FAILED)


def _facts(session: Session, done: Recalled) -> dict[str, Any]:
    attestation = done.candidate.receipt.attestation
    return {
        "record": done.candidate.identity or None,
        "outcome": done.end.value,
        "recalled": done.end in _DONE,
        "until": done.until or None,
        "sequence": attestation.sequence,
        "patient": session.book.name_of(attestation.patient),
        "address": attestation.patient,
        "billed": format_dollars(attestation.billed_amount),
        "commitment": attestation.commitment,
    }


def _show(session: Session, name: str, done: Sequence[Recalled], *, drop: bool, dry_run: bool) -> None:
    if not done:
        click.echo(f"Nothing of {name} is there to take back.")
        return
    back = sum(each.end in _TAKEN_BACK for each in done)
    again = sum(each.end == "recalled" for each in done)
    words = "would be taken back" if dry_run else "taken back"
    before = sum(each.end == "recalled_before" for each in done)
    counts = ((back, words), (before, "taken back before"), (len(done) - back - before, "not"))
    click.echo(", ".join(f"{count} {word}" for count, word in counts if count) + ".\n")
    rows = [
        (
            each.candidate.receipt.attestation.sequence,
            each.candidate.identity or "not in the vault",
            session.book.name_of(each.candidate.receipt.attestation.patient)
            or each.candidate.receipt.attestation.patient,
            show_dollars(each.candidate.receipt.attestation.billed_amount),
            _told(each, name, drop=drop),
        )
        for each in done[:MOST_ROWS]
    ]
    show_table((">sequence", "record", "patient", ">billed", ""), rows)
    if len(done) > MOST_ROWS:
        click.echo(f"… and {len(done) - MOST_ROWS} more (all of them: --json)")
    if again and not drop and not dry_run:
        which = "They wait again" if again == back else f"{again} of them wait again"
        click.echo(f"\n{which}. Then: chainbill provider attest --as {name}")


def _told(done: Recalled, name: str, *, drop: bool) -> str:
    attestation = done.candidate.receipt.attestation
    number = f"{attestation.provider_id}:{attestation.sequence}"
    return {
        "recalled": "off the worklist" if drop else "back on the worklist",
        "recalled_before": "was taken back before",
        "in_signed_batch": f"recalled; it {'comes off' if drop else 'returns to'} the worklist after "
        f"{show_time(done.until)} (when the signed batch can no longer be sent): run this again then",
        "settled": f"cannot be recalled: it is settled. To give it back: "
        f"chainbill provider void {number} --as {name}",
        "no_record": "not done: its record is not in the vault. Take it back for good with --drop",
    }[done.end.value]
