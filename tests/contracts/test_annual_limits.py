"""Yearly limits: units of one service, and the most a plan pays for a member."""

from __future__ import annotations

import pytest
from tests.contracts.situations import endings
from tests.support.deployment import (
    CATEGORIES,
    FEES,
    NOTICE,
    SHARED,
    THERAPY,
    UNLISTED,
    VISIT,
    YEAR,
    Protocol,
)
from tests.support.evm import Receipt

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import FeeTerms, PlanTerms
from chainbill.chain.format.events import ClaimSettled
from chainbill.money import CENT, DOLLAR
from chainbill.protocol_constants import MAX_YEARLY_AMOUNT

TOO_MANY = (Outcome.DENIED, Reason.ANNUAL_UNITS_EXCEEDED)

# ---- units of a service -----------------------------------------------------------------------------------


def therapy(protocol: Protocol, *units: int, first: int = 1, year: int = YEAR) -> Receipt:
    """Rows of so many units each, in one section."""
    return protocol.settle(
        *(
            protocol.row(protocol.patient, first + n, THERAPY, units=count, benefit_year=year)
            for n, count in enumerate(units)
        )
    )


@pytest.mark.parametrize("units, settles", [(3, True), (4, True), (5, False)])
def test_settle__around_the_limit__at_most_the_limit(protocol: Protocol, units: int, settles: bool) -> None:
    receipt = therapy(protocol, units)
    assert receipt.value == (int(settles), int(not settles), 0, 0)
    assert protocol.units_used(protocol.patient) == (units if settles else 0)


def test_settle__rows_in_one_section__count_together(protocol: Protocol) -> None:
    receipt = therapy(protocol, 2, 2, 1)
    assert endings(receipt) == [(3, *TOO_MANY)]
    assert protocol.units_used(protocol.patient) == 4


def test_settle__sections_and_batches__count_together(protocol: Protocol) -> None:
    sections = [protocol.section(protocol.row(protocol.patient, n, THERAPY, units=2)) for n in (1, 2)]
    assert protocol.submit(protocol.batch(sections)).value == (2, 0, 0, 0)
    assert endings(therapy(protocol, 1, first=3)) == [(3, *TOO_MANY)]


def test_settle__too_large_a_row__leaves_room_for_a_smaller_one(protocol: Protocol) -> None:
    receipt = therapy(protocol, 3, 2, 1)
    assert endings(receipt) == [(2, *TOO_MANY)]
    assert protocol.units_used(protocol.patient) == 4


def test_settle__another_member_year_or_service__counts_apart(protocol: Protocol) -> None:
    protocol.enrol(protocol.patient, YEAR - 1)
    therapy(protocol, 4)
    assert therapy(protocol, 4, first=2, year=YEAR - 1).value == (1, 0, 0, 0)
    other = protocol.row(protocol.neighbour, 3, THERAPY, units=4)
    assert protocol.settle(other, protocol.row(protocol.patient, 4)).value == (2, 0, 0, 0)
    assert protocol.payer.read("unitsUsed", protocol.patient, YEAR - 1, THERAPY) == 4


def test_settle__pended_or_denied__counts_nothing(protocol: Protocol) -> None:
    protocol.grant(protocol.patient, 0)
    protocol.evm.now += NOTICE
    assert therapy(protocol, 2, 7).value == (0, 1, 1, 0)
    assert protocol.units_used(protocol.patient) == 0


def test_settle__fee_without_a_limit__counts_nothing(protocol: Protocol) -> None:
    protocol.settle(protocol.row(protocol.patient, 1, VISIT, units=4))
    assert protocol.units_used(protocol.patient, VISIT) == 0


@pytest.mark.parametrize("limit, settles", [(0, True), (5, True), (4, False), (1, False)])
def test_settle__limit_changed_within_the_year__what_was_counted_stays(
    protocol: Protocol, limit: int, settles: bool
) -> None:
    therapy(protocol, 4)
    changed = FEES[THERAPY].model_copy(update={"annual_units": limit})
    protocol.publish_fees({THERAPY: changed})
    protocol.evm.now += NOTICE
    assert therapy(protocol, 1, first=2).value[0] == settles


def test_settle__largest_limit__counts_beyond_16_bits_without_overflow(protocol: Protocol) -> None:
    most = 2**16 - 1
    protocol.publish_fees({UNLISTED: FeeTerms(amount=1, category=SHARED, max_units=most, annual_units=most)})
    row = protocol.row(protocol.patient, 1, UNLISTED, units=most)
    assert protocol.settle(row).value == (1, 0, 0, 0)
    receipt = protocol.settle(protocol.row(protocol.patient, 2, UNLISTED, units=most))
    assert endings(receipt) == [(2, *TOO_MANY)]


def test_reverse__claim_with_counted_units__gives_them_back(protocol: Protocol) -> None:
    claim = protocol.settled_claim(therapy(protocol, 4))
    protocol.dispute(claim)
    protocol.concede(claim)
    assert protocol.units_used(protocol.patient) == 0
    assert therapy(protocol, 4, first=2).value == (1, 0, 0, 0)


