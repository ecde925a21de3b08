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
    from chainbill.chain.contracts.governance import ScheduledCall
    from chainbill.state.session import Session

_LONGEST_SHOWN = 64
"""Bytes of an argument that are shown; a payer's creation code has thousands."""


@click.command(cls=ShellCommand, example="chainbill governor scheduled")
@pass_invocation
def scheduled(invocation: Invocation) -> None:
    """List the calls that the governor has announced and not made yet."""
    session = invocation.session()
    block = session.protocol.deployment.block
    found = [_facts(session, call) for call in session.protocol.governance.scheduled(from_block=block)]
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
    from chainbill.operations.effect import effective_at
    from chainbill.operations.governor.calls import find_scheduled, governor

    session = invocation.session()
    call = find_scheduled(session, operation)
    announced = _facts(session, call)
    if announced["contract"] == "Governance":
        with_them = ", ".join(f"{what}={value}" for what, value in announced["arguments"].items())
        confirm(f"{name} changes who is in which role", {announced["function"]: with_them})
    with governor(session, name) as sender:
        receipt = session.protocol.governance.execute_scheduled(sender, call)
    facts, since = _facts(session, call), effective_at(session, receipt)
    emit(
        {**facts, "transaction": receipt["transactionHash"].to_0x_hex(), "effective_at": since},
        f"{facts['function']} is done, in block {receipt['blockNumber']}. {it_holds(since)}",
    )


@click.command(cls=ShellCommand, example="chainbill governor cancel 0x3fd1a2b4")
@click.argument("operation", metavar="OPERATION_ID")
@governor_option
@dry_run_option
@pass_invocation
def cancel(invocation: Invocation, operation: str, name: str) -> None:
    """Call an announced call off: one's own, or as the guardian a registrar's."""
    from chainbill.operations.governor.calls import find_scheduled, governor

    session = invocation.session()
    call = find_scheduled(session, operation)
    with governor(session, name) as sender:
        session.protocol.governance.cancel_scheduled(sender, call)
    facts = _facts(session, call)
    emit(facts, f"{facts['function']} is called off.")


def _facts(session: Session, call: ScheduledCall) -> dict[str, Any]:
    from chainbill.operations.governor.calls import targets

    target = targets(session)[call.target]
    function, arguments = target.read_calldata(call.calldata)
    return {
        "operation_id": call.operation_id,
        "contract": target.artifact,
        "function": function,
        "arguments": {
            name: f"{len(value)} bytes" if isinstance(value, bytes) and len(value) > _LONGEST_SHOWN else value
            for name, value in arguments.items()
        },
        "announced_by": session.book.name_of(call.caller) or call.caller,
        "ready_at": call.ready_at,
        "ready": call.ready_at <= session.now(),
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
