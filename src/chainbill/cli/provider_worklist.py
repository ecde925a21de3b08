"""``chainbill provider worklist`` and ``remove``, and how events of the worklist are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.acting import acting_as
from chainbill.cli.command import ShellCommand
from chainbill.cli.context import Invocation, pass_invocation
from chainbill.cli.output import emit, show_table
from chainbill.errors import StateError
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.attestation.worklist import WaitingEvent, Worklist
    from chainbill.records.service_event import ServiceEvent
    from chainbill.settings.session import Session

MOST_ROWS = 40
"""Events listed one by one for a person; ``--json`` has them all."""


@click.command("worklist", cls=ShellCommand, example="chainbill provider worklist --as lakeview")
@acting_as("provider")
@pass_invocation
def show_worklist(invocation: Invocation, name: str) -> None:
    """List the events that wait to be attested."""
    session = invocation.session()
    worklist = open_worklist(session, name)
    waiting = worklist.waiting()
    patients = {item.row: session.book.name_of(item.patient) or item.patient for item in waiting}
    facts = {
        **worklist.counts(),
        "events": [event_facts(item.event, patients[item.row]) for item in waiting],
    }
    if not waiting:
        emit(facts, f"Nothing waits to be attested by {name}.")
        return
    emit(facts, lambda: show_events([(item.event, patients[item.row]) for item in waiting]))


@click.command(cls=ShellCommand, example="chainbill provider remove Encounter/maria-video")
@click.argument("records", nargs=-1, required=True, metavar="RECORD...")
@acting_as("provider")
@pass_invocation
def remove(invocation: Invocation, records: tuple[str, ...], name: str) -> None:
    """Take events off the worklist that were not attested, so that they can be ingested anew.

    RECORD is a record's identity as `provider worklist --json` shows it.
    """
    session = invocation.session()
    worklist = open_worklist(session, name)
    worklist.remove(named_events(worklist, name, records))
    emit({"removed": list(records)}, f"Removed: {', '.join(records)}.")


def open_worklist(session: Session, name: str) -> Worklist:
    """A provider's worklist.

    Raises:
        StateError: there is no provider of that name.
    """
    from chainbill.attestation.worklist import Worklist
    from chainbill.settings.addressbook import Role

    session.book.get(name, Role.PROVIDER)
    return Worklist(session.state.provider_database(name))


def named_events(worklist: Worklist, name: str, records: Sequence[str]) -> list[WaitingEvent]:
    """The events that wait for these records; without any, all that wait.

    Raises:
        StateError: one of them is not on the list, or fits several on it.
    """
    from chainbill.interop.ingest_memory import tail

    waiting = worklist.waiting()
    known = {item.event.record_identity for item in waiting}
    whole = {record: [each for each in known if record in (each, tail(each))] for record in records}
    records = [found[0] if len(found) == 1 else record for record, found in whole.items()]
    unknown = [record for record in records if record not in known]
    if unknown:
        raise StateError(
            f"not on the worklist of {name}: {', '.join(unknown)}", hint="see it: chainbill provider worklist"
        )
    return [item for item in waiting if not records or item.event.record_identity in records]


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
