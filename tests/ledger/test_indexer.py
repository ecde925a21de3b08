"""Fetching: ranges a node will answer, times it leaves out, and the file a copy is kept in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.support.settled_history import Story

from chainbill.chain.format.events import PayerCreated, TokensMoved
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.chain.node.log_queries import MAX_RANGE, fetch_logs
from chainbill.errors import ChainbillError, ChainError, LedgerError, NodeRefused, StateError
from chainbill.ledger.indexer import fetch_ledger, index
from chainbill.ledger.raw_logs import RawLedger


class Grudging(JsonRpc):
    """A node that gives logs for at most ``limit`` blocks at once, one log a block."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.asked: list[tuple[int, int]] = []

    def call(self, method: str, *parameters: Any) -> Any:
        assert method == "eth_getLogs"
        first, last = (int(parameters[0][name], 16) for name in ("fromBlock", "toBlock"))
        self.asked.append((first, last))
        if last - first + 1 > self.limit:
            raise NodeRefused("query returned more than 10000 results")
        return [{"block": number} for number in range(first, last + 1)]


@pytest.mark.parametrize("limit", [1, 7, 10_000])
def test_fetch_logs__node_limits_ranges__every_block_is_read_once(limit: int) -> None:
    node = Grudging(limit)
    found = fetch_logs(node, {}, 3, 25_000 if limit > 1 else 60)
    assert [entry["block"] for entry in found] == list(range(3, (25_000 if limit > 1 else 60) + 1))
    assert all(last - first < MAX_RANGE for first, last in node.asked)


def test_fetch_logs__node_refuses_even_one_block__says_so() -> None:
    with pytest.raises(ChainError, match="more than 10000"):
        fetch_logs(Grudging(0), {}, 1, 100)


def test_fetch_ledger__the_story__is_ordered_and_complete(story: Story, node: JsonRpc) -> None:
    ledger = fetch_ledger(node, story.deployment)
    positions = [log.position for log in ledger.logs]
    assert positions == sorted(set(positions))
    recorded = index(node, story.deployment)
    # One log may tell of several rows.
    assert len({(e.block, e.log_index) for e in recorded}) == len(ledger.logs) == ledger.header.logs
    assert [e.event.payer_id for e in recorded if isinstance(e.event, PayerCreated)] == [1, 2]
    # Every block's time is the chain's own, and every log of our contracts is there.
    ours = {
        story.deployment.settlement,
        story.deployment.escrow,
        story.payer(1).address,
        story.payer(2).address,
    }
    for number in range(ledger.header.deployment.block, ledger.header.to_block + 1):
        block = story.rpc("eth_getBlockByNumber", hex(number), False)
        logs = story.rpc("eth_getLogs", {"fromBlock": hex(number), "toBlock": hex(number)})
        indexed = [e for e in recorded if e.block == number and not isinstance(e.event, TokensMoved)]
        there = [log for log in logs if story.w3.to_checksum_address(log["address"]) in ours]
        assert len({e.log_index for e in indexed if e.emitter in ours}) == len(there)
        assert {e.block_time for e in indexed} <= {int(str(block["timestamp"]), 16)}


def test_fetch_ledger__to_an_earlier_block__ends_there(story: Story, node: JsonRpc) -> None:
    full = fetch_ledger(node, story.deployment)
    half = fetch_ledger(node, story.deployment, to_block=50)
    assert half.header.to_block == 50
    assert half.logs == tuple(log for log in full.logs if log.block <= 50)


def test_fetch_ledger__node_leaves_times_out__they_are_looked_up(
    story: Story, node: JsonRpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = fetch_ledger(node, story.deployment)
    original: Callable[..., Any] = JsonRpc.call

    def without_times(self: JsonRpc, method: str, *parameters: Any) -> Any:
        answer = original(self, method, *parameters)
        if method == "eth_getLogs":
            for log in answer:
                log.pop("blockTimestamp", None)
        return answer

    monkeypatch.setattr(JsonRpc, "call", without_times)
    assert fetch_ledger(node, story.deployment) == expected


@pytest.mark.parametrize(
    "change, to_block, said",
    [({"chain_id": 1}, None, "is of chain 31337"), ({}, 99_999, "no block 99999")],
)
def test_fetch_ledger__wrong_chain_or_block__is_refused(
    story: Story, node: JsonRpc, change: dict[str, Any], to_block: int | None, said: str
) -> None:
    with pytest.raises(ChainError, match=said):
        fetch_ledger(node, story.deployment.model_copy(update=change), to_block=to_block)


def test_call__nobody_answers__says_so() -> None:
    with JsonRpc("http://127.0.0.1:1") as silent, pytest.raises(ChainError, match="no node answers"):
        silent.call("eth_chainId")


@pytest.mark.parametrize("url", ["http://[", "nonsense", "http://127.0.0.1:99999"])
def test_call__not_a_url__is_one_error(url: str) -> None:
    with pytest.raises(ChainError), JsonRpc(url) as node:
        node.call("eth_chainId")


def test_write_and_read__the_story__come_back_equal(ledger_copy: RawLedger, tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    ledger_copy.write(file)
    assert RawLedger.read(file) == ledger_copy
    assert len(file.read_bytes().splitlines()) == len(ledger_copy.logs) + 1


def _edit(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda entry: {**entry, key: value}


@pytest.mark.parametrize(
    "line, change, said",
    [
        (1, _edit("version", 2), "line 1 is not the header"),
        (1, _edit("to_block", -1), "line 1 is not the header"),
        (1, lambda _: [], "line 1 is not the header"),
        (5, lambda _: [], "line 5 is not a log"),
        (5, lambda _: {}, "line 5 is not a log: its topics"),
        (5, _edit("topics", [7]), "line 5 is not a log: its topics"),
        (5, _edit("data", "0x0"), "line 5 is not a log: its data"),
        (5, _edit("data", "0xzz"), "line 5 is not a log: its data"),
        (5, _edit("address", "0x12"), "line 5 is not a log: its address"),
        (5, _edit("blockNumber", 12), "line 5 is not a log: its blockNumber"),
        (5, _edit("logIndex", "0x"), "line 5 is not a log: its logIndex"),
        (5, _edit("blockTimestamp", None), "line 5 is not a log: its blockTimestamp"),
    ],
)
def test_read__malformed_line__is_named(
    ledger_copy: RawLedger, tmp_path: Path, line: int, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    file = tmp_path / "ledger.jsonl"
    ledger_copy.write(file)
    lines = file.read_bytes().splitlines()
    lines[line - 1] = orjson.dumps(change(orjson.loads(lines[line - 1])))
    file.write_bytes(b"\n".join(lines))
    with pytest.raises(LedgerError, match=said) as caught:
        RawLedger.read(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"{", b"[" * 100_000, b"\xff\xfe\x00", b"null"])
def test_read__not_a_ledger__is_one_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "ledger.jsonl"
    file.write_bytes(content)
    with pytest.raises(LedgerError):
        RawLedger.read(file)


def test_read_and_write__no_such_place__are_one_error(ledger_copy: RawLedger, tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be read"):
        RawLedger.read(tmp_path)
    with pytest.raises(ChainbillError, match="cannot be written"):
        ledger_copy.write(tmp_path / "absent" / "ledger.jsonl")
