"""The contracts in an EVM inside this process: thousands of calls a second, and a clock to set at will.

Nothing here needs gas money or signatures of transactions; the caller of each call is simply named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector
from pyrevm import EVM, BlockEnv
from web3.utils.address import get_create_address

from chainbill.chain import logs
from chainbill.chain.artifacts import CONTRACTS, load_artifact
from chainbill.chain.events import Event
from chainbill.chain.reverts import decode_revert
from chainbill.errors import ChainError, ContractReverted, LedgerError

MOCK_ARTIFACTS = Path(__file__).resolve().parent.parent / "artifacts"

CALL_GAS = 200_000_000
"""Plenty: what a call gets unless a test is about gas."""

_REVERT = re.compile(r"Revert \{ gas_used: (\d+), output: 0x([0-9a-f]*) \}")


class Halted(ChainError):
    """The EVM refused or halted without an answer: gas ran out, or an invalid instruction."""


@dataclass(frozen=True)
class Receipt:
    """What one call returned, logged and cost."""

    value: Any
    """The only return value, or a tuple of several."""
    events: tuple[Event, ...]
    """Logs of the protocol's contracts, decoded, in order."""
    gas_used: int

    def of(self, kind: type[Event]) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events if type(event) is kind]


@dataclass(frozen=True)
class Function:
    """One function's selector and types."""

    selector: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def encode(self, arguments: tuple[Any, ...]) -> bytes:
        return self.selector + encode(self.inputs, arguments)

    def decode(self, output: bytes) -> Any:
        values = decode(self.outputs, output)
        return values[0] if len(values) == 1 else values


@cache
def artifact(name: str) -> dict[str, Any]:
    """ABI and bytecode of a contract or of a mock."""
    if name in CONTRACTS:
        ours = load_artifact(name)
        return {"abi": ours.abi, "bytecode": ours.bytecode}
    loaded: dict[str, Any] = json.loads((MOCK_ARTIFACTS / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


@cache
def functions(name: str) -> dict[str, Function]:
    """A contract's functions by name; overloads do not occur."""
    return {
        entry["name"]: Function(
            function_abi_to_4byte_selector(entry),  # type: ignore[arg-type]
            tuple(collapse_if_tuple(item) for item in entry["inputs"]),
            tuple(collapse_if_tuple(item) for item in entry["outputs"]),
        )
        for entry in artifact(name)["abi"]
        if entry["type"] == "function"
    }


class Evm:
    """One chain. Time stands still until a test sets ``now``."""

    def __init__(self, now: int) -> None:
        self._evm = EVM(gas_limit=2**60)
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
        self._evm.set_block_env(BlockEnv(number=1, timestamp=timestamp, gas_limit=2**60))

    @property
    def chain_id(self) -> int:
        """What the contracts see as ``block.chainid``."""
        return int(self._evm.env.cfg.chain_id)

    def code(self, address: str) -> bytes:
        """The run-time code of a contract."""
        return bytes(self._evm.get_code(address))

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """Undo everything that happens inside, the clock included."""
        now, checkpoint = self._now, self._evm.snapshot()
        contracts, payer_ids = dict(self._contracts), dict(self._payer_ids)
        try:
            yield
        finally:
            self._evm.revert(checkpoint)
            self.now = now
            self._contracts, self._payer_ids = contracts, payer_ids

    def next_address(self, deployer: str, ahead: int = 0) -> str:
        """Where the deployer's next contract will stand, or the one ``ahead`` after it."""
        return get_create_address(deployer, self._evm.basic(deployer).nonce + ahead)  # type: ignore[arg-type]

    def deploy(self, deployer: str, name: str, *arguments: Any) -> Contract:
        """Deploy a contract or a mock by its Solidity name."""
        built = artifact(name)
        constructor = next((item for item in built["abi"] if item["type"] == "constructor"), {"inputs": []})
        types = [collapse_if_tuple(item) for item in constructor["inputs"]]
        code = bytes.fromhex(built["bytecode"][2:]) + encode(types, arguments)
        address = self._evm.deploy(deployer=deployer, code=code, gas=CALL_GAS)
        return self.at(address, name)

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
        # One call here is one transaction; pyrevm would keep transient storage from call to call.
        self._evm.reset_transient_storage()
        try:
            return bytes(self._evm.message_call(caller=caller, to=to, calldata=calldata, gas=gas))
        except RuntimeError as error:
            raise _refusal(str(error)) from None

    def receipt(self, value: Any) -> Receipt:
        """The last call's receipt."""
        outcome = self._evm.result
        decoded = [event for log in outcome.logs if (event := self._event(log)) is not None]
        return Receipt(value, tuple(decoded), outcome.gas_used)

    def _event(self, log: Any) -> Event | None:
        address = log.address.lower()
        name = self._contracts.get(address)
        if name is None:
            return None
        topics, data = log.data
        try:
            return logs.decode_words(name, topics, data, self._payer_ids[address])
        except LedgerError:
            return None  # an event that the ledger does not read, such as the token's Approval


def _refusal(message: str) -> ChainError:
    reverted = _REVERT.search(message)
    if reverted is None:
        return Halted(message)
    return decode_revert(bytes.fromhex(reverted[2]))


class Contract:
    """One contract on one ``Evm``."""

    def __init__(self, evm: Evm, address: str, name: str) -> None:
        self._evm = evm
        self.address = address
        self.functions = functions(name)

    def call(self, calldata: bytes) -> bytes:
        """Call with bytes that were packed elsewhere."""
        return self._evm.call("0x" + "00" * 20, self.address, calldata)

    def read(self, function: str, *arguments: Any) -> Any:
        """The value of a view."""
        entry = self.functions[function]
        return entry.decode(self.call(entry.encode(arguments)))

    def send(self, caller: str, function: str, *arguments: Any, gas: int = CALL_GAS) -> Receipt:
        """Call a verb as ``caller``."""
        entry = self.functions[function]
        output = self._evm.call(caller, self.address, entry.encode(arguments), gas)
        return self._evm.receipt(entry.decode(output) if entry.outputs else None)


@contextmanager
def reverts(name: str, **fields: Any) -> Iterator[None]:
    """The block must end in this contract error; of its fields at least these are compared."""
    with pytest.raises(ContractReverted) as caught:
        yield
    shown = {key: _lower(value) for key, value in caught.value.fields.items()}
    assert (caught.value.name, shown) == (name, shown | {key: _lower(value) for key, value in fields.items()})


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value
