"""What the typed clients share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar, Protocol, cast

from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils.abi import (
    event_abi_to_log_topic,
    function_abi_to_4byte_selector,
    get_abi_input_types,
    get_abi_output_types,
)
from hexbytes import HexBytes
from web3 import Web3
from web3.contract.contract import Contract
from web3.exceptions import Web3Exception
from web3.types import EventData, FilterParams, LogReceipt, TxReceipt

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.chain.artifacts import load_artifact
from chainbill.chain.node.connection import json_rpc_of, newest_block
from chainbill.chain.node.json_rpc import Request
from chainbill.chain.node.log_queries import in_ranges
from chainbill.chain.node.mapped_errors import mapped_read, other_chain, refused_call
from chainbill.chain.node.packed_call import PackedCall
from chainbill.chain.node.sender import Sender
from chainbill.errors import ArgumentError, ChainbillError, ChainError, NodeError


class Memory(Protocol):
    """What was read before and is still true."""

    @property
    def newest(self) -> int | None:
        """The number of the block that is looked at; None: each read is of whichever is the newest then."""

    def find(self, contract: ContractClient, function: str, arguments: tuple[Any, ...]) -> Any:
        """The answer of a view; None where it is not known."""


@dataclass(frozen=True, slots=True)
class _Function:
    """What a call of it is made of."""

    selector: bytes
    takes: list[str]
    returns: list[str]


@cache
def _functions(artifact: str) -> Mapping[str, _Function]:
    """A contract's functions by name: none of ours has two of one name."""
    return {
        abi["name"]: _Function(
            function_abi_to_4byte_selector(abi),  # type: ignore[arg-type]
            get_abi_input_types(abi),  # type: ignore[arg-type]
            get_abi_output_types(abi),  # type: ignore[arg-type]
        )
        for abi in load_artifact(artifact).abi
        if abi["type"] == "function"
    }


