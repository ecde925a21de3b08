"""What is announced before it holds: the contracts' storage slots with a present and a coming value.

Each class is the twin of one slot, moved by the logs alone by the rules of ``PatientEscrow._setConsent`` and
``_payerAt``, ``InsurerPayer.acceptProvider`` and the ``Notice`` library. They answer as the contract would
for a time of signing.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.errors import LedgerError

NOTICE_SECONDS = 24 * 3600
"""``NOTICE`` of the contracts: how long before it takes effect a change is announced."""

WITHDRAWAL_LIFE_SECONDS = 7 * 24 * 3600
"""``WITHDRAWAL_LIFE``: how long an announced withdrawal may be taken."""

MAX_BATCH_LIFE_SECONDS = 6 * 3600
"""``MAX_BATCH_LIFE``: the longest a signed batch stays good."""

FOREVER = 2**40 - 1
"""The last time a contract can name (``uint40``)."""


@dataclass(slots=True)
class Withdrawal:
    """An announced withdrawal; ``available_at`` 0: none."""

    amount: int = 0
    deposited_since: int = 0
    available_at: int = 0

    def announce(self, amount: int, available_at: int, *, balance: int, now: int) -> None:
        """Replace what was announced before.

        Raises:
            LedgerError: the contract would not have taken it.
        """
        if not 0 < amount <= balance:
            raise LedgerError(f"a withdrawal of {amount} was announced on a balance of {balance}")
        if available_at != now + NOTICE_SECONDS:
            raise LedgerError(f"a withdrawal announced at {now} was made available at {available_at}")
        self.amount, self.deposited_since, self.available_at = amount, 0, available_at

    def note_deposit(self, amount: int) -> None:
        """Remember a deposit that the withdrawal does not reach."""
        if self.available_at:
            self.deposited_since += amount

    def take(self, amount: int, *, balance: int, now: int) -> None:
        """Take the withdrawal.

        Raises:
            LedgerError: none was due, or another amount was.
        """
        if not self.available_at <= now < self.available_at + WITHDRAWAL_LIFE_SECONDS:
            raise LedgerError(f"a withdrawal of {amount} was taken at {now}, when none was due")
        due = min(self.amount, max(0, balance - self.deposited_since))
        if amount != due:
            raise LedgerError(f"a withdrawal of {amount} was taken, when {due} was due")
        self.amount = self.deposited_since = self.available_at = 0


@dataclass(slots=True)
class PayerChoice:
    """A patient's payer, and the one that follows from ``next_at`` on (0: no change announced)."""

    payer_id: int = 0
    next_id: int = 0
    next_at: int = 0

    def at(self, time: int) -> int:
        """The payer id at ``time``; 0: none."""
        return self.next_id if self.next_at and time >= self.next_at else self.payer_id

    def accept(self, payer_id: int, effective_at: int, *, now: int) -> None:
        """Name another payer.

        Raises:
            LedgerError: it holds sooner or later than the contract allows.
        """
        current = self.at(now)
        earliest = now + (0 if current in (0, payer_id) else NOTICE_SECONDS)
        if effective_at != earliest:
            raise LedgerError(f"payer {payer_id} was accepted from {effective_at} on, not from {earliest}")
        self.payer_id, self.next_id, self.next_at = current, payer_id, effective_at


@dataclass(slots=True)
class ConsentTerms:
    """A patient's consent to one provider, and a narrower one that follows from ``next_at`` on."""

    per_event_limit: int = 0
    expires_at: int = 0
    next_limit: int = 0
    next_expires_at: int = 0
    next_at: int = 0

    def at(self, time: int) -> tuple[int, int]:
        """Limit for one event, and expiry, in force at ``time``; expiry 0: none was ever given."""
        if self.next_at and time >= self.next_at:
            return self.next_limit, self.next_expires_at
        return self.per_event_limit, self.expires_at

    def grant(self, limit: int, expires_at: int, effective_at: int, *, now: int) -> None:
        """Widen the consent at once or narrow it after the notice.

        Raises:
            LedgerError: it holds sooner or later than the contract allows.
        """
        holds_at = self._set(limit, expires_at, now)
        if effective_at != holds_at:
            raise LedgerError(f"a consent was granted from {effective_at} on, not from {holds_at}")

    def revoke(self, expires_at: int, *, now: int) -> None:
        """Let the consent end after the notice.

        Raises:
            LedgerError: there was none, or it ends at another time.
        """
        _, last_expiry = self.at(now)
        if self.next_at > now:
            last_expiry = max(last_expiry, self.next_expires_at)
        ends_at = min(last_expiry, now + NOTICE_SECONDS)
        if last_expiry <= now or expires_at != ends_at:
            raise LedgerError(f"a consent was revoked from {expires_at} on, not from {ends_at}")
        self.expires_at = min(self.expires_at, now + NOTICE_SECONDS)
        self.next_expires_at = min(self.next_expires_at, now + NOTICE_SECONDS)

    def _set(self, limit: int, expires_at: int, now: int) -> int:
        current_limit, current_expiry = self.at(now)
        forgotten = current_expiry + MAX_BATCH_LIFE_SECONDS <= now
        if forgotten or (limit >= current_limit and expires_at >= current_expiry):
            self.per_event_limit, self.expires_at, self.next_at = limit, expires_at, 0
            return now
        self.per_event_limit, self.expires_at = current_limit, current_expiry
        self.next_at = now if current_expiry <= now else now + NOTICE_SECONDS
        self.next_limit, self.next_expires_at = limit, expires_at
        return self.next_at


@dataclass(slots=True)
class Acceptance:
    """When an insurer pays a provider's events; ``ends_at`` 0: open-ended."""

    accepted_at: int = 0
    ends_at: int = 0

    def at(self, time: int) -> bool:
        """Are events signed at ``time`` paid?"""
        return 0 < self.accepted_at <= time and (self.ends_at == 0 or time < self.ends_at)

    def accept(self, *, now: int) -> None:
        """Accept the provider; one that still runs, or ran just now, goes on without a gap."""
        running = self.accepted_at > 0 and self.ends_at + MAX_BATCH_LIFE_SECONDS > now
        self.accepted_at = self.accepted_at if running else now
        self.ends_at = 0

    def end(self, ends_at: int, *, now: int) -> None:
        """Stop paying after the notice.

        Raises:
            LedgerError: it ends sooner or later than the contract allows.
        """
        if ends_at != now + NOTICE_SECONDS:
            raise LedgerError(f"an acceptance ended at {ends_at}, not at {now + NOTICE_SECONDS}")
        self.ends_at = ends_at
