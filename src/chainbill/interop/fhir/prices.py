"""What the record's claims say that its visits, tests and fills were billed at, and what became of every
line.

A line prices the visit that it names, or the only visit of its patient, provider and day; the laboratory
test, session or reading with its code; the prescription that its claim names. What is left is an event of
its own (``line_events``) or left out with a reason. Claims go before ExplanationOfBenefits, which repeat
them after somebody adjudicated them, and both before ChargeItems and Invoices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from chainbill.interop.fhir.claims import PROCEDURE_CODE, Claim, Line, read_claims
from chainbill.interop.fhir.dates import EPOCH, days_of, first_date, service_moment
from chainbill.interop.fhir.elements import child, codings, text
from chainbill.interop.fhir.files import Source, tail
from chainbill.interop.fhir.references import ReferenceIndex, Target
from chainbill.interop.fhir.report import (
    ClaimLine,
    LeftOut,
    NoEvent,
    SkippedResource,
    SkipReason,
)
from chainbill.money import MAX_AMOUNT, show_dollars
from chainbill.records.catalogue import Catalogue, Coding
from chainbill.records.device_supply import DAYS_IN_30
from chainbill.records.service_event import PriceSource, ServiceKind

VISIT_KINDS = (ServiceKind.IN_PERSON_VISIT, ServiceKind.TELEHEALTH_VISIT)
_SERVICE_KINDS = (
    ServiceKind.REMOTE_MONITORING_UPLOAD,
    ServiceKind.DIGITAL_THERAPEUTICS_SESSION,
    ServiceKind.LABORATORY_TEST,
)
_VISIT_REVENUE = ("045", "051", "052", "010", "011", "012", "013", "014", "015", "016", "020", "021", "0762")
"""Revenue codes (UB-04) of the emergency room, clinics, room and board, intensive care and observation."""
_DRUG_SYSTEMS = ("http://www.nlm.nih.gov/research/umls/rxnorm", "http://hl7.org/fhir/sid/ndc")
_GIVEN = re.compile(r"J\d{4}")
"""HCPCS codes of drugs that were given, not handed out."""
_NEVER_VISITS = ("http://loinc.org", *_DRUG_SYSTEMS)
"""Code systems of measurements and medicines."""
TELEHEALTH_MODIFIERS = frozenset({"95", "93", "GT", "GQ", "G0", "FQ", "FR"})
"""CPT and HCPCS modifiers of telehealth: by video, by telephone, asynchronous, acute stroke, audio only,
supervised."""

TELEHEALTH_PLACES = frozenset({"02", "10"})
"""CMS place-of-service codes: telehealth elsewhere than, and in, the patient's home."""

_APART_CODES = re.compile(r"9942[1-3]|9897[0-2]|G2010|G2250")
"""CPT and HCPCS codes of what nobody meets for: messages over days, pictures seen later."""
_VISIT_CODE = re.compile(
    r"99024|99[2-4]\d\d|995\d\d|9960[0-2]|980(0\d|1[0-6])"
    r"|9079[12]|908\d\d|920(02|04|12|14)|5942[56]|59430"
    r"|925(0[78]|2[1-6])|9615[6-9]|9616\d|9617[01]|97[0-7]\d\d|9780[2-4]|9781\d|9892\d|9894\d|9896\d"
    r"|G0402|G043[89]|G0463|G046[6-9]|G0470|G010[89]|T1015|S0201|S9083|H[0-2]\d{3}|D01\d\d"
)
"""Codes that can be all a visit is, listed in the catalogue or not: CPT's evaluation and management (99202 to
99499), postoperative visits, home visits (99500 to 99602), telemedicine; psychiatry, eye visits, care before
and after birth; treatment that is the whole of its visit (speech, behaviour, physical and occupational
therapy, nutrition, acupuncture, osteopathic and chiropractic, training); of HCPCS the visits of clinics and
health centres, yearly visits, urgent care, day programmes (S0201), behavioural health (H), and the dentist's
examination (D)."""
_RANKS = (("Claim",), ("ExplanationOfBenefit",), ("ChargeItem", "Invoice"))
_TYPE_ORDER = ("professional", "institutional")


class Visit(NamedTuple):
    """An encounter of the record as lines may find it."""

    source: Source
    patient: str
    providers: frozenset[str]
    """Identities of its organisation and participants; empty: unknown."""
    day: date | None
    """Its day where it took place; None: not known exactly."""
    types: list[Coding]
    virtual: bool
    """Whether its class or type says so."""
    takes_lines: bool
    """Whether it is a visit that lines which name none may belong to."""


@dataclass(frozen=True, slots=True, eq=False)
class Price:
    """A billed amount, where it was read, and the lines that it is the sum of."""

    amount: int
    """Micro-dollars, whole cents, more than zero."""
    source: PriceSource
    claim: Claim
    lines: list[Line]
    whole: bool = False
    """Whether it is all that the claim's total holds."""


@dataclass(slots=True, eq=False)
class _Charge:
    """What one claim asks for one visit or fill."""

    claim: Claim
    lines: list[Line]
    amount: int
    source: PriceSource
    whole: bool = False


