"""Which accounts are one person's: what an outsider concludes from each thing that the chain shows.

Every linker puts accounts into groups, from what is public alone (``Seen``). Some are certain, some guess.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby, pairwise
from math import log

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.terms import CategoryTerms
from chainbill.chain.format.events import Claim, ClaimSettled, Enrolled, Event, TokensMoved
from chainbill.scenario.linker.practice import Accounts
from chainbill.scenario.linker.publication import Seen, rounded

MOST_ACCOUNTS = 100
"""Who sends money to more accounts than one person can have in a year is nobody's wallet."""


class Groups:
    """Accounts that are put together, two at a time."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def find(self, account: str) -> str:
        """The account that stands for an account's group."""
        while account in self._above:
            account = self._above[account]
        return account

    def join(self, one: str, two: str) -> str:
        """Make one group of two; gives what stands for it."""
        one, two = self.find(one), self.find(two)
        if one != two:
            self._above[two] = one
        return one

    def join_all(self, accounts: Iterable[str]) -> None:
        """Make one group of all of them."""
        first, *others = accounts
        for other in others:
            self.join(first, other)


Linker = Callable[[Seen], Groups]
Service = tuple[int, bytes]
"""Provider and service id."""


def storage(seen: Seen) -> Groups:
    """Accounts whose claims write the same word of the payer's storage."""
    return _alike({account: word.hex() for account, word in seen.words.items()})


def funding(seen: Seen) -> Groups:
    """Accounts that one wallet sends money to."""
    senders = {each.recipient: each.sender for each in _events(seen) if isinstance(each, TokensMoved)}
    sent = Counter(senders.values())
    return _alike({account: sender for account, sender in senders.items() if sent[sender] <= MOST_ACCOUNTS})


def family(seen: Seen) -> Groups:
    """Accounts that are enrolled with one family id."""
    enrolled = [each for each in _events(seen) if isinstance(each, Enrolled)]
    return _alike({each.member: str(each.family_id) for each in enrolled if each.family_id})


def openings(seen: Seen) -> Groups:
    """An account that begins where others stand goes on from them: opening entries are logged. Where several
    stand there, it is taken for the one whose patient had most alike."""
    groups = Groups()
    had, weights = _services(seen)
    once = seen.practice.accounts is Accounts.MONTH  # then each group has one account a month
    met: dict[str, Accumulators] = {}
    for _, together in groupby(seen.records, lambda each: each.block):
        begin: dict[Accumulators, list[str]] = defaultdict(list)
        for event in (each.event for each in together):
            if isinstance(event, ClaimSettled):
                group = groups.find(event.patient)
                met[group] = _added(met[group], event.claim)
            elif isinstance(event, Enrolled):
                begin[Accumulators(event.deductible_met, event.oop_met)].append(event.member)
        standing: dict[Accumulators, list[str]] = defaultdict(list)
        for group, amounts in met.items() if begin else ():
            standing[rounded(amounts, seen.plan, seen.practice)].append(group)
        for opening, accounts in begin.items():
            met |= dict.fromkeys(accounts, Accumulators())
            if opening == Accumulators():
                continue
            for group, account in _matched(standing[opening], accounts, had, weights, once=once):
                del met[account]
                groups.join(group, account)
                had[group] |= had[account]
    return groups


def shares(seen: Seen) -> Groups:
    """Without opening entries: the claim in which an account's deductible ends tells what was met before its
    first one. Where exactly one group of others had met that by then, it goes on from it."""
    groups = Groups()
    before = _deductibles_before(seen)
    met: dict[str, int] = defaultdict(int)
    begun: set[str] = set()
    for event in _events(seen):
        if not isinstance(event, ClaimSettled):
            continue
        if event.patient not in begun:
            begun.add(event.patient)
            opening = before.get(event.patient, 0)
            candidates = [each for each, amount in met.items() if opening and amount == opening]
            if len(candidates) == 1:
                groups.join(candidates[0], event.patient)
        met[groups.find(event.patient)] += event.claim.deductible
    return groups


