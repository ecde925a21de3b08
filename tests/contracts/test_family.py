"""Families: a deductible and an out-of-pocket maximum of several members together."""

from __future__ import annotations

import pytest
from tests.support.deployment import (
    CATEGORIES,
    MAX_BATCH_LIFE,
    NOTICE,
    REFILL,
    UNLISTED,
    YEAR,
    Protocol,
    account,
)
from tests.support.evm import Receipt, reverts

from chainbill.billing.accumulators import Accumulators, FamilyAccumulators
from chainbill.billing.terms import PlanTerms
from chainbill.chain.format.events import ClaimSettled, Enrolled
from chainbill.money import DOLLAR, MAX_AMOUNT
from chainbill.protocol_constants import MAX_FAMILY_MEMBERS, MAX_YEARLY_AMOUNT

FAMILY_PLAN = PlanTerms(
    deductible=100 * DOLLAR,
    oop_max=1_000 * DOLLAR,
    family_deductible=150 * DOLLAR,
    family_oop_max=230 * DOLLAR,
)
PLAN_ID = 2
FAMILY = 1


@pytest.fixture
def members(protocol: Protocol) -> list[str]:
    """Four patients in one family under the family plan."""
    protocol.publish_plan(FAMILY_PLAN, CATEGORIES, plan=PLAN_ID)
    return [member(protocol, f"member-{n}") for n in range(4)]


def member(
    protocol: Protocol,
    name: str,
    family: int = FAMILY,
    met: Accumulators | None = None,
    *,
    plan: int = PLAN_ID,
) -> str:
    patient = account(name).address
    protocol.welcome(patient, payers=(0, 0))
    protocol.escrow.send(patient, "acceptPayer", protocol.payer_id, 0)
    protocol.enrol(patient, plan=plan, family=family, met=met)
    return patient


def settle(protocol: Protocol, *visits: tuple[str, int]) -> Receipt:
    """Visits of these patients with these sequences, in one section."""
    return protocol.settle(*(protocol.row(patient, n) for patient, n in visits), plan_id=PLAN_ID)


