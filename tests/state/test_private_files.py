"""Private files are whole or absent, and nobody else's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chainbill.errors import StateError
from chainbill.state.private_files import locked, read_private, write_private


def test_write_private__new_file_in_a_new_folder__only_the_owner_may_enter_and_read(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    write_private(path, b"content")
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_private(path) == b"content"


def test_write_private__interrupted__leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_private(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match="cannot be written: the disk is full"):
        write_private(path, b"new")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("file", b"old")]


def test_write_private__not_to_replace__refuses_a_second_write(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_private(path, b"first", replace=False)
    with pytest.raises(StateError, match="exists already"):
        write_private(path, b"second", replace=False)
    assert read_private(path) == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_read_private__absent__is_none(tmp_path: Path) -> None:
    assert read_private(tmp_path / "nothing") is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_read_private__open_to_others__is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    write_private(path, b"content")
    path.chmod(mode)
    with pytest.raises(StateError, match="open to other users") as refusal:
        read_private(path)
    assert refusal.value.hint == f"chmod 600 {path}"


def test_locked__held_by_another__is_refused_in_time_and_free_afterwards(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with locked(lock), pytest.raises(StateError, match="still at work"), locked(lock, wait_seconds=0):
        pytest.fail("two hold the lock")
    with locked(lock, wait_seconds=0):
        pass


def test_locked__a_folder_in_the_locks_place__is_said_so(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(StateError, match="cannot be used: it is a folder"), locked(tmp_path / "lock"):
        pytest.fail("a folder is no lock")
