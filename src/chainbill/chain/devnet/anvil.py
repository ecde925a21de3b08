"""An anvil process: started in the background, known again by its birth and command line, ended by its pid.

It is born behind a gate: a shell that waits for a word before it becomes anvil, under the same pid. So
whoever starts it can write down who it is before it listens or saves anything; where the starter dies first,
the word never comes and the shell ends by itself.
"""

from __future__ import annotations

import gzip
import itertools
import json
import os
import signal
import socket
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from chainbill.chain.devnet.anvil_binary import find_anvil
from chainbill.chain.node.answer import check_answer, error_message, read_body
from chainbill.errors import ChainError, DevnetError, NodeError

CHAIN_ID = 31337
"""The devnet's chain id."""

HOST = "127.0.0.1"
"""The devnet listens here and nowhere else."""

HARDFORK = "osaka"
"""The rules of the devnet: those of Ethereum today."""

START_SECONDS = 20.0
"""How long a starting anvil may take to answer."""

STOP_SECONDS = 30.0
"""How long an ending anvil may take to write its state before it is killed."""

_POLL_SECONDS = 0.02
_PORT_ATTEMPTS = 3

_GATE = 'read -r go && exec "$0" "$@" </dev/null'


class Anvil(BaseModel):
    """One running anvil, as it can be written down and found again by another process."""

    model_config = ConfigDict(frozen=True)

    pid: int
    port: int
    state_file: Path
    """Absolute; anvil writes it when it ends gracefully, and only then."""
    born: str | None = None
    """When the process began, as the system tells it; None where an earlier version wrote it down."""

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
        if self.born is not None and _birth(self.pid) != self.born:
            return False
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
            response = connection.getresponse()
            status, body = response.status, response.read()
        except (OSError, HTTPException):
            raise NodeError(f"the devnet does not answer at {self.rpc_url}") from None
        finally:
            connection.close()
        answer = check_answer(self.rpc_url, method, read_body(self.rpc_url, status, body))
        if answer.get("error") is not None:
            raise ChainError(f"the devnet refused {method}: {error_message(answer)}")
        return answer["result"]

    def dump(self) -> bytes:
        """The chain as it stands, as a file that anvil starts from.

        Raises:
            ChainError: it does not answer, or not with its chain.
        """
        try:
            return gzip.decompress(bytes.fromhex(str(self.call("anvil_dumpState")).removeprefix("0x")))
        except (OSError, EOFError, ValueError, zlib.error):
            raise ChainError(f"the devnet at {self.rpc_url} does not tell its chain") from None

    def stop(self, timeout_seconds: float = STOP_SECONDS) -> None:
        """End it gracefully, so that it writes its state; kill it where it does not end in time.

        Raises:
            DevnetError: it ended, but its chain was not saved.
        """
        before = fingerprint(self.state_file)
        self._signal(signal.SIGTERM)
        if not self._gone_within(timeout_seconds):
            self.kill()
            raise DevnetError(
                f"anvil (pid {self.pid}) did not end within {timeout_seconds:.0f} s and was killed"
            )
        if fingerprint(self.state_file) in (None, before):
            raise DevnetError(f"anvil (pid {self.pid}) ended without saving its chain to {self.state_file}")

    def kill(self) -> None:
        """End it at once; what is not saved is lost."""
        if self._signal(signal.SIGKILL):
            self._gone_within(STOP_SECONDS)

    def _signal(self, number: signal.Signals) -> bool:
        """Send a signal; False where the process is not this anvil (any more)."""
        with suppress(ProcessLookupError):
            if not hasattr(os, "pidfd_open"):
                if self.is_running():
                    os.kill(self.pid, number)
                    return True
                return False
            # Opened before it is looked at: a pid that goes to another program in between is not hit.
            process = os.pidfd_open(self.pid)
            try:
                if self.is_running():
                    signal.pidfd_send_signal(process, number)
                    return True
            finally:
                os.close(process)
        return False

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
    load_from: Path | None = None,
    on_born: Callable[[Anvil], None] = lambda _: None,
    fork: Fork | None = None,
    hardfork: str = HARDFORK,
) -> Anvil:
    """Start anvil in a session of its own and wait until it answers.

    Args:
        state_file: written at the end; where it exists, the chain to go on with.
        log_file: replaced; anvil's own complaints go there (quiet: it would print a mnemonic and every call).
        port: on the loopback interface; a free one where it is None.
        timestamp: what anvil's clock shows at the start, seconds since 1970; the wall clock where None.
        load_from: the chain to go on with, where it is another file than the one that is written.
        on_born: told of the process before it can do anything; where it raises, nothing is started.
        fork: the chain to begin from; one of its own where None.
        hardfork: whose rules hold.

    Raises:
        DevnetError: no binary, the port is taken, or anvil ends or stays silent.
    """
    binary = find_anvil()
    for attempt in range(_PORT_ATTEMPTS):
        chosen = port if port is not None else _free_port()
        # Asked beforehand: otherwise its owner could answer in the moment before our anvil fails to take it.
        try:
            if is_taken(chosen):
                raise _PortTakenError(
                    f"port {chosen} is taken by another program", hint="choose another: `port=`, or none"
                )
            planned = Anvil(pid=0, port=chosen, state_file=state_file.absolute())
            arguments = _arguments(planned, timestamp, load_from, fork, hardfork)
            return _start(planned, binary, arguments, log_file, on_born)
        except _PortTakenError:
            # Somebody was quicker: with a free port, try another.
            if port is not None or attempt == _PORT_ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def find_anvils(folder: Path) -> list[Anvil]:
    """Every anvil of this user that saves its chain in ``folder``, whoever started it; also one that still
    waits behind its gate."""
    found = (_anvil_of(pid, arguments) for pid, arguments in _processes())
    here = folder.resolve()
    return [anvil for anvil in found if anvil and anvil.state_file.parent.resolve() == here]


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


