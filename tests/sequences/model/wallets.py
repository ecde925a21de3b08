"""Patients: their money, whom they accept, what they allow."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from tests.sequences.model.timeline import DAY, MAX_BATCH_LIFE, NOTICE, Refused, Timeline

CENT = 10_000
WITHDRAWAL_LIFE = 7 * DAY


class Consent(NamedTuple):
    """What a patient allows one provider; ends at 0: never given."""

    limit: int = 0
    ends: int = 0
    self_pay: bool = False

    def covers(self, other: Consent) -> bool:
        """Does it allow all that another allows?"""
        return self.limit >= other.limit and self.ends >= other.ends and (self.self_pay or not other.self_pay)


class Limits(NamedTuple):
    """The most for one event and for one day; 0: none."""

    event: int = 0
    day: int = 0

    def cover(self, other: Limits) -> bool:
        """Are they as high as others?"""
        return all(
            mine == 0 or (theirs != 0 and mine >= theirs) for mine, theirs in zip(self, other, strict=True)
        )


@dataclass
class Request:
    """A withdrawal that was announced. `older` is money held then and not spent since."""

    amount: int
    older: int
    deposited: int
    available_at: int


class Pot:
    """Money that leaves only on notice: a patient's balance or an insurer's pool."""

    def __init__(self) -> None:
        self.balance = 0
        self.request: Request | None = None

    def add(self, amount: int) -> None:
        """A deposit or a refund: no earlier request reaches it."""
        self.balance += amount
        if self.request is not None:
            self.request.deposited += amount

    def spend(self, amount: int) -> None:
        """A settlement takes older money first."""
        self.balance -= amount
        if self.request is not None:
            self.request.older = max(0, self.request.older - amount)

    def ask(self, amount: int, now: int) -> None:
        """Announce a withdrawal."""
        if amount == 0:
            raise Refused("NothingToWithdraw")
        if amount > self.balance:
            raise Refused("AmountOverBalance")
        self.request = Request(amount, self.balance, 0, now + NOTICE)

    def cancel(self) -> None:
        """Call it off."""
        if self.request is None:
            raise Refused("NoWithdrawalRequested")
        self.request = None

    def due(self, now: int) -> int:
        """What may be taken now of the request."""
        if self.request is None:
            raise Refused("NoWithdrawalRequested")
        if now < self.request.available_at:
            raise Refused("WithdrawalNotAvailable")
        if now >= self.request.available_at + WITHDRAWAL_LIFE:
            raise Refused("WithdrawalLapsed")
        amount = min(self.request.amount, self.request.older)
        if amount == 0:
            raise Refused("NothingToWithdraw")
        return amount

    def take(self, now: int) -> int:
        """Take it."""
        amount = self.due(now)
        self.balance -= amount
        self.request = None
        return amount

    def words(self) -> tuple[int, int, int]:
        """The request as the contracts show it."""
        if self.request is None:
            return 0, 0, 0
        return self.request.amount, self.request.deposited, self.request.available_at


class Wallet(Pot):
    """One patient."""

    def __init__(self) -> None:
        super().__init__()
        self.nonce = 0
        self.dispute_nonce = 0
        self.payers: Timeline[tuple[int, int]] = Timeline((0, 0))
        self.limits: Timeline[Limits] = Timeline(Limits())
        self.consents: dict[int, Timeline[Consent]] = {}
        self.spent: Counter[int] = Counter()
        """By day."""

    def accept(self, pair: tuple[int, int], now: int) -> None:
        """Name payers: the first at once, others after notice."""
        current, announced = self.payers.at(now), self.payers.is_announced(now)
        if pair == current:
            if not announced:
                raise Refused("PayersUnchanged")
            self.payers.cancel(now)
            return
        if self.payers.is_recent(now):
            raise Refused("ChangeTooRecent")
        self.payers.announce(pair, now if current == (0, 0) else now + NOTICE, now)

    def set_limits(self, limits: Limits, now: int) -> None:
        """Raise limits at once, lower them after notice."""
        if any(limit % CENT for limit in limits):
            raise Refused("LimitNotInCents")
        current, announced = self.limits.at(now), self.limits.is_announced(now)
        if limits == current and not announced:
            raise Refused("LimitsUnchanged")
        raised = limits.cover(current)
        if self.limits.is_recent(now) and not (raised and limits.cover(self.limits.entries[-2][1])):
            raise Refused("ChangeTooRecent")
        if raised:
            self.limits.replace(limits)
        else:
            self.limits.announce(limits, now + NOTICE, now)

    def consent_to(self, provider: int) -> Timeline[Consent]:
        """All consents ever given to a provider."""
        return self.consents.setdefault(provider, Timeline(Consent()))

    def grant(self, provider: int, consent: Consent, now: int) -> None:
        """Widen a consent at once, narrow it after notice."""
        if consent.ends <= now:
            raise Refused("ConsentExpiryInPast")
        given = self.consent_to(provider)
        if given.is_recent(now):
            raise Refused("ChangeTooRecent")
        current = given.at(now)
        if current.ends + MAX_BATCH_LIFE <= now or consent.covers(current):
            given.replace(consent)
        else:
            given.announce(consent, now + NOTICE if current.ends > now else now, now)

    def revoke(self, provider: int, now: int) -> None:
        """Let no consent of the provider's last longer than a notice."""
        given = self.consent_to(provider)
        waiting = [consent.ends for since, consent in given.entries if since > now]
        if max([given.at(now).ends, *waiting]) <= now:
            raise Refused("NoConsentToRevoke")
        end = now + NOTICE
        given.entries = [
            (since, consent._replace(ends=min(consent.ends, end))) for since, consent in given.entries
        ]

    def refusal(self, provider: int, pair: tuple[int, int], signed_at: int) -> str | None:
        """Why these payers may not be charged for this patient at all."""
        accepted = self.payers.at(signed_at) == pair
        consent = self.consent_to(provider).at(signed_at)
        if not accepted and pair != (0, 0):
            return "PAYER_NOT_ACCEPTED"
        if consent.ends <= signed_at:
            return "NO_CONSENT"
        if not accepted and not consent.self_pay:
            return "PAYER_NOT_ACCEPTED"
        return None

    def overspends(self, provider: int, amount: int, signed_at: int, today: int) -> str | None:
        """Why this amount may not be charged."""
        consent, limits = self.consent_to(provider).at(signed_at), self.limits.at(signed_at)
        if limits.event and limits.event < consent.limit:
            if amount > limits.event:
                return "OVER_EVENT_LIMIT"
        elif amount > consent.limit:
            return "OVER_CONSENT_LIMIT"
        if limits.day and amount > max(0, limits.day - self.spent[today]):
            return "OVER_DAY_LIMIT"
        return "PATIENT_UNFUNDED" if amount > self.balance else None

    def pay(self, amount: int, today: int) -> None:
        """A settlement takes the patient's part."""
        self.spend(amount)
        self.spent[today] += amount
