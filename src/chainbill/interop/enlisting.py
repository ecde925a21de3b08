"""Puts the events of a record on a provider's worklist, each under its patient's account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from chainbill.attestation.worklist import Worklist
from chainbill.records.service_event import Party, ServiceEvent


@dataclass(slots=True)
class Enlisted:
    """What became of each event."""

    added: list[ServiceEvent] = field(default_factory=list)
    already_known: list[ServiceEvent] = field(default_factory=list)
    """On the worklist, or attested before."""
    other_patient: list[ServiceEvent] = field(default_factory=list)
    """Of those: waiting under another patient's account than now named."""
    unmapped: list[ServiceEvent] = field(default_factory=list)
    """Of patients for whom no account was named."""
    performed_by_others: list[ServiceEvent] = field(default_factory=list)
    """Performed by nobody of those named."""


def enlist(
    events: Iterable[ServiceEvent],
    worklist: Worklist,
    accounts: Mapping[str, str],
    *,
    performed_by: Collection[str] = (),
    dry_run: bool = False,
) -> Enlisted:
    """Add events to ``worklist``.

    Args:
        events: as a record's reader found them.
        worklist: the provider's.
        accounts: checksum address by the record's reference of the patient.
        performed_by: take only what these performed: references or names of the record; empty: everybody.
        dry_run: look, and add nothing.
    """
    waiting = {item.event.record_identity: item.patient for item in worklist.waiting()}
    done = Enlisted()
    offered: set[str] = set()
    for event in events:
        patient = accounts.get(event.patient.reference)
        identity = event.record_identity
        if performed_by and not {event.provider.reference, event.provider.name} & set(performed_by):
            done.performed_by_others.append(event)
        elif patient is None:
            done.unmapped.append(event)
        elif identity not in offered and _add(worklist, patient, event, dry_run=dry_run):
            done.added.append(event)
            offered.add(identity)
        else:
            done.already_known.append(event)
            if waiting.get(identity, patient) != patient:
                done.other_patient.append(event)
    return done


def count_by_party(parties: Iterable[Party]) -> dict[str, int]:
    """How many events each party has, most first, by reference and, where the record states one, name."""
    shown = (f"{party.reference} ({party.name})" if party.name else party.reference for party in parties)
    return dict(Counter(shown).most_common())


def _add(worklist: Worklist, patient: str, event: ServiceEvent, *, dry_run: bool) -> bool:
    if dry_run:
        return not worklist.knows(event.record_identity)
    return worklist.add(patient, event)
