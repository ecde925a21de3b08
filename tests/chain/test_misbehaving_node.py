"""A node that misbehaves in every way we could think of: one line each, and never a bug of ours."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from tests.support.node_proxy import Answer, Proxy, edited, proxy_before, swallowed, unheard
from tests.support.senders import Stage

from chainbill.chain.contracts import DevUsd
from chainbill.chain.node.answer import PASSING, node_name
from chainbill.chain.node.connection import chain_time, connect, find_receipt
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.chain.node.send_state import Patience
from chainbill.chain.node.sender import Sender
from chainbill.chain.node.transport import Transport
from chainbill.errors import ChainError, ContractReverted, NodeError
from chainbill.ledger.indexer import fetch_ledger
from chainbill.money import DOLLAR

Rule = Callable[[Callable[[], Answer]], Answer | None]

PAGE = b"<html><body><h1>It works!</h1></body></html>"

BROKEN: dict[str, tuple[Rule, str]] = {
    "not JSON": (lambda _: (200, b"pong"), "something that is no JSON"),
    "a web page": (lambda _: (200, PAGE), "something that is no JSON, but a web page"),
    "nothing": (lambda _: (200, b""), "something that is no JSON"),
    "half of it": (lambda ask: (200, ask()[1][:-9]), "something that is no JSON"),
    "nested beyond reason": (lambda _: (200, b"[" * 100_000), "something that is no JSON"),
    "another shape": (lambda _: (200, b'{"jsonrpc":"2.0","id":1}'), "JSON that is no answer"),
    "a word": (lambda _: (200, b'"0x1"'), "JSON that is no answer"),
    "null": (lambda _: (200, b"null"), "JSON that is no answer"),
    "a list": (lambda _: (200, b'[{"result":"0x1"}]'), "without an answer"),
    "result of another shape": (edited(lambda _: {"a": ["b"]}), "gave an answer to eth_.* that is none"),
    "result of another type": (edited(lambda _: 12), "gave an answer to eth_.* that is none"),
    "result that is no hexadecimal": (edited(lambda _: "0xzz"), "gave an answer to eth_.* that is none"),
    "an error without words": (lambda _: (200, b'{"id":1,"error":"no"}'), "does not say why"),
    "an error that is null": (lambda _: (200, b'{"id":1,"error":null}'), "that is none"),
    "a reply that is lost": (swallowed, "no node answers at|breaks off"),
    "a request that is lost": (unheard, "no node answers at|breaks off"),
    **{
        f"HTTP {status}": (lambda _, status=status: (status, PAGE), rf"{said}.* \(HTTP {status}\)")  # type: ignore[misc]
        for status, said in {
            400: "did not answer the request",
            401: "wants a key or a password",
            403: "refuses access",
            404: "nothing at this address",
            429: "is asked too much",
            500: "failed at the request",
            502: "gateway",
            503: "not available now",
            504: "in time",
        }.items()
    },
    "HTTP 401 in JSON": (lambda _: (401, b'{"message":"unauthorized"}'), r"\(HTTP 401\)"),
    "HTTP 403 as text": (lambda _: (403, b'{"error":"forbidden"}'), r"\(HTTP 403\)"),
}

METHODS = [
    "eth_chainId",
    "eth_call",
    "eth_getBlockByNumber",
    "eth_getTransactionReceipt",
    "eth_maxPriorityFeePerGas",
    "eth_estimateGas",
    "eth_getTransactionCount",
    "eth_sendRawTransaction",
]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainbill.chain.node.transport._PAUSES", (0.0, 0.0))


@pytest.fixture
def proxy(stage: Stage) -> Iterator[Proxy]:
    with proxy_before(stage.anvil.rpc_url) as proxy:
        yield proxy


def use_every_method(stage: Stage, url: str) -> None:
    """Connect, read and send, as a command does."""
    w3 = connect(url)
    token = DevUsd(w3, stage.deployment.token)
    chain_time(w3)
    token.balance_of(stage.address("patient"))
    token.approve(Sender(w3, stage["patient"].account), stage.address("stranger"), 1)


def test_use_every_method__node_behaves__asks_all_that_is_broken_below(chain: Stage, proxy: Proxy) -> None:
    use_every_method(chain, proxy.url)
    assert set(METHODS) <= set(proxy.asked)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("way", BROKEN)
def test_command__one_method_misbehaves__is_one_line_with_what_to_do(
    chain: Stage, proxy: Proxy, method: str, way: str
) -> None:
    proxy.rules[method], said = BROKEN[way]
    with pytest.raises(NodeError, match=said) as told:
        use_every_method(chain, proxy.url)
    assert "\n" not in str(told.value)
    assert told.value.hint
    if method in ("eth_sendRawTransaction", "eth_getTransactionReceipt"):
        assert str(told.value).startswith("transaction 0x")
        assert "was sent, and may be mined" in str(told.value)


@pytest.mark.parametrize("way", BROKEN)
def test_audit__node_misbehaves__is_one_line_with_what_to_do(chain: Stage, proxy: Proxy, way: str) -> None:
    proxy.rules["*"], said = BROKEN[way]
    with JsonRpc(proxy.url) as node, pytest.raises(NodeError, match=said) as told:
        fetch_ledger(node, chain.deployment)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("result", [None, [], {}, "0x", [{}], [None], [{"topics": 7}], {"hash": "0x1"}])
@pytest.mark.parametrize("method", ["eth_getLogs", "eth_getBlockByNumber", "batch"])
def test_audit__one_method_answers_nonsense__is_no_bug_of_ours(
    chain: Stage, proxy: Proxy, method: str, result: Any
) -> None:
    def drop_times(answer: Any) -> Any:
        for log in answer:
            log.pop("blockTimestamp", None)
        return answer

    if method == "batch":
        proxy.rules["eth_getLogs"] = edited(drop_times)
    proxy.rules[method] = edited(lambda _: result)
    nothing = (method, result) == ("eth_getLogs", [])
    with JsonRpc(proxy.url) as node, nullcontext() if nothing else pytest.raises(ChainError):
        fetch_ledger(node, chain.deployment)


@pytest.mark.parametrize(
    "answers",
    [b"{}", b"[]", b"[1]", b'[{"id":[],"result":1}]', b'{"error":{"code":1,"message":"no batches"}}'],
)
def test_batch__answers_do_not_fit__is_one_line(proxy: Proxy, answers: bytes) -> None:
    proxy.rules["batch"] = lambda _: (200, answers)
    with JsonRpc(proxy.url) as node, pytest.raises(NodeError):
        node.batch([("eth_getBlockByNumber", ["0x1", False])])


def test_read__node_is_busy_for_a_moment__is_asked_again(chain: Stage, proxy: Proxy) -> None:
    left = [503, 429]
    proxy.rules["eth_call"] = lambda ask: (left.pop(), PAGE) if left else ask()
    use_every_method(chain, proxy.url)
    assert left == []
    assert {503, 429} <= PASSING


def test_send__node_is_busy__is_not_sent_twice(chain: Stage, proxy: Proxy) -> None:
    proxy.rules["eth_sendRawTransaction"] = lambda _: (503, PAGE)
    with pytest.raises(NodeError):
        use_every_method(chain, proxy.url)
    assert proxy.asked.count("eth_sendRawTransaction") == 1


def test_send__node_does_not_answer_in_time__says_that_it_may_be_mined(chain: Stage, proxy: Proxy) -> None:
    w3 = connect(proxy.url)
    sender = Sender(w3, chain["patient"].account)
    provider: Any = w3.provider
    provider._transport.timeout_seconds = 0.2
    proxy.rules["eth_sendRawTransaction"] = lambda ask: (time.sleep(0.6), ask())[1]
    with pytest.raises(NodeError, match=r"was sent, and may be mined: .* did not answer within 0.2 s"):
        DevUsd(w3, chain.deployment.token).approve(sender, chain.address("stranger"), 1)


@pytest.mark.parametrize("other", [None, "0x" + "12" * 32])
def test_send__receipt_names_a_block_that_another_node_has_not__is_not_taken_for_done(
    chain: Stage, proxy: Proxy, other: str | None
) -> None:
    """As behind a balancer, or after a reorganisation."""
    w3 = connect(proxy.url)
    token = DevUsd(w3, chain.deployment.token)
    sender = Sender(w3, chain["patient"].account, patience=Patience(receipt=0.3))
    token.balance_of(sender.address)

    def unconfirmed(block: Any) -> Any:
        mined = "eth_sendRawTransaction" in proxy.asked
        return block if not mined else None if other is None else {**block, "hash": other}

    proxy.rules["eth_getBlockByNumber"] = edited(unconfirmed)
    with pytest.raises(
        NodeError, match=r"says that it is in block \d+ \(0x.*\), and has no such block"
    ) as told:
        token.approve(sender, chain.address("stranger"), 1)
    assert "may be mined" in str(told.value)
    assert told.value.hint


def test_send__the_other_node_catches_up__is_done(chain: Stage, proxy: Proxy) -> None:
    behind = [1, 2, 3]

    def lagging(block: Any) -> Any:
        if "eth_getTransactionReceipt" in proxy.asked and behind:
            behind.pop()
            return None
        return block

    proxy.rules["eth_getBlockByNumber"] = edited(lagging)
    use_every_method(chain, proxy.url)
    assert behind == []


def test_send__node_refuses_what_it_has_already__waits_for_it(chain: Stage, proxy: Proxy) -> None:
    def known(ask: Callable[[], Answer]) -> Answer:
        ask()
        error = {"code": -32000, "message": "already known"}
        return 200, json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode()

    proxy.rules["eth_sendRawTransaction"] = known
    use_every_method(chain, proxy.url)


def test_send__node_refuses__is_its_own_words_and_a_hint_about_the_node(chain: Stage, proxy: Proxy) -> None:
    error = {"code": -32000, "message": "transaction pool is full"}
    proxy.rules["eth_sendRawTransaction"] = lambda _: (
        200,
        json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode(),
    )
    with pytest.raises(ChainError, match=r"^the node refused: transaction pool is full$") as told:
        use_every_method(chain, proxy.url)
    assert "use another node" in (told.value.hint or "")


def test_send__receipt_of_another_transaction__is_not_taken_for_done(chain: Stage, proxy: Proxy) -> None:
    other = "0x" + "12" * 32
    proxy.rules["eth_getTransactionReceipt"] = edited(
        lambda told: told and {**told, "transactionHash": other}
    )
    with pytest.raises(NodeError, match="was sent, and may be mined: the node tells of another transaction"):
        use_every_method(chain, proxy.url)


def test_call__refused_by_a_contract__is_still_named(chain: Stage, proxy: Proxy) -> None:
    w3 = connect(proxy.url)
    with pytest.raises(ContractReverted) as refused:
        DevUsd(w3, chain.deployment.token).transfer(
            Sender(w3, chain["stranger"].account), chain.address("patient"), DOLLAR
        )
    assert refused.value.name == "ERC20InsufficientBalance"


def test_call__node_of_another_chain__says_so(chain: Stage) -> None:
    nowhere = DevUsd(chain.w3, "0x" + "12" * 20)
    with pytest.raises(NodeError, match="of another chain than the one recorded here") as told:
        nowhere.balance_of(chain.address("patient"))
    assert "devnet status" in (told.value.hint or "")


def test_find_receipt__nonsense__is_one_line(chain: Stage, proxy: Proxy) -> None:
    w3 = connect(proxy.url)
    proxy.rules["eth_getTransactionReceipt"] = edited(lambda _: {"status": "0x1", "logs": None})
    with pytest.raises(NodeError, match="that is none"):
        find_receipt(w3, b"\1" * 32)


@pytest.mark.parametrize(
    "url", ["nonsense", "http://", "http://[", "http://127.0.0.1:99999", "ftp://host", ""]
)
def test_connect__not_a_url__is_one_error(url: str) -> None:
    with pytest.raises(NodeError, match="is not the URL of a node"):
        connect(url)


@pytest.mark.parametrize(
    "url",
    [
        "wss://user:SECRET@node.example/v3/SECRET?k=SECRET",
        "htp://node.example/SECRET",
        "node.example:8545/SECRET",
        "user:SECRET@node.example",
        "SECRET:@node.example",
        "http://node.example:99999/SECRET#SECRET",
        "http:/node.example/SECRET",
        "https:///SECRET",
        "https://[user:SECRET@node.example/SECRET",
        "node.example/SECRET?to=http://x",
    ],
)
def test_connect__mistyped_url_that_holds_a_key__is_not_shown_whole(url: str) -> None:
    with pytest.raises(NodeError, match="is not the URL of a node") as refused:
        connect(url)
    assert "SECRET" not in f"{refused.value} {refused.value.hint}"


def test_node_name__url_with_secrets__tells_none_of_them() -> None:
    assert node_name("https://user:word@node.example/v3/key?token=1") == "https://node.example"
    assert node_name("http://[::1]:8545/key") == "http://[::1]:8545"


def test_transport__plain_http__reads_no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading them takes longer than all that a small command asks of its node."""

    def read(*_: object, **__: object) -> None:
        raise AssertionError("certificates were read")

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", read)
    Transport("http://127.0.0.1:1", timeout_seconds=1).close()
    with pytest.raises(AssertionError, match="certificates"):
        Transport("https://localhost:1", timeout_seconds=1)
