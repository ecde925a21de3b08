"""``PatientEscrow``: patients' balances, payers and consents."""

from __future__ import annotations

from dataclasses import dataclass

from web3.types import TxReceipt

from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.sender import Sender


@dataclass(frozen=True, slots=True)
class Consent:
    """What a provider may charge; times in seconds since 1970, amounts in micro-dollars."""

    per_event_limit: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class WithdrawalRequest:
    """An announced withdrawal; ``available_at`` 0: none."""

    amount: int
    deposited_since: int
    available_at: int


class PatientEscrow(ContractClient):
    """Verbs act for the sender's own account."""

    artifact = "PatientEscrow"

    def deposit(self, sender: Sender, amount: int) -> TxReceipt:
        """Add approved tokens to the balance."""
        return self._send(sender, "deposit", amount)

    def request_withdrawal(self, sender: Sender, amount: int) -> TxReceipt:
        """Announce a withdrawal."""
        return self._send(sender, "requestWithdrawal", amount)

    def withdraw(self, sender: Sender) -> TxReceipt:
        """Take the announced withdrawal."""
        return self._send(sender, "withdraw")

    def accept_payer(self, sender: Sender, payer_id: int) -> TxReceipt:
        """Name the payer that may adjudicate the sender's events."""
        return self._send(sender, "acceptPayer", payer_id)

    def grant_consent(self, sender: Sender, provider_id: int, consent: Consent) -> TxReceipt:
        """Let a provider charge the sender."""
        return self._send(sender, "grantConsent", provider_id, consent.per_event_limit, consent.expires_at)

    def revoke_consent(self, sender: Sender, provider_id: int) -> TxReceipt:
        """Stop a provider from charging the sender, after the notice."""
        return self._send(sender, "revokeConsent", provider_id)

    def balance_of(self, patient: str, *, block: int | str = "latest") -> int:
        """The patient's balance."""
        return int(self._call("balanceOf", patient, block=block))

    def payer_of(self, patient: str, time: int, *, block: int | str = "latest") -> int:
        """The patient's payer id at ``time``; 0: none."""
        return int(self._call("payerOf", patient, time, block=block))

    def consent_of(
        self, patient: str, provider_id: int, time: int, *, block: int | str = "latest"
    ) -> Consent:
        """The consent in force at ``time``; ``expires_at`` 0: none."""
        return Consent(*self._call("consentOf", patient, provider_id, time, block=block))

    def withdrawal_of(self, patient: str) -> WithdrawalRequest:
        """The announced withdrawal."""
        return WithdrawalRequest(*self._call("withdrawalOf", patient))
