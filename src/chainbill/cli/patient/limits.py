"""``chainbill patient limits``: what may be taken from a wallet at most."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chainbill.cli.shell.acting import acting_as, actor
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, it_holds
from chainbill.cli.shell.parameters import LIMIT
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.operations.patient.limits import Limits, LimitsChange
    from chainbill.operations.patient.permission import Permission

_Command = TypeVar("_Command", bound=Callable[..., Any])


def limit_options(command: _Command) -> _Command:
    """What may be taken from a patient at most."""
    command = click.option(
        "--per-day", type=LIMIT, metavar="AMOUNT", help="At most for one day (UTC); 0: no limit."
    )(command)
    return click.option(
        "--per-event", type=LIMIT, metavar="AMOUNT", help="At most for one event; 0: no limit."
    )(command)


@click.command(
    cls=ShellCommand,
    example="chainbill patient limits\nchainbill patient limits --per-event 100 --per-day 250\n"
    "chainbill patient limits --per-day 0",
)
@limit_options
@acting_as("patient")
@dry_run_option
@pass_invocation
def limits(invocation: Invocation, per_event: int | None, per_day: int | None, name: str) -> None:
    """Show or set what may be taken from the wallet at most, whatever providers were allowed.

    Raising holds at once; lowering a day after it is announced. Whole cents.
    """
    from chainbill.operations.patient import limits as operation

    patient = actor(invocation, name, "patient")
    if per_event is None and per_day is None:
        _show(name, operation.limits(patient))
    else:
        _tell(name, operation.set_limits(patient, per_event=per_event, per_day=per_day))


def limits_facts(limited: Limits) -> dict[str, Any]:
    """Limits for JSON."""
    return {
        "per_event_limit": format_dollars(limited.per_event) if limited.per_event else None,
        "per_day_limit": format_dollars(limited.per_day) if limited.per_day else None,
    }


def _tell(name: str, done: LimitsChange) -> None:
    told = _text(name, done.limits)
    said = f"{told}." if done.changed else f"{told}: that is set already."
    emit(
        {
            "account": name,
            **limits_facts(done.limits),
            "effective_at": done.effective_at,
            "changed": done.changed,
        },
        said if done.effective_at is None else f"{said} {it_holds(done.effective_at)}",
    )


def _show(name: str, standing: Permission[Limits]) -> None:
    lines = [f"{_text(name, standing.in_force)}."]
    announced = None
    if standing.announced is not None and standing.announced_at is not None:
        announced = {**limits_facts(standing.announced), "effective_at": standing.announced_at}
        lines.append(f"Announced: {_text(name, standing.announced)}. {it_holds(standing.announced_at)}")
    emit(
        {"account": name, **limits_facts(standing.in_force), "announced": announced},
        "\n".join(lines),
    )


def _text(name: str, limited: Limits) -> str:
    return (
        f"At most {_limit(limited.per_event)} may be taken from {name} for one event, "
        f"and {_limit(limited.per_day)} on one day"
    )


def _limit(amount: int) -> str:
    return show_dollars(amount) if amount else "whatever is owed"
