"""Files that are whole or absent whatever happens meanwhile, and what a killed writer left of one.

A file is written beside its place under a name of its own, synced, then put there. Its writer holds a lock on
it all the while, which goes with the process however that ends: a file that can be locked has no writer.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

_RANDOM = "[a-z0-9_]{8}"
"""What ``mkstemp`` puts behind the prefix."""


def write_whole(path: Path, content: bytes, *, prefix: str, replace: bool = True, mode: int = 0o600) -> None:
    """Write a file. ``prefix`` names it until it is whole, and is what ``sweep`` goes by.

    Raises:
        FileExistsError: it is there, and ``replace`` is false.
        OSError: it cannot be written; what was there is there still.
    """
    descriptor, temporary = _begin(path.parent, prefix)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(file.fileno())
            if replace:
                temporary.replace(path)
            else:
                os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, each 0700.

    Raises:
        FileExistsError: it is a file.
        OSError: it cannot be made.
    """
    if not folder.parent.is_dir():
        make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def sweep(directory: Path, prefix: str) -> None:
    """Remove what writers left in ``directory`` that are gone. A file that is being written stays, and so
    does whatever cannot be told apart from one; a directory that is not there has nothing to sweep."""
    unfinished = re.compile(re.escape(prefix) + _RANDOM)
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if unfinished.fullmatch(entry.name):
                _remove_if_left(Path(entry.path))


def _begin(directory: Path, prefix: str) -> tuple[int, Path]:
    """A new file, locked, and its path."""
    while True:
        descriptor, name = tempfile.mkstemp(dir=directory, prefix=prefix)
        # Where the file system knows no locks, nothing is swept either.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, Path(name)
        os.close(descriptor)  # Swept between the two lines above, before it was locked.


def _remove_if_left(path: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
        finally:
            os.close(descriptor)


def sync_folder(directory: Path) -> None:
    """Make a rename survive a power cut, where the directory can be opened."""
    with suppress(PermissionError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
