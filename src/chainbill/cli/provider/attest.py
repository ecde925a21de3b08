"""``chainbill provider attest``: from the worklist to the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from chainbill.attestation.claim_number import claim_number
from chainbill.cli.provider.worklist import MOST_ROWS, named_events, open_worklist
from chainbill.cli.shell.acting import acting_as
from chainbill.cli.shell.command import ExitCode, ShellCommand
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.next_steps import after_refusal
from chainbill.cli.shell.output import emit, progress, show_table
from chainbill.cli.shell.parameters import ACCOUNT
from chainbill.errors import IntakeRefused
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.operations.provider.submission import Desk, Submitted
    from chainbill.operations.provider.worklist import WaitingEvent
    from chainbill.state.session import Session


@click.command(
    cls=ShellCommand,
    example="chainbill provider attest\nchainbill provider attest --as lakeview --json\n"
    "chainbill provider attest Encounter/maria-video --self-pay",
)
@click.argument("records", nargs=-1, metavar="[RECORD]...")
@click.option("--self-pay", is_flag=True, help="Charge patients the cash price, outside any plan.")
@click.option("--key", type=ACCOUNT, help="The key that signs.  [default: the account's own]")
@acting_as("provider")
@click.pass_context
@dry_run_option
@pass_invocation
def attest(
    invocation: Invocation,
    context: click.Context,
    records: tuple[str, ...],
    self_pay: bool,
    key: str | None,
    name: str,
) -> None:
    """Sign the events on the worklist (all, or those named), seal their records, hand them to the oracle.

    A record is sealed for the provider and the patient; on chain goes a salted commitment. What the oracle
    refuses stays on the worklist, with the reason. An attempt that was cut off is safely repeated.

    Exits with 1 when there was something to attest and all of it was refused.
    """
    from chainbill.oracle.intake import Intake
    from chainbill.oracle.refusals import Refusals
    from chainbill.state.private_files import locked

    session = invocation.session()
    submitted: list[Submitted] = []
    refused: list[tuple[WaitingEvent, IntakeRefused]] = []
    with locked(session.state.root / f"provider-{name}.lock"):
        desk = _desk(session, name, key)
        intake = Intake(desk.protocol, desk.store, desk.counterparties.schedule_key)
        waiting = [
            replace(item, self_pay=self_pay or item.self_pay)
            for item in named_events(desk.worklist, name, records)
        ]
        with progress("attesting", len(waiting)) as advance:
            for item in waiting:
                try:
                    submitted.append(desk.submit(item, intake))
                except IntakeRefused as refusal:
                    refused.append((item, refusal))
                advance(1)
        desk.tell_patients(Refusals(session.state.refusals_database), refused)
    emit(
        _attest_facts(session, submitted, refused), lambda: _show_attested(session, name, submitted, refused)
    )
    if refused and not submitted:
        context.exit(ExitCode.FAILED)


def _desk(session: Session, name: str, key: str | None) -> Desk:
    from chainbill.attestation.signing import Signer
    from chainbill.operations.governor.registrations import provider_of
    from chainbill.operations.provider.attesters import check_signs
    from chainbill.operations.provider.cash_prices import cash_key
    from chainbill.operations.provider.submission import Counterparties, Desk
    from chainbill.oracle.store import OracleStore

    _, provider_id = provider_of(session, name)
    if key is not None:
        check_signs(session, provider_id, key)
    return Desk(
        protocol=session.protocol,
        provider_id=provider_id,
        attester=Signer(session.account(key or name)),
        own_vault_key=session.vault_key(name).public,
        worklist=open_worklist(session, name),
        store=OracleStore(session.state.oracle_database),
        vault=session.vault,
        counterparties=Counterparties(
            schedule_key=lambda payer_id: session.schedules.load(payer_id).key,
            vault_key=session.book.vault_key_of,
        ),
        cash_key=lambda: cash_key(session, name, provider_id),
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
                "number": claim_number(done.attestation.provider_id, done.attestation.sequence),
                "sequence": done.attestation.sequence,
                "commitment": done.attestation.commitment,
                "billed": format_dollars(done.attestation.billed_amount),
                "self_pay": done.attestation.payer_id == 0,
                "corrects": done.waiting.corrects or None,
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
    known = sum(done.repeated for done in submitted)
    before = f"{known} known already, " if known else ""
    click.echo(f"{len(submitted) - known} attested, {before}{len(refused)} refused.")
    if submitted:
        click.echo()
        rows = [
            (
                claim_number(done.attestation.provider_id, done.attestation.sequence),
                session.book.name_of(done.attestation.patient) or done.attestation.patient,
                done.waiting.event.description,
                show_dollars(done.attestation.billed_amount),
                f"0x{done.attestation.commitment.hex()}",
                "the oracle had it already" if done.repeated else "",
            )
            for done in submitted[:MOST_ROWS]
        ]
        show_table(("claim", "patient", "service", ">billed", "commitment", ""), rows)
        if len(submitted) > MOST_ROWS:
            click.echo(f"… and {len(submitted) - MOST_ROWS} more (all of them: --json)")
        which = "They are" if known < len(submitted) else "What of them is not settled yet is"
        click.echo(f"\n{which} settled by: chainbill oracle settle")
    if refused:
        click.echo("\nRefused, and still on the worklist:")
        obstacles = [
            (item.event.record_identity, str(refusal), after_refusal(refusal.reason, refusal.hint))
            for item, refusal in refused[:MOST_ROWS]
        ]
        show_table(("record", "because", "what to do"), obstacles)
