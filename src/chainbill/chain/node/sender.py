"""Sends an account's transactions: signs locally, checks first, and names what was refused.

Before a transaction is sent, what it is stands in the account's outbox: its hash, its nonce and the signed
bytes. What moves money and could be repeated by mistake is an *errand*. Cut off at any point, the same errand
finds it there: mined, it is done; not mined with the nonce free, the very same bytes are sent again, or
others that offer more under the same nonce; with the nonce used by another, it can never be mined and is
forgotten. So it is paid once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from web3 import Web3
from web3.contract.contract import ContractConstructor, ContractFunction
from web3.exceptions import Web3RPCError
from web3.types import Nonce, TxParams, TxReceipt, Wei

from chainbill.chain.node.access_list import AccessLists
from chainbill.chain.node.broadcaster import Broadcaster, displaced, uncertain
from chainbill.chain.node.connection import json_rpc_of
from chainbill.chain.node.fees import FeePolicy, Quote
from chainbill.chain.node.gas_balance import GasBalance, gas_balance
from chainbill.chain.node.mapped_errors import mapped_errors, words_of
from chainbill.chain.node.outbox import CALL, Errand, MemoryOutbox, Outbox, Sending
from chainbill.chain.node.packed_call import PackedCall
from chainbill.chain.node.pipeline import WINDOW, Pipeline
from chainbill.chain.node.refusals import Refusal, refusal_of
from chainbill.chain.node.send_state import Patience, SendState, Step
from chainbill.chain.node.signed import call_key
from chainbill.chain.node.standstill import Standstill
from chainbill.errors import ChainError, Displaced, NodeError

PATIENCE = Patience()
"""How long is waited where nobody says otherwise."""

ANY_NETWORK = FeePolicy()
"""What is offered for gas where no network's policy is named."""

Call = ContractFunction | ContractConstructor | PackedCall


