"""Batches on nodes that take few requests at once, and blocks that a node does not have."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.fake_node import FakeNode, Refused, serving
from tests.support.node_proxy import Answer, Proxy, proxy_before
from web3 import Web3

from chainbill.chain.node.connection import connect, hash_of_block, json_rpc_of, time_of_block
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.chain.node.mapped_errors import mapped_errors
from chainbill.errors import BatchTooLarge, ChainError, NodeRefused, StateForgotten, UnknownBlock

UNKNOWN = ["header not found", "cannot query unfinalized data", "BlockOutOfRangeError: block height is 5"]


@pytest.fixture
def node() -> Iterator[FakeNode]:
    with serving(FakeNode()) as node:
        yield node


@pytest.fixture
def proxy(node: FakeNode) -> Iterator[Proxy]:
    with proxy_before(node.url) as proxy:
        yield proxy


def takes_at_most(count: int, *, in_list: bool, sizes: list[int]) -> Callable[[Callable[[], Answer]], Answer]:
    """Refuses larger batches as geth and Avalanche do, or with one error that is in no list."""

    def answer(ask: Callable[[], Answer]) -> Answer:
        status, body = ask()
        answers = json.loads(body)
        sizes.append(len(answers))
        if len(answers) <= count:
            return status, body
        error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batch too large"}}
        return 200, json.dumps([error] if in_list else error).encode()

    return answer


@pytest.mark.parametrize("in_list", [True, False])
def test_batch__node_takes_fewer__is_asked_in_halves_and_goes_on_so(proxy: Proxy, in_list: bool) -> None:
    sizes: list[int] = []
    proxy.rules["batch"] = takes_at_most(130, in_list=in_list, sizes=sizes)
    with JsonRpc(proxy.url) as node:
        assert node.batch([("eth_blockNumber", [])] * 600) == ["0x0"] * 600
    assert sizes[:3] == [500, 250, 125]
    assert max(sizes[2:]) == 125


def test_batch__node_takes_none__says_so(proxy: Proxy) -> None:
    proxy.rules["batch"] = takes_at_most(0, in_list=False, sizes=[])
    with JsonRpc(proxy.url) as node, pytest.raises(BatchTooLarge):
        node.batch([("eth_blockNumber", [])] * 4)


def test_answers__some_are_errors__each_is_told_apart(node: FakeNode) -> None:
    with JsonRpc(node.url) as rpc:
        good, bad = rpc.answers([("eth_blockNumber", []), ("eth_nonsense", [])])
    assert good["result"] == "0x0"
    assert "does not exist" in bad["error"]["message"]


# ---- unknown blocks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [None, *UNKNOWN])
def test_find_block__chain_is_not_that_long__is_none_however_the_node_says_it(
    node: FakeNode, said: str | None
) -> None:
    if said is not None:
        node.answers["eth_getBlockByNumber"] = Refused(said)
    with JsonRpc(node.url) as rpc:
        assert rpc.find_block(1_000) is None
        assert rpc.find_blocks([1_000, 1_001]) == [None, None]


def test_find_block__node_refuses_otherwise__is_its_error(node: FakeNode) -> None:
    node.answers["eth_getBlockByNumber"] = Refused("boom")
    with JsonRpc(node.url) as rpc:
        with pytest.raises(NodeRefused, match="boom"):
            rpc.find_block(1)
        with pytest.raises(NodeRefused, match="boom"):
            rpc.find_blocks([1])


@pytest.mark.parametrize("said", [None, *UNKNOWN])
def test_hash_and_time_of_block__unknown__are_one_answer_on_every_node(
    node: FakeNode, said: str | None
) -> None:
    w3 = connect(node.url)
    node.answers["eth_getBlockByHash"] = Refused(said) if said else None
    if said is not None:
        node.answers["eth_getBlockByNumber"] = Refused(said)
    assert hash_of_block(w3, 1_000) is None
    with pytest.raises(UnknownBlock):
        time_of_block(w3, b"\1" * 32)  # type: ignore[arg-type]


@pytest.mark.parametrize("said", UNKNOWN)
def test_call__at_a_block_that_is_not_there__is_an_unknown_block(node: FakeNode, said: str) -> None:
    w3 = connect(node.url)
    node.answers["eth_call"] = Refused(said)
    with pytest.raises(UnknownBlock), mapped_errors():
        w3.eth.call({"to": w3.to_checksum_address("0x" + "12" * 20)}, 1_005)


@pytest.mark.parametrize(
    "said", ["missing trie node 6f2c (path ) state 0x6f2c is not available", "World state unavailable"]
)
def test_call__node_without_old_state__is_named_with_what_to_do(node: FakeNode, said: str) -> None:
    w3 = connect(node.url)
    node.answers["eth_call"] = Refused(said)
    with pytest.raises(StateForgotten, match="the node refused") as told, mapped_errors():
        w3.eth.call({"to": w3.to_checksum_address("0x" + "12" * 20)}, 1)
    assert "archive node" in (told.value.hint or "")


# ---- one connection ------------------------------------------------------------------------------------


def test_batch_requests__web3_collects_them__are_one_request(node: FakeNode) -> None:
    w3 = connect(node.url)
    node.asked.clear()
    with w3.batch_requests() as batch:
        for _ in range(100):
            batch.add(w3.eth.get_balance(w3.to_checksum_address("0x" + "12" * 20)))
        balances: Any = batch.execute()
    assert balances == [10**18] * 100
    assert node.asked.count("batch") == 1


def test_json_rpc_of__connection__is_the_same_node(node: FakeNode) -> None:
    assert json_rpc_of(connect(node.url)).call("eth_chainId") == hex(424_242)


def test_json_rpc_of__used_in_a_with_block__leaves_the_connection_open(node: FakeNode) -> None:
    w3 = connect(node.url)
    with json_rpc_of(w3) as rpc:
        rpc.call("eth_chainId")
    assert w3.eth.block_number == 0


def test_json_rpc_of__no_http__is_one_error() -> None:
    with pytest.raises(ChainError, match="no node over HTTP"):
        json_rpc_of(Web3(Web3.IPCProvider("/nowhere")))


@pytest.mark.parametrize("where, trusts", [("http://127.0.0.1:1", False), ("https://node.example", True)])
def test_transport__proxies_of_the_environment__are_not_for_the_loopback_interface(
    where: str, trusts: bool
) -> None:
    with JsonRpc(where) as node:
        assert node._transport._client._trust_env is trusts
