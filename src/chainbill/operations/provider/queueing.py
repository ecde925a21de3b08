"""Puts the events of a record on a provider's worklist, each under its patient's account.

Parts of an export complete each other, in whatever order they come: a changed record takes the place of one
that waits, what is no event any more comes off the list, and what was attested already is named, not changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from chainbill.interop.fhir.files import tail
from chainbill.interop.fhir.records import UNNAMED_PROVIDER
from chainbill.interop.fhir.report import IngestReport
from chainbill.interop.ingest_memory import IngestMemory, Seen
from chainbill.operations.provider.worklist import WaitingEvent, Worklist
from chainbill.records.service_event import Party, ServiceEvent

ANYBODY = "any"
"""Stands for every performer of a record."""

UNNAMED = UNNAMED_PROVIDER.reference
"""The reference of a provider that no record names: whoever ingests it."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What is said of an event."""

    event: str
    """Its record identity."""
    why: str


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of each event."""

    added: list[ServiceEvent] = field(default_factory=list)
    replaced: list[ServiceEvent] = field(default_factory=list)
    """Now on the worklist in place of what the same record said before."""
    already_known: list[ServiceEvent] = field(default_factory=list)
    """On the worklist, or attested before, and nothing new."""
    withdrawn: list[Remark] = field(default_factory=list)
    """Taken off the worklist, because the record says now that they are none; with the reason."""
    other_patient: list[ServiceEvent] = field(default_factory=list)
    """Of those: waiting under another patient's account than now named."""
    named: list[Remark] = field(default_factory=list)
    """What was attested, or is being attested, and whose record says something else now."""
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


def queue_events(
    report: IngestReport,
    worklist: Worklist,
    memory: IngestMemory,
    accounts: Mapping[str, str],
    *,
    performed_by: Collection[str] = (ANYBODY,),
    dry_run: bool = False,
) -> IngestResult:
    """Add the events of a record to ``worklist``.

    Args:
        report: what the reader found in this part of a record and the earlier ones.
        worklist: the provider's.
        memory: what earlier ingests of the provider knew.
        accounts: checksum address by the record's reference of the patient.
        performed_by: take only what these performed: references or names of the record, or ``any``.
        dry_run: look, and change nothing.
    """
    return _Queueing(report, worklist, memory, accounts, frozenset(performed_by), dry_run).run()


def count_by_party(parties: Iterable[Party]) -> dict[str, int]:
    """How many events each party has, most first, by reference and, where the record states one, name."""
    shown = (f"{party.reference} ({party.name})" if party.name else party.reference for party in parties)
    return dict(Counter(shown).most_common())


@dataclass(slots=True)
class _Queueing:
    """One run."""

    report: IngestReport
    worklist: Worklist
    memory: IngestMemory
    accounts: Mapping[str, str]
    performed_by: Collection[str]
    dry_run: bool
    done: IngestResult = field(default_factory=IngestResult)
    _waiting: dict[str, WaitingEvent] = field(default_factory=dict)
    _taken: dict[str, list[str]] = field(default_factory=dict)
    """What earlier ingests put on the worklist, by the resource that it is of."""
    _new: list[tuple[str, ServiceEvent]] = field(default_factory=list)
    """What is added at the end, all at once."""

    def run(self) -> IngestResult:
        self._waiting = {
            item.event.record_identity: item for item in self.worklist.waiting() if not item.corrects
        }
        self._taken = self.memory.taken()
        self._take_back()
        for event in self.report.events:
            patient = self.accounts.get(event.patient.reference)
            own = performed_by_own(event, self.performed_by)
            seen = self.memory.find(patient, event) if patient is not None else None
            if patient is not None and (own or seen):  # what was taken once is the provider's
                self._take(patient, event, seen)
            elif not self._is_earlier(event):
                (self.done.performed_by_others if not own else self.done.unmapped).append(event)
        if not self.dry_run:
            # Onto the list first: what is on it and not remembered is still known by its identity.
            self.worklist.add_all(self._new)
            self.memory.remember(self._new)
        return self.done

    def _is_earlier(self, event: ServiceEvent) -> bool:
        """Whether only an earlier part holds an event, so that nothing is said of it again."""
        return event.record_identity in self.report.earlier

    def _take_back(self) -> None:
        """Take off the list what the record says is none any more, and name what was attested of it."""
        events = {event.record_identity for event in self.report.events}
        for resource, identities in self._taken.items():
            why = self.report.not_events.get(resource)
            for identity in identities:
                if why is None or identity in events:  # a claim is no event, and its lines may be
                    continue
                waits = self._waiting.pop(identity, None)
                if waits is None:
                    if self.worklist.knows(identity) and resource not in self.report.earlier:
                        self._name(identity, f"it was attested, and its record says now: {why}")
                elif waits.sequence is not None:
                    self._name(identity, f"it is being attested, and its record says now: {why}")
                else:
                    self.done.withdrawn.append(Remark(identity, why))
                    if not self.dry_run:
                        self.worklist.remove([waits])
                        self.memory.forget(identity)

    def _take(self, patient: str, event: ServiceEvent, seen: Seen | None) -> None:
        identity = seen.record_identity if seen else event.record_identity
        same_name = identity == event.record_identity
        waits = self._waiting.get(identity)
        if waits is not None and same_name:
            self._meet_waiting(patient, event, waits)
        elif waits is not None or self.worklist.knows(identity):
            self._know(event)
            if seen and same_name and not seen.same_content:
                self._name(identity, "its record has changed since it was attested")
                if not self.dry_run:
                    self.memory.remember([(patient, event)])  # said once
        elif seen and self._is_earlier(event):
            return  # taken off the list by hand
        elif attested := self._attested_before(event):
            self._know(event)
            if not self._is_earlier(event):
                self._name(
                    event.record_identity,
                    f"its claim replaces one that was attested ({attested}): give that back and correct it",
                )
        else:
            self._new.append((patient, event))
            self.done.added.append(event)

    def _meet_waiting(self, patient: str, event: ServiceEvent, waits: WaitingEvent) -> None:
        """What the record says now against what waits."""
        if waits.patient != patient:
            self._know(event)
            if not self._is_earlier(event):
                self.done.other_patient.append(event)
        elif event == waits.event:
            self._know(event)
        elif waits.sequence is not None:
            self._know(event)
            self._name(
                event.record_identity,
                "its record has changed while it is being attested: attest it, then correct the claim",
            )
        else:
            if not self.dry_run and self.worklist.replace(waits, event):
                self.memory.remember([(patient, event)])
            self.done.replaced.append(event)

    def _attested_before(self, event: ServiceEvent) -> str:
        """A charge that was attested by a claim that this event's claim takes the place of; empty: none."""
        claim = tail(event.record_identity.partition("#")[0])
        for replaced, by in self.report.replaced.items():
            if by == claim and "#" in event.record_identity:
                for identity in self._taken.get(replaced, ()):
                    if "#" in identity and identity not in self._waiting and self.worklist.knows(identity):
                        return identity
        return ""

    def _know(self, event: ServiceEvent) -> None:
        if not self._is_earlier(event):
            self.done.already_known.append(event)

    def _name(self, identity: str, why: str) -> None:
        self.done.named.append(Remark(identity, why))
