"""A node in memory that answers over HTTP in the words of geth, anvil or Avalanche, and mines when told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from eth_account import Account
from tests.support.json_server import serving_json
from web3.types import TxParams

from chainbill.chain.node.fees import Fees
from chainbill.chain.node.signed import read_signed
from chainbill.records.hashing import keccak256

CHAIN_ID = 424_242
GWEI = 10**9


class Refused(Exception):
    """The node answers with an error."""

    def __init__(self, message: str, code: int = -32000) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message}


@dataclass(frozen=True)
class Kind:
    """How one kind of node behaves and speaks."""

    name: str
    already_known: str
    replacement: str
    low_nonce: str
    no_funds: str
    needed_percent: int
    """By how much a replacement must offer more."""
    refuses_low_fees: bool = False
    """Whether a max fee below the base fee is refused, and does not wait."""


ANVIL = Kind(
    "anvil",
    "transaction already imported",
    "replacement transaction underpriced",
    "nonce too low",
    "Insufficient funds for gas * price + value",
    5,
    refuses_low_fees=True,
)
GETH = Kind(
    "geth",
    "already known",
    "replacement transaction underpriced",
    "nonce too low: next nonce {used}, tx nonce {nonce}",
    "insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {overshot}",
    10,
)
AVALANCHE = Kind(
    "avalanche",
    "already known",
    "replacement transaction underpriced",
    "nonce too low: next nonce {used}, tx nonce {nonce}",
    "insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {overshot}",
    10,
)
KINDS = (ANVIL, GETH, AVALANCHE)


@dataclass
class FakeNode:
    """One chain and its pool. Every account begins with ``balance`` wei."""

    kind: Kind = GETH
    base_fee: int | None = GWEI
    """None: a network without EIP-1559."""
    tip: int | None = 1
    """What the node names; None: it does not know the method."""
    balance: int = 10**18
    gas: int = 50_000
    """What every call takes."""
    gas_limit: int = 60_000_000
    seconds_of_a_block: int = 1
    """By their timestamps."""
    safe: int | None = None
    finalized: int | None = None
    url: str = ""
    asked: list[str] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    """By method: an answer in place of the node's own; an exception is raised."""
    pool: dict[tuple[str, int], tuple[str, TxParams]] = field(default_factory=dict)
    """By sender and nonce: hash and transaction."""
    blocks: list[list[str]] = field(default_factory=lambda: [[]])
    used: dict[str, int] = field(default_factory=dict)
    mined: dict[str, tuple[int, TxParams, str]] = field(default_factory=dict)
    """By hash: the block, the transaction and its sender."""
    received: list[TxParams] = field(default_factory=list)
    """Whatever was taken into the pool, in order."""
    reverts: set[int] = field(default_factory=set)
    """Nonces whose transactions revert in their block."""

    # ---- what happens to it ---------------------------------------------------------------------------

    def mine(self, *, most: int = 10**6) -> int:
        """A block of everything that waits, follows on what is mined and offers enough; how many that are."""
        taken: list[str] = []
        for sender, nonce in sorted(self.pool):
            digest, transaction = self.pool[sender, nonce]
            offered = Fees.of(transaction).max_fee
            if nonce != self.used.get(sender, 0) or offered < (self.base_fee or 0) or len(taken) == most:
                continue
            self.used[sender] = nonce + 1
            self.mined[digest] = len(self.blocks), transaction, sender
            taken.append(digest)
        for digest in taken:
            _, transaction, sender = self.mined[digest]
            del self.pool[sender, int(transaction["nonce"])]
        self.blocks.append(taken)
        return len(taken)

    def forget_pool(self) -> None:
        """As after a restart."""
        self.pool.clear()

    # ---- what it answers ------------------------------------------------------------------------------

    def answer(self, body: bytes) -> bytes:
        request = json.loads(body)
        if isinstance(request, list):
            self.asked.append("batch")
            return json.dumps([self._answer(each) for each in request]).encode()
        return json.dumps(self._answer(request)).encode()

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        method, parameters = request["method"], request.get("params", [])
        self.asked.append(method)
        head = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            if method in self.answers:
                told = self.answers[method]
                if isinstance(told, Exception):
                    raise told
                return {**head, "result": told(*parameters) if callable(told) else told}
            known = getattr(self, method, None)
            if known is None:
                raise Refused(f"the method {method} does not exist/is not available", -32601)
            return {**head, "result": known(*parameters)}
        except Refused as refused:
            return {**head, "error": refused.error}

    def eth_chainId(self) -> str:  # noqa: N802 - the method's own name; so below
        return hex(CHAIN_ID)

    def eth_blockNumber(self) -> str:  # noqa: N802
        return hex(len(self.blocks) - 1)

    def eth_getBlockByNumber(self, which: str, _: bool) -> dict[str, Any] | None:  # noqa: N802
        newest = len(self.blocks) - 1
        tags = {"latest": newest, "pending": newest, "safe": self.safe, "finalized": self.finalized}
        number = tags[which] if which in tags else int(which, 16)
        if number is None or number > newest:
            return None
        # As long as a header of Istanbul's or of Avalanche's makers.
        block = {"number": hex(number), "hash": self._hash_of(number), "extraData": "0x" + "ab" * 86}
        block |= {
            "gasLimit": hex(self.gas_limit),
            "timestamp": hex(1_750_000_000 + number * self.seconds_of_a_block),
        }
        return block if self.base_fee is None else block | {"baseFeePerGas": hex(self.base_fee)}

    def eth_maxPriorityFeePerGas(self) -> str:  # noqa: N802
        if self.tip is None:
            raise Refused("Method not found", -32601)
        return hex(self.tip)

    def eth_gasPrice(self) -> str:  # noqa: N802
        return hex(self.base_fee or 3 * GWEI)

    def eth_getBalance(self, _: str, __: str = "latest") -> str:  # noqa: N802
        return hex(self.balance)

    def eth_estimateGas(self, *_: Any) -> str:  # noqa: N802
        return hex(self.gas)

    def eth_call(self, *_: Any) -> str:
        return "0x"

    def eth_getTransactionCount(self, address: str, which: str = "latest") -> str:  # noqa: N802
        count = self.used.get(address.lower(), 0)
        while which == "pending" and (address.lower(), count) in self.pool:
            count += 1
        return hex(count)

    def eth_sendRawTransaction(self, raw: str) -> str:  # noqa: N802
        data = bytes.fromhex(raw[2:])
        transaction, digest = read_signed(data, CHAIN_ID), "0x" + keccak256(data).hex()
        sender = str(Account.recover_transaction(data)).lower()
        self._check(sender, digest, transaction)
        self.pool[sender, int(transaction["nonce"])] = digest, transaction
        self.received.append(transaction)
        return digest

    def _check(self, sender: str, digest: str, transaction: TxParams) -> None:
        nonce, used, fees = int(transaction["nonce"]), self.used.get(sender, 0), Fees.of(transaction)
        cost = transaction["gas"] * fees.max_fee
        if nonce < used:
            raise Refused(self.kind.low_nonce.format(used=used, nonce=nonce))
        if cost > self.balance:
            overshot = cost - self.balance
            raise Refused(self.kind.no_funds.format(balance=self.balance, cost=cost, overshot=overshot))
        if self.kind.refuses_low_fees and fees.max_fee < (self.base_fee or 0):
            raise Refused("max fee per gas less than block base fee", -32003)
        waiting = self.pool.get((sender, nonce))
        if waiting is None:
            return
        if waiting[0] == digest:
            raise Refused(self.kind.already_known)
        before = Fees.of(waiting[1])
        pairs = [(fees.max_fee, before.max_fee), (fees.tip or 0, before.tip or 0)]
        if any(100 * new < (100 + self.kind.needed_percent) * old for new, old in pairs):
            raise Refused(self.kind.replacement)

    def eth_getTransactionByHash(self, digest: str) -> dict[str, Any] | None:  # noqa: N802
        known = digest in self.mined or any(waiting == digest for waiting, _ in self.pool.values())
        return {"hash": digest} if known else None

    def eth_getTransactionReceipt(self, digest: str) -> dict[str, Any] | None:  # noqa: N802
        if digest not in self.mined:
            return None
        number, transaction, _ = self.mined[digest]
        status = 0 if int(transaction["nonce"]) in self.reverts else 1
        receipt = {"transactionHash": digest, "blockNumber": hex(number), "blockHash": self._hash_of(number)}
        return receipt | {"gasUsed": hex(self.gas), "status": hex(status), "logs": []}

    def _hash_of(self, number: int) -> str:
        return "0x" + keccak256(b"%d" % number).hex()


@contextmanager
def serving(node: FakeNode) -> Iterator[FakeNode]:
    """The node on a free port of the loopback interface."""
    with serving_json(lambda body: (200, node.answer(body))) as node.url:
        yield node
