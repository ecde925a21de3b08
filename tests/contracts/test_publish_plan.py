"""`InsurerPayer.publishPlan`: append-only versions; the one in force at signing applies."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contracts.situations import endings
from tests.support.deployment import (
    CATEGORIES,
    DAY,
    HOUR,
    MAX_ANNOUNCEMENT,
    NEVER,
    NOTICE,
    NOW,
    PLAN,
    SHARED,
    Protocol,
    plan_words,
)
from tests.support.evm import Receipt, reverts

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import CategoryTerms, PlanTerms
from chainbill.chain.format.events import CategoryTermsPublished, ClaimSettled, PlanPublished
from chainbill.errors import ChainError
from chainbill.money import CENT, DOLLAR
from chainbill.protocol_constants import MAX_YEARLY_AMOUNT

FREE = PlanTerms(deductible=0, oop_max=0)
ALL_PAID = {SHARED: CategoryTerms()}


def publish(
    protocol: Protocol, plan: tuple[int, ...], categories: Any = ((), ()), plan_id: int = 2
) -> Receipt:
    """Publish raw words, which the package's own types would refuse."""
    return protocol.payer.send(protocol.insurer, "publishPlan", plan_id, plan, *categories)


def words(
    *,
    deductible: int = 0,
    oop_max: int = 0,
    family_deductible: int = 0,
    family_oop_max: int = 0,
    annual_maximum: int = 0,
    rounding_unit: int = CENT,
    cob_mode: int = 0,
) -> tuple[int, ...]:
    """A plan that takes effect as soon as it may."""
    amounts = deductible, oop_max, family_deductible, family_oop_max, annual_maximum
    return *amounts, rounding_unit, cob_mode, 0


def effective_at(protocol: Protocol, plan: int, version: int) -> int:
    return int(protocol.payer.read("planTerms", plan, version)[7])


# ---- versions ---------------------------------------------------------------------------------------------


def test_publish_plan__the_first__holds_at_once(protocol: Protocol) -> None:
    receipt = protocol.publish_plan(PLAN, CATEGORIES, plan=2)
    assert receipt.value == 1
    assert receipt.events == (
        PlanPublished(protocol.payer_id, 2, 1, PLAN, NOW),
        *(
            CategoryTermsPublished(protocol.payer_id, 2, 1, number, terms)
            for number, terms in CATEGORIES.items()
        ),
    )
    assert protocol.payer.read("planTerms", 2, 1) == plan_words(PLAN, NOW)
    assert protocol.payer.read("planVersions", 2) == 1


@pytest.mark.parametrize("ahead, valid", [(-1, False), (0, True), (1, True), (90 * DAY, True)])
def test_publish_plan__the_first_with_a_time__not_before_now(
    protocol: Protocol, ahead: int, valid: bool
) -> None:
    if valid:
        protocol.publish_plan(PLAN, {}, plan=2, effective_at=NOW + ahead)
        assert effective_at(protocol, 2, 1) == NOW + ahead
    else:
        with reverts("EffectiveTooSoon", effectiveAt=NOW + ahead, earliest=NOW):
            protocol.publish_plan(PLAN, {}, plan=2, effective_at=NOW + ahead)


@pytest.mark.parametrize("beyond, valid", [(-1, True), (0, True), (1, False), (NEVER - NOW, False)])
@pytest.mark.parametrize("plan", [1, 2], ids=["later", "first"])
def test_publish_plan__far_ahead__not_beyond_the_longest_announcement(
    protocol: Protocol, plan: int, beyond: int, valid: bool
) -> None:
    """A slip of a digit must not freeze a plan: while one is announced, no other may follow."""
    latest = NOW + MAX_ANNOUNCEMENT
    at = min(latest + beyond, NEVER)
    if valid:
        protocol.publish_plan(PLAN, {}, plan=plan, effective_at=at)
    else:
        with reverts("EffectiveTooLate", effectiveAt=at, latest=latest):
            protocol.publish_plan(PLAN, {}, plan=plan, effective_at=at)


def test_publish_plan__a_later_one__holds_after_notice(protocol: Protocol) -> None:
    assert protocol.publish_plan(FREE, ALL_PAID).value == 2
    assert effective_at(protocol, 1, 2) == NOW + NOTICE


