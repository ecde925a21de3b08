"""``PatientEscrow``: patients' balances, payers, limits and consents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from web3.types import TxReceipt

from chainbill.attestation.patient_intents import EscrowIntent, Permit, ReceiveWithAuthorization
from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.node.sender import Sender


@dataclass(frozen=True, slots=True)
class Payers:
    """Whom a patient accepts as payers; 0: nobody."""

    primary: int
    secondary: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be taken for one event and on one day (UTC), in micro-dollars; 0: no limit."""

    per_event: int
    per_day: int


@dataclass(frozen=True, slots=True)
class Consent:
    """What a provider may charge; times in seconds since 1970, amounts in micro-dollars."""

    per_event_limit: int
    expires_at: int
    self_pay: bool = False
    """May it charge its cash price although the patient has a payer?"""


@dataclass(frozen=True, slots=True)
class WithdrawalRequest:
    """An announced withdrawal; ``available_at`` 0: none."""

    amount: int
    deposited_since: int
    available_at: int


class PatientEscrow(ContractClient):
    """Verbs act for the sender's own account; ``relay`` acts for whoever signed."""

    artifact = "PatientEscrow"

    def deposit(self, sender: Sender, amount: int) -> TxReceipt:
        """Add approved tokens to the balance."""
        return self._send(sender, "deposit", amount)

    def deposit_with_permit(self, sender: Sender, permit: Permit, signature: bytes) -> TxReceipt:
        """Add tokens that the sender permits the escrow to pull (ERC-2612)."""
        r, s, v = signature[:32], signature[32:64], signature[64]
        return self._send(sender, "depositWithPermit", permit.value, permit.deadline, v, r, s)

    def deposit_with_authorization(
        self, sender: Sender, authorization: ReceiveWithAuthorization, signature: bytes
    ) -> TxReceipt:
        """Add tokens that their owner has authorised the escrow to take (ERC-3009) to the owner's balance;
        anyone's."""
        return self._send(sender, "depositWithAuthorization", *_authorized(authorization, signature))

    def authorized_deposit(self, authorization: ReceiveWithAuthorization, signature: bytes) -> bytes:
        """The bytes of that call."""
        return self.calldata("depositWithAuthorization", *_authorized(authorization, signature))

    def request_withdrawal(self, sender: Sender, amount: int) -> TxReceipt:
        """Announce a withdrawal."""
        return self._send(sender, "requestWithdrawal", amount)

    def cancel_withdrawal(self, sender: Sender) -> TxReceipt:
        """Call the announced withdrawal off."""
        return self._send(sender, "cancelWithdrawal")

    def withdraw(self, sender: Sender) -> TxReceipt:
        """Take the announced withdrawal."""
        return self._send(sender, "withdraw")

    def accept_payer(self, sender: Sender, payer_id: int, secondary_payer_id: int = 0) -> TxReceipt:
        """Name the payers that may adjudicate the sender's events."""
        return self._send(sender, "acceptPayer", payer_id, secondary_payer_id)

    def set_limits(self, sender: Sender, limits: Limits) -> TxReceipt:
        """Limit what may be taken from the sender; whole cents."""
        return self._send(sender, "setLimits", limits.per_event, limits.per_day)

    def grant_consent(self, sender: Sender, provider_id: int, consent: Consent) -> TxReceipt:
        """Let a provider charge the sender."""
        return self._send(
            sender,
            "grantConsent",
            provider_id,
            consent.per_event_limit,
            consent.expires_at,
            consent.self_pay,
        )

    def revoke_consent(self, sender: Sender, provider_id: int) -> TxReceipt:
        """Stop a provider from charging the sender, after the notice."""
        return self._send(sender, "revokeConsent", provider_id)

    def use_nonce(self, sender: Sender) -> TxReceipt:
        """Void every signature the sender gave over its present nonce."""
        return self._send(sender, "useNonce")

    def relay(self, sender: Sender, intent: EscrowIntent, signature: bytes) -> TxReceipt:
        """Do what a patient has signed; anyone's."""
        return self._send(sender, intent.twin, *intent.arguments(), signature)

    def balance_of(self, patient: str, *, block: int | str = "latest") -> int:
        """The patient's balance."""
        return int(self._standing("balanceOf", patient, block=block))

    def nonce_of(self, patient: str) -> int:
        """What the patient's next intent must name."""
        return int(self._call("nonceOf", patient))

    def payers_of(self, patient: str, time: int, *, block: int | str = "latest") -> Payers:
        """The patient's payers at ``time``."""
        return Payers(*self._standing("payersOf", patient, time, block=block))

    def limits_of(self, patient: str, time: int, *, block: int | str = "latest") -> Limits:
        """The patient's limits at ``time``."""
        return Limits(*self._standing("limitsOf", patient, time, block=block))

    def spent_today(self, patient: str, *, block: int | str = "latest") -> int:
        """What was taken on the day (UTC) of the block; 0 where the patient has no limit per day."""
        return int(self._standing("spentToday", patient, block=block))

    def consent_of(
        self, patient: str, provider_id: int, time: int, *, block: int | str = "latest"
    ) -> Consent:
        """The consent in force at ``time``; ``expires_at`` 0: none."""
        return Consent(*self._standing("consentOf", patient, provider_id, time, block=block))

    def withdrawal_of(self, patient: str, *, block: int | str = "latest") -> WithdrawalRequest:
        """The announced withdrawal."""
        return WithdrawalRequest(*self._standing("withdrawalOf", patient, block=block))


def _authorized(authorization: ReceiveWithAuthorization, signature: bytes) -> tuple[Any, ...]:
    return (
        authorization.owner,
        authorization.value,
        authorization.valid_after,
        authorization.valid_before,
        authorization.nonce,
        signature,
    )
