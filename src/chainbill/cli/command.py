"""How every command looks: it has an example, and takes ``--json`` also after its name."""

from __future__ import annotations

from enum import IntEnum
from importlib import import_module
from typing import Any, ClassVar

import click

from chainbill.cli.context import Invocation


class ExitCode(IntEnum):
    """What the program's exit says."""

    OK = 0
    FAILED = 1
    USAGE = 2
    DISCREPANCIES = 3
    """It ran well and found something that does not add up."""


class ShellCommand(click.Command):
    """A command with an example in its help: ``example`` is a command line, or several, one a line."""

    JSON_HELP: ClassVar[str] = "Print JSON alone on stdout; everything else goes to stderr."

    def __init__(self, *arguments: Any, example: str = "", **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.example = example
        self.params.append(
            click.Option(
                ["--json"], is_flag=True, expose_value=False, callback=_note_json, help=self.JSON_HELP
            )
        )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Put the example at the end of the help."""
        if self.example:
            with formatter.section("Example"):
                for line in self.example.splitlines():
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
        super().format_epilog(ctx, formatter)


class ShellGroup(click.Group):
    """A group of such commands."""

    command_class = ShellCommand
    group_class = type


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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self.entries.items()])


def _note_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    invocation = context.find_object(Invocation)
    if value and invocation is not None:
        invocation.json = True
