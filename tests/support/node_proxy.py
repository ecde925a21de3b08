"""A proxy before a node, for tests of nodes that misbehave: it changes, swallows or invents answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from tests.support.json_server import Answer, serving_json


class Proxy:
    """Everything goes through to the node, unless ``rules`` has something else for the method."""

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self.rules: dict[str, Callable[[Callable[[], Answer]], Answer | None]] = {}
        """By method: what to answer; None closes the connection without a word. Calling what it is given asks
        the node."""
        self.asked: list[str] = []
        """Every method that was asked for."""
        self.url = ""

    def answer(self, body: bytes) -> Answer | None:
        """What is answered to a request."""
        request = json.loads(body)
        method = "batch" if isinstance(request, list) else str(request["method"])
        self.asked.append(method)
        rule = self.rules.get(method, self.rules.get("*", lambda ask: ask()))
        return rule(lambda: self._ask(body))

    def _ask(self, body: bytes) -> Answer:
        connection = HTTPConnection(str(self._upstream.hostname), self._upstream.port, timeout=30)
        try:
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


def swallowed(ask: Callable[[], Answer]) -> None:
    """The node hears it, and its reply is lost."""
    ask()


def unheard(_: Callable[[], Answer]) -> None:
    """The node never hears it."""


def edited(change: Callable[[Any], Any]) -> Callable[[Callable[[], Answer]], Answer]:
    """The node's answer with another result."""

    def answer(ask: Callable[[], Answer]) -> Answer:
        status, body = ask()
        said = json.loads(body)
        if isinstance(said, list):
            changed: Any = [{**each, "result": change(each.get("result"))} for each in said]
        else:
            changed = {**said, "result": change(said.get("result"))}
        return status, json.dumps(changed).encode()

    return answer


@contextmanager
def proxy_before(upstream: str) -> Iterator[Proxy]:
    """A proxy on a free port of the loopback interface."""
    proxy = Proxy(upstream)
    with serving_json(proxy.answer) as proxy.url:
        yield proxy
