"""Whose signatures the rows of a section stand under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.sequences.model.claims import Event


@dataclass(frozen=True)
class Attestation:
    """A signature under the next rows of a section: those of so many patients, or one row."""

    attester: str
    patients: int = 0
    """0: one row."""
    flaw: str = ""
    """What else was signed than the rows say: "", or "payer", "sequence", "domain"."""


def of_each(events: Sequence[Event], attestations: Sequence[Attestation]) -> list[Attestation]:
    """For each event the attestation that it stands under."""
    found: list[Attestation] = []
    for attestation in attestations:
        rest = events[len(found) :]
        patients = list(dict.fromkeys(event.patient for event in rest))[: attestation.patients]
        rows = sum(event.patient in patients for event in rest) if attestation.patients else 1
        found += [attestation] * rows
    assert len(found) == len(events)
    return found
