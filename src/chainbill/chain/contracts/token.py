"""``DevUSD``: the devnet's six-decimal dollar."""

from __future__ import annotations

from web3.types import TxReceipt

from chainbill.attestation.patient_intents import Permit, TransferWithAuthorization
from chainbill.attestation.typed_data import Domain
from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.node.mapped_errors import mapped_errors
from chainbill.chain.node.sender import Sender
from chainbill.errors import ChainError

_VERSIONS = ("1", "2", "3")
"""What dollar tokens that were made before ERC-5267 have as the version of their domain: USDC has 2."""


class DevUsd(ContractClient):
    """Amounts are micro-dollars."""

    artifact = "DevUSD"

    def mint(self, sender: Sender, to: str, amount: int) -> TxReceipt:
        """Make new tokens; the governor's."""
        return self._send(sender, "mint", to, amount)

    def approve(self, sender: Sender, spender: str, amount: int) -> TxReceipt:
        """Let ``spender`` pull up to ``amount``."""
        return self._send(sender, "approve", spender, amount)

    def permit(self, sender: Sender, permit: Permit, signature: bytes) -> TxReceipt:
        """Approve as the owner has signed (ERC-2612); anyone's."""
        r, s, v = signature[:32], signature[32:64], signature[64]
        terms = (permit.owner, permit.spender, permit.value, permit.deadline)
        return self._send(sender, "permit", *terms, v, r, s)

    def transfer(self, sender: Sender, to: str, amount: int) -> TxReceipt:
        """Send tokens."""
        return self._send(sender, "transfer", to, amount)

    def transfer_with_authorization(
        self, sender: Sender, authorization: TransferWithAuthorization, signature: bytes
    ) -> TxReceipt:
        """Move tokens as their owner has signed (ERC-3009); anyone's."""
        return self._send(
            sender,
            "transferWithAuthorization",
            authorization.owner,
            authorization.to,
            authorization.value,
            authorization.valid_after,
            authorization.valid_before,
            authorization.nonce,
            signature,
        )

    def balance_of(self, account: str, *, block: int | str = "latest") -> int:
        """Tokens held by an account."""
        return int(self._standing("balanceOf", account, block=block))

    def allowance(self, owner: str, spender: str) -> int:
        """What ``spender`` may still pull."""
        return int(self._call("allowance", owner, spender))

    def decimals(self) -> int:
        """By how many decimals a whole token is divided."""
        return int(self._call("decimals"))

    def nonce_of(self, owner: str) -> int:
        """What the owner's next permit must name."""
        return int(self._call("nonces", owner))

    def is_authorization_used(self, owner: str, nonce: bytes) -> bool:
        """Was this nonce of the owner used or cancelled (ERC-3009)?"""
        return bool(self._call("authorizationState", owner, nonce))

    def domain(self) -> Domain:
        """What permits and authorizations are signed for, as the token itself says (ERC-5267); of one that is
        older than that, by the version whose separator is the token's.

        Raises:
            ChainError: the token has no such signatures, or none of a kind that is known.
        """
        try:
            _, name, version, chain_id, contract, _, _ = self._call("eip712Domain")
        except ChainError:
            return self._domain_by_separator()
        return Domain(chain_id, contract, name=name, version=version)

    def _domain_by_separator(self) -> Domain:
        separator, name = bytes(self._call("DOMAIN_SEPARATOR")), self._call("name")
        with mapped_errors():
            chain_id = self._contract.w3.eth.chain_id
        for version in _VERSIONS:
            domain = Domain(chain_id, self.address, name=name, version=version)
            if domain.separator == separator:
                return domain
        raise ChainError(
            f"the token {self.address} does not say for what its permits are signed",
            hint="deposit without one: chainbill patient fund",
        )
