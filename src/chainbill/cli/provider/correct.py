"""``chainbill provider correct``: a corrected record in place of a reversed claim."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chainbill.cli.claims.disputing import CLAIM
from chainbill.cli.provider.worklist import event_facts
from chainbill.cli.shell.acting import FILE, acting_as
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.given_files import CATALOGUE_FILE
from chainbill.cli.shell.output import emit
from chainbill.errors import RecordError
from chainbill.money import show_dollars

if TYPE_CHECKING:
    from chainbill.records.service_event import ServiceEvent


@click.command(
    cls=ShellCommand,
    example="chainbill provider correct 1:7 corrected.json\n"
    "chainbill provider correct 1:7 clinic.ndjson --record Encounter/maria-video --self-pay",
)
@click.argument("claim", metavar=CLAIM)
@click.argument("file", type=FILE)
@click.option(
    "--record",
    help="Which event of the file it is, as `provider ingest --json` names it.  [default: its only]",
)
@click.option("--self-pay", is_flag=True, help="Charge the patient the cash price, outside any plan.")
@click.option("--catalogue", "catalogue_file", type=CATALOGUE_FILE, help="A service catalogue of your own.")
@acting_as("provider")
@pass_invocation
def correct(
    invocation: Invocation,
    claim: str,
    file: Path,
    record: str | None,
    self_pay: bool,
    catalogue_file: Path | None,
    name: str,
) -> None:
    """Put the corrected record of a reversed claim on the worklist, for the same patient.

    The next `provider attest` signs it, and its new claim names the reversed one. A reversed claim can be
    corrected once.
    """
    from datetime import UTC, datetime

    from chainbill.interop.fhir import read_fhir
    from chainbill.operations.actor import Actor
    from chainbill.operations.claims.corrections import correct as queue_correction
    from chainbill.operations.claims.lookup import PartyTo, find_claim
    from chainbill.operations.parties import provider_of
    from chainbill.records.catalogue import Catalogue
    from chainbill.state.address_book import Role

    session = invocation.session()
    _, provider_id = provider_of(session, name)
    proven = find_claim(session, claim, PartyTo(name, provider_id=provider_id))
    report = read_fhir(
        file,
        catalogue=Catalogue.load(catalogue_file),
        not_after=datetime.fromtimestamp(session.now(), UTC),
    )
    event = _only(report.events, record)
    provider = Actor.named(session, name, Role.PROVIDER)
    queued = queue_correction(provider, provider_id, proven, event, self_pay=self_pay)
    shown = session.book.name_of(queued.patient) or queued.patient
    emit(
        {
            "account": name,
            "corrects": queued.claim_id,
            "added": queued.added,
            "event": event_facts(event, shown),
        },
        f"{event.description} of {shown}, {show_dollars(event.billed_amount)}, "
        f"{'waits' if queued.added else 'waits already or was attested'} as the correction of "
        f"claim {claim}.\n"
        f"Then: chainbill provider attest --as {name}",
    )


def _only(events: Sequence[ServiceEvent], record: str | None) -> ServiceEvent:
    from chainbill.interop.fhir.files import tail

    found = [
        event for event in events if record in (None, event.record_identity, tail(event.record_identity))
    ]
    if len(found) == 1:
        return found[0]
    names = ", ".join(event.record_identity for event in events)
    if record is not None:
        raise RecordError(f"the file has no event {record}", hint=f"it has: {names}" if names else None)
    raise RecordError(
        f"the file has {len(found)} events, and a correction is one",
        hint=f"name it with --record: {names}" if names else "see why: chainbill provider ingest --dry-run",
    )
