"""A provider's or an operator's money in settlement, by the day it was credited.

The twin of ``contracts/settlement/CreditAccount.sol``, moved by the logs alone. What is credited on one day
(UTC) matures together, when every dispute window that began that day has ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chainbill.errors import LedgerError
from chainbill.protocol_constants import BUCKET_SECONDS, DISPUTE_WINDOW_SECONDS

_DAYS = (BUCKET_SECONDS + DISPUTE_WINDOW_SECONDS) // BUCKET_SECONDS
"""Days from a bucket's own to the first on which it has matured."""


@dataclass(slots=True)
class CreditAccount:
    """Amounts in micro-dollars; ``tokens`` says what the contract owes for it."""

    matured: int = 0
    """May be paid out, once what is owed is paid."""
    buckets: dict[int, int] = field(default_factory=dict)
    """By day since 1970: credit whose dispute windows have not ended."""
    held: int = 0
    """Disputed."""
    bond: int = 0
    advanced: int = 0
    """Maturing credit that was paid out against the bond."""
    owed: int = 0
    """Receivables of payers."""
    open_disputes: int = 0
    suspended: bool = False

    @property
    def maturing(self) -> int:
        """Everything that has not matured; call ``mature`` first."""
        return sum(self.buckets.values())

    @property
    def tokens(self) -> int:
        """What the contract must hold for the account."""
        return self.matured + self.maturing + self.held + self.bond - self.advanced

    def mature(self, now: int) -> None:
        """Bring in what has matured by ``now``; it repays advances first."""
        for day in [day for day in self.buckets if has_matured(day, now)]:
            self._bring_in(self.buckets.pop(day))

    def credit(self, amount: int, *, now: int) -> None:
        """Add credit of today."""
        self.mature(now)
        self._put_into_bucket(day_of(now), amount)

    def put_off(self, amount: int, day: int, *, now: int) -> None:
        """Let credit of today mature with that of a day that is to come.

        Raises:
            LedgerError: today's bucket does not have it.
        """
        self.take_bucket(day_of(now), amount)
        self._put_into_bucket(day, amount)

    def pay(self, amount: int, *, now: int) -> None:
        """Pay all matured credit out that is not owed.

        Raises:
            LedgerError: another amount was due, or none.
        """
        self.mature(now)
        due = max(0, self.matured - self.owed)
        if amount != due or amount == 0:
            raise LedgerError(f"{amount} was paid of a matured credit of {due}")
        self.matured -= amount

    # ---- disputes -----------------------------------------------------------------------------------------

    def hold(self, day: int, amount: int) -> None:
        """Hold a disputed claim's money.

        Raises:
            LedgerError: the bucket of that day does not have it.
        """
        self.take_bucket(day, amount)
        self.held += amount
        self.open_disputes += 1

    def unhold(self, day: int, amount: int, lost: int, *, now: int) -> None:
        """End a dispute: ``lost`` of what was held is gone, the rest returns to where it came from.

        Raises:
            LedgerError: more was lost than held.
        """
        if not 0 <= lost <= amount <= self.held:
            raise LedgerError(f"{lost} was taken of {amount} that was held for a claim")
        self.held -= amount
        self.open_disputes -= 1
        self.mature(now)
        if has_matured(day, now):
            self._bring_in(amount - lost)
        else:
            self._put_into_bucket(day, amount - lost)

    def take_bucket(self, day: int, amount: int) -> None:
        """Take maturing credit of one day.

        Raises:
            LedgerError: there is less.
        """
        there = self.buckets.get(day, 0)
        if amount > there:
            raise LedgerError(f"{amount} was taken of a day's credit of {there}")
        self._put_into_bucket(day, -amount)

    # ---- bond and receivables -----------------------------------------------------------------------------

    def advance(self, amount: int, *, now: int) -> None:
        """Pay maturing credit out against the bond.

        Raises:
            LedgerError: more than bond or maturing credit allow, or while something is owed.
        """
        self.mature(now)
        most = 0 if self.owed else max(0, min(self.bond, self.maturing) - self.advanced)
        if not 0 < amount <= most:
            raise LedgerError(f"an advance of {amount} was paid, when {most} was available")
        self.advanced += amount

    def take_bond_back(self, amount: int, *, now: int) -> None:
        """Pay the bond back, less advances on credit that was reversed since.

        Raises:
            LedgerError: the bond still stands for something, or another amount was due.
        """
        self.mature(now)
        if self.maturing or self.open_disputes or self.owed:
            raise LedgerError("a bond was paid back while it still stood for something")
        if amount != self.bond - self.advanced or amount == 0:
            raise LedgerError(f"{amount} was paid back of a bond of {self.bond - self.advanced}")
        self.bond = self.advanced = 0

    def give_back(self, matured: int, bond: int, *, now: int) -> None:
        """Pay a reversal out of matured credit, then bond.

        Raises:
            LedgerError: they do not have it.
        """
        self.mature(now)
        if matured > max(0, self.matured - self.owed) or bond > max(0, self.bond - self.advanced):
            raise LedgerError(
                f"a reversal took {matured} of matured credit and {bond} of bond: more than there was"
            )
        self.matured -= matured
        self.bond -= bond

    def repay(self, amount: int, *, now: int) -> None:
        """Pay a receivable out of matured credit.

        Raises:
            LedgerError: there is less, or less was owed.
        """
        self.mature(now)
        if amount > min(self.matured, self.owed):
            raise LedgerError(f"a receivable of {amount} was paid of a matured credit of {self.matured}")
        self.matured -= amount
        self.owed -= amount

    def _put_into_bucket(self, day: int, amount: int) -> None:
        total = self.buckets.get(day, 0) + amount
        if total:
            self.buckets[day] = total
        else:
            self.buckets.pop(day, None)

    def _bring_in(self, amount: int) -> None:
        repaid = min(self.advanced, amount)
        self.advanced -= repaid
        self.matured += amount - repaid


def day_of(time: int) -> int:
    """The day (UTC) since 1970: which bucket a credit of that time is in."""
    return time // BUCKET_SECONDS


def has_matured(day: int, now: int) -> bool:
    """Has a day's credit matured by ``now``?"""
    return day_of(now) >= day + _DAYS
