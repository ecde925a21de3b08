"""``DevUSD``: the devnet's six-decimal dollar."""

from __future__ import annotations

from web3.types import TxReceipt

from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.sender import Sender


class DevUsd(ContractClient):
    """Amounts are micro-dollars."""

    artifact = "DevUSD"

    def mint(self, sender: Sender, to: str, amount: int) -> TxReceipt:
        """Make new tokens; the governor's."""
        return self._send(sender, "mint", to, amount)

    def approve(self, sender: Sender, spender: str, amount: int) -> TxReceipt:
        """Let ``spender`` pull up to ``amount``."""
        return self._send(sender, "approve", spender, amount)

    def transfer(self, sender: Sender, to: str, amount: int) -> TxReceipt:
        """Send tokens."""
        return self._send(sender, "transfer", to, amount)

    def balance_of(self, account: str, *, block: int | str = "latest") -> int:
        """Tokens held by an account."""
        return int(self._call("balanceOf", account, block=block))

    def allowance(self, owner: str, spender: str) -> int:
        """What ``spender`` may still pull."""
        return int(self._call("allowance", owner, spender))
