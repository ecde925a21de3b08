"""One account's transactions on one chain: signed, noted, broadcast and looked after until one is mined.

Before anything is broadcast, what it is stands in the outbox. A transaction that the network has become too
dear for waits for ever, and with it all that follow; another with the same nonce and a better offer takes its
place, and whichever of them is mined counts. One that a node has lost is sent again, the very same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from eth_account.signers.local import LocalAccount
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import BlockNotFound, TransactionNotFound, Web3RPCError
from web3.types import Nonce, TxParams, TxReceipt, Wei

from chainbill.chain.node.fees import FeePolicy, Fees, GasPrices, Quote
from chainbill.chain.node.gas_balance import needs_gas
from chainbill.chain.node.mapped_errors import mapped_errors, words_of
from chainbill.chain.node.outbox import CALL, Outbox, Sending
from chainbill.chain.node.refusals import Refusal, refusal_of, refused
from chainbill.chain.node.signed import call_key, read_signed, sign
from chainbill.errors import ChainError, Displaced, GasTooDear, NodeError, UnknownBlock

_ATTEMPTS = 5
"""How often a transaction is signed anew because its nonce was just used, or gas has just become dearer."""

_PLAIN_GAS = 21_000
"""What a transaction takes that does nothing."""


class Broadcaster:
    """What ``Sender`` and ``Pipeline`` share. All its methods raise NodeError where the node gives no usable
    answer, and web3's own errors where it refuses."""

    def __init__(
        self,
        w3: Web3,
        account: LocalAccount,
        *,
        outbox: Outbox,
        policy: FeePolicy,
        clock: Callable[[], float],
    ) -> None:
        self.account = account
        self.outbox = outbox
        self.policy = policy
        self.prices = GasPrices(w3, policy, clock=clock)
        self.chain_id = w3.eth.chain_id
        self._w3 = w3
        self._waited_for: set[int] = set()

    # ---- sending --------------------------------------------------------------------------------------

    def submit(self, transaction: TxParams, key: str) -> Sending:
        """Sign a transaction under the next nonce, note it, and broadcast it; to be called in the outbox's
        turn. The very same call, left by a run that was cut off or gave up, is taken up instead.

        Raises:
            NeedsGas: the account cannot pay for it.
            ChainError: the node refused it; it is not noted then.
        """
        left = self._left(key)
        if left is not None and self._takes_again(left):
            return left
        fees = Fees.of(transaction)
        for _ in range(_ATTEMPTS - 1):
            sending = self.sign({**transaction, **fees.fields(), "nonce": Nonce(self.next_nonce())}, key)
            self.outbox.note(sending)
            try:
                self.broadcast(sending)
            except Web3RPCError as error:
                self.outbox.forget({sending.nonce})
                fees = self._after(error, sending, fees)
            else:
                return sending
        raise ChainError(
            "the network takes the transaction at no price that was offered, or under no nonce",
            hint="it was not sent: try again in a while",
        )

    def sign(self, transaction: TxParams, key: str) -> Sending:
        """A transaction, signed."""
        return sign(self.account, transaction, key)

    def next_nonce(self) -> int:
        """The nonce after those of all transactions that the node knows, and of those that are waited for."""
        known = self._w3.eth.get_transaction_count(self.account.address, "pending")
        return max(known, *(nonce + 1 for nonce in self._waited_for), 0)

    def broadcast(self, sending: Sending) -> None:
        """Send signed bytes. A node that has them already may refuse them.

        Raises:
            NodeError: it gives no usable answer, and may have them.
            Web3RPCError: it refuses, and does not have them.
        """
        try:
            self._w3.eth.send_raw_transaction(HexBytes(sending.raw))
        except Web3RPCError:
            if not self.is_known(sending):
                raise
        except NodeError as error:
            raise uncertain(error, sending) from None

    def fill_up_to(self, nonce: int) -> None:
        """Use the nonces before one with transactions that do nothing. They are free again where the chain,
        or the node's memory, has lost what used them; left free, what is noted could be mined at any later
        time, after what is sent instead of it."""
        while (free := self._w3.eth.get_transaction_count(self.account.address, "pending")) < nonce:
            nothing: TxParams = {
                "chainId": self.chain_id,
                "nonce": free,
                "gas": _PLAIN_GAS,
                "to": self.account.address,
                "value": Wei(0),
                "data": HexBytes(b""),
                **self.prices.quote().fees.fields(),
            }
            filler = self.sign(nothing, call_key(nothing))
            self.outbox.note(filler)
            self.broadcast(filler)

    def refusal(self, message: str, transaction: TxParams) -> ChainError:
        """The error of a transaction that the node refused with these words."""
        if refusal_of(message) is not Refusal.INSUFFICIENT_FUNDS:
            return refused(message)
        balance = int(self._w3.eth.get_balance(self.account.address))
        return needs_gas(self.account.address, balance=balance, cost=most_it_costs(transaction))

    def _after(self, error: Web3RPCError, sending: Sending, fees: Fees) -> Fees:
        """What to offer after a refusal, where another attempt may help."""
        words = words_of(error)
        match refusal_of(words):
            case Refusal.NONCE_TOO_LOW:
                return fees
            case Refusal.FEE_BELOW_BASE if better := fees.replacement(self.prices.quote(), self.policy):
                return better
        raise self.refusal(words, read_signed(sending.raw, self.chain_id)) from None

    def _takes_again(self, left: Sending) -> bool:
        """Send what was left, the very same bytes. Where gas has become dearer since, ``renew`` offers more;
        refused for another reason, it is struck out."""
        try:
            self.broadcast(left)
        except Web3RPCError as error:
            if refusal_of(words_of(error)) is not Refusal.FEE_BELOW_BASE:
                self.outbox.forget({left.nonce})
                return False
        return True

    def _left(self, key: str) -> Sending | None:
        """The newest transaction of the account, where it is this very call, nobody waits for it, and it can
        be mined."""
        noted = self.outbox.sendings()
        if not key.startswith(CALL) or not noted:
            return None
        newest = max(noted, key=lambda each: each.nonce)
        newest = self.noted(newest.nonce)[-1]
        if newest.key != key or not newest.is_left or newest.nonce in self._waited_for:
            return None
        known = self._w3.eth.get_transaction_count(self.account.address, "pending")
        return newest if newest.nonce <= known and not self.is_used(newest.nonce) else None

    # ---- what became of it ----------------------------------------------------------------------------

    def wait_for(self, nonces: Iterable[int]) -> None:
        """Nobody else in this process takes these up from now on, or gives them to another transaction."""
        self._waited_for.update(nonces)

    def let_go(self, nonces: Iterable[int]) -> None:
        """They are waited for no longer."""
        self._waited_for.difference_update(nonces)

    def noted(self, nonce: int) -> list[Sending]:
        """All that was noted under a nonce, the newest last."""
        return [each for each in self.outbox.sendings() if each.nonce == nonce]

    def is_used(self, nonce: int) -> bool:
        """Does the chain have a transaction of this nonce?"""
        return self._w3.eth.get_transaction_count(self.account.address, "latest") > nonce

    def is_known(self, sending: Sending) -> bool:
        """Does the node have it, in a block or waiting?"""
        with suppress(TransactionNotFound):
            self._w3.eth.get_transaction(HexBytes(sending.hash))
            return True
        return False

    def receipt(self, sendings: Sequence[Sending]) -> TxReceipt | None:
        """The receipt of whichever of these was mined.

        Raises:
            NodeError: the node tells of another transaction.
        """
        for sending in reversed(sendings):
            with suppress(TransactionNotFound):
                receipt = self._w3.eth.get_transaction_receipt(HexBytes(sending.hash))
                if bytes(receipt["transactionHash"]) != sending.hash:
                    raise NodeError(
                        f"the node tells of another transaction than 0x{sending.hash.hex()}",
                        hint="use another node: `rpc_url=URL`",
                    )
                return receipt
        return None

    def has_block_of(self, receipt: TxReceipt) -> bool:
        """Does the node that answers now have the block that the receipt names, or another in its place?"""
        with suppress(BlockNotFound, UnknownBlock):
            return self._w3.eth.get_block(receipt["blockNumber"])["hash"] == receipt["blockHash"]
        return False

    def newest_block(self) -> int:
        """The number of the newest block."""
        return int(self._w3.eth.block_number)

    def explain(self, transaction: TxParams, receipt: TxReceipt) -> ChainError:
        """A mined revert carries no reason: run it again on the state before its block, and, where what
        stood before it in the block made it fail, on the state after."""
        replay: TxParams = {
            "from": self.account.address,
            "data": transaction["data"],
            "gas": transaction["gas"],
        }
        if "to" in transaction:
            replay["to"] = transaction["to"]
        try:
            for block in (receipt["blockNumber"] - 1, receipt["blockNumber"]):
                with mapped_errors():
                    self._w3.eth.call(replay, block)
        except ChainError as error:
            return error
        return ChainError(f"transaction {receipt['transactionHash'].to_0x_hex()} reverted")

    # ---- looking after it -----------------------------------------------------------------------------

    def renew(self, nonce: int) -> bool:
        """Look after everything that waits up to a nonce: the first of them holds up the others. Returns
        whether the nonce is used already.

        Raises:
            NeedsGas: the account cannot pay for what must be offered now.
        """
        with self.outbox.turn():
            used = self._w3.eth.get_transaction_count(self.account.address, "latest")
            waiting = {each.nonce: each for each in self.outbox.sendings() if used <= each.nonce <= nonce}
            quote = self._quote() if waiting else None
            for each in sorted(waiting):
                self._renew(waiting[each], quote)
        return used > nonce

    def _quote(self) -> Quote | None:
        """What to offer now; None where that is more than the policy allows."""
        with suppress(GasTooDear):
            return self.prices.quote()
        return None

    def _renew(self, sending: Sending, quote: Quote | None) -> None:
        transaction = read_signed(sending.raw, self.chain_id)
        fees: Fees | None = Fees.of(transaction)
        if fees is None or quote is None or fees.covers(quote):
            if not self.is_known(sending):
                with suppress(Web3RPCError):
                    self.broadcast(sending)
            return
        # Each time more is offered: what the node has may be one of which nobody knows.
        for _ in range(_ATTEMPTS):
            fees = fees.replacement(quote, self.policy)
            if fees is None or not self._is_too_cheap({**transaction, **fees.fields()}, sending.key):
                return

    def _is_too_cheap(self, transaction: TxParams, key: str) -> bool:
        """Offer a replacement; True where the node wants more for it."""
        replacement = self.sign(transaction, key)
        self.outbox.note(replacement)
        try:
            self.broadcast(replacement)
        except Web3RPCError as error:
            refusal = refusal_of(words_of(error))
            if refusal is Refusal.INSUFFICIENT_FUNDS:
                raise self.refusal(words_of(error), transaction) from None
            return refusal in (Refusal.REPLACEMENT_TOO_CHEAP, Refusal.FEE_BELOW_BASE)
        return False


def most_it_costs(transaction: TxParams) -> int:
    """What a transaction costs at most, in wei: what the account must hold."""
    return transaction["gas"] * Fees.of(transaction).max_fee + int(transaction.get("value", 0))


def displaced(sending: Sending) -> Displaced:
    """The error of a transaction whose nonce another one has used."""
    return Displaced(
        f"transaction 0x{sending.hash.hex()} was sent, and can never be mined: another one of its account "
        f"has taken its nonce, {sending.nonce}",
        hint="run the command again; let no two programs send from one account at once",
    )


def uncertain(error: ChainError, sending: Sending) -> NodeError:
    """An error after a transaction was sent: what it is, and how to find out what came of it."""
    known = "run the same command again: it looks for this transaction first, and pays once"
    harmless = "look it up, or run the command again: what is done already is refused"
    return NodeError(
        f"transaction 0x{sending.hash.hex()} was sent, and may be mined: {error}",
        hint=harmless if sending.key.startswith(CALL) else known,
    )
