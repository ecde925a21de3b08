"""What patients do, as ``PatientEscrow`` logs it."""

from __future__ import annotations

from chainbill.chain.format import events
from chainbill.chain.format.events import Event
from chainbill.errors import LedgerError
from chainbill.ledger.accounts import Ledger
from chainbill.ledger.entries import Entry
from chainbill.ledger.patient_terms import Consent


def _patient_deposited(ledger: Ledger, event: events.PatientDeposited, _: int) -> None:
    account = ledger.patients[event.patient]
    account.balance += event.amount
    account.withdrawal.note_deposit(event.amount)
    ledger.escrow_owes += event.amount


def _patient_withdrawal_requested(ledger: Ledger, event: events.PatientWithdrawalRequested, now: int) -> None:
    account = ledger.patients[event.patient]
    account.withdrawal.announce(event.amount, event.available_at, balance=account.balance, now=now)


def _patient_withdrawal_cancelled(ledger: Ledger, event: events.PatientWithdrawalCancelled, _: int) -> None:
    ledger.patients[event.patient].withdrawal.cancel()


def _patient_withdrew(ledger: Ledger, event: events.PatientWithdrew, now: int) -> None:
    account = ledger.patients[event.patient]
    account.withdrawal.take(event.amount, balance=account.balance, now=now)
    account.balance -= event.amount
    ledger.escrow_owes -= event.amount


def _payers_accepted(ledger: Ledger, event: events.PayersAccepted, now: int) -> None:
    payers = (event.payer_id, event.secondary_payer_id)
    for payer_id in filter(None, payers):
        ledger.payer(payer_id)
    account = ledger.patients[event.patient]
    account.catch_up(now)
    account.payers.accept(payers, event.effective_at, now=now)


def _limits_set(ledger: Ledger, event: events.LimitsSet, now: int) -> None:
    account = ledger.patients[event.patient]
    account.catch_up(now)
    account.limits.set((event.per_event_limit, event.per_day_limit), event.effective_at, now=now)


def _consent_granted(ledger: Ledger, event: events.ConsentGranted, now: int) -> None:
    ledger.provider(event.provider_id)
    consent = Consent(event.per_event_limit, event.expires_at, event.self_pay)
    ledger.patients[event.patient].consents[event.provider_id].grant(consent, event.effective_at, now=now)


def _consent_revoked(ledger: Ledger, event: events.ConsentRevoked, now: int) -> None:
    ledger.patients[event.patient].consents[event.provider_id].revoke(event.expires_at, now=now)


def _nonce_used(ledger: Ledger, event: events.NonceUsed, _: int) -> None:
    account = ledger.patients[event.patient]
    if event.nonce != account.nonce + 1:
        raise LedgerError(f"the nonce of {event.patient} rose from {account.nonce} to {event.nonce}")
    account.nonce = event.nonce


ENTRIES: dict[type[Event], Entry] = {
    events.PatientDeposited: _patient_deposited,
    events.PatientWithdrawalRequested: _patient_withdrawal_requested,
    events.PatientWithdrawalCancelled: _patient_withdrawal_cancelled,
    events.PatientWithdrew: _patient_withdrew,
    events.PayersAccepted: _payers_accepted,
    events.LimitsSet: _limits_set,
    events.ConsentGranted: _consent_granted,
    events.ConsentRevoked: _consent_revoked,
    events.NonceUsed: _nonce_used,
}
