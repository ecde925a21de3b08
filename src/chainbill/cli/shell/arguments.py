"""What an error says of arguments, said of the options that the command line has for them.

Below the command line an argument is called as a program gives it, ```limit=AMOUNT```; here that is
``--limit AMOUNT``.
"""

from __future__ import annotations

import re

ARGUMENT = re.compile(r"`([a-z_]+)=([^`]*)`")
"""An argument in a message or a hint: its name, and what is given, which may be nothing."""

_OPTIONS = {
    "delay_seconds": "--delay",
    "duration": "--for",
    "patients": "--patient",
    "rpc_urls": "--rpc-url",
    "secondary": "--secondary or --no-secondary",
    "state": "--state-dir",
    "who": "--as",
}
"""Of the arguments that have another name than their option."""


def option_of(argument: str) -> str:
    """The option for an argument."""
    return _OPTIONS.get(argument) or f"--{argument.replace('_', '-')}"


def as_options(text: str) -> str:
    """A message or a hint with its arguments as options."""
    return ARGUMENT.sub(_option, text)


def _option(found: re.Match[str]) -> str:
    given = found.group(2)
    return option_of(found.group(1)) + ("" if given in ("", "True") else f" {given}")