@dataclass(slots=True)
class Repetitions:
    """Which claims of a record are others told again: an ExplanationOfBenefit of a claim, a ChargeItem or
    Invoice of its lines.

    An ExplanationOfBenefit that names its claim repeats it, whatever became of that; one that names none
    repeats the claim for the same prescription, visit, or code, amount and day. Of ChargeItems and Invoices
    that is asked line by line.
    """

    book: PriceBook
    _known: dict[tuple[object, ...], Claim] = field(default_factory=dict)

    def find(self) -> None:
        """Find them; a claim all of whose lines repeat another ``repeats`` it."""
        by_source = {id(claim.source): claim for claim in self.book.claims}
        for rank in _RANKS:
            claims = [claim for claim in self.book.claims if claim.source.type in rank and claim.counts]
            for claim in claims if rank != _RANKS[0] else ():
                source = claim.source
                named = self.book.index.follow(child(source.resource, "claim"), source, "Claim").found
                claim.repeats = by_source.get(id(named)) or self._whole(claim)
            for claim in claims:
                if claim.repeats is None:
                    for key in self._keys(claim):
                        self._known.setdefault(key, claim)

    def _whole(self, claim: Claim) -> Claim | None:
        if claim.source.type == "ExplanationOfBenefit":
            # A facility's is another charge than a professional's of the same visit.
            keys = (key for key in self._keys(claim) if key[0] != "line of visit")
            return next((self._known[key] for key in keys if key in self._known), None)
        twins = [self._twin(line) for line in claim.lines]
        if twins and all(twins):
            return twins[0]
        for line, twin in zip(claim.lines, twins, strict=True):
            if twin is not None:
                line.leave_out(LeftOut.REPEATED, twin.source.label)
        return None

    def _twin(self, line: Line) -> Claim | None:
        return next((self._known[key] for key in self._keys_of(line) if key in self._known), None)

    def _keys(self, claim: Claim) -> Iterator[tuple[object, ...]]:
        if claim.prescription is not None and claim.prescription.reference:
            yield "prescription", claim.prescription.reference
            return
        visits = list(dict.fromkeys(t.reference for line in claim.lines for t in line.encounters))
        for visit in visits:
            yield "visit", visit, claim.is_pharmacy, claim.type
        for line in claim.lines:
            yield from self._keys_of(line)

    def _keys_of(self, line: Line) -> Iterator[tuple[object, ...]]:
        kind = self.book.kind(line)
        remote = self.book.is_remote_code(line)
        service = "visit" if kind in VISIT_KINDS and not remote else self.book.service_key(line)
        if service:
            for target in line.encounters:
                yield "line of visit", target.reference, service
        if not line.encounters and line.amount:
            serviced = str(line.item.get("servicedDate") or line.item.get("servicedPeriod"))
            for coding in line.codings:
                yield line.claim.patient, coding, line.amount, serviced