def _start(
    planned: Anvil, binary: Path, arguments: list[str], log_file: Path, on_born: Callable[[Anvil], None]
) -> Anvil:
    anvil = planned
    gate, opener = os.pipe()
    try:
        pid = _spawn(binary, arguments, log_file, gate)
        anvil = planned.model_copy(update={"pid": pid, "born": _birth(pid)})
        on_born(anvil)
        os.write(opener, b"go\n")
        os.close(opener)
        opener = -1
        _wait_for_answer(anvil, log_file)
    except BaseException:
        if anvil.pid:
            anvil.kill()
        raise
    finally:
        os.close(gate)
        if opener >= 0:
            os.close(opener)
    return anvil


def _arguments(
    planned: Anvil, timestamp: int | None, load_from: Path | None, fork: Fork | None, hardfork: str
) -> list[str]:
    state_file = planned.state_file
    chain_id = CHAIN_ID if fork is None else fork.chain_id
    arguments = ["--host", HOST, "--port", str(planned.port), "--chain-id", str(chain_id)]
    # Osaka's cap of 2^24 gas per transaction holds only with both flags. No accounts of anvil's own: their
    # keys are published. No CORS: web pages have no business here. The cache stays out of the home directory.
    arguments += ["--hardfork", hardfork, "--enable-tx-gas-limit", "--accounts", "0", "--no-cors", "--quiet"]
    if load_from is None:
        arguments += ["--state", str(state_file)]
    else:
        arguments += ["--load-state", str(load_from.absolute()), "--dump-state", str(state_file)]
    arguments += ["--cache-path", str(state_file.with_name("anvil-cache"))]
    if fork is not None:
        arguments += ["--fork-url", fork.rpc_url, "--no-storage-caching"]
    return arguments if timestamp is None else [*arguments, "--timestamp", str(timestamp)]


def _spawn(binary: Path, arguments: list[str], log_file: Path, gate: int) -> int:
    log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    streams = [
        (os.POSIX_SPAWN_DUP2, gate, 0),
        (os.POSIX_SPAWN_DUP2, log, 1),
        (os.POSIX_SPAWN_DUP2, log, 2),
    ]
    try:
        # Not subprocess.Popen: nobody here waits for this child, it outlives the command that starts it. What
        # we ignore it must hear: under nohup, or in a shell's background, it could not be told to end.
        return os.posix_spawn(
            "/bin/sh",
            ["/bin/sh", "-c", _GATE, str(binary), *arguments],
            _environment(),
            file_actions=streams,
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
        )
    except OSError as error:
        raise DevnetError(f"{binary} cannot be run: {error.strerror}") from None
    finally:
        os.close(log)


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
            f"port {port} was taken by another program", hint="choose another: `port=`, or none"
        )
    last = next((line for line in said.splitlines() if line.strip()), "it gave no reason")
    return DevnetError(f"anvil would not start: {last.removeprefix('Error: ').removeprefix('error: ')[:300]}")


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_living_child(pid: int) -> bool:
    """Did this process start it, and is it alive? One that has ended is collected, or it would linger."""
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return False


def _command_line(pid: int) -> str:
    """A process's arguments, separated by blanks; empty where it is gone (or a zombie)."""
    if _has_proc():
        return " ".join(_proc_arguments(pid))
    return _ps("command=", "-p", str(pid)).strip()


def _birth(pid: int) -> str | None:
    """When a process began, as the system tells it: a later process of the same pid began at another time."""
    if not _has_proc():
        return _ps("lstart=", "-p", str(pid)).strip() or None
    try:
        # The program's name, in brackets, may hold blanks; the 20th field after it is the start in ticks.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _processes() -> Iterator[tuple[int, list[str]]]:
    """This user's processes and their arguments."""
    if not _has_proc():
        for line in _ps("pid=,command=", "-x", "-U", str(os.geteuid())).splitlines():
            pid, *arguments = line.split()
            yield int(pid), arguments
        return
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdecimal() and entry.stat().st_uid == os.geteuid():
                yield int(entry.name), _proc_arguments(int(entry.name))


def _anvil_of(pid: int, arguments: list[str]) -> Anvil | None:
    """The anvil that a process is by its arguments: all that ours have, in the places that ours have them."""
    named = dict(itertools.pairwise(arguments))
    state_file = named.get("--dump-state") or named.get("--state")
    port = named.get("--port", "")
    ours = (named.get("--host"), named.get("--chain-id")) == (HOST, str(CHAIN_ID))
    if not ours or "--cache-path" not in named or state_file is None or not port.isdecimal():
        return None
    return Anvil(pid=pid, port=int(port), state_file=Path(state_file), born=_birth(pid))


def _has_proc() -> bool:
    return Path("/proc/self/cmdline").exists()


def _proc_arguments(pid: int) -> list[str]:
    try:
        said = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return said.decode(errors="replace").rstrip("\0").split("\0") if said else []


def _ps(columns: str, *selection: str) -> str:
    shown = subprocess.run(
        ["ps", "-ww", "-o", columns, *selection], capture_output=True, text=True, check=False
    )
    return shown.stdout
