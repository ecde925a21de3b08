"""Log queries on nodes that take few addresses, few blocks, or no block that is not there."""

from __future__ import annotations

from typing import Any

import pytest

from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.chain.node.log_queries import fetch_logs, in_ranges
from chainbill.chain.node.refusals import read_refused
from chainbill.errors import NodeRefused, TooManyAddresses, UnknownBlock


def address(number: int) -> str:
    return f"0x{number:040x}"


class Node(JsonRpc):
    """Each block has one log of each address; at most so many words in a position and so many blocks."""

    def __init__(
        self, *, words: int = 1_000, blocks: int = 10_000, head: int = 10_000, said: str = ""
    ) -> None:
        self.words, self.blocks, self.head = words, blocks, head
        self.said = said or "exceed max addresses or topics per search position"
        self.asked: list[dict[str, Any]] = []

    def call(self, method: str, *parameters: Any) -> Any:
        (wanted,) = parameters
        self.asked.append(wanted)
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        positions = [wanted.get("address"), *wanted.get("topics", [])]
        if any(isinstance(words, list) and len(words) > self.words for words in positions):
            raise read_refused(method, self.said)
        if last > self.head:
            raise read_refused(method, "block range extends beyond current head block")
        if last - first + 1 > self.blocks:
            raise read_refused(method, "query returned more than 10000 results")
        addresses = wanted["address"] if isinstance(wanted["address"], list) else [wanted["address"]]
        return [
            {"blockNumber": hex(number), "logIndex": hex(int(each, 16)), "topics": wanted.get("topics")}
            for number in range(first, last + 1)
            for each in addresses
        ]


def places(logs: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(int(log["blockNumber"], 16), int(log["logIndex"], 16)) for log in logs]


@pytest.mark.parametrize("count, queries", [(1, 1), (1_000, 1), (1_001, 2), (2_500, 3)])
def test_fetch_logs__many_addresses__are_asked_in_thousands_and_come_in_order(
    count: int, queries: int
) -> None:
    node = Node()
    logs = fetch_logs(node, {"address": [address(n) for n in range(count)]}, 5, 7)
    assert places(logs) == [(block, n) for block in (5, 6, 7) for n in range(count)]
    assert len(node.asked) == queries


@pytest.mark.parametrize(
    "said", ["exceed max addresses or topics per search position", "invalid argument 0: exceed max addresses"]
)
def test_fetch_logs__node_takes_fewer_addresses__they_are_halved_and_not_the_blocks(said: str) -> None:
    node = Node(words=100, said=said)
    logs = fetch_logs(node, {"address": [address(n) for n in range(300)]}, 1, 4)
    assert places(logs) == [(block, n) for block in (1, 2, 3, 4) for n in range(300)]
    assert {(each["fromBlock"], each["toBlock"]) for each in node.asked} == {("0x1", "0x4")}


def test_fetch_logs__many_topics_in_two_positions__every_pair_is_asked_for_once() -> None:
    node, words = Node(), [f"0x{n:064x}" for n in range(1_500)]
    fetch_logs(node, {"address": address(1), "topics": ["0xaa", words, None, words]}, 1, 1)
    asked = [each["topics"] for each in node.asked]
    assert len(asked) == 4
    assert all(topics[0] == "0xaa" and topics[2] is None for topics in asked)
    pairs = [(a, b) for topics in asked for a in topics[1] for b in topics[3]]
    assert len(pairs) == len(set(pairs)) == 1_500**2


def test_fetch_logs__not_even_one_address__says_so() -> None:
    with pytest.raises(TooManyAddresses):
        fetch_logs(Node(words=0), {"address": [address(1), address(2)]}, 1, 1)


def test_fetch_logs__few_blocks_and_few_addresses__every_block_and_address_once() -> None:
    node = Node(words=10, blocks=3)
    logs = fetch_logs(node, {"address": [address(n) for n in range(25)]}, 1, 40)
    assert places(logs) == [(block, n) for block in range(1, 41) for n in range(25)]


def test_fetch_logs__past_the_head__is_an_unknown_block_and_no_endless_halving() -> None:
    node = Node(head=79)
    with pytest.raises(UnknownBlock):
        fetch_logs(node, {"address": address(1)}, 1, 1_079)
    assert len(node.asked) == 1


def test_in_ranges__node_refuses_now_and_then__every_block_once_in_order() -> None:
    asked: list[tuple[int, int]] = []

    def ask(first: int, last: int) -> list[int]:
        asked.append((first, last))
        if last - first > 4 and len(asked) % 3:
            raise NodeRefused("too much")
        return list(range(first, last + 1))

    assert in_ranges(7, 200, ask) == list(range(7, 201))
    assert all(first <= last for first, last in asked)
