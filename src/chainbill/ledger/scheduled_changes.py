"""What is announced before it holds: the contracts' storage slots with a present and a coming value.

Each class is the twin of one slot, moved by the logs alone by the rules of ``WithdrawalRequests``,
``PayerTerms``, ``ProviderRegistry`` and ``SettlementSettings``; what a patient announces is in
``patient_terms``. They answer as the contract would for a time of signing.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.errors import LedgerError
from chainbill.protocol_constants import (
    MAX_BATCH_LIFE_SECONDS,
    NOTICE_SECONDS,
    PAYOUT_CHANGE_DELAY_SECONDS,
    WITHDRAWAL_LIFE_SECONDS,
)


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

    def cancel(self) -> None:
        """Call it off.

        Raises:
            LedgerError: none was announced.
        """
        if not self.available_at:
            raise LedgerError("a withdrawal was called off, when none was announced")
        self.amount = self.deposited_since = self.available_at = 0

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
            LedgerError: it does not run, or ends sooner or later than the contract allows.
        """
        if self.accepted_at == 0 or self.ends_at:
            raise LedgerError("an acceptance ended without running")
        if ends_at != now + NOTICE_SECONDS:
            raise LedgerError(f"an acceptance ended at {ends_at}, not at {now + NOTICE_SECONDS}")
        self.ends_at = ends_at


@dataclass(slots=True)
class Payout:
    """Where a provider is paid, and where from ``next_at`` on (0: no change announced)."""

    address: str
    next_address: str = ZERO_ADDRESS
    next_at: int = 0

    def at(self, time: int) -> str:
        """The payout address at ``time``."""
        return self.next_address if self.next_at and time >= self.next_at else self.address

    def announced(self, time: int) -> tuple[str, int]:
        """The change still to come at ``time``: address and when; time 0: none."""
        return (self.next_address, self.next_at) if self.next_at > time else (ZERO_ADDRESS, 0)

    def announce(self, address: str, effective_at: int, *, now: int) -> None:
        """Name another address.

        Raises:
            LedgerError: it takes over sooner or later than the contract allows.
        """
        if effective_at != now + PAYOUT_CHANGE_DELAY_SECONDS:
            raise LedgerError(f"a payout address announced at {now} takes over at {effective_at}")
        self.address, self.next_address, self.next_at = self.at(now), address, effective_at

    def cancel(self, *, now: int) -> None:
        """Call the change off.

        Raises:
            LedgerError: none is to come.
        """
        if self.next_at <= now:
            raise LedgerError("a change of payout address was called off, when none was announced")
        self.next_address, self.next_at = ZERO_ADDRESS, 0


@dataclass(slots=True)
class PlanChoice:
    """A member's plan in one benefit year, and the one that follows from ``next_at`` on (0: none)."""

    plan_id: int
    next_id: int = 0
    next_at: int = 0

    def at(self, time: int) -> int:
        """The plan at ``time``."""
        return self.next_id if self.next_at and time >= self.next_at else self.plan_id

    def change(self, plan_id: int, effective_at: int, *, now: int) -> None:
        """Move to another plan after the notice; back to the present one calls an announced change off.

        Raises:
            LedgerError: the contract would not have taken it.
        """
        if self.next_at <= now < self.next_at + MAX_BATCH_LIFE_SECONDS:
            raise LedgerError(f"a plan was changed at {now}, too soon after the change of {self.next_at}")
        current = self.at(now)
        back = plan_id == current
        if back and self.next_at <= now:
            raise LedgerError(f"a member was moved to plan {plan_id}, its present one")
        due = now if back else now + NOTICE_SECONDS
        if effective_at != due:
            raise LedgerError(f"plan {plan_id} holds from {effective_at}, not from {due}")
        self.plan_id = current
        self.next_id, self.next_at = (0, 0) if back else (plan_id, effective_at)


@dataclass(slots=True)
class OperatorFee:
    """The operator's fee for one event, and the one that follows from ``next_at`` on (0: none announced)."""

    flat: int = 0
    bps: int = 0
    next_flat: int = 0
    next_bps: int = 0
    next_at: int = 0

    def at(self, time: int) -> tuple[int, int]:
        """Flat amount and basis points for events signed at ``time``."""
        if self.next_at and time >= self.next_at:
            return self.next_flat, self.next_bps
        return self.flat, self.bps

    def announce(self, flat: int, bps: int, effective_at: int, *, now: int) -> None:
        """Announce another fee.

        Raises:
            LedgerError: the contract would not have taken it.
        """
        if self.next_at and now < self.next_at + MAX_BATCH_LIFE_SECONDS:
            raise LedgerError(f"an operator's fee was announced at {now}, before that of {self.next_at} held")
        if effective_at != now + NOTICE_SECONDS:
            raise LedgerError(f"an operator's fee announced at {now} holds from {effective_at}")
        self.flat, self.bps = self.next_flat, self.next_bps
        self.next_flat, self.next_bps, self.next_at = flat, bps, effective_at
