"""A program in the background that ends with the one that started it, however that one ends."""

from __future__ import annotations

import os
import random
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

HOST = "127.0.0.1"
"""Everything listens here and nowhere else."""

STOP_SECONDS = 30.0
"""How long a program may take to end when asked to; a node writes its database out."""

_KILL_SECONDS = 10.0
_POLL_SECONDS = 0.05
_PORTS = range(20_000, 32_000)
_PROBES = 100

_GUARD = 'read -r _; kill -s KILL -- "-$1"'
"""Waits until its input is closed, which the end of the starter does, and ends the group of processes."""


class EngineError(Exception):
    """A chain could not be built, started or brought to answer."""


class Process:
    """One running program, in a session of its own with whatever it starts itself."""

    def __init__(self, program: subprocess.Popen[bytes], alive: int, guard: subprocess.Popen[bytes]) -> None:
        """Use `start`."""
        self._program = program
        self._alive = alive
        self._guard = guard

    @classmethod
    def start(cls, command: Sequence[str | Path], log_file: Path) -> Self:
        """Start a program; what it says is appended to ``log_file``.

        Raises:
            EngineError: it cannot be run.
        """
        # Held open by the program and by all that it starts: reads as closed once the last of them is gone,
        # also where nobody collects them.
        alive, held = os.pipe()
        try:
            with log_file.open("ab") as log:
                program = subprocess.Popen(
                    command,
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    pass_fds=[held],
                )
        except OSError as error:
            os.close(alive)
            raise EngineError(f"{command[0]} cannot be run: {error.strerror}") from None
        finally:
            os.close(held)
        watch = ["/bin/sh", "-c", _GUARD, "guard", str(program.pid)]
        guard = subprocess.Popen(watch, stdin=subprocess.PIPE, start_new_session=True)
        return cls(program, alive, guard)

    @property
    def pid(self) -> int:
        """The program's own; also the id of its group."""
        return self._program.pid

    def is_running(self) -> bool:
        """Has the program not ended?"""
        return self._program.poll() is None

    def stop(self, timeout_seconds: float = STOP_SECONDS) -> None:
        """Ask it to end and wait for that; kill it where it takes longer."""
        self._program.terminate()
        self._gone_within(timeout_seconds)
        self.kill()

    def kill(self) -> None:
        """End it and all that it started, at once (SIGKILL), and wait until they are gone.

        Raises:
            EngineError: they are not gone after a while.
        """
        # While one of the group lives, or is not collected, its id cannot be another's.
        if self.is_running() or not self._gone_within(0):
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        gone = self._gone_within(_KILL_SECONDS)
        self._program.wait()
        os.close(self._alive)
        self._dismiss_guard()
        if not gone:
            raise EngineError(f"processes of group {self.pid} are still there after SIGKILL")

    def _dismiss_guard(self) -> None:
        self._guard.kill()
        self._guard.wait()
        if self._guard.stdin is not None:
            self._guard.stdin.close()

    def _gone_within(self, seconds: float) -> bool:
        closed, _, _ = select.select([self._alive], [], [], seconds)
        return bool(closed)


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on. They lie below those that systems give to outgoing connections, so that
    a program that is started again finds its own free.

    Raises:
        EngineError: nearly all are taken.
    """
    found: list[int] = []
    for port in random.sample(_PORTS, _PROBES + count):
        if len(found) == count:
            break
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            if probe.connect_ex((HOST, port)) != 0:
                found.append(port)
    if len(found) < count:
        raise EngineError(f"no {count} free ports between {_PORTS.start} and {_PORTS.stop}")
    return found


def wait_until(
    holds: Callable[[], bool], what: str, *, seconds: float, processes: Sequence[Process], log_file: Path
) -> None:
    """Wait until something holds that running programs bring about.

    Args:
        holds: asked again and again.
        what: names it in the error.
        seconds: how long at most.
        processes: where one of these ends meanwhile, waiting is in vain.
        log_file: its last lines become part of the error.

    Raises:
        EngineError: time is over, or a program ended.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if not all(process.is_running() for process in processes):
            raise EngineError(f"{what}: the program ended; {log_file} ends with\n{_tail(log_file)}")
        if time.monotonic() > deadline:
            raise EngineError(f"{what}: not within {seconds:.0f} s; {log_file} ends with\n{_tail(log_file)}")
        time.sleep(_POLL_SECONDS)


def _environment() -> dict[str, str]:
    """Ours without the project's own settings: a node has no business with the keystores' passphrase."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CHAINBILL_")}


def _tail(log_file: Path, lines: int = 12) -> str:
    text = log_file.read_text(encoding="utf-8", errors="replace") if log_file.is_file() else ""
    return "\n".join(text.splitlines()[-lines:])
