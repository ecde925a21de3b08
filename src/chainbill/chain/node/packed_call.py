"""A call whose bytes are there already: packing many at once is faster than web3's search for each."""

from __future__ import annotations

from dataclasses import dataclass

from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3.types import TxParams, Wei


@dataclass(frozen=True, slots=True)
class PackedCall:
    """One of many calls for ``Sender.send_many``."""

    to: ChecksumAddress
    data: bytes

    def build_transaction(self, transaction: TxParams) -> TxParams:
        """The transaction, with what it does."""
        return {**transaction, "to": self.to, "value": Wei(0), "data": HexBytes(self.data)}