def shares(receipt: Receipt) -> dict[int, tuple[int, int]]:
    """Deductible and coinsurance in dollars, by sequence."""
    return {
        event.claim.sequence: (event.claim.deductible // DOLLAR, event.claim.coinsurance // DOLLAR)
        for event in receipt.of(ClaimSettled)
    }


def test_enrol__in_a_family__is_logged_and_kept(protocol: Protocol) -> None:
    receipt = protocol.enrol(protocol.late, family=7, met=Accumulators(1, 2, 3))
    assert receipt.of(Enrolled) == [Enrolled(protocol.payer_id, protocol.late, YEAR, 1, 7, 1, 2, 3)]
    assert protocol.payer.read("memberYear", protocol.late, YEAR)[5] == 7
    assert protocol.family(7) == FamilyAccumulators(1, 2)


def test_settle__members_one_after_another__share_the_familys_deductible(
    protocol: Protocol, members: list[str]
) -> None:
    # $100 of the $150 are the first's; the second's deductible ends at the family's $50, the third has none.
    decided = [shares(settle(protocol, (patient, n)))[n] for n, patient in enumerate(members[:3])]
    assert decided == [(100, 10), (50, 20), (0, 30)]
    assert protocol.family(FAMILY) == FamilyAccumulators(150 * DOLLAR, 210 * DOLLAR)
    assert protocol.member(members[1]) == Accumulators(50 * DOLLAR, 70 * DOLLAR, 80 * DOLLAR)
    protocol.assert_solvent()


def test_settle__members_in_one_section__the_second_sees_the_first(
    protocol: Protocol, members: list[str]
) -> None:
    """Whatever is kept in memory while a section is priced must not hide a relative's claim."""
    visits = [(patient, n) for n, patient in enumerate(sorted(members[:3], key=str.lower))]
    assert shares(settle(protocol, *visits)) == {0: (100, 10), 1: (50, 20), 2: (0, 30)}
    assert protocol.family(FAMILY) == FamilyAccumulators(150 * DOLLAR, 210 * DOLLAR)


def test_settle__members_in_two_sections_of_one_batch__the_second_sees_the_first(
    protocol: Protocol, members: list[str]
) -> None:
    sections = [
        protocol.section(protocol.row(patient, n), plan_id=PLAN_ID) for n, patient in enumerate(members[:2])
    ]
    assert shares(protocol.submit(protocol.batch(sections))) == {0: (100, 10), 1: (50, 20)}


def test_settle__family_at_its_maximum__pays_no_more_whoever_it_is(
    protocol: Protocol, members: list[str]
) -> None:
    settle(protocol, *((patient, n) for n, patient in enumerate(members[:3])))
    # $20 of the $230 are left: the fourth pays those of its $30.
    assert shares(settle(protocol, (members[3], 3))) == {3: (0, 20)}
    assert shares(settle(protocol, (members[0], 4))) == {4: (0, 0)}
    assert protocol.family(FAMILY).oop_met == 230 * DOLLAR


def test_settle__individual_deductible_met__takes_nothing_of_the_familys(
    protocol: Protocol, members: list[str]
) -> None:
    """The lower of the two remains holds: the member's own is met, though the family's is not."""
    settle(protocol, (members[0], 0))
    assert shares(settle(protocol, (members[0], 1))) == {1: (0, 30)}


def test_settle__plan_without_family_amounts__counts_them_and_limits_nothing(protocol: Protocol) -> None:
    patient = account("member-0").address
    protocol.welcome(patient, payers=(0, 0))
    protocol.escrow.send(patient, "acceptPayer", protocol.payer_id, 0)
    protocol.enrol(patient, family=FAMILY, met=Accumulators(0, 900 * DOLLAR))
    protocol.enrol(protocol.late, family=FAMILY, met=Accumulators(5_000 * DOLLAR, 5_000 * DOLLAR))
    (settled,) = protocol.settle(protocol.row(patient, 1)).of(ClaimSettled)
    assert settled.claim.deductible == 100 * DOLLAR
    assert protocol.family(FAMILY) == FamilyAccumulators(5_100 * DOLLAR, 6_000 * DOLLAR)


def test_settle__member_of_no_family__shares_nothing(protocol: Protocol, members: list[str]) -> None:
    loner = member(protocol, "loner", family=0)
    settle(protocol, (members[0], 0), (loner, 1))
    assert shares(settle(protocol, (members[1], 2))) == {2: (50, 20)}
    assert protocol.member(loner).deductible_met == 100 * DOLLAR
    assert protocol.family(0) == FamilyAccumulators()


def test_settle__two_families__do_not_meet(protocol: Protocol, members: list[str]) -> None:
    stranger = member(protocol, "other family", family=2)
    settle(protocol, (members[0], 0), (members[1], 1))
    assert shares(settle(protocol, (stranger, 2))) == {2: (100, 10)}
    assert protocol.family(2) == FamilyAccumulators(100 * DOLLAR, 110 * DOLLAR)


def test_settle__two_families_in_one_section__each_counts_its_own(
    protocol: Protocol, members: list[str]
) -> None:
    stranger = member(protocol, "other family", family=2)
    settle(protocol, (members[0], 0), (members[1], 1), (stranger, 2))
    assert protocol.family(FAMILY).deductible_met == 150 * DOLLAR
    assert protocol.family(2).deductible_met == 100 * DOLLAR


def test_settle__another_year__has_family_accumulators_of_its_own(
    protocol: Protocol, members: list[str]
) -> None:
    settle(protocol, (members[0], 0), (members[1], 1))
    protocol.enrol(members[0], YEAR - 1, plan=PLAN_ID, family=FAMILY)
    row = protocol.row(members[0], 2, benefit_year=YEAR - 1)
    assert shares(protocol.settle(row, plan_id=PLAN_ID)) == {2: (100, 10)}
    assert protocol.family(FAMILY, YEAR - 1) == FamilyAccumulators(100 * DOLLAR, 110 * DOLLAR)


def test_settle__opening_entries_of_one__count_for_the_whole_family(protocol: Protocol) -> None:
    protocol.publish_plan(FAMILY_PLAN, CATEGORIES, plan=PLAN_ID)
    member(protocol, "member-0", met=Accumulators(120 * DOLLAR, 120 * DOLLAR))
    second = member(protocol, "member-1")
    assert shares(settle(protocol, (second, 1))) == {1: (30, 24)}


def test_settle__denied_or_pended__counts_nothing(protocol: Protocol, members: list[str]) -> None:
    protocol.grant(members[1], 0)
    protocol.evm.now += NOTICE
    rows = [protocol.row(members[0], 1, UNLISTED), protocol.row(members[1], 2)]
    assert protocol.settle(*rows, plan_id=PLAN_ID).value == (0, 1, 1, 0)
    assert protocol.family(FAMILY) == FamilyAccumulators()


# ---- sums that hold whatever an insurer opens -------------------------------------------------------------

LACKING = {
    "no family amounts": {"family_deductible": 0, "family_oop_max": 0},
    "no family deductible": {"family_deductible": 0},
    "no family maximum": {"family_oop_max": 0},
    "both": {},
}
"""Where a plan names a family amount, nothing is added to it once it is met."""


@pytest.mark.parametrize("lacking", LACKING)
@pytest.mark.parametrize("coordinated", [False, True])
def test_settle__sham_members_enrolled_after_the_batch_was_signed__cannot_make_a_familys_rows_pend(
    protocol: Protocol, lacking: str, coordinated: bool
) -> None:
    """An insurer may enrol whom it likes, at any time, with any opening entries that it is let."""
    protocol.publish_plan(FAMILY_PLAN.model_copy(update=LACKING[lacking]), CATEGORIES, plan=PLAN_ID)
    if coordinated:
        second = protocol.second_payer()
        patient = account("member-0").address
        protocol.welcome(patient, payers=(0, 0))
        protocol.escrow.send(patient, "acceptPayer", protocol.payer_id, second)
        protocol.enrol(patient, plan=PLAN_ID, family=FAMILY)
        protocol.enrol(patient, payer_id=second)
        section = protocol.coordinated(protocol.row(patient, 1), secondary=second, plan_id=PLAN_ID)
    else:
        patient = member(protocol, "member-0")
        section = protocol.section(protocol.row(patient, 1), plan_id=PLAN_ID)
    batch = protocol.batch([section])

    with reverts("OpeningTooLarge", opening=MAX_AMOUNT, met=0):
        protocol.enrol(protocol.stranger, plan=PLAN_ID, family=FAMILY, met=Accumulators(0, MAX_AMOUNT))
    largest = Accumulators(MAX_YEARLY_AMOUNT, MAX_YEARLY_AMOUNT, MAX_YEARLY_AMOUNT)
    for n in range(1, MAX_FAMILY_MEMBERS):
        protocol.enrol(account(f"sham-{n}").address, plan=PLAN_ID, family=FAMILY, met=largest)

    assert protocol.submit(batch).value == (1, 0, 0, 0)
    met, family = protocol.member(patient), protocol.family(FAMILY)
    shams = (MAX_FAMILY_MEMBERS - 1) * MAX_YEARLY_AMOUNT
    assert family == FamilyAccumulators(shams + met.deductible_met, shams + met.oop_met)
    protocol.assert_solvent()


def test_enrol__family_of_as_many_as_there_may_be__takes_no_more(protocol: Protocol) -> None:
    shams = [account(f"sham-{n}").address for n in range(MAX_FAMILY_MEMBERS)]
    for sham in shams:
        protocol.enrol(sham, family=FAMILY)
    with reverts("FamilyFull", familyId=FAMILY):
        protocol.enrol(protocol.late, family=FAMILY)
    protocol.enrol(protocol.late, family=FAMILY + 1)
    protocol.enrol(protocol.late, YEAR + 1, family=FAMILY)
    # One that was ended and is taken up again was counted before.
    protocol.payer.send(protocol.insurer, "endCoverage", shams[0], YEAR)
    protocol.evm.now += NOTICE + MAX_BATCH_LIFE
    protocol.enrol(shams[0], family=FAMILY)


def test_settle__rows_of_a_family__leave_the_count_of_its_members(protocol: Protocol) -> None:
    patients = [member(protocol, f"member-{n}", plan=1) for n in range(2)]
    for n in range(2, MAX_FAMILY_MEMBERS):
        protocol.enrol(account(f"sham-{n}").address, family=FAMILY)
    rows = [protocol.row(patient, n) for n, patient in enumerate(sorted(patients, key=str.lower))]
    claim = protocol.settled_claim(protocol.settle(*rows))
    protocol.dispute(claim)
    protocol.concede(claim)
    with reverts("FamilyFull", familyId=FAMILY):
        protocol.enrol(protocol.late, family=FAMILY)


def test_settle__copay__counts_towards_the_familys_maximum_alone(
    protocol: Protocol, members: list[str]
) -> None:
    protocol.settle(protocol.row(members[0], 1, REFILL), plan_id=PLAN_ID)
    assert protocol.family(FAMILY) == FamilyAccumulators(0, 25 * DOLLAR)


def test_reverse__claim_of_a_member__gives_the_family_its_deductible_back(
    protocol: Protocol, members: list[str]
) -> None:
    claim = protocol.settled_claim(settle(protocol, (members[0], 0)))
    settle(protocol, (members[1], 1))
    protocol.dispute(claim)
    protocol.concede(claim)
    assert protocol.member(members[0]) == Accumulators()
    assert protocol.family(FAMILY) == FamilyAccumulators(50 * DOLLAR, 70 * DOLLAR)
    assert shares(settle(protocol, (members[2], 2))) == {2: (100, 10)}
    protocol.assert_solvent()


def test_settle__family_with_a_secondary_payer__counts_with_both(protocol: Protocol) -> None:
    second = protocol.second_payer(plan=FAMILY_PLAN)
    protocol.publish_plan(FAMILY_PLAN, CATEGORIES, plan=PLAN_ID)
    patients = [account(f"member-{n}").address for n in range(2)]
    for patient in patients:
        protocol.welcome(patient, payers=(0, 0))
        protocol.escrow.send(patient, "acceptPayer", protocol.payer_id, second)
        protocol.enrol(patient, plan=PLAN_ID, family=FAMILY)
        protocol.enrol(patient, family=5, payer_id=second)
    rows = [protocol.row(patient, n) for n, patient in enumerate(sorted(patients, key=str.lower))]
    section = protocol.coordinated(*rows, secondary=second, plan_id=PLAN_ID)
    assert shares(protocol.submit(protocol.batch([section]))) == {0: (100, 10), 1: (50, 20)}
    assert protocol.family(FAMILY) == FamilyAccumulators(150 * DOLLAR, 180 * DOLLAR)
    assert protocol.family(5, payer_id=second) == FamilyAccumulators(150 * DOLLAR, 180 * DOLLAR)
