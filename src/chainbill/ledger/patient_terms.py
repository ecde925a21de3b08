"""What a patient has set and announced in the escrow: payers, limits, consents.

Twins of ``contracts/escrow/PatientSlot.sol`` and ``ConsentSlot.sol``, moved by the logs alone by the rules
of ``PatientEscrow``. They answer as the contract would for a time of signing.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.errors import LedgerError
from chainbill.protocol_constants import DAY_SECONDS, MAX_BATCH_LIFE_SECONDS, NOTICE_SECONDS

NO_PAYERS = (0, 0)

_MOST_SPENT = 2**48 - 1


@dataclass(slots=True)
class PayersChoice:
    """A patient's primary and secondary payer, and those that follow from ``next_at`` on (0: no change)."""

    payers: tuple[int, int] = NO_PAYERS
    next_payers: tuple[int, int] = NO_PAYERS
    next_at: int = 0

    def at(self, time: int) -> tuple[int, int]:
        """Primary and secondary payer at ``time``; 0: none."""
        return self.next_payers if self.next_at and time >= self.next_at else self.payers

    def catch_up(self, now: int) -> None:
        """Forget the payers before, once no batch signed under them can settle."""
        if self.next_at and now >= self.next_at + MAX_BATCH_LIFE_SECONDS:
            self.payers, self.next_at = self.next_payers, 0

    def accept(self, payers: tuple[int, int], effective_at: int, *, now: int) -> None:
        """Name other payers: the first at once, a change after the notice.

        Raises:
            LedgerError: the contract would not have taken it.
        """
        self.catch_up(now)
        current, announced = self.at(now), self.next_at > now
        if not announced and (payers == current or self.next_at):
            raise LedgerError(f"payers {payers} were accepted at {now}, when the contract takes no change")
        back = payers == current
        due = now if back or current == NO_PAYERS else now + NOTICE_SECONDS
        if effective_at != due:
            raise LedgerError(f"payers {payers} were accepted from {effective_at} on, not from {due}")
        if back:
            self.next_at = 0
        else:
            self.next_payers, self.next_at = payers, due


@dataclass(slots=True)
class Limits:
    """The most for one event and for one day, those that follow from ``next_at`` on, and what was spent.

    0 is no limit. What is spent is counted only while a limit for the day is set or announced.
    """

    limits: tuple[int, int] = (0, 0)
    next_limits: tuple[int, int] = (0, 0)
    next_at: int = 0
    spent: int = 0
    day: int = 0

    def at(self, time: int) -> tuple[int, int]:
        """The limits for an event and for a day at ``time``."""
        return self.next_limits if self.next_at and time >= self.next_at else self.limits

    def catch_up(self, now: int) -> None:
        """Forget the limits before, once no batch signed under them can settle."""
        if self.next_at and now >= self.next_at + MAX_BATCH_LIFE_SECONDS:
            self.limits, self.next_at = self.next_limits, 0

    def set(self, limits: tuple[int, int], effective_at: int, *, now: int) -> None:
        """Raise the limits at once or lower them after the notice.

        Raises:
            LedgerError: the contract would not have taken it.
        """
        self.catch_up(now)
        current, announced = self.at(now), self.next_at > now
        if limits == current and not announced:
            raise LedgerError(f"limits {limits} were set that held already")
        raised = _covers(limits, current)
        if self.next_at and not announced and not (raised and _covers(limits, self.limits)):
            raise LedgerError(f"limits were set at {now}, too soon after the change of {self.next_at}")
        due = now if raised else now + NOTICE_SECONDS
        if effective_at != due:
            raise LedgerError(f"limits {limits} hold from {effective_at}, not from {due}")
        if raised:
            self.limits, self.next_at = limits, 0
        else:
            self.next_limits, self.next_at = limits, due

    def spent_on(self, now: int) -> int:
        """What was taken on the day of ``now``."""
        return self.spent if self._counts() and self.day == now // DAY_SECONDS else 0

    def day_left(self, signed_at: int, now: int) -> int | None:
        """What may still be taken today by a batch signed at ``signed_at``; None: no limit."""
        per_day = self.at(signed_at)[1]
        spent = self.spent if self.day == now // DAY_SECONDS else 0
        return max(0, per_day - spent) if per_day else None

    def spend(self, amount: int, *, now: int) -> None:
        """Count what was taken."""
        self.catch_up(now)
        if self._counts():
            before = self.spent if self.day == now // DAY_SECONDS else 0
            self.spent, self.day = min(before + amount, _MOST_SPENT), now // DAY_SECONDS

    def _counts(self) -> bool:
        return bool(self.limits[1] or (self.next_at and self.next_limits[1]))


def _covers(limits: tuple[int, int], others: tuple[int, int]) -> bool:
    """Do ``limits`` allow all that ``others`` allow?"""
    return all(limit == 0 or (other and limit >= other) for limit, other in zip(limits, others, strict=True))


@dataclass(frozen=True, slots=True)
class Consent:
    """What a patient allows one provider; ``expires_at`` 0: never given."""

    per_event_limit: int = 0
    expires_at: int = 0
    self_pay: bool = False

    def covers(self, other: Consent) -> bool:
        """Does it allow all that ``other`` allows?"""
        return (
            self.per_event_limit >= other.per_event_limit
            and self.expires_at >= other.expires_at
            and (self.self_pay or not other.self_pay)
        )

    def ending_by(self, end: int) -> Consent:
        """The same, ending no later than ``end``."""
        return Consent(self.per_event_limit, min(self.expires_at, end), self.self_pay)


_NEVER_GIVEN = Consent()


@dataclass(slots=True)
class ConsentChoice:
    """A patient's consent to one provider, and a narrower one that follows from ``next_at`` on."""

    consent: Consent = _NEVER_GIVEN
    next_consent: Consent = _NEVER_GIVEN
    next_at: int = 0

    def at(self, time: int) -> Consent:
        """The consent in force at ``time``."""
        return self.next_consent if self.next_at and time >= self.next_at else self.consent

    def grant(self, consent: Consent, effective_at: int, *, now: int) -> None:
        """Widen the consent at once or narrow it after the notice.

        Raises:
            LedgerError: the contract would not have taken it.
        """
        if self.next_at and self.next_at <= now < self.next_at + MAX_BATCH_LIFE_SECONDS:
            raise LedgerError(f"a consent was granted at {now}, too soon after the change of {self.next_at}")
        current = self.at(now)
        forgotten = current.expires_at + MAX_BATCH_LIFE_SECONDS <= now
        at_once = forgotten or consent.covers(current)
        due = now if at_once or current.expires_at <= now else now + NOTICE_SECONDS
        if effective_at != due:
            raise LedgerError(f"a consent was granted from {effective_at} on, not from {due}")
        if at_once:
            self.consent, self.next_consent, self.next_at = consent, _NEVER_GIVEN, 0
        else:
            self.consent, self.next_consent, self.next_at = current, consent, due

    def revoke(self, expires_at: int, *, now: int) -> None:
        """Let the consent end after the notice.

        Raises:
            LedgerError: there was none, or it ends at another time.
        """
        last_expiry = self.at(now).expires_at
        if self.next_at > now:
            last_expiry = max(last_expiry, self.next_consent.expires_at)
        ends_at = min(last_expiry, now + NOTICE_SECONDS)
        if last_expiry <= now or expires_at != ends_at:
            raise LedgerError(f"a consent was revoked from {expires_at} on, not from {ends_at}")
        self.consent = self.consent.ending_by(now + NOTICE_SECONDS)
        self.next_consent = self.next_consent.ending_by(now + NOTICE_SECONDS)
