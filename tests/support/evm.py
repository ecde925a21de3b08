"""The contracts in an EVM inside this process: thousands of calls a second, and a clock to set at will.

Nothing here needs gas money or signatures of transactions; the caller of each call is simply named. Which
EVM runs them is a matter of the backend: pyrevm unless a test asks for another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest
from eth_abi.abi import decode, encode
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector
from web3.utils.address import get_create_address

from chainbill.chain.artifacts import CONTRACTS, load_artifact
from chainbill.chain.format import logs
from chainbill.chain.format.events import Event
from chainbill.chain.node.reverts import decode_revert
from chainbill.errors import ChainError, ContractReverted, LedgerError

MOCK_ARTIFACTS = Path(__file__).resolve().parent.parent / "artifacts"

CALL_GAS = 200_000_000
"""Plenty: what a call gets unless a test is about gas."""

NOBODY = "0x" + "00" * 20
"""Who reads."""


class Halted(ChainError):
    """The EVM refused or halted without an answer: gas ran out, or an invalid instruction."""


class Log(NamedTuple):
    """One log as the EVM keeps it."""

    address: str
    topics: list[bytes]
    data: bytes


class Backend(Protocol):
    """What an EVM must do. A refusal is raised as ``Reverted`` or ``Halted``; addresses may have any case."""

    chain_id: int

    def set_time(self, timestamp: int) -> None:
        """Set the time of the block that calls run in."""

    def code(self, address: str) -> bytes:
        """The run-time code at an address."""

    def nonce(self, address: str) -> int:
        """How many contracts or transactions the address has made."""

    def snapshot(self) -> Any:
        """Remember the state."""

    def revert(self, checkpoint: Any) -> None:
        """Go back to a remembered state."""

    def deploy(self, deployer: str, code: bytes, gas: int) -> str:
        """Run creation code; returns the contract's address."""

    def call(self, caller: str, to: str, calldata: bytes, gas: int) -> bytes:
        """Run one transaction and keep its changes; returns what it returned."""

    def logs(self) -> Sequence[Log]:
        """What the last call logged."""

    def gas_used(self) -> int:
        """What the last call cost."""


class Reverted(Exception):
    """A backend's call reverted with these bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data.hex())
        self.data = data


@dataclass(frozen=True)
class Receipt:
    """What one call returned, logged and cost."""

    value: Any
    """The only return value, or a tuple of several."""
    events: tuple[Event, ...]
    """Logs of the protocol's contracts, decoded, in order."""
    gas_used: int
    logs: tuple[Log, ...]
    """All logs, as they are."""
    time: int
    """Of the block, seconds since 1970."""

    def of(self, kind: type[Event]) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events if type(event) is kind]


