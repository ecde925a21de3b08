"""Somebody else's chain: a node that chainbill has not started and cannot order about, with one funded key.

It is an anvil of the tests' own, of another chain id, on a free port. After its start nothing is asked of it
that not every node answers: no ``anvil_*`` and no ``evm_*``.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3

from chainbill.chain.devnet.anvil_binary import find_anvil
from chainbill.chain.node.connection import connect
from chainbill.errors import NodeError

CHAIN_ID = 424_242

_WORDS = "test test test test test test test test test test test junk"
_PATH = "m/44'/60'/0'/0/0"


@dataclass(frozen=True)
class ForeignChain:
    """A running node."""

    url: str
    chain_id: int

    @property
    def w3(self) -> Web3:
        """A connection of its own."""
        return connect(self.url)

    @property
    def funded(self) -> LocalAccount:
        """The account that has the chain's gas coin."""
        Account.enable_unaudited_hdwallet_features()
        account: LocalAccount = Account.from_mnemonic(_WORDS, account_path=_PATH)
        return account

    def send_coin(self, to: str, coins: int = 10) -> None:
        """Give somebody of it, as anybody would."""
        w3, account = self.w3, self.funded
        transaction = {
            "to": to,
            "value": coins * 10**18,
            "gas": 21_000,
            "maxFeePerGas": 10**11,
            "maxPriorityFeePerGas": 10**9,
            "nonce": w3.eth.get_transaction_count(account.address),
            "chainId": self.chain_id,
        }
        sent = w3.eth.send_raw_transaction(account.sign_transaction(transaction).raw_transaction)
        w3.eth.wait_for_transaction_receipt(sent)


@contextmanager
def foreign_chain(
    chain_id: int = CHAIN_ID, *, proxy: bool = True, timestamp: int | None = None
) -> Iterator[ForeignChain]:
    """A node for as long as the block runs; ended by its pid.

    Args:
        timestamp: of its first block, in seconds since 1970; else now.
        proxy: is the CREATE2 proxy there, as on most chains?
    """
    port = _free_port()
    command = [str(find_anvil()), "--port", str(port), "--chain-id", str(chain_id), "--accounts", "1"]
    command += ["--balance", "1000", "--mnemonic", _WORDS, "--hardfork", "osaka", "--silent"]
    command += [] if timestamp is None else ["--timestamp", str(timestamp)]
    command += [] if proxy else ["--disable-default-create2-deployer"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url)
        yield ForeignChain(url, chain_id)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            connect(url)
        except NodeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
