"""Who knows the provider, the day and the price of one visit, and looks for the account."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass

from chainbill.chain.format.events import ClaimSettled
from chainbill.operations.provider.sequences import BLOCK, Numbering, block_start
from chainbill.protocol_constants import DAY_SECONDS
from chainbill.scenario.linker.links import Groups
from chainbill.scenario.linker.population import Visit, Year, is_working_day
from chainbill.scenario.linker.practice import Practice
from chainbill.scenario.linker.publication import Publication


@dataclass(frozen=True, slots=True)
class Score:
    """On average over all visits, each of which is the one that is known; shares from 0 to 1."""

    found: float
    """How often the account is found, with all that were put with it: of k that fit, once in k times."""
    year: float
    """How much of the patient's year is read with it; nothing where another is taken for it."""
    purity: float
    """Of what is then read, how much is the patient's."""


@dataclass(frozen=True, slots=True)
class _Row:
    account: str
    sequence: int


class Adversary:
    """Has read the chain.

    Args:
        by_order: it also reads sequences, which follow the order in which the provider attests as far as it
            counts on, or begins one block after another: of the rows that fit it takes those that stand among
            the ones of their batch where the day stands among the days settled together, or nearest to there.
    """

    def __init__(self, publication: Publication, year: Year, *, by_order: bool = False) -> None:
        self._publication, self._year, self._by_order = publication, year, by_order
        self._practice: Practice = publication.seen.practice
        self._rows: dict[tuple[int, int, int], list[_Row]] = defaultdict(list)
        self._sequences: dict[tuple[int, int], list[int]] = defaultdict(list)
        for each in publication.seen.records:
            if isinstance(each.event, ClaimSettled):
                claim, day = each.event.claim, each.block_time // DAY_SECONDS
                row = _Row(each.event.patient, claim.sequence)
                self._rows[claim.provider_id, day, claim.allowed].append(row)
                self._sequences[claim.provider_id, day].append(claim.sequence)
        for sequences in self._sequences.values():
            sequences.sort()

    def score(self, groups: Groups) -> Score:
        """How well it does, where accounts are put together in groups."""
        visits = self._year.visits
        patients = Counter(visit.patient for visit in visits)
        group_of = [groups.find(account) for account in self._publication.accounts]
        read = Counter(group_of)
        own = Counter((group, visit.patient) for group, visit in zip(group_of, visits, strict=True))
        found = year = pure = 0.0
        for visit, group in zip(visits, group_of, strict=True):
            taken = {groups.find(account) for account in self._that_fit(visit)}
            if group not in taken:
                continue
            chance = 1 / len(taken)
            found += chance
            year += chance * own[group, visit.patient] / patients[visit.patient]
            pure += chance * own[group, visit.patient] / read[group]
        return Score(found / len(visits), year / len(visits), pure / found if found else 0.0)

    def _that_fit(self, visit: Visit) -> list[str]:
        """The accounts of the rows that may be of a visit."""
        settled_on = self._practice.settles_on(visit.day)
        rows = self._rows[visit.provider + 1, settled_on, visit.service.fee]
        if self._by_order:
            sequences = self._sequences[visit.provider + 1, settled_on]
            place = len(sequences) * self._part_of(visit.day, settled_on)
            distance = {row: self._distance(sequences, row.sequence, place) for row in rows}
            nearest = min(distance.values())
            rows = [row for row in rows if distance[row] == nearest]
        return [row.account for row in rows]

    def _distance(self, sequences: list[int], sequence: int, place: float) -> float:
        """How far from a place the rows stand among which a row may be anywhere: those of its block, or where
        sequences count on, it alone."""
        first, last = sequence, sequence
        if self._practice.sequences is Numbering.DRAWN:
            first = block_start(sequence)
            last = first + BLOCK - 1
        begin, end = bisect_left(sequences, first) + 0.5, bisect_right(sequences, last) - 0.5
        return max(begin - place, 0.0, place - end)

    def _part_of(self, day: int, settled_on: int) -> float:
        """How much of the working days that are settled together is over at the middle of ``day``."""
        begins_on = self._practice.begins_on(settled_on)
        days = [each for each in range(begins_on, settled_on + 1) if is_working_day(each)]
        return (days.index(day) + 0.5) / len(days)
