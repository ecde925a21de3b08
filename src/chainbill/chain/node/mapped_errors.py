"""web3's errors as chainbill's: every one a sentence, with what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hexbytes import HexBytes
from web3.exceptions import (
    BlockNotFound,
    ContractLogicError,
    Web3Exception,
    Web3RPCError,
)

from chainbill.chain.node.answer import error_message
from chainbill.chain.node.refusals import read_refused, refused
from chainbill.chain.node.reverts import decode_revert
from chainbill.errors import ChainError, NodeError, UnknownBlock


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Raise chainbill's errors in place of web3's."""
    try:
        yield
    except ContractLogicError as error:
        raise decode_revert(_revert_data(error.data)) from None
    except BlockNotFound:
        raise UnknownBlock(
            "the node has no such block",
            hint="the node is behind, or its chain was reorganised or restored: try again",
        ) from None
    except Web3Exception as error:
        raise refused(words_of(error)) from None


@contextmanager
def mapped_read(method: str) -> Iterator[None]:
    """As ``mapped_errors``; a node that refuses to read is ``NodeRefused``: asking for less may help."""
    with mapped_errors():
        try:
            yield
        except ContractLogicError:
            raise
        except Web3RPCError as error:
            raise read_refused(method, words_of(error)) from None


def refused_call(error: Mapping[str, Any]) -> ChainError:
    """The error of a call to which a node has answered with this: a contract's own, or the node's."""
    reason, message = _revert_data(error.get("data")), error_message({"error": error})
    return decode_revert(reason) if reason or "execution reverted" in message else refused(message)


def other_chain() -> NodeError:
    """A contract that is recorded does not answer."""
    return NodeError(
        "a contract of chainbill does not answer as it should: the node is of another chain than the one "
        "recorded here, or its chain was begun anew",
        hint="check `rpc_url=` and CHAINBILL_RPC_URL; on a devnet: chainbill devnet status",
    )


def words_of(error: Web3Exception) -> str:
    """What the node says, in one line, without what it is wrapped in."""
    answer = error.rpc_response if isinstance(error, Web3RPCError) else None
    refusal = answer.get("error") if answer else None
    if isinstance(refusal, dict) and isinstance(refusal.get("message"), str):
        return error_message({"error": refusal})
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:197] + "..."


def _revert_data(data: Any) -> bytes:
    if isinstance(data, dict):
        data = data.get("data", "0x")
    try:
        return bytes(HexBytes(data)) if data else b""
    except ValueError:
        return b""
