"""Sends an account's transactions: signs locally, checks first, and names what was refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3 import Web3
from web3.contract.contract import ContractConstructor, ContractFunction
from web3.exceptions import ContractLogicError, TimeExhausted, Web3Exception
from web3.types import TxParams, TxReceipt, Wei

from chainbill.chain.reverts import decode_revert
from chainbill.errors import ChainError

GAS_CAP = 2**24
"""The most gas one transaction may ask for (EIP-7825)."""


class Sender:
    """One account on one chain. Not for concurrent use by several threads or processes."""

    def __init__(
        self,
        w3: Web3,
        account: LocalAccount,
        *,
        receipt_timeout_seconds: float = 120.0,
        gas: int | None = None,
    ) -> None:
        """``gas`` is asked for every transaction instead of an estimate, and nothing is checked first."""
        self._w3 = w3
        self._account = account
        self._timeout = receipt_timeout_seconds
        self._gas = gas
        self._chain_id = w3.eth.chain_id

    @property
    def address(self) -> ChecksumAddress:
        """The account's checksummed address."""
        return self._account.address

    @property
    def account(self) -> LocalAccount:
        """The account itself, for signing typed data."""
        return self._account

    def send(self, call: ContractFunction | ContractConstructor) -> TxReceipt:
        """Send a contract call and wait until it is in a block.

        Raises:
            ContractReverted: the contract refuses, named with the error's fields; nothing was sent, or
                the transaction was mined and reverted.
            ChainError: the node could not be reached or refused the transaction.
        """
        with mapped_errors():
            transaction = call.build_transaction(self._terms(self._gas or self._estimate(call)))
            receipt = self._broadcast(transaction)
        if receipt["status"] != 1:
            raise self._explain(transaction, receipt)
        return receipt

    def _estimate(self, call: ContractFunction | ContractConstructor) -> int:
        """What a call takes and a quarter more: what it meets in the block may differ."""
        # Capped before estimating: nodes estimate up to the block's limit, not a transaction's.
        estimate = call.estimate_gas({"from": self.address, "gas": GAS_CAP})
        return min(GAS_CAP, estimate + estimate // 4)

    def _terms(self, gas: int) -> TxParams:
        base_fee = self._w3.eth.get_block("latest").get("baseFeePerGas", Wei(0))
        tip = Wei(10**9)
        return {
            "from": self.address,
            "chainId": self._chain_id,
            "nonce": self._w3.eth.get_transaction_count(self.address, "pending"),
            "gas": gas,
            "maxPriorityFeePerGas": tip,
            "maxFeePerGas": Wei(2 * base_fee + tip),
        }

    def _broadcast(self, transaction: TxParams) -> TxReceipt:
        signed = self._account.sign_transaction(transaction)  # type: ignore[arg-type]
        digest = self._w3.eth.send_raw_transaction(signed.raw_transaction)
        try:
            return self._w3.eth.wait_for_transaction_receipt(digest, timeout=self._timeout, poll_latency=0.05)
        except TimeExhausted:
            raise ChainError(
                f"transaction {digest.to_0x_hex()} is not in a block after {self._timeout:.0f} s",
                hint="it may still be mined: look it up before sending again",
            ) from None

    def _explain(self, transaction: TxParams, receipt: TxReceipt) -> ChainError:
        """A mined revert carries no reason: run it again on the state it met."""
        replay: TxParams = {"from": self.address, "data": transaction["data"], "gas": transaction["gas"]}
        if "to" in transaction:
            replay["to"] = transaction["to"]
        try:
            with mapped_errors():
                self._w3.eth.call(replay, receipt["blockNumber"] - 1)
        except ChainError as error:
            return error
        return ChainError(f"transaction {receipt['transactionHash'].to_0x_hex()} reverted")


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Raise chainbill's errors in place of web3's."""
    try:
        yield
    except ContractLogicError as error:
        raise decode_revert(_revert_data(error.data)) from None
    except Web3Exception as error:
        if "insufficient funds" in str(error).lower():
            raise ChainError(
                "the account that sends has too little of the chain's gas coin to pay for it",
                hint="give it some of the coin; a patient can also sign, and anybody send it: "
                "chainbill patient sign --help",
            ) from None
        raise ChainError(f"the node refused: {_short(error)}") from None
    except OSError as error:
        raise ChainError(f"the node cannot be reached: {_short(error)}") from None


def _revert_data(data: Any) -> bytes:
    if isinstance(data, dict):
        data = data.get("data", "0x")
    try:
        return bytes(HexBytes(data)) if data else b""
    except ValueError:
        return b""


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:197] + "..."