@dataclass(slots=True)
class PriceBook:
    """The claims of a record and what they price."""

    index: ReferenceIndex
    catalogue: Catalogue
    claims: list[Claim] = field(default_factory=list)
    extra: dict[str, list[Price]] = field(default_factory=dict)
    """Charges for a visit beside its own: a facility's beside a professional's, by the visit's identity."""
    visits: dict[str, Visit] = field(default_factory=dict)
    _by_visit: dict[str, list[Line]] = field(default_factory=dict)
    _fills: dict[str, list[Claim]] = field(default_factory=dict)
    _priced: dict[str, list[str]] = field(default_factory=dict)
    _visit_of: dict[int, str] = field(default_factory=dict)
    """The visit that a line belongs to, by the line."""
    _kinds: dict[int, ServiceKind | None] = field(default_factory=dict)
    """What lines' codes are, once asked."""
    _of_day: dict[tuple[str, date], list[Visit]] = field(default_factory=dict)
    """Visits that take lines, by patient and day."""
    _by_service: dict[tuple[object, str], list[Line]] = field(default_factory=dict)
    """Lines by an occasion (a day, or the identity of a visit) and a code or service."""
    _supplies: dict[str, list[tuple[Line, tuple[date, date]]]] = field(default_factory=dict)
    _claim_of: dict[int, Claim] = field(default_factory=dict)
    _rests: dict[str, str] = field(default_factory=dict)
    """The event that bills what a claim's total holds beyond its lines, by the claim's identity."""

    def read(self, sources: Iterable[Source]) -> None:
        """Take in the claims of a record, once the index knows it."""
        self.claims = read_claims(sources, self.index)
        self._claim_of = {id(claim.source): claim for claim in self.claims}

    def named_visits(self) -> set[str]:
        """The identities of the encounters that lines name which may be the visit's own."""
        return {
            target.reference
            for claim in self._counting()
            for line in claim.lines
            if self.kind(line) in (*VISIT_KINDS, None) and not self._is_known_other(line)
            for target in line.encounters
        }

    def add(self, visits: Iterable[Visit], same: Mapping[str, Source]) -> None:
        """Take in the visits of a record, once its claims are read.

        ``same`` is the encounter that stands in lieu of each that repeats it: its lines are that one's.
        """
        self.visits = {visit.source.identity: visit for visit in visits if visit.source.identity not in same}
        for visit in self.visits.values():
            if visit.takes_lines and visit.day is not None:
                self._of_day.setdefault((visit.patient, visit.day), []).append(visit)
        for line in (line for claim in self.claims for line in claim.lines):
            targets = [_standing(target, same) for target in line.encounters]
            line.encounters = list({target.reference: target for target in targets}.values())
        Repetitions(self).find()
        for claim in self._counting():
            if claim.prescription is not None and claim.prescription.reference:
                self._attach_fill(claim, claim.prescription)
            for line in claim.lines:
                self._attach(line)
            for line in claim.lines:
                if (line.amount or 0) < 0:
                    self._attach_discount(line)
        self._set_apart()
        for claim in self._counting():
            for line in claim.lines:
                self._note_service(line)

    # ── What a line is ───────────────────────────────────────────────────────────────────────────────────

    def kind(self, line: Line) -> ServiceKind | None:
        """The kind of service that a line's code is, a visit's last: visits by video and in person share
        codes.
        """
        if id(line) not in self._kinds:
            self._kinds[id(line)] = self._kind(line)
        return self._kinds[id(line)]

    def _kind(self, line: Line) -> ServiceKind | None:
        kinds = self.catalogue.kinds(line.codings)
        fill, drug = ServiceKind.PRESCRIPTION_REFILL, _is_drug(line)
        if drug and self._is_sold(line):
            return fill
        if line.claim.is_pharmacy:
            return fill if drug or fill in kinds else None
        for kind in _SERVICE_KINDS:
            if kind in kinds:
                return kind
        if any(kind in kinds for kind in VISIT_KINDS):
            return ServiceKind.TELEHEALTH_VISIT if self.is_virtual(line) else ServiceKind.IN_PERSON_VISIT
        return ServiceKind.LABORATORY_TEST if self.catalogue.is_laboratory(line.codings) else None

    def _is_sold(self, line: Line) -> bool:
        """Whether a line for a drug, of a claim that is no pharmacy's, is for one that was handed out: it is
        of no visit, and its claim asks for none and for no drug that was given (HCPCS J codes).
        """
        claim = line.claim
        if claim.source.type not in ("Claim", "ExplanationOfBenefit") or claim.type not in (
            "professional",
            "",
        ):
            return False
        return not any(
            each.encounters
            or any(_GIVEN.fullmatch(coding.code) for coding in each.codings)
            or any(kind in VISIT_KINDS for kind in self.catalogue.kinds(each.codings))
            for each in claim.lines
        )

    def is_virtual(self, line: Line) -> bool:
        """Whether a line's code, modifier or place of service marks telehealth."""
        if self.catalogue.is_virtual_or_home(line.codings):
            return True
        if line.modifiers & TELEHEALTH_MODIFIERS or line.places_of_service & TELEHEALTH_PLACES:
            return True
        stated = child(line.item, "locationReference")
        if not stated and not child(line.item, "locationCodeableConcept"):
            stated = child(line.claim.source.resource, "facility")
        place = self.index.follow(stated, line.claim.source, "Location").found
        return place is not None and is_virtual_place(place)

    def is_remote_code(self, line: Line) -> bool:
        """Whether a line's procedure code, CPT's or HCPCS's, is that of a contact at a distance."""
        return self.catalogue.is_virtual_or_home(
            coding for coding in line.codings if PROCEDURE_CODE.fullmatch(coding.code)
        )

    def service_key(self, line: Line) -> str:
        """What two lines for one service have in common: the catalogue's name of it, else the code."""
        kind = self.kind(line)
        if kind is not None and (found := self.catalogue.find(kind, line.codings)):
            return found[0].service
        return str(line.codings[0]) if line.codings else ""

    def moment(self, line: Line) -> datetime:
        """When a line's service took place: its last day, else its claim's, else that of the lines beside it.

        Raises:
            NoEvent: nothing says so to the day.
        """
        try:
            return service_moment(line.item, "servicedDate", "servicedPeriod", last_day=True)
        except NoEvent as missing:
            if missing.reason is SkipReason.INEXACT_DATE:
                raise
        for target in line.encounters:
            visit = self.visits.get(target.reference)
            if visit is not None and len(line.encounters) == 1:
                return service_moment(visit.source.resource, "period")
        try:
            return service_moment(line.claim.source.resource, "billablePeriod", last_day=True)
        except NoEvent:
            beside = set(self._moments_beside(line))
            visits = line.claim.visits
            # A visit's own code without a date may be of any visit; a test's is of the only one beside it.
            if not beside and len(visits) == 1 and self.kind(line) not in VISIT_KINDS:
                visit = self.visits.get(visits.pop())
                if visit is not None:
                    return service_moment(visit.source.resource, "period")
            if len(beside) == 1:
                return beside.pop()
            raise

    # ── What prices what ─────────────────────────────────────────────────────────────────────────────────

    def visit(self, identity: str, types: list[Coding]) -> Price | None:
        """The price of a visit, or None where no claim prices it; charges beside it are left in ``extra``.

        Raises:
            NoEvent: it is priced at nothing, less than nothing, too much, or in another currency.
        """
        for rank in _RANKS:
            found, problem = self._visit_prices(identity, types, rank)
            if found:
                self.extra[identity] = found[1:]
                return found[0]
            if problem is not None:
                raise problem
        return None

    def fill(self, prescription: str, number_of_fill: int) -> Price | None:
        """The price of the n-th fill (from zero) of a prescription, or None.

        Where a prescription has several fills and several claims, they are paired in order of date.

        Raises:
            NoEvent: it is priced at nothing, less than nothing, too much, or in another currency.
        """
        for rank in _RANKS:
            claims = [claim for claim in self._fills.get(prescription, []) if claim.source.type in rank]
            if not claims:
                continue
            claims.sort(key=lambda claim: _billed_at(claim.source))
            charges = [charge for claim in claims if (charge := self._whole_charge(claim)) is not None]
            standing, reversal = _net(charges)
            if not standing and reversal is not None:
                raise NoEvent(SkipReason.NO_CHARGE, f"reversed by {reversal.claim.source.label}")
            return _price(standing[number_of_fill]) if number_of_fill < len(standing) else None
        return None

    def matching(
        self,
        kind: ServiceKind,
        patient: str,
        listed: list[Coding],
        day: date,
        encounter: str,
        providers: frozenset[str] = frozenset(),
    ) -> Price | None:
        """The price of a test, session or reading: of the first open line with its code, of its day or visit.

        ``providers`` are the identities of who performed it, where the resource says so: what another one
        billed that day, without naming the visit, is another service.

        Raises:
            NoEvent: it is priced at nothing, or less than nothing.
        """
        service = self.catalogue.find(kind, listed)
        keys = [*map(str, dict.fromkeys(listed)), *([service[0].service] if service else [])]
        occasions = [day, *([encounter] if encounter else [])]
        found = {
            id(line): line
            for occasion in occasions
            for key in keys
            for line in self._by_service.get((occasion, key), [])
        }
        for line in sorted(found.values(), key=order_of_line):
            if self.kind(line) not in (kind, None) or line.claim.patient not in ("", patient):
                continue
            if not self._of_occasion(line, day, encounter):
                continue
            if not line.encounters and not _may_be_one(self._providers(line.claim), providers):
                continue
            if line.left_out is LeftOut.NOT_BILLABLE:
                raise NoEvent(SkipReason.NO_CHARGE, f"not billable by {line.claim.source.label}")
            if line.open and (line.amount or 0) > 0:
                return _price(self._with_offsets(line))
        return None

    def take(self, price: Price, event: str) -> None:
        """Remember that an event bills a price."""
        for line in price.lines:
            line.left_out = None
            line.event = event
        if price.whole:
            self._rests[price.claim.source.identity] = event
        for claim in {id(line.claim): line.claim for line in price.lines}.values() or [price.claim]:
            self._priced.setdefault(claim.source.identity, []).append(event)

    def virtual_by_line(self, identity: str) -> bool:
        """Whether a line for a visit marks it as telehealth."""
        lines = self._by_visit.get(identity, [])
        visit = self.visits.get(identity)
        types = visit.types if visit else []
        by_claim: dict[int, list[Line]] = {}
        for line in lines:
            by_claim.setdefault(id(line.claim), []).append(line)
        own = [
            line for asked in by_claim.values() for line in self._own_lines(asked, types, unsaid=False)
        ]  # fmt: skip
        return any(map(self.is_virtual, own or (line for line in lines if self.kind(line) is None)))

    def names_visit(self, identity: str) -> bool:
        """Whether a claim line charges a visit itself."""
        return any(
            self.kind(line) in (*VISIT_KINDS, None) and not self._is_known_other(line)
            for line in self._by_visit.get(identity, [])
        )

    def visit_claims(self, visit: str) -> Iterator[Source]:
        """The claims for a visit, those that go first going first."""
        return (line.claim.source for line in self._by_visit.get(visit, []))

    def fill_claims(self, prescription: str) -> Iterator[Source]:
        """The claims for a prescription."""
        return (claim.source for claim in self._fills.get(prescription, []))

    def fill_lines(self, prescription: str) -> Iterator[Line]:
        """The lines of the claims for a prescription."""
        return (line for claim in self._fills.get(prescription, []) for line in claim.lines)

    def is_billed(self, identity: str) -> bool:
        """Whether a claim prices a visit, or the fills of a prescription."""
        return self.names_visit(identity) or identity in self._fills

    def not_billable(self, visit: str) -> Source | None:
        """A ChargeItem that says that a visit is not to be billed (FHIR R4 ChargeItem.status)."""
        for line in self._by_visit.get(visit, []):
            if line.left_out is LeftOut.NOT_BILLABLE and self.kind(line) in (*VISIT_KINDS, None):
                return line.claim.source
        return None

    def supplies(self, patient: str) -> Iterator[tuple[Line, tuple[date, date]]]:
        """The lines that bill a month of readings from a patient's device, with their first and last day."""
        return iter(self._supplies.get(patient, ()))

    def open_lines(self) -> list[Line]:
        """Lines with an amount of which nothing has become yet."""
        return [line for line in self._open_lines() if line.amount is not None]

    def visit_lines(self) -> Iterator[Line]:
        """Lines that belong to visits."""
        return (line for lines in self._by_visit.values() for line in lines)

    def with_offsets(self, line: Line) -> Price | None:
        """The price of a line that is a service of its own, less what other lines take off it.

        Raises:
            NoEvent: nothing is left of it.
        """
        return _price(self._with_offsets(line))

    def at_visit(self, line: Line) -> Visit | None:
        """The visit that a line belongs to."""
        return self.visits.get(self._visit_of.get(id(line), ""))

    # ── What is said of the claims ───────────────────────────────────────────────────────────────────────

    def skipped(self, source: Source) -> SkippedResource:
        """What became of a claim as a whole."""
        reason, detail = self._use(self._claim_of[id(source)])
        return SkippedResource(resource=source.label, reason=reason, detail=detail)

    def claim_lines(self, of: Container[str]) -> list[ClaimLine]:
        """Every line of the claims that count, and what their totals hold beyond them; ``of`` are the
        identities of the claims that are asked about."""
        found: list[ClaimLine] = []
        for claim in self._counting():
            if claim.source.identity not in of:
                continue
            found += [_reported(line) for line in claim.lines]
            rest = (claim.total or 0) - claim.of_lines
            if claim.total is None or rest <= 0:
                continue
            event = self._rests.get(claim.source.identity)
            unpriced = any(line.amount is None for line in claim.lines) or not claim.lines
            reason = LeftOut.NOT_DIVIDED if unpriced else LeftOut.ABOVE_LINES
            found.append(
                ClaimLine(
                    claim=claim.source.label,
                    number=0,
                    code="",
                    amount=rest,
                    event=event,
                    left_out=None if event else reason,
                )
            )
        return found

    def contradictions(self, of: Container[str]) -> list[str]:
        """Claims whose total is not the sum of their lines, though all of these have an amount, or are
        more.
        """
        told = []
        for claim in self._counting():
            if claim.source.identity not in of:
                continue
            total, lines = claim.total, claim.of_lines
            priced = all(line.amount is not None for line in claim.lines) and claim.lines
            if total is None or not (total < lines or (priced and total != lines and not claim.prescription)):
                continue
            less = "less" if total < lines else "more"
            told.append(
                f"{claim.source.label}: its total {show_dollars(total)} is {less} than its lines come to, "
                f"{show_dollars(lines)}"
            )
        return told

    # ── Inside ───────────────────────────────────────────────────────────────────────────────────────────

    def _counting(self) -> Iterator[Claim]:
        return (claim for claim in self.claims if claim.counts and claim.repeats is None)

    def _open_lines(self) -> Iterator[Line]:
        return (line for claim in self._counting() for line in claim.lines if line.open)

    def _attach_fill(self, claim: Claim, prescription: Target) -> None:
        """Find the prescription that a claim is for; one of another patient is not."""
        found = prescription.found
        if found is not None and claim.patient:
            named = self.index.follow(child(found.resource, "subject"), found, "Patient")
            patient = self.index.in_lieu(named).reference
            if patient and patient != claim.patient:
                for line in claim.lines:
                    line.leave_out(LeftOut.OTHER_PATIENT, found.label)
                return
        self._fills.setdefault(prescription.reference, []).append(claim)

    def _put(self, line: Line, visit: str) -> None:
        self._by_visit.setdefault(visit, []).append(line)
        self._visit_of[id(line)] = visit

    def _attach_discount(self, line: Line) -> None:
        """A line that takes off and names no visit is of the one that its claim's lines for the same service
        are of; one of no service that is known, of the only visit of its claim.
        """
        if line.encounters or id(line) in self._visit_of or not line.open:
            return
        lines = [other for other in line.claim.lines if (other.amount or 0) >= 0 and other is not line]
        same = [other for other in lines if self.service_key(other) == self.service_key(line)]
        if not same and self.kind(line) is None:
            same = lines
        visits = {self._visit_of.get(id(other), "") for other in same}
        if len(visits) == 1 and (visit := visits.pop()):
            self._put(line, visit)

    def _note_service(self, line: Line) -> None:
        """Make a line findable by what it is for, and when."""
        if any(coding.code in DAYS_IN_30 for coding in line.codings) and (line.amount or 0) > 0:
            days = days_of(line.item, "servicedPeriod")
            if days is not None:
                self._supplies.setdefault(line.claim.patient, []).append((line, days))
        occasions: set[object] = {target.reference for target in line.encounters}
        if not occasions:
            occasions = set(line.claim.visits)
            with suppress(NoEvent):
                occasions.add(self.moment(line).date())
        keys = {*map(str, line.codings), self.service_key(line)}
        for occasion in occasions:
            for key in keys:
                self._by_service.setdefault((occasion, key), []).append(line)

    def _attach(self, line: Line) -> None:
        """Find the visit that a line is for."""
        claim = line.claim
        if text(claim.source.resource, "status") == "not-billable":
            line.leave_out(LeftOut.NOT_BILLABLE)
        if claim.is_pharmacy:
            return
        if len(line.encounters) > 1:
            line.leave_out(LeftOut.SEVERAL_VISITS, ", ".join(shown(target) for target in line.encounters))
        elif line.encounters:
            target = line.encounters[0]
            visit = self.visits.get(target.reference)
            if (
                visit is not None
                and "" not in (visit.patient, claim.patient)
                and visit.patient != claim.patient
            ):
                line.leave_out(LeftOut.OTHER_PATIENT, visit.source.label)
            elif target.dangling and not target.external:
                line.leave_out(LeftOut.MISSING_REFERENCE, "encounter")
            else:
                self._put(line, target.reference)
        elif self.kind(line) in VISIT_KINDS:
            self._attach_by_day(line)

    def _set_apart(self) -> None:
        """Take the lines of contacts at a distance from the visits in person that they name.

        Messages over days (99421) are never the visit, and a call (99441) or video visit (98005) is not where
        another line is: each is a service of its own, and says nothing of the visit.
        """
        for identity, lines in list(self._by_visit.items()):
            visit = self.visits.get(identity)
            if visit is None or visit.virtual:
                continue
            met = any(self.kind(line) in VISIT_KINDS and not self.is_remote_code(line) for line in lines)
            apart = [line for line in lines if self.is_remote_code(line) and (met or _is_message(line))]
            for line in apart:
                lines.remove(line)
                del self._visit_of[id(line)]
            if not lines:
                del self._by_visit[identity]

    def _attach_by_day(self, line: Line) -> None:
        try:
            day = self.moment(line).date()
        except NoEvent:
            return  # a service of its own, if anything; there its date is asked for
        providers = self._providers(line.claim)
        e_visit = self.catalogue.is_virtual_or_home(line.codings)
        found = [
            visit
            for visit in self._of_day.get((line.claim.patient, day), ())
            if _may_be_one(providers, visit.providers) and (visit.virtual or not e_visit)
        ]
        if len(found) > 1:
            service = self.service_key(line)
            found = [
                visit
                for visit in found
                if any(
                    (entry := self.catalogue.find(kind, visit.types)) and entry[0].service == service
                    for kind in VISIT_KINDS
                )
            ]
            if len(found) != 1:
                line.leave_out(LeftOut.SEVERAL_VISITS_THAT_DAY)
                return
        if found:
            self._put(line, found[0].source.identity)

    def _providers(self, claim: Claim) -> frozenset[str]:
        """Who made a claim, and for a role, who has it and where."""
        return providers_of(claim.provider, self.index) if claim.provider else frozenset()

    def _visit_prices(
        self, identity: str, types: list[Coding], rank: tuple[str, ...]
    ) -> tuple[list[Price], NoEvent | None]:
        """A visit's prices by the claims of one rank, its own first, or why it has none."""
        by_claim: dict[int, list[Line]] = {}
        for line in self._by_visit.get(identity, []):
            if line.claim.source.type in rank:
                by_claim.setdefault(id(line.claim), []).append(line)
        groups: dict[tuple[str, str], list[_Charge]] = {}
        problems: list[NoEvent] = []
        listed = set(types)
        # A line of an unknown code is the visit's price only where no line of any claim says that it is.
        unsaid = not any(
            self.kind(line) in VISIT_KINDS or not listed.isdisjoint(line.codings)
            for lines in by_claim.values()
            for line in lines
            if (line.amount or 0) >= 0
        )
        for lines in by_claim.values():
            claim = lines[0].claim
            try:
                charge = self._own_charge(claim, lines, types, unsaid=unsaid)
            except NoEvent as problem:
                problems.append(problem)
                continue
            if charge is not None:
                provider = claim.provider.reference if claim.provider else ""
                groups.setdefault((claim.type, provider), []).append(charge)
        prices: list[Price] = []
        visit = self.visits.get(identity)
        ours = visit.providers if visit else frozenset()
        for key in sorted(groups, key=lambda key: _order_of_group(key, ours)):
            try:
                standing = self._standing(groups[key], types)
            except NoEvent as problem:
                problems.append(problem)
                continue
            for charge in standing:
                try:
                    prices.append(_price(charge))
                except NoEvent as problem:
                    problems.append(problem)
        return prices, problems[0] if problems and not prices else None

    def _standing(self, charges: list[_Charge], types: list[Coding]) -> list[_Charge]:
        """What stands of one provider's claims of one type for a visit, the visit's own charge first.

        Claims for one service on one day, or on no day that they state, are one asked for twice: the newest.
        Those for another service, or another day, are charges beside it.

        Raises:
            NoEvent: they come to nothing, or less.
        """
        charges = sorted(charges, key=lambda charge: charge.claim.made)
        standing, reversal = _net(charges, self._is_repeat)
        if not standing:
            if reversal is not None and len(charges) > 1:
                raise NoEvent(SkipReason.NO_CHARGE, f"reversed by {reversal.claim.source.label}")
            return charges[-1:]
        apart: list[_Charge] = []
        for charge in reversed(standing):
            newer = next((other for other in apart if self._is_repeat(charge, other)), None)
            if newer is None:
                apart.append(charge)
                continue
            for line in charge.lines:
                line.leave_out(LeftOut.OTHER_CLAIM, newer.claim.source.label)
        wanted = set(types)
        return sorted(
            apart,
            key=lambda charge: (
                not any(wanted & set(line.codings) for line in charge.lines),
                min(map(stated_days, charge.lines), default=""),
                charge.claim.made,
            ),
        )

    def _is_repeat(self, charge: _Charge, other: _Charge) -> bool:
        """Whether two charges can be for one service of one day."""
        days, others = ({stated_days(line) for line in each.lines} - {""} for each in (charge, other))
        if days and others and days.isdisjoint(others):
            return False
        return not all(
            self._is_another_service(line, against) for line in charge.lines for against in other.lines
        )

    def _is_another_service(self, line: Line, other: Line) -> bool:
        """Whether two lines are for two services: codes of two systems, a SNOMED type and a CPT code, may
        be of one.
        """
        if self.service_key(line) == self.service_key(other):
            return False
        systems, others = ({self._system(coding) for coding in each.codings} for each in (line, other))
        return not systems.isdisjoint(others)

    def _system(self, coding: Coding) -> str:
        name = self.catalogue.systems.get(coding.system, coding.system)
        return "CPT" if name == "HCPCS" else name

    def _own_charge(
        self, claim: Claim, lines: list[Line], types: list[Coding], *, unsaid: bool
    ) -> _Charge | None:
        """What one claim asks for a visit itself: the lines of the visit's own service, less what is taken
        off.
        """
        usable = [line for line in lines if line.left_out in (None, LeftOut.OTHER_CURRENCY, LeftOut.TOO_MUCH)]
        taken_off = [line for line in usable if (line.amount or 0) < 0]
        asked = [line for line in usable if (line.amount or 0) >= 0]
        own = self._own_lines(asked, types, unsaid=unsaid)
        if not own:
            negative = self._own_lines(taken_off, types, unsaid=unsaid)
            if asked or not negative:
                return None
            return _Charge(
                claim, negative, sum(line.amount or 0 for line in negative), PriceSource.CLAIM_ITEM
            )
        for line in own:
            if line.currency:
                raise NoEvent(SkipReason.UNUSABLE_PRICE, f"in {line.currency} in {claim.source.label}")
            if line.left_out is LeftOut.TOO_MUCH:
                raise NoEvent(
                    SkipReason.UNUSABLE_PRICE, f"more than a contract can hold in {claim.source.label}"
                )
        services = {self.service_key(line) for line in own}
        # What is taken off for another line of the claim is not taken off the visit.
        others = {self.service_key(line) for line in asked} - services - {""}
        off = [
            line
            for line in taken_off
            if self.service_key(line) in services
            or (self.kind(line) is None and self.service_key(line) not in others)
        ]
        source = claim.line_source
        unpriced = [line for line in own if line.amount is None]
        if unpriced:
            rest = self._rest_for(claim, unpriced)
            if rest is None:
                if claim.currency:
                    raise NoEvent(SkipReason.UNUSABLE_PRICE, f"in {claim.currency} in {claim.source.label}")
                return None
            amount = sum(line.amount or 0 for line in own + off) + rest
            return _Charge(claim, own + off, amount, PriceSource.CLAIM_TOTAL, whole=True)
        return _Charge(claim, own + off, sum(line.amount or 0 for line in own + off), source)

    def _rest_for(self, claim: Claim, unpriced: list[Line]) -> int | None:
        """What a claim's total holds beyond its lines, if that can only be for one visit's line without an
        amount.
        """
        if claim.total is None or any(
            line.currency or line.left_out is LeftOut.TOO_MUCH for line in claim.lines
        ):
            return None
        ours = {target.reference for target in unpriced[0].encounters}
        for line in claim.lines:
            visits = {target.reference for target in line.encounters}
            # What is left would hold another visit's price, or another service's, too.
            if (
                line.amount is None
                and line not in unpriced
                and (not visits <= ours or self.kind(line) in _SERVICE_KINDS)
            ):
                return None
        rest = claim.total - claim.of_lines
        return None if rest < 0 else rest

    def _own_lines(self, lines: list[Line], types: list[Coding], *, unsaid: bool) -> list[Line]:
        """The lines of the visit's own service: by its type, its service, a visit's code, or for want of
        another.
        """
        wanted = set(types)
        named = {
            entry[0].service
            for kind in VISIT_KINDS
            if (entry := self.catalogue.find(kind, types)) is not None
        }
        choices = (
            [line for line in lines if wanted & set(line.codings)],
            [line for line in lines if self.kind(line) in VISIT_KINDS and self.service_key(line) in named],
            [line for line in lines if self.kind(line) in VISIT_KINDS],
            [line for line in lines if self.kind(line) is None and _revenue(line).startswith(_VISIT_REVENUE)],
        )
        chosen = next((choice for choice in choices if choice), [])
        if not chosen:
            unknown = [
                line
                for line in lines
                if self.kind(line) is None
                and not any(coding.system in _NEVER_VISITS for coding in line.codings)
                and not self._is_known_other(line)
            ]
            return unknown if unsaid and len(unknown) == 1 else []
        first = self.service_key(chosen[0])
        return [line for line in chosen if self.service_key(line) == first or _revenue(line)]

    def _is_known_other(self, line: Line) -> bool:
        """Whether a line's procedure code says that it is no visit: a blood draw, surgery, a drug given."""
        codes = [
            coding.code
            for coding in line.codings
            if coding.system in self.catalogue.systems
            and self.catalogue.systems[coding.system] in ("CPT", "HCPCS")
            and PROCEDURE_CODE.fullmatch(coding.code)
        ]
        return bool(codes) and not any(map(_VISIT_CODE.fullmatch, codes))

    def _whole_charge(self, claim: Claim) -> _Charge | None:
        """A claim as a whole, as a pharmacy's for one prescription is."""
        if claim.currency or any(line.currency for line in claim.lines):
            currency = claim.currency or next(line.currency for line in claim.lines if line.currency)
            raise NoEvent(SkipReason.UNUSABLE_PRICE, f"in {currency} in {claim.source.label}")
        if any(line.left_out is LeftOut.TOO_MUCH for line in claim.lines):
            raise NoEvent(SkipReason.UNUSABLE_PRICE, f"more than a contract can hold in {claim.source.label}")
        priced = [line for line in claim.lines if line.amount is not None and line.open]
        if claim.total is not None and claim.total >= claim.of_lines:
            return _Charge(claim, priced, claim.total, PriceSource.CLAIM_TOTAL, whole=True)
        if not priced or len(priced) < len(claim.lines):
            return None
        return _Charge(claim, priced, claim.of_lines, PriceSource.CLAIM_TOTAL)

    def _with_offsets(self, line: Line) -> _Charge:
        """A line and the open negative ones of its claim for the same service."""
        key, amount = self.service_key(line), line.amount or 0
        alike = [
            other
            for other in line.claim.lines
            if other is not line
            and other.open
            and other.amount
            and self.service_key(other) == key
            and _of_one_day(line, other)
        ]
        off = [other for other in alike if (other.amount or 0) < 0]
        if off and amount + sum(other.amount or 0 for other in off) < 0:
            off = alike  # more is taken off than this line holds: it is taken off them all
        lines = [line, *off]
        return _Charge(line.claim, lines, sum(each.amount or 0 for each in lines), line.claim.line_source)

    def _of_occasion(self, line: Line, day: date, encounter: str) -> bool:
        """Whether a line can be of the day or the visit of a test."""
        if line.encounters:
            return bool(encounter) and any(target.reference == encounter for target in line.encounters)
        try:
            return service_moment(line.item, "servicedDate", "servicedPeriod", last_day=True).date() == day
        except NoEvent as missing:
            if missing.reason is SkipReason.INEXACT_DATE:
                return False
        beside = line.claim.visits
        if encounter and beside:
            return encounter in beside
        try:
            return self.moment(line).date() == day
        except NoEvent:
            return False

    def _moments_beside(self, line: Line) -> Iterator[datetime]:
        for other in line.claim.lines:
            try:
                yield service_moment(other.item, "servicedDate", "servicedPeriod", last_day=True)
            except NoEvent:
                continue

    def _use(self, claim: Claim) -> tuple[SkipReason, str]:
        if claim.problem is not None:
            return claim.problem
        if claim.repeats is not None:
            return SkipReason.PRICED_NOTHING, f"it repeats {claim.repeats.source.label}"
        events = list(dict.fromkeys(self._priced.get(claim.source.identity, [])))
        mine = f"{claim.source.identity}#"
        others = [tail(event) for event in events if not event.startswith(mine)]
        own = sorted(int(event.removeprefix(mine)) for event in events if event.startswith(mine))
        if others:
            told = f"of {', '.join(others)}"
            if own:
                told += f"; billed by the line: {', '.join(map(str, own))}"
            return SkipReason.USED_AS_PRICE, told
        if own:
            return SkipReason.BILLED_BY_LINE, f"line {', '.join(map(str, own))}"
        reasons = dict.fromkeys(
            f"{line.left_out}{f' ({line.detail})' if line.detail else ''}"
            for line in claim.lines
            if line.left_out
        )
        return SkipReason.PRICED_NOTHING, "; ".join(reasons) or "it states no amount"


