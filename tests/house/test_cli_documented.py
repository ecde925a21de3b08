"""Every command has help with an example that works, and stands in docs/cli.md."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from chainbill.cli import cli
from chainbill.cli.shell.command import ShellCommand

DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"


def every_command() -> Iterator[tuple[str, click.Command]]:
    """Each command that does something, by its full name."""
    pending: list[tuple[str, click.Command]] = [("chainbill", cli)]
    while pending:
        path, command = pending.pop()
        group = isinstance(command, click.Group)
        if not group or isinstance(command, ShellCommand):
            yield path, command
        if not group:
            continue
        context = click.Context(command)
        for name in command.list_commands(context):
            member = command.get_command(context, name)
            assert member is not None, f"{path} {name} cannot be imported"
            pending.append((f"{path} {name}", member))


EVERY_COMMAND = dict(sorted(every_command()))


@pytest.mark.parametrize("path", list(EVERY_COMMAND))
def test_command__its_help__says_what_it_does_and_gives_an_example(path: str) -> None:
    command = EVERY_COMMAND[path]
    assert isinstance(command, ShellCommand), (
        f"{path} is not a ShellCommand, so it has neither example nor --json"
    )
    assert command.help, f"{path} has no help"
    assert command.example, f"{path} has no example"
    assert "--json" in command.get_help(click.Context(command, info_name=path))
    undescribed = [each.name for each in command.params if isinstance(each, click.Option) and not each.help]
    assert not undescribed, f"{path}: options without help"


@pytest.mark.parametrize("path", list(EVERY_COMMAND))
def test_command__its_examples__can_be_parsed(path: str) -> None:
    command = EVERY_COMMAND[path]
    assert isinstance(command, ShellCommand)
    for line in command.example.splitlines():
        assert f"{line} ".startswith(f"{path} "), f"{line!r} is not an example of {path}"
        context = click.Context(command, info_name=path)
        words = shlex.split(re.split(r" [>|] ", line.removeprefix(path))[0], comments=True)
        _, extra, _ = command.make_parser(context).parse_args(words)
        assert not extra, f"{line!r} has arguments too many"


@pytest.mark.parametrize("path", list(EVERY_COMMAND))
def test_command__in_the_document__stands_there(path: str) -> None:
    assert f"| `{path}" in DOCUMENT.read_text(encoding="utf-8"), f"docs/cli.md has no row for {path}"


def test_document__its_rows__are_all_commands() -> None:
    rows = re.findall(r"^\| `(chainbill [^`]*)`", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    known = tuple(f"{path} " for path in EVERY_COMMAND)
    assert rows
    assert [row for row in rows if not f"{row} ".startswith(known)] == []
