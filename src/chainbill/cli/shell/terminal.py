"""The edge to the terminal: all that is written passes here, so that no text of a stranger's can steer it.

A node's error, a file's name, a record or a revert's reason may hold an escape that clears the screen, a mark
that reverses what is read, or half a character that no stream can write. Each is shown as JSON would write it
(``\\u001b``): what was there stays visible, and JSON stays the same JSON.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

import click

HOSTILE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and newline, C1 among them
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that turn the direction of what follows
    "\u2028\u2029"  # newlines of another kind
    "\u00ad\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # what nobody sees
    "\ud800-\udfff"  # halves of characters, as Python reads a file name that is no UTF-8
    "]"
)
"""What is never written as it is. Joiners (U+200C, U+200D) are: Persian names and emoji need them."""


def visible(text: str) -> str:
    """``text`` with every hostile character as ``\\uXXXX``; newlines and tabs stay."""
    return HOSTILE.sub(_escaped, text)


def one_line(text: str) -> str:
    """``visible``, on one line: a stranger's newline would otherwise begin a line in our name."""
    return visible(" ".join(text.split()))


class VisibleStream:
    """A text stream that lets nothing hostile through, nor anything that its encoding lacks.

    It has no ``buffer`` on purpose: click and others would write around it.
    """

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw
        """The stream itself, for the escapes that are our own; see ``styled``."""

    def write(self, text: str) -> int:
        """Write ``visible(text)``; returns the characters taken.

        Raises:
            TypeError: bytes, which have no place among text.
        """
        self.raw.write(_encodable(visible(text), self.encoding))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand on what was written."""
        self.raw.flush()

    def isatty(self) -> bool:
        """Is it a terminal?"""
        return self.raw.isatty()

    def fileno(self) -> int:
        """The file descriptor below it."""
        return self.raw.fileno()

    @property
    def encoding(self) -> str:
        """The raw stream's."""
        return self.raw.encoding or "utf-8"

    @property
    def errors(self) -> Any:
        """The raw stream's."""
        return self.raw.errors


@contextmanager
def visible_streams() -> Iterator[None]:
    """Guard stdout and stderr for as long as the block runs."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_guarded(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def styled(stream: object) -> TextIO:
    """The stream that takes escapes as they are, for bold type and progress bars. Whoever writes to it has
    made everything else ``visible`` before."""
    return stream.raw if isinstance(stream, VisibleStream) else cast(TextIO, stream)


def echo_styled(text: str) -> None:
    """Print text on stdout whose escapes are our own, and which is ``visible`` but for them."""
    if sys.stdout.isatty():
        raw = styled(sys.stdout)
        raw.write(_encodable(text, raw.encoding or "utf-8") + "\n")
        raw.flush()
    else:
        click.echo(text)


def _guarded(stream: object) -> TextIO:
    # None where there is no such stream, as under a daemon.
    guarded = (
        stream if stream is None or isinstance(stream, VisibleStream) else VisibleStream(cast(TextIO, stream))
    )
    return cast(TextIO, guarded)


def _escaped(match: re.Match[str]) -> str:
    return _written(match[0])


def _written(character: str) -> str:
    """As JSON writes it: a character above U+FFFF as two halves."""
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


def _encodable(text: str, encoding: str) -> str:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(each if _fits(each, encoding) else _written(each) for each in text)
    return text


def _fits(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
