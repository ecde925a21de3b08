"""Five validators of an L1 of their own: avalanchego with subnet-evm, as a consortium would run it.

A block that is accepted is final. Four of the five are needed for one. Who may send transactions, and who may
deploy contracts, stands in two allow-lists of the chain, whose administrator is the funded account.

The network under it is avalanchego's local one, whose validators' keys are public; it begins on the first
start, which makes the L1 and starts the validators again to track it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from eth_account.signers.local import LocalAccount

from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.errors import ChainError

from .allow_list import DEPLOYERS, SENDERS, admit
from .build import ENGINES, PLUGINS, STAKERS, SUBNET_EVM, binary
from .engine import BLOCK_GAS, COINS, Engine, answers
from .process import HOST, EngineError, Process, free_ports, wait_until

CHAIN_ID = 71_118
"""The chain id of a new L1."""

NODE_IDS = (
    "NodeID-7Xhw2mDxuDS44j42TCB6U5579esbSt3Lg",
    "NodeID-MFrZFVCXPv5iCn6M9K6XduxGTYp891xXZ",
    "NodeID-NFBbbJ4qCmNaCzeW7sxErhvWqvEQMnYcN",
    "NodeID-GWPcbFJZFfZreETSoWjPimr846mXEKCtu",
    "NodeID-P7oB2McjBGgW2NXXWVYjV8JEDFoW9xDE5",
)
"""Who the five are, by the certificates in `build.STAKERS`."""

START_SECONDS = 120.0
"""How long starting validators may take to answer; it takes some ten seconds, twice on the first start."""

_OPEN_FILES = 4096


@dataclass
class _Node:
    """One validator: where it lives, and its process while it runs."""

    number: int
    folder: Path
    http_port: int
    staking_port: int
    process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.http_port}"

    @property
    def log_file(self) -> Path:
        return self.folder / "node.log"

    def is_running(self) -> bool:
        return self.process is not None and self.process.is_running()

    def is_bootstrapped(self) -> bool:
        """Does it know the network's own chain, on which an L1 is made?"""
        try:
            with JsonRpc(f"{self.url}/ext/info", timeout_seconds=2.0) as node:
                answer = node.call("info.isBootstrapped", {"chain": "P"})
        except ChainError:
            return False
        return bool(answer["isBootstrapped"])


