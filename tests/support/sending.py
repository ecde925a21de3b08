"""One account that sends on a node in memory, by a clock that passes only while it sleeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from eth_account import Account
from tests.support.fake_node import FakeNode
from web3 import Web3

from chainbill.chain.artifacts import load_artifact
from chainbill.chain.node.connection import connect
from chainbill.chain.node.fees import FeePolicy, Fees
from chainbill.chain.node.outbox import MemoryOutbox
from chainbill.chain.node.send_state import Patience
from chainbill.chain.node.sender import Call, Sender
from chainbill.records.hashing import keccak256

ACCOUNT = Account.from_key(keccak256(b"sender"))
TOKEN = Web3.to_checksum_address("0x" + "12" * 20)


@dataclass
class Clock:
    """Time that passes only while somebody sleeps; ``at`` has what happens meanwhile."""

    now: float = 0.0
    at: list[tuple[float, Callable[[], object]]] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        while self.at and self.at[0][0] <= self.now:
            self.at.pop(0)[1]()

    def then(self, seconds: float, what: Callable[[], object]) -> None:
        self.at.append((self.now + seconds, what))
        self.at.sort(key=lambda each: each[0])


@dataclass
class Scene:
    node: FakeNode
    clock: Clock
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)

    def sender(self, policy: FeePolicy | None = None) -> Sender:
        return Sender(
            connect(self.node.url),
            ACCOUNT,
            outbox=self.outbox,
            policy=policy or FeePolicy(),
            patience=Patience(),
            clock=self.clock,
            sleep=self.clock.sleep,
        )

    def mines_each(self, seconds: float, blocks: int = 200) -> None:
        for number in range(1, blocks + 1):
            self.clock.then(number * seconds, self.node.mine)


def offered(node: FakeNode) -> list[tuple[int, int]]:
    return [(int(each["nonce"]), Fees.of(each).max_fee) for each in node.received]


def bound(sender: Sender, amount: int = 1) -> Call:
    token = sender._w3.eth.contract(address=TOKEN, abi=load_artifact("DevUSD").abi)
    return token.functions.approve(ACCOUNT.address, amount)
