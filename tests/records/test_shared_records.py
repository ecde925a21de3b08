"""Sealed records lie whole in a folder that others reach, and what else lies there is passed over."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from chainbill.errors import StateError
from chainbill.records.sealed_file import MOST_BYTES, SealedRecord
from chainbill.records.shared_records import RecordsFolder, read_records, write_records

ONE, OTHER = b"\x01" * 32, b"\x02" * 32
RECORD = SealedRecord({"aa": b"box of a", "bb": b"box of b"})


@pytest.fixture
def folder(tmp_path: Path) -> RecordsFolder:
    return RecordsFolder(tmp_path)


def path_of(folder: RecordsFolder, commitment: bytes) -> Path:
    return folder.folder / f"{commitment.hex()}.sealed"


def test_put__then_get__is_the_record_and_may_be_read_by_all(folder: RecordsFolder) -> None:
    assert folder.put(ONE, RECORD) is True
    assert folder.put(ONE, RECORD) is False
    assert folder.get(ONE) == RECORD
    assert path_of(folder, ONE).stat().st_mode & 0o777 == 0o644
    assert [path.name for path in folder.folder.iterdir()] == [f"{ONE.hex()}.sealed"]


def test_put__beside_copies_of_others__keeps_both_and_its_own_win(folder: RecordsFolder) -> None:
    folder.put(ONE, SealedRecord({"aa": b"forged", "cc": b"box of c"}))
    assert folder.put(ONE, RECORD) is True
    assert folder.get(ONE) == SealedRecord({**RECORD.copies, "cc": b"box of c"})


def test_put__onto_a_file_filled_up_by_somebody__is_there_and_can_be_read(folder: RecordsFolder) -> None:
    folder.put(ONE, SealedRecord({"junk": bytes(MOST_BYTES * 3 // 4 - 45)}))
    assert folder.put(ONE, RECORD) is True
    assert folder.get(ONE) == RECORD


def test_folder__not_there__is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="there is no folder"):
        RecordsFolder(tmp_path / "not mounted")


def test_iterate__hostile_folder__gives_the_records_alone(folder: RecordsFolder, tmp_path: Path) -> None:
    folder.put(ONE, RECORD)
    secret = tmp_path / "secret"
    secret.write_bytes(RECORD.to_bytes())
    hostile = [bytes([number]) * 32 for number in range(10, 16)]
    path_of(folder, hostile[0]).symlink_to(secret)
    os.mkfifo(path_of(folder, hostile[1]))
    path_of(folder, hostile[2]).mkdir()
    path_of(folder, hostile[3]).write_bytes(b" " * (MOST_BYTES + 1))
    path_of(folder, hostile[4]).write_bytes(b"[" * 100_000)
    path_of(folder, hostile[5]).write_bytes(b'{"version": 1, "copies": [{"to": 1, "box": ""}]}')
    (folder.folder / "..sealed").write_bytes(RECORD.to_bytes())
    (folder.folder / ("AB" * 32 + ".sealed")).write_bytes(RECORD.to_bytes())
    assert list(folder) == [(ONE, RECORD)]
    assert [folder.get(each) for each in hostile] == [None] * len(hostile)


def test_file__what_was_written__is_read(tmp_path: Path) -> None:
    path = tmp_path / "records"
    path.write_bytes(write_records([(ONE, RECORD), (OTHER, RECORD)]))
    assert list(read_records(path)) == [(ONE, RECORD), (OTHER, RECORD)]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        orjson.dumps({"commitment": "12", **RECORD.to_json()}),
        orjson.dumps({"commitment": "../" * 10, **RECORD.to_json()}),
        orjson.dumps({"commitment": ONE.hex(), "version": 2, "copies": []}),
        b"1" * (MOST_BYTES + 10),
    ],
)
def test_file__hostile_line__is_refused_by_its_number(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "records"
    path.write_bytes(write_records([(ONE, RECORD)]) + line + b"\n")
    with pytest.raises(StateError, match="line 3, is no sealed record"):
        list(read_records(path))


def test_file__of_something_else__is_refused(tmp_path: Path) -> None:
    path = tmp_path / "records"
    path.write_bytes(b"a letter")
    with pytest.raises(StateError, match="line 1, is no sealed record"):
        list(read_records(path))
