"""What Claims and ExplanationOfBenefits say a visit or a prescription was billed at.

A visit's price is its own item's ``net``, else the claim's total less the other items' net. A
prescription's is the total of the Claim whose ``prescription`` names it. A Claim goes before an
ExplanationOfBenefit (which repeats it after somebody adjudicated it), and the first in the file before
later ones. Only claims that were really made count: active, not a pre-authorisation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from chainbill.errors import AmountError
from chainbill.interop.fhir.dates import EPOCH, first_date
from chainbill.interop.fhir.elements import Json, all_codings, child, children, codings, number, text
from chainbill.interop.fhir.files import Source
from chainbill.interop.fhir.references import ReferenceIndex
from chainbill.interop.fhir.report import NoEvent, SkipReason
from chainbill.money import cents_from_decimal
from chainbill.records.catalogue import Coding
from chainbill.records.service_event import PriceSource

_MOST_DIGITS = 20


class Price(NamedTuple):
    """A billed amount, where it was read, and the claim it was read from."""

    amount: int
    """Micro-dollars, whole cents, more than zero."""
    source: PriceSource
    claim: Source


@dataclass(frozen=True, slots=True, eq=False)
class _VisitLine:
    """A claim and the items of it that name one visit."""

    claim: Source
    items: list[Json]

    def own_item(self, types: Iterable[Coding]) -> Json:
        """The visit's own item: where several name the visit, the one of its type, else the first."""
        wanted = set(types)
        of_type = (item for item in self.items if wanted & set(codings(child(item, "productOrService"))))
        return next(of_type, self.items[0])


