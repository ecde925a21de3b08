"""``chainbill provider attest``: from the worklist to the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.acting import acting_as
from chainbill.cli.command import ShellCommand
from chainbill.cli.context import Invocation, pass_invocation
from chainbill.cli.next_steps import after_refusal
from chainbill.cli.output import emit, progress, show_table
from chainbill.cli.provider_worklist import MOST_ROWS, open_worklist
from chainbill.errors import IntakeRefused
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.attestation.worklist import WaitingEvent
    from chainbill.oracle.submission import Desk, Submitted
    from chainbill.settings.session import Session


@click.command(
    cls=ShellCommand, example="chainbill provider attest\nchainbill provider attest --as lakeview --json"
)
@acting_as("provider")
@pass_invocation
def attest(invocation: Invocation, name: str) -> None:
    """Sign every event on the worklist, seal its record in the vault, and hand it to the oracle.

    The record is sealed for the provider and the patient; on chain goes a salted commitment. What the oracle
    refuses stays on the worklist, with the reason. An attempt that was cut off is safely repeated.
    """
    from chainbill.oracle.intake import Intake
    from chainbill.settings.files import locked

    session = invocation.session()
    submitted: list[Submitted] = []
    refused: list[tuple[WaitingEvent, IntakeRefused]] = []
    with locked(session.state.root / f"provider-{name}.lock"):
        desk = _desk(session, name)
        intake = Intake(desk.protocol, desk.store, desk.counterparties.schedule_key)
        waiting = desk.worklist.waiting()
        with progress("attesting", len(waiting)) as advance:
            for item in waiting:
                try:
                    submitted.append(desk.submit(item, intake))
                except IntakeRefused as refusal:
                    refused.append((item, refusal))
                advance(1)
    emit(
        _attest_facts(session, submitted, refused), lambda: _show_attested(session, name, submitted, refused)
    )


def _desk(session: Session, name: str) -> Desk:
    from chainbill.attestation.signing import Signer
    from chainbill.oracle.store import OracleStore
    from chainbill.oracle.submission import Counterparties, Desk
    from chainbill.settings.onboarding import provider_of

    _, provider_id = provider_of(session, name)
    return Desk(
        protocol=session.protocol,
        provider_id=provider_id,
        attester=Signer(session.account(name)),
        own_vault_key=session.vault_key(name).public,
        worklist=open_worklist(session, name),
        store=OracleStore(session.state.oracle_database),
        vault=session.vault,
        counterparties=Counterparties(
            schedule_key=lambda payer_id: session.schedules.load(payer_id).key,
            vault_key=session.book.vault_key_of,
        ),
    )


def _attest_facts(
    session: Session, submitted: Sequence[Submitted], refused: Sequence[tuple[WaitingEvent, IntakeRefused]]
) -> dict[str, Any]:
    return {
        "attested": [
            {
                "record": done.waiting.event.record_identity,
                "service": done.waiting.event.service,
                "patient": session.book.name_of(done.attestation.patient),
                "address": done.attestation.patient,
                "sequence": done.attestation.sequence,
                "commitment": done.attestation.commitment,
                "billed": format_dollars(done.attestation.billed_amount),
                "benefit_year": done.attestation.benefit_year,
                "repeated": done.repeated,
            }
            for done in submitted
        ],
        "refused": [
            {
                "record": item.event.record_identity,
                "reason": str(refusal.reason),
                "message": str(refusal),
                "what_to_do": after_refusal(refusal.reason, refusal.hint),
            }
            for item, refusal in refused
        ],
    }


def _show_attested(
    session: Session,
    name: str,
    submitted: Sequence[Submitted],
    refused: Sequence[tuple[WaitingEvent, IntakeRefused]],
) -> None:
    if not submitted and not refused:
        click.echo(
            f"Nothing waits to be attested by {name}. Events come from: chainbill provider ingest FILE"
        )
        return
    click.echo(f"{len(submitted)} attested, {len(refused)} refused.")
    if submitted:
        click.echo()
        rows = [
            (
                done.attestation.sequence,
                session.book.name_of(done.attestation.patient) or done.attestation.patient,
                done.waiting.event.description,
                show_dollars(done.attestation.billed_amount),
                f"0x{done.attestation.commitment.hex()}",
                "the oracle had it already" if done.repeated else "",
            )
            for done in submitted[:MOST_ROWS]
        ]
        show_table((">sequence", "patient", "service", ">billed", "commitment", ""), rows)
        if len(submitted) > MOST_ROWS:
            click.echo(f"… and {len(submitted) - MOST_ROWS} more (all of them: --json)")
        click.echo("\nThey are settled by: chainbill oracle settle")
    if refused:
        click.echo("\nRefused, and still on the worklist:")
        obstacles = [
            (item.event.record_identity, str(refusal), after_refusal(refusal.reason, refusal.hint))
            for item, refusal in refused[:MOST_ROWS]
        ]
        show_table(("record", "because", "what to do"), obstacles)
