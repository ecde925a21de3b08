"""What went wrong, in one line and with what to do next; and the exit code that goes with it."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any

import click

from chainbill.cli.shell.arguments import as_options
from chainbill.cli.shell.terminal import one_line, visible_streams
from chainbill.errors import ChainbillError, unusable, without_keys

TRACEBACK = "CHAINBILL_TRACEBACK"
"""Set to anything, it adds the traceback of every error."""

_INTERRUPTED = 130


@visible_streams()
def run(command: click.Command, arguments: list[str]) -> int:
    """Run a command; returns the exit code, whatever happens."""
    as_json = "--json" in arguments
    try:
        code = command.main(arguments, prog_name="chainbill", standalone_mode=False)
        sys.stdout.flush()
        return int(code) if isinstance(code, int) else 0
    except click.Abort:
        click.echo("\nstopped.", err=True)
        return _INTERRUPTED
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = getattr(error, "hint", None) or (f"see {context.command_path} --help" if context else None)
        _fail(error, without_keys(error.format_message()), hint, as_json, {})
        return error.exit_code
    except ChainbillError as error:
        evidence = {name: value for name, value in vars(error).items() if name != "hint"}
        return _fail(error, str(error), error.hint, as_json, evidence)
    except BrokenPipeError:
        _leave_stdout()  # Whoever read our output has seen enough.
        return 1
    except OSError as error:
        if error.errno is None:
            return _bug(error, as_json)
        if error.filename is not None:
            explained = unusable(error.filename, "used", error)
        elif _is_of_printing(error):
            _leave_stdout()
            explained = unusable("the output", "written", error)
        else:
            explained = unusable("a file", "written", error)
        return _fail(explained, str(explained), explained.hint, as_json, {})
    except Exception as error:
        return _bug(error, as_json)


def _bug(error: Exception, as_json: bool) -> int:
    message = f"a bug in chainbill: {type(error).__name__}: {error}"
    return _fail(error, message, f"set {TRACEBACK}=1 to see where", as_json, {})


def _is_of_printing(error: OSError) -> bool:
    """Did our own printing fail, in ``click.echo`` or when ``run`` flushes?"""
    code = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]
    return len(code) == 1 or click.echo.__code__ in code


def _leave_stdout() -> None:
    """Print nowhere from now on: Python would complain once more when it flushes at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(error: Exception, message: str, hint: str | None, as_json: bool, evidence: dict[str, Any]) -> int:
    message, hint = as_options(message), as_options(hint) if hint else None
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    click.echo(f"error: {one_line(message)}", err=True)
    if hint:
        click.echo(f"hint: {one_line(hint)}", err=True)
    _show_json(as_json, {"type": type(error).__name__, "message": message, "hint": hint, **evidence})
    return 1


def _show_json(as_json: bool, error: dict[str, Any]) -> None:
    if as_json:
        click.echo(json.dumps({"error": error}, indent=2, default=str))
