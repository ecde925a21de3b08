"""JSON-RPC as an auditor needs it: many reads in few requests, through httpx and orjson."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import httpx
import orjson

from chainbill.errors import ChainError

BATCH_SIZE = 500
"""Requests sent together; nodes commonly take up to 1,000."""

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

Request = tuple[str, list[Any]]
"""A method and its parameters."""


class NodeRefused(ChainError):
    """The node answered, with an error or not in time: asking for less may help."""


class JsonRpc:
    """One node over HTTP; a context manager."""

    def __init__(self, url: str, *, timeout_seconds: float = 30.0) -> None:
        """Raises ChainError: not a URL. Whether a node answers there shows at the first call."""
        self.url = url
        # A proxy named by the environment cannot reach this machine's own loopback interface.
        try:
            local = httpx.URL(url).host in _LOOPBACK
        except httpx.InvalidURL:
            raise ChainError(f"{url!r} is not the URL of a node") from None
        self._client = httpx.Client(timeout=timeout_seconds, trust_env=not local)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def call(self, method: str, *parameters: Any) -> Any:
        """One request's result.

        Raises:
            NodeRefused: the node answered with an error or too late.
            ChainError: no node answers.
        """
        answer = self._post({"jsonrpc": "2.0", "id": 0, "method": method, "params": list(parameters)})
        return _result(method, answer)

    def batch(
        self, requests: Sequence[Request], *, on_progress: Callable[[int], None] | None = None
    ) -> list[Any]:
        """The results of many requests, in their order; ``on_progress`` hears how many are done.

        Raises:
            NodeRefused: the node answered one of them with an error, or too late.
            ChainError: no node answers.
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
            raise NodeRefused(f"the node refused a batch of {len(requests)} requests: {_message(answers)}")
        by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        return [_result(method, by_id.get(i)) for i, (method, _) in enumerate(requests)]

    def _post(self, body: Any) -> Any:
        try:
            response = self._client.post(
                self.url, content=orjson.dumps(body), headers={"Content-Type": "application/json"}
            )
        except httpx.ReadTimeout:
            raise NodeRefused(f"the node at {self.url} did not answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise ChainError(
                f"no node answers at {self.url}", hint="start one: chainbill devnet up"
            ) from None
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError:
            raise NodeRefused(f"the node answered with HTTP status {response.status_code}") from None


def _result(method: str, answer: Any) -> Any:
    if not isinstance(answer, dict) or "result" not in answer:
        raise NodeRefused(f"the node refused {method}: {_message(answer)}")
    return answer["result"]


def _message(answer: Any) -> str:
    error = answer.get("error") if isinstance(answer, dict) else None
    said = error.get("message") if isinstance(error, dict) else None
    return " ".join(str(said or "no result").split())[:200]
