"""Claims as they are written: which of them count, and what each of their lines says.

A claim is a Claim or an ExplanationOfBenefit (which repeats a claim after somebody adjudicated it);
ChargeItems and Invoices are read the same way and come after both. Which one counts is FHIR R4's
``Claim.status``, ``Claim.use`` and ``Claim.related``; what a line costs is ``Claim.item.net``, else quantity
times unit price times factor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from chainbill.errors import AmountError
from chainbill.interop.fhir.dates import EPOCH, ends_before_it_starts, first_date, parse_date
from chainbill.interop.fhir.elements import Json, all_codings, child, children, codings, number, text, words
from chainbill.interop.fhir.files import Source
from chainbill.interop.fhir.references import ReferenceIndex, Target
from chainbill.interop.fhir.report import LeftOut, SkipReason
from chainbill.interop.fhir.validation import not_understood_because
from chainbill.money import cents_from_decimal
from chainbill.records.catalogue import Coding
from chainbill.records.service_event import PriceSource

CLAIM_TYPES = ("Claim", "ExplanationOfBenefit", "ChargeItem", "Invoice")
"""Resources that state prices, those that go first coming first."""

_MOST_DIGITS = 20
_CPT = "http://www.ama-assn.org/go/cpt"
PROCEDURE_CODE = re.compile(r"\d{4}[0-9A-Z]|[A-V]\d{4}")
_CURRENCY = "USD"
_SUCCEEDS = ("prior", "replaces")
"""Codes of ``Claim.related.relationship`` by which a claim takes the place of the one it names."""
_TYPES = ("professional", "institutional", "pharmacy", "oral", "vision")
"""Claim types (HL7 claim-type) that words can say."""
_MONEY = ("net", "unitPrice", "tax")


class Problem(NamedTuple):
    """Why a claim does not count."""

    reason: SkipReason
    detail: str = ""


@dataclass(slots=True, eq=False)
class Line:
    """One line of a claim, and what became of its amount."""

    claim: Claim
    number: int
    item: Json
    codings: list[Coding]
    amount: int | None
    """Micro-dollars in whole cents, of either sign; None: it states none, or none in dollars."""
    units: int = 1
    currency: str = ""
    """The currency, if it is not dollars."""
    encounters: list[Target] = field(default_factory=list)
    event: str | None = None
    left_out: LeftOut | None = None
    detail: str = ""

    @property
    def named(self) -> str:
        """The line as a reason names it."""
        return f"{self.claim.source.label} line {self.number}"

    @property
    def open(self) -> bool:
        """Whether nothing has become of it yet."""
        return self.event is None and self.left_out is None

    def leave_out(self, reason: LeftOut, detail: str = "") -> None:
        """Say why no event bills it; the first reason stays."""
        if self.open:
            self.left_out, self.detail = reason, detail

    @property
    def modifiers(self) -> set[str]:
        """Its procedure modifiers, in capitals."""
        return {coding.code.upper() for coding in all_codings(children(self.item, "modifier"))}

    @property
    def places_of_service(self) -> set[str]:
        """Codes of the place where it was performed."""
        return {coding.code for coding in codings(child(self.item, "locationCodeableConcept"))}


@dataclass(slots=True, eq=False)
class Claim:
    """A claim of the record, with its lines."""

    source: Source
    lines: list[Line] = field(default_factory=list)
    total: int | None = None
    """What it states as its sum, in micro-dollars; None: nothing, or not in dollars."""
    currency: str = ""
    """The currency of its total, if it is not dollars."""
    patient: str = ""
    """Identity of its patient; empty: it names none."""
    provider: Target | None = None
    type: str = ""
    """``professional``, ``institutional``, ``pharmacy``, …"""
    prescription: Target | None = None
    problem: Problem | None = None
    repeats: Claim | None = None

    @property
    def counts(self) -> bool:
        """Whether it was really made, and stands."""
        return self.problem is None

    @property
    def is_pharmacy(self) -> bool:
        """Whether it is a pharmacy's."""
        return self.type == "pharmacy" or self.prescription is not None

    @property
    def made(self) -> tuple[datetime, datetime, str]:
        """Orders claims by age: when it was created, updated, and for want of both its name."""
        resource = self.source.resource
        updated = first_date(child(resource, "meta"), "lastUpdated")
        created = first_date(resource, "created", "enteredDate", "date", "billablePeriod")
        return created or EPOCH, updated or EPOCH, self.source.identity

    @property
    def visits(self) -> set[str]:
        """The identities of the encounters that its lines name."""
        return {target.reference for line in self.lines for target in line.encounters}

    @property
    def line_source(self) -> PriceSource:
        """Where the price of one of its lines is read."""
        charges = ("ChargeItem", "Invoice")
        return PriceSource.CHARGE_ITEM if self.source.type in charges else PriceSource.CLAIM_ITEM

    @property
    def of_lines(self) -> int:
        """What its lines come to."""
        return sum(line.amount or 0 for line in self.lines)


