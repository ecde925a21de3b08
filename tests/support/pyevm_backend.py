"""py-evm, set up by eth-tester: slow, in plain Python, and without a line in common with pyrevm and anvil."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth.exceptions import Revert
from eth.vm.spoof import SpoofTransaction
from eth_tester import PyEVMBackend as TesterChain
from eth_utils.address import to_canonical_address, to_checksum_address
from tests.support.evm import Halted, Log, Reverted

BLOCK_GAS = 2**60


class PyEvmBackend:
    """One chain of eth-tester. Its pending block is never sealed: transactions run in it one by one, signed
    by nobody, at a price of nothing."""

    def __init__(self) -> None:
        self._chain = TesterChain().chain
        self._header = self._chain.header.copy(gas_limit=BLOCK_GAS, base_fee_per_gas=0)
        self._computation: Any = None
        self._gas_used = 0
        self.chain_id = int(self._chain.chain_id)

    def set_time(self, timestamp: int) -> None:
        self._header = self._header.copy(timestamp=timestamp)

    def code(self, address: str) -> bytes:
        return bytes(self._state().get_code(to_canonical_address(address)))

    def nonce(self, address: str) -> int:
        return int(self._state().get_nonce(to_canonical_address(address)))

    def snapshot(self) -> Any:
        return self._header

    def revert(self, checkpoint: Any) -> None:
        self._header = checkpoint

    def deploy(self, deployer: str, code: bytes, gas: int) -> str:
        self._run(deployer, b"", code, gas)
        return str(to_checksum_address(self._computation.msg.storage_address))

    def call(self, caller: str, to: str, calldata: bytes, gas: int) -> bytes:
        return self._run(caller, to_canonical_address(to), calldata, gas)

    def logs(self) -> Sequence[Log]:
        return [
            Log(
                to_checksum_address(address),
                [int(topic).to_bytes(32, "big") for topic in topics],
                bytes(data),
            )
            for address, topics, data in self._computation.get_log_entries()
        ]

    def gas_used(self) -> int:
        return self._gas_used

    def _state(self) -> Any:
        return self._chain.get_vm(self._header).state

    def _run(self, caller: str, to: bytes, data: bytes, gas: int) -> bytes:
        vm = self._chain.get_vm(self._header)
        sender = to_canonical_address(caller)
        unsigned = vm.create_unsigned_transaction(
            nonce=vm.state.get_nonce(sender), gas_price=0, gas=gas, to=to, value=0, data=data
        )
        transaction = SpoofTransaction(unsigned, from_=sender)
        computation = vm.state.apply_transaction(transaction)
        vm.state.persist()
        self._header = self._header.copy(state_root=vm.state.state_root)
        self._computation, self._gas_used = computation, int(vm.finalize_gas_used(transaction, computation))
        if computation.is_error:
            reverted = isinstance(computation.error, Revert)
            raise Reverted(bytes(computation.output)) if reverted else Halted(repr(computation.error))
        return bytes(computation.output)
