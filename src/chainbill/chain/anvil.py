"""An anvil process: started in the background, known again by its command line, ended by its pid."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from chainbill.chain.anvil_binary import find_anvil
from chainbill.errors import ChainError, DevnetError

CHAIN_ID = 31337
"""The devnet's chain id."""

HOST = "127.0.0.1"
"""The devnet listens here and nowhere else."""

START_SECONDS = 20.0
"""How long a starting anvil may take to answer."""

STOP_SECONDS = 30.0
"""How long an ending anvil may take to write its state before it is killed."""

_POLL_SECONDS = 0.02
_PORT_ATTEMPTS = 3


class Anvil(BaseModel):
    """One running anvil, as it can be written down and found again by another process."""

    model_config = ConfigDict(frozen=True)

    pid: int
    port: int
    state_file: Path
    """Absolute; anvil reads it at start and writes it when it ends gracefully, and only then."""

    @property
    def rpc_url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.port}"

    def is_running(self) -> bool:
        """Is the process of this pid still this anvil? A pid that went to another program is not."""
        is_child = _is_living_child(self.pid)
        command = _command_line(self.pid)
        if not command:
            # For a moment after its birth a process shows no arguments; only its parent can ask that early.
            return is_child
        return str(self.state_file) in command and f" --port {self.port} " in command

    def call(self, method: str, *parameters: Any, timeout_seconds: float = 30.0) -> Any:
        """Call a JSON-RPC method, directly (web3 costs most of a second to import; proxies never see it).

        Raises:
            ChainError: nothing answers, or the answer is an error.
        """
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        connection = HTTPConnection(HOST, self.port, timeout=timeout_seconds)
        try:
            connection.request("POST", "/", json.dumps(request), {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        except (OSError, HTTPException, ValueError):
            raise ChainError(f"the devnet does not answer at {self.rpc_url}") from None
        finally:
            connection.close()
        if "error" in answer:
            raise ChainError(f"the devnet refused {method}: {answer['error'].get('message')}")
        return answer["result"]

    def stop(self, timeout_seconds: float = STOP_SECONDS) -> None:
        """End it gracefully, so that it writes its state; kill it where it does not end in time.

        Raises:
            DevnetError: it ended, but its chain was not saved.
        """
        before = fingerprint(self.state_file)
        _signal(self.pid, signal.SIGTERM)
        if not self._gone_within(timeout_seconds):
            self.kill()
            raise DevnetError(
                f"anvil (pid {self.pid}) did not end within {timeout_seconds:.0f} s and was killed"
            )
        if fingerprint(self.state_file) in (None, before):
            raise DevnetError(f"anvil (pid {self.pid}) ended without saving its chain to {self.state_file}")

    def kill(self) -> None:
        """End it at once; what is not saved is lost."""
        if self.is_running():
            _signal(self.pid, signal.SIGKILL)
            self._gone_within(STOP_SECONDS)

    def _gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.is_running():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True


class Fork(NamedTuple):
    """Another chain, from whose newest block an anvil goes on by itself."""

    rpc_url: str
    """Where its node answers."""
    chain_id: int


def start(
    state_file: Path,
    log_file: Path,
    *,
    port: int | None = None,
    timestamp: int | None = None,
    fork: Fork | None = None,
) -> Anvil:
    """Start anvil in a session of its own and wait until it answers.

    Args:
        state_file: the chain to go on with, where it exists; written at the end.
        log_file: replaced; anvil's own complaints go there (quiet: it would print a mnemonic and every call).
        port: on the loopback interface; a free one where it is None.
        timestamp: what anvil's clock shows at the start, seconds since 1970; the wall clock where None.
        fork: the chain to begin from; one of its own where None.

    Raises:
        DevnetError: no binary, the port is taken, or anvil ends or stays silent.
    """
    binary = find_anvil()
    for attempt in range(_PORT_ATTEMPTS):
        chosen = port if port is not None else _free_port()
        try:
            return _start_on(chosen, binary, state_file.absolute(), log_file, timestamp, fork)
        except _PortTakenError:
            # Somebody was quicker: with a free port, try another.
            if port is not None or attempt == _PORT_ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def fingerprint(path: Path) -> tuple[int, int] | None:
    """Time of writing (ns) and size of a file, None where it is absent: has anvil written it since?"""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size


def is_taken(port: int) -> bool:
    """Does anything listen on the loopback port?"""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


class _PortTakenError(DevnetError):
    """Another program listens on the port."""


def _environment() -> dict[str, str]:
    """Ours without our own settings: anvil has no business with the keystores' passphrase."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CHAINBILL_")}


def _start_on(
    port: int, binary: Path, state_file: Path, log_file: Path, timestamp: int | None, fork: Fork | None
) -> Anvil:
    # Asked beforehand: otherwise its owner could answer in the moment before our anvil fails to take it.
    if is_taken(port):
        raise _PortTakenError(
            f"port {port} is taken by another program", hint="choose another with --port, or none"
        )
    anvil = _spawn(binary, state_file, log_file, port, timestamp, fork)
    try:
        _wait_for_answer(anvil, log_file)
    except BaseException:
        anvil.kill()
        raise
    return anvil


def _spawn(
    binary: Path, state_file: Path, log_file: Path, port: int, timestamp: int | None, fork: Fork | None
) -> Anvil:
    chain_id = CHAIN_ID if fork is None else fork.chain_id
    arguments = [str(binary), "--host", HOST, "--port", str(port), "--chain-id", str(chain_id)]
    # Osaka's cap of 2^24 gas per transaction holds only with both flags. No accounts of anvil's own: their
    # keys are published. No CORS: web pages have no business here. The cache stays out of the home directory.
    arguments += ["--hardfork", "osaka", "--enable-tx-gas-limit", "--accounts", "0", "--no-cors", "--quiet"]
    arguments += ["--state", str(state_file), "--cache-path", str(state_file.with_name("anvil-cache"))]
    if timestamp is not None:
        arguments += ["--timestamp", str(timestamp)]
    if fork is not None:
        arguments += ["--fork-url", fork.rpc_url, "--no-storage-caching"]
    log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    streams = [
        (os.POSIX_SPAWN_DUP2, nothing, 0),
        (os.POSIX_SPAWN_DUP2, log, 1),
        (os.POSIX_SPAWN_DUP2, log, 2),
    ]
    try:
        # Not subprocess.Popen: nobody here waits for this child, it outlives the command that starts it.
        pid = os.posix_spawn(binary, arguments, _environment(), file_actions=streams, setsid=True)
    except OSError as error:
        raise DevnetError(f"{binary} cannot be run: {error.strerror}") from None
    finally:
        os.close(log)
        os.close(nothing)
    return Anvil(pid=pid, port=port, state_file=state_file)


def _wait_for_answer(anvil: Anvil, log_file: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if not anvil.is_running():
            raise _failure(anvil.port, log_file)
        try:
            anvil.call("eth_chainId", timeout_seconds=1.0)
        except ChainError:
            time.sleep(_POLL_SECONDS)
        else:
            return
    raise DevnetError(
        f"anvil does not answer at {anvil.rpc_url} after {START_SECONDS:.0f} s", hint=f"see {log_file}"
    )


def _failure(port: int, log_file: Path) -> DevnetError:
    said = log_file.read_text(encoding="utf-8", errors="replace").strip()
    if "Address already in use" in said:
        return _PortTakenError(
            f"port {port} was taken by another program", hint="choose another with --port, or none"
        )
    last = next((line for line in said.splitlines() if line.strip()), "it gave no reason")
    return DevnetError(f"anvil would not start: {last.removeprefix('Error: ').removeprefix('error: ')[:300]}")


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _is_living_child(pid: int) -> bool:
    """Did this process start it, and is it alive? One that has ended is collected, or it would linger."""
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return False


def _command_line(pid: int) -> str:
    """A process's arguments, separated by blanks; empty where it is gone (or a zombie)."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    shown = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip()
