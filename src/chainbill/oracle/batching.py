"""Puts accepted attestations into batches: sections by payers, provider and terms versions, sized by gas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from chainbill.chain.format.batch_codec import (
    MAX_ROWS_PER_PATIENT,
    MAX_SEQUENCE_SPAN,
    BatchRow,
    BatchSection,
)
from chainbill.chain.protocol import Protocol
from chainbill.errors import ChainError
from chainbill.oracle.store import StoredAttestation
from chainbill.protocol_constants import GAS_CAP

GAS_PER_BATCH = 600_000
"""Upper bound on what a batch costs beside its rows: signatures, cold contracts, token transfers and the gas
that settlement keeps in hand. All these bounds are for storage slots that are new; ``chainbill bench gas``
measures what rows cost."""

GAS_PER_SECTION = 120_000
"""For each section: a payer's terms, a provider's credit."""

GAS_PER_PATIENT = 60_000
"""For each patient of a section: the wallet, the consent, the year of the member and of its family."""

GAS_PER_SERVICE = 30_000
"""For each service of a patient: the fee and the units used in the year."""

GAS_PER_BITMAP_WORD = 25_000
"""For each 256 sequences of a provider."""

GAS_PER_ROW = 12_000
"""For each row: its bytes, its price, its log and its leaf of the tree."""

GAS_PER_SECONDARY = 45_000
"""For each row with a secondary payer: two payers that price and then write."""


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """The rows of one batch, by section, with the store's row numbers."""

    sections: tuple[BatchSection, ...]
    members: tuple[StoredAttestation, ...]
    gas: int
    """Upper bound on what settling it takes."""


@dataclass(frozen=True, slots=True, order=True)
class _SectionKey:
    """What the rows of a section have in common. Sections stand in this order: the payers come first."""

    payer_id: int
    secondary_payer_id: int
    provider_id: int
    plan_id: int
    terms_version: int
    secondary_plan_id: int
    secondary_terms_version: int
    corrections: bool


def plan_batches(
    protocol: Protocol, open_attestations: Sequence[StoredAttestation], signed_at: int
) -> list[PlannedBatch]:
    """Split attestations into batches that each fit one transaction, keeping their order.

    Attestations are put in batches in the order they were accepted, so that a member's deductible is
    met in the order in which the provider attested.
    """
    standing = _Standing(protocol, signed_at)
    batches: list[PlannedBatch] = []
    draft = _Draft()
    for stored in open_attestations:
        key = standing.section_key(stored)
        if not draft.fits(key, stored):
            batches.append(draft.finish())
            draft = _Draft()
        draft.add(key, stored)
    if draft.members:
        batches.append(draft.finish())
    return batches


@dataclass(slots=True)
class _SectionDraft:
    """A section being filled."""

    rows: list[StoredAttestation] = field(default_factory=list)
    rows_of: Counter[str] = field(default_factory=Counter)
    lowest: int = 2**64
    highest: int = 0

    def takes(self, stored: StoredAttestation) -> bool:
        """Does the packed layout have room for one more?"""
        sequence = stored.attestation.sequence
        span = max(self.highest, sequence) - min(self.lowest, sequence)
        return span <= MAX_SEQUENCE_SPAN and self.rows_of[stored.attestation.patient] < MAX_ROWS_PER_PATIENT

    def add(self, stored: StoredAttestation) -> None:
        sequence = stored.attestation.sequence
        self.lowest, self.highest = min(self.lowest, sequence), max(self.highest, sequence)
        self.rows_of[stored.attestation.patient] += 1
        self.rows.append(stored)


class _Draft:
    """A batch being filled."""

    def __init__(self) -> None:
        self.members: list[StoredAttestation] = []
        self._sections: dict[_SectionKey, _SectionDraft] = {}
        self._touched: set[object] = set()
        self._gas = GAS_PER_BATCH

    def fits(self, key: _SectionKey, stored: StoredAttestation) -> bool:
        section = self._sections.get(key, _SectionDraft())
        return self._gas + self._more_gas(key, stored) <= GAS_CAP and section.takes(stored)

    def add(self, key: _SectionKey, stored: StoredAttestation) -> None:
        self._gas += self._more_gas(key, stored)
        self._touched |= _touches(key, stored).keys()
        self._sections.setdefault(key, _SectionDraft()).add(stored)
        self.members.append(stored)

    def finish(self) -> PlannedBatch:
        sections = tuple(_section(key, self._sections[key].rows) for key in sorted(self._sections))
        return PlannedBatch(sections, tuple(self.members), self._gas)

    def _more_gas(self, key: _SectionKey, stored: StoredAttestation) -> int:
        first_touches = _touches(key, stored).items()
        gas = sum(cost for place, cost in first_touches if place not in self._touched)
        return gas + GAS_PER_ROW + (GAS_PER_SECONDARY if key.secondary_payer_id else 0)


