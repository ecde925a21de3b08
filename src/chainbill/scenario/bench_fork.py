"""Gas by the rules of a hard fork: of creating each contract, and of settling.

Anvil runs the forks up to today's, geth those to come. Nothing else than blocks and transactions is asked of
the node, so the clock goes on by itself and nothing is rolled back: the figures compare one fork with
another, not with those of ``bench_gas``, which are taken days apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from eth_account import Account
from web3 import Web3
from web3.types import TxParams, Wei

from chainbill.chain.devnet.geth import BLOCK_GAS, scratch_geth
from chainbill.chain.devnet.scratch_devnet import scratch_devnet, scratch_folder
from chainbill.chain.node.connection import connect
from chainbill.chain.node.fees import FeePolicy
from chainbill.errors import DevnetError
from chainbill.records.hashing import keccak256
from chainbill.scenario.bench_setup import ENDS_AT, STARTS_AT, YEAR, NodeStage, Shape

ANVIL, GETH = "anvil", "geth"

HARDFORKS = {"prague": ANVIL, "osaka": ANVIL, "amsterdam": GETH}
"""Each fork that can be measured, with the engine that knows its rules."""

GAS_MONEY = 10**21
"""What an account is given, in the coin's smallest unit."""

NEW_ACCOUNT = Web3.to_checksum_address("0x" + "77" * 20)
"""Holds nothing on a new chain."""

TRANSFER_GAS = 21_000
"""What a transfer to a new account costs before Amsterdam."""

NO_LIMIT = FeePolicy(gas_cap=BLOCK_GAS // 2, total_cap=10**24, margin_bps=1_000)
"""For creations above 2^24 gas: from Amsterdam on, what state costs does not count towards that bound."""

_BATCH, _SINGLE = Shape(100, 10), Shape(1, 1)


@dataclass(frozen=True, slots=True)
class ForkReport:
    """What ``chainbill bench gas --hardfork NAME --json`` prints."""

    hardfork: str
    engine: str
    creation_gas: dict[str, int]
    """Gas of the transaction that creates each contract; that of ``InsurerPayer`` is the factory's."""
    settle_gas: dict[str, int]
    """Gas of the whole transaction of a batch; each takes a root slot that was never used."""

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)


def measure_fork(hardfork: str) -> ForkReport:
    """Deploy and settle by the rules of a hard fork.

    Args:
        hardfork: one of ``HARDFORKS``.

    Raises:
        DevnetError: the engine that knows these rules is missing, too old, or would not start.
        ContractReverted: a contract refused what is done.
    """
    engine = HARDFORKS[hardfork]
    with _anvil_stage(hardfork) if engine == ANVIL else _geth_stage(hardfork) as stage:
        stage.set_up([_BATCH])
        settle = {
            "first_touch_100_patients_10": stage.settle(_BATCH, root_slot=0),
            "batch_100_patients_10": stage.settle(_BATCH, root_slot=1),
            "single": stage.settle(_SINGLE, root_slot=2),
        }
        used = {name: int(receipt["gasUsed"]) for name, receipt in settle.items()}
        return ForkReport(hardfork, engine, creation_gas(stage), used)


def creation_gas(stage: NodeStage) -> dict[str, int]:
    """Gas of the transaction that created each contract of a stage, by contract; read from its blocks."""
    receipts = list(stage.receipts())
    used = {each["transactionHash"].to_0x_hex(): int(each["gasUsed"]) for each in receipts}
    made = stage.protocol.deployment.made
    contracts = [] if made is None else list(made.contracts.values())
    found = {each.contract: used[each.transaction] for each in contracts if each.transaction is not None}
    # Of the factory's calls, those that make a payer alone leave a log.
    factory = stage.protocol.payers.address
    payers = [int(each["gasUsed"]) for each in receipts if each.get("to") == factory and each["logs"]]
    return found | {"InsurerPayer": payers[0]}


@contextmanager
def _anvil_stage(hardfork: str) -> Iterator[NodeStage]:
    with (
        scratch_folder("bench") as folder,
        scratch_devnet(folder, timestamp=STARTS_AT, hardfork=hardfork) as devnet,
    ):
        yield NodeStage(devnet.rpc_url, devnet.give_gas, year=YEAR, ends_at=ENDS_AT)


@contextmanager
def _geth_stage(hardfork: str) -> Iterator[NodeStage]:
    funded = Account.from_key(keccak256(b"chainbill bench funded"))
    with scratch_folder("bench") as folder, scratch_geth(folder, hardfork, funded) as rpc_url:
        w3 = connect(rpc_url)
        _check_rules(w3, hardfork, funded.address)

        def give_gas(address: str) -> None:
            price = 2 * int(w3.eth.get_block("latest")["baseFeePerGas"]) + 1
            signed = funded.sign_transaction(
                {
                    "to": address,
                    "value": GAS_MONEY,
                    "nonce": w3.eth.get_transaction_count(funded.address),
                    "gas": 20 * TRANSFER_GAS,
                    "maxFeePerGas": price,
                    "maxPriorityFeePerGas": 1,
                    "chainId": w3.eth.chain_id,
                }
            )
            w3.eth.wait_for_transaction_receipt(w3.eth.send_raw_transaction(signed.raw_transaction))

        now = datetime.now(UTC)
        ends_at = int(now.timestamp()) + 10**8
        yield NodeStage(rpc_url, give_gas, year=now.year, ends_at=ends_at, policy=NO_LIMIT)


def _check_rules(w3: Web3, hardfork: str, funded: str) -> None:
    """A geth that has never heard of a fork takes its time in the genesis all the same."""
    transfer: TxParams = {"from": Web3.to_checksum_address(funded), "to": NEW_ACCOUNT, "value": Wei(1)}
    asked = w3.eth.estimate_gas(transfer)
    if asked == TRANSFER_GAS:
        raise DevnetError(
            f"this geth does not know the rules of {hardfork}: a new account costs what it costs today",
            hint="set CHAINBILL_GETH to the path of geth 1.17 or later, or build it: make networks",
        )