class Validators(Engine):
    """Five validators, numbered from 1."""

    name = "validators"

    def __init__(self, folder: Path, funded: LocalAccount, *, chain_id: int = CHAIN_ID) -> None:
        """
        Args:
            folder: for their data and logs: `1/node.log` to `5/node.log`, and `1/logs/` to `5/logs/`.
            funded: has coins from the genesis on, may deploy and send, and admits others.
            chain_id: of a new L1.
        """
        super().__init__(folder, funded, chain_id)
        ports = free_ports(2 * len(NODE_IDS))
        pairs = zip(ports[::2], ports[1::2], strict=True)
        self._nodes = [
            _Node(number, folder / str(number), http_port, staking_port)
            for number, (http_port, staking_port) in enumerate(pairs, 1)
        ]

    @property
    def rpc_url(self) -> str:
        """Where the first validator answers: the same after a restart."""
        return self.rpc_urls[0]

    @property
    def rpc_urls(self) -> tuple[str, ...]:
        """Where each of the five answers, whether it runs or not."""
        chain = self._read_l1()["chain"]
        return tuple(f"{node.url}/ext/bc/{chain}/rpc" for node in self._nodes)

    @property
    def running(self) -> tuple[int, ...]:
        """The numbers of those that run."""
        return tuple(node.number for node in self._nodes if node.is_running())

    def start(self, *numbers: int) -> None:
        """Start these validators, or all that do not run, and wait until each answers for the L1.

        Raises:
            EngineError: one ends, or does not answer in time; then none runs.
        """
        if not self._l1_file.is_file():
            self._make_l1()
        chosen = [node for node in self._chosen(numbers) if not node.is_running()]
        try:
            for node in chosen:
                self._launch(node, tracked=self._read_l1()["subnet"])
            for node in chosen:
                url = self.rpc_urls[node.number - 1]
                self._wait(node, partial(answers, url, self.chain_id), f"validator at {url}")
        except BaseException:
            self._end(chosen, Process.kill)
            raise

    def stop(self) -> None:
        """End all gracefully and wait until they are gone."""
        self._end(self._nodes, Process.stop)

    def kill(self, *numbers: int) -> None:
        """End these, or all, by SIGKILL and wait until they are gone."""
        self._end(self._chosen(numbers), Process.kill)

    def admit(self, addresses: Sequence[str], *, may_deploy: bool = False) -> None:
        """Let accounts send transactions on the L1, and deploy contracts where ``may_deploy``.

        Raises:
            ChainError: the L1 does not answer.
        """
        admit(self.rpc_url, self.funded, SENDERS, addresses)
        if may_deploy:
            admit(self.rpc_url, self.funded, DEPLOYERS, addresses)

    @property
    def _l1_file(self) -> Path:
        return self.folder / "l1.json"

    def _read_l1(self) -> dict[str, str]:
        """Ids of the L1 (`subnet`) and of its chain (`chain`)."""
        if not self._l1_file.is_file():
            raise EngineError(f"the validators of {self.folder} were never started: they have no L1 yet")
        ids: dict[str, str] = json.loads(self._l1_file.read_text(encoding="utf-8"))
        return ids

    def _chosen(self, numbers: Sequence[int]) -> list[_Node]:
        return [self._nodes[number - 1] for number in numbers] if numbers else self._nodes

    def _make_l1(self) -> None:
        """Start the network on its own, make the L1 on it, and stop it again."""
        chains = self.folder / "chains"
        chains.mkdir(parents=True, exist_ok=True)
        try:
            for node in self._nodes:
                node.folder.mkdir(parents=True, exist_ok=True)
                self._launch(node, tracked=None)
            for node in self._nodes:
                self._wait(node, node.is_bootstrapped, f"validator at {node.url}")
            ids = self._create_l1()
        finally:
            self.stop()
        chain = chains / json.loads(ids)["chain"]
        chain.mkdir()
        # All states are kept, as geth keeps them.
        (chain / "config.json").write_text(json.dumps({"pruning-enabled": False}), encoding="utf-8")
        self._l1_file.write_text(ids, encoding="utf-8")

    def _create_l1(self) -> str:
        """The ids of the L1 and its chain, as JSON."""
        genesis_file = self.folder / "genesis.json"
        genesis_file.write_text(json.dumps(self._genesis()), encoding="utf-8")
        urls = [node.url for node in self._nodes]
        command: list[str | Path] = [binary("createl1"), genesis_file, SUBNET_EVM, *urls]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise EngineError(f"the L1 could not be made: {done.stderr.strip()}")
        return done.stdout

    def _genesis(self) -> dict[str, object]:
        genesis = json.loads((ENGINES / "avalanche" / "genesis.json").read_text(encoding="utf-8"))
        config = genesis["config"]
        config["chainId"] = self.chain_id
        config["feeConfig"]["gasLimit"] = BLOCK_GAS
        genesis["gasLimit"] = hex(BLOCK_GAS)
        for allow_list in ("contractDeployerAllowListConfig", "txAllowListConfig"):
            config[allow_list]["adminAddresses"] = [self.funded.address]
        genesis["alloc"] = {self.funded.address: {"balance": hex(COINS)}}
        return dict(genesis)

    def _launch(self, node: _Node, tracked: str | None) -> None:
        self.kill(node.number)
        # The very first of a new network has nobody to ask.
        alone = tracked is None and node.number == 1
        others = [] if alone else [other for other in self._nodes if other is not node]
        staker = STAKERS / f"staker{node.number}"
        options = {
            "network-id": "local",
            "data-dir": node.folder,
            "chain-config-dir": self.folder / "chains",
            "plugin-dir": PLUGINS,
            "http-host": HOST,
            "http-port": node.http_port,
            "public-ip": HOST,
            "staking-host": HOST,
            "staking-port": node.staking_port,
            "staking-tls-cert-file": staker.with_suffix(".crt"),
            "staking-tls-key-file": staker.with_suffix(".key"),
            "staking-signer-key-file": STAKERS / f"signer{node.number}.key",
            "bootstrap-ips": ",".join(f"{HOST}:{other.staking_port}" for other in others),
            "bootstrap-ids": ",".join(NODE_IDS[other.number - 1] for other in others),
            "track-subnets": tracked or "",
            "network-max-reconnect-delay": "1s",
            "fd-limit": _OPEN_FILES,
        }
        flags = [f"--{name}={value}" for name, value in options.items()]
        node.process = Process.start([binary("avalanchego"), *flags], node.log_file)

    def _wait(self, node: _Node, holds: Callable[[], bool], what: str) -> None:
        assert node.process is not None
        wait_until(holds, what, seconds=START_SECONDS, processes=[node.process], log_file=node.log_file)

    def _end(self, nodes: Sequence[_Node], how: Callable[[Process], None]) -> None:
        """End these at the same time; a node waits for its peers before it ends."""
        processes = [node.process for node in nodes if node.process is not None]
        for node in nodes:
            node.process = None
        with ThreadPoolExecutor(len(NODE_IDS)) as pool:
            list(pool.map(how, processes))
