"""web3's way to a node: its requests over the same HTTP as everybody's, each answer checked."""

from __future__ import annotations

from typing import Any, cast

from eth_typing import URI
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from chainbill.chain.node.answer import check_answer
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.chain.node.transport import Transport


class NodeProvider(JSONBaseProvider):
    """One node. Raises ``NodeError`` itself, so that nothing of what can go wrong on the way reaches web3."""

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        """Raises NodeError: not a URL. Whether a node answers there shows at the first call."""
        super().__init__()
        self.endpoint_uri = URI(url)
        self._transport = Transport(url, timeout_seconds=timeout_seconds)
        self.json_rpc = JsonRpc(url, transport=self._transport)
        """The same node over the same connection, without web3."""
        self._chain_id: RPCResponse | None = None

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """One request's answer: a result of the shape its method promises, or an error with words.

        Raises:
            NodeError: there is no such answer.
        """
        # web3 asks for the chain id before every call; it does not change while a node is the same.
        if method == "eth_chainId" and self._chain_id is not None:
            return self._chain_id
        request = self.encode_rpc_request(method, params)
        told = self._transport.ask(request, sends=method.startswith("eth_send"))
        answer = check_answer(self.endpoint_uri, method, told)
        # Nodes that leave the version or the id out are understood; web3 would not.
        response = cast("RPCResponse", {"jsonrpc": "2.0", "id": 0, **answer})
        if method == "eth_chainId" and "result" in answer:
            self._chain_id = response
        return response

    def make_batch_request(self, requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
        """Many reads at once, as ``Web3.batch_requests`` collects them; otherwise as ``make_request``."""
        answers = self.json_rpc.answers([(method, list(params)) for method, params in requests])
        return cast("list[RPCResponse]", answers)
