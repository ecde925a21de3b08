"""Coordination of benefits: two payers, the secondary taking over part of what the primary leaves."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from tests.contracts.situations import endings
from tests.support.deployment import (
    COSMETIC,
    FEES,
    NOTICE,
    PATIENT_FUNDS,
    PLAN,
    POOL_FUNDS,
    REFILL,
    SHARED,
    THERAPY,
    UNLISTED,
    VISIT,
    YEAR,
    Protocol,
)
from tests.support.evm import Receipt

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.adjudication import Adjudication, adjudicate
from chainbill.billing.coordination import coordinate
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import CategoryTerms, CobMode, FeeTerms, PlanTerms
from chainbill.chain.format.batch_codec import BatchRow
from chainbill.chain.format.events import ClaimSettled, SecondaryDetermined, SecondaryShares, TokensMoved
from chainbill.money import CENT, DOLLAR

CARVE_OUT = PLAN.model_copy(update={"cob_mode": CobMode.CARVE_OUT})
GENEROUS = PlanTerms(deductible=0, oop_max=1_000 * DOLLAR)
"""20 % coinsurance and nothing else: $120 of a visit."""
GENEROUS_CARVE_OUT = GENEROUS.model_copy(update={"cob_mode": CobMode.CARVE_OUT})


class Twice:
    """`late`, insured with the first payer and with a second."""

    def __init__(
        self,
        protocol: Protocol,
        plan: PlanTerms = PLAN,
        categories: dict[int, CategoryTerms] | None = None,
        fees: dict[bytes, FeeTerms] | None = None,
    ) -> None:
        self.protocol = protocol
        self.patient = protocol.late
        self.second = protocol.second_payer(plan=plan, categories=categories, fees=fees)
        protocol.welcome(self.patient, payers=(protocol.payer_id, self.second))

    def row(self, sequence: int, service: bytes = VISIT, **changes: object) -> BatchRow:
        return self.protocol.row(self.patient, sequence, service, **changes)

    def settle(self, *rows: BatchRow, signed_at: int | None = None, **section: object) -> Receipt:
        coordinated = self.protocol.coordinated(*rows, secondary=self.second, **section)
        return self.protocol.submit(self.protocol.batch([coordinated], signed_at=signed_at))

    def met(self) -> tuple[Accumulators, Accumulators]:
        """With the primary and with the secondary."""
        member = self.protocol.member
        return member(self.patient), member(self.patient, payer_id=self.second)


# ---- who pays what ----------------------------------------------------------------------------------------

# A visit is $150 allowed; the primary takes the $100 deductible and 20 % of the rest, and pays $40.
MODES: dict[str, tuple[PlanTerms, int]] = {
    "standard": (PLAN, 40 * DOLLAR),
    "carve-out": (CARVE_OUT, 0),
    "standard, more than the patient's rest": (GENEROUS, 110 * DOLLAR),
    "carve-out of the same": (GENEROUS_CARVE_OUT, 80 * DOLLAR),
}


@pytest.mark.parametrize("plan, paid", MODES.values(), ids=MODES)
def test_settle__two_payers__the_secondary_pays_by_its_mode(
    protocol: Protocol, plan: PlanTerms, paid: int
) -> None:
    twice = Twice(protocol, plan)
    twice.settle(twice.row(1))
    assert protocol.balance(twice.patient) == PATIENT_FUNDS - 110 * DOLLAR + paid
    assert protocol.pool() == POOL_FUNDS - 40 * DOLLAR
    assert protocol.pool(twice.second) == POOL_FUNDS - paid
    assert protocol.credit() == 150 * DOLLAR
    protocol.assert_solvent()


def test_settle__two_payers__logs_the_primarys_price_and_the_secondarys_alone(
    protocol: Protocol,
) -> None:
    twice = Twice(protocol, GENEROUS)
    receipt = twice.settle(twice.row(1, secondary_service_id=VISIT))
    (settled,), (determined,) = receipt.of(ClaimSettled), receipt.of(SecondaryDetermined)
    claim = settled.claim
    assert (claim.payer_id, claim.plan_id, claim.terms_version) == (1, 1, 1)
    assert (claim.secondary_payer_id, claim.secondary_plan_id, claim.secondary_terms_version) == (2, 1, 1)
    assert claim.secondary_service_id == VISIT
    assert (claim.deductible, claim.coinsurance, claim.plan_paid) == (100 * DOLLAR, 10 * DOLLAR, 40 * DOLLAR)
    assert (claim.secondary_paid, claim.patient_responsibility) == (110 * DOLLAR, 0)
    assert (determined.patient, determined.commitment) == (twice.patient, claim.commitment)
    assert determined.shares == SecondaryShares(0, 30 * DOLLAR, 120 * DOLLAR)


def test_settle__two_payers__each_counts_its_own_price(protocol: Protocol) -> None:
    """The primary what it left to the patient, whoever paid it; the secondary as if it were alone."""
    twice = Twice(protocol, GENEROUS)
    twice.settle(twice.row(1))
    assert twice.met() == (
        Accumulators(100 * DOLLAR, 110 * DOLLAR, 40 * DOLLAR),
        Accumulators(0, 30 * DOLLAR, 120 * DOLLAR),
    )


def test_settle__two_payers__moves_tokens_once_from_each(protocol: Protocol) -> None:
    twice = Twice(protocol)
    moved = twice.settle(twice.row(1), twice.row(2)).of(TokensMoved)
    assert sorted(move.sender.lower() for move in moved) == sorted(
        holder.address.lower() for holder in (*protocol.payer_contracts.values(), protocol.escrow)
    )


def test_settle__rows_of_one_patient__are_priced_one_after_another_with_both(
    protocol: Protocol,
) -> None:
    twice = Twice(protocol)
    receipt = twice.settle(twice.row(1), twice.row(2))
    # The second visit has no deductible left: $120 from the primary, and $30 of the secondary's $120.
    paid = [(event.claim.plan_paid, event.claim.secondary_paid) for event in receipt.of(ClaimSettled)]
    assert paid == [(40 * DOLLAR, 40 * DOLLAR), (120 * DOLLAR, 30 * DOLLAR)]
    assert twice.met() == (Accumulators(100 * DOLLAR, 140 * DOLLAR, 160 * DOLLAR),) * 2


@pytest.mark.parametrize("fee, benefit", [(200 * DOLLAR, 160 * DOLLAR), (100 * DOLLAR, 120 * DOLLAR)])
def test_settle__secondary_allows_another_amount__prices_the_larger_of_the_two(
    protocol: Protocol, fee: int, benefit: int
) -> None:
    fees = {VISIT: FeeTerms(amount=fee, category=SHARED)}
    twice = Twice(protocol, GENEROUS, fees=fees)
    receipt = twice.settle(twice.row(1))
    (determined,) = receipt.of(SecondaryDetermined)
    assert determined.plan_paid == benefit
    (settled,) = receipt.of(ClaimSettled)
    assert settled.claim.allowed == 150 * DOLLAR
    assert settled.claim.secondary_paid == 110 * DOLLAR


def test_settle__secondarys_own_service_id__is_looked_up_in_its_schedule(protocol: Protocol) -> None:
    own = b"own-code"
    twice = Twice(protocol, fees={own: FEES[REFILL]})
    receipt = twice.settle(twice.row(1, secondary_service_id=own))
    (determined,) = receipt.of(SecondaryDetermined)
    assert determined.plan_paid == 125 * DOLLAR  # a $25 copay of the primary's $150
    assert receipt.of(ClaimSettled)[0].claim.secondary_service_id == own


def test_settle__secondary_pays_all__consent_of_nothing_is_enough(protocol: Protocol) -> None:
    twice = Twice(protocol, GENEROUS)
    protocol.grant(twice.patient, 0)
    protocol.evm.now += NOTICE
    assert twice.settle(twice.row(1)).value == (1, 0, 0, 0)


def test_settle__with_and_without_secondary_in_one_batch__each_by_its_section(protocol: Protocol) -> None:
    twice = Twice(protocol)
    sections = [
        protocol.section(protocol.row(protocol.patient, 1)),
        protocol.coordinated(twice.row(2), secondary=twice.second),
    ]
    assert protocol.submit(protocol.batch(sections)).value == (2, 0, 0, 0)
    protocol.assert_solvent()


# ---- one of them does not pay -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"service": UNLISTED}, Reason.UNKNOWN_SERVICE),
        ({"service": COSMETIC}, Reason.NOT_COVERED),
        ({"units": 5}, Reason.UNITS_EXCEEDED),
        ({"service": THERAPY, "units": 5}, Reason.ANNUAL_UNITS_EXCEEDED),
        ({"benefit_year": YEAR - 2}, Reason.BENEFIT_YEAR_CLOSED),
    ],
)
def test_settle__primary_denies__is_denied_and_the_secondary_is_untouched(
    protocol: Protocol, changes: dict[str, object], reason: Reason
) -> None:
    everything = {
        service: FeeTerms(amount=DOLLAR, category=SHARED, max_units=9) for service in (*FEES, UNLISTED)
    }
    twice = Twice(protocol, fees=everything)
    before = protocol.state()
    assert endings(twice.settle(twice.row(1, **changes))) == [(1, Outcome.DENIED, reason)]
    assert protocol.state() == before


SECONDARY_DENIES: dict[str, dict[bytes, FeeTerms]] = {
    "unknown service": {REFILL: FEES[REFILL]},
    "category not covered": {VISIT: FeeTerms(amount=DOLLAR, category=9, max_units=4)},
    "a unit too many": {VISIT: FeeTerms(amount=DOLLAR, category=SHARED)},
    "a unit too many for a year": {
        VISIT: FeeTerms(amount=DOLLAR, category=SHARED, max_units=4, annual_units=1)
    },
}


@pytest.mark.parametrize("fees", SECONDARY_DENIES.values(), ids=SECONDARY_DENIES)
def test_settle__secondary_denies__pays_nothing_and_counts_nothing(
    protocol: Protocol, fees: dict[bytes, FeeTerms]
) -> None:
    twice = Twice(protocol, fees=fees)
    receipt = twice.settle(twice.row(1, units=2, billed=150 * DOLLAR))
    (settled,) = receipt.of(ClaimSettled)
    assert (settled.claim.secondary_paid, settled.claim.patient_responsibility) == (0, 110 * DOLLAR)
    assert settled.claim.secondary_payer_id == twice.second
    assert twice.met() == (Accumulators(100 * DOLLAR, 110 * DOLLAR, 40 * DOLLAR), Accumulators())
    assert protocol.units_used(twice.patient, VISIT, twice.second) == 0
    assert protocol.pool(twice.second) == POOL_FUNDS
    protocol.assert_solvent()


def not_enrolled(twice: Twice) -> None:
    insurer = twice.protocol.insurers[twice.second]
    payer = twice.protocol.payer_contracts[twice.second]
    payer.send(insurer, "endCoverage", twice.patient, YEAR)
    twice.protocol.evm.now += NOTICE


def not_accepting(twice: Twice) -> None:
    insurer = twice.protocol.insurers[twice.second]
    payer = twice.protocol.payer_contracts[twice.second]
    payer.send(insurer, "endProviderAcceptance", twice.protocol.provider_id)
    twice.protocol.evm.now += NOTICE


def pool_short(payer_id: int, left: int) -> Callable[[Twice], None]:
    """Leave one payer, counted from 1, with too little by one micro-dollar."""

    def drain(twice: Twice) -> None:
        protocol = twice.protocol
        payer, insurer = protocol.payer_contracts[payer_id], protocol.insurers[payer_id]
        payer.send(insurer, "requestWithdrawal", protocol.pool(payer_id) - left + 1)
        protocol.evm.now += NOTICE
        payer.send(insurer, "withdraw")

    return drain


def patient_short(twice: Twice) -> None:
    protocol = twice.protocol
    amount = protocol.balance(twice.patient) - 70 * DOLLAR + 1
    protocol.escrow.send(twice.patient, "requestWithdrawal", amount)
    protocol.evm.now += NOTICE
    protocol.escrow.send(twice.patient, "withdraw")


def consent_short(twice: Twice) -> None:
    twice.protocol.grant(twice.patient, 70 * DOLLAR - 1)
    twice.protocol.evm.now += NOTICE


def limit_short(twice: Twice) -> None:
    twice.protocol.escrow.send(twice.patient, "setLimits", 70 * DOLLAR - CENT, 0)
    twice.protocol.evm.now += NOTICE


PENDS: dict[str, tuple[Callable[[Twice], object], dict[str, int], Reason]] = {
    "not enrolled with the secondary": (not_enrolled, {}, Reason.NOT_ENROLLED),
    "provider not accepted by the secondary": (not_accepting, {}, Reason.PROVIDER_NOT_ACCEPTED),
    "terms of the secondary to come": (id, {"secondary_terms_version": 2}, Reason.NO_TERMS_IN_FORCE),
    "another plan of the secondary": (id, {"secondary_plan_id": 2}, Reason.NO_TERMS_IN_FORCE),
    "primary short by one": (pool_short(1, 40 * DOLLAR), {}, Reason.PAYER_UNFUNDED),
    "secondary short by one": (pool_short(2, 40 * DOLLAR), {}, Reason.PAYER_UNFUNDED),
    "patient short by one": (patient_short, {}, Reason.PATIENT_UNFUNDED),
    "consent short by one": (consent_short, {}, Reason.OVER_CONSENT_LIMIT),
    "limit short by a cent": (limit_short, {}, Reason.OVER_EVENT_LIMIT),
}


@pytest.mark.parametrize("prepare, section, reason", PENDS.values(), ids=PENDS)
def test_settle__one_of_two_payers_or_the_patient_cannot__pends_and_neither_payer_writes(
    protocol: Protocol, prepare: Callable[[Twice], object], section: dict[str, int], reason: Reason
) -> None:
    twice = Twice(protocol)
    prepare(twice)
    before = protocol.state(1)
    receipt = twice.settle(twice.row(1), **section)
    assert endings(receipt) == [(1, Outcome.PENDED, reason)]
    assert protocol.state(1) == before


@pytest.mark.parametrize("short", [pool_short(1, 40 * DOLLAR), pool_short(2, 40 * DOLLAR), patient_short])
def test_settle__short_for_the_first_of_two_rows__the_second_is_priced_as_if_it_were_the_first(
    protocol: Protocol, short: Callable[[Twice], None]
) -> None:
    twice = Twice(protocol)
    short(twice)
    receipt = twice.settle(twice.row(1), twice.row(2, REFILL, billed=30 * DOLLAR))
    assert [ending[0] for ending in endings(receipt)] == [1]
    # $25 copay, $5 from the primary; the secondary takes $5 of the copay.
    (settled,) = receipt.of(ClaimSettled)
    assert (settled.claim.plan_paid, settled.claim.secondary_paid) == (5 * DOLLAR, 5 * DOLLAR)
    assert twice.met() == (Accumulators(0, 25 * DOLLAR, 5 * DOLLAR),) * 2
    protocol.assert_solvent()


@pytest.mark.parametrize("payers", [(1, 0), (2, 0), (2, 1)])
def test_settle__other_payers_than_the_patients__pends(protocol: Protocol, payers: tuple[int, int]) -> None:
    """Neither alone, nor the two the other way round."""
    twice = Twice(protocol)
    primary, secondary = payers
    section = (
        protocol.coordinated(twice.row(1), secondary=secondary, payer_id=primary)
        if secondary
        else protocol.section(twice.row(1), payer_id=primary)
    )
    receipt = protocol.submit(protocol.batch([section]))
    assert endings(receipt) == [(1, Outcome.PENDED, Reason.PAYER_NOT_ACCEPTED)]


def test_settle__secondary_named_for_a_patient_with_one_payer__pends(protocol: Protocol) -> None:
    second = protocol.second_payer()
    section = protocol.coordinated(protocol.row(protocol.patient, 1), secondary=second)
    receipt = protocol.submit(protocol.batch([section]))
    assert endings(receipt) == [(1, Outcome.PENDED, Reason.PAYER_NOT_ACCEPTED)]


# ---- against Python ---------------------------------------------------------------------------------------


def random_plan(draw: random.Random) -> PlanTerms:
    return PlanTerms(
        deductible=draw.choice((0, 20, 100)) * DOLLAR,
        oop_max=draw.choice((0, 50, 400, 10_000)) * DOLLAR,
        annual_maximum=draw.choice((0, 0, 150)) * DOLLAR,
        rounding_unit=draw.choice((CENT, CENT, 1, DOLLAR)),
        cob_mode=draw.choice(tuple(CobMode)),
    )


def random_category(draw: random.Random) -> CategoryTerms:
    return CategoryTerms(
        covered=draw.random() < 0.9,
        deductible_applies=draw.random() < 0.7,
        copay=draw.choice((0, 0, 15, 60)) * DOLLAR,
        copay_first=draw.random() < 0.5,
        coinsurance_bps=draw.choice((0, 1_000, 2_500, 3_333, 10_000)),
        coinsurance_after_copay=draw.random() < 0.5,
    )


def random_fee(draw: random.Random) -> FeeTerms:
    return FeeTerms(
        amount=draw.randrange(1, 20_000) * CENT,
        category=SHARED,
        max_units=3,
        annual_units=draw.choice((0, 0, 4)),
    )


@pytest.mark.parametrize("seed", range(60))
def test_settle__random_terms_of_two_payers__equal_python(protocol: Protocol, seed: int) -> None:
    draw = random.Random(f"coordination {seed}")
    plans = [random_plan(draw), random_plan(draw)]
    categories = [random_category(draw), random_category(draw)]
    fees = [random_fee(draw), random_fee(draw)]
    first = protocol.second_payer(
        plan=plans[0], categories={SHARED: categories[0]}, fees={VISIT: fees[0]}, insurer="one"
    )
    second = protocol.second_payer(
        plan=plans[1], categories={SHARED: categories[1]}, fees={VISIT: fees[1]}, insurer="two"
    )
    protocol.welcome(protocol.late, payers=(first, second))
    rows = [
        protocol.row(
            protocol.late,
            n,
            units=draw.randint(1, 4),
            billed=draw.choice((0, draw.randrange(1, 30_000) * CENT)),
            secondary_service_id=VISIT,
        )
        for n in range(6)
    ]
    section = protocol.coordinated(*rows, secondary=second, payer_id=first)
    receipt = protocol.submit(protocol.batch([section]))
    settled = {event.claim.sequence: event.claim for event in receipt.of(ClaimSettled)}
    denied = {sequence: reason for sequence, _, reason in endings(receipt)}

    met, used = [Accumulators(), Accumulators()], [0, 0]
    for row in rows:
        prices: list[Adjudication] = []
        for n in (0, 1):
            price = adjudicate(
                billed_amount=row.billed,
                units=row.units,
                fee=fees[n],
                category=categories[n],
                plan=plans[n],
                met=met[n],
                units_used=used[n],
                allowed_at_least=prices[0].allowed if prices else 0,
            )
            prices.append(price)
        both = coordinate(*prices, plans[1].cob_mode)
        if both.claim.outcome == Outcome.DENIED:
            assert denied[row.sequence] == both.claim.reason
            continue
        claim = settled[row.sequence]
        assert (claim.allowed, claim.deductible, claim.copay, claim.coinsurance, claim.outside_plan) == (
            *(both.claim.allowed, both.claim.deductible, both.claim.copay, both.claim.coinsurance),
            both.claim.outside_plan,
        )
        assert (claim.plan_paid, claim.secondary_paid) == (both.claim.plan_paid, both.claim.secondary_paid)
        for n, decided in enumerate((both.claim, both.secondary)):
            if decided is not None:
                met[n] = decided.accumulators_after
                used[n] += row.units if fees[n].annual_units else 0
    assert [protocol.member(protocol.late, payer_id=payer) for payer in (first, second)] == met
    assert [protocol.units_used(protocol.late, VISIT, payer) for payer in (first, second)] == used
    protocol.assert_solvent()
