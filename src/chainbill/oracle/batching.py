"""Puts accepted attestations into batches: sections by payers, provider and terms versions, sized by gas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from chainbill.chain.format.batch_codec import (
    MAX_ROWS_PER_PATIENT,
    MAX_SEQUENCE_SPAN,
    BatchRow,
    BatchSection,
    RowsAttestation,
)
from chainbill.chain.format.section_signing import row_of, under_bundle
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

GAS_PER_SIGNATURE = 8_000
"""For each signature of a provider's: its bytes, what is hashed for it, and whose it is."""

GAS_PER_SECONDARY = 150_000
"""For each row with a secondary payer: two payers that price it row by row and then write, after they have
priced and written the whole section twice and taken that back, new units of the year included."""


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """The rows of one batch, by section, with the store's row numbers."""

    sections: tuple[BatchSection, ...]
    members: tuple[StoredAttestation, ...]
    gas: int
    """Upper bound on what settling it takes."""


@dataclass(frozen=True, slots=True)
class SectionKey:
    """What the rows of a section have in common."""

    payer_id: int
    secondary_payer_id: int
    provider_id: int
    plan_id: int
    terms_version: int
    secondary_plan_id: int
    secondary_terms_version: int
    corrections: bool
    bundle: int = 0
    """Of the provider's bundle that the rows are, all of it; 0: each row is under a signature of its own."""

    @property
    def payers(self) -> tuple[int, int]:
        """Primary and secondary: what sections stand in order of."""
        return self.payer_id, self.secondary_payer_id