def _of_one_day(line: Line, other: Line) -> bool:
    """Whether two lines state one date, or one of them none."""
    days = [stated_days(each) for each in (line, other)]
    return "" in days or days[0] == days[1]


def _is_drug(line: Line) -> bool:
    return any(coding.system in _DRUG_SYSTEMS for coding in line.codings)


def _is_message(line: Line) -> bool:
    """Whether a line is for what is written or sent, not said."""
    return any(_APART_CODES.fullmatch(coding.code) for coding in line.codings)


def stated_days(line: Line) -> str:
    """What a line states as its dates, to compare; empty: nothing."""
    return str(line.item.get("servicedDate") or line.item.get("servicedPeriod") or "")


def order_of_line(line: Line) -> tuple[object, ...]:
    """Claims go before what repeats them, the older first, and a claim's lines as they stand."""
    rank = next(place for place, types in enumerate(_RANKS) if line.claim.source.type in types)
    return rank, *line.claim.made, line.number


def providers_of(target: Target, index: ReferenceIndex) -> frozenset[str]:
    """The identities by which a provider may be named: of a PractitionerRole, its person and organisation
    too.
    """
    named = {target.reference}
    if target.found is not None and target.type == "PractitionerRole":
        for name in ("practitioner", "organization"):
            named.add(index.follow(child(target.found.resource, name), target.found).reference)
    return frozenset(named - {""})


