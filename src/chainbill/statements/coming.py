"""From the ledger to what a patient has announced."""

from __future__ import annotations

from chainbill.ledger.accounts import PatientAccount
from chainbill.protocol_constants import END_OF_TIME
from chainbill.statements.facts import Coming, ComingKind


def coming(account: PatientAccount, now: int) -> list[Coming]:
    """What a patient has announced and does not hold yet."""
    found = []
    if account.withdrawal.available_at > now:
        at, amount = account.withdrawal.available_at, account.withdrawal.amount
        found.append(Coming(kind=ComingKind.WITHDRAWAL, at=at, amount=amount))
    if account.payers.next_at > now:
        first, second = account.payers.at(END_OF_TIME)
        found.append(
            Coming(
                kind=ComingKind.INSURERS,
                at=account.payers.next_at,
                payer_id=first or None,
                secondary_payer_id=second or None,
            )
        )
    if account.limits.next_at > now:
        per_event, per_day = account.limits.at(END_OF_TIME)
        at = account.limits.next_at
        found.append(Coming(kind=ComingKind.LIMITS, at=at, amount=per_event, per_day=per_day))
    for provider_id, consent in account.consents.items():
        if consent.next_at > now:
            found.append(
                Coming(
                    kind=ComingKind.CONSENT,
                    at=consent.next_at,
                    amount=consent.next_consent.per_event_limit,
                    provider_id=provider_id,
                    expires_at=consent.next_consent.expires_at,
                )
            )
    return found