class Sender:
    """An account that sends and pays. Keys are local: they never reach the node."""

    def __init__(
        self,
        w3: Web3,
        account: LocalAccount,
        *,
        gas: int | None = None,
        outbox: Outbox | None = None,
        policy: FeePolicy = ANY_NETWORK,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``gas``: ask for so much, without an estimate; what a call then meets is told by its receipt.

        Raises ChainError: the node could not be reached.
        """
        self._w3 = w3
        self._gas = gas
        self._patience = patience or PATIENCE
        self._clock = clock
        self._sleep = sleep
        self._policy = policy
        self._outbox = outbox or MemoryOutbox()
        self._errand: Errand | None = None
        self._access_lists = AccessLists(json_rpc_of(w3))
        with mapped_errors():
            self._broadcaster = Broadcaster(w3, account, outbox=self._outbox, policy=policy, clock=clock)

    @property
    def address(self) -> ChecksumAddress:
        """The account's checksummed address."""
        return self.account.address

    @property
    def account(self) -> LocalAccount:
        """The account itself, for signing typed data."""
        return self._broadcaster.account

    def gas_balance(self) -> GasBalance:
        """What the account holds for gas; errors as of the function of that name."""
        return gas_balance(self._w3, self.address, self._policy)

    def send(self, call: Call, *, names_state: bool = False) -> TxReceipt:
        """Send a contract call and wait until it is in a block.

        Args:
            names_state: name what it touches beforehand, where that is cheaper: for a call that touches much.

        Raises:
            ContractReverted: the contract refuses, named with the error's fields; nothing was sent, or
                the transaction was mined and reverted.
            NeedsGas: the account cannot pay for it.
            NodeError: the node gave no usable answer; what was sent may be mined all the same.
            ChainError: the node refused the transaction, or another took its nonce.
        """
        with mapped_errors():
            transaction = self._priced(call)
            if names_state and "maxFeePerGas" in transaction:  # older networks take no such list
                transaction["accessList"] = self._access_lists.of(transaction)
            with self._outbox.turn():
                sending = self._submit(transaction)
            receipt = self._wait(sending)
        self._strike(sending.nonce)
        if receipt["status"] != 1:
            self._outbox.forget({sending.nonce})
            raise self._broadcaster.explain(transaction, receipt)
        return receipt

    def send_many(
        self,
        calls: Sequence[Call],
        *,
        gas: int | None = None,
        window: int = WINDOW,
        on_mined: Callable[[int], None] = lambda _: None,
    ) -> list[TxReceipt]:
        """Send many calls that need not wait for one another, and wait until all are in blocks.

        They are mined in their order, under consecutive nonces. None is an errand.

        Args:
            gas: for each of them; None: estimated, upon what was mined by then. A call that needs an
                earlier one of them to be mined must be given its gas.
            window: how many wait at once.
            on_mined: hears how many are done.

        Returns:
            The receipts, in the order of the calls.

        Raises:
            PartlySent: some were refused, reverted or not sent; it says which, and has the other receipts.
            ChainError: the node could not be reached; nothing was sent.
        """
        with mapped_errors():
            pipeline = Pipeline(
                self._w3,
                json_rpc_of(self._w3),
                self._broadcaster,
                self._patience,
                self._clock,
                self._sleep,
                window,
                on_mined,
            )
            return pipeline.run([self._unpriced(each) for each in calls], gas=gas or self._gas)

    def fill_up_to(self, nonce: int) -> None:
        """Use the account's nonces before ``nonce``, where they are free, with transactions that do nothing.

        Raises:
            ChainError: the node could not be reached or refused.
        """
        with mapped_errors(), self._outbox.turn():
            self._broadcaster.fill_up_to(nonce)

    def catch_up(self) -> bool:
        """Wait until all is in blocks that the node knows of the account, such as what a run left waiting
        that was cut off; what offers too little is replaced. Was there anything?

        Raises:
            NeedsGas: the account cannot pay for what must be offered now.
            NodeError: the node gives no usable answer, or it is in no block.
        """
        with mapped_errors():
            last = self._broadcaster.next_nonce() - 1
            if last < 0 or self._broadcaster.is_used(last):
                return False
            state = SendState(self._patience, now=self._clock())
            while not self._broadcaster.is_used(last):
                match state.step(self._clock()):
                    case Step.RENEW:
                        self._broadcaster.renew(last)
                        state.note_renewed(self._clock(), is_used=False)
                    case Step.GIVE_UP:
                        raise NodeError(
                            f"what {self.address} has sent before is in no block after "
                            f"{self._patience.receipt:.0f} s: nothing was sent"
                        )
                self._sleep(state.pause(self._clock()))
        self._strike(last)
        return True

    @contextmanager
    def errand(self, errand: Errand) -> Iterator[TxReceipt | None]:
        """Do something once. Yields the receipt where a run that was cut off has done it already, or had sent
        it; else None, and what is sent to the errand's contract inside is noted as the errand's. Where the
        block ends well, the errand is over: the next one of the same kind is another.

        Raises:
            StateError: another process is at work on an errand of this account.
            ChainError: whether an earlier run has done it cannot be found out.
        """
        with self._outbox.errand():
            earlier = self._resume(errand)
            self._errand = errand
            try:
                yield earlier
            finally:
                self._errand = None
            self._outbox.forget({each.nonce for each in self._noted_for(errand)})

    # ---- what is sent ---------------------------------------------------------------------------------

    def _priced(self, call: Call) -> TxParams:
        """The call with its gas and its price, and no nonce yet."""
        quote = self._broadcaster.prices.quote()
        gas = self._gas or self._estimate(call, quote)
        self._broadcaster.prices.check_total(quote.fees.max_fee * gas)
        return {**self._unpriced(call), "gas": gas, **quote.fees.fields()}

    def _unpriced(self, call: Call) -> TxParams:
        """The call itself: what does not change however often it is sent."""
        given: TxParams = {
            "chainId": self._broadcaster.chain_id,
            "nonce": Nonce(0),
            "gas": 0,
            "gasPrice": Wei(0),
        }
        built = call.build_transaction(given)
        transaction: TxParams = {
            "from": self.address,
            "chainId": built["chainId"],
            "value": built["value"],
            "data": built["data"],
        }
        # The contract that is created has no address yet.
        return {**transaction, "to": built["to"]} if built.get("to") else transaction

    def _estimate(self, call: Call, quote: Quote) -> int:
        """What a call takes and a margin: what it meets in the block may differ."""
        # Capped before estimating: nodes estimate up to the block's limit, not a transaction's.
        estimate = call.estimate_gas({"from": self.address, "gas": quote.gas_limit})
        return self._policy.with_margin(estimate, quote.gas_limit)

    def _submit(self, transaction: TxParams) -> Sending:
        """What does the errand is noted as the errand's; what only prepares it, an approval, is not."""
        errand = self._errand
        does_it = errand is not None and errand.contract in ("", transaction.get("to"))
        return self._broadcaster.submit(
            transaction, errand.key if errand is not None and does_it else call_key(transaction)
        )

    def _strike(self, mined: int) -> None:
        """Strike out what needs no looking after any more: calls up to the nonce that was mined."""
        over = {
            each.nonce
            for each in self._outbox.sendings()
            if each.nonce <= mined and each.key.startswith(CALL)
        }
        if over:
            self._outbox.forget(over)

    # ---- what becomes of it ---------------------------------------------------------------------------

    def _wait(self, sending: Sending) -> TxReceipt:
        """The receipt, once the node has the block that it names."""
        self._broadcaster.wait_for([sending.nonce])
        try:
            with mapped_errors():
                return self._follow(sending)
        except Displaced:
            self._outbox.forget({sending.nonce})
            raise
        except ChainError as error:
            raise uncertain(error, sending) from None
        finally:
            self._broadcaster.let_go([sending.nonce])

    def _follow(self, sending: Sending) -> TxReceipt:
        state, sendings, begun = SendState(self._patience, now=self._clock()), [sending], None
        standstill = Standstill(self._w3, now=self._clock())
        while True:
            receipt = self._broadcaster.receipt(sendings)
            if receipt is not None and self._broadcaster.has_block_of(receipt):
                return receipt
            match state.step(self._clock()):
                case Step.RENEW:
                    begun = begun or self._broadcaster.newest_block()
                    is_used = self._broadcaster.renew(sending.nonce)
                    sendings = self._broadcaster.noted(sending.nonce) or sendings
                    state.note_renewed(self._clock(), is_used=is_used and receipt is None)
                case Step.DISPLACED:
                    raise displaced(sending)
                case Step.GIVE_UP:
                    raise self._given_up(receipt, begun)
            standstill.look(self._clock(), sendings[-1].hash)
            self._sleep(state.pause(self._clock()))

    def _given_up(self, receipt: TxReceipt | None, begun: int | None) -> NodeError:
        if receipt is not None:
            block = f"block {receipt['blockNumber']} ({receipt['blockHash'].to_0x_hex()})"
            return NodeError(f"the node says that it is in {block}, and has no such block")
        seconds = f"{self._patience.receipt:.0f} s"
        if begun is not None and self._broadcaster.newest_block() <= begun:
            return NodeError(f"it is in no block after {seconds}: the network makes none at present")
        return NodeError(f"it is in no block after {seconds}")

    # ---- what an earlier run has done -----------------------------------------------------------------

    def _noted_for(self, errand: Errand) -> list[Sending]:
        return [each for each in self._outbox.sendings() if each.key == errand.key]

    def _resume(self, errand: Errand) -> TxReceipt | None:
        """What came of an errand that was cut off: its receipt, or None where it is still to be done."""
        sendings = self._noted_for(errand)
        if not sendings:
            return None
        newest = sendings[-1]
        with mapped_errors():
            receipt = self._broadcaster.receipt(sendings)
            if receipt is None and not self._broadcaster.is_used(newest.nonce) and self._sent_again(newest):
                receipt = self._wait(newest)
            if receipt is None and self._broadcaster.is_used(newest.nonce):
                receipt = self._look_again(sendings)
        if receipt is None or receipt["status"] != 1:
            self._outbox.forget({newest.nonce})
            return None
        return receipt

    def _look_again(self, sendings: Sequence[Sending]) -> TxReceipt | None:
        """Their nonce is used: by another, unless the part of the node that tells receipts lags behind."""
        deadline = self._clock() + self._patience.second_look
        while (receipt := self._broadcaster.receipt(sendings)) is None and self._clock() < deadline:
            self._sleep(0.05)
        return receipt

    def _sent_again(self, sending: Sending) -> bool:
        """Send the very same bytes; False where the node will not have them and does not know them. Where
        their nonce is free then, what is sent instead takes it, and only one of the two can be mined."""
        with self._outbox.turn():
            self._broadcaster.fill_up_to(sending.nonce)
            try:
                self._broadcaster.broadcast(sending)
            except Web3RPCError as error:
                # Gas has become dearer since: looking after it offers more.
                return refusal_of(words_of(error)) is Refusal.FEE_BELOW_BASE
        return True
