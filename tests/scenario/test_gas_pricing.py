"""Gas by the rules to come, computed: what geth 1.17.10 asks for, in every case of the EIPs' tables.

Each case is a contract of a few opcodes, called once on anvil. What geth asks for the same call is written
beside it, and is asked again where there is a geth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from eth_account import Account
from tests.support.geth import needs_geth
from web3 import Web3

from chainbill.chain.devnet import anvil
from chainbill.chain.devnet.devnet import Devnet
from chainbill.chain.devnet.gas_trace import TracedTransaction, trace
from chainbill.chain.devnet.scratch_devnet import scratch_devnet
from chainbill.chain.node.connection import connect
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.errors import ChainError
from chainbill.records.hashing import keccak256
from chainbill.scenario.bench_fork import simulated, simulating_geth
from chainbill.scenario.bench_setup import STARTS_AT
from chainbill.scenario.gas_pricing import ChangedSlots, changed_slots, gas_as_sent, gas_by
from chainbill.scenario.gas_schedule import AMSTERDAM, OSAKA

CALLED, OTHER = "0x" + "10" * 20, "0x" + "20" * 20

HOLDS = {1: 5, 2: 5, 3: 5, 4: 5}
"""What the called contract's slots hold before; so do the other's."""

NEW_SLOT = 9
"""Holds nothing before."""

CALLER = Account.from_key(keccak256(b"chainbill test caller"))

POP = "50"
REVERT = "5f 5ffd"


def store(slot: int, value: int) -> str:
    return f"60{value:02x} 60{slot:02x} 55"


def load(slot: int) -> str:
    return f"60{slot:02x} 54" + POP


def call(address: str = OTHER) -> str:
    return f"5f 5f 5f 5f 5f 73{address[2:]} 5a f1" + POP


def of_account(opcode: str, address: str = OTHER) -> str:
    return f"73{address[2:]} {opcode}" + POP


def create(initcode: str) -> str:
    code = bytes.fromhex(initcode)
    return f"{0x5F + len(code):02x}{code.hex()} 5f 52 60{len(code):02x} 60{32 - len(code):02x} 5f f0" + POP


@dataclass(frozen=True)
class Case:
    """A call, and its gas by the rules of both forks."""

    code: str
    osaka: int
    amsterdam: int
    other: str = ""
    """The code of the contract that it may call."""
    calldata: bytes = b""
    access_list: list[dict[str, Any]] = field(default_factory=list)


CASES = {
    "nothing": Case("00", 21_000, 15_000),
    "a cold and a warm read": Case(load(1) + load(1), 23_210, 17_210),
    "a slot that exists": Case(store(1, 6), 26_006, 27_106),
    "a slot that exists, read before": Case(load(1) + store(1, 6), 26_011, 27_211),
    "a slot that exists, twice": Case(store(1, 6) + store(1, 7), 26_112, 27_212),
    "the value it has": Case(store(1, 5), 23_206, 17_106),
    "a new slot": Case(store(NEW_SLOT, 6), 43_106, 125_026),
    "a new slot, read before": Case(load(NEW_SLOT) + store(NEW_SLOT, 6), 43_111, 125_131),
    "new and away again": Case(store(NEW_SLOT, 6) + store(NEW_SLOT, 0), 34_570, 21_770),
    "new, away and new": Case(store(NEW_SLOT, 6) + store(NEW_SLOT, 0) + store(NEW_SLOT, 7), 50_575, 125_238),
    "changed and back": Case(store(1, 6) + store(1, 5), 23_312, 21_770),
    "cleared": Case(store(1, 0), 21_206, 21_685),
    "four cleared, more than comes back": Case("".join(store(n, 0) for n in HOLDS), 32_820, 50_740),
    "cleared and back": Case(store(1, 0) + store(1, 5), 23_312, 21_770),
    "cleared and another value": Case(store(1, 0) + store(1, 6), 26_112, 27_212),
    "changed and cleared": Case(store(1, 6) + store(1, 0), 21_312, 21_770),
    "a cold and a warm call": Case(call() + call(), 23_734, 18_134, other="00"),
    "a call of a precompile": Case(call("0x" + "00" * 19 + "04"), 21_132, 15_132),
    "balance, hash, size, again": Case(
        "".join(map(of_account, ("31", "3f", "3b", "3b"))), 23_920, 18_520, other="00"
    ),
    "undone by a revert": Case(
        call() + load(1) + call(),
        94_293,
        97_093,
        other=store(1, 6) + store(NEW_SLOT, 6) + store(2, 0) + load(3) + REVERT,
    ),
    "a creation": Case(create("60205ff3"), 59_431, 259_597),
    "a creation that reverts": Case(create("60ff5f555f5ffd"), 75_132, 39_132),
    "slots and accounts named beforehand": Case(
        load(1) + store(2, 6) + store(NEW_SLOT, 6) + call(),
        56_739,
        155_963,
        other=load(1),
        access_list=[
            {"address": CALLED, "storageKeys": [f"0x{slot:064x}" for slot in (1, 2, NEW_SLOT)]},
            {"address": OTHER, "storageKeys": []},
        ],
    ),
    "bytes that are paid for at least": Case("00", 46_000, 79_000, calldata=bytes(500) + b"\1" * 500),
    "bytes named beforehand, at least": Case(
        "00",
        69_400,
        108_140,
        calldata=b"\1" * 500,
        access_list=[{"address": OTHER, "storageKeys": [f"0x{slot:064x}" for slot in range(20)]}],
    ),
}


@dataclass(frozen=True)
class Probed:
    """An anvil on which cases are run."""

    devnet: Devnet
    node: JsonRpc
    w3: Web3

    def run(self, case: Case) -> str:
        """Call a case's contract; returns the transaction's hash."""
        for address, code in ((CALLED, case.code), (OTHER, case.other)):
            self.devnet.anvil.call("anvil_setCode", address, "0x" + code.replace(" ", ""))
            for slot in (*HOLDS, NEW_SLOT):
                value = f"0x{HOLDS.get(slot, 0):064x}"
                self.devnet.anvil.call("anvil_setStorageAt", address, hex(slot), value)
        transaction = {
            "to": CALLED,
            "data": case.calldata,
            "nonce": self.w3.eth.get_transaction_count(CALLER.address),
            "gas": 1_000_000,
            "maxFeePerGas": 10**11,
            "maxPriorityFeePerGas": 0,
            "chainId": anvil.CHAIN_ID,
            "accessList": case.access_list,
        }
        sent = self.w3.eth.send_raw_transaction(CALLER.sign_transaction(transaction).raw_transaction)
        return self.w3.eth.wait_for_transaction_receipt(sent)["transactionHash"].to_0x_hex()

    def traced(self, case: Case) -> TracedTransaction:
        return trace(self.node, self.run(case))


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probed]:
    folder = tmp_path_factory.mktemp("probed")
    with scratch_devnet(folder, timestamp=STARTS_AT) as devnet, JsonRpc(devnet.rpc_url) as node:
        devnet.give_gas(CALLER.address)
        yield Probed(devnet, node, connect(devnet.rpc_url))


@pytest.mark.parametrize("name", CASES)
def test_gas_by__each_case__is_what_geth_asks_for(probed: Probed, name: str) -> None:
    case = CASES[name]
    traced = probed.traced(case)
    assert (traced.gas_used, gas_by(OSAKA, traced).used) == (case.osaka, case.osaka)
    assert gas_by(AMSTERDAM, traced).used == case.amsterdam


def test_gas_as_sent__names_that_do_not_pay__are_left_out(probed: Probed) -> None:
    case = CASES["slots and accounts named beforehand"]
    named, unnamed = probed.traced(case), probed.traced(replace(case, access_list=[]))
    assert gas_as_sent(OSAKA, named) == gas_by(OSAKA, named)
    assert gas_as_sent(AMSTERDAM, named) == gas_by(AMSTERDAM, unnamed)
    assert gas_by(AMSTERDAM, unnamed).used < gas_by(AMSTERDAM, named).used


@pytest.mark.slow
@needs_geth
@pytest.mark.parametrize("hardfork", ["osaka", "amsterdam"])
def test_cases__run_by_geth__take_what_is_written_here(probed: Probed, hardfork: str) -> None:
    with simulating_geth(hardfork) as geth:
        taken = {name: simulated(geth, probed.node, probed.run(case)) for name, case in CASES.items()}
    assert taken == {name: getattr(case, hardfork) for name, case in CASES.items()}


def test_simulated__transaction_that_fails_there__is_no_figure(probed: Probed) -> None:
    """On an anvil, which simulates too."""
    transaction = probed.run(Case(load(1), 0, 0))
    assert simulated(probed.node, probed.node, transaction) == probed.traced(Case(load(1), 0, 0)).gas_used
    with pytest.raises(ChainError, match="the transaction fails there"):
        simulated(probed.node, probed.node, probed.run(Case(load(1) + REVERT, 0, 0)))


@pytest.mark.parametrize(
    "name,slots",
    [
        ("a cold and a warm read", ChangedSlots(written=0, created=0, cleared=0)),
        ("the value it has", ChangedSlots(written=0, created=0, cleared=0)),
        ("a slot that exists, twice", ChangedSlots(written=1, created=0, cleared=0)),
        ("new, away and new", ChangedSlots(written=1, created=1, cleared=0)),
        ("changed and back", ChangedSlots(written=0, created=0, cleared=0)),
        ("changed and cleared", ChangedSlots(written=1, created=0, cleared=1)),
        ("undone by a revert", ChangedSlots(written=0, created=0, cleared=0)),
    ],
)
def test_changed_slots__each_case__are_those_that_end_otherwise(
    probed: Probed, name: str, slots: ChangedSlots
) -> None:
    assert changed_slots(probed.traced(CASES[name])) == slots


@pytest.mark.parametrize(
    "code,other,named",
    [
        (f"5f 5f 5f 5f 6001 73{OTHER[2:]} 5a f1 50", "00", "a call that sends coins"),
        (f"73{OTHER[2:]} ff", "00", "SELFDESTRUCT"),
        (f"5f 5f 5f 5f 5f 73{OTHER[2:]} 5a f2 50", "00", "CALLCODE"),
        (call(), "fe", "a frame that broke off"),
        (create("fe"), "00", "a frame that broke off"),
        (create("5ffe"), "00", "a frame that broke off"),
        (f"5f 5f 5f 5f 5f 73{OTHER[2:]} 6020 f1 50", load(1), "a frame that broke off"),
    ],
)
def test_gas_by__what_no_schedule_prices__is_refused(
    probed: Probed, code: str, other: str, named: str
) -> None:
    probed.devnet.anvil.call("anvil_setBalance", CALLED, "0x10")
    traced = probed.traced(Case(code, 0, 0, other=other))
    with pytest.raises(ChainError, match=f"of a transaction with {named}"):
        gas_by(AMSTERDAM, traced)


@pytest.mark.parametrize("name", ["a cold and a warm read", "a new slot", "cleared"])
def test_gas_by__trace_that_misses_a_touch__is_refused(probed: Probed, name: str) -> None:
    traced = probed.traced(CASES[name])
    with pytest.raises(ChainError, match="today's prices give"):
        gas_by(AMSTERDAM, replace(traced, touches=traced.touches[1:]))


def test_gas_by__receipt_that_says_another_gas__is_refused(probed: Probed) -> None:
    traced = probed.traced(CASES["a new slot"])
    with pytest.raises(ChainError, match="today's prices give"):
        gas_by(AMSTERDAM, replace(traced, gas_used=traced.gas_used + 1))
