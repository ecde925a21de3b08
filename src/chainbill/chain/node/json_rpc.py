"""JSON-RPC as an auditor needs it: many reads in few requests, through httpx and orjson."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import httpx
import orjson

from chainbill.chain.node.answer import (
    broken_off,
    check_answer,
    error_message,
    is_here,
    no_url,
    node_name,
    read_body,
    too_late,
    unreachable,
)
from chainbill.errors import NodeRefused

BATCH_SIZE = 500
"""Requests sent together; nodes commonly take up to 1,000."""

Request = tuple[str, list[Any]]
"""A method and its parameters."""


class JsonRpc:
    """One node over HTTP; a context manager."""

    def __init__(self, url: str, *, timeout_seconds: float = 30.0) -> None:
        """Raises NodeError: not a URL. Whether a node answers there shows at the first call."""
        self.url = url
        self._timeout = timeout_seconds
        self._client = httpx.Client(timeout=timeout_seconds, trust_env=not is_here(url))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def call(self, method: str, *parameters: Any) -> Any:
        """One request's result.

        Raises:
            NodeRefused: the node answered with an error or too late.
            NodeError: no node answers.
        """
        answer = self._post({"jsonrpc": "2.0", "id": 0, "method": method, "params": list(parameters)})
        return self._result(method, answer)

    def batch(
        self, requests: Sequence[Request], *, on_progress: Callable[[int], None] | None = None
    ) -> list[Any]:
        """The results of many requests, in their order; ``on_progress`` hears how many are done.

        Raises:
            NodeRefused: the node answered one of them with an error, or too late.
            NodeError: no node answers.
        """
        results: list[Any] = []
        for start in range(0, len(requests), BATCH_SIZE):
            results += self._batch(requests[start : start + BATCH_SIZE])
            if on_progress is not None:
                on_progress(len(results))
        return results

    def _batch(self, requests: Sequence[Request]) -> list[Any]:
        answers = self._post(
            [
                {"jsonrpc": "2.0", "id": i, "method": method, "params": parameters}
                for i, (method, parameters) in enumerate(requests)
            ]
        )
        if not isinstance(answers, list):
            self._result(f"a batch of {len(requests)} requests", answers)
            raise NodeRefused(
                f"the node at {node_name(self.url)} gave one answer to a batch of {len(requests)} requests"
            )
        by_id = {answer["id"]: answer for answer in answers if _has_id(answer)}
        return [self._result(method, by_id.get(i)) for i, (method, _) in enumerate(requests)]

    def _post(self, body: Any) -> Any:
        try:
            response = self._client.post(
                self.url, content=orjson.dumps(body), headers={"Content-Type": "application/json"}
            )
        except httpx.ConnectTimeout:
            raise unreachable(self.url) from None
        except httpx.TimeoutException:
            raise too_late(self.url, self._timeout) from None
        except (httpx.RemoteProtocolError, httpx.DecodingError, httpx.ReadError):
            raise broken_off(self.url) from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise no_url(self.url) from None
        except httpx.HTTPError:
            raise unreachable(self.url) from None
        return read_body(self.url, response.status_code, response.content)

    def _result(self, method: str, answer: Any) -> Any:
        checked = check_answer(self.url, method, answer)
        if checked.get("error") is not None:
            raise NodeRefused(
                f"the node refused {method}: {error_message(checked)}",
                hint="try again in a while; if it goes on, use another node: --rpc-url",
            )
        return checked["result"]


def _has_id(answer: Any) -> bool:
    return isinstance(answer, dict) and isinstance(answer.get("id"), int)
