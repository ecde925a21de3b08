"""The benchmark: what the adversary finds, by how care is settled and under which accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from chainbill.money import CENT, format_dollars
from chainbill.operations.provider.sequences import Numbering
from chainbill.scenario.linker.adversary import Adversary, Score
from chainbill.scenario.linker.links import LINKERS, Groups
from chainbill.scenario.linker.population import Population, Year, draw_year
from chainbill.scenario.linker.practice import Accounts, Carried, Funded, Practice, Settled
from chainbill.scenario.linker.publication import Publication, publish

_DRAWN = Numbering.DRAWN
_QUIET = Practice(Settled.MONTHLY, funded=Funded.COMMON, sequences=_DRAWN)
"""Nothing but accounts and what is carried between them is left to tell."""

PRACTICES: Mapping[str, Practice] = {
    "daily": Practice(Settled.DAILY),
    "weekly": Practice(Settled.WEEKLY),
    "monthly": Practice(Settled.MONTHLY),
    "daily_drawn": Practice(Settled.DAILY, sequences=_DRAWN),
    "weekly_drawn": Practice(Settled.WEEKLY, sequences=_DRAWN),
    "monthly_drawn": Practice(Settled.MONTHLY, sequences=_DRAWN),
    "daily_month_exact": Practice(Settled.DAILY, Accounts.MONTH, funded=Funded.COMMON),
    "provider_exact": replace(_QUIET, accounts=Accounts.PROVIDER),
    "month_one_word": replace(_QUIET, accounts=Accounts.MONTH, carried=Carried.SHARED),
    "month_exact": replace(_QUIET, accounts=Accounts.MONTH),
    "month_exact_own_wallet": replace(_QUIET, accounts=Accounts.MONTH, funded=Funded.WALLET),
    "month_steps": replace(_QUIET, accounts=Accounts.MONTH, carried=Carried.STEPS),
    "month_nothing": replace(_QUIET, accounts=Accounts.MONTH, carried=Carried.NOTHING),
    "provider_month_exact": replace(_QUIET, accounts=Accounts.PROVIDER_MONTH),
    "provider_month_steps": replace(_QUIET, accounts=Accounts.PROVIDER_MONTH, carried=Carried.STEPS),
}
"""By the key under which each is reported."""

ALONE, SEQUENCES = "alone", "sequences"
ATTACKS = (ALONE, SEQUENCES, *LINKERS)
"""By provider, day and price alone; by the order of sequences, too; and with both by what links accounts."""


@dataclass(frozen=True, slots=True)
class PracticeScores:
    """How well the adversary does where care is settled so."""

    practice: Practice
    accounts: int
    """That were opened in the year."""
    attacks: Mapping[str, Score]
    """By the names of ``ATTACKS``."""
    overpaid: int
    """By patients over what one account would have cost them, settled as often: on average of one,
    micro-dollars a year."""
    underpaid: int
    """The same of those who paid less; their insurer bears it."""


@dataclass(frozen=True, slots=True)
class LinkerReport:
    """What ``chainbill bench linker --json`` prints."""

    population: Population
    visits: int
    practices: Mapping[str, PracticeScores]

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values: money in dollars, shares from 0 to 1 with four places."""
        return {
            "population": asdict(self.population),
            "visits": self.visits,
            "practices": {name: _plain(each) for name, each in self.practices.items()},
        }


def measure_links(
    population: Population,
    *,
    steps: int,
    only: Iterable[str] = (),
    on_practice: Callable[[str], None] = lambda _: None,
) -> LinkerReport:
    """Draw a year, and attack it under every practice, or under ``only`` some.

    Args:
        steps: of each limit, where opening entries are rounded.
    """
    year = draw_year(population)
    chosen = set(only) or set(PRACTICES)
    due: dict[Practice, tuple[int, ...]] = {}
    scores: dict[str, PracticeScores] = {}
    for name in (name for name in PRACTICES if name in chosen):
        practice = replace(PRACTICES[name], steps=steps)
        published = publish(year, practice, seed=population.seed)
        one = Practice(practice.settled, sequences=practice.sequences)
        if one not in due:
            due[one] = publish(year, one, seed=population.seed).paid
        scores[name] = _scores(published, year, due[one])
        on_practice(name)
    return LinkerReport(population, len(year.visits), scores)


def attack(published: Publication, year: Year) -> dict[str, Score]:
    """Every attack on what was published."""
    alone, following = Adversary(published, year), Adversary(published, year, by_order=True)
    nobody = Groups()
    linked = {name: following.score(linker(published.seen)) for name, linker in LINKERS.items()}
    return {ALONE: alone.score(nobody), SEQUENCES: following.score(nobody)} | linked


def _scores(published: Publication, year: Year, due: Sequence[int]) -> PracticeScores:
    beyond = [paid - owed for paid, owed in zip(published.paid, due, strict=True)]
    return PracticeScores(
        published.seen.practice,
        len(set(published.accounts)),
        attack(published, year),
        _whole_cents(sum(each for each in beyond if each > 0) // len(beyond)),
        _whole_cents(-sum(each for each in beyond if each < 0) // len(beyond)),
    )


def _whole_cents(amount: int) -> int:
    return round(amount / CENT) * CENT


def _plain(scores: PracticeScores) -> dict[str, Any]:
    return {
        "practice": asdict(scores.practice),
        "accounts": scores.accounts,
        "attacks": {
            name: {part: round(share, 4) for part, share in asdict(score).items()}
            for name, score in scores.attacks.items()
        },
        "overpaid": format_dollars(scores.overpaid),
        "underpaid": format_dollars(scores.underpaid),
    }
