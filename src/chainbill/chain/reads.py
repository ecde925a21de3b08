"""Reads of contracts, asked many at once, and remembered while they stay true: until a log says otherwise, or
for their block.

Who asks the same of the chain again and again (whose key may sign, who pays for whom, at which fee) asks
within ``Reads.held``. That looks at the newest block in one round trip, and learns from the logs since the
last look what has changed; whatever else was read stays known. Outside of it nothing is remembered, and every
read is the chain's own answer: so whatever is signed is checked at the block it is signed for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

from hexbytes import HexBytes
from web3.types import LogReceipt

from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.node.json_rpc import JsonRpc, Request
from chainbill.errors import NodeRefused
from chainbill.protocol_constants import END_OF_TIME


@dataclass(frozen=True, slots=True)
class Standing:
    """A view, and how long its answer is true."""

    changed_by: tuple[str, ...]
    """Solidity names of the events of its contract after which it is asked again; none: any block may change
    it, and its answer is true of the block that it was read at alone."""
    about: int = 0
    """Which argument such an event names in one of its topics."""
    time: int | None = None
    """Which argument is a time. What holds now and at the end of time alike holds at every time between."""


_PASSING = Standing(())

STANDING: Mapping[tuple[str, str], Standing] = {
    ("ProviderRegistry", "isAttester"): Standing(("AttesterAdded", "AttesterRevoked"), about=1),
    ("ProviderRegistry", "cashPriceAt"): Standing(("CashPricePublished",), about=1, time=2),
    ("ProviderRegistry", "payoutAddress"): _PASSING,
    # Whether it is suspended; amounts change with every batch, and are never remembered.
    ("ClaimSettlement", "creditOf"): Standing(("ProviderSuspended", "ProviderReinstated")),
    ("PatientEscrow", "payersOf"): Standing(("PayersAccepted",), time=1),
    ("PatientEscrow", "limitsOf"): Standing(("LimitsSet",), time=1),
    ("PatientEscrow", "consentOf"): Standing(("ConsentGranted", "ConsentRevoked"), time=2),
    ("PatientEscrow", "balanceOf"): _PASSING,
    ("PatientEscrow", "spentToday"): _PASSING,
    ("PatientEscrow", "withdrawalOf"): _PASSING,
    ("DevUSD", "balanceOf"): _PASSING,
    ("InsurerPayerFactory", "payerAt"): Standing(("PayerCreated",)),
    ("InsurerPayer", "feeAt"): Standing(("FeePublished",), time=1),
    # Under which plan; what was met changes with every batch, and is never remembered.
    ("InsurerPayer", "memberYear"): Standing(("Enrolled", "PlanChanged", "CoverageEnded")),
    ("InsurerPayer", "planVersions"): Standing(("PlanPublished",)),
    ("InsurerPayer", "planTerms"): Standing(("PlanPublished",)),
    ("InsurerPayer", "categoryTerms"): Standing(("PlanPublished",)),
    ("InsurerPayer", "acceptsProvider"): Standing(("ProviderAccepted", "ProviderAcceptanceEnded"), time=1),
    ("InsurerPayer", "pool"): _PASSING,
    ("InsurerPayer", "pendingOwner"): _PASSING,
    ("InsurerPayer", "withdrawalRequest"): _PASSING,
}
"""By contract and function. The clients' methods that ask these say only what stands."""


@dataclass(frozen=True, slots=True)
class Question:
    """A view of a contract, with arguments."""

    contract: ContractClient
    function: str
    arguments: tuple[Any, ...]

    @property
    def standing(self) -> Standing:
        """When its answer changes."""
        return STANDING[self.contract.artifact, self.function]

    @property
    def asked_time(self) -> int | None:
        """The time that it asks about; None: it asks about none."""
        return None if self.standing.time is None else int(self.arguments[self.standing.time])


