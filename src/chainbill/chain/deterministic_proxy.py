"""The deterministic deployment proxy: a contract that is at one address on most chains, and creates contracts
by CREATE2 (EIP-1014), at addresses that depend on their code and a salt alone."""

from __future__ import annotations

from dataclasses import dataclass

from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3 import Web3
from web3.types import TxParams, Wei

from chainbill.chain.node.mapped_errors import mapped_errors
from chainbill.records.hashing import keccak256

PROXY = Web3.to_checksum_address("0x4e59b44847b379578588920cA78FbF26c0B4956C")
"""Where it is: github.com/Arachnid/deterministic-deployment-proxy."""

PROXY_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f5"
    "8015156039578182fd5b8082525050506014600cf3"
)
"""What must stand there."""


@dataclass(frozen=True, slots=True)
class ProxyCreation:
    """A creation by the proxy, to be sent like a call of a contract."""

    w3: Web3
    salt: bytes
    """32 bytes."""
    code: bytes
    """Creation code with its arguments."""

    @property
    def address(self) -> ChecksumAddress:
        """Where the contract will stand."""
        digest = keccak256(b"\xff" + bytes.fromhex(PROXY[2:]) + self.salt + keccak256(self.code))
        return Web3.to_checksum_address(digest[12:])

    def estimate_gas(self, transaction: TxParams) -> int:
        """What sending it takes."""
        return self.w3.eth.estimate_gas({**transaction, **self._call()})

    def build_transaction(self, transaction: TxParams) -> TxParams:
        """The transaction, with what it does."""
        return {**transaction, **self._call()}

    def _call(self) -> TxParams:
        return {"to": PROXY, "value": Wei(0), "data": HexBytes(self.salt + self.code)}


def has_proxy(w3: Web3) -> bool:
    """Is the proxy on this chain, and the one that is meant?

    Raises:
        ChainError: the node could not be reached or refused.
    """
    with mapped_errors():
        return bytes(w3.eth.get_code(PROXY)) == PROXY_CODE