def read_claims(sources: Iterable[Source], index: ReferenceIndex) -> list[Claim]:
    """The claims of a record, those of a type that goes first first, else in file order, each with its
    problem.
    """
    ordered = sorted(sources, key=lambda source: CLAIM_TYPES.index(source.type))
    items = {source.identity: source for source in ordered if source.type == "ChargeItem"}
    claims = [_read(source, index, items) for source in ordered]
    _replace(claims, index)
    return claims


def _read(source: Source, index: ReferenceIndex, charge_items: dict[str, Source]) -> Claim:
    resource = source.resource
    claim = Claim(source, problem=_problem(resource))
    if claim.problem is not None and claim.problem.reason is SkipReason.INVALID:
        return claim  # its elements are not what they should be
    named = "patient" if source.type in ("Claim", "ExplanationOfBenefit") else "subject"
    patient = index.in_lieu(index.follow(child(resource, named), source, "Patient"))
    claim.patient = patient.reference
    for name in ("provider", "performingOrganization", "issuer"):
        target = index.follow(child(resource, name), source, "Organization")
        if not target.missing:
            claim.provider = target
            break
    claim.type = _type(child(resource, "type"))
    prescription = child(resource, "prescription")
    claim.prescription = index.follow(prescription, source, "MedicationRequest") if prescription else None
    stated = _total(resource)
    claim.currency = _foreign(stated) or _foreign_of_items(resource, stated)
    claim.total = None if claim.currency else _amount_or_none(stated)
    claim.lines = (
        _charge_lines(claim, index, charge_items)
        if source.type in CLAIM_TYPES[2:]
        else [
            _line(claim, place, item, index) for place, item in enumerate(children(resource, "item"), start=1)
        ]
    )
    _number_apart(claim.lines)
    return claim


def _type(stated: Json) -> str:
    """The type of a claim by its code, or for want of one by its words."""
    if listed := codings(stated):
        return listed[0].code.lower()
    said = set(re.findall(r"[a-z]+", words(stated)))
    return next((name for name in _TYPES if name in said), "")


def _number_apart(lines: list[Line]) -> None:
    """Give lines that share a number new ones: the first keeps it, since events are named by it."""
    taken, after = {line.number for line in lines}, max((line.number for line in lines), default=0)
    for line in lines:
        if line.number in taken:
            taken.discard(line.number)
        else:
            after += 1
            line.number = after


def _line(claim: Claim, place: int, item: Json, index: ReferenceIndex) -> Line:
    sequence = item.get("sequence")
    value, currency = line_value(item, claim.currency)
    line = Line(
        claim,
        number=sequence if isinstance(sequence, int) and 0 < sequence < 10**9 else place,
        item=item,
        codings=product_codings(item),
        amount=None,
        units=_units(item),
        currency=currency,
    )
    if currency:
        line.leave_out(LeftOut.OTHER_CURRENCY, f"in {currency}")
    elif value is not None:
        _set_amount(line, value)
    if not_understood_because(item, deep=True):
        line.leave_out(LeftOut.NOT_UNDERSTOOD, "it carries a modifier extension")
    targets = (index.follow(each, claim.source, "Encounter") for each in children(item, "encounter"))
    line.encounters = list({target.reference: target for target in targets if target.reference}.values())
    return line