class ContractClient:
    """A deployed contract. Reads return plain values; verbs take the ``Sender`` that pays for them and
    return the receipt, raising ``ContractReverted`` where the contract refuses."""

    artifact: ClassVar[str]

    def __init__(self, w3: Web3, address: str, memory: Memory | None = None) -> None:
        """``memory`` is asked first by the views whose answer only events change."""
        self._w3, self._memory = w3, memory
        self.address = Web3.to_checksum_address(address)

    @cached_property
    def _contract(self) -> Contract:
        """web3's, for logs and for reading calls. It takes longer to make than many a call to do."""
        return self._w3.eth.contract(address=self.address, abi=load_artifact(self.artifact).abi)

    def calldata(self, name: str, *arguments: Any) -> bytes:
        """The bytes of a call that somebody else will make, or that will be made later."""
        return self._packer(name)(arguments)

    def read_calldata(self, calldata: bytes) -> tuple[str, dict[str, Any]]:
        """A call's function and arguments by name: the inverse of ``calldata``.

        Raises:
            ChainError: it calls no function of this contract.
        """
        try:
            function, arguments = self._contract.decode_function_input(calldata)
        except (ValueError, Web3Exception):
            raise ChainError(f"that is no call of {self.artifact}") from None
        return str(function.fn_name), dict(arguments)

    def selector(self, name: str) -> bytes:
        """The four bytes that stand for a function."""
        return _functions(self.artifact)[name].selector

    def authority(self) -> str:
        """The ``Governance`` that says who may call the contract's restricted functions."""
        return str(self._call("authority"))

    def topic(self, event: str) -> bytes:
        """The first topic of an event's logs."""
        return event_abi_to_log_topic(self._contract.events[event]._get_event_abi())

    def decode_answer(self, name: str, answer: bytes) -> Any:
        """What a view returned, as a read gives it.

        Raises:
            ChainError: it is not what the view returns.
        """
        try:
            return self._decoded(name, answer)
        except DecodingError:
            raise ChainError(f"that is no answer of {name}") from None

    def logged(self, event: str, *, from_block: int = 0, **indexed: Any) -> list[dict[str, Any]]:
        """The fields of every log of one kind, by their Solidity names, the oldest first.

        Args:
            event: the Solidity name of the event.
            from_block: where to begin looking: the deployment's block.
            indexed: only those with these values of indexed fields.
        """

        def ask(begin: int, end: int) -> Iterable[EventData]:
            with mapped_read("eth_getLogs"):
                found: Iterable[EventData] = self._contract.events[event].get_logs(
                    from_block=begin, to_block=end, argument_filters=indexed
                )
            return found

        return [dict(log["args"]) for log in in_ranges(from_block, self._newest_block(), ask)]

    def newest_log(self, event: str, *, from_block: int = 0, **indexed: Any) -> LogReceipt | None:
        """The last of ``raw_logs``; None where there is none."""
        found = self.raw_logs(event, from_block=from_block, **indexed)
        return found[-1] if found else None

    def raw_logs(self, event: str, *, from_block: int = 0, **indexed: Any) -> list[LogReceipt]:
        """Every log of one kind as the node tells it, the oldest first; arguments as of ``logged``."""
        kind = self._contract.events[event]
        wanted = kind._get_event_filter_params(kind._get_event_abi(), indexed)

        def ask(begin: int, end: int) -> Iterable[LogReceipt]:
            within = cast("FilterParams", {**wanted, "fromBlock": begin, "toBlock": end})
            with mapped_read("eth_getLogs"):
                return self._w3.eth.get_logs(within)

        return in_ranges(from_block, self._newest_block(), ask)

    def function(self, name: str, *arguments: Any) -> PackedCall:
        """A call by its Solidity name, for a ``Sender``: where many kinds are sent alike."""
        return PackedCall(self._w3, self.address, self.calldata(name, *arguments))

    def _newest_block(self) -> int:
        looked_at = None if self._memory is None else self._memory.newest
        return newest_block(self._w3) if looked_at is None else looked_at

    def _call(self, name: str, *arguments: Any, block: int | str = "latest") -> Any:
        call = {"to": self.address, "data": f"0x{self.calldata(name, *arguments).hex()}"}
        # Not by web3, which takes four times as long.
        answer = json_rpc_of(self._w3).answer(
            "eth_call", call, block if isinstance(block, str) else hex(block)
        )
        if answer.get("error") is not None:
            raise refused_call(answer["error"])
        try:
            return self._decoded(name, bytes.fromhex(answer["result"][2:]))
        except DecodingError:
            raise other_chain() from None

    def _decoded(self, name: str, answer: bytes) -> Any:
        """Raises DecodingError."""
        types = _functions(self.artifact)[name].returns
        values = self._w3.codec.decode(types, answer)
        shown = [_checksummed(kind, value) for kind, value in zip(types, values, strict=True)]
        return shown[0] if len(shown) == 1 else shown

    def _standing(self, name: str, *arguments: Any, block: int | str = "latest") -> Any:
        """A view that ``chain.reads.STANDING`` lists: of the newest block, remembered where it is known."""
        asked = self._memory is not None and block == "latest"
        known = self._memory.find(self, name, arguments) if self._memory is not None and asked else None
        return self._call(name, *arguments, block=block) if known is None else known

    def _send(self, sender: Sender, name: str, *arguments: Any) -> TxReceipt:
        return sender.send(self.function(name, *arguments))

    def _send_many(
        self,
        sender: Sender,
        name: str,
        calls: Iterable[Sequence[Any]],
        *,
        on_mined: Callable[[int], None] = lambda _: None,
    ) -> list[TxReceipt]:
        """One verb for many arguments, without a wait for each; errors as ``Sender.send_many``."""
        pack = self._packer(name)
        packed = [PackedCall(self._w3, self.address, pack(arguments)) for arguments in calls]
        return sender.send_many(packed, on_mined=on_mined)

    def _try_many(
        self, name: str, calls: Sequence[Sequence[Any]], *, caller: str = ZERO_ADDRESS
    ) -> list[bytes | ChainbillError]:
        """What one function would return now, for each of many arguments, or why it would refuse or does not
        take them. In few requests, and nothing is sent.

        Raises:
            NodeError: the node does not answer.
        """
        pack = self._packer(name)
        tried: dict[int, bytes | ChainbillError] = {}
        asked: dict[int, Request] = {}
        for place, arguments in enumerate(calls):
            try:
                call = {"from": caller, "to": self.address, "data": f"0x{pack(arguments).hex()}"}
            except ArgumentError as error:
                tried[place] = error
            else:
                asked[place] = ("eth_call", [call, "latest"])
        answers = json_rpc_of(self._w3).answers(list(asked.values()))
        for place, answer in zip(asked, answers, strict=True):
            refusal = None if answer.get("error") is None else refused_call(answer["error"])
            if isinstance(refusal, NodeError):
                raise refusal
            tried[place] = refusal or bytes(HexBytes(answer["result"]))
        return [tried[place] for place in range(len(calls))]

    def _packer(self, name: str) -> Callable[[Sequence[Any]], bytes]:
        """Makes the bytes of a function's calls."""
        function = _functions(self.artifact)[name]

        def pack(arguments: Sequence[Any]) -> bytes:
            try:
                return function.selector + self._w3.codec.encode(function.takes, arguments)
            except EncodingError:
                raise self._misfit(name, arguments) from None

        return pack

    def _misfit(self, name: str, arguments: Sequence[Any]) -> ArgumentError:
        return ArgumentError(
            f"{self.artifact}.{name} does not take {', '.join(map(repr, arguments))}",
            hint="one of them is of the wrong type, or larger or smaller than the contract can hold",
        )


def _checksummed(kind: str, value: Any) -> Any:
    """A returned value with its addresses as the client's user writes them; none is within a struct."""
    if kind == "address":
        return Web3.to_checksum_address(value)
    return [Web3.to_checksum_address(each) for each in value] if kind == "address[]" else value
