"""Files that commands are given and write, and a disk that does not do its part."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest
from tests.support.roles import PLAN, Town

from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.failures import run
from chainbill.errors import StateError
from chainbill.records.database import Database
from chainbill.state import private_files as files
from chainbill.state.private_files import locked, write_private

PROGRAM = [sys.executable, "-c", "from chainbill.cli import main; main()"]

X12 = "ISA*00*          *00*          *ZZ*A*ZZ*B*240305*1000*^*00501*1*0*P*:~GS*HC*A*B~ST*837*0001~"


# ---- given --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command, reads",
    [
        (("insurer", "plan"), "a plan file in TOML"),
        (("insurer", "fees"), "a fee file in TOML"),
        (("insurer", "enrol", "--file"), "a member file in CSV"),
        (("provider", "prices"), "a price file in TOML"),
        (("insurer", "fees", "--catalogue"), "a service catalogue in TOML"),
        (("relay", "show"), "a file that a patient has signed"),
        (("relay", "submit"), "a file that a patient has signed"),
        (("audit", "verify", "--ledger"), "a copy of the ledger"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else "",
)
def test_file__of_another_kind__is_named_with_what_is_read(
    town: Town, command: tuple[str, ...], reads: str
) -> None:
    error = town(*command, town.file("claim.x12", X12)).error
    assert f"this is an X12 837 file (claim); what is read here is {reads}" in error
    assert "hint: " in error


def test_file__that_another_command_takes__names_it(town: Town) -> None:
    error = town("insurer", "fees", town.file("plan.toml", PLAN)).error
    assert "this is a plan file; what is read here is a fee file" in error
    assert "hint: it is for: chainbill insurer plan" in error


@pytest.mark.parametrize("command", [("insurer", "plan"), ("audit", "verify", "--ledger")])
def test_file__not_there__is_wrong_usage(town: Town, command: tuple[str, ...]) -> None:
    ran = town(*command, "nowhere/file")
    assert (ran.code, "there is no file nowhere/file: is it spelled right?" in ran.err) == (2, True)


# ---- written ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [("audit", "history", "--export"), ("patient", "sign", "withdraw", 5, "--output")],
    ids=lambda command: str(command[0]),
)
def test_file__to_be_written__replaces_none_and_makes_no_folder_unless_told(
    town: Town, tmp_path: Path, command: tuple[object, ...]
) -> None:
    file = tmp_path / "out.json"
    file.write_text("mine")
    error = town(*command, file).error
    assert f"{file} exists already, and is left as it is" in error
    assert "hint: name another file, or replace it: --force" in error
    assert file.read_text() == "mine"
    assert town(*command, file, "--force").code == 0
    assert file.read_text() != "mine"

    deep = tmp_path / "a" / "b" / "out.json"
    error = town(*command, deep).error
    assert f"there is no folder {deep.parent} for out.json" in error
    assert not (tmp_path / "a").exists()
    assert town(*command, deep, "--force").code == 0
    assert deep.read_bytes()


def test_file__to_be_written_that_is_a_device__stays_one(town: Town) -> None:
    assert town("audit", "history", "--export", "/dev/null").code == 0
    assert Path("/dev/null").is_char_device()
    assert town("patient", "sign", "withdraw", 5, "--output", "/dev/null", "--force").code == 0
    assert Path("/dev/null").is_char_device()


# ---- a disk that does not do its part -----------------------------------------------------------------


def failing(error: BaseException) -> Any:
    """A command that fails so."""

    @click.command(cls=ShellCommand)
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    "number, told",
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "this user's share of the disk is full"),
        (errno.EROFS, "it can only be read"),
        (errno.EACCES, "this user may not"),
        (errno.ENAMETOOLONG, "its name is too long"),
    ],
)
def test_system_error__anywhere__is_a_line_and_a_hint(
    capfd: pytest.CaptureFixture[str], number: int, told: str
) -> None:
    code = run(failing(OSError(number, os.strerror(number), "/somewhere/file")), ["--json"])
    ran = capfd.readouterr()
    assert code == 1
    assert f"error: /somewhere/file cannot be used: {told}\nhint: " in ran.err
    assert "bug" not in ran.err
    assert json.loads(ran.out)["error"]["type"] == "StateError"


def test_output__on_a_full_disk__is_said_once_on_stderr() -> None:
    for arguments in (["--help"], ["doctor", "--json"], ["devnet", "down"]):
        ran = subprocess.run(
            ["/bin/sh", "-c", 'exec "$@" > /dev/full', "sh", *PROGRAM, *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 1, arguments
        assert ran.stderr.splitlines()[-2:] == [
            "error: the output cannot be written: the disk is full",
            "hint: make room and run it again: what was kept before is kept",
        ]


def test_database__on_a_full_disk__says_so_and_keeps_what_it_had(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.sqlite", "CREATE TABLE IF NOT EXISTS kept (what TEXT)", "a list")
    with database.connection() as opened:
        opened.execute("INSERT INTO kept VALUES ('before')")
    refused = pytest.raises(StateError, match=r"a\.sqlite cannot be used: the disk is full")
    with refused as refusal, database.connection() as opened:
        opened.execute("PRAGMA max_page_count = 1")
        opened.execute("INSERT INTO kept VALUES (?)", ("x" * 100_000,))
    assert "make room" in (refusal.value.hint or "")
    with database.connection() as opened:
        assert opened.execute("SELECT what FROM kept").fetchall() == [("before",)]


def test_database__that_can_only_be_read__says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(tmp_path / "a.sqlite", "CREATE TABLE IF NOT EXISTS kept (what TEXT)", "a list")
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **_: connect(f"file:{path}?mode=ro", uri=True))
    with pytest.raises(StateError, match="it can only be read"), database.connection() as opened:
        opened.execute("INSERT INTO kept VALUES ('x')")


def test_database__where_no_folder_can_be__says_so(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StateError, match="cannot be"):
        Database(tmp_path / "taken" / "a.sqlite", "CREATE TABLE IF NOT EXISTS kept (what TEXT)", "a list")


def test_database__misused_by_us__is_no_excuse(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.sqlite", "CREATE TABLE IF NOT EXISTS kept (what TEXT)", "a list")
    with pytest.raises(sqlite3.OperationalError), database.connection() as opened:
        opened.execute("SELECT nothing FROM nowhere")
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as opened:
        assert opened.execute("SELECT * FROM kept").fetchall() == []


def test_lock__where_nothing_can_be_written__says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(files.os, "open", refuse)
    with pytest.raises(StateError, match=r"the lock .*a\.lock cannot be used: it can only be read"):
        locked(tmp_path / "a.lock").__enter__()


def test_write_private__where_nothing_can_be_written__says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="file is a file and no folder"):
        write_private(tmp_path / "file" / "below", b"")
