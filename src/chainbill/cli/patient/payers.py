"""``chainbill patient accept-payer``: whose plan prices a patient's care."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chainbill.cli.audit.text import PartyNames
from chainbill.cli.shell.acting import acting_as, actor
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, it_holds
from chainbill.cli.shell.parameters import PARTY

if TYPE_CHECKING:
    from chainbill.operations.actor import Actor
    from chainbill.operations.patient.payers import Payers, PayersChange
    from chainbill.operations.patient.permission import Permission
    from chainbill.state.session import Session

_Command = TypeVar("_Command", bound=Callable[..., Any])


def payer_options(command: _Command) -> _Command:
    """Whom a patient accepts as payers."""
    command = click.option("--nobody", is_flag=True, help="Accept no insurer: the patient pays itself.")(
        command
    )
    command = click.option("--no-secondary", is_flag=True, help="Nobody pays after the first one any more.")(
        command
    )
    command = click.option(
        "--secondary",
        type=PARTY,
        metavar="INSURER",
        help="Who pays after the first one, from what is left.  [default: who does now]",
    )(command)
    return click.argument("insurer", type=PARTY, required=False)(command)


def payers_asked_for(
    session: Session, insurer: str | None, secondary: str | None, *, no_secondary: bool, nobody: bool
) -> tuple[int, int | None]:
    """What the options of ``payer_options`` say, by payer id; a second insurer that is not named is None.

    Raises:
        StateError: no such insurer, or it has no payer contract.
    """
    from chainbill.operations.parties import insurer_of

    if nobody == (insurer is not None) or (nobody and secondary is not None):
        raise click.UsageError("give either an insurer, and a second one with --secondary, or --nobody")
    if secondary is not None and no_secondary:
        raise click.UsageError("give either --secondary or --no-secondary")
    second = None if secondary is None else insurer_of(session, secondary)[1]
    first = 0 if insurer is None else insurer_of(session, insurer)[1]
    return first, 0 if no_secondary else second


@click.command(
    "accept-payer",
    cls=ShellCommand,
    example="chainbill patient accept-payer\nchainbill patient accept-payer insurer\n"
    "chainbill patient accept-payer insurer --secondary harbor\n"
    "chainbill patient accept-payer --nobody",
)
@payer_options
@acting_as("patient")
@dry_run_option
@pass_invocation
def accept_payer(
    invocation: Invocation,
    insurer: str | None,
    secondary: str | None,
    no_secondary: bool,
    nobody: bool,
    name: str,
) -> None:
    """Show the insurers, or name the one whose plan prices the patient's care, and one that pays after it.

    The first time this holds at once; a change takes effect a day after it is announced.
    """
    from chainbill.operations.patient import payers

    patient = actor(invocation, name, "patient")
    if not (insurer or secondary or no_secondary or nobody):
        _show(patient, payers.payers(patient))
        return
    asked = payers_asked_for(patient.session, insurer, secondary, no_secondary=no_secondary, nobody=nobody)
    _tell(patient, payers.accept_payer(patient, *asked))


def _tell(patient: Actor, done: PayersChange) -> None:
    facts = _facts(patient, done.payers)
    insurer, secondary = facts["insurer"], facts["secondary_insurer"]
    shown = "nobody" if insurer is None else insurer + (f" and then {secondary}" if secondary else "")
    told = f"{patient.name} has accepted {shown} as its payer{'' if done.changed else ' already'}."
    if done.effective_at is not None:
        told += f" {it_holds(done.effective_at)}"
    if done.changed and insurer is not None:
        told += f"\nInsurers enrol their members: chainbill insurer enrol {patient.name} --plan ID"
    emit(
        {
            "account": patient.name,
            **facts,
            "effective_at": done.effective_at,
            "changed": done.changed,
        },
        told,
    )


def _show(patient: Actor, standing: Permission[Payers]) -> None:
    lines = [f"{patient.name} has accepted {_text(patient, standing.in_force)}."]
    announced = None
    if standing.announced is not None and standing.announced_at is not None:
        announced = {**_facts(patient, standing.announced), "effective_at": standing.announced_at}
        lines.append(f"Announced: {_text(patient, standing.announced)}. {it_holds(standing.announced_at)}")
    emit(
        {"account": patient.name, **_facts(patient, standing.in_force), "announced": announced},
        "\n".join(lines),
    )


def _facts(patient: Actor, payers: Payers) -> dict[str, Any]:
    names = PartyNames(patient.session.book)
    return {
        "insurer": names.payer(payers.primary or None) or None,
        "payer_id": payers.primary or None,
        "secondary_insurer": names.payer(payers.secondary or None) or None,
        "secondary_payer_id": payers.secondary or None,
    }


def _text(patient: Actor, payers: Payers) -> str:
    facts = _facts(patient, payers)
    first, after = facts["insurer"], facts["secondary_insurer"]
    return (first or "nobody as its payer") + (f", and then {after}" if after else "")
