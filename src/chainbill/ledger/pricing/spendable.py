"""What a patient may be charged: the twins of ``PatientEscrow._statement`` and ``Spendable.refusal``."""

from __future__ import annotations

from chainbill.billing.outcomes import Reason
from chainbill.ledger.accounts import Ledger, PatientAccount
from chainbill.ledger.patient_terms import ConsentChoice
from chainbill.ledger.pricing.attested_row import AttestedRow


def escrow_reason(ledger: Ledger, row: AttestedRow) -> Reason:
    """Why nothing may be charged to the patient: ``PatientEscrow._statement``."""
    account = ledger.patients.get(row.patient, PatientAccount())
    accepted = account.payers.at(row.signed_at) == row.payers
    if not accepted and row.claim.payer_id:
        return Reason.PAYER_NOT_ACCEPTED
    consent = account.consents.get(row.claim.provider_id, ConsentChoice()).at(row.signed_at)
    if consent.expires_at <= row.signed_at:
        return Reason.NO_CONSENT
    return Reason.NONE if accepted or consent.self_pay else Reason.PAYER_NOT_ACCEPTED


def charge_reason(ledger: Ledger, row: AttestedRow, amount: int) -> Reason:
    """Why ``amount`` may not be charged to the patient: ``Spendable.refusal``."""
    account = ledger.patients.get(row.patient, PatientAccount())
    limit = account.consents.get(row.claim.provider_id, ConsentChoice()).at(row.signed_at).per_event_limit
    per_event = account.limits.at(row.signed_at)[0]
    over_limit = Reason.OVER_CONSENT_LIMIT
    if per_event and per_event < limit:
        limit, over_limit = per_event, Reason.OVER_EVENT_LIMIT
    day_left = account.limits.day_left(row.signed_at, row.block_time)
    if amount > limit:
        return over_limit
    if day_left is not None and amount > day_left:
        return Reason.OVER_DAY_LIMIT
    return Reason.PATIENT_UNFUNDED if amount > account.balance else Reason.NONE
