"""The benchmark's transactions, run again by geth by the rules of a hard fork: no price here is ours.

Each is simulated on the state that it found on anvil, at the same time, with the same sender and calldata
(``eth_simulateV1``), so that what geth asks for it can be compared to the unit with what ``bench_gas`` says.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from chainbill.chain.devnet.gas_trace import TRACE_SECONDS, state_before
from chainbill.chain.devnet.geth import BLOCK_GAS, scratch_geth
from chainbill.chain.devnet.scratch_devnet import scratch_folder
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.errors import ChainError, DevnetError
from chainbill.scenario.bench_gas import creations, hash_of, open_bench
from chainbill.scenario.bench_scenarios import PEERS
from chainbill.scenario.gas_pricing import PRECOMPILES, gas_as_sent, names_state
from chainbill.scenario.gas_schedule import AMSTERDAM, OSAKA, GasSchedule

HARDFORKS: dict[str, GasSchedule] = {"osaka": OSAKA, "amsterdam": AMSTERDAM}
"""Each fork by whose rules geth can run them, with our prices for it."""

NEW_ACCOUNT = "0x" + "77" * 20
"""Nobody's."""


@dataclass(frozen=True, slots=True)
class RunGas:
    """Gas of whole transactions."""

    geth: int
    """What geth asks for."""
    chainbill: int
    """What ``bench gas`` says: measured on anvil by today's rules, computed by those to come."""


@dataclass(frozen=True, slots=True)
class ForkReport:
    """What ``chainbill bench gas --hardfork NAME --json`` prints."""

    hardfork: str
    scenarios: dict[str, RunGas]
    peers: dict[str, RunGas]
    creation_gas: dict[str, RunGas]

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)


def measure_fork(
    hardfork: str, only: Collection[str] = (), *, on_scenario: Callable[[str], None] = lambda _: None
) -> ForkReport:
    """Have geth run every scenario, the peers and the creations, or ``only`` some scenarios.

    Args:
        hardfork: one of ``HARDFORKS``.

    Raises:
        DevnetError: geth or anvil is missing, too old, or would not start.
        ContractReverted: a contract refused what a scenario does.
        ChainError: a transaction fails by these rules.
    """
    scenarios: dict[str, RunGas] = {}
    with simulating_geth(hardfork) as geth, open_bench(only) as bench:

        def run(transactions: Sequence[str]) -> RunGas:
            ours = sum(gas_as_sent(HARDFORKS[hardfork], each).used for each in bench.trace(transactions))
            names = names_state(HARDFORKS[hardfork])
            return RunGas(sum(simulated(geth, bench.node, each, names) for each in transactions), ours)

        for name, _, transactions in bench.run():
            scenarios[name] = run(transactions)
            on_scenario(name)
        if only:
            return ForkReport(hardfork, scenarios, {}, {})
        created = {name: run([each]) for name, each in creations(bench.stage).items()}
        peers = {name: run([hash_of(peer(bench.stage)[0])]) for name, peer in PEERS.items()}
        return ForkReport(hardfork, scenarios, peers, created)


@contextmanager
def simulating_geth(hardfork: str) -> Iterator[JsonRpc]:
    with (
        scratch_folder("bench") as folder,
        scratch_geth(folder, hardfork) as rpc_url,
        JsonRpc(rpc_url, timeout_seconds=TRACE_SECONDS) as geth,
    ):
        check_rules(geth, hardfork)
        yield geth


def check_rules(node: JsonRpc, hardfork: str) -> None:
    """Does a node know the rules that it was told to run by? A geth that has never heard of a fork takes its
    time in the genesis all the same.

    Raises:
        DevnetError: it does not.
    """
    schedule = HARDFORKS[hardfork]
    asked = _gas_used(node, {"from": NEW_ACCOUNT, "to": "0x" + "78" * 20}, {}, {})
    if asked != schedule.tx_base_cost + schedule.tx_recipient_cost:
        raise DevnetError(
            f"this node does not know the rules of {hardfork}: an empty transaction takes {asked:,} gas",
            hint="set CHAINBILL_GETH to the path of geth 1.17.10 or later, or build it: make networks",
        )


def simulated(geth: JsonRpc, node: JsonRpc, transaction: str, names: bool = True) -> int:
    """The gas of a transaction of ``node``'s chain on ``geth``; ``names``: with its access list."""
    sent = node.call("eth_getTransactionByHash", transaction)
    block = node.call("eth_getBlockByHash", sent["blockHash"], False)
    given = ("from", "to", "value", "input", *(["accessList"] if names else []))
    call = {name: sent[name] for name in given if sent.get(name)}
    at = {"time": block["timestamp"], "feeRecipient": block["miner"]}
    return _gas_used(geth, call, state_before(node, transaction), at)


def _gas_used(node: JsonRpc, call: dict[str, Any], state: dict[str, Any], at: dict[str, Any]) -> int:
    # By the rules to come a creation takes more than its sender has asked for on anvil.
    call = call | {"gas": hex(BLOCK_GAS // 2)}
    block = {"stateOverrides": _overrides(state), "blockOverrides": at, "calls": [call]}
    answer = node.call("eth_simulateV1", {"blockStateCalls": [block], "validation": False}, "earliest")
    done = answer[0]["calls"][0]
    if int(done["status"], 16) != 1:
        raise ChainError(f"the transaction fails there: {done.get('error', {}).get('message', 'no reason')}")
    return int(done["gasUsed"], 16)


def _overrides(state: dict[str, Any]) -> dict[str, Any]:
    return {
        account: {
            "balance": held["balance"],
            "nonce": hex(held.get("nonce") or 0),
            "code": held.get("code") or "0x",
            "stateDiff": held.get("storage") or {},
        }
        for account, held in state.items()
        # One that is overridden is none any more.
        if int(account, 16) not in PRECOMPILES
    }
