"""What an insurer has published of its plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chainbill.billing.terms import Category, CategoryTerms, PlanTerms
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


def standing_plans(session: Session, payer_id: int) -> list[PublishedPlan]:
    """The version in force of each plan, and the one that is announced, by number and version."""
    payer, now = session.protocol.payer(payer_id), session.now()
    logs = payer.logged("PlanPublished", from_block=session.protocol.deployment.block)
    found: list[PublishedPlan] = []
    for plan_id in sorted({log["planId"] for log in logs}):
        newest = payer.plan_versions(plan_id)
        for version in range(newest, 0, -1):
            published = payer.plan_terms(plan_id, version)
            if published is None:
                continue
            terms, effective_at = published
            categories = {each: payer.category_terms(plan_id, version, each) for each in Category}
            covered = {each: shared for each, shared in categories.items() if shared.covered}
            in_force = effective_at <= now
            found.append(PublishedPlan(plan_id, version, terms, covered, effective_at, in_force))
            if in_force:
                break
    return sorted(found, key=lambda plan: (plan.plan_id, plan.version))
