"""What insurers do, as their payer contracts log it."""

from __future__ import annotations

from collections.abc import Sequence

from chainbill.billing.accumulators import UNTOUCHED, Accumulators, FamilyAccumulators
from chainbill.chain.contracts.payer import PublishedFee
from chainbill.chain.format import events
from chainbill.chain.format.events import Event
from chainbill.errors import LedgerError
from chainbill.ledger.accounts import Ledger, MemberYear, PlanVersion
from chainbill.ledger.entries import Entry
from chainbill.ledger.scheduled_changes import Acceptance, PlanChoice
from chainbill.protocol_constants import MAX_BATCH_LIFE_SECONDS, NOTICE_SECONDS


def _pool_deposited(ledger: Ledger, event: events.PoolDeposited, _: int) -> None:
    payer = ledger.payer(event.payer_id)
    payer.pool += event.amount
    payer.withdrawal.note_deposit(event.amount)


def _pool_withdrawal_requested(ledger: Ledger, event: events.PoolWithdrawalRequested, now: int) -> None:
    payer = ledger.payer(event.payer_id)
    payer.withdrawal.announce(event.amount, event.available_at, balance=payer.pool, now=now)


def _pool_withdrawal_cancelled(ledger: Ledger, event: events.PoolWithdrawalCancelled, _: int) -> None:
    ledger.payer(event.payer_id).withdrawal.cancel()


def _pool_withdrawn(ledger: Ledger, event: events.PoolWithdrawn, now: int) -> None:
    payer = ledger.payer(event.payer_id)
    payer.withdrawal.take(event.amount, balance=payer.pool, now=now)
    payer.pool -= event.amount


def _plan_published(ledger: Ledger, event: events.PlanPublished, now: int) -> None:
    payer = ledger.payer(event.payer_id)
    versions = payer.plans.get(event.plan_id, [])
    label = f"plan {event.plan_id} of payer {event.payer_id}"
    _check_version(label, event.version, event.effective_at, [known.effective_at for known in versions], now)
    payer.plans[event.plan_id] = [*versions, PlanVersion(event.version, event.terms, event.effective_at)]


def _category_terms_published(ledger: Ledger, event: events.CategoryTermsPublished, _: int) -> None:
    versions = ledger.payer(event.payer_id).plans.get(event.plan_id, [])
    if event.version != len(versions) or event.version == 0:
        raise LedgerError(
            f"terms were published for version {event.version} of plan {event.plan_id}, not the newest"
        )
    versions[-1].categories[event.category] = event.terms


def _fee_published(ledger: Ledger, event: events.FeePublished, now: int) -> None:
    payer = ledger.payer(event.payer_id)
    fees = payer.fees.get(event.service_id, [])
    label = f"the fee 0x{event.service_id.hex()} of payer {event.payer_id}"
    _check_version(label, event.version, event.effective_at, [known.effective_at for known in fees], now)
    payer.fees[event.service_id] = [*fees, PublishedFee(event.terms, event.effective_at, event.version)]


def _check_version(label: str, version: int, effective_at: int, known: Sequence[int], now: int) -> None:
    """Versions count up, one announced at a time; only the first may hold without notice."""
    if version != len(known) + 1:
        raise LedgerError(f"version {version} of {label} was published after version {len(known)}")
    if known and known[-1] > now:
        raise LedgerError(f"version {version} of {label} was published while another was still announced")
    earliest = now + NOTICE_SECONDS if known else now
    if effective_at < earliest:
        raise LedgerError(f"version {version} of {label} holds from {effective_at}, before {earliest}")


def _provider_accepted(ledger: Ledger, event: events.ProviderAccepted, now: int) -> None:
    ledger.provider(event.provider_id)
    ledger.payer(event.payer_id).acceptances.setdefault(event.provider_id, Acceptance()).accept(now=now)


def _provider_acceptance_ended(ledger: Ledger, event: events.ProviderAcceptanceEnded, now: int) -> None:
    acceptance = ledger.payer(event.payer_id).acceptances.get(event.provider_id)
    if acceptance is None:
        raise LedgerError(
            f"payer {event.payer_id} ended an acceptance of provider {event.provider_id} it never gave"
        )
    acceptance.end(event.ends_at, now=now)


