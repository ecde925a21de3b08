"""MedicationDispenses, and MedicationRequests that no dispense names: prescription fills."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from chainbill.interop.fhir.dates import EPOCH, first_date, service_moment
from chainbill.interop.fhir.elements import Json, all_codings, child, children, codings, text
from chainbill.interop.fhir.files import Source
from chainbill.interop.fhir.records import Records, require_status, require_valid, shown_code
from chainbill.interop.fhir.references import required
from chainbill.interop.fhir.report import NoEvent, SkipReason
from chainbill.records.catalogue import Coding
from chainbill.records.service_event import ServiceEvent, ServiceKind

_DISPENSE_DATES = ("whenHandedOver", "whenPrepared")


@dataclass(slots=True)
class Prescriptions:
    """The prescriptions of a file and their fills."""

    records: Records
    _dispensed: dict[str, Source] = field(default_factory=dict)
    """The first dispense that names a prescription, by the prescription's identity."""
    _numbers: dict[str, int] = field(default_factory=dict)
    """Which fill of its prescription a completed dispense is, from zero, by the dispense's identity."""

    def group(self) -> None:
        """Find which dispenses fill which prescription, and in what order."""
        fills: dict[str, list[Source]] = {}
        for dispense in self.records.of_type("MedicationDispense"):
            status = text(dispense.resource, "status")
            if status == "entered-in-error":
                continue  # it never was
            for prescription in self._prescriptions(dispense):
                # Any other dispense, even one under way or declined, says more of what became of the
                # prescription than the prescription does.
                self._dispensed.setdefault(prescription, dispense)
                if status == "completed":
                    fills.setdefault(prescription, []).append(dispense)
        for dispenses in fills.values():
            dispenses.sort(key=lambda dispense: first_date(dispense.resource, *_DISPENSE_DATES) or EPOCH)
            self._numbers |= {dispense.identity: number for number, dispense in enumerate(dispenses)}

    def dispense_event(self, source: Source) -> ServiceEvent:
        """The fill a MedicationDispense is.

        Raises:
            NoEvent: not completed, or lacking something an event needs.
        """
        require_valid(source)
        require_status(source, "completed")
        _require_for_home(source)
        prescription = next(self._prescriptions(source), "")
        performers = [child(who, "actor") for who in children(source.resource, "performer")]
        return self._event(source, performers, prescription, _DISPENSE_DATES)

    def request_event(self, source: Source) -> ServiceEvent:
        """The one fill a MedicationRequest stands for where no dispense names it.

        Raises:
            NoEvent: named by a dispense, no order, not carried out, or lacking something an event needs.
        """
        require_valid(source)
        if dispense := self._dispensed.get(source.identity):
            raise NoEvent(SkipReason.DISPENSED, dispense.label)
        require_status(source, "active", "completed", "stopped")
        if (intent := text(source.resource, "intent")) != "order":
            raise NoEvent(SkipReason.INTENT, shown_code(intent))
        if source.resource.get("doNotPerform") is True:
            raise NoEvent(SkipReason.INTENT, "do-not-perform")
        # FHIR R4 MedicationRequest.reported[x]: a report of somebody else's record, not an order of its own.
        if source.resource.get("reportedBoolean") is True or child(source.resource, "reportedReference"):
            raise NoEvent(SkipReason.NO_KIND, "reported, not ordered here")
        _require_for_home(source)
        pharmacy = child(child(source.resource, "dispenseRequest"), "performer")
        return self._event(source, [pharmacy], source.identity, ("authoredOn",))

    def _event(
        self, source: Source, performers: list[Json], prescription: str, dates: tuple[str, ...]
    ) -> ServiceEvent:
        records = self.records
        encounter_name = "encounter" if source.type == "MedicationRequest" else "context"
        encounter = records.encounter(source, name=encounter_name)
        provider = records.provider(
            source,
            performers,
            records.claim_provider(records.prices.fill_claims(prescription)),
            records.encounter_provider(encounter),
            records.named_provider(source, "requester"),
        )
        at = service_moment(source.resource, *dates)
        patient = records.patient(source)
        listed = self._medication(source)
        kind = ServiceKind.PRESCRIPTION_REFILL
        number = self._numbers.get(source.identity, 0)
        price = records.prices.fill(prescription, number) if prescription else None
        if price is None:
            price = records.prices.matching(
                kind,
                patient.reference,
                listed,
                at.date(),
                encounter.identity if encounter else "",
                records.performers(source, performers),
            )
        return records.event(source, kind, listed, patient=patient, provider=provider, at=at, price=price)

    def _medication(self, source: Source) -> list[Coding]:
        reference = child(source.resource, "medicationReference")
        if not reference:
            return codings(child(source.resource, "medicationCodeableConcept"))
        target = self.records.index.follow(reference, source, "Medication")
        if target.missing and not target.dangling:
            return []  # named in words alone, as a concept without a code would be
        found = required(target, "medication", content=True).found
        return codings(child(found.resource, "code")) if found else []

    def _prescriptions(self, dispense: Source) -> Iterator[str]:
        for reference in children(dispense.resource, "authorizingPrescription"):
            target = self.records.index.follow(reference, dispense, "MedicationRequest")
            if target.reference:
                yield target.reference


def _require_for_home(source: Source) -> None:
    """Check that a medicine is for the patient to take away.

    Raises:
        NoEvent: its category (a list for a request, one concept for a dispense) is inpatient: it is given in
        a stay
            and part of it (HL7 medicationrequest-category, medicationdispense-category).
    """
    stated = [*children(source.resource, "category"), child(source.resource, "category")]
    if any(coding.code == "inpatient" for coding in all_codings(stated)):
        raise NoEvent(SkipReason.NO_KIND, "a medicine given in a stay")
