"""Puts the events of a record on a provider's worklist, each under its patient's account.

Parts of an export complete each other, in whatever order they come: a price that arrives later takes the
place of the catalogue's, a changed record takes the place of one that waits, and what was attested already
is named, not changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from chainbill.attestation.worklist import WaitingEvent, Worklist
from chainbill.interop.fhir.report import IngestReport, PriceElsewhere
from chainbill.interop.ingest_memory import IngestMemory, tail
from chainbill.records.service_event import Party, PriceSource, ServiceEvent, ServiceKind

ANYBODY = "any"
"""Stands for every performer of a record."""

UNNAMED = "unnamed"
"""The reference of a provider that no record names: whoever ingests it."""

_VISITS = (ServiceKind.IN_PERSON_VISIT, ServiceKind.TELEHEALTH_VISIT)


@dataclass(frozen=True, slots=True)
class Named:
    """Something that is named and left as it is."""

    event: str
    """Its record identity."""
    why: str


@dataclass(slots=True)
class Enlisted:
    """What became of each event."""

    added: list[ServiceEvent] = field(default_factory=list)
    replaced: list[ServiceEvent] = field(default_factory=list)
    """Now on the worklist in place of what the same record said before, or at the price that came later."""
    already_known: list[ServiceEvent] = field(default_factory=list)
    """On the worklist, or attested before, and nothing new."""
    other_patient: list[ServiceEvent] = field(default_factory=list)
    """Of those: waiting under another patient's account than now named."""
    named: list[Named] = field(default_factory=list)
    """Of those: changed after they were attested, or perhaps the same as another."""
    unmapped: list[ServiceEvent] = field(default_factory=list)
    """Of patients for whom no account was named."""
    performed_by_others: list[ServiceEvent] = field(default_factory=list)
    """Performed by nobody of those named."""


def performed_by_own(event: ServiceEvent, performed_by: Collection[str]) -> bool:
    """Whether the provider performed a service: one of its names in the record did, or nobody is named."""
    if ANYBODY in performed_by or event.provider.reference == UNNAMED:
        return True
    reference = event.provider.reference
    names = {reference, tail(reference), event.provider.name.casefold()}
    return not names.isdisjoint({*performed_by, *(name.casefold() for name in performed_by)})


def enlist(
    report: IngestReport,
    worklist: Worklist,
    memory: IngestMemory,
    accounts: Mapping[str, str],
    *,
    performed_by: Collection[str] = (ANYBODY,),
    dry_run: bool = False,
) -> Enlisted:
    """Add the events of a record to ``worklist``.

    Args:
        report: what a record's reader found.
        worklist: the provider's.
        memory: what earlier ingests of the provider knew.
        accounts: checksum address by the record's reference of the patient.
        performed_by: take only what these performed: references or names of the record, or ``any``.
        dry_run: look, and change nothing.
    """
    return _Enlisting(report, worklist, memory, accounts, frozenset(performed_by), dry_run).run()


def count_by_party(parties: Iterable[Party]) -> dict[str, int]:
    """How many events each party has, most first, by reference and, where the record states one, name."""
    shown = (f"{party.reference} ({party.name})" if party.name else party.reference for party in parties)
    return dict(Counter(shown).most_common())


