"""A small ledger told event by event: prices each event as the contracts would and keeps every balance."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from chainbill.billing.accumulators import UNTOUCHED, Accumulators
from chainbill.billing.adjudication import adjudicate
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import Category, CategoryTerms, FeeTerms, PlanTerms
from chainbill.money import DOLLAR
from chainbill.records.commitment import commit
from chainbill.records.service_event import Party, PriceSource, ServiceEvent, ServiceKind
from chainbill.records.service_id import service_id
from chainbill.statements.facts import (
    AccountFacts,
    ClaimFacts,
    CostSharing,
    MemberYear,
    Movement,
    MovementKind,
    Names,
    TermsApplied,
)

PATIENT = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
SCHEDULE_KEY = bytes(range(32))
NAMES = Names(
    providers={1: "Riverside Family Clinic", 2: "Lakeview Laboratory"},
    payers={1: "Harbor Health", 2: "Meadow Mutual"},
    accounts={PATIENT: "patient"},
)
KINDS = {
    ServiceKind.IN_PERSON_VISIT: ("office-visit", "A visit at your clinic or doctor's office", 1),
    ServiceKind.TELEHEALTH_VISIT: ("video-visit", "A visit by video", 2),
    ServiceKind.LABORATORY_TEST: ("cholesterol-test", "A cholesterol test", 5),
    ServiceKind.PRESCRIPTION_REFILL: ("lisinopril", "Lisinopril, for blood pressure", 6),
    ServiceKind.REMOTE_MONITORING_UPLOAD: ("blood-pressure", "A blood pressure reading sent from home", 7),
    ServiceKind.DIGITAL_THERAPEUTICS_SESSION: ("sleep-session", "A session of a sleep programme", 8),
}


def dollars(amount: float) -> int:
    """Whole cents as micro-dollars."""
    return round(amount * 100) * (DOLLAR // 100)


def at(day: str) -> int:
    """Noon UTC of a day, in seconds since 1970."""
    return int(datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp())


PLAN = PlanTerms(deductible=dollars(250), oop_max=dollars(500))
TERMS = {
    Category.OFFICE_VISIT: CategoryTerms(copay=dollars(25), deductible_applies=False, copay_first=True),
    Category.TELEHEALTH: CategoryTerms(coinsurance_bps=2000),
    Category.LABORATORY: CategoryTerms(copay=dollars(10), coinsurance_bps=1250, coinsurance_after_copay=True),
    Category.PHARMACY: CategoryTerms(copay=dollars(15), deductible_applies=False),
    Category.REMOTE_MONITORING: CategoryTerms(deductible_applies=False),
    Category.DIGITAL_THERAPEUTICS: CategoryTerms(covered=False),
}


class LedgerStory:
    """One patient's ledger; verbs add entries in order."""

    def __init__(self, plan: PlanTerms = PLAN) -> None:
        self.plan = plan
        self.claims: list[ClaimFacts] = []
        self.movements: list[Movement] = []
        self.balance = 0
        self.opening: dict[tuple[int, int], Accumulators] = {}
        self.met: dict[tuple[int, int], Accumulators] = {}
        self._sequence = 0

    def enrol(self, year: int, opening: Accumulators = UNTOUCHED, *, payer_id: int = 1) -> None:
        """Open a benefit year."""
        self.opening[payer_id, year] = self.met[payer_id, year] = opening

    def deposit(self, day: str, amount: int) -> None:
        """Fund the wallet."""
        self.movements.append(Movement(at(day), MovementKind.DEPOSIT, amount))
        self.balance += amount

    def withdraw(self, day: str, amount: int) -> None:
        """Take money out of the wallet."""
        self.movements.append(Movement(at(day), MovementKind.WITHDRAWAL, amount))
        self.balance -= amount

    def record(
        self,
        day: str,
        kind: ServiceKind,
        billed: int,
        *,
        units: int = 1,
        provider: str = "Riverside Family Clinic",
    ) -> ServiceEvent:
        """A record of a service."""
        service, description, category = KINDS[kind]
        self._sequence += 1
        return ServiceEvent(
            kind=kind,
            record_identity=f"Record/{self._sequence}",
            patient=Party(reference="Patient/1", name="Maria Alvarez"),
            provider=Party(reference="Organization/1", name=provider),
            service=service,
            category=category,
            description=description,
            performed_at=datetime.fromtimestamp(at(day), UTC),
            units=units,
            billed_amount=billed,
            price_source=PriceSource.CLAIM_ITEM,
        )

    def settle(
        self,
        decided: str,
        record: ServiceEvent,
        agreed: int,
        *,
        provider_id: int = 1,
        payer_id: int = 1,
        terms: CategoryTerms | None = None,
        in_vault: bool = True,
    ) -> ClaimFacts:
        """Price an event by the plan; it is settled, or denied where the plan does not cover it."""
        standing = payer_id, record.benefit_year
        category = terms or TERMS[Category(record.category)]
        fee = FeeTerms(amount=agreed, category=record.category, max_units=10)
        priced = adjudicate(
            billed_amount=record.billed_amount,
            units=record.units,
            fee=fee,
            category=category,
            plan=self.plan,
            met=self.met[standing],
        )
        claim = self._claim(decided, record, provider_id, priced.outcome, priced.reason)
        claim = replace(
            claim,
            payer_id=payer_id,
            benefit_year=record.benefit_year,
            service_id=service_id(SCHEDULE_KEY, record.service),
            units=record.units,
            billed_amount=record.billed_amount,
        )
        if priced.outcome is Outcome.SETTLED:
            claim = replace(
                claim,
                sharing=CostSharing(
                    priced.billed,
                    priced.allowed,
                    priced.contractual_adjustment,
                    priced.deductible,
                    priced.copay,
                    priced.coinsurance,
                    priced.plan_paid,
                ),
                terms=TermsApplied(self.plan, category, record.category, self.met[standing]),
            )
            self.balance -= priced.patient_responsibility
        self.met[standing] = priced.accumulators_after
        claim = claim if in_vault else replace(claim, record=None)
        self.claims.append(claim)
        return claim

    def pend(
        self,
        decided: str,
        record: ServiceEvent,
        reason: Reason,
        *,
        provider_id: int = 1,
        in_vault: bool = True,
    ) -> ClaimFacts:
        """Put an event back."""
        claim = self._claim(decided, record, provider_id, Outcome.PENDED, reason)
        claim = replace(claim, payer_id=1) if in_vault else replace(claim, record=None)
        self.claims.append(claim)
        return claim

    def _claim(
        self, decided: str, record: ServiceEvent, provider_id: int, outcome: Outcome, reason: Reason
    ) -> ClaimFacts:
        common = {
            "reference": commit(record, bytes(16)),
            "provider_id": provider_id,
            "sequence": int(record.record_identity.partition("/")[2]),
            "patient": PATIENT,
            "decided_at": at(decided),
            "record": record,
        }
        if outcome is Outcome.SETTLED:  # amounts follow: `replace` checks them
            return ClaimFacts(outcome=outcome, reason=reason, sharing=_NOTHING, **common)  # type: ignore[arg-type]
        return ClaimFacts(outcome=outcome, reason=reason, **common)  # type: ignore[arg-type]

    def facts(self, as_of: str) -> AccountFacts:
        """The patient's side of the ledger."""
        years = [
            MemberYear(payer_id, year, self.plan, met, self.opening[payer_id, year])
            for (payer_id, year), met in self.met.items()
        ]
        return AccountFacts(
            as_of=at(as_of), claims=self.claims, movements=self.movements, balance=self.balance, years=years
        )


_NOTHING = CostSharing(0, 0, 0, 0, 0, 0, 0)
