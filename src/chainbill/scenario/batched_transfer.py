"""A contract that pulls one amount from many payers in one transaction: what a bare payment rail costs.

It is written by hand in machine code, and so does less than any rail in use: nobody is asked whether they may
call it, and no payment is logged but by the token. The benchmark measures against this lower bound.
"""

from __future__ import annotations

from collections.abc import Sequence

from web3 import Web3
from web3.types import TxReceipt

from chainbill.chain.node.sender import Sender

RUNTIME = bytes.fromhex(
    # Memory 0..99 holds the call transferFrom(payer, payee, amount).
    "63 23b872dd 60e0 1b 5f 52"  # mstore(0, selector)
    "6024 35 6024 52"  # mstore(36, payee)
    "6044 35 6044 52"  # mstore(68, amount)
    "60a4"  # offset := 164, of the first payer
    "5b"  # 24: next payer
    "80 35 6004 52"  # mstore(4, calldataload(offset))
    "6020 6080 6064 5f 5f 6004 35 5a f1"  # call(gas, token, 0, 0, 100, 128, 32)
    "15 6039 57"  # if it failed: jump to the end
    "6020 01"  # offset += 32
    "80 36 11 6018 57"  # if calldatasize > offset: next payer
    "00"  # stop
    "5b 5f 5f fd"  # 57: revert
)
"""The deployed code. It knows one function and does not look at its selector."""

CREATION = bytes.fromhex(f"60{len(RUNTIME):02x} 80 6009 5f 39 5f f3") + RUNTIME
"""Returns the deployed code, which follows it."""

ABI = [
    {
        "type": "function",
        "name": "pull",
        "stateMutability": "nonpayable",
        "inputs": [
            {"name": "token", "type": "address"},
            {"name": "payee", "type": "address"},
            {"name": "amount", "type": "uint256"},
            {"name": "payers", "type": "address[]"},
        ],
        "outputs": [],
    }
]


class BatchedTransfer:
    """One such contract, made by ``sender``."""

    def __init__(self, w3: Web3, sender: Sender) -> None:
        made = sender.send(w3.eth.contract(abi=ABI, bytecode=CREATION).constructor())
        self.address = str(made["contractAddress"])
        self._functions = w3.eth.contract(address=Web3.to_checksum_address(self.address), abi=ABI).functions

    def pull(self, sender: Sender, token: str, payee: str, amount: int, payers: Sequence[str]) -> TxReceipt:
        """Pull ``amount`` from each of ``payers``."""
        return sender.send(self._functions.pull(token, payee, amount, list(payers)))
