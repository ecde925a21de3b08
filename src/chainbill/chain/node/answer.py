"""What a node answers over HTTP, read without trust: each way in which it can be no answer is one sentence.

Both ways to a node use this, web3's and the auditor's. What passes has the shape that its method promises, so
that nobody after it meets a word that is no number or a receipt without a block.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from chainbill.errors import NodeError, NodeRefused, quoted

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

_AGAIN = "try again in a while; if it goes on, use another node: `rpc_url=URL`"
_ADDRESS = "check the node's URL: `rpc_url=`, or CHAINBILL_RPC_URL"

_STATUS = {
    401: ("wants a key or a password that it was not given, or not the right one", _ADDRESS),
    403: ("refuses access", "check the key in the node's URL, and what it allows: `rpc_url=`"),
    404: ("says that there is nothing at this address", _ADDRESS),
    405: ("does not speak JSON-RPC at this address", _ADDRESS),
    413: ("finds the request too large", _AGAIN),
    429: ("is asked too much at once", "wait a little, then run the command again; or use another node"),
    500: ("failed at the request", _AGAIN),
    502: ("is not reached by the gateway before it", _AGAIN),
    503: ("is not available now", _AGAIN),
    504: ("did not answer the gateway before it in time", _AGAIN),
}
"""What an HTTP status says of the node, and what to do."""

_LESS_MAY_HELP = frozenset({413, 500, 504})

_NOTHING = object()

PASSING = frozenset({429, 502, 503})
"""Statuses that may be over in a moment: a reader asks once more."""


def is_here(url: str) -> bool:
    """Is it on this machine's loopback interface, which no proxy named by the environment can reach for us?

    Raises:
        NodeError: it is no URL of a node.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise no_url(url)
    except ValueError:
        raise no_url(url) from None
    return parts.hostname in _LOOPBACK


