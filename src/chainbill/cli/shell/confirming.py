"""What commands that move money do before they do it: show it, ask, or only try it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from chainbill.cli.shell.command import ExitCode
from chainbill.cli.shell.context import Invocation

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Unconfirmed(click.UsageError):
    """There is nobody to ask."""

    def __init__(self, will: str, *, can_be_tried: bool) -> None:
        super().__init__(f"{will}: that is not done without being asked, and there is no terminal to ask on")
        tried = "see first what would happen: --dry-run; " if can_be_tried else ""
        self.hint = f"{tried}to do it without being asked: --yes"


class Declined(click.ClickException):
    """The answer was no."""

    exit_code = ExitCode.FAILED
    hint = None

    def __init__(self) -> None:
        super().__init__("not confirmed: nothing was sent, and nothing has changed")


def yes_option(command: _Command) -> _Command:
    """The option of a command that calls ``confirm``."""
    return _noted("yes", "Do it without asking, as a script must.")(command)


def dry_run_option(command: _Command) -> _Command:
    """The option of a command that sends transactions: its session is a rehearsal then."""
    return _noted("dry_run", "Show what would happen, and send nothing.")(command)


def confirm(will: str, facts: Mapping[str, str]) -> None:
    """Show what the command is about to do, and go on only if it is wanted.

    Args:
        will: what is done, without a full stop: ``maria disputes claim 2:7``.
        facts: what a person must know of it, by what it is.

    Raises:
        Unconfirmed: there is no terminal to ask on, and no ``--yes``.
        Declined: the answer is not yes.
    """
    context = click.get_current_context()
    invocation = context.ensure_object(Invocation)
    if invocation.yes:
        return
    width = max((len(what) for what in facts), default=0)
    click.echo(f"{will}:", err=True)
    for what, shown in facts.items():
        click.echo(f"  {what:<{width}}  {shown}", err=True)
    if invocation.dry_run:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        options = {name for parameter in context.command.params for name in parameter.opts}
        raise Unconfirmed(will, can_be_tried="--dry-run" in options)
    # Not click.confirm: it puts a blank on stdout, where JSON may have to stand alone.
    click.echo("Go on? [y/N] ", nl=False, err=True)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        click.echo(err=True)
    if answer.strip().lower() not in ("y", "yes"):
        raise Declined


def _noted(field: str, text: str) -> Callable[[_Command], _Command]:
    def note(context: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            setattr(context.ensure_object(Invocation), field, True)

    option = f"--{field.replace('_', '-')}"
    return click.option(option, is_flag=True, expose_value=False, callback=note, help=text)