def _standing(target: Target, same: Mapping[str, Source]) -> Target:
    source = same.get(target.reference)
    return target if source is None else Target(source.identity, source.type, target.display, source)


def is_virtual_place(location: Source) -> bool:
    """Whether a Location is a virtual one (HL7 location-physical-type ``vi``)."""
    return any(coding.code == "vi" for coding in codings(child(location.resource, "physicalType")))


def shown(target: Target) -> str:
    """A reference's target as a reason names it."""
    return target.found.label if target.found else tail(target.reference)


def _may_be_one(claimed: frozenset[str], visited: frozenset[str]) -> bool:
    """Whether a claim's and a visit's providers can be the same: a doctor may bill what the record says a
    clinic provided, while of two clinics, or two doctors, each bills its own."""
    kinds, others = ({tail(each).partition("/")[0] for each in named} for named in (claimed, visited))
    return not claimed.isdisjoint(visited) or kinds.isdisjoint(others)


def _revenue(line: Line) -> str:
    """A line's revenue code, as ``revenue`` states it or, as some write, in place of a procedure code."""
    stated = next((coding.code for coding in codings(child(line.item, "revenue"))), "")
    bare = [coding.code for coding in line.codings if len(coding.code) == 4 and coding.code.isdigit()]
    return stated or next(iter(bare), "")