@pytest.mark.parametrize("ahead, valid", [(-1, False), (0, True), (1, True)])
def test_publish_plan__a_later_one_with_a_time__not_before_notice(
    protocol: Protocol, ahead: int, valid: bool
) -> None:
    at = NOW + NOTICE + ahead
    if valid:
        protocol.publish_plan(FREE, ALL_PAID, effective_at=at)
        assert effective_at(protocol, 1, 2) == at
    else:
        with reverts("EffectiveTooSoon", effectiveAt=at, earliest=NOW + NOTICE):
            protocol.publish_plan(FREE, ALL_PAID, effective_at=at)


@pytest.mark.parametrize("late, valid", [(-1, False), (0, True), (1, True)])
def test_publish_plan__while_one_is_announced__waits_until_it_holds(
    protocol: Protocol, late: int, valid: bool
) -> None:
    protocol.publish_plan(FREE, ALL_PAID)
    protocol.evm.now = NOW + NOTICE + late
    if valid:
        assert protocol.publish_plan(PLAN, CATEGORIES).value == 3
        assert effective_at(protocol, 1, 3) == NOW + 2 * NOTICE + late
    else:
        with reverts("VersionStillAnnounced", effectiveAt=NOW + NOTICE):
            protocol.publish_plan(PLAN, CATEGORIES)


def test_publish_plan__refused__counts_no_version(protocol: Protocol) -> None:
    protocol.publish_plan(FREE, ALL_PAID)
    with reverts("VersionStillAnnounced"):
        protocol.publish_plan(PLAN, CATEGORIES)
    assert protocol.payer.read("planVersions", 1) == 2
    assert effective_at(protocol, 1, 3) == 0


def test_publish_plan__another_plan__has_versions_of_its_own(protocol: Protocol) -> None:
    protocol.publish_plan(FREE, ALL_PAID)
    assert protocol.publish_plan(FREE, ALL_PAID, plan=2).value == 1
    assert effective_at(protocol, 2, 1) == NOW


def test_publish_plan__a_new_version__leaves_the_old_ones_terms(protocol: Protocol) -> None:
    before = protocol.payer.read("planTerms", 1, 1), protocol.payer.read("categoryTerms", 1, 1, SHARED)
    protocol.publish_plan(FREE, ALL_PAID)
    assert (
        protocol.payer.read("planTerms", 1, 1),
        protocol.payer.read("categoryTerms", 1, 1, SHARED),
    ) == before
    assert protocol.payer.read("categoryTerms", 1, 2, SHARED) == (True, True, False, False, 0, 0)


# ---- settling by them -------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [-1, 0, 1])
@pytest.mark.parametrize("version", [1, 2])
def test_settle__signed_around_a_new_version__by_the_one_in_force(
    protocol: Protocol, late: int, version: int
) -> None:
    protocol.publish_plan(FREE, ALL_PAID)
    protocol.evm.now = NOW + NOTICE + HOUR // 2
    receipt = protocol.settle(
        protocol.row(protocol.patient, 1), signed_at=NOW + NOTICE + late, terms_version=version
    )
    if version == (1 if late < 0 else 2):
        (settled,) = receipt.of(ClaimSettled)
        assert settled.claim.deductible == (100 * DOLLAR if version == 1 else 0)
    else:
        assert endings(receipt) == [(1, Outcome.PENDED, Reason.NO_TERMS_IN_FORCE)]


@pytest.mark.parametrize("late, settles", [(-1, False), (0, True), (1, True)])
def test_settle__signed_around_a_first_version__from_that_second_on(
    protocol: Protocol, late: int, settles: bool
) -> None:
    at = NOW + 1_000
    protocol.publish_plan(PLAN, CATEGORIES, plan=2, effective_at=at)
    protocol.fund_patient(protocol.late, 1_000 * DOLLAR)
    protocol.escrow.send(protocol.late, "acceptPayer", protocol.payer_id, 0)
    protocol.grant(protocol.late)
    protocol.enrol(protocol.late, plan=2)
    protocol.evm.now = at + HOUR // 2
    receipt = protocol.settle(protocol.row(protocol.late, 1), signed_at=at + late, plan_id=2)
    assert receipt.value[0] == settles


def test_settle__terms_of_a_plan_the_member_is_not_in__pends(protocol: Protocol) -> None:
    protocol.publish_plan(FREE, ALL_PAID, plan=2)
    receipt = protocol.settle(protocol.row(protocol.patient, 1), plan_id=2)
    assert endings(receipt) == [(1, Outcome.PENDED, Reason.NOT_ENROLLED)]


# ---- who and what -----------------------------------------------------------------------------------------


