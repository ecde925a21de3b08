"""How every command looks: it has an example, and takes ``--json`` also after its name.

A word that names nothing gets the one that was probably meant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import IntEnum
from importlib import import_module
from inspect import cleandoc
from typing import Any, ClassVar

import click

from chainbill.cli.shell.arguments import as_options, option_of
from chainbill.cli.shell.context import Invocation
from chainbill.errors import ArgumentError
from chainbill.state.names import closest


class ExitCode(IntEnum):
    """What the program's exit says."""

    OK = 0
    FAILED = 1
    USAGE = 2
    DISCREPANCIES = 3
    """It ran well and found something that does not add up."""


class Misspelt(click.UsageError):
    """A word that names nothing; ``hint`` says what may have been meant."""

    def __init__(self, message: str, hint: str, context: click.Context) -> None:
        super().__init__(message, context)
        self.hint = f"{hint} See {context.command_path} --help"


class ShellCommand(click.Command):
    """A command with an example in its help: ``example`` is a command line, or several, one a line."""

    JSON_HELP: ClassVar[str] = "Print JSON alone on stdout; everything else goes to stderr."

    def __init__(self, *arguments: Any, example: str = "", **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.example = example
        self.params.append(_json_option(self.JSON_HELP))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and say of a number with a minus sign that it is no option."""
        given = tuple(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            minus = next((word for word in given if _MINUS.match(word)), None)
            if minus is None or not _MINUS.match(error.option_name):
                raise
            hint = "Nothing here is negative: leave out the minus sign."
            raise Misspelt(f"{minus} is below zero", hint, ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; what an operation says of its arguments is said of the options."""
        try:
            return super().invoke(ctx)
        except ArgumentError as error:
            message = as_options(f"{error}: {error.hint}" if error.hint else str(error))
            if error.argument:
                raise click.BadParameter(message, ctx, param_hint=option_of(error.argument)) from None
            raise click.UsageError(message, ctx) from None

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Put the example at the end of the help."""
        if self.example:
            with formatter.section("Example"):
                for line in self.example.splitlines():
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
        super().format_epilog(ctx, formatter)


class ShellGroup(click.Group):
    """A group of such commands. With ``--json`` and no command it lists them."""

    command_class = ShellCommand
    group_class = type

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        if not any("--json" in parameter.opts for parameter in self.params):
            self.params.append(_json_option(ShellCommand.JSON_HELP))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; without a command, ``--json`` before the group's name is as good as after it."""
        invocation = ctx.find_object(Invocation)
        if not args and invocation is not None and invocation.json:
            args = ["--json"]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that is named; list all of them where JSON is asked for and none is."""
        invocation = ctx.find_object(Invocation)
        as_json = bool(ctx.params.get("as_json")) or (invocation is not None and invocation.json)
        if as_json and not (ctx.protected_args or ctx.args):
            click.echo(json.dumps(self._listing(ctx), indent=2, ensure_ascii=False))
            return None
        return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; where there is none, say which was probably meant, of this group or another.

        Raises:
            Misspelt: there is no such command, and one that is near.
            click.UsageError: there is no such command.
        """
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            meant = self._meant(ctx, name)
            if meant:
                raise Misspelt(f"No such command {name!r}.", f"did you mean {' or '.join(meant)}?", ctx)
        return super().resolve_command(ctx, args)

    def summary_of(self, ctx: click.Context, name: str) -> str:
        """What the help's list says of a command."""
        command = self.get_command(ctx, name)
        return command.get_short_help_str(200) if command else ""

    def _listing(self, ctx: click.Context) -> dict[str, Any]:
        return {
            "command": ctx.command_path,
            "help": cleandoc(self.help or ""),
            "commands": [
                {
                    "name": name,
                    "command": f"{ctx.command_path} {name}",
                    "group": isinstance(self.get_command(ctx, name), click.Group),
                    "help": self.summary_of(ctx, name),
                }
                for name in self.list_commands(ctx)
            ],
        }

    def _meant(self, ctx: click.Context, name: str) -> list[str]:
        near = closest(name, self.list_commands(ctx))
        if near is not None:
            return [f"{ctx.command_path} {near}"]
        root = ctx.find_root()
        return [path for path in _paths(root.command, root.command_path) if path.split()[-1] == name][:_MOST]


class ActingGroup(ShellGroup, ShellCommand):
    """A group that does something where no command of it is named; with ``--json`` as well."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that is named, or the group itself."""
        return click.Group.invoke(self, ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; ``--json`` before the group's name says how it tells what it does."""
        return click.Group.parse_args(self, ctx, args)


class LazyGroup(ShellGroup):
    """A group whose commands are imported when they are used."""

    Entry = tuple[str, str]
    """``module:attribute`` of a command, and its summary."""

    def __init__(self, *arguments: Any, entries: dict[str, Entry], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every command's name, in the order of the table."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command; None where the table has none of that name."""
        if cmd_name not in self.entries:
            return None
        module, attribute = self.entries[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def summary_of(self, ctx: click.Context, name: str) -> str:  # noqa: ARG002
        """What the table says of a command."""
        return self.entries[name][1]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self.entries.items()])


_MINUS = re.compile(r"-[\d.$]")
"""A number below zero, which click takes for an option."""

_MOST = 3
"""Commands of other groups that a hint names."""


def _paths(command: click.Command, path: str) -> Iterator[str]:
    """The full names of a group's commands, and of theirs."""
    if not isinstance(command, click.Group):
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        member = command.get_command(context, name)
        if member is not None:
            yield f"{path} {name}"
            yield from _paths(member, f"{path} {name}")


def _json_option(text: str) -> click.Option:
    return click.Option(["--json"], is_flag=True, expose_value=False, callback=_note_json, help=text)


def _note_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    invocation = context.find_object(Invocation)
    if value and invocation is not None:
        invocation.json = True
