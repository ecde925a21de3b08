"""Private files: whole or absent whatever happens meanwhile, readable by their owner alone."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chainbill.errors import StateError, unusable
from chainbill.records.whole_file import make_folder, write_whole

LOCK_SECONDS = 60.0
"""How long a command waits for another that changes the same file; bringing a devnet up is the longest."""

UNFINISHED = ".writing-"
"""How a file's name begins until it is whole."""


def write_private(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Write a file (0600) beside its place, sync it, then put it there; folders are made 0700.

    Raises:
        StateError: it cannot be written, or it exists and ``replace`` is false.
    """
    try:
        make_folder(path.parent)
        write_whole(path, content, prefix=UNFINISHED, replace=replace)
    except FileExistsError:
        if not path.parent.is_dir():
            raise StateError(f"{path} cannot be written: {path.parent} is a file and no folder") from None
        raise StateError(f"{path} exists already") from None
    except OSError as error:
        raise unusable(path, "written", error) from None


def read_private(path: Path) -> bytes | None:
    """A file's content; None where it is absent.

    Raises:
        StateError: it cannot be read, or other users can.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            content = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unusable(path, "read", error) from None
    if mode & 0o077:
        raise StateError(f"{path} is open to other users (mode {mode:o})", hint=f"chmod 600 {path}")
    return content


@contextmanager
def locked(path: Path, *, wait_seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock file ``path`` against other processes. It goes with the process, however that ends.

    Raises:
        StateError: another process holds it for longer than ``wait_seconds``, or it cannot be made.
    """
    try:
        make_folder(path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise unusable(f"the lock {path}", "used", error) from None
    try:
        _acquire(descriptor, path, time.monotonic() + wait_seconds)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StateError(
                    f"another chainbill command is still at work on {path.parent}",
                    hint="wait for it, then try again",
                ) from None
            time.sleep(0.05)
        else:
            return
