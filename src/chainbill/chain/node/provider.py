"""web3's way to a node: requests over HTTP, each answer read by ``node_answer``."""

from __future__ import annotations

import time
from typing import Any, cast

import requests
from eth_typing import URI
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from chainbill.chain.node.answer import (
    PASSING,
    broken_off,
    check_answer,
    is_here,
    no_url,
    read_body,
    too_late,
    unreachable,
)

_PAUSES = (0.1, 0.4)
"""Seconds before a read is tried again."""


class NodeProvider(JSONBaseProvider):
    """One node. Raises ``NodeError`` itself, so that nothing of what can go wrong on the way reaches web3."""

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        """Raises NodeError: not a URL. Whether a node answers there shows at the first call."""
        super().__init__()
        self.endpoint_uri = URI(url)
        self._timeout = timeout_seconds
        self._session = requests.Session()
        self._session.trust_env = not is_here(url)
        self._chain_id: RPCResponse | None = None

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """One request's answer: a result of the shape its method promises, or an error with words.

        Raises:
            NodeError: there is no such answer.
        """
        # web3 asks for the chain id before every call; it does not change while a node is the same.
        if method == "eth_chainId" and self._chain_id is not None:
            return self._chain_id
        status, body = self._ask(method, self.encode_rpc_request(method, params))
        answer = check_answer(self.endpoint_uri, method, read_body(self.endpoint_uri, status, body))
        response = cast("RPCResponse", answer)
        if method == "eth_chainId" and "result" in answer:
            self._chain_id = response
        return response

    def _ask(self, method: str, request: bytes) -> tuple[int, bytes]:
        """HTTP status and body. A read that finds nobody, or somebody busy, is tried again; whatever sends
        something is sent once."""
        pauses = [] if method.startswith("eth_send") else list(_PAUSES)
        while True:
            try:
                status, body = self._post(request)
                if status not in PASSING or not pauses:
                    return status, body
            except requests.Timeout:
                raise too_late(self.endpoint_uri, self._timeout) from None
            except requests.ConnectionError:
                if not pauses:
                    raise unreachable(self.endpoint_uri) from None
            except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
                raise broken_off(self.endpoint_uri) from None
            except requests.RequestException:
                raise no_url(self.endpoint_uri) from None
            time.sleep(pauses.pop(0))

    def _post(self, request: bytes) -> tuple[int, bytes]:
        with self._session.post(
            self.endpoint_uri,
            data=request,
            headers={"Content-Type": "application/json"},
            timeout=self._timeout,
        ) as response:
            body = response.content
            # requests takes a body that ends too early for a whole one.
            promised = response.headers.get("Content-Length", "")
            if (
                promised.isdecimal()
                and "Content-Encoding" not in response.headers
                and len(body) < int(promised)
            ):
                raise requests.exceptions.ChunkedEncodingError
            return response.status_code, body
