"""A provider's attested events and a chain that answers from memory: intake and batching need only reads."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chainbill.attestation.attested import Assignment, AttestedEvent, attest
from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import Domain
from chainbill.billing.accumulators import Accumulators
from chainbill.billing.terms import FeeTerms, PlanTerms
from chainbill.chain.contracts.escrow import Payers
from chainbill.chain.contracts.payer import MemberYear, PublishedFee
from chainbill.chain.contracts.registry import CashPrice
from chainbill.chain.contracts.settlement import Dispute, DisputeStatus, KeptRoot
from chainbill.errors import ChainError
from chainbill.oracle.store import OracleStore
from chainbill.records.service_event import Party, PriceSource, ServiceEvent, ServiceKind

DOMAIN = Domain(31337, "0x" + "11" * 20)
PATIENT = "0x2222222222222222222222222222222222222222"
SERVICE = b"office!!"
NOW = 1_700_000_000


@dataclass
class MemoryChain:
    """Stands in for ``Protocol``: the same reads, from plain attributes."""

    attesters: set[tuple[int, str]] = field(default_factory=set)
    suspended: set[int] = field(default_factory=set)
    spent: set[tuple[int, int]] = field(default_factory=set)
    fees: dict[bytes, FeeTerms] = field(
        default_factory=lambda: {SERVICE: FeeTerms(amount=100_000_000, category=1, max_units=4)}
    )
    plan_ids: dict[str, int] = field(default_factory=lambda: {PATIENT: 7})
    versions: list[int] = field(default_factory=lambda: [NOW - 10])
    payer_ids: set[int] = field(default_factory=lambda: {1})
    payers_of: dict[str, Payers] = field(default_factory=lambda: {PATIENT: Payers(1, 0)})
    cash_prices: dict[bytes, int] = field(default_factory=dict)
    reversed: set[bytes] = field(default_factory=set)
    roots: dict[int, int] = field(default_factory=dict)
    """When the batch of each used root slot was settled."""
    logged: dict[bytes, set[tuple[int, int]]] = field(default_factory=dict)
    """By commitment: the provider ids and sequences that settled under it."""
    domain: Domain = DOMAIN

    @property
    def rows(self) -> Any:
        return SimpleNamespace(
            places_of=lambda commitment: self.logged.get(commitment, set()),
            rows=lambda provider: [
                SimpleNamespace(claim=SimpleNamespace(sequence=sequence), is_final=True)
                for places in self.logged.values()
                for provider_id, sequence in places
                if provider_id == provider
            ],
            is_spent=lambda provider, sequence: (provider, sequence) in self.spent,
        )

    payers: None = None
    """Answers nothing that is asked for many at once: every question is asked by itself."""

    @property
    def reads(self) -> Any:
        return SimpleNamespace(held=nullcontext, learn=list)

    @property
    def registry(self) -> Any:
        return SimpleNamespace(
            is_attester=lambda provider, key: (provider, key) in self.attesters,
            cash_price_at=lambda provider, service, time: CashPrice(self.cash_prices.get(service, 0), 1),
        )

    @property
    def escrow(self) -> Any:
        return SimpleNamespace(
            payers_of=lambda patient, time: self.payers_of.get(patient, Payers(0, 0)),
        )

    @property
    def settlement(self) -> Any:
        return SimpleNamespace(
            is_spent=lambda provider, sequence: (provider, sequence) in self.spent,
            is_suspended=lambda provider: provider in self.suspended,
            dispute_of=self._dispute_of,
            root_at=lambda slot: KeptRoot(bytes(27), self.roots.get(slot, 0)),
        )

    def _dispute_of(self, claim_id: bytes) -> Dispute:
        status = DisputeStatus.REVERSED if claim_id in self.reversed else DisputeStatus.NONE
        return Dispute(status, frozenset(), 0, 0, 0, 0)

    def payer(self, payer_id: int) -> Any:
        if payer_id not in self.payer_ids:
            raise ChainError(f"there is no payer {payer_id}")
        terms = PlanTerms(deductible=0, oop_max=10**9)
        return SimpleNamespace(
            fee_at=lambda service, time: (
                PublishedFee(self.fees[service], 1, 1) if service in self.fees else None
            ),
            member_year=lambda member, year: MemberYear(Accumulators(), self.plan_ids.get(member, 0)),
            plan_at=lambda member, year, time: self.plan_ids.get(member, 0),
            plan_versions=lambda plan: len(self.versions),
            plan_terms=lambda plan, version: (terms, self.versions[version - 1]),
        )

    def now(self) -> int:
        return NOW


@pytest.fixture
def attester() -> Signer:
    return Signer((7).to_bytes(32, "big"))


@pytest.fixture
def chain(attester: Signer) -> MemoryChain:
    return MemoryChain(attesters={(1, attester.address)})


@pytest.fixture
def store(tmp_path: Path) -> OracleStore:
    return OracleStore(tmp_path / "oracle.sqlite")


def service_event(identity: str = "Encounter/1", **changes: Any) -> ServiceEvent:
    """An ordinary office visit."""
    values: dict[str, Any] = {
        "kind": ServiceKind.IN_PERSON_VISIT,
        "record_identity": identity,
        "patient": Party(reference="Patient/1", name="Test Patient"),
        "provider": Party(reference="Organization/1", name="Test Clinic"),
        "service": "office-visit",
        "category": 1,
        "description": "Office visit",
        "performed_at": datetime(2023, 6, 1, 9, tzinfo=UTC),
        "billed_amount": 125_000_000,
        "price_source": PriceSource.CLAIM_ITEM,
    }
    return ServiceEvent(**{**values, **changes})


def attested_event(
    attester: Signer,
    event: ServiceEvent | None = None,
    *,
    sequence: int = 1,
    payer_id: int = 1,
    provider_id: int = 1,
    patient: str = PATIENT,
    service_id: bytes = SERVICE,
    corrects: bytes = b"",
) -> AttestedEvent:
    """An event signed by the provider's attester."""
    assignment = Assignment(provider_id, payer_id, patient, service_id, sequence, corrects)
    return attest(event or service_event(), assignment, attester, DOMAIN)