@dataclass(slots=True)
class _Enlisting:
    """One run."""

    report: IngestReport
    worklist: Worklist
    memory: IngestMemory
    accounts: Mapping[str, str]
    performed_by: Collection[str]
    dry_run: bool
    done: Enlisted = field(default_factory=Enlisted)
    _waiting: dict[str, WaitingEvent] = field(default_factory=dict)
    _here: set[str] = field(default_factory=set)
    _new: list[tuple[str, ServiceEvent]] = field(default_factory=list)
    """What is added at the end, all at once."""

    def run(self) -> Enlisted:
        self._waiting = {
            item.event.record_identity: item for item in self.worklist.waiting() if not item.corrects
        }
        self._here = {event.record_identity for event in self.report.events}
        for event in self.report.events:
            patient = self.accounts.get(event.patient.reference)
            if not performed_by_own(event, self.performed_by):
                self.done.performed_by_others.append(event)
            elif patient is None:
                self.done.unmapped.append(event)
            else:
                self._take(patient, event)
        for price in self.report.prices_elsewhere:
            self._price_later(price)
        if not self.dry_run:
            # Onto the list first: what is on it and not remembered is still known by its identity.
            self.worklist.add_all(self._new)
            self.memory.remember(self._new)
        return self.done

    def _take(self, patient: str, event: ServiceEvent) -> None:
        seen = self.memory.find(patient, event)
        identity = seen.record_identity if seen else event.record_identity
        waits = self._waiting.get(identity)
        if waits is not None:
            self._meet_waiting(patient, event, waits)
        elif self.worklist.knows(identity):
            self.done.already_known.append(event)
            # A part without the claim says less of the price, and nothing new of what was attested.
            if seen and not seen.same_content and event.price_source is not PriceSource.CATALOGUE_DEFAULT:
                self._name(identity, "its record has changed since it was attested")
        elif not self._is_another_records_visit(patient, event):
            self._add(patient, event)

    def _add(self, patient: str, event: ServiceEvent) -> None:
        price = self.memory.price_of(event.record_identity)
        if price is not None and event.price_source is PriceSource.CATALOGUE_DEFAULT:
            event = _priced(event, price)
        self._new.append((patient, event))
        self.done.added.append(event)

    def _meet_waiting(self, patient: str, event: ServiceEvent, waits: WaitingEvent) -> None:
        """What the record says now against what waits."""
        if waits.patient != patient:
            self.done.already_known.append(event)
            self.done.other_patient.append(event)
            return
        before = waits.event
        now = event.model_copy(update={"record_identity": before.record_identity})
        defaulted = PriceSource.CATALOGUE_DEFAULT
        if now.price_source is defaulted and before.price_source is not defaulted:
            # This part lacks the claim, which told the code, too, and whether the visit was by video.
            if now.performed_at == before.performed_at:
                now = before
            else:
                now = before.model_copy(
                    update={"performed_at": now.performed_at, "service_date": now.service_date}
                )
        price = self.memory.price_of(before.record_identity)
        if price is not None and now.price_source is defaulted:
            now = _priced(now, price)
        self._replace(waits, now, event)

    def _replace(self, waits: WaitingEvent, now: ServiceEvent, shown: ServiceEvent) -> None:
        if now == waits.event:
            self.done.already_known.append(shown)
        elif waits.sequence is not None:
            self.done.already_known.append(shown)
            self._name(
                waits.event.record_identity,
                "its record has changed while it is being attested: attest it, then correct the claim",
            )
        else:
            if not self.dry_run and self.worklist.replace(waits, now):
                self.memory.remember([(waits.patient, now)])
            self._waiting[now.record_identity] = WaitingEvent(
                waits.row, waits.patient, now, None, waits.salt, waits.self_pay, waits.corrects
            )
            self.done.replaced.append(now)

    def _is_another_records_visit(self, patient: str, event: ServiceEvent) -> bool:
        """Whether a visit came before in another part: as a claim line without its encounter, or the other
        way.
        """
        if event.kind not in _VISITS:
            return False
        that_day = [
            other
            for other in self.memory.visits_that_day(patient, event)
            if other not in self._here
            and _is_line(other) != _is_line(event.record_identity)
            and self.worklist.knows(other)
        ]
        if not that_day:
            return False
        waits = self._waiting.get(that_day[0]) if len(that_day) == 1 else None
        if waits is None or waits.sequence is not None:
            self.done.already_known.append(event)
            self._name(
                event.record_identity,
                f"a visit of that patient and day came before ({', '.join(that_day)}); "
                "if it is another, give the visit's encounter in the claim",
            )
            return True
        line, visit = (event, waits.event) if _is_line(event.record_identity) else (waits.event, event)
        if visit.price_source is not PriceSource.CATALOGUE_DEFAULT:
            return False  # it has a claim of its own, and this is another charge
        merged = visit.model_copy(
            update={"billed_amount": line.billed_amount, "price_source": line.price_source}
        )
        if not self.dry_run and self.worklist.replace(waits, merged):
            self.memory.forget(waits.event.record_identity)
            self.memory.remember([(patient, merged)])
        self.done.replaced.append(merged)
        return True

    def _price_later(self, price: PriceElsewhere) -> None:
        """Put a price on what waits for it; keep it for what is still to come; name what was attested
        without it.
        """
        if price.record_identity in self._here:
            return
        fresh = True if self.dry_run else self.memory.keep_price(price)
        waits = self._waiting.get(price.record_identity)
        if waits is not None:
            if waits.event.price_source is PriceSource.CATALOGUE_DEFAULT:
                priced = _priced(waits.event, price)
                self._replace(waits, priced, priced)
        elif fresh and self.worklist.knows(price.record_identity):
            self._name(price.record_identity, f"{price.claim} prices it; it was attested without that price")

    def _name(self, identity: str, why: str) -> None:
        self.done.named.append(Named(identity, why))


def _priced(event: ServiceEvent, price: PriceElsewhere) -> ServiceEvent:
    return event.model_copy(update={"billed_amount": price.billed_amount, "price_source": price.price_source})


def _is_line(identity: str) -> bool:
    return "#" in identity
