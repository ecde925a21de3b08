"""A program in the background ends with the one that started it, however that one ends."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scripts.networks.process import HOST, EngineError, Process, free_ports, wait_until
from tests.networks.conftest import eventually

BEAT = 'while :; do echo >> "$0"; sleep 0.02; done'
STARTER = """
import sys, time
from pathlib import Path
from scripts.networks.process import Process

process = Process.start(sys.argv[2:], Path(sys.argv[1]))
print("started", flush=True)
"""


def beating(heart: Path) -> list[str | Path]:
    """A program whose child writes to ``heart`` for as long as it lives; it and its child ignore SIGTERM."""
    return ["/bin/sh", "-c", f"trap '' TERM; sh -c '{BEAT}' \"$0\" & wait", heart]


def beats(heart: Path) -> bool:
    """Does the program's child live? Asked at once after its end, it must not write any more."""
    before = heart.stat().st_size if heart.exists() else 0
    return eventually(lambda: heart.exists() and heart.stat().st_size > before, seconds=0.5)


@pytest.fixture
def heart(tmp_path: Path) -> Path:
    return tmp_path / "heart"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def test_kill__program_with_a_child__both_are_gone(heart: Path, log: Path) -> None:
    process = Process.start(beating(heart), log)
    assert beats(heart)
    process.kill()
    assert not process.is_running()
    assert not beats(heart)


def test_stop__program_that_will_not_end__is_killed_with_its_child(heart: Path, log: Path) -> None:
    process = Process.start(beating(heart), log)
    assert beats(heart)
    process.stop(timeout_seconds=0.2)
    assert not process.is_running()
    assert not beats(heart)


def test_stop__program_that_ends_before_its_child__waits_for_the_child(tmp_path: Path, log: Path) -> None:
    done = tmp_path / "done"
    slow = f"trap '' TERM; sleep 0.5; touch {done}"
    process = Process.start(["/bin/sh", "-c", 'sh -c "$0" & exec sleep 60', slow], log)
    time.sleep(0.2)
    process.stop(timeout_seconds=10)
    assert done.exists()


def test_stop__program_that_has_ended__nothing_happens(log: Path) -> None:
    process = Process.start(["true"], log)
    assert eventually(lambda: not process.is_running(), seconds=5)
    process.stop()


@pytest.mark.parametrize(
    "end", ["time.sleep(60)", "sys.exit(0)", "raise ValueError"], ids=["killed", "exited", "raised"]
)
def test_starter__ends_in_any_way__the_program_and_its_child_end_too(
    project_root: Path, heart: Path, log: Path, end: str
) -> None:
    command = [sys.executable, "-c", STARTER + end, log, *beating(heart)]
    starter = subprocess.Popen(
        command, cwd=project_root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert starter.stdout is not None
    assert starter.stdout.readline() == "started\n"
    if "sleep" in end:
        assert beats(heart)
        starter.send_signal(signal.SIGKILL)
    starter.communicate()
    assert eventually(lambda: not beats(heart), seconds=5)


def test_start__what_it_says__is_appended_to_the_log(log: Path) -> None:
    for word in ("one", "two"):
        process = Process.start(["sh", "-c", f"echo {word}; echo {word} >&2"], log)
        assert eventually(lambda running=process: not running.is_running(), seconds=5)
        process.stop()
    assert log.read_text().split() == ["one", "one", "two", "two"]


def test_start__our_settings__are_not_passed_on(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINBILL_PASSPHRASE", "secret")
    process = Process.start(["env"], log)
    assert eventually(lambda: not process.is_running(), seconds=5)
    process.stop()
    assert "PATH=" in log.read_text()
    assert "secret" not in log.read_text()


def test_start__no_such_program__says_so(log: Path) -> None:
    with pytest.raises(EngineError, match="/no/such cannot be run: No such file"):
        Process.start(["/no/such"], log)


def test_wait_until__program_ends_meanwhile__says_its_last_words(log: Path) -> None:
    process = Process.start(["sh", "-c", "echo no database"], log)
    with pytest.raises(EngineError, match=r"node: the program ended;(?s:.*)no database"):
        wait_until(lambda: False, "node", seconds=30, processes=[process], log_file=log)
    process.stop()


def test_wait_until__too_long__says_how_long(log: Path) -> None:
    with pytest.raises(EngineError, match="node: not within 0 s"):
        wait_until(lambda: False, "node", seconds=0.1, processes=[], log_file=log)


def test_free_ports__one_that_is_taken__is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr("scripts.networks.process.random.sample", lambda *_: [port, port + 1, port + 2])
        assert port not in free_ports(1)
