"""What went wrong, in one line and with what to do next; and the exit code that goes with it."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any

import click

from chainbill.errors import ChainbillError

TRACEBACK = "CHAINBILL_TRACEBACK"
"""Set to anything, it adds the traceback of every error."""

_INTERRUPTED = 130


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
        _fail(error, error.format_message(), hint, as_json, {})
        return error.exit_code
    except ChainbillError as error:
        evidence = {name: value for name, value in vars(error).items() if name != "hint"}
        return _fail(error, str(error), error.hint, as_json, evidence)
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        message = f"a bug in chainbill: {type(error).__name__}: {error}"
        return _fail(error, message, f"set {TRACEBACK}=1 to see where", as_json, {})


def _fail(error: Exception, message: str, hint: str | None, as_json: bool, evidence: dict[str, Any]) -> int:
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    click.echo(f"error: {_one_line(message)}", err=True)
    if hint:
        click.echo(f"hint: {_one_line(hint)}", err=True)
    _show_json(as_json, {"type": type(error).__name__, "message": message, "hint": hint, **evidence})
    return 1


def _show_json(as_json: bool, error: dict[str, Any]) -> None:
    if as_json:
        click.echo(json.dumps({"error": error}, indent=2, default=str))


def _one_line(text: str) -> str:
    return " ".join(text.split())
