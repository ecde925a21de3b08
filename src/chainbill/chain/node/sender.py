"""Sends an account's transactions: signs locally, checks first, and names what was refused.

What moves money and could be repeated by mistake is an *errand*. Before such a transaction is sent, what it
is stands in the account's outbox: its hash, its nonce and the signed bytes. Cut off at any point, the same
errand finds it there: mined, it is done; not mined with the nonce free, the very same bytes are sent again;
with the nonce used by another, it can never be mined and is forgotten. So it is paid once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3 import Web3
from web3.contract.contract import ContractConstructor, ContractFunction
from web3.exceptions import (
    BadFunctionCallOutput,
    BlockNotFound,
    ContractLogicError,
    TransactionNotFound,
    Web3Exception,
    Web3RPCError,
)
from web3.types import TxParams, TxReceipt, Wei

from chainbill.chain.node.answer import error_message
from chainbill.chain.node.reverts import decode_revert
from chainbill.errors import ChainError, NodeError
from chainbill.protocol_constants import GAS_CAP

SECOND_LOOK_SECONDS = 3.0
"""How long a noted transaction is looked for whose nonce is used: the node may not have told all yet."""

_POLL_SECONDS = 0.05

_PLAIN_GAS = 21_000
"""What a transaction takes that does nothing."""


@dataclass(frozen=True, slots=True)
class Errand:
    """Something to be done once."""

    verb: str
    """What, in words that no other errand of the account has."""
    contract: str = ""
    """Checksummed: the transaction to it does the errand, others prepare it. Empty: the only one there is."""
    amount: int = 0
    """In micro-dollars."""

    @property
    def key(self) -> str:
        """The same for the same errand of a later run."""
        return f"{self.verb} {self.contract} {self.amount}"


@dataclass(frozen=True, slots=True)
class Sending:
    """A signed transaction that is about to be sent."""

    hash: bytes
    nonce: int
    raw: bytes


class Outbox(Protocol):
    """Where one account's sendings on one chain are noted, and whose turn it is of several processes."""

    def turn(self) -> AbstractContextManager[None]:
        """Held from taking a nonce until its transaction is sent."""

    def errand(self) -> AbstractContextManager[None]:
        """Held while an errand is done: what is noted then is left by a run that was cut off."""

    def noted(self, errand: Errand) -> Sending | None:
        """What a run that was cut off was about to send."""

    def note(self, errand: Errand, sending: Sending) -> None:
        """Write down what is about to be sent. It is on the disk when this returns."""

    def close(self, errand: Errand) -> None:
        """Forget what was noted."""


