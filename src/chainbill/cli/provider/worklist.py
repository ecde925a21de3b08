"""``chainbill provider worklist`` and ``remove``, and how events of the worklist are shown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.shell.acting import acting_as
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, show_table
from chainbill.errors import StateError
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.operations.provider.worklist import WaitingEvent, Worklist
    from chainbill.records.service_event import ServiceEvent
    from chainbill.state.session import Session

MOST_ROWS = 40
"""Events listed one by one for a person; ``--json`` has them all."""


@click.command("worklist", cls=ShellCommand, example="chainbill provider worklist --as lakeview")
@acting_as("provider")
@pass_invocation
def show_worklist(invocation: Invocation, name: str) -> None:
    """List the events that wait to be attested, and those that the oracle has and has not settled."""
    session = invocation.session()
    worklist = open_worklist(session, name)
    waiting = worklist.waiting()
    patients = {item.row: session.book.name_of(item.patient) or item.patient for item in waiting}
    at_oracle = _at_oracle(session, name, worklist)
    facts = {
        **worklist.counts(),
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
    from chainbill.operations.provider.submission import commitments
    from chainbill.oracle.refusals import Refusals

    session = invocation.session()
    worklist = open_worklist(session, name)
    worklist.remove(named_events(worklist, name, records))
    provider_id = session.book.get(name).provider_id
    if provider_id is not None:
        Refusals(session.state.refusals_database).keep_only(provider_id, commitments(worklist.waiting()))
    emit({"removed": list(records)}, f"Removed: {', '.join(records)}.")


def _at_oracle(session: Session, name: str, worklist: Worklist) -> list[dict[str, Any]]:
    """What was attested and is neither settled nor denied, with the oracle's word for how it stands."""
    from chainbill.cli.audit.text import Names
    from chainbill.cli.shell.next_steps import Advice, after_standing
    from chainbill.oracle.store import OracleStore, Status

    provider_id = session.book.get(name).provider_id
    if provider_id is None or not session.state.oracle_database.exists():
        return []
    records = {each.commitment: each.record_identity for each in worklist.attested()}
    advice = Advice(Names(session.book), datetime.fromtimestamp(session.now(), UTC).year)
    return [
        {
            "record": records.get(stored.attestation.commitment),
            "sequence": stored.attestation.sequence,
            "patient": session.book.name_of(stored.attestation.patient) or stored.attestation.patient,
            "billed": format_dollars(stored.attestation.billed_amount),
            "status": stored.status.value,
            "reason": stored.standing_reason,
            "what_to_do": after_standing(advice, stored),
        }
        for stored in OracleStore(session.state.oracle_database).waiting(provider_id=provider_id)
        # What was taken back is on the list above again, or was dropped.
        if stored.status is not Status.RECALLED or stored.attestation.commitment in records
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
    if len(at_oracle) > MOST_ROWS:
        click.echo(f"… and {len(at_oracle) - MOST_ROWS} more (all of them: --json)")


def open_worklist(session: Session, name: str) -> Worklist:
    """A provider's worklist.

    Raises:
        StateError: there is no provider of that name.
    """
    from chainbill.operations.provider.worklist import Worklist
    from chainbill.state.address_book import Role

    session.book.get(name, Role.PROVIDER)
    return Worklist(session.state.provider_database(name))


def named_events(worklist: Worklist, name: str, records: Sequence[str]) -> list[WaitingEvent]:
    """The events that wait for these records; without any, all that wait.

    Raises:
        StateError: one of them is not on the list, or fits several on it.
    """
    waiting = worklist.waiting()
    known = {item.event.record_identity for item in waiting}
    records = whole_identities(known, records)
    unknown = [record for record in records if record not in known]
    if unknown:
        raise StateError(
            f"not on the worklist of {name}: {', '.join(unknown)}", hint="see it: chainbill provider worklist"
        )
    return [item for item in waiting if not records or item.event.record_identity in records]


def whole_identities(known: Collection[str], records: Sequence[str]) -> list[str]:
    """``records`` as the worklist has them: one named by its last part (``Encounter/7``) is the one known
    identity that ends so, where it is the only one."""
    from chainbill.interop.fhir.files import tail

    whole = {record: [each for each in known if record in (each, tail(each))] for record in records}
    return [found[0] if len(found) == 1 else record for record, found in whole.items()]


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
