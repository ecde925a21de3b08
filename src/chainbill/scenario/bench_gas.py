"""Gas per settled event, exactly, by the rules of today's hard fork and of the next.

Today's are measured: receipts on anvil (osaka). The next one's are computed from a trace of the same
transaction (``gas_pricing``); ``bench_fork`` has geth run it by them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from web3.types import TxReceipt

from chainbill.chain.devnet.gas_trace import TRACE_SECONDS, TracedTransaction, trace
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.scenario.bench_scenarios import PEERS, SCENARIOS, Peer, Scenario
from chainbill.scenario.bench_setup import BenchStage, bench_stage
from chainbill.scenario.gas_pricing import ChangedSlots, changed_slots, gas_as_sent
from chainbill.scenario.gas_profile import GasProfile, profile_of
from chainbill.scenario.gas_schedule import AMSTERDAM


@dataclass(frozen=True, slots=True)
class ForkGas:
    """Gas by the rules of two hard forks."""

    osaka: int
    """Measured."""
    amsterdam: int
    """Computed from the trace."""


@dataclass(frozen=True, slots=True)
class GasFigure:
    """One scenario: gas of its transactions, base and calldata included, over its events (rounded up)."""

    gas_per_event: ForkGas
    events: int
    patients: int
    slots: ChangedSlots
    """By the whole scenario."""


@dataclass(frozen=True, slots=True)
class CreationGas:
    """Gas of the transaction that creates a contract."""

    osaka: int
    amsterdam: int
    amsterdam_state: int
    """Of it for new state, which the bound of 2^24 on a transaction does not count."""


@dataclass(frozen=True, slots=True)
class GasReport:
    """What ``chainbill bench gas --json`` prints."""

    scenarios: dict[str, GasFigure]
    peers: dict[str, ForkGas]
    """Gas of one transfer of one payer's coin, by kind."""
    creation_gas: dict[str, CreationGas]
    """By contract; that of ``InsurerPayer`` is the factory's call."""
    bytecode_bytes: dict[str, int]
    """Size of each contract's deployed code; EIP-170 allows 24,576."""

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ScenarioProfile:
    """Where a scenario's gas goes."""

    events: int
    gas: GasProfile
    """Of all its transactions."""


class Bench:
    """The stage, set up for some scenarios, and its node, which traces."""

    def __init__(self, stage: BenchStage, node: JsonRpc, only: Collection[str]) -> None:
        self.stage, self.node = stage, node
        self._chosen = {name: each for name, each in SCENARIOS.items() if not only or name in only}
        stage.set_up([scenario.shape for scenario in self._chosen.values()])

    def run(self) -> Iterator[tuple[str, Scenario, Sequence[str]]]:
        """Run each scenario on the stage as it was set up; it is so again before the next one. With each come
        the hashes of its transactions."""
        for name, scenario in self._chosen.items():
            with self.stage.rolled_back():
                receipts = scenario.run(self.stage, scenario.shape)
                yield name, scenario, [hash_of(each) for each in receipts]

    def trace(self, transactions: Iterable[str]) -> list[TracedTransaction]:
        """What transactions did that the chain has, by their hashes."""
        return [trace(self.node, each) for each in transactions]


@contextmanager
def open_bench(only: Collection[str]) -> Iterator[Bench]:
    """Start the stage for all scenarios, or for ``only`` some.

    Raises:
        DevnetError: anvil is missing or would not start.
    """
    with bench_stage() as stage, JsonRpc(stage.rpc_url, timeout_seconds=TRACE_SECONDS) as node:
        yield Bench(stage, node, only)


def measure_gas(
    only: Collection[str] = (), *, on_scenario: Callable[[str], None] = lambda _: None
) -> GasReport:
    """Run every scenario and the peers, or ``only`` some scenarios.

    Raises:
        DevnetError: anvil is missing or would not start.
        ContractReverted: a contract refused what a scenario does.
        ChainError: what was measured is not what today's prices give for the trace.
    """
    figures: dict[str, GasFigure] = {}
    with open_bench(only) as bench:
        for name, scenario, transactions in bench.run():
            figures[name] = _figure(scenario, bench.trace(transactions))
            on_scenario(name)
        made = {} if only else creations(bench.stage)
        created = {name: _creation_gas(*bench.trace([each])) for name, each in made.items()}
        peers = {} if only else {name: _peer_gas(bench, peer) for name, peer in PEERS.items()}
        return GasReport(figures, peers, created, bench.stage.code_sizes())


def profile_gas(
    only: Collection[str] = (), *, on_scenario: Callable[[str], None] = lambda _: None
) -> dict[str, ScenarioProfile]:
    """Where the gas of every scenario goes, or of ``only`` some; raises as ``measure_gas``."""
    profiles: dict[str, ScenarioProfile] = {}
    with open_bench(only) as bench:
        token = bench.stage.protocol.deployment.token
        for name, scenario, transactions in bench.run():
            first, *others = [profile_of(each, [token]) for each in bench.trace(transactions)]
            profiles[name] = ScenarioProfile(scenario.events, sum(others, first))
            on_scenario(name)
    return profiles


def creations(stage: BenchStage) -> dict[str, str]:
    """The hash of the transaction that created each contract of a stage, by contract."""
    made = stage.protocol.deployment.made
    found: dict[str, str] = {}
    for each in made.contracts.values() if made is not None else ():
        # One that another makes in its own creation is not named beside it.
        if each.transaction is not None and each.transaction not in found.values():
            found[each.contract] = each.transaction
    factory = stage.protocol.payers.address
    # Of the factory's calls, those that make a payer alone leave a log.
    payer = next(each for each in stage.receipts() if each.get("to") == factory and each["logs"])
    return found | {"InsurerPayer": hash_of(payer)}


def hash_of(receipt: TxReceipt) -> str:
    """The hash of a receipt's transaction, 0x-hexadecimal."""
    return receipt["transactionHash"].to_0x_hex()


def _figure(scenario: Scenario, traced: Sequence[TracedTransaction]) -> GasFigure:
    first, *others = [changed_slots(each) for each in traced]
    gas = _fork_gas(traced, scenario.events)
    return GasFigure(gas, scenario.events, scenario.patients, sum(others, first))


def _fork_gas(traced: Sequence[TracedTransaction], shares: int = 1) -> ForkGas:
    used = sum(each.gas_used for each in traced)
    to_come = sum(gas_as_sent(AMSTERDAM, each).used for each in traced)
    return ForkGas(-(-used // shares), -(-to_come // shares))


def _peer_gas(bench: Bench, peer: Peer) -> ForkGas:
    receipt, transfers = peer(bench.stage)
    return _fork_gas(bench.trace([hash_of(receipt)]), transfers)


def _creation_gas(traced: TracedTransaction) -> CreationGas:
    to_come = gas_as_sent(AMSTERDAM, traced)
    return CreationGas(traced.gas_used, to_come.used, to_come.state)
