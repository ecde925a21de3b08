"""From a health record to a provider's worklist."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from chainbill.errors import ArgumentError
from chainbill.interop.fhir import MAX_BYTES, IngestReport, read_part
from chainbill.interop.ingest_memory import IngestMemory
from chainbill.interop.patient_accounts import Mapped, read_patient_map, references_of
from chainbill.operations.actor import Actor
from chainbill.operations.parties import patient_address
from chainbill.operations.provider.acting import worklist_of
from chainbill.operations.provider.queueing import (
    ANYBODY,
    UNNAMED,
    IngestResult,
    count_by_party,
    performed_by_own,
    queue_events,
)
from chainbill.records.catalogue import Catalogue
from chainbill.records.service_event import ServiceEvent


@dataclass(frozen=True, slots=True)
class Ingested:
    """What a health record gave."""

    report: IngestReport
    """What was read, and what is no event."""
    result: IngestResult
    """What became of the events."""
    accounts: Mapping[str, str]
    """Patients' accounts (checksum addresses) by the record's reference."""
    unknown_patients: tuple[str, ...]
    """Patients who were given an account, and of whom the record has no event."""
    undecided_performers: Mapping[str, int]
    """Of a dry run: performers of whom somebody must say which the provider is, with their events."""


def ingest(
    provider: Actor,
    files: Sequence[Path],
    *,
    patients: Sequence[Mapped] = (),
    patient_map: Path | None = None,
    same_account: bool = False,
    performed_by: Sequence[str] = (),
    source: str | None = None,
    catalogue: Catalogue | None = None,
    in_person: bool = True,
    max_bytes: int = MAX_BYTES,
    dry_run: bool = False,
) -> Ingested:
    """Find service events in a health record (FHIR R4) and put them on the provider's worklist. What is read
    again adds only what is new, and what arrives later completes what waits.

    Args:
        files: files or folders, or ``-`` for standard input; they are read as parts of one record.
        patients: the accounts of patients: by reference, identifier or MRN; an empty ``patient`` is the
            record's only one. What was given before is remembered.
        patient_map: a CSV file of more of them, see ``read_patient_map``.
        same_account: several patients of the record are one person, and have one account.
        performed_by: what the provider is called in the record, and remembered; ``any``: take everybody's
            services as its own. Empty: what was given before, else the record's only performer.
        source: address of the FHIR server that the files are from, where they do not say so; None: they do.
        catalogue: names services and their default prices; None: the package's own.
        in_person: take visits in person.
        max_bytes: the largest file to read.
        dry_run: look, and change nothing.

    Raises:
        ArgumentError: nothing says whose account a patient has, or which performer the provider is; or one
            account would be several patients'.
        RecordError: a file cannot be read.
        StateError: there is no account of that name.
    """
    session, worklist = provider.session, worklist_of(provider)
    memory = IngestMemory(session.state.ingest_memory(provider.name))
    reading = read_part(
        files,
        earlier=memory.parts(),
        catalogue=catalogue or Catalogue.load(),
        include_in_person=in_person,
        max_bytes=max_bytes,
        not_after=datetime.fromtimestamp(session.now(), UTC),
        server=_server(source),
    )
    report = reading.report
    given = _Given(provider, report, memory, same_account=same_account)
    accounts = given.accounts(patients, patient_map, optional=dry_run)
    own, undecided = _own_names(provider.name, report, memory, performed_by, accounts, dry_run=dry_run)
    result = queue_events(report, worklist, memory, accounts, performed_by=own, dry_run=dry_run)
    if not dry_run:
        memory.keep(reading.kept)
        for reference, account in accounts.items():
            memory.keep_account(reference, account)
        for performer in performed_by:
            if performer != ANYBODY:
                memory.keep_performer(performer)
    return Ingested(report, result, accounts, tuple(given.unknown), undecided)


def forget_records(provider: Actor) -> int:
    """Forget what earlier parts of the provider's records said; what waits stays. Returns of how many
    resources."""
    return IngestMemory(provider.session.state.ingest_memory(provider.name)).forget_parts()


def events_here(report: IngestReport) -> list[ServiceEvent]:
    """The events that the files hold that are read now."""
    return [event for event in report.events if event.record_identity not in report.earlier]


def several_performers(name: str) -> str:
    """What has to be said where a record names several performers; ``name`` is the provider's."""
    return f"the record has services of several performers; say which of them {name} is: `performed_by=REF`"


