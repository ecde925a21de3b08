"""``chainbill devnet``: up, status, advance, down."""

from __future__ import annotations

from collections.abc import Sequence

import click

from chainbill.chain.devnet.devnet import LATEST_TIME
from chainbill.cli.shell.command import ExitCode, ShellGroup
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, note, show_table, show_time
from chainbill.cli.shell.parameters import DURATION, MOMENT, Count
from chainbill.state.local_devnet import DevnetStatus, LocalDevnet, Started
from chainbill.state.networks import DEVNET, Networks

_UP = {
    Started.NEW: "The devnet is up: a new chain, with everything deployed and the accounts funded.",
    Started.RESTORED: "The devnet is up again, where it was left.",
    Started.RECOVERED: "The devnet is up again. It had ended without `devnet down`; what was shown is there.",
    Started.OLDER: "The devnet is up again, as its chain was last saved. What came after that is lost.",
    Started.ALREADY_RUNNING: "The devnet is running already.",
}


@click.group("devnet", cls=ShellGroup)
def devnet_group() -> None:
    """A chain of your own, with everything deployed."""


@devnet_group.command(
    example="chainbill devnet up\nchainbill devnet up --port 8545 --timestamp 2024-01-01\n"
    "chainbill devnet up --fresh --governance-delay standard"
)
@click.option(
    "--port", type=Count(1, 65_535), help="Port on 127.0.0.1.  [default: the last one, or any free]"
)
@click.option(
    "--timestamp", type=MOMENT, help="Time of a new chain's first block: ISO 8601, or seconds since 1970."
)
@click.option(
    "--fresh",
    is_flag=True,
    help="Forget an earlier chain, its schedules, records and databases; keep accounts.",
)
@click.option(
    "--governance-delay",
    type=click.Choice(["none", "standard"]),
    default="none",
    show_default=True,
    help="How long a new chain's governor must announce its calls: standard is two days, as in a real"
    " deployment.",
)
@click.option(
    "--accept-loss",
    is_flag=True,
    help="Go on from the saved chain also where it is older than what was shown.",
)
@pass_invocation
def up(
    invocation: Invocation,
    port: int | None,
    timestamp: int | None,
    fresh: bool,
    governance_delay: str,
    accept_loss: bool,
) -> None:
    """Start the devnet in the background, or go on with the saved one.

    A new chain gets the contracts and funded accounts: governor, insurer, oracle-1 to oracle-3, patient and
    provider, in encrypted keystores. When it runs already this says so and changes nothing.
    """
    if timestamp is not None and timestamp > LATEST_TIME:
        raise click.BadParameter("after the year 9999", param_hint="--timestamp")
    local = _devnet(invocation)
    bound = governance_delay == "standard"
    started = local.up(port=port, timestamp=timestamp, fresh=fresh, bound=bound, accept_loss=accept_loss)
    invocation.shows_devnet()
    status = local.status()
    _tell_ended(status.ended)
    if (
        started is Started.ALREADY_RUNNING
        and port is not None
        and status.rpc_url != f"http://127.0.0.1:{port}"
    ):
        note(f"note: it runs at {status.rpc_url}; for another port, stop it first")
    if (meant := Networks(invocation.home).chosen(invocation.network)) is not None:
        note(
            f"note: other commands mean the network {meant}, and not the devnet: "
            f"chainbill --network {DEVNET}, or chainbill network use {DEVNET}"
        )
    emit({"started": started.value, **status.model_dump(mode="json")}, lambda: _show(_UP[started], status))


@devnet_group.command(example="chainbill devnet status")
@click.pass_context
@pass_invocation
def status(invocation: Invocation, context: click.Context) -> None:
    """Say whether the devnet runs, where, what time it has, and who is on it.

    Exits with 1 when it is not running.
    """
    found = _devnet(invocation).status()
    if found.running:
        invocation.shows_devnet()
    _tell_ended(found.ended)
    emit(
        found,
        lambda: _show("The devnet is running." if found.running else "The devnet is not running.", found),
    )
    if not found.running:
        note("hint: start it: chainbill devnet up")
        context.exit(ExitCode.FAILED)


@devnet_group.command(
    example="chainbill devnet advance 1d12h\nchainbill devnet advance --to 2027-01-01T00:00Z"
)
@click.argument("duration", type=DURATION, required=False)
@click.option(
    "--to",
    type=MOMENT,
    help="Move to this time instead: ISO 8601 (UTC unless it says), or seconds since 1970.",
)
@pass_invocation
def advance(invocation: Invocation, duration: int | None, to: int | None) -> None:
    """Move the chain's clock forward and mine a block.

    DURATION is a number with y, w, d, h, m or s, or several: 90s, 6h, 1d12h. The clock never moves backward.
    """
    if (duration is None) == (to is None):
        raise click.UsageError("give either a duration or --to")
    devnet = _devnet(invocation).require()
    invocation.shows_devnet()
    _, before = devnet.latest()
    now = devnet.advance(duration) if duration is not None else devnet.advance_to(to or 0)
    facts = {"chain_time": now, "advanced_seconds": now - before, "block": devnet.latest()[0]}
    emit(facts, f"The chain's time is {show_time(now)}.")


@devnet_group.command(example="chainbill devnet down")
@pass_invocation
def down(invocation: Invocation) -> None:
    """Stop the devnet and save its chain for the next `up`."""
    local = _devnet(invocation)
    stopped = local.down()
    saved = local.is_saved()
    _tell_ended(local.ended)
    said = "The devnet is stopped." if stopped else "The devnet was not running."
    emit(
        {"stopped": stopped, "saved": saved, "ended": local.ended},
        f"{said} Its chain is saved." if saved else said,
    )


def _devnet(invocation: Invocation) -> LocalDevnet:
    """The state directory's devnet, unless something else is plainly meant.

    Raises:
        DevnetError: the options before the command, or the environment, name another chain.
    """
    local = LocalDevnet(invocation.home)
    local.check_meant(invocation.rpc_url, invocation.network)
    return local


def _tell_ended(pids: Sequence[int]) -> None:
    for pid in pids:
        note(
            f"note: an anvil that an interrupted command had left (process {pid}) was ended; it saved nothing"
        )


def _show(headline: str, status: DevnetStatus) -> None:
    click.echo(headline)
    if status.running:
        click.echo(f"\n  node        {status.rpc_url} (chain {status.chain_id}, process {status.pid})")
        click.echo(f"  block       {status.block}, at {show_time(status.chain_time or 0)}")
    if status.deployment is not None:
        for name, address in status.deployment.addresses().items():
            click.echo(f"  {name:<11} {address}")
    if status.accounts:
        click.echo()
        rows = [
            (f"  {name}", contact.role.value, contact.address, contact.provider_id or contact.payer_id or "")
            for name, contact in status.accounts.items()
        ]
        show_table(("  account", "role", "address", "id"), rows)
