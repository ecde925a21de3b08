"""A call whose bytes are there already. web3 would pack it twice, to estimate its gas and to sign it, and
look through the whole ABI each time."""

from __future__ import annotations

from dataclasses import dataclass

from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3 import Web3
from web3.types import TxParams, Wei


@dataclass(frozen=True, slots=True)
class PackedCall:
    """A call of a contract, to be sent by a ``Sender``."""

    w3: Web3
    to: ChecksumAddress
    data: bytes

    def estimate_gas(self, transaction: TxParams) -> int:
        """What sending it takes."""
        return self.w3.eth.estimate_gas({**transaction, **self._call()})

    def build_transaction(self, transaction: TxParams) -> TxParams:
        """The transaction, with what it does."""
        return {**transaction, **self._call()}

    def _call(self) -> TxParams:
        return {"to": self.to, "value": Wei(0), "data": HexBytes(self.data)}