@dataclass(frozen=True, slots=True)
class Block:
    """The newest block at one look."""

    number: int
    hash: bytes
    time: int
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class _Known:
    question: Question
    answer: Any
    """At the block's own time."""
    last: Any
    """At the end of time."""
    read_at: int
    """Number of the block that it was read at."""
    lasts: bool
    """Is it true of later blocks? Not where another answer is announced, nor of what any block may change."""

    def answer_at(self, time: int | None, block: Block) -> Any:
        """What is known of this time, seen from a block that it is true of; None: nothing."""
        if time == END_OF_TIME:
            return self.last
        known = time is None or time == block.time or (self.lasts and time > block.time)
        return self.answer if known else None


_Key = tuple[str, str, tuple[Any, ...]]


class Follower(Protocol):
    """Who reads logs as well, and is told the new ones within ``Reads.held``."""

    @property
    def read_to(self) -> tuple[int, bytes] | None:
        """Number and hash of the block that it has read to by itself; None: it has read nothing."""

    def forget(self) -> None:
        """The chain has that block no more."""

    def hear(self, logs: Sequence[LogReceipt]) -> None:
        """New logs, some of them perhaps known."""


class Reads:
    """What was read through one node."""

    def __init__(
        self,
        node: Callable[[], JsonRpc],
        addresses: Collection[str],
        follower: Callable[[], Follower],
    ) -> None:
        """``addresses``: contracts whose logs are always asked for, and told to the ``follower``."""
        self._node = node
        self._addresses = set(addresses)
        self._follower = follower
        self._known: dict[_Key, _Known] = {}
        self._newest: Block | None = None
        self._covered: Block | None = None
        """Logs up to it have been read."""
        self._depth = 0

    # ---- held -----------------------------------------------------------------------------------------

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within, what is known is not asked again, and the time is the newest block's. Entered again within,
        it is the same look.

        Raises:
            NodeError: the node does not answer.
        """
        if not self._depth:
            self._look()
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    @property
    def block(self) -> Block | None:
        """The block that is looked at; None outside ``held``."""
        return self._newest if self._depth else None

    @property
    def newest(self) -> int | None:
        """Its number."""
        return None if self.block is None else self.block.number

    def learn(self, questions: Iterable[Question]) -> None:
        """Ask what of these is not known yet, in one round trip (of each 500 requests). What a node will not
        answer so is asked by itself when it is needed.

        Raises:
            NodeError: the node does not answer.
        """
        block = self.block
        if block is None:
            return
        asked = {key: each for each in questions if (key := _key(each)) not in self._known}
        times = [(key, each, time) for key, each in asked.items() for time in _times(each, block)]
        if not times:
            return
        try:
            answers = self._node().batch([_request(each, time, block) for _, each, time in times])
        except NodeRefused:
            return
        found: dict[_Key, list[bytes]] = {}
        for (key, _, _), answer in zip(times, answers, strict=True):
            found.setdefault(key, []).append(bytes(HexBytes(answer)))
        for key, raw in found.items():
            question = asked[key]
            present, last = (
                question.contract.decode_answer(question.function, each) for each in (raw[0], raw[-1])
            )
            lasts = raw[0] == raw[-1] and bool(question.standing.changed_by)
            self._known[key] = _Known(question, present, last, block.number, lasts)
            if question.standing.changed_by:
                self._addresses.add(question.contract.address)

    def find(self, contract: ContractClient, function: str, arguments: tuple[Any, ...]) -> Any:
        """What is known of a question; None where that is nothing, and outside ``held``."""
        if self.block is None:
            return None
        question = Question(contract, function, arguments)
        known = self._known.get(_key(question))
        return None if known is None else known.answer_at(question.asked_time, self.block)

    # ---- what has changed -----------------------------------------------------------------------------

    def _look(self) -> None:
        """Look at the newest block, and forget what logs say has changed, in one round trip."""
        before, covered, follower = self._newest, self._covered, self._follower()
        newest_block: Request = ("eth_getBlockByNumber", ["latest", False])
        requests = [newest_block, *([] if follower.read_to is None else [_block_at(follower.read_to[0])])]
        if before is not None and covered is not None:
            since = {"fromBlock": hex(covered.number), "toBlock": "latest"}
            logs: Request = ("eth_getLogs", [{**since, "address": sorted(self._addresses)}])
            requests += [_block_at(before.number), logs]
        try:
            answers = self._node().batch(requests)
        except NodeRefused:
            # The chain is shorter than it was, or the node will not tell so much at once.
            answers = [*self._node().batch([newest_block]), *[None] * (len(requests) - 1)]
        self._newest = newest = _block(answers.pop(0))
        if follower.read_to is not None and not _is(answers.pop(0), follower.read_to[1]):
            follower.forget()
        if before is None or covered is None:
            self._covered = newest
            return
        same, told = answers
        if not _is(same, before.hash):
            self._forget(newest)
            return
        self._hear(told)
        # A node may answer a batch in any order: logs are known for certain up to the block before this look,
        # and are asked for from there the next time.
        self._covered = before
        self._known = {
            key: each for key, each in self._known.items() if each.lasts or each.read_at == newest.number
        }

    def _forget(self, newest: Block) -> None:
        """The chain was reorganised: it may say otherwise now."""
        self._known.clear()
        self._covered = newest

    def _hear(self, logs: list[dict[str, Any]]) -> None:
        named: dict[tuple[str, bytes], dict[bytes, int]] = {}
        for log in logs:
            event, *about = (bytes(HexBytes(topic)) for topic in log["topics"] or [b""])
            newest = named.setdefault((log["address"].lower(), event), {})
            for topic in about:
                newest[topic] = max(newest.get(topic, 0), int(log["blockNumber"], 16))
        self._known = {key: known for key, known in self._known.items() if not _is_changed(known, named)}
        if logs:
            self._follower().hear([_as_web3(log) for log in logs])


def _key(question: Question) -> _Key:
    """A question but for its time."""
    time = question.standing.time
    rest = tuple(each for place, each in enumerate(question.arguments) if place != time)
    return question.contract.address, f"{question.contract.artifact}.{question.function}", rest


def _times(question: Question, block: Block) -> tuple[int, ...]:
    return (block.time,) if question.standing.time is None else (block.time, END_OF_TIME)


def _request(question: Question, time: int, block: Block) -> Request:
    place = question.standing.time
    arguments = tuple(time if i == place else each for i, each in enumerate(question.arguments))
    data = question.contract.calldata(question.function, *arguments)
    call = {"to": question.contract.address, "data": f"0x{data.hex()}"}
    return "eth_call", [call, hex(block.number)]


def _is_changed(known: _Known, named: Mapping[tuple[str, bytes], Mapping[bytes, int]]) -> bool:
    contract, standing = known.question.contract, known.question.standing
    if not standing.changed_by:
        return False
    about = _word(known.question.arguments[standing.about])
    return any(
        named.get((contract.address.lower(), contract.topic(event)), {}).get(about, -1) > known.read_at
        for event in standing.changed_by
    )


def _word(value: Any) -> bytes:
    """A value as a topic holds it."""
    if isinstance(value, bytes):
        return value.ljust(32, b"\0")
    if isinstance(value, str):
        return bytes.fromhex(value[2:]).rjust(32, b"\0")
    return int(value).to_bytes(32, "big")


def _block_at(number: int) -> Request:
    return "eth_getBlockByNumber", [hex(number), False]


def _is(answer: Mapping[str, Any] | None, block_hash: bytes) -> bool:
    """Is the block that a node has told of the one of this hash?"""
    return answer is not None and bytes(HexBytes(answer["hash"])) == block_hash


def _block(answer: Mapping[str, Any]) -> Block:
    return Block(int(answer["number"], 16), bytes(HexBytes(answer["hash"])), int(answer["timestamp"], 16))


def _as_web3(log: Mapping[str, Any]) -> LogReceipt:
    """A log as web3 gives it, as far as it is read here."""
    told: Any = {
        "address": log["address"],
        "topics": [HexBytes(topic) for topic in log["topics"]],
        "data": HexBytes(log["data"]),
        "blockNumber": int(log["blockNumber"], 16),
        "blockHash": HexBytes(log["blockHash"]),
        "transactionHash": HexBytes(log["transactionHash"]),
        "logIndex": int(log["logIndex"], 16),
    }
    return cast("LogReceipt", told)
