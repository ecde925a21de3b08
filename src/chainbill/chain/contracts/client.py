"""What the typed clients share."""

from __future__ import annotations

from typing import Any, ClassVar

from eth_utils.abi import function_abi_to_4byte_selector
from hexbytes import HexBytes
from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.exceptions import Web3Exception
from web3.types import BlockIdentifier, TxReceipt

from chainbill.chain.artifacts import load_artifact
from chainbill.chain.node.mapped_errors import mapped_errors
from chainbill.chain.node.sender import Sender
from chainbill.errors import ChainError


class ContractClient:
    """A deployed contract. Reads return plain values; verbs take the ``Sender`` that pays for them and
    return the receipt, raising ``ContractReverted`` where the contract refuses."""

    artifact: ClassVar[str]

    def __init__(self, w3: Web3, address: str) -> None:
        self.address = Web3.to_checksum_address(address)
        self._contract = w3.eth.contract(address=self.address, abi=load_artifact(self.artifact).abi)

    def calldata(self, name: str, *arguments: Any) -> bytes:
        """The bytes of a call that somebody else will make, or that will be made later."""
        return bytes(HexBytes(self._contract.encode_abi(name, arguments)))

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
        return function_abi_to_4byte_selector(self._contract.functions[name].abi)

    def authority(self) -> str:
        """The ``Governance`` that says who may call the contract's restricted functions."""
        return str(self._call("authority"))

    def logged(self, event: str, *, from_block: BlockIdentifier = 0, **indexed: Any) -> list[dict[str, Any]]:
        """The fields of every log of one kind, by their Solidity names, the oldest first.

        Args:
            event: the Solidity name of the event.
            from_block: where to begin looking: the deployment's block.
            indexed: only those with these values of indexed fields.
        """
        with mapped_errors():
            found = self._contract.events[event].get_logs(from_block=from_block, argument_filters=indexed)
        return [dict(log["args"]) for log in found]

    def _call(self, name: str, *arguments: Any, block: int | str = "latest") -> Any:
        with mapped_errors():
            return self._function(name, *arguments).call(block_identifier=block)  # type: ignore[arg-type]

    def _send(self, sender: Sender, name: str, *arguments: Any) -> TxReceipt:
        return sender.send(self._function(name, *arguments))

    def _function(self, name: str, *arguments: Any) -> ContractFunction:
        function: ContractFunction = self._contract.functions[name](*arguments)
        return function