def node_name(url: str) -> str:
    """A node in words: where it is, without the key that its URL may hold."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}"


def unreachable(url: str) -> NodeError:
    """Nobody answers there."""
    return NodeError(
        f"no node answers at {node_name(url)}",
        hint="check that it runs, and its URL; on a devnet: chainbill devnet up",
    )


def broken_off(url: str) -> NodeError:
    """The answer ends before it should."""
    return NodeRefused(f"the answer of the node at {node_name(url)} breaks off", hint=_AGAIN)


def too_late(url: str, seconds: float) -> NodeError:
    """No answer in time."""
    return NodeRefused(f"the node at {node_name(url)} did not answer within {seconds:g} s", hint=_AGAIN)


def no_url(url: str) -> NodeError:
    """Nothing that could be asked. A mistyped URL may hold a key, too: no more of it is shown than what
    stands before its path, and nothing before an ``@``."""
    begin = re.fullmatch(r"((?:[A-Za-z][A-Za-z0-9+.-]*:/{1,2})?)([^/?#]*).*", url, re.DOTALL)
    shown = begin[1] + begin[2].rpartition("@")[2] if begin is not None else ""
    return NodeError(
        f"{quoted(shown)} is not the URL of a node", hint="give one such as http://127.0.0.1:8545"
    )


def read_body(url: str, status: int, body: bytes) -> Any:
    """The JSON of an HTTP answer: one JSON-RPC answer, or a list of them.

    Raises:
        NodeRefused: it is none, and asking for less may help.
        NodeError: it is none.
    """
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = _NOTHING
    # Many nodes tell their own errors with a status; those say more than the status does.
    if isinstance(answer, list) or (isinstance(answer, dict) and {"result", "error"} & answer.keys()):
        if status < 400 or _explains(answer):
            return answer
    elif status < 300:
        what = "something that is no JSON" if answer is _NOTHING else "JSON that is no answer"
        page = ", but a web page" if body.lstrip()[:1] == b"<" else ""
        raise NodeRefused(f"the node at {node_name(url)} answered with {what}{page}", hint=_ADDRESS)
    told, hint = _STATUS.get(status, ("did not answer the request", _ADDRESS))
    kind = NodeRefused if status in _LESS_MAY_HELP else NodeError
    raise kind(f"the node at {node_name(url)} {told} (HTTP {status})", hint=hint)


def check_answer(url: str, method: str, answer: Any) -> dict[str, Any]:
    """One JSON-RPC answer: its ``result``, in the shape the method promises, or its ``error`` with words.

    Raises:
        NodeRefused: it is malformed.
    """
    where = f"the node at {node_name(url)}"
    if not isinstance(answer, dict) or not {"result", "error"} & answer.keys():
        raise NodeRefused(f"{where} left {method} without an answer", hint=_AGAIN)
    if answer.get("error") is not None:
        if not _explains(answer):
            raise NodeRefused(f"{where} refused {method}, and does not say why", hint=_AGAIN)
        return answer
    promised = _PROMISED.get(method)
    if "result" not in answer or (promised is not None and not promised(answer["result"])):
        raise NodeRefused(f"{where} gave an answer to {method} that is none", hint=_AGAIN)
    return answer


def error_message(answer: Mapping[str, Any]) -> str:
    """What a node says of its refusal, in one line."""
    return " ".join(str(answer["error"]["message"]).split())[:200]


def _explains(answer: Any) -> bool:
    error = answer.get("error") if isinstance(answer, dict) else None
    return isinstance(error, dict) and isinstance(error.get("message"), str) and _is_code(error.get("code"))


def _is_code(code: object) -> bool:
    return isinstance(code, int) and not isinstance(code, bool)


# ---- shapes -------------------------------------------------------------------------------------------

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_DATA = re.compile(r"0x([0-9a-fA-F]{2})*")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
_ADDRESS_WORD = re.compile(r"0x[0-9a-fA-F]{40}")

_Shape = Callable[[Any], bool]


def _is(pattern: re.Pattern[str]) -> _Shape:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _maybe(shape: _Shape) -> _Shape:
    return lambda value: value is None or shape(value)


def _object(**fields: _Shape) -> _Shape:
    return lambda value: (
        isinstance(value, dict) and all(shape(value.get(name)) for name, shape in fields.items())
    )


def _list(shape: _Shape) -> _Shape:
    return lambda value: isinstance(value, list) and all(map(shape, value))


_LOG = _object(
    address=_is(_ADDRESS_WORD),
    topics=_list(_is(_HASH)),
    data=_is(_DATA),
    blockNumber=_is(_QUANTITY),
    blockHash=_is(_HASH),
    transactionHash=_is(_HASH),
    logIndex=_is(_QUANTITY),
)

# A block that is not mined yet has no hash and may have no number.
_BLOCK = _maybe(_object(number=_maybe(_is(_QUANTITY)), hash=_maybe(_is(_HASH)), timestamp=_is(_QUANTITY)))

_PROMISED: dict[str, _Shape] = {
    "eth_chainId": _is(_QUANTITY),
    "eth_blockNumber": _is(_QUANTITY),
    "eth_estimateGas": _is(_QUANTITY),
    "eth_gasPrice": _is(_QUANTITY),
    "eth_maxPriorityFeePerGas": _is(_QUANTITY),
    "eth_feeHistory": _object(baseFeePerGas=_list(_is(_QUANTITY))),
    "eth_getBalance": _is(_QUANTITY),
    "eth_getTransactionCount": _is(_QUANTITY),
    "eth_call": _is(_DATA),
    "eth_getCode": _is(_DATA),
    "eth_getStorageAt": _is(_DATA),
    "eth_sendRawTransaction": _is(_HASH),
    "eth_getBlockByNumber": _BLOCK,
    "eth_getBlockByHash": _BLOCK,
    "eth_getTransactionByHash": _maybe(_object(hash=_is(_HASH))),
    "eth_getTransactionReceipt": _maybe(
        _object(
            transactionHash=_is(_HASH),
            blockHash=_is(_HASH),
            blockNumber=_is(_QUANTITY),
            gasUsed=_is(_QUANTITY),
            status=_is(_QUANTITY),
            logs=_list(_LOG),
        )
    ),
    # What else is in a log is checked where it is taken apart, and named there.
    "eth_getLogs": _list(_object(topics=_list(_is(_HASH)), blockNumber=_is(_QUANTITY))),
}
"""By method: does a result have the shape that the method promises? Others may answer anything."""
