"""``chainbill governor``: who is let in, what is stopped, who signs; the rest is in the modules beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chainbill.cli.governor.governing import governor_option, tell
from chainbill.cli.governor.resolve import resolve
from chainbill.cli.governor.roles import roles_group
from chainbill.cli.governor.scheduled import cancel, execute, scheduled
from chainbill.cli.shell.acting import new_option, provider_named
from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, it_holds
from chainbill.cli.shell.parameters import DOLLARS, PARTY, Count
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainbill.operations.actor import Actor
    from chainbill.operations.change import Change
    from chainbill.operations.governor.operator_fee import OperatorFeeAnnounced, OperatorFeeStanding
    from chainbill.operations.governor.stopping import ProviderStopped
    from chainbill.state.session import Session


@click.group("governor", cls=ShellGroup)
def governor_group() -> None:
    """Let providers, insurers and quorums in, stop what goes wrong, rule on disputes.

    Where the governor's calls are delayed, a command announces the call first; given again after the delay,
    it makes it.
    """


# ---- letting in ---------------------------------------------------------------------------------------


@governor_group.command(
    example="chainbill governor register-provider lakeview\n"
    "chainbill governor register-provider lakeview --new"
)
@click.argument("provider", type=PARTY)
@new_option
@governor_option
@dry_run_option
@pass_invocation
def register_provider(invocation: Invocation, provider: str, new: bool, name: str) -> None:
    """Register a provider of the address book."""
    from chainbill.operations.governor import registrations
    from chainbill.state.address_book import Role

    session = invocation.session()
    session.address_of(provider, role=Role.PROVIDER, new=new)
    tell(
        lambda: registrations.register_provider(session, provider, governed_by=name),
        {"provider": provider},
        lambda made: f"{provider} is provider {made.provider_id}, account {made.address}.",
        new=new,
    )


@governor_group.command(
    example="chainbill governor create-payer harbor\nchainbill governor create-payer harbor --new"
)
@click.argument("insurer", type=PARTY)
@new_option
@governor_option
@dry_run_option
@pass_invocation
def create_payer(invocation: Invocation, insurer: str, new: bool, name: str) -> None:
    """Make the payer contract of an insurer of the address book."""
    from chainbill.operations.governor import registrations
    from chainbill.state.address_book import Role

    session = invocation.session()
    session.address_of(insurer, role=Role.INSURER, new=new)
    tell(
        lambda: registrations.open_payer(session, insurer, governed_by=name),
        {"insurer": insurer},
        lambda made: f"{insurer} is payer {made.payer_id}, account {made.address}.",
        new=new,
    )


# ---- stopping -----------------------------------------------------------------------------------------


@governor_group.command(example="chainbill governor suspend lakeview")
@click.argument("provider", type=PARTY)
@governor_option
@dry_run_option
@pass_invocation
def suspend(invocation: Invocation, provider: str, name: str) -> None:
    """Stop new settlement for a provider, at once. Its credit stays its own."""
    from chainbill.operations.governor import stopping

    def told(stopped: ProviderStopped) -> str:
        return f"is suspended{_already(stopped)}: nothing new of it settles"

    _tell_provider(invocation.session(), name, provider, stopping.suspend, told)


@governor_group.command(example="chainbill governor reinstate lakeview")
@click.argument("provider", type=PARTY)
@governor_option
@dry_run_option
@pass_invocation
def reinstate(invocation: Invocation, provider: str, name: str) -> None:
    """Let a suspended provider's events settle again."""
    from chainbill.operations.governor import stopping

    def told(stopped: ProviderStopped) -> str:
        return (
            "is reinstated: its events settle again"
            if stopped.changed
            else "is not suspended: its events settle already"
        )

    _tell_provider(invocation.session(), name, provider, stopping.reinstate, told)


def _tell_provider(
    session: Session,
    name: str,
    provider: str,
    call: Callable[[Actor, int], ProviderStopped],
    told: Callable[[ProviderStopped], str],
) -> None:
    from chainbill.operations.governor.calls import governor_account

    provider, provider_id = provider_named(session, provider)
    facts = {"provider": provider, "provider_id": provider_id}
    tell(
        lambda: call(governor_account(session, name), provider_id),
        facts,
        lambda stopped: f"{provider} {told(stopped)}.",
    )


@governor_group.command(example="chainbill governor pause")
@governor_option
@dry_run_option
@pass_invocation
def pause(invocation: Invocation, name: str) -> None:
    """Stop all new settlement, at once, and nothing else: withdrawals and disputes go on."""
    from chainbill.operations.governor import stopping
    from chainbill.operations.governor.calls import governor_account

    session = invocation.session()
    facts = {"paused": True}
    tell(
        lambda: stopping.pause(governor_account(session, name)),
        facts,
        lambda paused: f"New settlement is paused{_already(paused)}.",
    )