def _charge_lines(claim: Claim, index: ReferenceIndex, charge_items: dict[str, Source]) -> list[Line]:
    """A ChargeItem is one line; an Invoice has one for each of its line items."""
    resource = claim.source.resource
    if claim.source.type == "ChargeItem":
        return [_charge_line(claim, 1, claim.source, child(resource, "priceOverride"), index)]
    lines = []
    for place, stated in enumerate(children(resource, "lineItem"), start=1):
        target = index.follow(child(stated, "chargeItemReference"), claim.source, "ChargeItem")
        charged = charge_items.get(target.reference)
        price, currency = _invoiced(stated)
        if charged is not None:
            line = _charge_line(claim, place, charged, {}, index)
            if _amount_or_none(child(charged.resource, "priceOverride")) is not None:
                line.leave_out(LeftOut.REPEATED, charged.label)
        else:
            line = _line(
                claim, place, {"productOrService": child(stated, "chargeItemCodeableConcept")}, index
            )
        if currency:
            line.currency = currency
            line.leave_out(LeftOut.OTHER_CURRENCY, f"in {currency}")
        elif price is not None:
            _set_amount(line, price)
        if not_understood_because(stated, deep=True):
            line.leave_out(LeftOut.NOT_UNDERSTOOD, "it carries a modifier extension")
        lines.append(line)
    return lines


def _charge_line(claim: Claim, place: int, charged: Source, price: Json, index: ReferenceIndex) -> Line:
    resource = charged.resource
    item: Json = {
        "productOrService": child(resource, "code"),
        "quantity": child(resource, "quantity"),
        "encounter": [child(resource, "context")] if child(resource, "context") else [],
        **{
            f"serviced{form}": resource.get(f"occurrence{written}")
            for form, written in (("Date", "DateTime"), ("Period", "Period"))
        },
    }
    if price:
        item["net"] = price
    line = _line(claim, place, item, index)
    line.encounters = [target for target in line.encounters if target.type in ("Encounter", "")]
    return line


def _invoiced(stated: Json) -> tuple[Decimal | None, str]:
    """What a line item of an Invoice comes to: base and what is put on, less what is taken off."""
    signs = {"base": 1, "surcharge": 1, "tax": 1, "deduction": -1, "discount": -1}
    total: Decimal | None = None
    for component in children(stated, "priceComponent"):
        money = child(component, "amount")
        value = number(money, "value")
        sign = signs.get(text(component, "type"))
        if value is None or sign is None:
            continue
        if currency := _foreign(money):
            return None, currency
        total = (total or Decimal(0)) + (value.copy_abs() * sign if sign < 0 else value)
    return total, ""


def line_value(item: Json, inherited: str = "") -> tuple[Decimal | None, str]:
    """What a line comes to in dollars, and its currency if that is another.

    ``net`` (FHIR R4 Claim.item.net), else quantity times unit price times factor, and tax where it is
    stated; of a line with neither, the sum of its details. A line without a currency is in its claim's.
    """
    net = child(item, "net")
    if (value := number(net, "value")) is not None:
        return _in_dollars(value, net, inherited)
    price = child(item, "unitPrice")
    if (value := number(price, "value")) is not None:
        value = _product(value, number(child(item, "quantity"), "value"), number(item, "factor"))
        tax = number(child(item, "tax"), "value")
        if tax is not None and text(child(item, "tax"), "currency") not in (
            "",
            text(price, "currency") or _CURRENCY,
        ):
            return None, text(child(item, "tax"), "currency")
        return _in_dollars(value + tax if tax is not None else value, price, inherited)
    total: Decimal | None = None
    for detail in [*children(item, "detail"), *children(item, "subDetail")]:
        stated, currency = line_value(detail, inherited)
        if currency:
            return None, currency
        if stated is not None:
            total = (total or Decimal(0)) + stated
    return total, ""


def amount_of(money: Json) -> int | None:
    """Money as whole cents in micro-dollars, of either sign; None where it is no amount of dollars.

    Raises:
        AmountError: it is more than a contract can hold.
    """
    value = number(money, "value")
    return None if value is None or _foreign(money) else cents(value)


def _amount_or_none(money: Json) -> int | None:
    try:
        return amount_of(money)
    except AmountError:
        return None


def cents(value: Decimal) -> int:
    """Dollars rounded half up to whole cents, in micro-dollars, of either sign.

    Raises:
        AmountError: it is more than a contract can hold.
    """
    if value and value.adjusted() > _MOST_DIGITS:  # before arithmetic that such a number would overflow
        raise AmountError(f"a number of {value.adjusted()} digits")
    return cents_from_decimal(value.copy_abs()) * (-1 if value < 0 else 1)


def product_codings(item: Json) -> list[Coding]:
    """The codings of a line's product or service; a bare procedure code is CPT's or HCPCS's, as on a US
    claim.
    """
    found = codings(child(item, "productOrService"))
    return [
        Coding(_CPT, coding.code) if not coding.system and PROCEDURE_CODE.fullmatch(coding.code) else coding
        for coding in found
    ]


