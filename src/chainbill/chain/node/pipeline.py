"""Many transactions of one account, one upon another: consecutive nonces, and no wait for each receipt.

What fails stops nothing else: a call that its contract refuses beforehand takes no nonce, one that reverts in
its block is named, and so is every one that was not sent because the account ran out of gas money or the node
stopped answering.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import TransactionNotFound
from web3.types import Nonce, TxParams, TxReceipt

from chainbill.chain.node.answer import error_message
from chainbill.chain.node.broadcaster import Broadcaster, displaced, most_it_costs, uncertain
from chainbill.chain.node.gas_balance import needs_gas
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.chain.node.mapped_errors import mapped_errors, refused_call
from chainbill.chain.node.outbox import Sending
from chainbill.chain.node.refusals import Refusal, refusal_of
from chainbill.chain.node.send_state import Patience, SendState, Step
from chainbill.chain.node.signed import call_key
from chainbill.chain.node.standstill import Standstill
from chainbill.errors import ChainError, GasTooDear, NodeError, PartlySent

WINDOW = 256
"""Transactions of one account that wait at once: nodes keep a few thousand of all accounts together."""

AT_ONCE = 64
"""Transactions broadcast in one request."""

_PASSING = frozenset(
    {Refusal.ALREADY_KNOWN, Refusal.POOL_FULL, Refusal.FEE_BELOW_BASE, Refusal.NONCE_TOO_HIGH}
)
"""Refusals after which the very same nonce is looked after, as if it were lost."""


@dataclass(slots=True)
class _Flight:
    """A transaction that was sent."""

    place: int
    transaction: TxParams
    sendings: list[Sending]


@dataclass(slots=True)
class Pipeline:
    """Sends what it is given, once."""

    w3: Web3
    node: JsonRpc
    broadcaster: Broadcaster
    patience: Patience
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    window: int = WINDOW
    on_mined: Callable[[int], None] = lambda _: None
    """Hears how many are done."""

    _queue: deque[tuple[int, TxParams]] = field(default_factory=deque)
    _flights: dict[int, _Flight] = field(default_factory=dict)
    """By nonce, ascending."""
    _receipts: dict[int, TxReceipt] = field(default_factory=dict)
    _failures: dict[int, ChainError] = field(default_factory=dict)

    def run(self, transactions: Sequence[TxParams], *, gas: int | None) -> list[TxReceipt]:
        """The receipts, in the order of the transactions, which have no gas, price or nonce yet.

        Args:
            gas: for each; None: estimated, upon what was mined by then. What needs another of them to be
                mined before it must be given its gas.

        Raises:
            PartlySent: some were refused, reverted or not sent.
        """
        self._queue.extend(enumerate(transactions))
        state = SendState(self.patience, now=self.clock())
        standstill = Standstill(self.w3, now=self.clock())
        try:
            while self._queue or self._flights:
                try:
                    with mapped_errors():
                        self._fill(gas)
                        moved = self._collect()
                        self._look_after(state, moved)
                except NodeError as error:
                    # What was sent is on its way all the same: the node is asked again.
                    if state.step(self.clock()) is Step.GIVE_UP:
                        self._give_up(error)
                except GasTooDear as error:
                    self._fail_queue(error)
                except ChainError as error:
                    self._give_up(error)
                if self._flights:
                    first = next(iter(self._flights.values()))
                    standstill.look(self.clock(), first.sendings[-1].hash)
                if self._flights or self._queue:
                    self.sleep(state.pause(self.clock()))
        finally:
            self.broadcaster.let_go(self._flights)
        return self._results(len(transactions))

    # ---- sending --------------------------------------------------------------------------------------

    def _fill(self, gas: int | None) -> None:
        while self._queue and len(self._flights) < self.window:
            quote = self.broadcaster.prices.quote()
            room = min(AT_ONCE, self.window - len(self._flights))
            chunk = dict(islice(self._queue, room))
            gases = self._estimates(chunk, quote.gas_limit) if gas is None else dict.fromkeys(chunk, gas)
            priced: dict[int, TxParams] = {
                place: {**chunk[place], "gas": asked, **quote.fees.fields()} for place, asked in gases.items()
            }
            paid_for = self._affordable(priced)
            for _ in range(room):
                if not self._queue or (self._queue[0][0] in priced and self._queue[0][0] not in paid_for):
                    break
                self._queue.popleft()
            self._launch(paid_for)
            if len(paid_for) < len(priced):
                break

    def _estimates(self, chunk: Mapping[int, TxParams], limit: int) -> dict[int, int]:
        """Gas for each; what its contract refuses is a failure, and none of these."""
        sender = self.broadcaster.account.address
        asked: list[tuple[str, list[object]]] = [
            (
                "eth_estimateGas",
                [
                    {
                        "from": sender,
                        "gas": hex(limit),
                        **({"to": transaction["to"]} if "to" in transaction else {}),
                        "data": HexBytes(transaction["data"]).to_0x_hex(),
                    }
                ],
            )
            for transaction in chunk.values()
        ]
        gases: dict[int, int] = {}
        for place, answer in zip(chunk, self.node.answers(asked), strict=True):
            if answer.get("error") is not None:
                self._failures[place] = refused_call(answer["error"])
                continue
            try:
                gases[place] = self.broadcaster.policy.with_margin(int(answer["result"], 16), limit)
            except ChainError as error:
                self._failures[place] = error
        return gases

    def _affordable(self, priced: Mapping[int, TxParams]) -> dict[int, TxParams]:
        """As many as the account can pay for beside those that wait. Where it cannot pay for one, and none
        waits, all that are left are failures."""
        balance = int(self.w3.eth.get_balance(self.broadcaster.account.address))
        left = balance - sum(most_it_costs(each.transaction) for each in self._flights.values())
        paid_for: dict[int, TxParams] = {}
        for place, transaction in priced.items():
            cost = most_it_costs(transaction)
            self.broadcaster.prices.check_total(cost)
            if cost > left:
                if not paid_for and not self._flights:
                    self._fail_queue(
                        needs_gas(
                            self.broadcaster.account.address, balance=balance, cost=cost * len(self._queue)
                        )
                    )
                break
            left -= cost
            paid_for[place] = transaction
        return paid_for

    def _launch(self, transactions: Mapping[int, TxParams]) -> None:
        """Sign, note and broadcast under consecutive nonces."""
        if not transactions:
            return
        with self.broadcaster.outbox.turn():
            first = self.broadcaster.next_nonce()
            flights = []
            for nonce, (place, unsigned) in enumerate(transactions.items(), first):
                transaction: TxParams = {**unsigned, "nonce": Nonce(nonce)}
                sending = self.broadcaster.sign(transaction, call_key(transaction))
                flights.append(_Flight(place, transaction, [sending]))
            sendings = [flight.sendings[0] for flight in flights]
            self.broadcaster.outbox.note(*sendings)
            self._flights |= {flight.sendings[0].nonce: flight for flight in flights}
            self.broadcaster.wait_for(each.nonce for each in sendings)
            told = self.node.answers(
                [("eth_sendRawTransaction", ["0x" + each.raw.hex()]) for each in sendings], sends=True
            )
        for flight, answer in zip(flights, told, strict=True):
            if answer.get("error") is None:
                continue
            message = error_message(answer)
            if refusal_of(message) not in _PASSING:
                self._stop(flight, self.broadcaster.refusal(message, flight.transaction))
                return

    # ---- what becomes of them -------------------------------------------------------------------------

    def _collect(self) -> bool:
        """Take the receipts of those whose nonces are used; was there one?"""
        if not self._flights:
            return False
        address = self.broadcaster.account.address
        used = self.w3.eth.get_transaction_count(address, "latest")
        over = [nonce for nonce in self._flights if nonce < used]
        receipts = self._receipts_of(over)
        for nonce, receipt in receipts.items():
            flight = self._flights.pop(nonce)
            if receipt["status"] == 1:
                self._receipts[flight.place] = receipt
            else:
                self._failures[flight.place] = self.broadcaster.explain(flight.transaction, receipt)
        if receipts:
            self.broadcaster.outbox.forget(receipts.keys())
            self.broadcaster.let_go(receipts)
            self.on_mined(len(self._receipts))
        return bool(receipts)

    def _receipts_of(self, nonces: Sequence[int]) -> dict[int, TxReceipt]:
        """Those that there are, of blocks that the node has."""
        found: dict[int, TxReceipt] = {}
        for nonce, receipt in zip(nonces, self._newest_receipts(nonces), strict=True):
            receipt = receipt or self.broadcaster.receipt(self._flights[nonce].sendings)
            if receipt is not None:
                found[nonce] = receipt
        blocks = {receipt["blockHash"]: receipt for receipt in found.values()}
        gone = {digest for digest, receipt in blocks.items() if not self.broadcaster.has_block_of(receipt)}
        return {nonce: receipt for nonce, receipt in found.items() if receipt["blockHash"] not in gone}

    def _newest_receipts(self, nonces: Sequence[int]) -> Sequence[TxReceipt | None]:
        """In one request, where all were mined as they were sent last."""
        if not nonces:
            return []
        try:
            with self.w3.batch_requests() as batch:
                for nonce in nonces:
                    newest = HexBytes(self._flights[nonce].sendings[-1].hash)
                    batch.add(self.w3.eth.get_transaction_receipt(newest))
                return batch.execute()  # type: ignore[return-value] # the receipts' own formatters are applied
        except TransactionNotFound:
            return [None] * len(nonces)

    def _look_after(self, state: SendState, moved: bool) -> None:
        now = self.clock()
        if moved or not self._flights:
            state.note_progress(now)
            return
        first, last = next(iter(self._flights)), next(reversed(self._flights))
        match state.step(now):
            case Step.RENEW:
                self.broadcaster.renew(last)
                for nonce, flight in self._flights.items():
                    flight.sendings = self.broadcaster.noted(nonce) or flight.sendings
                state.note_renewed(self.clock(), is_used=self.broadcaster.is_used(first))
            case Step.DISPLACED:
                flight = self._flights.pop(first)
                self.broadcaster.outbox.forget({first})
                self.broadcaster.let_go([first])
                self._failures[flight.place] = displaced(flight.sendings[-1])
                state.note_progress(now)
            case Step.GIVE_UP:
                self._give_up(NodeError(f"it is in no block after {self.patience.receipt:.0f} s"))

    # ---- what failed ----------------------------------------------------------------------------------

    def _stop(self, refused: _Flight, error: ChainError) -> None:
        """The node will not have one, so none behind it can be mined; those before it are waited for."""
        nonce = refused.sendings[0].nonce
        behind = [each for each in self._flights if each >= nonce]
        for each in behind:
            flight = self._flights.pop(each)
            self._failures[flight.place] = error if each == nonce else uncertain(error, flight.sendings[-1])
        self.broadcaster.outbox.forget({nonce})
        self.broadcaster.let_go(behind)
        self._fail_queue(error)

    def _give_up(self, error: ChainError) -> None:
        for flight in self._flights.values():
            self._failures[flight.place] = uncertain(error, flight.sendings[-1])
        self.broadcaster.let_go(self._flights)
        self._flights.clear()
        self._fail_queue(error)

    def _fail_queue(self, error: ChainError) -> None:
        self._failures |= {place: error for place, _ in self._queue}
        self._queue.clear()

    def _results(self, count: int) -> list[TxReceipt]:
        if self._failures:
            first = min(self._failures)
            raise PartlySent(
                f"{len(self._failures):,} of {count:,} transactions failed; the first, number {first + 1:,}: "
                f"{self._failures[first]}",
                failures=dict(sorted(self._failures.items())),
                receipts=dict(sorted(self._receipts.items())),
                hint=self._failures[first].hint,
            )
        return [self._receipts[place] for place in range(count)]
