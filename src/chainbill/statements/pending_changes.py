"""What a patient has announced and does not hold yet: found in the ledger, and told in a sentence each."""

from __future__ import annotations

from collections.abc import Iterable

from chainbill.ledger.accounts import PatientAccount
from chainbill.money import show_dollars
from chainbill.protocol_constants import DAY_SECONDS, END_OF_TIME, WITHDRAWAL_LIFE_SECONDS
from chainbill.statements.facts import Names, PendingChange, PendingChangeKind
from chainbill.statements.wording import join_words, known_payer, known_provider, show_date, utc_day

_DAYS_TO_TAKE = WITHDRAWAL_LIFE_SECONDS // DAY_SECONDS


def pending_changes(account: PatientAccount, now: int) -> list[PendingChange]:
    """What a patient has announced and does not hold yet."""
    found = []
    if account.withdrawal.available_at > now:
        at, amount = account.withdrawal.available_at, account.withdrawal.amount
        found.append(PendingChange(kind=PendingChangeKind.WITHDRAWAL, at=at, amount=amount))
    if account.payers.next_at > now:
        first, second = account.payers.at(END_OF_TIME)
        found.append(
            PendingChange(
                kind=PendingChangeKind.INSURERS,
                at=account.payers.next_at,
                payer_id=first or None,
                secondary_payer_id=second or None,
            )
        )
    if account.limits.next_at > now:
        per_event, per_day = account.limits.at(END_OF_TIME)
        at = account.limits.next_at
        found.append(PendingChange(kind=PendingChangeKind.LIMITS, at=at, amount=per_event, per_day=per_day))
    for provider_id, consent in account.consents.items():
        if consent.next_at > now:
            found.append(
                PendingChange(
                    kind=PendingChangeKind.CONSENT,
                    at=consent.next_at,
                    amount=consent.next_consent.per_event_limit,
                    provider_id=provider_id,
                    expires_at=consent.next_consent.expires_at,
                )
            )
    return found


def announcements(changes: Iterable[PendingChange], names: Names) -> list[str]:
    """Each in words, by the time from which it holds."""
    return [_told(each, names) for each in sorted(changes, key=lambda each: each.at)]


def _told(change: PendingChange, names: Names) -> str:
    day = show_date(utc_day(change.at))
    match change.kind:
        case PendingChangeKind.WITHDRAWAL:
            return (
                f"You can take {show_dollars(change.amount)} out of your wallet from {day} on, for "
                f"{_DAYS_TO_TAKE} days. Until you do, it can still pay for care."
            )
        case PendingChangeKind.INSURERS:
            return f"From {day} on {_insurers(change, names)}."
        case PendingChangeKind.LIMITS:
            return f"From {day} on {_limits(change)}."
        case PendingChangeKind.CONSENT:
            provider = known_provider(change.provider_id or 0, names)
            until = show_date(utc_day(change.expires_at))
            return (
                f"From {day} on {provider} may charge you at most {show_dollars(change.amount)} a service, "
                f"until {until}."
            )


def _insurers(change: PendingChange, names: Names) -> str:
    if change.payer_id is None:
        return "you have no insurer"
    first = known_payer(change.payer_id, names)
    if change.secondary_payer_id is None:
        return f"your insurer is {first}"
    return f"your insurer is {first}, and your second insurer {known_payer(change.secondary_payer_id, names)}"


def _limits(change: PendingChange) -> str:
    limits = {"for one service": change.amount, "on one day": change.per_day}
    told = [f"{show_dollars(amount)} {what}" for what, amount in limits.items() if amount]
    return f"you can be charged at most {join_words(told)}" if told else "you have no limits of your own"
