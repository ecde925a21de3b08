"""How a year is settled: how often, under which accounts, and what moves between them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from chainbill.operations.provider.sequences import Numbering
from chainbill.protocol_constants import DAY_SECONDS
from chainbill.scenario.linker.population import STARTS_ON, Visit, day_of

_WEEK = 7


class Settled(StrEnum):
    """When the oracle settles what was attested."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Accounts(StrEnum):
    """For what a patient has an account of its own."""

    PATIENT = "one"
    PROVIDER = "provider"
    MONTH = "month"
    PROVIDER_MONTH = "provider and month"


class Carried(StrEnum):
    """How a new account learns what the member has met under the others."""

    SHARED = "one word"
    """It does not: the contract keeps one word for the member, which all accounts lead to."""
    EXACT = "exact"
    """The insurer enrols it with opening entries, to the unit."""
    STEPS = "steps"
    """The same, rounded up to a few steps of each limit, in the member's favour."""
    NOTHING = "nothing"
    """It begins with nothing."""


class Funded(StrEnum):
    """Who sends an account its money."""

    WALLET = "own wallet"
    COMMON = "common payer"
    """Somebody who sends to everybody: an exchange, an employer, the insurer."""


AccountKey = tuple[int, int, int]
"""Patient, provider and month; -1 where the account is for all of them."""


@dataclass(frozen=True, slots=True)
class Practice:
    """All of it together."""

    settled: Settled = Settled.DAILY
    accounts: Accounts = Accounts.PATIENT
    carried: Carried = Carried.EXACT
    funded: Funded = Funded.WALLET
    sequences: Numbering = Numbering.IN_ORDER
    """How providers give theirs, as they attest."""
    steps: int = 4
    """Of each limit, where opening entries are rounded."""

    def settles_on(self, day: int) -> int:
        """The day on which what happened on ``day`` is settled, the end of it."""
        match self.settled:
            case Settled.DAILY:
                return day
            case Settled.WEEKLY:
                return day - day % _WEEK + _WEEK - 1
            case Settled.MONTHLY:
                first_of_next = (day_of(day).replace(day=1) + timedelta(days=32)).replace(day=1)
                return (first_of_next - STARTS_ON).days - 1

    def begins_on(self, settled_on: int) -> int:
        """The first of the days that are settled together on ``settled_on``."""
        match self.settled:
            case Settled.DAILY:
                return settled_on
            case Settled.WEEKLY:
                return settled_on - _WEEK + 1
            case Settled.MONTHLY:
                return settled_on - day_of(settled_on).day + 1

    def month_of(self, settled_at: int) -> int:
        """The month whose visits were settled at that time of the model, in seconds."""
        date = day_of(self.begins_on(settled_at // DAY_SECONDS))
        return date.year * 12 + date.month

    def account_of(self, visit: Visit) -> AccountKey:
        """Which of its accounts a patient uses."""
        date = day_of(visit.day)
        by_provider = self.accounts in (Accounts.PROVIDER, Accounts.PROVIDER_MONTH)
        by_month = self.accounts in (Accounts.MONTH, Accounts.PROVIDER_MONTH)
        return (
            visit.patient,
            visit.provider if by_provider else -1,
            date.year * 12 + date.month if by_month else -1,
        )