@governor_group.command(example="chainbill governor unpause")
@governor_option
@dry_run_option
@pass_invocation
def unpause(invocation: Invocation, name: str) -> None:
    """Resume settlement."""
    from chainbill.operations.governor import stopping
    from chainbill.operations.governor.calls import governor_account

    session = invocation.session()
    facts = {"paused": False}
    tell(
        lambda: stopping.unpause(governor_account(session, name)),
        facts,
        lambda resumed: "Settlement goes on." if resumed.changed else "Settlement goes on: it is not paused.",
    )


# ---- the oracle's quorum, and its operator's fee -------------------------------------------------------


@governor_group.command(
    example="chainbill governor open-epoch oracle-1 oracle-2 oracle-3 --threshold 2\n"
    "chainbill governor open-epoch 0x92fe68e2fd8a4529edb29d55bc7eefc72a7d0fef oracle-2 --threshold 2"
)
@click.argument("members", nargs=-1, required=True, metavar="ACCOUNT|ADDRESS...")
@click.option("--threshold", type=Count(1), required=True, help="How many must sign a batch.")
@governor_option
@dry_run_option
@pass_invocation
def open_epoch(invocation: Invocation, members: tuple[str, ...], threshold: int, name: str) -> None:
    """Open a new oracle epoch with these members. The one before ends six hours later."""
    from chainbill.operations.governor import epochs
    from chainbill.operations.governor.calls import governor_account

    session = invocation.session()
    addresses = sorted((session.book.address_of(member) for member in members), key=str.lower)
    tell(
        lambda: epochs.open_epoch(governor_account(session, name), addresses, threshold),
        {"members": addresses, "threshold": threshold},
        lambda opened: (
            f"{'A new oracle epoch is open' if opened.changed else 'That oracle epoch is open already'}: "
            f"{threshold} of {len(addresses)} must sign."
        ),
    )


@governor_group.command(example="chainbill governor end-epoch 1")
@click.argument("epoch", type=Count(1))
@governor_option
@dry_run_option
@pass_invocation
def end_epoch(invocation: Invocation, epoch: int, name: str) -> None:
    """End an oracle epoch at once, such as one whose keys are lost: no batch of it settles any more."""
    from chainbill.operations.governor import epochs
    from chainbill.operations.governor.calls import governor_account

    session = invocation.session()
    tell(
        lambda: epochs.end_epoch(governor_account(session, name), epoch),
        {"epoch": epoch},
        lambda ended: f"Epoch {epoch} is over{_already(ended)}.",
    )


@governor_group.command(
    example="chainbill governor operator-fee\nchainbill governor operator-fee --flat 0.05 --bps 25"
)
@click.option("--flat", type=DOLLARS, metavar="AMOUNT", help="For each event.  [default: as it is]")
@click.option(
    "--bps", type=Count(0, 10_000), help="Of what is allowed, in basis points.  [default: as it is]"
)
@governor_option
@pass_invocation
def operator_fee(invocation: Invocation, flat: int | None, bps: int | None, name: str) -> None:
    """Show the fee of the operator that a batch names, or announce another; that holds a day later.

    It is taken from the provider's credit, and capped by the contract.
    """
    from chainbill.operations.governor.calls import governor_account
    from chainbill.operations.governor.operator_fee import set_operator_fee, standing_fee

    session = invocation.session()
    standing = standing_fee(session)
    if flat is None and bps is None:
        _show_operator_fee(standing)
        return
    flat = standing.last.flat if flat is None else flat
    bps = standing.last.bps if bps is None else bps
    tell(
        lambda: set_operator_fee(governor_account(session, name), flat=flat, bps=bps),
        {"flat": format_dollars(flat), "bps": bps},
        _announced_text,
    )


def _already(change: Change) -> str:
    return "" if change.changed else " already"


def _announced_text(done: OperatorFeeAnnounced) -> str:
    fee = _fee_text(done.flat, done.bps)
    if done.changed:
        return f"The operator's fee for an event is announced: {fee}."
    if done.effective_at is not None:
        return f"The operator's fee for an event is announced already: {fee}."
    return f"The operator's fee for an event is {fee} already."


def _show_operator_fee(standing: OperatorFeeStanding) -> None:
    present, later = standing.present, standing.announced
    lines = [f"The operator's fee for an event is {_fee_text(present.flat, present.bps)}."]
    if later is not None:
        lines.append(f"Announced: {_fee_text(later.flat, later.bps)}. {it_holds(later.effective_at)}")
    emit(
        {
            "flat": format_dollars(present.flat),
            "bps": present.bps,
            "announced": later
            and {
                "flat": format_dollars(later.flat),
                "bps": later.bps,
                "effective_at": later.effective_at,
            },
        },
        "\n".join(lines),
    )


def _fee_text(flat: int, bps: int) -> str:
    return f"{show_dollars(flat)} and {bps / 100:g}% of what is allowed"


for _command in (resolve, roles_group, scheduled, execute, cancel):
    governor_group.add_command(_command)