def _touches(key: _SectionKey, stored: StoredAttestation) -> dict[object, int]:
    """What a row touches, and what the first touch of each costs."""
    attestation = stored.attestation
    payers = 2 if key.secondary_payer_id else 1
    return {
        key: GAS_PER_SECTION * payers,
        (key, attestation.patient): GAS_PER_PATIENT * payers,
        (attestation.patient, attestation.service_id): GAS_PER_SERVICE * payers,
        (attestation.provider_id, attestation.sequence // 256): GAS_PER_BITMAP_WORD,
    }


class _Standing:
    """Who pays for an event, and under which plan versions, at ``signed_at``."""

    def __init__(self, protocol: Protocol, signed_at: int) -> None:
        self._protocol = protocol
        self._signed_at = signed_at
        self._secondaries: dict[str, int] = {}
        self._plans: dict[tuple[int, str, int], int] = {}
        self._versions: dict[tuple[int, int], int] = {}

    def section_key(self, stored: StoredAttestation) -> _SectionKey:
        attestation = stored.attestation
        secondary = self._secondary(stored)
        plan_id, version = self._terms(attestation.payer_id, stored)
        secondary_plan_id, secondary_version = self._terms(secondary, stored)
        return _SectionKey(
            payer_id=attestation.payer_id,
            secondary_payer_id=secondary,
            provider_id=attestation.provider_id,
            plan_id=plan_id,
            terms_version=version,
            secondary_plan_id=secondary_plan_id,
            secondary_terms_version=secondary_version,
            corrections=bool(stored.corrects),
        )

    def _secondary(self, stored: StoredAttestation) -> int:
        """The secondary payer whom the event was routed to, where the patient still has it; 0: none. A row
        that names others than the patient's payers is pended."""
        routed, patient = stored.coordination.secondary_payer_id, stored.attestation.patient
        if routed == 0:
            return 0
        if patient not in self._secondaries:
            payers = self._protocol.escrow.payers_of(patient, self._signed_at)
            self._secondaries[patient] = payers.secondary
        return routed if routed == self._secondaries[patient] else 0

    def _terms(self, payer_id: int, stored: StoredAttestation) -> tuple[int, int]:
        """A plan and its version; 0 where there is no payer, or the member is not enrolled or the payer
        unknown: settlement pends such rows."""
        attestation = stored.attestation
        plan_id = self._plan(payer_id, attestation.patient, attestation.benefit_year) if payer_id else 0
        return plan_id, self._version(payer_id, plan_id) if plan_id else 0

    def _plan(self, payer_id: int, patient: str, year: int) -> int:
        key = (payer_id, patient, year)
        if key not in self._plans:
            try:
                member_year = self._protocol.payer(payer_id).member_year(patient, year)
                self._plans[key] = member_year.plan_at(self._signed_at)
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
        rows=tuple(_row(stored, key) for stored in members),
        secondary_payer_id=key.secondary_payer_id,
        secondary_plan_id=key.secondary_plan_id,
        secondary_terms_version=key.secondary_terms_version,
        corrections=key.corrections,
    )


def _row(stored: StoredAttestation, key: _SectionKey) -> BatchRow:
    attestation = stored.attestation
    return BatchRow(
        patient=bytes.fromhex(attestation.patient[2:]),
        commitment=attestation.commitment,
        service_id=attestation.service_id,
        units=attestation.units,
        billed=attestation.billed_amount,
        benefit_year=attestation.benefit_year,
        sequence=attestation.sequence,
        secondary_service_id=stored.coordination.secondary_service_id if key.secondary_payer_id else b"",
        corrects=stored.corrects,
    )
