"""What an account holds of a network's gas coin, how long it lasts, and how much is to be sent to it."""

from __future__ import annotations

from dataclasses import dataclass

from web3 import Web3

from chainbill.chain.node.fees import FeePolicy, GasPrices, coins
from chainbill.chain.node.mapped_errors import mapped_errors
from chainbill.errors import NeedsGas

ORDINARY_GAS = 1_000_000
"""What an ordinary transaction takes at most; only a batch of many events takes more."""

ENOUGH_TRANSACTIONS = 20
"""For so many ordinary transactions an account should hold gas."""


@dataclass(frozen=True, slots=True)
class GasBalance:
    """An account's gas coin, in wei."""

    address: str
    """Checksummed."""
    balance: int
    transaction_cost: int
    """What an ordinary transaction may cost at the present price, at most."""

    @property
    def transactions_left(self) -> int:
        """How many ordinary transactions it pays for."""
        return self.balance // self.transaction_cost

    @property
    def is_low(self) -> bool:
        """Is it time to send some?"""
        return self.transactions_left < ENOUGH_TRANSACTIONS

    @property
    def missing(self) -> int:
        """What to send, in wei, so that it is not low, or 0."""
        return rounded_up(max(0, ENOUGH_TRANSACTIONS * self.transaction_cost - self.balance))

    @property
    def alarm(self) -> str | None:
        """What to say where it is low."""
        return needs_gas_text(self.address, self.missing) if self.is_low else None


def gas_balance(w3: Web3, address: str, policy: FeePolicy) -> GasBalance:
    """An account's gas coin.

    Raises:
        ChainError: the node could not be reached or refused, or gas is dearer than the policy allows.
    """
    account = Web3.to_checksum_address(address)
    with mapped_errors():
        price = GasPrices(w3, policy).quote().fees.max_fee
        return GasBalance(account, int(w3.eth.get_balance(account)), max(1, price * ORDINARY_GAS))


def needs_gas(address: str, *, balance: int, cost: int) -> NeedsGas:
    """The error of an account that holds ``balance`` for a transaction that may cost ``cost``, in wei."""
    missing = rounded_up(max(1, cost - balance))
    return NeedsGas(
        f"the account that sends {needs_gas_text(address, missing)}",
        address=address,
        missing=missing,
        hint=f"it holds {coins(balance)} of the network's gas coin, and this may cost {coins(cost)}; "
        "a patient can also sign, and anybody send it: chainbill patient sign --help",
    )


def needs_gas_text(address: str, missing: int) -> str:
    """What to send whereto."""
    return f"needs gas: send {coins(missing)} to {address}"


def rounded_up(wei: int) -> int:
    """To two digits: nobody types eighteen."""
    unit = int(10 ** max(0, len(str(wei)) - 2))
    return -(-wei // unit) * unit
