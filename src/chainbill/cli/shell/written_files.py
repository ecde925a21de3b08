"""Files that commands write where they are told to: none is replaced, and no folder made, without a word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from chainbill.errors import StateError, unusable
from chainbill.state.private_files import write_private

_Command = TypeVar("_Command", bound=Callable[..., Any])


def force_option(command: _Command) -> _Command:
    """The option without which a command that writes a file replaces none and makes no folder."""
    return click.option(
        "--force",
        is_flag=True,
        help="Replace the file where it exists, and make its folder where it does not.",
    )(command)


def check_place(path: Path, *, force: bool) -> None:
    """Refuse a place for a file, before any work is done for it.

    Raises:
        StateError: there is a file already, or no such folder; unless ``force``.
    """
    if force:
        return
    if path.is_file():
        raise StateError(
            f"{path} exists already, and is left as it is", hint="name another file, or replace it: --force"
        )
    if not path.parent.is_dir():
        raise StateError(
            f"there is no folder {path.parent} for {path.name}", hint="make it, or have it made: --force"
        )


def write_output(path: Path, content: bytes, *, force: bool) -> None:
    """Write a file (0600), whole or not at all; errors as ``check_place``.

    Raises:
        StateError: it cannot be written.
    """
    check_place(path, force=force)
    if path.exists() and not path.is_file():
        # A device or a pipe is written to; put in its place, a file would be the end of it.
        try:
            path.write_bytes(content)
        except OSError as error:
            raise unusable(path, "written", error) from None
        return
    write_private(path.absolute(), content, replace=force)