def test_reverse__claim_settled_while_there_was_no_limit__takes_none_away(protocol: Protocol) -> None:
    """Whether units were counted stands in the claim, not in the fee of the day it is reversed."""
    claim = protocol.settled_claim(protocol.settle(protocol.row(protocol.patient, 1, units=2)))
    limited = FEES[VISIT].model_copy(update={"annual_units": 4})
    protocol.publish_fees({VISIT: limited})
    protocol.evm.now += NOTICE
    protocol.settle(protocol.row(protocol.patient, 2, units=1))
    protocol.dispute(claim)
    protocol.concede(claim)
    assert protocol.units_used(protocol.patient, VISIT) == 1


# ---- the most a plan pays ---------------------------------------------------------------------------------

CAPPED = PlanTerms(deductible=0, oop_max=50 * DOLLAR, annual_maximum=200 * DOLLAR)


@pytest.fixture
def capped(protocol: Protocol) -> str:
    """`late`, whose plan pays $200 a year: a visit costs it $120 and the patient $30, until $50 are paid."""
    protocol.publish_plan(CAPPED, CATEGORIES, plan=2)
    protocol.welcome(protocol.late, payers=(0, 0))
    protocol.escrow.send(protocol.late, "acceptPayer", protocol.payer_id, 0)
    protocol.enrol(protocol.late, plan=2)
    return protocol.late


def visits(protocol: Protocol, patient: str, *sequences: int) -> list[tuple[int, int, int]]:
    """Coinsurance, plan's part and part outside the plan of each visit, in dollars."""
    receipt = protocol.settle(*(protocol.row(patient, n) for n in sequences), plan_id=2)
    return [
        tuple(amount // DOLLAR for amount in (claim.coinsurance, claim.plan_paid, claim.outside_plan))
        for claim in (event.claim for event in receipt.of(ClaimSettled))
    ]


def test_settle__plan_at_its_maximum__the_patient_pays_the_rest_outside_the_plan(
    protocol: Protocol, capped: str
) -> None:
    assert visits(protocol, capped, 1, 2, 3) == [(30, 120, 0), (20, 80, 50), (0, 0, 150)]
    # What is outside the plan counts towards no out-of-pocket maximum.
    assert protocol.member(capped) == Accumulators(0, 50 * DOLLAR, 200 * DOLLAR)
    assert protocol.balance(capped) == 5_000 * DOLLAR - 250 * DOLLAR
    protocol.assert_solvent()


def test_settle__one_visit_at_a_time__adds_up_to_the_same(protocol: Protocol, capped: str) -> None:
    assert [visits(protocol, capped, n)[0] for n in (1, 2, 3)] == [(30, 120, 0), (20, 80, 50), (0, 0, 150)]


@pytest.mark.parametrize("met, paid", [(80, 120), (79, 120), (81, 119), (200, 0), (500, 0)])
def test_settle__opening_entry__counts_towards_the_maximum(protocol: Protocol, met: int, paid: int) -> None:
    protocol.publish_plan(CAPPED, CATEGORIES, plan=2)
    protocol.welcome(protocol.late, payers=(0, 0))
    protocol.escrow.send(protocol.late, "acceptPayer", protocol.payer_id, 0)
    protocol.enrol(protocol.late, plan=2, met=Accumulators(plan_paid=met * DOLLAR))
    assert visits(protocol, protocol.late, 1) == [(30, paid, 120 - paid)]


def test_settle__maximum_of_0__is_none(protocol: Protocol) -> None:
    protocol.enrol(protocol.patient, YEAR - 1, met=Accumulators(plan_paid=MAX_YEARLY_AMOUNT))
    (settled,) = protocol.settle(protocol.row(protocol.patient, 1, benefit_year=YEAR - 1)).of(ClaimSettled)
    assert settled.claim.outside_plan == 0


def test_settle__maximum_of_a_cent__the_plan_pays_a_cent(protocol: Protocol) -> None:
    tiny = CAPPED.model_copy(update={"annual_maximum": CENT})
    protocol.publish_plan(tiny, CATEGORIES, plan=2)
    protocol.welcome(protocol.late, payers=(0, 0))
    protocol.escrow.send(protocol.late, "acceptPayer", protocol.payer_id, 0)
    protocol.enrol(protocol.late, plan=2)
    (settled,) = protocol.settle(protocol.row(protocol.late, 1), plan_id=2).of(ClaimSettled)
    assert (settled.claim.plan_paid, settled.claim.outside_plan) == (CENT, 120 * DOLLAR - CENT)


def test_settle__above_the_maximum__consent_limits_the_part_outside_too(
    protocol: Protocol, capped: str
) -> None:
    visits(protocol, capped, 1, 2)
    protocol.grant(capped, 150 * DOLLAR - 1)
    protocol.evm.now += NOTICE
    receipt = protocol.settle(protocol.row(capped, 3), plan_id=2)
    assert endings(receipt) == [(3, Outcome.PENDED, Reason.OVER_CONSENT_LIMIT)]


def test_reverse__claim_that_used_the_maximum_up__makes_room_again(protocol: Protocol, capped: str) -> None:
    receipt = protocol.settle(*(protocol.row(capped, n) for n in (1, 2)), plan_id=2)
    claim = protocol.settled_claim(receipt, 1)
    protocol.dispute(claim)
    protocol.concede(claim)
    assert protocol.member(capped) == Accumulators(0, 30 * DOLLAR, 120 * DOLLAR)
    assert visits(protocol, capped, 3) == [(20, 80, 50)]
    protocol.assert_solvent()
