"""The outsider: knows the public catalogue and everything that the chain shows, and not the schedule key.

``PYTHONPATH=. python tests/chain/outsider.py`` prints how many services it names, before there were decoys
and now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from chainbill.billing.terms import FeeTerms
from chainbill.operations.fee_publication import Newest, compare, mixed
from chainbill.protocol_constants import FEES_PER_TRANSACTION
from chainbill.records.catalogue import Catalogue
from chainbill.records.fee_file import catalogue_fees
from chainbill.records.service_id import decoy_ids, draw_decoys, new_schedule_key, service_id

Seen = Sequence[tuple[bytes, FeeTerms]]
"""What the chain shows of fees, in its order: ids and terms."""


@dataclass(frozen=True, slots=True)
class Insurer:
    """One that publishes, in memory: what the contract keeps, and what the chain shows of it."""

    key: bytes
    decoys: Mapping[str, int]
    published: dict[bytes, FeeTerms]
    transactions: list[Seen]

    @classmethod
    def new(cls, services: Iterable[str]) -> Insurer:
        """With decoys drawn as the program draws them."""
        return cls(new_schedule_key(), {service: draw_decoys() for service in services}, {}, [])

    def ids_of(self, service: str) -> tuple[bytes, ...]:
        """A service's own id, and its decoys'."""
        return (self.own(service), *decoy_ids(self.key, service, self.decoys[service]))

    def own(self, service: str) -> bytes:
        """The id that records name."""
        return service_id(self.key, service)

    def publish(self, fees: Mapping[str, FeeTerms]) -> None:
        """As ``insurer fees`` does."""
        changes = compare(fees, self.ids_of, self._newest, now=0)
        for chunk in mixed(changes.to_publish):
            self._send([(each, changes.to_publish[each]) for each in chunk])

    def publish_as_before(self, fees: Mapping[str, FeeTerms]) -> None:
        """As it was done once: in the catalogue's order, without decoys."""
        rows = [(self.own(service), terms) for service, terms in fees.items()]
        for start in range(0, len(rows), FEES_PER_TRANSACTION):
            self._send(rows[start : start + FEES_PER_TRANSACTION])

    def seen(self) -> Seen:
        """Every log, in the chain's order."""
        return [row for transaction in self.transactions for row in transaction]

    def seen_of(self, services: Iterable[str]) -> Seen:
        """The logs of ids that claims have named: what they show is no decoy's."""
        used = {self.own(service) for service in services}
        return [row for row in self.seen() if row[0] in used]

    def _newest(self, each: bytes) -> Newest[FeeTerms] | None:
        return Newest(self.published[each], 0) if each in self.published else None

    def _send(self, rows: Seen) -> None:
        self.transactions.append(rows)
        self.published.update(rows)


Attack = Callable[[Seen, Mapping[str, FeeTerms]], dict[str, bytes]]
"""Names services of the public catalogue: which id each has, one guess a service."""


def by_order(seen: Seen, public: Mapping[str, FeeTerms]) -> dict[str, bytes]:
    """The first id is the catalogue's first service."""
    return {service: each for service, (each, _) in zip(public, seen, strict=False)}


def by_terms(seen: Seen, public: Mapping[str, FeeTerms]) -> dict[str, bytes]:
    """An id with an amount and a category of the catalogue's is a service of those, the first its first."""
    groups = _groups(seen)
    turns: dict[tuple[int, int], int] = defaultdict(int)
    guesses: dict[str, bytes] = {}
    for service, terms in public.items():
        kind = (terms.amount, terms.category)
        if turns[kind] < len(groups[kind]):
            guesses[service] = groups[kind][turns[kind]]
            turns[kind] += 1
    return guesses


def for_certain(seen: Seen, public: Mapping[str, FeeTerms]) -> dict[str, bytes]:
    """Only where one id alone has the amount and the category of one service alone: no guess at all."""
    groups = _groups(seen)
    services: dict[tuple[int, int], list[str]] = defaultdict(list)
    for service, terms in public.items():
        services[terms.amount, terms.category].append(service)
    return {
        alike[0]: groups[kind][0] for kind, alike in services.items() if len(alike) == len(groups[kind]) == 1
    }


ATTACKS: dict[str, Attack] = {
    "by order": by_order,
    "by amount and category": by_terms,
    "for certain by amount and category": for_certain,
}


def named(insurer: Insurer, guesses: Mapping[str, bytes]) -> int:
    """How many guesses are right: the id is the service's own, which claims will name."""
    return sum(insurer.own(service) == each for service, each in guesses.items())


def scores() -> dict[str, tuple[int, int]]:
    """What each attack names of the packaged catalogue: before, and now."""
    fees = catalogue_fees(Catalogue.load())
    before, now = Insurer.new(fees), Insurer.new(fees)
    before.publish_as_before(fees)
    now.publish(fees)
    found = {
        name: (named(before, attack(before.seen(), fees)), named(now, attack(now.seen(), fees)))
        for name, attack in ATTACKS.items()
    }
    # What remains: a claim names its service's own id, and the fee stands beside it.
    found["for certain, once all were charged"] = tuple(  # type: ignore[assignment]
        named(insurer, for_certain(insurer.seen_of(fees), fees)) for insurer in (before, now)
    )
    return found


def _groups(seen: Seen) -> dict[tuple[int, int], list[bytes]]:
    groups: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    for each, terms in seen:
        groups[terms.amount, terms.category].append(each)
    return groups


def show_scores() -> None:
    """Print the score."""
    total = len(Catalogue.load().entries)
    print(f"services an outsider names, of {total}:  before  now")
    for name, (before, now) in scores().items():
        print(f"  {name:<36} {before:>6}  {now:>3}")


if __name__ == "__main__":
    show_scores()