def _set_amount(line: Line, value: Decimal) -> None:
    try:
        line.amount = cents(value)
    except AmountError:
        line.leave_out(LeftOut.TOO_MUCH)


def _in_dollars(value: Decimal, money: Json, inherited: str) -> tuple[Decimal | None, str]:
    currency = text(money, "currency") or inherited
    return (None, currency) if currency not in ("", _CURRENCY) else (value, "")


def _product(value: Decimal, *factors: Decimal | None) -> Decimal:
    for factor in factors:
        if factor is not None:
            value = _bounded(value) * _bounded(factor)
    return value


def _bounded(value: Decimal) -> Decimal:
    """A number that can be multiplied: absurd ones would overflow, and are too much anyway."""
    return Decimal(10) ** (_MOST_DIGITS + 1) if value and value.adjusted() > _MOST_DIGITS else value


def _units(item: Json) -> int:
    quantity = number(child(item, "quantity"), "value")
    if quantity is None or quantity.adjusted() > 5 or quantity != quantity.to_integral_value():
        return 1
    return int(quantity) if 1 <= quantity < 2**16 else 1


def _total(resource: Json) -> Json:
    """A Claim states one total, an ExplanationOfBenefit lists them by category, an Invoice says gross or
    net.
    """
    for stated in children(resource, "total"):
        if any(coding.code == "submitted" for coding in codings(child(stated, "category"))):
            return child(stated, "amount")
    return child(resource, "total") or child(resource, "totalGross") or child(resource, "totalNet")


def _foreign(money: Json) -> str:
    currency = text(money, "currency")
    return currency if currency not in ("", _CURRENCY) else ""


def _foreign_of_items(resource: Json, total: Json) -> str:
    """The one foreign currency of a claim whose total states none: what states none is in it, too."""
    if text(total, "currency"):
        return ""
    stated = {text(child(item, name), "currency") for item in children(resource, "item") for name in _MONEY}
    stated.discard("")
    return stated.pop() if len(stated) == 1 and _CURRENCY not in stated else ""


def _problem(resource: Json) -> Problem | None:
    """Why a claim does not count, whatever the others say."""
    # A line's own modifier extension leaves out that line alone.
    header = {name: value for name, value in resource.items() if name not in ("item", "lineItem")}
    if told := not_understood_because(header, deep=True):
        return Problem(SkipReason.NOT_UNDERSTOOD, told)
    if element := _malformed(resource):
        return Problem(SkipReason.INVALID, element)
    status, use = text(resource, "status"), text(resource, "use")
    accepted: tuple[str, ...] = ("active", "")
    if resource.get("resourceType") == "ChargeItem":
        accepted = ("billable", "billed", "unknown", "not-billable", "")
    elif resource.get("resourceType") == "Invoice":
        accepted = ("issued", "balanced", "")
    if status not in accepted:
        return Problem(SkipReason.STATUS, status)
    if use not in ("claim", ""):
        return Problem(SkipReason.NOT_FOR_PAYMENT, use)
    return None


def _malformed(resource: Json) -> str:
    """The first element of a claim that is not of its FHIR type, in words; its value is not repeated.

    A claim that lacks elements still says what it says; one that writes ``"140.00"`` for 140.00 does not.
    """
    for name in ("status", "use", "created"):
        if name in resource and not isinstance(resource[name], str):
            return f"{name}: not text"
    for name in ("created", "enteredDate", "date"):
        stated = resource.get(name)
        if stated is not None and (not isinstance(stated, str) or parse_date(stated) is None):
            return f"{name}: not a date"
    for name in ("item", "related", "lineItem"):
        if name in resource and not _is_list_of_objects(resource[name]):
            return f"{name}: not a list of objects"
    for place, item in enumerate(children(resource, "item")):
        where = f"item.{place}"
        if told := _item_problem(item, where) or _dates_problem(item, "serviced", where):
            return told
    for place, item in enumerate(children(resource, "lineItem")):
        for component in children(item, "priceComponent"):
            if told := _money_problem(component, "amount", f"lineItem.{place}.priceComponent"):
                return told
    for name in ("priceOverride", "totalGross", "totalNet"):
        if told := _money_problem(resource, name, ""):
            return told
    if told := _period_problem(resource, "billablePeriod", ""):
        return told
    total = resource.get("total")
    if isinstance(total, list):
        stated = (_money_problem(each, "amount", "total") for each in children(resource, "total"))
        return next((told for told in stated if told), "")
    return _money_problem(resource, "total", "")


