"""pyrevm: the EVM that most tests run on, some 30,000 calls a second."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pyrevm import EVM, BlockEnv
from tests.support.evm import Halted, Log, Reverted

BLOCK_GAS = 2**60

_REVERT = re.compile(r"Revert \{ gas_used: (\d+), output: 0x([0-9a-f]*) \}")


class PyrevmBackend:
    """One pyrevm machine. Its caller needs no gas money."""

    def __init__(self) -> None:
        self._evm: Any = EVM(gas_limit=BLOCK_GAS)
        self.chain_id = int(self._evm.env.cfg.chain_id)

    def set_time(self, timestamp: int) -> None:
        self._evm.set_block_env(BlockEnv(number=1, timestamp=timestamp, gas_limit=BLOCK_GAS))

    def code(self, address: str) -> bytes:
        return bytes(self._evm.get_code(address) or b"")

    def nonce(self, address: str) -> int:
        return int(self._evm.basic(address).nonce)

    def snapshot(self) -> Any:
        return self._evm.snapshot()

    def revert(self, checkpoint: Any) -> None:
        self._evm.revert(checkpoint)

    def deploy(self, deployer: str, code: bytes, gas: int) -> str:
        try:
            return str(self._evm.deploy(deployer=deployer, code=code, gas=gas))
        except RuntimeError as error:
            raise _refusal(str(error)) from None

    def call(self, caller: str, to: str, calldata: bytes, gas: int) -> bytes:
        # One call here is one transaction; pyrevm would keep transient storage from call to call.
        self._evm.reset_transient_storage()
        try:
            return bytes(self._evm.message_call(caller=caller, to=to, calldata=calldata, gas=gas))
        except RuntimeError as error:
            raise _refusal(str(error)) from None

    def logs(self) -> Sequence[Log]:
        return [Log(log.address, *log.data) for log in self._evm.result.logs]

    def gas_used(self) -> int:
        return int(self._evm.result.gas_used)

    def storage(self, address: str, slot: int) -> int:
        """A word of a contract's storage."""
        return int(self._evm.storage(address, slot))

    def set_storage(self, address: str, slot: int, word: int) -> None:
        """Put a word into a contract's storage, past the contract."""
        self._evm.insert_account_storage(address, slot, word)


def _refusal(message: str) -> Exception:
    reverted = _REVERT.search(message)
    return Halted(message) if reverted is None else Reverted(bytes.fromhex(reverted[2]))
