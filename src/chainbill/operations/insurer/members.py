"""An insurer's members, by benefit year: the calendar year of the service."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from web3.types import TxReceipt

from chainbill.billing.accumulators import opening_entries
from chainbill.chain.contracts.payer import Enrolment, MemberYear
from chainbill.errors import ArgumentError, StateError
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change
from chainbill.operations.effect import made
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChange(Change):
    """A member's standing in one benefit year."""

    member: str
    """Address."""
    benefit_year: int
    standing: MemberYear
    before: MemberYear
    """The same where nothing changed."""


def enrol(
    insurer: Actor,
    payer_id: int,
    member: str,
    plan_id: int,
    *,
    year: int | None = None,
    family_id: int = 0,
    deductible_met: int = 0,
    oop_met: int | None = None,
    plan_paid: int = 0,
) -> MemberChange:
    """Enrol a patient under a plan for one benefit year, or resume a coverage that has ended, with what was
    met in it. One that is enrolled under the plan already is left alone.

    Args:
        insurer: whose plan.
        payer_id: its payer contract.
        member: the patient's address.
        plan_id: the plan.
        year: the chain's, the one before or the one after; None: the chain's.
        family_id: whose deductible and maximum the member shares; 0: nobody's.
        deductible_met: of the deductible, met elsewhere in the year, in micro-dollars.
        oop_met: paid out of pocket elsewhere in the year; None: ``deductible_met``.
        plan_paid: by a plan elsewhere in the year, for the annual maximum.

    Raises:
        ArgumentError: the year cannot be opened, or less was paid out of pocket than of the deductible.
        StateError: there is no such plan, or the member is enrolled under another one.
        ChainError: the chain refused it.
    """
    opening = opening_entries(deductible_met, oop_met, plan_paid)
    payer, session = insurer.protocol.payer(payer_id), insurer.session
    year = reachable_year(year, benefit_year(session))
    check_plan(insurer, payer_id, plan_id)
    before = payer.member_year(member, year)
    wanted = Enrolment(member, year, plan_id, opening, family_id)
    if before.plan_id and is_enrolled_so(before, wanted, insurer, session.now()):
        return MemberChange(changed=False, member=member, benefit_year=year, standing=before, before=before)
    receipt = payer.enrol(insurer.sender(), member, year, plan_id, opening, family_id=family_id)
    return _changed(insurer, payer_id, member, year, before, receipt)


def change_plan(
    insurer: Actor, payer_id: int, member: str, plan_id: int, *, year: int | None = None
) -> MemberChange:
    """Move an enrolled patient to another plan, after the notice; what was met in the year goes on. Naming
    the present plan calls an announced change off; one that is announced or present already is left alone.

    Raises:
        StateError: there is no such plan, or the patient is not enrolled.
        ChainError: the chain refused it.
    """
    payer, year = insurer.protocol.payer(payer_id), benefit_year(insurer.session, year)
    check_plan(insurer, payer_id, plan_id)
    before = payer.member_year(member, year)
    _check_enrolled(insurer, member, year, before)
    if (before.next_plan_id or before.plan_id) == plan_id:
        since = before.next_plan_at if before.next_plan_id == plan_id else None
        return MemberChange(
            changed=False,
            effective_at=since,
            member=member,
            benefit_year=year,
            standing=before,
            before=before,
        )
    receipt = payer.change_plan(insurer.sender(), member, year, plan_id)
    return _changed(insurer, payer_id, member, year, before, receipt)


def end_coverage(insurer: Actor, payer_id: int, member: str, *, year: int | None = None) -> MemberChange:
    """End a patient's coverage in a benefit year, after the notice; one that ends already is left alone.

    Raises:
        StateError: the patient is not enrolled.
        ChainError: the chain refused it.
    """
    payer, year = insurer.protocol.payer(payer_id), benefit_year(insurer.session, year)
    before = payer.member_year(member, year)
    _check_enrolled(insurer, member, year, before)
    if before.coverage_ends_at:
        return MemberChange(
            changed=False,
            effective_at=before.coverage_ends_at,
            member=member,
            benefit_year=year,
            standing=before,
            before=before,
        )
    receipt = payer.end_coverage(insurer.sender(), member, year)
    return _changed(insurer, payer_id, member, year, before, receipt)


def member_year(session: Session, payer_id: int, member: str, *, year: int | None = None) -> MemberYear:
    """A patient's standing in a benefit year; None: the chain's. Plan 0: not enrolled.

    Raises:
        ChainError: there is no such payer, or the node does not answer.
    """
    return session.protocol.payer(payer_id).member_year(member, benefit_year(session, year))


def benefit_year(session: Session, year: int | None = None) -> int:
    """The benefit year that is meant: the chain's where none is named."""
    return datetime.fromtimestamp(session.now(), UTC).year if year is None else year


def is_enrolled_so(standing: MemberYear, wanted: Enrolment, insurer: Actor, now: int) -> bool:
    """Is a member enrolled as is wanted already, so that nothing is to be sent? What was met in the year goes
    on as it stands.

    Raises:
        StateError: the member is enrolled under another plan, or in another family.
    """
    if not standing.is_open_at(now):
        return False
    year, is_of_family = wanted.benefit_year, wanted.family_id in (0, standing.family_id)
    if standing.plan_id == wanted.plan_id and is_of_family:
        return True
    patient = _called(insurer.session, wanted.member)
    if standing.plan_id != wanted.plan_id:
        raise StateError(
            f"{patient} is enrolled for {year} under plan {standing.plan_id} already",
            hint=f"chainbill insurer change-plan {patient} --plan {wanted.plan_id} --year {year} "
            f"--as {insurer.name}",
        )
    family = f"family {standing.family_id}" if standing.family_id else "no family"
    raise StateError(
        f"{patient} is enrolled for {year} in {family} already",
        hint="a member's family cannot be changed within a benefit year",
    )


def reachable_year(year: int | None, current: int) -> int:
    """The benefit year that is meant: ``current``, the chain's, where none is named.

    Raises:
        ArgumentError: it cannot be opened now.
    """
    year = current if year is None else year
    if abs(year - current) > 1:
        raise ArgumentError(
            f"the chain's year is {current}: only {current - 1} to {current + 1} can be opened",
            argument="year",
        )
    return year


def check_plan(insurer: Actor, payer_id: int, plan_id: int) -> None:
    """Refuse a plan that there is not.

    Raises:
        StateError: the insurer has published none of that number.
    """
    if insurer.protocol.payer(payer_id).plan_versions(plan_id) == 0:
        raise StateError(
            f"{insurer.name} has published no plan {plan_id}",
            hint="publish it: chainbill insurer plan FILE",
        )


def _changed(
    insurer: Actor, payer_id: int, member: str, year: int, before: MemberYear, receipt: TxReceipt
) -> MemberChange:
    return MemberChange(
        **made(insurer.session, receipt),
        member=member,
        benefit_year=year,
        standing=insurer.protocol.payer(payer_id).member_year(member, year),
        before=before,
    )


def _check_enrolled(insurer: Actor, member: str, year: int, standing: MemberYear) -> None:
    if standing.plan_id == 0:
        patient = _called(insurer.session, member)
        raise StateError(
            f"{patient} is not enrolled for {year}",
            hint=f"enrol: chainbill insurer enrol {patient} --plan ID --year {year} --as {insurer.name}",
        )


def _called(session: Session, address: str) -> str:
    return session.book.name_of(address) or address