def _item_problem(item: Json, where: str) -> str:
    """What is not of its type in a line, its details, or theirs."""
    for name in ("encounter", "modifier", "detail", "subDetail"):
        if name in item and not _is_list_of_objects(item[name]):
            return f"{where}.{name}: not a list of objects"
    if "productOrService" in item and not isinstance(item["productOrService"], dict):
        return f"{where}.productOrService: not an object"
    for name in (*_MONEY, "quantity"):
        if told := _money_problem(item, name, where):
            return told
    if "factor" in item and number(item, "factor") is None:
        return f"{where}.factor: not a number"
    for name in ("detail", "subDetail"):
        for detail in children(item, name):
            if told := _item_problem(detail, f"{where}.{name}"):
                return told
    return ""


def _dates_problem(item: Json, name: str, where: str) -> str:
    stated = item.get(f"{name}Date")
    if stated is not None and (not isinstance(stated, str) or parse_date(stated) is None):
        return f"{where}.{name}Date: not a date"
    return _period_problem(item, f"{name}Period", f"{where}.")


def _period_problem(holder: Json, name: str, where: str) -> str:
    if name in holder and not isinstance(holder[name], dict):
        return f"{where}{name}: not an object"
    for end in ("start", "end"):
        stated = child(holder, name).get(end)
        if stated is not None and (not isinstance(stated, str) or parse_date(stated) is None):
            return f"{where}{name}.{end}: not a date"
    if ends_before_it_starts(child(holder, name)):
        return f"{where}{name}: it ends before it starts"
    return ""


def _money_problem(holder: Json, name: str, where: str) -> str:
    if name not in holder:
        return ""
    place = f"{where}.{name}".removeprefix(".")
    if not isinstance(holder[name], dict):
        return f"{place}: not an object"
    if "currency" in holder[name] and not isinstance(holder[name]["currency"], str):
        return f"{place}.currency: not text"
    if "value" in holder[name] and number(holder[name], "value") is None:
        return f"{place}.value: not a number"
    return ""


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _replace(claims: list[Claim], index: ReferenceIndex) -> None:
    """Of a chain of claims that name each other as prior, the newest alone stands, whatever their order."""
    by_identity = {claim.source.identity: claim for claim in claims}
    priors = {claim.source.identity: list(_priors(claim, by_identity, index)) for claim in claims}
    replaced: dict[str, Claim] = {}
    for claim in sorted((each for each in claims if each.counts), key=lambda each: each.made):
        # Older ones first, so that the newest of a fork or a ring has the last word.
        waiting, seen = [claim.source.identity], {claim.source.identity}
        while waiting:
            for prior in priors[waiting.pop()]:
                if prior not in seen:
                    seen.add(prior)
                    waiting.append(prior)
                    replaced[prior] = claim
        by = replaced.get(claim.source.identity)
        if by is not None and by.source.identity in seen:
            del replaced[claim.source.identity]  # a ring: the newest of it stands
    successors: dict[str, list[Claim]] = {}
    for claim in claims:
        if claim.counts:
            for prior in priors[claim.source.identity]:
                successors.setdefault(prior, []).append(claim)
    for heads in successors.values():
        kinds: dict[str, list[Claim]] = {}
        for head in heads:
            kinds.setdefault(head.type, []).append(head)
        for rivals in kinds.values():
            newest = max(rivals, key=lambda each: each.made)
            for rival in rivals:
                if rival is not newest:
                    replaced.setdefault(rival.source.identity, newest)
    for identity, claim in replaced.items():
        if by_identity[identity].counts:
            by_identity[identity].problem = Problem(SkipReason.REPLACED, claim.source.label)


def _priors(claim: Claim, by_identity: dict[str, Claim], index: ReferenceIndex) -> Iterator[str]:
    for related in children(claim.source.resource, "related"):
        relationship = {coding.code for coding in codings(child(related, "relationship"))}
        if relationship.isdisjoint(_SUCCEEDS):
            continue
        stated = child(related, "claim") or {"identifier": child(related, "reference")}
        target = index.follow(stated, claim.source, claim.source.type)
        prior = by_identity.get(target.reference)
        if prior is None or prior is claim or _of_two_patients(prior, claim):
            continue
        yield target.reference


def _of_two_patients(claim: Claim, other: Claim) -> bool:
    return "" not in (claim.patient, other.patient) and claim.patient != other.patient
