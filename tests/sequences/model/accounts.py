"""Credit of providers and operators by the day it was earned, and what stands against it."""

from __future__ import annotations

from collections import Counter

DAYS_TO_MATURE = 8
"""The day itself and a dispute window of seven days."""


class Account:
    """One provider's or operator's money."""

    def __init__(self) -> None:
        self.lots: Counter[int] = Counter()
        """Maturing credit by day."""
        self.matured = 0
        self.held = 0
        self.bond = 0
        self.advanced = 0
        self.owed: Counter[int] = Counter()
        """By payer."""
        self.open_disputes = 0
        self.suspended = False

    @property
    def maturing(self) -> int:
        return sum(self.lots.values())

    @property
    def tokens(self) -> int:
        """What settlement must hold for it."""
        return self.matured + self.maturing + self.held + self.bond - self.advanced

    @property
    def withdrawable(self) -> int:
        """What may be paid out: matured money less what is owed."""
        return max(0, self.matured - sum(self.owed.values()))

    @property
    def advanceable(self) -> int:
        """What may be paid out before it matures."""
        return 0 if sum(self.owed.values()) else max(0, min(self.bond, self.maturing) - self.advanced)

    def ripen(self, today: int) -> None:
        """Bring in what has matured; it repays advances first."""
        for day in [day for day in self.lots if day + DAYS_TO_MATURE <= today]:
            self.gain(self.lots.pop(day))

    def gain(self, amount: int) -> None:
        """Money matures."""
        repaid = min(amount, self.advanced)
        self.advanced -= repaid
        self.matured += amount - repaid

    def hold(self, day: int, amount: int) -> None:
        """A dispute holds a claim's credit."""
        self.lots[day] -= amount
        self.held += amount
        self.open_disputes += 1

    def unhold(self, day: int, amount: int, lost: int, today: int) -> None:
        """A dispute ends; what is not lost goes back to its day."""
        self.held -= amount
        self.open_disputes -= 1
        self.lots[day] += amount - lost
        self.ripen(today)

    def words(self) -> tuple[int, ...]:
        """As the contract shows it."""
        return (
            self.matured,
            self.maturing,
            self.held,
            self.bond,
            self.advanced,
            sum(self.owed.values()),
            self.open_disputes,
            int(self.suspended),
        )