class _Given:
    """Whose account each patient of a record has."""

    def __init__(
        self, provider: Actor, report: IngestReport, memory: IngestMemory, *, same_account: bool
    ) -> None:
        self._session, self._report = provider.session, report
        self._before = memory.accounts()
        self._same_account = same_account
        self._references = list(dict.fromkeys(event.patient.reference for event in events_here(report)))
        self.unknown: list[str] = []

    def accounts(
        self, patients: Sequence[Mapped], patient_map: Path | None, *, optional: bool
    ) -> dict[str, str]:
        """Address by reference: as given now, else as given before."""
        now: dict[str, str] = {}
        for each in patients:
            now |= self._given(each)
        for each in read_patient_map(patient_map) if patient_map is not None else ():
            for reference in references_of(each.patient, self._report.patients, self._references):
                now.setdefault(reference, patient_address(self._session, each.account))
        everybody = dict.fromkeys(event.patient.reference for event in self._report.events)
        accounts = {reference: now.get(reference) or self._before.get(reference) for reference in everybody}
        known = {reference: address for reference, address in accounts.items() if address}
        if not self._same_account:
            self._require_one_patient_each(known, {**self._before, **now})
        if self._references and not known and not optional:
            raise ArgumentError(
                "say whose account a patient of the record has: "
                + " ".join(f"`patients={reference}=ACCOUNT`" for reference in self._references)
            )
        return known

    def _given(self, mapped: Mapped) -> dict[str, str]:
        references = self._references
        if not mapped.patient and len(references) > 1:
            raise ArgumentError(
                f"the record has {len(references)} patients: {', '.join(references)}",
                argument="patients",
                hint=f"say whose account that is: `patients=REF={mapped.account}`",
            )
        address = patient_address(self._session, mapped.account)
        found = references
        if mapped.patient:
            found = references_of(mapped.patient, self._report.patients, references)
            if not found:
                self.unknown.append(mapped.patient)
        return dict.fromkeys(found, address)

    def _require_one_patient_each(self, known: Mapping[str, str], everywhere: Mapping[str, str]) -> None:
        for reference, address in known.items():
            others = [
                other for other, theirs in everywhere.items() if theirs == address and other != reference
            ]
            if others:
                account = self._session.book.name_of(address) or address
                raise ArgumentError(
                    f"{account} would be charged for several patients of the records: "
                    f"{', '.join([*others, reference])}; if they are one person, add `same_account=True`"
                )


def _server(source: str | None) -> str:
    if source is None:
        return ""
    if not source.startswith(("http://", "https://")) or not source.isascii() or not source.isprintable():
        raise ArgumentError("write it like https://ehr.example/fhir", argument="source")
    return source


def _own_names(
    name: str,
    report: IngestReport,
    memory: IngestMemory,
    performed_by: Sequence[str],
    accounts: Mapping[str, str],
    *,
    dry_run: bool,
) -> tuple[Collection[str], dict[str, int]]:
    """What the provider is called in the record: as given now, as given before, else the record's only
    performer. In a dry run, the performers of whom somebody must say which it is."""
    if performed_by:
        return frozenset(performed_by), {}
    if known := memory.performers():
        return frozenset(known), {}
    here = events_here(report)
    theirs = [event for event in here if event.patient.reference in accounts] or here
    performers = {event.provider.reference for event in theirs} - {UNNAMED}
    if len(performers) <= 1:
        return performers, {}
    if any(performed_by_own(event, {name}) for event in theirs if event.provider.reference != UNNAMED):
        return {name}, {}
    counted = count_by_party(event.provider for event in theirs)
    if dry_run:
        return {ANYBODY}, counted
    listed = ", ".join(f"{performer}: {count}" for performer, count in counted.items())
    raise ArgumentError(f"{several_performers(name)} (or `any`, to bill all of them as {name}'s): {listed}")