def _order_of_group(key: tuple[str, str], ours: frozenset[str]) -> tuple[bool, int, str, str]:
    kind, provider = key
    place = _TYPE_ORDER.index(kind) if kind in _TYPE_ORDER else len(_TYPE_ORDER)
    return bool(ours) and provider not in ours, place, kind, provider


def _net(
    charges: list[_Charge], is_repeat: Callable[[_Charge, _Charge], bool] = lambda *_: True
) -> tuple[list[_Charge], _Charge | None]:
    """Charges that stand once reversals are set against what they reverse, and the last reversal.

    A claim of less than nothing reverses the newest one of the same amount (X12 837 claim frequency code 8
    and CMS adjustment claims do); of another amount it adjusts the newest. Charges for the same service and
    day go first.
    """
    standing = [charge for charge in charges if charge.amount >= 0]
    reversal = None
    for taken in (charge for charge in charges if charge.amount < 0):
        reversal = taken
        # Stable: of those for the same, the newest.
        ordered = standing[::-1]
        ordered.sort(key=lambda each: not is_repeat(each, taken))
        equal = next((each for each in ordered if each.amount == -taken.amount), None)
        if equal is not None:
            standing.remove(equal)
            for line in equal.lines:
                line.leave_out(LeftOut.REVERSED, f"by {taken.claim.source.label}")
            for line in taken.lines:
                line.leave_out(LeftOut.REVERSED, f"it reverses {equal.claim.source.label}")
        elif ordered:
            newest = ordered[0]
            newest.lines = newest.lines + taken.lines
            newest.amount += taken.amount
    return standing, reversal


def _price(charge: _Charge) -> Price:
    label = charge.claim.source.label
    if charge.amount < 0:
        raise NoEvent(SkipReason.UNUSABLE_PRICE, f"below zero in {label}")
    if charge.amount == 0:
        raise NoEvent(SkipReason.NO_CHARGE, f"priced at zero in {label}")
    if charge.amount > MAX_AMOUNT:
        raise NoEvent(SkipReason.UNUSABLE_PRICE, f"more than a contract can hold in {label}")
    return Price(charge.amount, charge.source, charge.claim, charge.lines, charge.whole)


def _billed_at(source: Source) -> datetime:
    return first_date(source.resource, "billablePeriod", "created") or EPOCH


def _reported(line: Line) -> ClaimLine:
    return ClaimLine(
        claim=line.claim.source.label,
        number=line.number,
        code=str(line.codings[0]) if line.codings else "",
        amount=line.amount,
        event=line.event,
        left_out=line.left_out,
        detail=line.detail,
    )
