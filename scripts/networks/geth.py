"""One node of go-ethereum, the reference client, that makes a block every second.

Its blocks are made by geth's own stand-in for a consensus client (`--dev`), on a genesis of this project:
the rules of Osaka, which are those of Ethereum today. `--dev` alone would run forks still to come. With
`--state.scheme hash --gcmode archive` a node that was killed loses no more than its newest blocks; as
`--dev` comes, it would be back at block 0.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from eth_account.signers.local import LocalAccount

from .build import ENGINES, binary
from .engine import BLOCK_GAS, COINS, Engine, answers
from .process import HOST, EngineError, Process, free_ports, wait_until

CHAIN_ID = 71_117
"""The chain id of a new chain."""

START_SECONDS = 60.0
"""How long a starting node may take to answer; it takes one or two."""

_STATE = ("--state.scheme", "hash")


class Geth(Engine):
    """One geth."""

    name = "geth"

    def __init__(
        self, folder: Path, funded: LocalAccount, *, chain_id: int = CHAIN_ID, block_seconds: int = 1
    ) -> None:
        """
        Args:
            folder: for its data and its log, `geth.log`.
            funded: has coins from the genesis on.
            chain_id: of a new chain.
            block_seconds: time from block to block.
        """
        super().__init__(folder, funded, chain_id)
        self._block_seconds = block_seconds
        self._http_port, self._engine_port = free_ports(2)
        self._process: Process | None = None

    @property
    def rpc_url(self) -> str:
        """Where it answers: the same after a restart."""
        return f"http://{HOST}:{self._http_port}"

    def start(self) -> None:
        """Start it unless it runs, on a new chain where the folder has none, and wait until it answers.

        Raises:
            EngineError: it ends, or does not answer in time.
        """
        if self._process is not None and self._process.is_running():
            return
        self.kill()
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "geth" / "chaindata").is_dir():
            self._initialise()
        self._process = Process.start(self._command(), self._log_file)
        try:
            wait_until(
                lambda: answers(self.rpc_url, self.chain_id),
                f"geth at {self.rpc_url}",
                seconds=START_SECONDS,
                processes=[self._process],
                log_file=self._log_file,
            )
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End it gracefully and wait until it is gone: nothing of the chain is lost."""
        process, self._process = self._process, None
        if process is not None:
            process.stop()

    def kill(self) -> None:
        """End it by SIGKILL and wait until it is gone: the newest blocks may be lost."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    @property
    def _log_file(self) -> Path:
        return self.folder / "geth.log"

    def _initialise(self) -> None:
        genesis = json.loads((ENGINES / "geth" / "genesis.json").read_text(encoding="utf-8"))
        genesis["config"]["chainId"] = self.chain_id
        genesis["gasLimit"] = hex(BLOCK_GAS)
        genesis["alloc"][self.funded.address] = {"balance": hex(COINS)}
        genesis_file = self.folder / "genesis.json"
        genesis_file.write_text(json.dumps(genesis), encoding="utf-8")
        command: list[str | Path] = [binary("geth"), "init", *_STATE, "--datadir", self.folder, genesis_file]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise EngineError(f"geth does not take the genesis {genesis_file}:\n{done.stderr.strip()}")

    def _command(self) -> list[str | Path]:
        http = ["--http", "--http.addr", HOST, "--http.port", str(self._http_port)]
        alone = ["--nodiscover", "--maxpeers", "0", "--port", "0", "--ipcdisable"]
        blocks = ["--dev", "--dev.period", str(self._block_seconds), "--miner.gaslimit", str(BLOCK_GAS)]
        return [
            binary("geth"),
            *("--datadir", self.folder, *_STATE, "--gcmode", "archive"),
            *(*blocks, *http, "--http.api", "eth,net,web3,txpool,debug"),
            *(*alone, "--authrpc.addr", HOST, "--authrpc.port", str(self._engine_port)),
        ]
