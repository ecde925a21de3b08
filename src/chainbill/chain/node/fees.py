"""What an account offers for gas: enough to be mined soon, within what a network's policy allows.

A max fee covers a base fee that doubles before the transaction is mined. Whatever is left over is not paid.
All prices are in wei for a unit of gas.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from web3 import Web3
from web3.exceptions import Web3RPCError
from web3.types import BlockData, RPCEndpoint, TxParams, Wei

from chainbill.errors import ChainError, GasTooDear
from chainbill.protocol_constants import GAS_CAP

GWEI = 10**9

MIN_REPLACEMENT_BPS = 1_000
"""By how much, in hundredths of a per cent, a replacement must offer more: geth's and Avalanche's rule."""

_TIP_SECONDS = 30.0
"""How long a tip that the node has named is kept."""

_MIN_TIP = 1
"""geth takes no transaction that leaves the block's producer nothing."""


@dataclass(frozen=True, slots=True)
class FeePolicy:
    """What a network takes, and what is offered there at most. Prices in wei for a unit of gas.

    Raises:
        ChainError: the numbers contradict each other.
    """

    floor: int = 0
    """No less is ever offered: what the network's nodes demand at least."""
    cap: int = 1_000 * GWEI
    """No more is ever offered, in a replacement either."""
    tip: int | None = None
    """For the block's producer; None: what the node names."""
    replacement_bps: int = 1_250
    """How much more a replacement offers, in hundredths of a per cent."""
    gas_cap: int = GAS_CAP
    """The most gas that one transaction may ask for; the block's limit holds besides."""
    margin_bps: int = 2_500
    """How much more gas is asked for than was estimated, in hundredths of a per cent."""
    total_cap: int = 10**18
    """The most, in wei, that one transaction may cost: geth refuses more than one coin."""

    def __post_init__(self) -> None:
        if not 0 <= self.floor <= self.cap:
            raise ChainError("a fee policy's floor is above its cap, or below zero")
        if self.tip is not None and not _MIN_TIP <= self.tip <= self.cap:
            raise ChainError("a fee policy's tip is above its cap, or zero", hint="the least tip is 1 wei")
        if self.replacement_bps < MIN_REPLACEMENT_BPS:
            raise ChainError(
                f"a replacement must offer at least {MIN_REPLACEMENT_BPS} basis points more: "
                "networks refuse less"
            )
        if self.gas_cap < 21_000 or self.margin_bps < 0 or self.total_cap <= 0:
            raise ChainError("a fee policy's gas cap, margin or total cap is too small for any transaction")

    def gas_limit(self, block: BlockData) -> int:
        """The most gas that a transaction in such a block may ask for."""
        return min(self.gas_cap, int(block.get("gasLimit", self.gas_cap)))

    def with_margin(self, estimate: int, limit: int) -> int:
        """What is asked for where so much gas was estimated and at most ``limit`` may be asked for.

        Raises:
            ChainError: the estimate alone is above that.
        """
        if estimate > limit:
            raise ChainError(
                f"the transaction would take {estimate:,} gas, and one may take {limit:,} on this network",
                hint="do less at once",
            )
        return min(limit, estimate + estimate * self.margin_bps // 10_000)


@dataclass(frozen=True, slots=True)
class Fees:
    """What a transaction offers for a unit of gas, in wei."""

    max_fee: int
    """All in all: of a network without a base fee the gas price."""
    tip: int | None
    """Of it, for the block's producer; None on a network without a base fee (EIP-1559)."""

    @classmethod
    def of(cls, transaction: TxParams) -> Fees:
        """What a transaction offers."""
        if "gasPrice" in transaction:
            return cls(int(transaction["gasPrice"]), None)
        return cls(int(transaction["maxFeePerGas"]), int(transaction["maxPriorityFeePerGas"]))

    def fields(self) -> TxParams:
        """As a transaction has it."""
        if self.tip is None:
            return {"gasPrice": Wei(self.max_fee)}
        return {"maxFeePerGas": Wei(self.max_fee), "maxPriorityFeePerGas": Wei(self.tip)}

    def covers(self, quote: Quote) -> bool:
        """Would the next block take it, as far as can be told?"""
        if self.tip is not None and self.tip < quote.tip:
            return False
        return self.max_fee >= quote.base_fee + quote.tip

    def replacement(self, quote: Quote, policy: FeePolicy) -> Fees | None:
        """What takes its place under the same nonce: what is asked now, and more than this by the step.
        None where that is over the policy's cap."""
        wanted = quote.fees
        max_fee = max(wanted.max_fee, _raised(self.max_fee, policy))
        tip = None if self.tip is None else max(wanted.tip or 0, _raised(self.tip, policy))
        if max_fee > policy.cap or (tip or 0) > policy.cap:
            return None
        return Fees(max(max_fee, tip or 0), tip)


@dataclass(frozen=True, slots=True)
class Quote:
    """What a network asks for a unit of gas now, and what is offered, in wei."""

    base_fee: int
    """What a block takes at least; of a network without a base fee the gas price that the node names."""
    tip: int
    """For the block's producer; 0 on a network without a base fee."""
    fees: Fees
    """What is offered."""
    gas_limit: int
    """The most gas that one transaction may ask for."""
    block: int
    """Number of the newest block."""


class GasPrices:
    """What one network asks for, by the node's word and within its policy."""

    def __init__(self, w3: Web3, policy: FeePolicy, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._w3 = w3
        self._policy = policy
        self._clock = clock
        self._tip: tuple[float, int] | None = None

    def quote(self) -> Quote:
        """What to offer now.

        Raises:
            GasTooDear: the network asks for more than the policy's cap.
            NodeError: no answer.
            Web3Exception: the node refuses to say.
        """
        block = self._w3.eth.get_block("latest")
        policy, base_fee = self._policy, block.get("baseFeePerGas")
        if base_fee is None:
            asked = max(int(self._w3.eth.gas_price), policy.floor)
            self._check_cap(asked)
            return Quote(asked, 0, Fees(asked, None), policy.gas_limit(block), int(block["number"]))
        # Where the base fee is below the floor, as on a network that asks for none, the tip makes it up.
        tip = min(max(self._named_tip(), policy.floor - int(base_fee)), policy.cap)
        self._check_cap(int(base_fee) + tip)
        fees = Fees(min(max(2 * int(base_fee) + tip, policy.floor), policy.cap), tip)
        return Quote(int(base_fee), tip, fees, policy.gas_limit(block), int(block["number"]))

    def check_total(self, cost: int) -> None:
        """Refuse a transaction that could cost more, in wei, than the policy allows.

        Raises:
            GasTooDear: it could.
        """
        if cost > self._policy.total_cap:
            raise GasTooDear(
                f"the transaction could cost {coins(cost)} of the network's coin for gas, more than the "
                f"{coins(self._policy.total_cap)} that this network's fee policy allows",
                hint="try again when gas is cheaper, or allow more",
            )

    def _check_cap(self, asked: int) -> None:
        if asked > self._policy.cap:
            raise GasTooDear(
                f"the network asks for {gwei(asked)} gwei for a unit of gas now, more than the "
                f"{gwei(self._policy.cap)} that its fee policy allows",
                hint="try again when gas is cheaper, or allow more",
            )

    def _named_tip(self) -> int:
        if self._policy.tip is not None:
            return self._policy.tip
        now = self._clock()
        if self._tip is None or now - self._tip[0] > _TIP_SECONDS:
            self._tip = now, max(_MIN_TIP, self._ask_tip())
        return self._tip[1]

    def _ask_tip(self) -> int:
        """What the node names, else the median of what was paid in the newest blocks."""
        with suppress(Web3RPCError):
            return int(self._w3.manager.request_blocking(RPCEndpoint("eth_maxPriorityFeePerGas"), []), 16)
        with suppress(Web3RPCError):
            rewards = self._w3.eth.fee_history(10, "latest", [50]).get("reward", [])
            paid = sorted(int(each[0]) for each in rewards if each)
            return paid[len(paid) // 2] if paid else 0
        return 0


def coins(wei: int) -> str:
    """An amount of a network's gas coin, of 18 decimals, in full: ``0.01``."""
    whole, part = divmod(wei, 10**18)
    return f"{whole:,}" + (f".{part:018d}".rstrip("0") if part else "")


def gwei(wei: int) -> str:
    """A gas price in gwei, in full."""
    whole, part = divmod(wei, GWEI)
    return f"{whole:,}" + (f".{part:09d}".rstrip("0") if part else "")


def _raised(price: int, policy: FeePolicy) -> int:
    """A price and a step, rounded up: a wei less would be refused."""
    return price + max(1, -(-price * policy.replacement_bps // 10_000))
