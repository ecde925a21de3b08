"""How a process that runs a chain of its own is told to end: once, by an exception, so that it cleans up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_told = threading.Event()
"""Has the exception been raised? Whoever presses Ctrl-C twice must not cut the cleaning up short."""

_installed = threading.Event()


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Turn the first SIGTERM or SIGHUP into ``SystemExit`` and the first SIGINT into ``KeyboardInterrupt``;
    whatever follows it is too late to say anything. What the process ignored before (``nohup``) it goes on to
    ignore. Python allows this in the main thread only; elsewhere, and inside itself, nothing changes."""
    if threading.current_thread() is not threading.main_thread() or _installed.is_set():
        yield
        return
    before = {number: signal.getsignal(number) for number in _NUMBERS}
    heard = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    _told.clear()
    _installed.set()
    try:
        for number in heard:
            signal.signal(number, _end_once)
        yield
    finally:
        _installed.clear()
        for number, handler in heard.items():
            signal.signal(number, handler)


def _end_once(number: int, _: FrameType | None) -> None:
    if _told.is_set():
        return
    _told.set()
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