class Function:
    """One function's selector and types."""

    def __init__(self, selector: bytes, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> None:
        self.selector = selector
        self.inputs = inputs
        self.outputs = outputs
        self._flat_inputs = all(map(is_flat, inputs))
        self._flat_outputs = all(map(is_flat, outputs))

    def encode(self, arguments: tuple[Any, ...]) -> bytes:
        if not self._flat_inputs:
            return self.selector + encode(self.inputs, arguments)
        if len(arguments) != len(self.inputs):
            raise TypeError(f"{len(self.inputs)} arguments are asked for: {self.inputs}")
        pairs = zip(self.inputs, arguments, strict=True)
        return self.selector + b"".join(_to_words(kind, argument) for kind, argument in pairs)

    def decode(self, output: bytes) -> Any:
        """The only value, or a tuple of several; None where there is none."""
        if self._flat_outputs:
            words = iter([output[at : at + 32] for at in range(0, len(output), 32)])
            values = tuple(_from_words(kind, words) for kind in self.outputs)
        else:
            values = decode(self.outputs, output)
        return (values[0] if len(values) == 1 else values) if values else None


# Most of what is called takes and gives single words. These are packed and read here, some ten times as fast
# as by eth-abi, which does the rest.


def is_flat(kind: str) -> bool:
    """Is every member of the type a word of its own?"""
    return "[" not in kind and "string" not in kind and not re.search(r"bytes(?!\d)", kind)


@cache
def members(kind: str) -> tuple[str, ...]:
    """The types in a tuple's brackets."""
    parts, depth = [""], 0
    for letter in kind[1:-1]:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return tuple(parts)


def _to_words(kind: str, value: Any) -> bytes:
    if kind[0] == "(":
        pairs = zip(members(kind), value, strict=True)
        return b"".join(_to_words(part, each) for part, each in pairs)
    if isinstance(value, str):
        return bytes(12) + bytes.fromhex(value[2:])
    return value.ljust(32, b"\0") if isinstance(value, bytes) else int(value).to_bytes(32, "big")


def _from_words(kind: str, words: Iterator[bytes]) -> Any:
    if kind[0] == "(":
        return tuple(_from_words(part, words) for part in members(kind))
    word = next(words)
    if kind[0] == "u":
        return int.from_bytes(word, "big")
    if kind == "address":
        return "0x" + word[12:].hex()
    return any(word) if kind == "bool" else word[: int(kind[5:])]


@cache
def artifact(name: str) -> dict[str, Any]:
    """ABI and bytecode of a contract or of a mock."""
    if name in CONTRACTS:
        ours = load_artifact(name)
        return {"abi": ours.abi, "bytecode": ours.bytecode}
    loaded: dict[str, Any] = json.loads((MOCK_ARTIFACTS / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def creation_code(name: str, *arguments: Any) -> bytes:
    """What deploys a contract: its bytecode and the constructor's arguments."""
    built = artifact(name)
    inputs = next((item["inputs"] for item in built["abi"] if item["type"] == "constructor"), [])
    types = [collapse_if_tuple(item) for item in inputs]
    return bytes.fromhex(built["bytecode"][2:]) + encode(types, arguments)


@cache
def functions(name: str) -> dict[str, Function]:
    """A contract's functions by name; overloads do not occur."""
    return {
        entry["name"]: Function(
            function_abi_to_4byte_selector(entry),
            tuple(collapse_if_tuple(item) for item in entry["inputs"]),
            tuple(collapse_if_tuple(item) for item in entry["outputs"]),
        )
        for entry in artifact(name)["abi"]
        if entry["type"] == "function"
    }


class Evm:
    """One chain. Time stands still until a test sets ``now``."""

    def __init__(self, now: int, backend: Backend | None = None) -> None:
        self._backend = backend if backend is not None else _pyrevm()
        self._contracts: dict[str, str] = {}
        self._payer_ids: dict[str, int] = {}
        self.now = now

    @property
    def now(self) -> int:
        """The time of the block that calls run in, seconds since 1970."""
        return self._now

    @now.setter
    def now(self, timestamp: int) -> None:
        self._now = timestamp
        self._backend.set_time(timestamp)

    @property
    def chain_id(self) -> int:
        """What the contracts see as ``block.chainid``."""
        return self._backend.chain_id

    def code(self, address: str) -> bytes:
        """The run-time code of a contract."""
        return self._backend.code(address)

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """Undo everything that happens inside, the clock included."""
        now, checkpoint = self._now, self._backend.snapshot()
        contracts, payer_ids = dict(self._contracts), dict(self._payer_ids)
        try:
            yield
        finally:
            self._backend.revert(checkpoint)
            self.now = now
            self._contracts, self._payer_ids = contracts, payer_ids

    def next_address(self, deployer: str, ahead: int = 0) -> str:
        """Where the deployer's next contract will stand, or the one ``ahead`` after it."""
        return get_create_address(deployer, self._backend.nonce(deployer) + ahead)  # type: ignore[arg-type]

    def deploy(self, deployer: str, name: str, *arguments: Any) -> Contract:
        """Deploy a contract or a mock by its Solidity name.

        Raises:
            ContractReverted: its constructor reverted.
        """
        return self.at(self.create(deployer, creation_code(name, *arguments)), name)

    def create(self, deployer: str, code: bytes) -> str:
        """Run creation code; returns where the contract stands.

        Raises:
            ContractReverted: the constructor reverted.
        """
        try:
            return self._backend.deploy(deployer, code, CALL_GAS)
        except Reverted as refusal:
            raise decode_revert(refusal.data) from None

    def at(self, address: str, name: str, *, payer_id: int = 0) -> Contract:
        """A contract that stands at ``address``; from now on its logs are decoded."""
        self._contracts[address.lower()] = name
        self._payer_ids[address.lower()] = payer_id
        return Contract(self, address, name)

    def call(self, caller: str, to: str, calldata: bytes, gas: int = CALL_GAS) -> bytes:
        """Run one transaction; its changes stay.

        Raises:
            ContractReverted: with one of the contracts' declared errors.
            Halted: the call halted.
        """
        try:
            return self._backend.call(caller, to, calldata, gas)
        except Reverted as refusal:
            raise decode_revert(refusal.data) from None

    def receipt(self, value: Any) -> Receipt:
        """The last call's receipt."""
        raw = tuple(self._backend.logs())
        decoded = tuple(event for log in raw for event in self._events(log))
        return Receipt(value, decoded, self._backend.gas_used(), raw, self._now)

    def _events(self, log: Log) -> list[Event]:
        address = log.address.lower()
        name = self._contracts.get(address)
        if name is None:
            return []
        try:
            return logs.decode_all_words(name, log.topics, log.data, self._payer_ids[address])
        except LedgerError:
            return []  # an event that the ledger does not read, such as the token's Approval


def _pyrevm() -> Backend:
    from tests.support.pyrevm_backend import PyrevmBackend

    return PyrevmBackend()


class Contract:
    """One contract on one ``Evm``."""

    def __init__(self, evm: Evm, address: str, name: str) -> None:
        self._evm = evm
        self.address = address
        self.name = name
        self.functions = functions(name)

    def call(self, calldata: bytes) -> bytes:
        """Call with bytes that were packed elsewhere."""
        return self._evm.call(NOBODY, self.address, calldata)

    def read(self, function: str, *arguments: Any) -> Any:
        """The value of a view."""
        entry = self.functions[function]
        return entry.decode(self.call(entry.encode(arguments)))

    def send(self, caller: str, function: str, *arguments: Any, gas: int = CALL_GAS) -> Receipt:
        """Call a verb as ``caller``."""
        entry = self.functions[function]
        output = self._evm.call(caller, self.address, entry.encode(arguments), gas)
        return self._evm.receipt(entry.decode(output))


@contextmanager
def reverts(name: str, **fields: Any) -> Iterator[None]:
    """The block must end in this contract error; of its fields at least these are compared."""
    with pytest.raises(ContractReverted) as caught:
        yield
    shown = {key: _lower(value) for key, value in caught.value.fields.items()}
    assert (caught.value.name, shown) == (name, shown | {key: _lower(value) for key, value in fields.items()})


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value
