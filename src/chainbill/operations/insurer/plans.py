"""The plans that an insurer publishes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from chainbill.billing.plan_file import PlanFile as PlanFile  # faces get it here
from chainbill.billing.plan_file import example_plan as example_plan
from chainbill.billing.terms import Category, CategoryTerms, PlanTerms
from chainbill.chain.contracts import InsurerPayer
from chainbill.chain.reads import Question
from chainbill.errors import TermsError
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change
from chainbill.operations.effect import made
from chainbill.operations.times import show_time
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class PublishedPlan:
    """One version of a plan, in force or announced."""

    plan_id: int
    version: int
    terms: PlanTerms
    categories: Mapping[Category, CategoryTerms]
    """Those that it covers."""
    effective_at: int
    """From when it holds, in seconds since 1970."""
    in_force: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPublication(Change):
    """A plan as it was asked for, and the version of it that says so."""

    plan_id: int
    version: int


def standing_plans(session: Session, payer_id: int) -> tuple[PublishedPlan, ...]:
    """The version in force of each plan, and the one that is announced, by number and version.

    Raises:
        ChainError: there is no such payer, or the node does not answer.
    """
    protocol = session.protocol
    with protocol.reads.held():
        payer = protocol.payer(payer_id)
        logs = payer.logged("PlanPublished", from_block=protocol.deployment.block)
        newest = {log["planId"]: log["version"] for log in logs}
        # What is in force is the newest version or, while that is announced, the one before.
        versions = [(plan, last - back) for plan, last in newest.items() for back in (0, 1) if last > back]
        protocol.reads.learn(_questions(payer, versions))
        found = [each for plan in newest for each in _standing(payer, plan, newest[plan], session.now())]
    return tuple(sorted(found, key=lambda plan: (plan.plan_id, plan.version)))


def _questions(payer: InsurerPayer, versions: Iterable[tuple[int, int]]) -> Iterator[Question]:
    for version in versions:
        yield Question(payer, "planTerms", version)
        yield from (Question(payer, "categoryTerms", (*version, each)) for each in Category)


def _standing(payer: InsurerPayer, plan_id: int, newest: int, now: int) -> Iterator[PublishedPlan]:
    """A plan's versions from the newest back to the one in force."""
    for version in range(newest, 0, -1):
        published = payer.plan_terms(plan_id, version)
        if published is None:
            continue
        terms, effective_at = published
        categories = {each: payer.category_terms(plan_id, version, each) for each in Category}
        covered = {each: shared for each, shared in categories.items() if shared.covered}
        in_force = effective_at <= now
        yield PublishedPlan(plan_id, version, terms, covered, effective_at, in_force)
        if in_force:
            return


def publish_plan(insurer: Actor, payer_id: int, plan: PlanFile) -> PlanPublication:
    """Publish the next version of a plan. The first holds at once, a later one after the notice; terms that
    are published already are left alone.

    Raises:
        TermsError: another version is announced and not in force yet.
        ChainError: the chain refused it.
    """
    payer, plan_id = insurer.protocol.payer(payer_id), plan.plan_id
    newest = payer.plan_versions(plan_id)
    published = payer.plan_terms(plan_id, newest) if newest else None
    if published is not None:
        terms, effective_at = published
        if terms == plan.terms and _same_categories(payer, newest, plan):
            return PlanPublication(changed=False, effective_at=effective_at, plan_id=plan_id, version=newest)
        if effective_at > insurer.session.now():
            raise TermsError(
                f"version {newest} of plan {plan_id} is announced for {show_time(effective_at)}, "
                "and one is announced at a time",
                hint="publish again after that; on a devnet: chainbill devnet advance 1d",
            )
    receipt = payer.publish_plan(insurer.sender(), plan_id, plan.terms, plan.categories)
    return PlanPublication(**made(insurer.session, receipt), plan_id=plan_id, version=newest + 1)


def _same_categories(payer: InsurerPayer, version: int, plan: PlanFile) -> bool:
    for category in Category:
        published = payer.category_terms(plan.plan_id, version, category)
        asked = plan.categories.get(category)
        if published.covered != (asked is not None and asked.covered):
            return False
        if asked is not None and asked.covered and published != asked:
            return False
    return True
