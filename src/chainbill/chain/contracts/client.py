"""What the typed clients share."""

from __future__ import annotations

from typing import Any, ClassVar

from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from chainbill.chain.artifacts import load_artifact
from chainbill.chain.sender import Sender, mapped_errors


class ContractClient:
    """A deployed contract. Reads return plain values; verbs take the ``Sender`` that pays for them and
    return the receipt, raising ``ContractReverted`` where the contract refuses."""

    artifact: ClassVar[str]

    def __init__(self, w3: Web3, address: str) -> None:
        self.address = Web3.to_checksum_address(address)
        self._functions = w3.eth.contract(
            address=self.address, abi=load_artifact(self.artifact).abi
        ).functions

    def _call(self, name: str, *arguments: Any, block: int | str = "latest") -> Any:
        with mapped_errors():
            return self._function(name, *arguments).call(block_identifier=block)  # type: ignore[arg-type]

    def _send(self, sender: Sender, name: str, *arguments: Any) -> TxReceipt:
        return sender.send(self._function(name, *arguments))

    def _function(self, name: str, *arguments: Any) -> ContractFunction:
        function: ContractFunction = self._functions[name](*arguments)
        return function
