"""``chainbill provider without-oracle``: announce, show, settle. For when the oracle is silent."""

from __future__ import annotations

import click

from chainbill.cli.provider.acting import provider
from chainbill.cli.shell.acting import acting_as
from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, show_time


@click.group("without-oracle", cls=ShellGroup)
def without_oracle_group() -> None:
    """Settle what was attested without the oracle, when it is silent.

    Announced for everybody to see, it may be settled a week later, for a week, unless the oracle objects. Its
    claims may be disputed for thirty days.
    """


@without_oracle_group.command(example="chainbill provider without-oracle announce --as lakeview")
@acting_as("provider")
@dry_run_option
@pass_invocation
def announce(invocation: Invocation, name: str) -> None:
    """Announce what was attested and has not ended, in place of what was announced before."""
    from chainbill.operations.provider.unanswered import announce_sections

    done = announce_sections(*provider(invocation, name))
    left = f" {done.left} more wait for the next announcement." if done.left else ""
    times = f"from {show_time(done.effective_at or 0)} until {show_time(done.lapses_at)}"
    emit(
        {
            "account": name,
            "provider_id": done.provider_id,
            "events": done.events,
            "left": done.left,
            "changed": done.changed,
            "settles_from": done.effective_at,
            "lapses_at": done.lapses_at,
            "transaction": done.transaction,
        },
        f"{done.events} events are announced{'' if done.changed else ' already'}: {times} they may settle "
        "without the oracle, unless it objects." + left,
    )


@without_oracle_group.command(example="chainbill provider without-oracle show --as lakeview")
@acting_as("provider")
@pass_invocation
def show(invocation: Invocation, name: str) -> None:
    """Show what is announced, and from when on it may be settled."""
    from chainbill.operations.announcements import announcement

    acting, provider_id = provider(invocation, name)
    standing = announcement(acting.session, provider_id)
    if standing is None:
        emit({"account": name, "provider_id": provider_id, "announced": None}, "Nothing is announced.")
        return
    emit(
        {
            "account": name,
            "provider_id": provider_id,
            "announced": {
                "events": len(standing.places),
                "announced_at": standing.announced_at,
                "settles_from": standing.settles_from,
                "lapses_at": standing.lapses_at,
            },
        },
        f"{len(standing.places)} events may be settled without the oracle "
        f"from {show_time(standing.settles_from)} until {show_time(standing.lapses_at)}, unless it objects.",
    )


@without_oracle_group.command(example="chainbill provider without-oracle settle --as lakeview")
@acting_as("provider")
@dry_run_option
@pass_invocation
def settle(invocation: Invocation, name: str) -> None:
    """Settle what was announced a week ago."""
    from chainbill.operations.provider.unanswered import settle_unanswered

    done = settle_unanswered(*provider(invocation, name))
    words = [row.outcome.name.lower() for row in done.batch.rows]
    counts = {word: words.count(word) for word in ("settled", "denied", "pended", "skipped")}
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    emit(
        {
            "account": name,
            "provider_id": done.provider_id,
            "counts": counts,
            "disputable_until": done.disputable_until,
            "transaction": done.transaction,
            "block": done.block,
        },
        f"Settled without the oracle: {told or 'nothing that is known here'}. What has settled may be "
        f"disputed until {show_time(done.disputable_until)}, and its credit matures after that.",
    )
