"""JSON-RPC without web3: many requests in few, each answer checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import orjson

from chainbill.chain.node.answer import check_answer, error_message, node_name
from chainbill.chain.node.refusals import read_refused
from chainbill.chain.node.transport import Transport
from chainbill.errors import BatchTooLarge, NodeRefused, UnknownBlock

TIMEOUT_SECONDS = 30.0
"""How long an answer is waited for: a node that begins, or has validators to wait for, takes over ten."""

BATCH_SIZE = 500
"""Requests sent together; nodes commonly take up to 1,000. Halved where one refuses."""

Request = tuple[str, list[Any]]
"""A method and its parameters."""


class JsonRpc:
    """One node over HTTP; a context manager."""

    def __init__(
        self, url: str, *, timeout_seconds: float = TIMEOUT_SECONDS, transport: Transport | None = None
    ) -> None:
        """``transport`` is a connection that is there already, to the same URL, and stays.

        Raises NodeError: not a URL. Whether a node answers there shows at the first call.
        """
        self.url = url
        self._transport = transport or Transport(url, timeout_seconds=timeout_seconds)
        self._is_own = transport is None
        self._batch_size = BATCH_SIZE

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_own:
            self._transport.close()

    def call(self, method: str, *parameters: Any) -> Any:
        """One request's result.

        Raises:
            NodeRefused: the node answered with an error or too late.
            NodeError: no node answers.
        """
        return _result(method, self.answer(method, *parameters))

    def answer(self, method: str, *parameters: Any) -> dict[str, Any]:
        """What is answered to one request: a ``result``, or an ``error`` with words.

        Raises:
            NodeRefused: the answer is none of the promised shape, or came too late.
            NodeError: no node answers.
        """
        request = {"jsonrpc": "2.0", "id": 0, "method": method, "params": list(parameters)}
        return check_answer(self.url, method, self._ask(request, sends=method.startswith("eth_send")))

    def find_block(self, number: int) -> dict[str, Any] | None:
        """A block without its transactions; None where the chain is not that long, which some nodes say with
        nothing and others with an error. Errors otherwise as ``call``."""
        try:
            block: dict[str, Any] | None = self.call("eth_getBlockByNumber", hex(number), False)
        except UnknownBlock:
            return None
        return block

    def find_blocks(self, numbers: Sequence[int]) -> list[dict[str, Any] | None]:
        """Many blocks at once; as ``find_block``."""
        method = "eth_getBlockByNumber"
        found: list[dict[str, Any] | None] = []
        for answer in self.answers([(method, [hex(number), False]) for number in numbers]):
            try:
                found.append(_result(method, answer))
            except UnknownBlock:
                found.append(None)
        return found

    def batch(
        self, requests: Sequence[Request], *, on_progress: Callable[[int], None] | None = None
    ) -> list[Any]:
        """The results of many reads, in their order; ``on_progress`` hears how many are done.

        Raises:
            NodeRefused: the node answered one of them with an error, or too late.
            NodeError: no node answers.
        """
        results: list[Any] = []
        for start in range(0, len(requests), BATCH_SIZE):
            some = requests[start : start + BATCH_SIZE]
            answers = self.answers(some)
            results += [_result(method, told) for (method, _), told in zip(some, answers, strict=True)]
            if on_progress is not None:
                on_progress(len(results))
        return results

    def answers(self, requests: Sequence[Request], *, sends: bool = False) -> list[dict[str, Any]]:
        """What is answered to each of many requests: a ``result``, or an ``error`` with words.

        Args:
            sends: they send something, and so are asked once.

        Raises:
            NodeRefused: one is left without an answer, or has none of the promised shape.
            NodeError: no node answers.
        """
        answers: list[dict[str, Any]] = []
        while len(answers) < len(requests):
            some = requests[len(answers) : len(answers) + self._batch_size]
            try:
                answers += self._batch(some, sends=sends)
            except BatchTooLarge:
                if len(some) == 1:
                    raise
                # Refused as a whole: nothing of it was done.
                self._batch_size = len(some) // 2
        return answers

    def _batch(self, requests: Sequence[Request], *, sends: bool) -> list[dict[str, Any]]:
        answers = self._ask(
            [
                {"jsonrpc": "2.0", "id": i, "method": method, "params": parameters}
                for i, (method, parameters) in enumerate(requests)
            ],
            sends=sends,
        )
        what = f"a batch of {len(requests)} requests"
        if not isinstance(answers, list):
            _result(what, check_answer(self.url, what, answers))
            raise NodeRefused(f"the node at {node_name(self.url)} gave one answer to {what}")
        if len(answers) == 1 < len(requests) and isinstance(answers[0], dict) and "error" in answers[0]:
            # geth refuses a whole batch so: one error, in a list.
            _result(what, check_answer(self.url, what, answers[0]))
        by_id = {answer["id"]: answer for answer in answers if _has_id(answer)}
        return [check_answer(self.url, method, by_id.get(i)) for i, (method, _) in enumerate(requests)]

    def _ask(self, request: Any, *, sends: bool) -> Any:
        return self._transport.ask(orjson.dumps(request), sends=sends)


def _result(method: str, answer: dict[str, Any]) -> Any:
    if answer.get("error") is not None:
        raise read_refused(method, error_message(answer))
    return answer["result"]


def _has_id(answer: Any) -> bool:
    return isinstance(answer, dict) and isinstance(answer.get("id"), int)