_NEXT_BUNDLE = -1
"""Stands for a bundle that is not signed yet."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """Rows that go into a batch together or not at all."""

    key: SectionKey
    members: tuple[StoredAttestation, ...]


def plan_batches(
    protocol: Protocol, open_attestations: Sequence[StoredAttestation], signed_at: int
) -> list[PlannedBatch]:
    """Split attestations into batches that each fit one transaction, keeping their order.

    Attestations are put in batches in the order they were accepted, so that a member's deductible is
    met in the order in which the provider attested. What a provider has signed together is a section of its
    own where all of it waits and belongs into one; otherwise the signature of each row is used.
    """
    units = _units(section_keys(protocol, open_attestations, signed_at))
    return [draft.finish() for draft in _drafts(units)]


def section_keys(
    protocol: Protocol, attestations: Iterable[StoredAttestation], signed_at: int
) -> list[tuple[SectionKey, StoredAttestation]]:
    """Attestations, each with what decides into which section it goes at ``signed_at``."""
    standing = _Standing(protocol, signed_at)
    return [(standing.section_key(stored), stored) for stored in attestations]


def bundles_of(key: SectionKey, members: Iterable[StoredAttestation]) -> Iterator[list[StoredAttestation]]:
    """Cut what belongs into one section into parts that each can be a section of one batch under one
    signature, keeping their order."""
    together = replace(key, bundle=_NEXT_BUNDLE)
    for draft in _drafts(_Unit(together, (stored,)) for stored in members):
        yield draft.members


def _drafts(units: Iterable[_Unit]) -> Iterator[_Draft]:
    """Batches, each as full as it can be without changing the order."""
    draft = _Draft()
    for unit in units:
        if draft.members and not draft.fits(unit):
            yield draft
            draft = _Draft()
        draft.add(unit)
    if draft.members:
        yield draft


def _units(keyed: Sequence[tuple[SectionKey, StoredAttestation]]) -> Iterator[_Unit]:
    """Bundles where their first row stands, and rows by themselves."""
    bundles: dict[int, list[tuple[SectionKey, StoredAttestation]]] = {}
    for key, stored in keyed:
        if stored.bundle is not None:
            bundles.setdefault(stored.bundle.row, []).append((key, stored))
    whole = {row: unit for row, members in bundles.items() if (unit := _bundled(row, members)) is not None}
    for key, stored in keyed:
        bundle = 0 if stored.bundle is None else stored.bundle.row
        if bundle not in whole:
            yield _Unit(key, (stored,))
        elif whole[bundle].members[0].row == stored.row:
            yield whole[bundle]


def _bundled(bundle: int, keyed: Sequence[tuple[SectionKey, StoredAttestation]]) -> _Unit | None:
    """A bundle as a section of its own; None where some of it does not wait, or belongs elsewhere."""
    key, members = keyed[0][0], tuple(stored for _, stored in keyed)
    sizes = {stored.bundle.size for stored in members if stored.bundle is not None}
    if sizes != {len(members)} or any(other != key for other, _ in keyed):
        return None
    unit = _Unit(replace(key, bundle=bundle), members)
    return unit if _Draft().fits(unit) else None


@dataclass(slots=True)
class _SectionDraft:
    """A section being filled."""

    rows: list[StoredAttestation] = field(default_factory=list)
    rows_of: Counter[str] = field(default_factory=Counter)
    lowest: int = 2**64
    highest: int = 0

    def takes(self, members: Sequence[StoredAttestation]) -> bool:
        """Does the packed layout have room for these besides?"""
        sequences = [stored.attestation.sequence for stored in members]
        span = max(self.highest, *sequences) - min(self.lowest, *sequences)
        more = Counter(stored.attestation.patient for stored in members)
        return span <= MAX_SEQUENCE_SPAN and all(
            self.rows_of[patient] + rows <= MAX_ROWS_PER_PATIENT for patient, rows in more.items()
        )

    def add(self, members: Sequence[StoredAttestation]) -> None:
        for stored in members:
            sequence = stored.attestation.sequence
            self.lowest, self.highest = min(self.lowest, sequence), max(self.highest, sequence)
            self.rows_of[stored.attestation.patient] += 1
            self.rows.append(stored)


class _Draft:
    """A batch being filled."""

    def __init__(self) -> None:
        self.members: list[StoredAttestation] = []
        self._sections: dict[SectionKey, _SectionDraft] = {}
        self._touched: set[object] = set()
        self._gas = GAS_PER_BATCH

    def fits(self, unit: _Unit) -> bool:
        section = self._sections.get(unit.key, _SectionDraft())
        return self._gas + self._more_gas(unit) <= GAS_CAP and section.takes(unit.members)

    def add(self, unit: _Unit) -> None:
        self._gas += self._more_gas(unit)
        for stored in unit.members:
            self._touched |= _touches(unit.key, stored).keys()
        self._sections.setdefault(unit.key, _SectionDraft()).add(unit.members)
        self.members += unit.members

    def finish(self) -> PlannedBatch:
        # By payers, as the layout asks; of the same payers in the order of their first rows.
        drafts = sorted(self._sections.items(), key=lambda section: section[0].payers)
        sections = tuple(_section(key, draft.rows) for key, draft in drafts)
        return PlannedBatch(sections, tuple(self.members), self._gas)

    def _more_gas(self, unit: _Unit) -> int:
        touched: dict[object, int] = {}
        for stored in unit.members:
            touched |= _touches(unit.key, stored)
        gas = sum(cost for place, cost in touched.items() if place not in self._touched)
        per_row = GAS_PER_ROW + (GAS_PER_SECONDARY if unit.key.secondary_payer_id else 0)
        return gas + per_row * len(unit.members)


def _touches(key: SectionKey, stored: StoredAttestation) -> dict[object, int]:
    """What a row touches, and what the first touch of each costs."""
    attestation = stored.attestation
    payers = 2 if key.secondary_payer_id else 1
    # A bundle has one signature, and so has a row by itself.
    signature = ("signature", key if key.bundle else stored.row)
    return {
        signature: GAS_PER_SIGNATURE,
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

    def section_key(self, stored: StoredAttestation) -> SectionKey:
        attestation = stored.attestation
        secondary = self._secondary(stored)
        plan_id, version = self._terms(attestation.payer_id, stored)
        secondary_plan_id, secondary_version = self._terms(secondary, stored)
        return SectionKey(
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
                self._plans[key] = self._protocol.payer(payer_id).plan_at(patient, year, self._signed_at)
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


def _section(key: SectionKey, members: Sequence[StoredAttestation]) -> BatchSection:
    section = BatchSection(
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
    bundle = members[0].bundle
    if key.bundle and bundle is not None:
        return under_bundle(section, bundle.signature)
    return replace(
        section,
        attestations=tuple(RowsAttestation(0, stored.signature) for stored in _in_packed_order(members)),
    )


def _in_packed_order(members: Sequence[StoredAttestation]) -> list[StoredAttestation]:
    """As ``in_packed_order`` has their rows."""
    return sorted(members, key=lambda stored: bytes.fromhex(stored.attestation.patient[2:]))


def _row(stored: StoredAttestation, key: SectionKey) -> BatchRow:
    return replace(
        row_of(stored.attestation),
        secondary_service_id=stored.coordination.secondary_service_id if key.secondary_payer_id else b"",
        corrects=stored.corrects,
    )