def test_publish_plan__by_anybody_but_the_insurer__reverts(protocol: Protocol) -> None:
    for caller in (protocol.governor, protocol.provider, protocol.patient, protocol.stranger):
        with reverts("OwnableUnauthorizedAccount", account=caller):
            protocol.publish_plan(PLAN, CATEGORIES, insurer=caller)


def test_publish_plan__plan_0__reverts(protocol: Protocol) -> None:
    with reverts("InvalidPlanId"):
        publish(protocol, words(rounding_unit=1), plan_id=0)


INVALID_PLANS: dict[str, tuple[tuple[int, ...], str]] = {
    "no rounding unit": (words(rounding_unit=0), "roundingUnit is 0"),
    "deductible of half a cent": (words(deductible=CENT // 2), "deductible in rounding units"),
    "maximum of a cent and a bit": (words(oop_max=CENT + 1), "oopMax in rounding units"),
    "family deductible": (words(family_deductible=1), "familyDeductible in rounding units"),
    "family maximum": (words(family_oop_max=CENT - 1), "familyOopMax in rounding units"),
    "annual maximum": (words(annual_maximum=CENT + 1), "annualMaximum in rounding units"),
    "largest amounts not whole": (words(family_deductible=2**64 - 1), "familyDeductible in rounding units"),
    "deductible over the most": (words(deductible=2**48, rounding_unit=1), "deductible over 2^48 - 1"),
    "maximum over the most": (words(oop_max=2**48, rounding_unit=1), "oopMax over 2^48 - 1"),
}


@pytest.mark.parametrize("plan, what", INVALID_PLANS.values(), ids=INVALID_PLANS)
def test_publish_plan__invalid_terms__reverts(protocol: Protocol, plan: tuple[int, ...], what: str) -> None:
    with reverts("InvalidTerms", what=what):
        publish(protocol, plan)


def test_publish_plan__mode_that_does_not_exist__reverts(protocol: Protocol) -> None:
    with pytest.raises(ChainError):
        publish(protocol, words(cob_mode=2))


LARGEST = 2**64 - 1
VALID_PLANS: dict[str, tuple[int, ...]] = {
    "all zero": words(rounding_unit=1),
    "largest unit": words(deductible=2**32 - 1, rounding_unit=2**32 - 1),
    "largest amounts": words(
        deductible=MAX_YEARLY_AMOUNT,
        oop_max=MAX_YEARLY_AMOUNT,
        family_deductible=LARGEST,
        family_oop_max=LARGEST,
        annual_maximum=LARGEST,
        rounding_unit=1,
        cob_mode=1,
    ),
    "a family deductible alone": words(family_deductible=CENT),
    "a family maximum alone": words(family_oop_max=CENT),
    "an annual maximum alone": words(annual_maximum=CENT),
    "carve-out alone": words(cob_mode=1),
}


@pytest.mark.parametrize("plan", VALID_PLANS.values(), ids=VALID_PLANS)
def test_publish_plan__terms_at_their_edges__are_kept(protocol: Protocol, plan: tuple[int, ...]) -> None:
    publish(protocol, plan)
    assert protocol.payer.read("planTerms", 2, 1) == (*plan[:7], NOW)


INVALID_CATEGORIES: dict[str, tuple[int, tuple[Any, ...], str]] = {
    "category 0": (0, (True, True, False, False, 0, 0), "category is 0"),
    "more than all coinsurance": (1, (True, True, False, False, 10_001, 0), "coinsuranceBps over 10000"),
    "copay of half a cent": (1, (True, True, False, False, 0, CENT // 2), "copay in rounding units"),
}


@pytest.mark.parametrize("number, terms, what", INVALID_CATEGORIES.values(), ids=INVALID_CATEGORIES)
def test_publish_plan__invalid_category__reverts(
    protocol: Protocol, number: int, terms: tuple[Any, ...], what: str
) -> None:
    with reverts("InvalidTerms", what=what):
        publish(protocol, words(), ([number], [terms]))


def test_publish_plan__category_at_its_edges__is_kept(protocol: Protocol) -> None:
    terms = (True, False, True, True, 10_000, 2**64 - 1)
    publish(protocol, words(rounding_unit=1), ([255], [terms]))
    assert protocol.payer.read("categoryTerms", 2, 1, 255) == terms


def test_publish_plan__categories_and_terms_of_different_number__reverts(protocol: Protocol) -> None:
    terms = (True, True, False, False, 0, 0)
    for numbers, rows in (([1], []), ([], [terms]), ([1, 2], [terms])):
        with reverts("LengthMismatch", left=len(numbers), right=len(rows)):
            publish(protocol, words(), (numbers, rows))
