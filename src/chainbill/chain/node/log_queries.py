"""``eth_getLogs`` over any number of blocks, addresses and topics, in queries that a node will answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, TypeVar

from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.errors import NodeRefused, TooManyAddresses, UnknownBlock

T = TypeVar("T")

MAX_RANGE = 10_000
"""Blocks asked for at once; halved while the node refuses, doubled back while it does not."""

MAX_WORDS = 1_000
"""Addresses, and topics in one position, asked for at once: geth and Avalanche refuse more. Halved where a
node takes fewer."""

Criteria = Mapping[str, Any]
"""As JSON-RPC has it: ``address`` one or a list, ``topics`` for each position one, a list, or None: any."""


def in_ranges(first: int, last: int, ask: Callable[[int, int], Iterable[T]]) -> list[T]:
    """What ``ask`` answers for the blocks from ``first`` to ``last``, in ranges that the node will answer.

    Args:
        ask: for the first and the last block of a range.

    Raises:
        UnknownBlock: the chain is not that long; some nodes leave out what is missing without a word, so ask
            for the last block beforehand.
        NodeRefused: the node refuses even a single block.
    """
    found: list[T] = []
    span = MAX_RANGE
    while first <= last:
        end = min(first + span - 1, last)
        try:
            found += ask(first, end)
        except (UnknownBlock, TooManyAddresses):
            # Fewer blocks would not help.
            raise
        except NodeRefused:
            if end == first:
                raise
            span = (end - first + 1) // 2
        else:
            first, span = end + 1, min(MAX_RANGE, span * 2)
    return found


def fetch_logs(node: JsonRpc, criteria: Criteria, first: int, last: int) -> list[dict[str, Any]]:
    """Every log that fits, of the blocks from ``first`` to ``last``, in the chain's order; errors as
    ``in_ranges``."""
    most = MAX_WORDS
    while True:
        parts = list(_split(criteria, most))
        try:
            logs = [log for part in parts for log in _fetch_part(node, part, first, last)]
        except TooManyAddresses:
            if most == 1:
                raise
            most //= 2
        else:
            return logs if len(parts) == 1 else _in_order(logs)


def _fetch_part(node: JsonRpc, criteria: Criteria, first: int, last: int) -> list[dict[str, Any]]:
    def ask(begin: int, end: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = node.call(
            "eth_getLogs", {**criteria, "fromBlock": hex(begin), "toBlock": hex(end)}
        )
        return found

    return in_ranges(first, last, ask)


def _split(criteria: Criteria, most: int) -> Iterator[Criteria]:
    """Queries of at most so many addresses, and topics in each position, that together ask for all."""
    positions = [criteria.get("address"), *criteria.get("topics", [])]
    for address, *topics in product(*(_chunks(words, most) for words in positions)):
        part = {**criteria, "address": address, "topics": topics}
        yield {name: part[name] for name in criteria}


def _chunks(words: Any, most: int) -> Sequence[Any]:
    """A position's words in parts of at most ``most``; one word, or any, is one part."""
    if not isinstance(words, list) or len(words) <= most:
        return [words]
    return [words[start : start + most] for start in range(0, len(words), most)]


def _in_order(logs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parts' logs as one query would have answered."""
    return sorted(logs, key=lambda log: (int(log["blockNumber"], 16), int(log.get("logIndex", "0x0"), 16)))