def _enrolled(ledger: Ledger, event: events.Enrolled, now: int) -> None:
    payer = ledger.payer(event.payer_id)
    if event.plan_id not in payer.plans:
        raise LedgerError(
            f"{event.member} was enrolled under plan {event.plan_id}, which was never published"
        )
    opening = Accumulators(event.deductible_met, event.oop_met, event.plan_paid)
    standing = payer.members.get((event.member, event.benefit_year))
    if standing is None:
        standing = MemberYear(PlanChoice(event.plan_id), UNTOUCHED, UNTOUCHED, event.family_id)
        payer.members[event.member, event.benefit_year] = standing
    else:
        _check_resumable(standing, event, now)
        standing.plan, standing.coverage_ends_at = PlanChoice(event.plan_id), 0
    standing.opening, standing.met = _sum(standing.opening, opening), _sum(standing.met, opening)
    if event.family_id:
        family = payer.families[event.family_id, event.benefit_year]
        payer.families[event.family_id, event.benefit_year] = FamilyAccumulators(
            family.deductible_met + event.deductible_met, family.oop_met + event.oop_met
        )


def _check_resumable(standing: MemberYear, event: events.Enrolled, now: int) -> None:
    """Coverage has ended so long ago that no batch signed under it is on its way."""
    ends_at = standing.coverage_ends_at
    if ends_at == 0 or now < ends_at + MAX_BATCH_LIFE_SECONDS:
        raise LedgerError(f"{event.member} was enrolled twice in {event.benefit_year}")
    if event.family_id != standing.family_id:
        raise LedgerError(f"{event.member} changed families within {event.benefit_year}")


def _sum(left: Accumulators, right: Accumulators) -> Accumulators:
    return Accumulators(
        left.deductible_met + right.deductible_met,
        left.oop_met + right.oop_met,
        left.plan_paid + right.plan_paid,
    )


def _plan_changed(ledger: Ledger, event: events.PlanChanged, now: int) -> None:
    standing = ledger.member_year(event.payer_id, event.member, event.benefit_year)
    if standing is None or standing.coverage_ends_at:
        raise LedgerError(f"{event.member} changed plans in {event.benefit_year} without being covered")
    if event.plan_id not in ledger.payer(event.payer_id).plans:
        raise LedgerError(f"{event.member} was moved to plan {event.plan_id}, which was never published")
    standing.plan.change(event.plan_id, event.effective_at, now=now)


def _coverage_ended(ledger: Ledger, event: events.CoverageEnded, now: int) -> None:
    standing = ledger.member_year(event.payer_id, event.member, event.benefit_year)
    if standing is None or standing.coverage_ends_at:
        raise LedgerError(f"the coverage of {event.member} in {event.benefit_year} ended without running")
    if event.ends_at != now + NOTICE_SECONDS:
        raise LedgerError(
            f"the coverage of {event.member} ended at {event.ends_at}, not at {now + NOTICE_SECONDS}"
        )
    standing.coverage_ends_at = event.ends_at


def _payer_transferred(ledger: Ledger, event: events.PayerTransferred, _: int) -> None:
    # A payer's constructor logs this before the factory names the payer.
    if event.payer_id in ledger.payers:
        ledger.payers[event.payer_id].insurer = event.insurer


ENTRIES: dict[type[Event], Entry] = {
    events.PoolDeposited: _pool_deposited,
    events.PoolWithdrawalRequested: _pool_withdrawal_requested,
    events.PoolWithdrawalCancelled: _pool_withdrawal_cancelled,
    events.PoolWithdrawn: _pool_withdrawn,
    events.PlanPublished: _plan_published,
    events.CategoryTermsPublished: _category_terms_published,
    events.FeePublished: _fee_published,
    events.ProviderAccepted: _provider_accepted,
    events.ProviderAcceptanceEnded: _provider_acceptance_ended,
    events.Enrolled: _enrolled,
    events.PlanChanged: _plan_changed,
    events.CoverageEnded: _coverage_ended,
    events.PayerTransferred: _payer_transferred,
}
