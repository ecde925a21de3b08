"""``DevUSD``: the devnet's six-decimal dollar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from web3.types import TxReceipt

from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.sender import Sender


@dataclass(frozen=True, slots=True)
class TransferAuthorization:
    """What an owner of tokens signs (ERC-3009): times in seconds since 1970, a nonce of 32 bytes."""

    TYPE: ClassVar[str] = "TransferWithAuthorization"

    owner: str
    to: str
    value: int
    valid_after: int
    valid_before: int
    nonce: bytes

    def to_message(self) -> dict[str, Any]:
        """The EIP-712 message, its fields in the order of the type."""
        return {
            "from": self.owner,
            "to": self.to,
            "value": self.value,
            "validAfter": self.valid_after,
            "validBefore": self.valid_before,
            "nonce": self.nonce,
        }


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

    def transfer_with_authorization(
        self, sender: Sender, authorization: TransferAuthorization, signature: bytes
    ) -> TxReceipt:
        """Move tokens as their owner has signed (ERC-3009); anyone's."""
        return self._send(
            sender, "transferWithAuthorization", *authorization.to_message().values(), signature
        )

    def balance_of(self, account: str, *, block: int | str = "latest") -> int:
        """Tokens held by an account."""
        return int(self._call("balanceOf", account, block=block))

    def allowance(self, owner: str, spender: str) -> int:
        """What ``spender`` may still pull."""
        return int(self._call("allowance", owner, spender))