@dataclass(slots=True)
class PriceBook:
    """The prices of a file, by the identity of the visit or prescription they are for."""

    index: ReferenceIndex
    _visits: dict[str, list[_VisitLine]] = field(default_factory=dict)
    _fills: dict[str, list[Source]] = field(default_factory=dict)
    _priced: dict[str, list[str]] = field(default_factory=dict)

    def add(self, claims: Iterable[Source]) -> None:
        """Take in every Claim and ExplanationOfBenefit of a file, once the index knows the file."""
        for claim in sorted(claims, key=lambda claim: claim.type != "Claim"):
            if _unused_because(claim.resource):
                continue
            if isinstance(claim.resource.get("prescription"), dict):
                named = self.index.follow(child(claim.resource, "prescription"), claim)
                self._fills.setdefault(named.reference, []).append(claim)
            elif not any(code == "pharmacy" for _, code in codings(child(claim.resource, "type"))):
                for visit, items in self._items_by_visit(claim).items():
                    self._visits.setdefault(visit, []).append(_VisitLine(claim, items))
        for found in self._fills.values():
            # Claims still go before benefits: one type of them prices all fills of a prescription.
            found[:] = [claim for claim in found if claim.type == found[0].type]
            found.sort(key=lambda claim: first_date(claim.resource, "billablePeriod", "created") or EPOCH)

    def visit(self, visit: str, types: list[Coding]) -> Price | None:
        """The price of a visit, or None where no claim prices it.

        Raises:
            NoEvent: it is priced at nothing, less than nothing, or too much.
        """
        for claim_type in ("Claim", "ExplanationOfBenefit"):
            lines = [line for line in self._visits.get(visit, []) if line.claim.type == claim_type]
            for line in lines:
                net = _cents(child(line.own_item(types), "net"))
                if net is not None:
                    return self._price(net, PriceSource.CLAIM_ITEM, line.claim, visit)
            for line in lines:
                rest = self._total_less_others(line, line.own_item(types))
                if rest is not None:
                    return self._price(rest, PriceSource.CLAIM_TOTAL, line.claim, visit)
        return None

    def fill(self, prescription: str, number_of_fill: int, fill: str) -> Price | None:
        """The price of the n-th fill (from zero) of a prescription, or None.

        Where a prescription has several fills and several claims, they are paired in order of date.

        Raises:
            NoEvent: it is priced at nothing, less than nothing, or too much.
        """
        found = self._fills.get(prescription, [])
        if number_of_fill >= len(found):
            return None
        claim = found[number_of_fill]
        total = _total(claim.resource)
        return None if total is None else self._price(total, PriceSource.CLAIM_TOTAL, claim, fill)

    def modifiers(self, visit: str) -> set[str]:
        """The modifier codes of the claim items that name a visit."""
        items = (item for line in self._visits.get(visit, []) for item in line.items)
        return {coding.code for item in items for coding in all_codings(children(item, "modifier"))}

    def visit_claims(self, visit: str) -> Iterator[Source]:
        """The claims for a visit, those read first going first."""
        return (line.claim for line in self._visits.get(visit, []))

    def fill_claims(self, prescription: str) -> Iterator[Source]:
        """The claims for a prescription, in order of date."""
        return iter(self._fills.get(prescription, []))

    def use_of(self, claim: Source) -> str:
        """What a claim was the price of, in words."""
        if reason := _unused_because(claim.resource):
            return f"of nothing: {reason}"
        return f"of {', '.join(self._priced.get(claim.identity, ['nothing here']))}"

    def _items_by_visit(self, claim: Source) -> dict[str, list[Json]]:
        found: dict[str, list[Json]] = {}
        for item in children(claim.resource, "item"):
            for reference in children(item, "encounter"):
                visit = self.index.follow(reference, claim, "Encounter")
                found.setdefault(visit.reference, []).append(item)
        return found

    def _total_less_others(self, line: _VisitLine, own: Json) -> int | None:
        total = _total(line.claim.resource)
        if total is None:
            return None
        for item in children(line.claim.resource, "item"):
            if item is own:
                continue
            net = _cents(child(item, "net"))
            if net is None and (child(item, "net") or self._is_of_another_visit(item, line)):
                return None  # what is left would hold another visit's price too, or another currency
            total -= net or 0
        return total

    def _is_of_another_visit(self, item: Json, line: _VisitLine) -> bool:
        return bool(children(item, "encounter")) and not any(item is own for own in line.items)

    def _price(self, amount: int, source: PriceSource, claim: Source, priced: str) -> Price:
        self._priced.setdefault(claim.identity, []).append(priced)
        if amount < 0:
            raise NoEvent(SkipReason.UNUSABLE_PRICE, f"below zero in {claim.label}")
        if amount == 0:
            raise NoEvent(SkipReason.NO_CHARGE, f"priced at zero in {claim.label}")
        return Price(amount, source, claim)


def _unused_because(claim: Json) -> str:
    if text(claim, "status") not in ("active", ""):
        return "it is not active"
    if text(claim, "use") not in ("claim", ""):
        return "it is no claim but a request beforehand"
    return ""


def _total(claim: Json) -> int | None:
    """A claim's total: a Claim states one, an ExplanationOfBenefit lists them by category.

    Without one, the sum of the items, if every item has a net.
    """
    for stated in children(claim, "total"):
        if any(coding.code == "submitted" for coding in codings(child(stated, "category"))):
            return _cents(child(stated, "amount"))
    if stated := child(claim, "total"):
        return _cents(stated)
    nets = [_cents(child(item, "net")) for item in children(claim, "item")]
    known = [net for net in nets if net is not None]
    return sum(known) if known and len(known) == len(nets) else None


def _cents(money: Json) -> int | None:
    """Money as whole cents in micro-dollars, of either sign; None where it is no amount of dollars.

    Raises:
        NoEvent: it is more than a contract can hold.
    """
    value = number(money, "value")
    if value is None or text(money, "currency") not in ("USD", ""):
        return None
    try:
        if value and value.adjusted() > _MOST_DIGITS:  # before arithmetic that such a number would overflow
            raise AmountError(f"a number of {value.adjusted()} digits")
        return cents_from_decimal(value.copy_abs()) * (-1 if value < 0 else 1)
    except AmountError:
        raise NoEvent(SkipReason.UNUSABLE_PRICE, "more than a contract can hold") from None
