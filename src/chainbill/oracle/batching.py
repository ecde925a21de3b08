"""Puts accepted attestations into batches: sections by payer, provider and terms version, sized by gas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chainbill.chain.batch_codec import (
    MAX_ROWS_PER_PATIENT,
    MAX_SEQUENCE_SPAN,
    BatchRow,
    BatchSection,
)
from chainbill.chain.protocol import Protocol
from chainbill.chain.sender import GAS_CAP
from chainbill.errors import ChainError
from chainbill.oracle.store import StoredAttestation

GAS_PER_BATCH = 600_000
"""Upper bound on what a batch costs beside its rows: signatures, cold contracts, token transfers and the
gas that settlement keeps in hand."""

GAS_PER_SECTION = 80_000
"""Upper bound on what a section costs beside its rows."""

GAS_PER_ROW = 110_000
"""Upper bound on one row in which every storage slot is new; ``chainbill bench gas`` measures it."""


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """The rows of one batch, by section, with the store's row numbers."""

    sections: tuple[BatchSection, ...]
    members: tuple[StoredAttestation, ...]


@dataclass(frozen=True, slots=True, order=True)
class _SectionKey:
    payer_id: int
    provider_id: int
    plan_id: int
    terms_version: int


def plan_batches(
    protocol: Protocol, open_attestations: Sequence[StoredAttestation], signed_at: int
) -> list[PlannedBatch]:
    """Split attestations into batches that each fit one transaction, keeping their order.

    Attestations are put in batches in the order they were accepted, so that a member's deductible is
    met in the order in which the provider attested.
    """
    terms = _TermsInForce(protocol, signed_at)
    batches: list[PlannedBatch] = []
    draft = _Draft()
    for stored in open_attestations:
        key = terms.section_key(stored)
        if not draft.fits(key, stored):
            batches.append(draft.finish())
            draft = _Draft()
        draft.add(key, stored)
    if draft.members:
        batches.append(draft.finish())
    return batches


class _Draft:
    """A batch being filled."""

    def __init__(self) -> None:
        self.members: list[StoredAttestation] = []
        self._sections: dict[_SectionKey, list[StoredAttestation]] = {}

    def fits(self, key: _SectionKey, stored: StoredAttestation) -> bool:
        rows = self._sections.get(key, [])
        sections = len(self._sections) + (not rows)
        gas = GAS_PER_BATCH + GAS_PER_SECTION * sections + GAS_PER_ROW * (len(self.members) + 1)
        patient = stored.attestation.patient
        of_patient = sum(1 for row in rows if row.attestation.patient == patient)
        sequences = [row.attestation.sequence for row in rows] + [stored.attestation.sequence]
        return (
            gas <= GAS_CAP
            and of_patient < MAX_ROWS_PER_PATIENT
            and max(sequences) - min(sequences) <= MAX_SEQUENCE_SPAN
        )

    def add(self, key: _SectionKey, stored: StoredAttestation) -> None:
        self._sections.setdefault(key, []).append(stored)
        self.members.append(stored)

    def finish(self) -> PlannedBatch:
        sections = tuple(_section(key, self._sections[key]) for key in sorted(self._sections))
        return PlannedBatch(sections, tuple(self.members))


class _TermsInForce:
    """Which plan version a member's event is priced by at ``signed_at``."""

    def __init__(self, protocol: Protocol, signed_at: int) -> None:
        self._protocol = protocol
        self._signed_at = signed_at
        self._plans: dict[tuple[int, str, int], int] = {}
        self._versions: dict[tuple[int, int], int] = {}

    def section_key(self, stored: StoredAttestation) -> _SectionKey:
        attestation = stored.attestation
        plan_id = self._plan(attestation.payer_id, attestation.patient, attestation.benefit_year)
        version = self._version(attestation.payer_id, plan_id) if plan_id else 0
        return _SectionKey(attestation.payer_id, attestation.provider_id, plan_id, version)

    def _plan(self, payer_id: int, patient: str, year: int) -> int:
        """0 where the member is not enrolled or the payer unknown: settlement pends such rows."""
        key = (payer_id, patient, year)
        if key not in self._plans:
            try:
                self._plans[key] = self._protocol.payer(payer_id).member_year(patient, year).plan_id
            except ChainError:
                self._plans[key] = 0
        return self._plans[key]

    def _version(self, payer_id: int, plan_id: int) -> int:
        key = (payer_id, plan_id)
        if key not in self._versions:
            self._versions[key] = next(self._in_force(payer_id, plan_id), 0)
        return self._versions[key]

    def _in_force(self, payer_id: int, plan_id: int) -> Iterator[int]:
        payer = self._protocol.payer(payer_id)
        for version in range(payer.plan_versions(plan_id), 0, -1):
            published = payer.plan_terms(plan_id, version)
            if published is not None and published[1] <= self._signed_at:
                yield version


def _section(key: _SectionKey, members: Sequence[StoredAttestation]) -> BatchSection:
    return BatchSection(
        provider_id=key.provider_id,
        payer_id=key.payer_id,
        plan_id=key.plan_id,
        terms_version=key.terms_version,
        rows=tuple(_row(stored) for stored in members),
    )


def _row(stored: StoredAttestation) -> BatchRow:
    attestation = stored.attestation
    return BatchRow(
        patient=bytes.fromhex(attestation.patient[2:]),
        commitment=attestation.commitment,
        service_id=attestation.service_id,
        units=attestation.units,
        billed=attestation.billed_amount,
        benefit_year=attestation.benefit_year,
        sequence=attestation.sequence,
    )
