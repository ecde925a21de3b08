"""What a killed writer left is swept; a file that is being written, and everybody else's, is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chainbill.records.vault import Vault
from chainbill.records.whole_file import sweep, write_whole
from chainbill.state.directory import StateDirectory
from chainbill.state.private_files import UNFINISHED, read_private

WRITER = """
import os, sys
from pathlib import Path
from chainbill.records.whole_file import write_whole

def wait(_):
    print("half", flush=True)
    sys.stdin.readline()

os.fsync = wait
write_whole(Path(sys.argv[1]), b"content", prefix=sys.argv[2])
"""
"""Writes a file, and stops half way until it is told to go on."""

Begin = Callable[[Path, str], "subprocess.Popen[str]"]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Starts writers that have each written half when it returns."""
    started: list[subprocess.Popen[str]] = []

    def start(path: Path, prefix: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WRITER, str(path), prefix]
        writer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(writer)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "half\n"
        return writer

    yield start
    for writer in started:
        writer.kill()
        writer.communicate()


def in_state(root: Path) -> tuple[Path, str, Callable[[], object]]:
    return root / "addressbook.json", UNFINISHED, lambda: StateDirectory.open(root)


def in_keystores(root: Path) -> tuple[Path, str, Callable[[], object]]:
    (root / "keystores").mkdir(mode=0o700)
    return root / "keystores" / "maria.json", UNFINISHED, lambda: StateDirectory.open(root)


def in_vault(root: Path) -> tuple[Path, str, Callable[[], object]]:
    return root / "00.sealed", ".sealing-", lambda: Vault(root)


@pytest.fixture(params=[in_state, in_keystores, in_vault])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str, Callable[[], object]]:
    """A file of ours, how it is named until it is whole, and what opens its directory."""
    tmp_path.chmod(0o700)
    found: tuple[Path, str, Callable[[], object]] = request.param(tmp_path)
    return found


def left(path: Path, prefix: str) -> list[Path]:
    return list(path.parent.glob(f"{prefix}*"))


def test_open__a_writer_was_killed__what_it_left_is_gone(
    place: tuple[Path, str, Callable[[], object]], begin: Begin
) -> None:
    path, prefix, reopen = place
    writer = begin(path, prefix)
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert len(left(path, prefix)) == 1
    reopen()
    assert left(path, prefix) == []
    assert not path.exists()


def test_open__a_writer_is_at_work__its_file_is_left_to_it(
    place: tuple[Path, str, Callable[[], object]], begin: Begin
) -> None:
    path, prefix, reopen = place
    writer = begin(path, prefix)
    reopen()
    assert len(left(path, prefix)) == 1
    writer.communicate("go on\n")
    assert writer.returncode == 0
    assert read_private(path) == b"content"
    assert left(path, prefix) == []


def test_write_whole__swept_before_it_could_lock__begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    locks = fcntl.flock
    swept: list[str] = []

    def late(descriptor: int, operation: int) -> None:
        if not swept:
            swept.extend(entry.name for entry in tmp_path.iterdir())
            for name in swept:
                (tmp_path / name).unlink()
        locks(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    write_whole(tmp_path / "file", b"content", prefix=".writing-")
    assert len(swept) == 1
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("file", b"content")]


def test_sweep__files_of_other_kinds__stay(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"kept")
    for name in (".writing-", ".writing-notes.txt", "x.writing-abcdefgh", ".sealing-abcdefgh", "a.json"):
        (tmp_path / name).write_bytes(b"kept")
    (tmp_path / ".writing-thelinks").symlink_to(tmp_path / "kept")
    (tmp_path / ".writing-thelink1").symlink_to(tmp_path / "kept")
    (tmp_path / ".writing-afolder1").mkdir()
    os.mkfifo(tmp_path / ".writing-afifo_12")
    before = sorted(tmp_path.iterdir())
    (tmp_path / ".writing-leftover").write_bytes(b"left by an earlier chainbill, which held no lock")
    sweep(tmp_path, ".writing-")
    assert sorted(tmp_path.iterdir()) == before


def test_sweep__no_such_directory__is_nothing_to_do(tmp_path: Path) -> None:
    sweep(tmp_path / "nowhere", ".writing-")
    assert list(tmp_path.iterdir()) == []
