"""A geth for one measurement, with an empty chain by the rules of a hard fork."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from chainbill.chain.devnet import anvil
from chainbill.chain.devnet.ending import ending_on_signals
from chainbill.errors import DevnetError

HOST = "127.0.0.1"
"""It listens here and nowhere else."""

CHAIN_ID = anvil.CHAIN_ID
"""The devnet's: contracts and signatures that are made there name it."""

BLOCK_GAS = 500_000_000
"""Gas limit of a block: a measurement must not end at a limit that networks choose themselves."""

START_SECONDS = 60.0
"""How long it may take to answer; it takes one or two."""

_HINT = "set CHAINBILL_GETH to the path of geth 1.17 or later, or build it: make networks"
_POLL_SECONDS = 0.05
_NOT_IN_A_GENESIS = ("excessBlobGas", "blobGasUsed", "slotNumber")
_STATE = ("--state.scheme", "hash")


def find_geth() -> Path:
    """The geth binary: ``$CHAINBILL_GETH``, else one in a ``.cache/engines/bin`` from here upward, else PATH.

    Raises:
        DevnetError: none is found.
    """
    named = os.environ.get("CHAINBILL_GETH")
    built = [folder / ".cache/engines/bin/geth" for folder in Path(__file__).resolve().parents]
    for candidate in [Path(named)] if named else [*built, Path(shutil.which("geth") or "geth")]:
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    raise DevnetError(
        f"CHAINBILL_GETH names {named}, which is not an executable file"
        if named
        else "geth is not installed",
        hint=_HINT,
    )


def genesis(published: dict[str, Any], hardfork: str) -> dict[str, Any]:
    """A genesis by the rules of a fork, from the one that geth makes for `--dev`: with the system contracts
    that this geth asks for, without the forks after it."""
    config = {name: each for name, each in published["config"].items() if name != "bogotaTime"}
    config |= {"chainId": CHAIN_ID, f"{hardfork}Time": 0}
    kept = {name: each for name, each in published.items() if name not in _NOT_IN_A_GENESIS}
    return kept | {"config": config, "gasLimit": hex(BLOCK_GAS)}


@contextmanager
def scratch_geth(folder: Path, hardfork: str) -> Iterator[str]:
    """Run a geth with its data in ``folder``; it is ended by its pid after the block, however that ends.

    Args:
        hardfork: its name, as in a genesis: ``amsterdam``.

    Yields:
        Where it answers.

    Raises:
        DevnetError: geth is missing, refuses the genesis or does not answer.
    """
    binary, log_file = find_geth(), folder / "geth.log"
    _initialise(binary, folder, hardfork)
    port, engine_port = _free_port(), _free_port()
    command = [
        *(binary, "--datadir", folder, *_STATE, "--dev", "--miner.gaslimit", BLOCK_GAS),
        *("--http", "--http.addr", HOST, "--http.port", port, "--http.api", "eth,net,web3"),
        *("--rpc.gascap", 0, "--rpc.txfeecap", 0, "--ipcdisable"),
        *("--nodiscover", "--maxpeers", 0, "--port", 0),
        *("--authrpc.addr", HOST, "--authrpc.port", engine_port),
    ]
    with ending_on_signals(), log_file.open("wb") as log:
        process = subprocess.Popen(
            [str(each) for each in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            _wait_until_it_listens(process, port)
            yield f"http://{HOST}:{port}"
        finally:
            process.kill()
            process.wait()


def _initialise(binary: Path, folder: Path, hardfork: str) -> None:
    try:
        published = json.loads(_run(binary, "--dev", "dumpgenesis"))
    except json.JSONDecodeError:
        raise DevnetError(f"{binary} prints no genesis: it is no geth", hint=_HINT) from None
    genesis_file = folder / "genesis.json"
    genesis_file.write_text(json.dumps(genesis(published, hardfork)), encoding="utf-8")
    _run(binary, "init", *_STATE, "--datadir", str(folder), str(genesis_file))


def _run(binary: Path, *arguments: str) -> str:
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = done.stderr.strip().rsplit("\n", 1)[-1]
        raise DevnetError(f"{binary} {arguments[0]} ended with code {done.returncode}: {last}")
    return done.stdout


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DevnetError(f"geth ended with code {process.returncode} before it answered")
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1.0):
            return
        time.sleep(_POLL_SECONDS)
    raise DevnetError(f"geth does not answer within {START_SECONDS:.0f} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