class Sender:
    """One account on one chain. Several processes may send for it where they share an outbox."""

    def __init__(
        self,
        w3: Web3,
        account: LocalAccount,
        *,
        receipt_timeout_seconds: float = 120.0,
        gas: int | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        """``gas`` is asked for every transaction instead of an estimate, and nothing is checked first.
        Without an ``outbox`` nothing is noted, and the account is this process's alone."""
        self._w3 = w3
        self._account = account
        self._timeout = receipt_timeout_seconds
        self._gas = gas
        self._outbox = outbox
        self._errand: Errand | None = None
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
            NodeError: the node gave no usable answer; what was sent may be mined all the same.
            ChainError: the node refused the transaction.
        """
        with mapped_errors():
            gas = self._gas or self._estimate(call)
            with self._outbox.turn() if self._outbox else nullcontext():
                transaction = call.build_transaction(self._terms(gas))
                sending = self._sign(transaction)
                errand = self._noted(transaction, sending)
                self._broadcast(sending, noted=errand is not None)
            receipt = self._wait(sending, noted=errand is not None)
        if receipt["status"] != 1:
            self._close(errand)
            raise self._explain(transaction, receipt)
        return receipt

    @contextmanager
    def errand(self, errand: Errand) -> Iterator[TxReceipt | None]:
        """Do something once. Yields the receipt where a run that was cut off has done it already, or had sent
        it; else None, and what is sent to the errand's contract inside is noted. Where the block ends well,
        the errand is over: the next one of the same kind is another.

        Raises:
            StateError: another process is at work on an errand of this account.
            ChainError: whether an earlier run has done it cannot be found out.
        """
        if self._outbox is None:
            yield None
            return
        with self._outbox.errand():
            earlier = self._resume(errand)
            self._errand = errand
            try:
                yield earlier
            finally:
                self._errand = None
            self._outbox.close(errand)

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

    def _sign(self, transaction: TxParams) -> Sending:
        signed = self._account.sign_transaction(transaction)  # type: ignore[arg-type]
        return Sending(bytes(signed.hash), transaction["nonce"], bytes(signed.raw_transaction))

    def _noted(self, transaction: TxParams, sending: Sending) -> Errand | None:
        """Note a transaction that does the errand; one that only prepares it, an approval, does not."""
        errand = self._errand
        if errand is None or self._outbox is None or errand.contract not in ("", transaction.get("to")):
            return None
        self._outbox.note(errand, sending)
        return errand

    def _close(self, errand: Errand | None) -> None:
        if errand is not None and self._outbox is not None:
            self._outbox.close(errand)

    def _broadcast(self, sending: Sending, *, noted: bool) -> None:
        try:
            self._w3.eth.send_raw_transaction(HexBytes(sending.raw))
        except Web3RPCError:
            # Some nodes refuse what they have already.
            if not self._is_known(sending):
                raise
        except NodeError as error:
            raise _uncertain(error, sending, noted=noted) from None

    def _wait(self, sending: Sending, *, noted: bool) -> TxReceipt:
        """The receipt, once the node has the block that it names."""
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                receipt = self._receipt(sending)
                if receipt is not None and self._has_block_of(receipt):
                    return receipt
            except NodeError as error:
                raise _uncertain(error, sending, noted=noted) from None
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_SECONDS)
        told = f"it is in no block after {self._timeout:.0f} s"
        if receipt is not None:
            block = f"block {receipt['blockNumber']} ({receipt['blockHash'].to_0x_hex()})"
            told = f"the node says that it is in {block}, and has no such block"
        raise _uncertain(NodeError(told), sending, noted=noted)

    def _receipt(self, sending: Sending) -> TxReceipt | None:
        with suppress(TransactionNotFound):
            receipt = self._w3.eth.get_transaction_receipt(HexBytes(sending.hash))
            if bytes(receipt["transactionHash"]) != sending.hash:
                raise NodeError(
                    f"the node tells of another transaction than 0x{sending.hash.hex()}",
                    hint="use another node: --rpc-url",
                )
            return receipt
        return None

    def _has_block_of(self, receipt: TxReceipt) -> bool:
        """Does the node that answers now have the block that the receipt names, or another in its place?"""
        with suppress(BlockNotFound):
            return self._w3.eth.get_block(receipt["blockNumber"])["hash"] == receipt["blockHash"]
        return False

    def _is_known(self, sending: Sending) -> bool:
        with suppress(TransactionNotFound):
            self._w3.eth.get_transaction(HexBytes(sending.hash))
            return True
        return False

    def _resume(self, errand: Errand) -> TxReceipt | None:
        """What came of an errand that was cut off: its receipt, or None where it is still to be done."""
        sending = self._outbox.noted(errand) if self._outbox else None
        if sending is None:
            return None
        with mapped_errors():
            receipt = self._receipt(sending)
            if receipt is None and not self._is_displaced(sending) and self._sent_again(sending):
                receipt = self._wait(sending, noted=True)
            if receipt is None and self._is_displaced(sending):
                receipt = self._look_again(sending)
        if receipt is None or receipt["status"] != 1:
            self._close(errand)
            return None
        return receipt

    def _is_displaced(self, sending: Sending) -> bool:
        """Is its nonce used, if only by itself?"""
        return self._w3.eth.get_transaction_count(self.address, "latest") > sending.nonce

    def _look_again(self, sending: Sending) -> TxReceipt | None:
        """Its nonce is used: by another, unless the part of the node that tells receipts lags behind."""
        deadline = time.monotonic() + SECOND_LOOK_SECONDS
        while (receipt := self._receipt(sending)) is None and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return receipt

    def _sent_again(self, sending: Sending) -> bool:
        """Send the very same bytes; False where the node will not have them and does not know them. Where
        their nonce is free then, what is sent instead takes it, and only one of the two can be mined."""
        with self._outbox.turn() if self._outbox else nullcontext():
            self._fill_up_to(sending.nonce)
            try:
                self._broadcast(sending, noted=True)
            except Web3RPCError:
                return False
        return True

    def _fill_up_to(self, nonce: int) -> None:
        """Use the nonces before one with transactions that do nothing. They are free again where the chain,
        or the node's memory, has lost what used them; left free, what is noted could be mined at any later
        time, after what is sent instead of it."""
        while (terms := self._terms(_PLAIN_GAS))["nonce"] < nonce:
            filler = self._sign({**terms, "to": self.address, "value": Wei(0)})
            self._w3.eth.send_raw_transaction(HexBytes(filler.raw))

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
    except BadFunctionCallOutput:
        raise other_chain() from None
    except Web3Exception as error:
        if "insufficient funds" in str(error).lower():
            raise ChainError(
                "the account that sends has too little of the chain's gas coin to pay for it",
                hint="give it some of the coin; a patient can also sign, and anybody send it: "
                "chainbill patient sign --help",
            ) from None
        raise ChainError(f"the node refused: {_said(error)}", hint=_REFUSAL) from None


def other_chain() -> NodeError:
    """A contract that is recorded does not answer."""
    return NodeError(
        "a contract of chainbill does not answer as it should: the node is of another chain than the one "
        "recorded here, or its chain was begun anew",
        hint="check --rpc-url and CHAINBILL_RPC_URL; on a devnet: chainbill devnet status",
    )


def _uncertain(error: NodeError, sending: Sending, *, noted: bool) -> NodeError:
    """An error after a transaction was sent: what it is, and how to find out what came of it."""
    known = "run the same command again: it looks for this transaction first, and pays once"
    return NodeError(
        f"transaction 0x{sending.hash.hex()} was sent, and may be mined: {error}",
        hint=known if noted else "look it up, or run the command again: what is done already is refused",
    )


def _revert_data(data: Any) -> bytes:
    if isinstance(data, dict):
        data = data.get("data", "0x")
    try:
        return bytes(HexBytes(data)) if data else b""
    except ValueError:
        return b""


_REFUSAL = (
    "these are the node's own words; try again in a while, and if it goes on, use another node: --rpc-url"
)


def _said(error: Web3Exception) -> str:
    """What the node says, without what it is wrapped in."""
    answer = error.rpc_response if isinstance(error, Web3RPCError) else None
    refusal = answer.get("error") if answer else None
    if isinstance(refusal, dict) and isinstance(refusal.get("message"), str):
        return error_message({"error": refusal})
    return _short(error)


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:197] + "..."
