"""The way to one node over HTTP: what is asked goes out as it is, what comes back is JSON."""

from __future__ import annotations

import ssl
import time
import weakref
from functools import cache
from typing import Any

import httpx

from chainbill.chain.node.answer import (
    PASSING,
    broken_off,
    is_here,
    no_url,
    read_body,
    too_late,
    unreachable,
)

_PAUSES = (0.1, 0.4)
"""Seconds before a read is tried again."""


class Transport:
    """One node. Everything that can go wrong on the way is a ``NodeError``."""

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        """Raises NodeError: not a URL. Whether a node answers there shows at the first request."""
        self.url = url
        self.timeout_seconds = timeout_seconds
        verify = _without_certificates() if url.lower().startswith("http:") else True
        self._client = httpx.Client(trust_env=not is_here(url), verify=verify)
        # web3 has no end of its connections: they end with what holds them.
        self.close = weakref.finalize(self, self._client.close)
        """Let go of what is connected."""

    def ask(self, request: bytes, *, sends: bool = False) -> Any:
        """The JSON that answers a request: one JSON-RPC answer, or a list of them.

        A read that finds nobody, or somebody busy, is tried again; what ``sends`` something is sent once.

        Raises:
            NodeRefused: the node answered too late, or not whole, or with what is no answer.
            NodeError: no node answers.
        """
        pauses = [] if sends else list(_PAUSES)
        while True:
            try:
                status, body = self._post(request)
                if status not in PASSING or not pauses:
                    return read_body(self.url, status, body)
            except _NobodyThere:
                if not pauses:
                    raise unreachable(self.url) from None
            time.sleep(pauses.pop(0))

    def _post(self, request: bytes) -> tuple[int, bytes]:
        """HTTP status and body."""
        answered = False
        try:
            with self._client.stream(
                "POST",
                self.url,
                content=request,
                headers={"Content-Type": "application/json"},
                timeout=self.timeout_seconds,
            ) as response:
                answered = True
                return response.status_code, response.read()
        except httpx.ConnectTimeout:
            raise unreachable(self.url) from None
        except httpx.TimeoutException:
            raise too_late(self.url, self.timeout_seconds) from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise no_url(self.url) from None
        except httpx.HTTPError:
            if answered:
                raise broken_off(self.url) from None
            raise _NobodyThere from None


@cache
def _without_certificates() -> ssl.SSLContext:
    """For plain HTTP, which has none to check: they take 50 ms to read."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class _NobodyThere(Exception):
    """Not a word came back."""
