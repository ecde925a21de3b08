"""A small ledger told event by event: prices each event as the contracts would and keeps every balance."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from chainbill.billing.accumulators import UNTOUCHED, Accumulators, FamilyAccumulators
from chainbill.billing.adjudication import Adjudication, adjudicate
from chainbill.billing.coordination import coordinate
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.self_pay import price_self_pay
from chainbill.billing.terms import Category, CategoryTerms, FeeTerms, PlanTerms
from chainbill.money import DOLLAR
from chainbill.records.commitment import commit
from chainbill.records.service_event import Party, PriceSource, ServiceEvent, ServiceKind
from chainbill.records.service_id import service_id
from chainbill.statements.facts import (
    AccountFacts,
    ClaimFacts,
    DisputeFacts,
    Disputer,
    DisputeStage,
    MemberYearFacts,
    Movement,
    MovementKind,
    Names,
    PendingChange,
)
from chainbill.statements.sharing import CostSharing, TermsApplied

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
SECOND_TERMS = CategoryTerms(coinsurance_bps=1000)
"""How the second insurer would share any service if it were the only one."""


class LedgerStory:
    """One patient's ledger; verbs add entries in order."""

    def __init__(self, plan: PlanTerms = PLAN, second_plan: PlanTerms = PLAN) -> None:
        self.plan = plan
        self.second_plan = second_plan
        self.claims: list[ClaimFacts] = []
        self.movements: list[Movement] = []
        self.coming: list[PendingChange] = []
        self.balance = 0
        self.opening: dict[tuple[int, int], Accumulators] = {}
        self.met: dict[tuple[int, int], Accumulators] = {}
        self.family: FamilyAccumulators | None = None
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
        second_payer_id: int | None = None,
        second_terms: CategoryTerms = SECOND_TERMS,
        terms: CategoryTerms | None = None,
        operator_fee: int = 0,
        in_vault: bool = True,
        corrects: ClaimFacts | None = None,
    ) -> ClaimFacts:
        """Price an event by the plan; it is settled, or denied where the plan does not cover it."""
        standing = payer_id, record.benefit_year
        category = terms or TERMS[Category(record.category)]
        applied = TermsApplied(self.plan, category, record.category, self.met[standing], self.family)
        priced = self._price(record, agreed, self.plan, category, self.met[standing])
        if second_payer_id is not None:
            second = second_payer_id, record.benefit_year
            other = self._price(
                record, agreed, self.second_plan, second_terms, self.met[second], priced.allowed
            )
            joined = coordinate(priced, other, self.second_plan.cob_mode)
            priced = joined.claim
            if joined.secondary is not None:
                self.met[second] = joined.secondary.accumulators_after
        self.met[standing] = priced.accumulators_after
        self.family = priced.family_after
        claim = self._claim(decided, record, provider_id, priced, operator_fee)
        return self._add(
            replace(
                claim,
                payer_id=payer_id,
                secondary_payer_id=second_payer_id,
                terms=applied if priced.outcome is Outcome.SETTLED else None,
                corrects=corrects.reference if corrects else None,
            ),
            in_vault=in_vault,
        )

    def settle_without_insurer(
        self, decided: str, record: ServiceEvent, price: int, *, provider_id: int = 1
    ) -> ClaimFacts:
        """The patient pays the published price."""
        priced = price_self_pay(billed_amount=record.billed_amount, units=record.units, cash_price=price)
        return self._add(self._claim(decided, record, provider_id, priced))

    def dispute(self, claim: ClaimFacts, stage: DisputeStage, *parties: Disputer, deadline: str = "") -> None:
        """Say how a claim's dispute stands."""
        facts = DisputeFacts(stage, parties, at(deadline) if deadline else None)
        self._replace(claim, replace(claim, dispute=facts))

    def take_back(
        self, day: str, claim: ClaimFacts, *parties: Disputer, part: CostSharing | None = None
    ) -> ClaimFacts:
        """Reverse a claim in full, or ``part`` of it."""
        assert claim.sharing is not None
        taken = part or replace(claim.sharing, billed=0)
        facts = DisputeFacts(DisputeStage.REVERSED, parties)
        changed = replace(claim, dispute=facts, taken_back=taken)
        self._replace(claim, changed)
        if taken.patient_responsibility:
            self.movements.append(Movement(at(day), MovementKind.REFUND, taken.patient_responsibility))
            self.balance += taken.patient_responsibility
        return changed

    def _replace(self, claim: ClaimFacts, changed: ClaimFacts) -> None:
        self.claims[self.claims.index(claim)] = changed

    def _price(
        self,
        record: ServiceEvent,
        agreed: int,
        plan: PlanTerms,
        category: CategoryTerms,
        met: Accumulators,
        allowed_at_least: int = 0,
    ) -> Adjudication:
        return adjudicate(
            billed_amount=record.billed_amount,
            units=record.units,
            fee=FeeTerms(amount=agreed, category=record.category, max_units=10),
            category=category,
            plan=plan,
            met=met,
            family=self.family if plan is self.plan else None,
            allowed_at_least=allowed_at_least,
        )

    def _add(self, claim: ClaimFacts, *, in_vault: bool = True) -> ClaimFacts:
        if claim.sharing is not None:
            self.balance -= claim.sharing.patient_responsibility
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
        payer_id: int | None = 1,
        in_vault: bool = True,
    ) -> ClaimFacts:
        """Put an event back."""
        waiting = replace(NOTHING, outcome=Outcome.PENDED, reason=reason)
        claim = replace(self._claim(decided, record, provider_id, waiting), payer_id=payer_id)
        return self._add(claim, in_vault=in_vault)

    def _claim(
        self,
        decided: str,
        record: ServiceEvent,
        provider_id: int,
        priced: Adjudication,
        operator_fee: int = 0,
    ) -> ClaimFacts:
        settled = priced.outcome is Outcome.SETTLED
        return ClaimFacts(
            reference=commit(record, bytes(16)),
            provider_id=provider_id,
            sequence=int(record.record_identity.partition("/")[2]),
            patient=PATIENT,
            outcome=priced.outcome,
            reason=priced.reason,
            decided_at=at(decided),
            payer_id=None,
            benefit_year=record.benefit_year,
            service_id=service_id(SCHEDULE_KEY, record.service),
            units=record.units,
            billed_amount=record.billed_amount,
            sharing=shared(priced, operator_fee) if settled else None,
            record=record,
        )

    def facts(self, as_of: str) -> AccountFacts:
        """The patient's side of the ledger."""
        plans = {1: self.plan, 2: self.second_plan}
        years = [
            MemberYearFacts(
                payer_id,
                year,
                plans[payer_id],
                met,
                self.opening[payer_id, year],
                family=self.family if payer_id == 1 else None,
            )
            for (payer_id, year), met in self.met.items()
        ]
        return AccountFacts(
            as_of=at(as_of),
            claims=self.claims,
            movements=self.movements,
            balance=self.balance,
            years=years,
            pending_changes=self.coming,
        )


def shared(priced: Adjudication, operator_fee: int = 0) -> CostSharing:
    """A price as the ledger tells it."""
    return CostSharing(
        billed=priced.billed,
        allowed=priced.allowed,
        deductible=priced.deductible,
        copay=priced.copay,
        coinsurance=priced.coinsurance,
        outside_plan=priced.outside_plan,
        plan_paid=priced.plan_paid,
        secondary_paid=priced.secondary_paid,
        operator_fee=operator_fee,
    )


NOTHING = Adjudication(
    outcome=Outcome.DENIED,
    reason=Reason.NOT_COVERED,
    billed=0,
    allowed=0,
    contractual_adjustment=0,
    deductible=0,
    copay=0,
    coinsurance=0,
    outside_plan=0,
    plan_paid=0,
    accumulators_after=UNTOUCHED,
    family_after=None,
)
