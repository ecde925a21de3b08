"""``chainbill provider worklist`` and ``remove``, and how events of the worklist are shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.shell.acting import acting_as, actor
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, note, show_table
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.operations.provider.waiting import WorklistStanding
    from chainbill.operations.provider.worklist import ServiceEvent
    from chainbill.state.session import Session

MOST_ROWS = 40
"""Events listed one by one for a person; ``--json`` has them all."""


@click.command("worklist", cls=ShellCommand, example="chainbill provider worklist --as lakeview")
@acting_as("provider")
@pass_invocation
def show_worklist(invocation: Invocation, name: str) -> None:
    """List the events that wait to be attested, and those that the oracle has and has not settled."""
    from chainbill.operations.provider.waiting import worklist

    acting = actor(invocation, name, "provider")
    session = acting.session
    stands = worklist(acting, session.book.get(name).provider_id)
    waiting = stands.waiting
    patients = {item.row: session.book.name_of(item.patient) or item.patient for item in waiting}
    at_oracle = _at_oracle(session, stands)
    facts = {
        "waiting": len(waiting),
        "attested": stands.attested,
        "events": [event_facts(item.event, patients[item.row]) for item in waiting],
        "at_oracle": at_oracle,
    }

    def show() -> None:
        if waiting:
            show_events([(item.event, patients[item.row]) for item in waiting])
        else:
            click.echo(f"Nothing waits to be attested by {name}.")
        _show_at_oracle(at_oracle)

    emit(facts, show)


@click.command(cls=ShellCommand, example="chainbill provider remove Encounter/maria-video")
@click.argument("records", nargs=-1, required=True, metavar="RECORD...")
@acting_as("provider")
@pass_invocation
def remove(invocation: Invocation, records: tuple[str, ...], name: str) -> None:
    """Take events off the worklist that were not attested, so that they can be ingested anew.

    RECORD is a record's identity as `provider worklist --json` shows it.
    """
    from chainbill.operations.provider.waiting import remove as take_off

    acting = actor(invocation, name, "provider")
    take_off(acting, acting.session.book.get(name).provider_id, records)
    emit({"removed": list(records)}, f"Removed: {', '.join(records)}.")


def _at_oracle(session: Session, stands: WorklistStanding) -> list[dict[str, Any]]:
    """What was attested and is neither settled nor denied, with the oracle's word for how it stands."""
    from chainbill.cli.audit.text import PartyNames
    from chainbill.cli.shell.next_steps import Advice, after_refusal_elsewhere, after_standing

    advice = Advice(PartyNames(session.book), datetime.fromtimestamp(session.now(), UTC).year)
    return [
        {
            "record": each.record,
            "sequence": each.receipt.attestation.sequence,
            "patient": session.book.name_of(each.receipt.attestation.patient)
            or each.receipt.attestation.patient,
            "billed": format_dollars(each.receipt.attestation.billed_amount),
            "custody": each.receipt.custody.value,
            "status": each.standing,
            "reason": each.reason,
            "message": "" if each.refused is None else each.refused.message,
            "what_to_do": after_standing(advice, each.receipt)
            if each.refused is None
            else after_refusal_elsewhere(each.refused.reason),
        }
        for each in stands.at_oracle
    ]


def _show_at_oracle(at_oracle: Sequence[dict[str, Any]]) -> None:
    if not at_oracle:
        return
    click.echo("\nAttested, and not settled:")
    rows = [
        (
            item["sequence"],
            item["record"] or "not on the worklist",
            item["patient"],
            f"${item['billed']}",
            item["status"],
            "" if item["reason"] == "none" else item["reason"].replace("_", " "),
            item["what_to_do"],
        )
        for item in at_oracle[:MOST_ROWS]
    ]
    show_table((">sequence", "record", "patient", ">billed", "stands", "reason", "what to do"), rows)
    for item in at_oracle[:MOST_ROWS]:
        if item["message"]:
            note(f"note: refused: {item['sequence']}: {item['message']}")
    if len(at_oracle) > MOST_ROWS:
        click.echo(f"… and {len(at_oracle) - MOST_ROWS} more (all of them: --json)")


def event_facts(event: ServiceEvent, patient: str) -> dict[str, Any]:
    """An event of a patient's account for JSON."""
    return {
        "record": event.record_identity,
        "patient": patient,
        "kind": event.kind.value,
        "service": event.service,
        "description": event.description,
        "performed_at": event.performed_at.isoformat(),
        "service_date": event.service_date.isoformat(),
        "benefit_year": event.benefit_year,
        "performed_by": event.provider.name or event.provider.reference,
        "units": event.units,
        "billed": format_dollars(event.billed_amount),
        "price_source": event.price_source.value,
    }


def show_events(events: Sequence[tuple[ServiceEvent, str]]) -> None:
    """A table of events, each with its patient's account."""
    rows = [
        (
            event.service_date.isoformat(),
            patient,
            event.description,
            event.provider.name or event.provider.reference,
            show_dollars(event.billed_amount),
            event.price_source.value.replace("_", " "),
        )
        for event, patient in events[:MOST_ROWS]
    ]
    show_table(("date", "patient", "service", "performed by", ">billed", "price from"), rows)
    if len(events) > MOST_ROWS:
        click.echo(f"… and {len(events) - MOST_ROWS} more (all of them: --json)")