def habits(seen: Seen) -> Groups:
    """Of two months one after the other, the accounts that are most like each other by what they had, where.
    What few have counts for more. Nothing where an account lasts."""
    groups = Groups()
    if seen.practice.accounts not in (Accounts.MONTH, Accounts.PROVIDER_MONTH):
        return groups
    had, weights = _services(seen)
    active: dict[int, set[str]] = defaultdict(set)
    for each in seen.records:
        if isinstance(each.event, ClaimSettled):
            active[seen.practice.month_of(each.block_time)].add(each.event.patient)
    months = sorted(active)
    for one, two in pairwise(months):
        for former, later in _matched(active[one], active[two], had, weights, once=True, alike=True):
            groups.join(former, later)
    return groups


LINKERS: Mapping[str, Linker] = {
    "storage": storage,
    "funding": funding,
    "family": family,
    "openings": openings,
    "shares": shares,
    "habits": habits,
}
"""By the name under which each is reported."""


def _events(seen: Seen) -> Iterable[Event]:
    return (each.event for each in seen.records)


def _alike(marks: Mapping[str, str]) -> Groups:
    """Accounts with the same mark together."""
    groups = Groups()
    marked: dict[str, list[str]] = defaultdict(list)
    for account, mark in marks.items():
        marked[mark].append(account)
    for accounts in marked.values():
        groups.join_all(accounts)
    return groups


def _added(met: Accumulators, claim: Claim) -> Accumulators:
    out_of_pocket = claim.deductible + claim.copay + claim.coinsurance
    return Accumulators(met.deductible_met + claim.deductible, met.oop_met + out_of_pocket)


def _deductibles_before(seen: Seen) -> dict[str, int]:
    """What was met of the deductible before an account's first claim, for those in which it ends."""
    own: dict[str, int] = defaultdict(int)
    found: dict[str, int] = {}
    for event in _events(seen):
        if isinstance(event, ClaimSettled):
            claim = event.claim
            own[event.patient] += claim.deductible
            if event.patient not in found and _ends_here(claim, seen.categories[claim.service_id]):
                found[event.patient] = seen.plan.deductible - own[event.patient]
    return found


def _ends_here(claim: Claim, category: CategoryTerms) -> bool:
    """Did part of the claim meet the deductible, and the rest find it met?"""
    rest = claim.allowed - (claim.copay if category.copay_first else 0)
    return category.deductible_applies and 0 < claim.deductible < rest


def _services(seen: Seen) -> tuple[dict[str, set[Service]], dict[Service, float]]:
    """What each account had, and what it says that two had it: the more, the fewer had it."""
    had: dict[str, set[Service]] = defaultdict(set)
    for event in _events(seen):
        if isinstance(event, ClaimSettled):
            had[event.patient].add((event.claim.provider_id, event.claim.service_id))
    frequency = Counter(each for services in had.values() for each in services)
    return had, {each: log(len(had) / count) for each, count in frequency.items()}


def _matched(
    formers: Iterable[str],
    laters: Iterable[str],
    had: Mapping[str, set[Service]],
    weights: Mapping[Service, float],
    *,
    once: bool,
    alike: bool = False,
) -> list[tuple[str, str]]:
    """Pairs of accounts, the most alike first. Each later one is in one pair, and each former one where
    ``once``.

    Args:
        alike: pairs that have nothing in common are none.
    """
    likeness = {
        (former, later): sum(sorted(weights[each] for each in had[former] & had[later]))
        for former in formers
        for later in laters
    }
    taken: set[str] = set()
    pairs = []
    for former, later in sorted(likeness, key=lambda pair: (-likeness[pair], pair)):
        if later in taken or (once and former in taken) or (alike and not likeness[former, later]):
            continue
        taken |= {former, later} if once else {later}
        pairs.append((former, later))
    return pairs
