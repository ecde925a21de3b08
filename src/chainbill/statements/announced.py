"""What a patient has announced and does not hold yet, a sentence each."""

from __future__ import annotations

from collections.abc import Iterable

from chainbill.money import show_dollars
from chainbill.protocol_constants import DAY_SECONDS, WITHDRAWAL_LIFE_SECONDS
from chainbill.statements.facts import Coming, ComingKind, Names
from chainbill.statements.wording import join_words, known_payer, known_provider, show_date, utc_day

_DAYS_TO_TAKE = WITHDRAWAL_LIFE_SECONDS // DAY_SECONDS


def announced(coming: Iterable[Coming], names: Names) -> list[str]:
    """Each in words, by the time from which it holds."""
    return [_told(each, names) for each in sorted(coming, key=lambda each: each.at)]


def _told(coming: Coming, names: Names) -> str:
    day = show_date(utc_day(coming.at))
    match coming.kind:
        case ComingKind.WITHDRAWAL:
            return (
                f"You can take {show_dollars(coming.amount)} out of your wallet from {day} on, for "
                f"{_DAYS_TO_TAKE} days. Until you do, it can still pay for care."
            )
        case ComingKind.INSURERS:
            return f"From {day} on {_insurers(coming, names)}."
        case ComingKind.LIMITS:
            return f"From {day} on {_limits(coming)}."
        case ComingKind.CONSENT:
            provider = known_provider(coming.provider_id or 0, names)
            until = show_date(utc_day(coming.expires_at))
            return (
                f"From {day} on {provider} may charge you at most {show_dollars(coming.amount)} a service, "
                f"until {until}."
            )


def _insurers(coming: Coming, names: Names) -> str:
    if coming.payer_id is None:
        return "you have no insurer"
    first = known_payer(coming.payer_id, names)
    if coming.secondary_payer_id is None:
        return f"your insurer is {first}"
    return f"your insurer is {first}, and your second insurer {known_payer(coming.secondary_payer_id, names)}"


def _limits(coming: Coming) -> str:
    limits = {"for one service": coming.amount, "on one day": coming.per_day}
    told = [f"{show_dollars(amount)} {what}" for what, amount in limits.items() if amount]
    return f"you can be charged at most {join_words(told)}" if told else "you have no limits of your own"
