"""``chainbill provider attest``: from the worklist to the oracle."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.provider.acting import provider
from chainbill.cli.provider.worklist import MOST_ROWS
from chainbill.cli.shell.acting import acting_as
from chainbill.cli.shell.command import ExitCode, ShellCommand
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.next_steps import after_refusal
from chainbill.cli.shell.output import emit, progress, show_table
from chainbill.cli.shell.parameters import ACCOUNT
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.operations.provider.attest import AttestedEvents
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
    from chainbill.operations.provider.attest import attest as attest_waiting

    acting, provider_id = provider(invocation, name)
    done = attest_waiting(
        acting,
        provider_id,
        records,
        self_pay=self_pay,
        key=key,
        progress=partial(progress, "attesting"),
    )
    emit(_attest_facts(acting.session, done), lambda: _show_attested(acting.session, name, done))
    if done.refused and not done.submitted:
        context.exit(ExitCode.FAILED)


def _attest_facts(session: Session, attested: AttestedEvents) -> dict[str, Any]:
    return {
        "attested": [
            {
                "record": done.waiting.event.record_identity,
                "service": done.waiting.event.service,
                "patient": session.book.name_of(done.attestation.patient),
                "address": done.attestation.patient,
                "number": done.number,
                "sequence": done.attestation.sequence,
                "commitment": done.attestation.commitment,
                "billed": format_dollars(done.attestation.billed_amount),
                "self_pay": done.attestation.payer_id == 0,
                "corrects": done.waiting.corrects or None,
                "benefit_year": done.attestation.benefit_year,
                "repeated": done.repeated,
                "custody": done.receipt.custody,
            }
            for done in attested.submitted
        ],
        "refused": [
            {
                "record": each.waiting.event.record_identity,
                "reason": str(each.refusal.reason),
                "message": str(each.refusal),
                "what_to_do": after_refusal(each.refusal.reason, each.refusal.hint),
            }
            for each in attested.refused
        ],
    }


def _settling(attested: AttestedEvents) -> str:
    """What brings attested events to their settlement: here, or where the oracle's keys are."""
    return _ELSEWHERE if attested.to_export else "chainbill oracle settle"


_ELSEWHERE = "chainbill provider export FILE --to ORACLE; the oracle then takes FILE"


def _show_attested(session: Session, name: str, attested: AttestedEvents) -> None:
    submitted, refused = attested.submitted, attested.refused
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
                done.number,
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
        click.echo(f"\n{which} settled by: {_settling(attested)}")
    if refused:
        click.echo("\nRefused, and still on the worklist:")
        obstacles = [
            (
                each.waiting.event.record_identity,
                str(each.refusal),
                after_refusal(each.refusal.reason, each.refusal.hint),
            )
            for each in refused[:MOST_ROWS]
        ]
        show_table(("record", "because", "what to do"), obstacles)
