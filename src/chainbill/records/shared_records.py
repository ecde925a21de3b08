"""Sealed records on their way to their readers: a folder that both sides reach, or one file.

The folder may be anything that is mounted or synced as one: a share, a bucket. Files are named for their
commitments, whole or absent, and may be read by everybody: a record is opened by those alone that it is
sealed to, and whether it is the right one its commitment says. Whatever else lies there is passed over.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import orjson

from chainbill.errors import StateError, unusable
from chainbill.records.sealed_file import MOST_BYTES, SealedRecord
from chainbill.records.whole_file import write_whole

SUFFIX = ".sealed"
"""How a sealed record's file ends; before it stands the commitment, 64 hexadecimal digits."""

_NAME = re.compile(r"[0-9a-f]{64}\.sealed")
_UNFINISHED = ".sealing-"
_HEADER = {"chainbill": "sealed records", "version": 1}
_EVERYBODY = 0o644


class RecordsFolder:
    """A folder that several parties reach, in which sealed records lie."""

    def __init__(self, folder: Path) -> None:
        """``folder`` must be there: one that is not mounted would be filled in vain.

        Raises:
            StateError: it is not there, or is no folder.
        """
        if not folder.is_dir():
            raise StateError(
                f"there is no folder {folder} for sealed records",
                hint="mount it, or make it; the environment's CHAINBILL_RECORDS may name it",
            )
        self.folder = folder

    def put(self, commitment: bytes, record: SealedRecord) -> bool:
        """Lay a record there, beside the copies that lie there of it; False where it lies there already.

        Raises:
            StateError: it cannot be written.
        """
        there = self.get(commitment)
        copies = {**(there.copies if there else {}), **record.copies}
        if there is not None and there.copies == copies:
            return False
        content = SealedRecord(copies).to_bytes()
        if len(content) > MOST_BYTES:
            content = record.to_bytes()  # what lay there was somebody's to fill it up with
        try:
            path = self.folder / f"{commitment.hex()}{SUFFIX}"
            write_whole(path, content, prefix=_UNFINISHED, mode=_EVERYBODY)
        except OSError as error:
            raise unusable(f"the folder {self.folder}", "written", error) from None
        return True

    def get(self, commitment: bytes) -> SealedRecord | None:
        """A record; None where it is not there, or what is there in its place is none."""
        with suppress(OSError, StateError):
            return SealedRecord.parse(_read_file(self.folder / f"{commitment.hex()}{SUFFIX}"))
        return None

    def __iter__(self) -> Iterator[tuple[bytes, SealedRecord]]:
        """Every record there, by commitment."""
        try:
            names = sorted(entry.name for entry in os.scandir(self.folder))
        except OSError as error:
            raise unusable(f"the folder {self.folder}", "read", error) from None
        for name in names:
            if _NAME.fullmatch(name):
                commitment = bytes.fromhex(name.removesuffix(SUFFIX))
                record = self.get(commitment)
                if record is not None:
                    yield commitment, record


def write_records(records: Iterable[tuple[bytes, SealedRecord]]) -> bytes:
    """Many records as the content of one file: a line each."""
    lines = [_HEADER, *({"commitment": each.hex(), **record.to_json()} for each, record in records)]
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)


def read_records(path: Path) -> Iterator[tuple[bytes, SealedRecord]]:
    """The records of such a file, as they are read.

    Raises:
        StateError: it cannot be read, or is no such file; names the line.
    """
    hint = "whoever holds the records makes one: chainbill records export"
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(MOST_BYTES + 1), b""), start=1):
                try:
                    if number == 1:
                        if orjson.loads(line) != _HEADER:
                            raise ValueError
                        continue
                    yield _line(line)
                except (ValueError, KeyError, TypeError, StateError):
                    raise StateError(f"{path}, line {number}, is no sealed record", hint=hint) from None
    except OSError as error:
        raise unusable(path, "read", error) from None


def _line(line: bytes) -> tuple[bytes, SealedRecord]:
    if len(line) > MOST_BYTES:
        raise ValueError
    read = orjson.loads(line)
    commitment = bytes.fromhex(read["commitment"])
    if len(commitment) != 32:
        raise ValueError
    return commitment, SealedRecord.of(read)


def _read_file(path: Path) -> bytes:
    """A file's content, where it is a plain file of a size that a record can have.

    Raises:
        OSError: it cannot be read.
        StateError: it is a link, a device or a pipe, or too large.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
            raise StateError(f"{path} is no sealed record")
        return file.read(MOST_BYTES + 1)
