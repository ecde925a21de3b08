"""Replays events into the ledger. Each event is taken only if the contracts could have logged it then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from chainbill.audit.ledger import (
    Ledger,
    MemberYear,
    OracleEpoch,
    PayerAccount,
    PlanVersion,
    ProviderAccount,
)
from chainbill.audit.notice import NOTICE_SECONDS, Acceptance
from chainbill.billing.accumulators import Accumulators
from chainbill.chain import events
from chainbill.chain.contracts.payer import PublishedFee
from chainbill.chain.deployments import Deployment
from chainbill.chain.events import Event, RecordedEvent
from chainbill.errors import LedgerError

Entry = Callable[[Ledger, Any, int], None]
"""Changes the ledger by one event of a block of that time, or raises LedgerError and changes nothing."""


def rebuild(recorded: Iterable[RecordedEvent], deployment: Deployment) -> Ledger:
    """The ledger after these events.

    Raises:
        LedgerError: an event does not follow from those before it; names its log.
    """
    ledger = Ledger(deployment)
    for event in recorded:
        apply(ledger, event)
    return ledger


def apply(ledger: Ledger, recorded: RecordedEvent) -> None:
    """Move the ledger by one event.

    Raises:
        LedgerError: it does not follow from what came before; the ledger is as it was.
    """
    entry = _ENTRIES.get(type(recorded.event))
    if entry is None:
        return
    try:
        entry(ledger, recorded.event, recorded.block_time)
    except LedgerError as error:
        raise LedgerError(f"{error} ({where(recorded)})") from None


def where(recorded: RecordedEvent) -> str:
    """Where an event stands, in words."""
    return f"block {recorded.block}, log {recorded.log_index}, transaction {recorded.transaction}"


# ---- claims -------------------------------------------------------------------------------------------


def _claim_settled(ledger: Ledger, event: events.ClaimSettled, _: int) -> None:
    claim = event.claim
    provider, payer = ledger.provider(event.provider_id), ledger.payer(claim.payer_id)
    patient = ledger.patients[event.patient]
    standing = payer.members.get((event.patient, claim.benefit_year))
    charge = claim.allowed - claim.plan_paid
    if claim.sequence in provider.spent:
        raise LedgerError(f"sequence {claim.sequence} of provider {event.provider_id} settled twice")
    if standing is None:
        raise LedgerError(f"{event.patient} settled a claim without being enrolled in {claim.benefit_year}")
    if not 0 <= charge <= patient.balance:
        raise LedgerError(f"{event.patient} was charged {charge} on a balance of {patient.balance}")
    if claim.plan_paid > payer.pool:
        raise LedgerError(f"payer {claim.payer_id} paid {claim.plan_paid} from a pool of {payer.pool}")
    provider.spent.add(claim.sequence)
    provider.credit += claim.allowed
    ledger.settlement_owes += claim.allowed
    patient.balance -= charge
    ledger.escrow_owes -= charge
    payer.pool -= claim.plan_paid
    standing.met = Accumulators(
        standing.met.deductible_met + claim.deductible, standing.met.oop_met + claim.patient_responsibility
    )


def _claim_denied(ledger: Ledger, event: events.ClaimDenied, _: int) -> None:
    spent = ledger.provider(event.provider_id).spent
    if event.claim.sequence in spent:
        raise LedgerError(
            f"sequence {event.claim.sequence} of provider {event.provider_id} was denied when spent"
        )
    spent.add(event.claim.sequence)


def _patient_named(ledger: Ledger, event: events.ClaimPended | events.ClaimSkipped, _: int) -> None:
    """Nothing moves; but the patient was seen, and is compared with contract state as one who has nothing."""
    ledger.patients[event.patient]


def _provider_paid(ledger: Ledger, event: events.ProviderPaid, _: int) -> None:
    provider = ledger.provider(event.provider_id)
    if event.amount != provider.credit or event.amount == 0:
        raise LedgerError(
            f"provider {event.provider_id} was paid {event.amount} of a credit of {provider.credit}"
        )
    if event.payout_address != provider.payout_address:
        raise LedgerError(f"provider {event.provider_id} was paid at {event.payout_address}")
    provider.credit = 0
    ledger.settlement_owes -= event.amount


# ---- quorum and pause -----------------------------------------------------------------------------------


def _epoch_opened(ledger: Ledger, event: events.EpochOpened, _: int) -> None:
    if event.epoch != len(ledger.epochs) + 1:
        raise LedgerError(f"epoch {event.epoch} was opened after epoch {len(ledger.epochs)}")
    if event.epoch > 1:
        ledger.epochs[event.epoch - 1].ends_at = event.previous_ends_at
    ledger.epochs[event.epoch] = OracleEpoch(event.threshold, event.members)


def _epoch_ended(ledger: Ledger, event: events.EpochEnded, now: int) -> None:
    if event.epoch not in ledger.epochs:
        raise LedgerError(f"epoch {event.epoch} ended without having been opened")
    ledger.epochs[event.epoch].ends_at = now


def _paused(ledger: Ledger, _event: events.Paused, _: int) -> None:
    ledger.paused = True


def _unpaused(ledger: Ledger, _event: events.Unpaused, _: int) -> None:
    ledger.paused = False


# ---- registry and factory -------------------------------------------------------------------------------


def _provider_registered(ledger: Ledger, event: events.ProviderRegistered, _: int) -> None:
    if event.provider_id != len(ledger.providers) + 1:
        raise LedgerError(f"provider {event.provider_id} was registered after {len(ledger.providers)} others")
    ledger.providers[event.provider_id] = ProviderAccount(event.payout_address)


def _attester_added(ledger: Ledger, event: events.AttesterAdded, _: int) -> None:
    ledger.provider(event.provider_id).attesters[event.attester] = True


def _attester_revoked(ledger: Ledger, event: events.AttesterRevoked, _: int) -> None:
    attesters = ledger.provider(event.provider_id).attesters
    if not attesters.get(event.attester):
        raise LedgerError(f"{event.attester} was revoked without attesting for provider {event.provider_id}")
    attesters[event.attester] = False


def _provider_suspended(ledger: Ledger, event: events.ProviderSuspended, _: int) -> None:
    ledger.provider(event.provider_id).suspended = True


def _provider_reinstated(ledger: Ledger, event: events.ProviderReinstated, _: int) -> None:
    ledger.provider(event.provider_id).suspended = False


def _payer_created(ledger: Ledger, event: events.PayerCreated, _: int) -> None:
    if event.payer_id != len(ledger.payers) + 1:
        raise LedgerError(f"payer {event.payer_id} was created after {len(ledger.payers)} others")
    ledger.payers[event.payer_id] = PayerAccount(event.payer, event.insurer)


# ---- escrow -------------------------------------------------------------------------------------------


def _patient_deposited(ledger: Ledger, event: events.PatientDeposited, _: int) -> None:
    account = ledger.patients[event.patient]
    account.balance += event.amount
    account.withdrawal.note_deposit(event.amount)
    ledger.escrow_owes += event.amount


def _patient_withdrawal_requested(ledger: Ledger, event: events.PatientWithdrawalRequested, now: int) -> None:
    account = ledger.patients[event.patient]
    account.withdrawal.announce(event.amount, event.available_at, balance=account.balance, now=now)


def _patient_withdrew(ledger: Ledger, event: events.PatientWithdrew, now: int) -> None:
    account = ledger.patients[event.patient]
    account.withdrawal.take(event.amount, balance=account.balance, now=now)
    account.balance -= event.amount
    ledger.escrow_owes -= event.amount


def _payer_accepted(ledger: Ledger, event: events.PayerAccepted, now: int) -> None:
    ledger.payer(event.payer_id)
    ledger.patients[event.patient].payer.accept(event.payer_id, event.effective_at, now=now)


def _consent_granted(ledger: Ledger, event: events.ConsentGranted, now: int) -> None:
    ledger.provider(event.provider_id)
    consent = ledger.patients[event.patient].consents[event.provider_id]
    consent.grant(event.per_event_limit, event.expires_at, event.effective_at, now=now)


def _consent_revoked(ledger: Ledger, event: events.ConsentRevoked, now: int) -> None:
    ledger.patients[event.patient].consents[event.provider_id].revoke(event.expires_at, now=now)


# ---- payers -------------------------------------------------------------------------------------------


def _pool_deposited(ledger: Ledger, event: events.PoolDeposited, _: int) -> None:
    payer = ledger.payer(event.payer_id)
    payer.pool += event.amount
    payer.withdrawal.note_deposit(event.amount)


def _pool_withdrawal_requested(ledger: Ledger, event: events.PoolWithdrawalRequested, now: int) -> None:
    payer = ledger.payer(event.payer_id)
    payer.withdrawal.announce(event.amount, event.available_at, balance=payer.pool, now=now)


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


def _enrolled(ledger: Ledger, event: events.Enrolled, _: int) -> None:
    payer = ledger.payer(event.payer_id)
    key = (event.member, event.benefit_year)
    if key in payer.members:
        raise LedgerError(f"{event.member} was enrolled twice in {event.benefit_year}")
    if event.plan_id not in payer.plans:
        raise LedgerError(
            f"{event.member} was enrolled under plan {event.plan_id}, which was never published"
        )
    opening = Accumulators(event.deductible_met, event.oop_met)
    payer.members[key] = MemberYear(event.plan_id, opening, opening)


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


# ---- token --------------------------------------------------------------------------------------------


def _tokens_moved(ledger: Ledger, event: events.TokensMoved, _: int) -> None:
    ledger.tokens[event.sender] -= event.amount
    ledger.tokens[event.recipient] += event.amount


_ENTRIES: dict[type[Event], Entry] = {
    events.ClaimSettled: _claim_settled,
    events.ClaimDenied: _claim_denied,
    events.ClaimPended: _patient_named,
    events.ClaimSkipped: _patient_named,
    events.ProviderPaid: _provider_paid,
    events.EpochOpened: _epoch_opened,
    events.EpochEnded: _epoch_ended,
    events.Paused: _paused,
    events.Unpaused: _unpaused,
    events.ProviderRegistered: _provider_registered,
    events.AttesterAdded: _attester_added,
    events.AttesterRevoked: _attester_revoked,
    events.ProviderSuspended: _provider_suspended,
    events.ProviderReinstated: _provider_reinstated,
    events.PayerCreated: _payer_created,
    events.PatientDeposited: _patient_deposited,
    events.PatientWithdrawalRequested: _patient_withdrawal_requested,
    events.PatientWithdrew: _patient_withdrew,
    events.PayerAccepted: _payer_accepted,
    events.ConsentGranted: _consent_granted,
    events.ConsentRevoked: _consent_revoked,
    events.PoolDeposited: _pool_deposited,
    events.PoolWithdrawalRequested: _pool_withdrawal_requested,
    events.PoolWithdrawn: _pool_withdrawn,
    events.PlanPublished: _plan_published,
    events.CategoryTermsPublished: _category_terms_published,
    events.FeePublished: _fee_published,
    events.ProviderAccepted: _provider_accepted,
    events.ProviderAcceptanceEnded: _provider_acceptance_ended,
    events.Enrolled: _enrolled,
    events.CoverageEnded: _coverage_ended,
    events.PayerTransferred: _payer_transferred,
    events.TokensMoved: _tokens_moved,
}
"""What each event does. Those that are not here change no account: a batch, a payer's failure, an announced
successor, a contract's authority."""
