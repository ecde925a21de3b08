"""``chainbill governor scheduled``, ``execute``, ``cancel``: calls that are announced and wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.governor.governing import governor_option
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.confirming import confirm, dry_run_option, yes_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, it_holds, show_table, show_time

if TYPE_CHECKING:
    from chainbill.operations.governor.scheduled import AnnouncedCall
    from chainbill.state.session import Session

_LONGEST_SHOWN = 64
"""Bytes of an argument that are shown; a payer's creation code has thousands."""


@click.command(cls=ShellCommand, example="chainbill governor scheduled")
@pass_invocation
def scheduled(invocation: Invocation) -> None:
    """List the calls that the governor has announced and not made yet."""
    from chainbill.operations.governor.scheduled import scheduled_calls

    session = invocation.session()
    found = [_facts(session, call) for call in scheduled_calls(session)]
    emit({"scheduled": found}, lambda: _show(found, session.now()))


@click.command(cls=ShellCommand, example="chainbill governor execute 0x3fd1a2b4")
@click.argument("operation", metavar="OPERATION_ID")
@governor_option
@dry_run_option
@yes_option
@pass_invocation
def execute(invocation: Invocation, operation: str, name: str) -> None:
    """Make an announced call whose delay is over. The beginning of its operation id is enough.

    After a provider was registered or a payer made, the command that announced it writes the new id down.
    """
    from chainbill.operations.governor.calls import governor_account
    from chainbill.operations.governor.scheduled import execute_call, find_scheduled

    session = invocation.session()
    announced = _facts(session, find_scheduled(session, operation))
    if announced["contract"] == "Governance":
        with_them = ", ".join(f"{what}={value}" for what, value in announced["arguments"].items())
        confirm(f"{name} changes who is in which role", {announced["function"]: with_them})
    made = execute_call(governor_account(session, name), operation)
    since = session.now() if made.effective_at is None else made.effective_at
    emit(
        {**_facts(session, made.call), "transaction": made.transaction, "effective_at": since},
        f"{made.call.function} is done, in block {made.block}. {it_holds(since)}",
    )


@click.command(cls=ShellCommand, example="chainbill governor cancel 0x3fd1a2b4")
@click.argument("operation", metavar="OPERATION_ID")
@governor_option
@dry_run_option
@pass_invocation
def cancel(invocation: Invocation, operation: str, name: str) -> None:
    """Call an announced call off: one's own, or as the guardian a registrar's."""
    from chainbill.operations.governor.calls import governor_account
    from chainbill.operations.governor.scheduled import cancel_call

    session = invocation.session()
    cancelled = cancel_call(governor_account(session, name), operation).call
    emit(_facts(session, cancelled), f"{cancelled.function} is called off.")


def _facts(session: Session, call: AnnouncedCall) -> dict[str, Any]:
    return {
        "operation_id": call.operation_id,
        "contract": call.contract,
        "function": call.function,
        "arguments": {
            name: f"{len(value)} bytes" if isinstance(value, bytes) and len(value) > _LONGEST_SHOWN else value
            for name, value in call.arguments.items()
        },
        "announced_by": session.book.name_of(call.announced_by) or call.announced_by,
        "ready_at": call.ready_at,
        "ready": call.ready,
    }


def _show(found: list[dict[str, Any]], now: int) -> None:
    if not found:
        click.echo("Nothing is announced.")
        return
    rows = [
        (
            f"0x{call['operation_id'].hex()[:8]}",
            f"{call['contract']}.{call['function']}",
            ", ".join(f"{name}={value}" for name, value in call["arguments"].items()),
            call["announced_by"],
            "now" if call["ready_at"] <= now else show_time(call["ready_at"]),
        )
        for call in found
    ]
    show_table(("operation", "call", "with", "announced by", "can be made"), rows)
