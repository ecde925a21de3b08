"""What every change tells of itself."""

from __future__ import annotations

from dataclasses import dataclass

from web3.types import TxReceipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change on the chain that somebody asked for; each operation's result adds what it is about."""

    changed: bool
    """Was a transaction sent for it? Not where it was so already."""
    effective_at: int | None = None
    """Since or from when it holds, in seconds since 1970; None: it has held before."""
    transaction: str | None = None
    """Hash of the transaction that did it, as 0x and 64 hex digits; of what was so already an earlier one,
    where the logs were asked for it, else None."""
    block: int | None = None
    """Number of that transaction's block."""
    resumed: bool = False
    """Had an earlier run, which was cut off, sent the transaction?"""


def transaction_of(receipt: TxReceipt) -> str:
    """The hash of a receipt's transaction, as 0x and 64 hex digits."""
    return receipt["transactionHash"].to_0x_hex()
