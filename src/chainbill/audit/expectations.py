"""What every contract should answer after the ledger's last event, view by view."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chainbill.billing.terms import CategoryTerms
from chainbill.chain.contracts.payer import PublishedFee
from chainbill.ledger.accounts import (
    Ledger,
    MemberYear,
    PatientAccount,
    PayerAccount,
    PlanVersion,
    ProviderAccount,
)
from chainbill.ledger.credit import CreditAccount
from chainbill.ledger.scheduled_changes import Withdrawal
from chainbill.protocol_constants import END_OF_TIME, KEPT_HASH_BYTES

HELD = "token_balances"
"""Counts the contracts whose tokens were compared."""

Value = int | str | bytes
"""An ABI word: a number (or truth), an address as text, or left-aligned bytes."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What one view of one contract should answer."""

    subject: str
    """What is compared, with the account it belongs to."""
    kind: str
    """What is counted under: ``balances``, ``terms``, …"""
    contract: str
    view: str
    """The Solidity signature, such as ``balanceOf(address)``."""
    arguments: tuple[Value, ...]
    values: tuple[Value, ...]


def expected_state(
    ledger: Ledger, block_time: int, sequences: Iterable[tuple[int, int]] = ()
) -> Iterator[Expectation]:
    """Everything the contracts should answer at ``block_time``, after the ledger's last event.

    Args:
        sequences: provider ids and sequences that were seen, spent or not.
    """
    ledger.mature(block_time)
    yield from _settlement(ledger, block_time, sequences)
    yield from _disputes(ledger)
    for provider_id, provider in ledger.providers.items():
        yield from _provider(ledger, provider_id, provider, block_time)
    for address, patient in ledger.patients.items():
        yield from _patient(ledger, address, patient, block_time)
    count = (len(ledger.payers),)
    yield Expectation("the number of payers", "payers", ledger.deployment.payers, "payerCount()", (), count)
    for payer_id, payer in ledger.payers.items():
        yield from _payer(ledger, payer_id, payer, block_time)
    for address in ledger.owed():
        held = (ledger.tokens[address],)
        token = ledger.deployment.token
        yield Expectation(f"the tokens of {address}", HELD, token, "balanceOf(address)", (address,), held)


# ---- settlement -----------------------------------------------------------------------------------------


def _settlement(ledger: Ledger, now: int, sequences: Iterable[tuple[int, int]]) -> Iterator[Expectation]:
    settlement = ledger.deployment.settlement
    yield Expectation("the newest epoch", "epochs", settlement, "currentEpoch()", (), (len(ledger.epochs),))
    yield Expectation("the pause", "epochs", settlement, "paused()", (), (ledger.paused,))
    for number, epoch in ledger.epochs.items():
        quorum = (epoch.threshold, len(epoch.members), epoch.ends_at)
        yield Expectation(f"epoch {number}", "epochs", settlement, "epochs(uint32)", (number,), quorum)
        for member in epoch.members:
            subject = f"{member} in epoch {number}"
            yield Expectation(
                subject, "epochs", settlement, "isMember(uint32,address)", (number, member), (1,)
            )
    for provider_id, sequence in sorted(sequences):
        provider = ledger.providers.get(provider_id)
        spent = provider is not None and sequence in provider.spent
        yield Expectation(
            f"sequence {sequence} of provider {provider_id}",
            "sequences",
            settlement,
            "isSpent(uint32,uint64)",
            (provider_id, sequence),
            (spent,),
        )
    for time in (now, END_OF_TIME):
        fee = ledger.operator_fee.at(time)
        subject = f"the operator's fee at {time}"
        yield Expectation(subject, "operator_fees", settlement, "operatorFeeAt(uint40)", (time,), fee)
    for operator, account in ledger.operators.items():
        credit = _credit(account)
        subject = f"the fees of operator {operator}"
        yield Expectation(subject, "credits", settlement, "feesOf(address)", (operator,), credit)


def _disputes(ledger: Ledger) -> Iterator[Expectation]:
    settlement = ledger.deployment.settlement
    for slot, (root, settled_at) in ledger.roots.items():
        kept = (root[:KEPT_HASH_BYTES], settled_at)
        yield Expectation(f"root slot {slot}", "roots", settlement, "rootAt(uint32)", (slot,), kept)
    for claim_id, dispute in ledger.disputes.items():
        stored = (
            dispute.status,
            dispute.parties,
            dispute.deadline,
            dispute.held,
            dispute.fee_held,
            dispute.provider_id,
        )
        subject = f"the dispute of claim 0x{claim_id.hex()}"
        yield Expectation(subject, "disputes", settlement, "disputeOf(bytes32)", (claim_id,), stored)


def _credit(account: CreditAccount) -> tuple[int, ...]:
    return (
        account.matured,
        account.maturing,
        account.held,
        account.bond,
        account.advanced,
        account.owed,
        account.open_disputes,
        account.suspended,
    )


# ---- providers ------------------------------------------------------------------------------------------


def _provider(ledger: Ledger, provider_id: int, provider: ProviderAccount, now: int) -> Iterator[Expectation]:
    registry, of = ledger.deployment.registry, f"of provider {provider_id}"
    settlement, key = ledger.deployment.settlement, (provider_id,)
    credit = _credit(provider.credit)
    yield Expectation(f"the credit {of}", "credits", settlement, "creditOf(uint32)", key, credit)
    if provider.announced is not None:
        objection = provider.announced.objection
        noted = (objection.sections_hash[:KEPT_HASH_BYTES], objection.announced_at)
        subject = f"the announcement {of}"
        yield Expectation(subject, "announcements", settlement, "announcementOf(uint32)", key, noted)
    for payer_id, owed in provider.receivables.items():
        yield Expectation(
            f"the receivable {of} to payer {payer_id}",
            "receivables",
            settlement,
            "receivableOf(uint32,uint32)",
            (provider_id, payer_id),
            (owed,),
        )
    payout = (provider.payout.at(now),)
    yield Expectation(f"the payout {of}", "providers", registry, "payoutAddress(uint32)", key, payout)
    announced = provider.payout.announced(now)
    view = "announcedPayoutAddress(uint32)"
    yield Expectation(f"the announced payout {of}", "providers", registry, view, key, announced)
    for attester, valid in provider.attesters.items():
        arguments = (provider_id, attester)
        subject = f"attester {attester} {of}"
        yield Expectation(subject, "providers", registry, "isAttester(uint32,address)", arguments, (valid,))
    for service_id, prices in provider.cash_prices.items():
        for price in prices:
            yield Expectation(
                f"version {price.version} of the price 0x{service_id.hex()} {of}",
                "cash_prices",
                registry,
                "cashPriceAt(uint32,bytes8,uint40)",
                (provider_id, service_id, price.effective_at),
                (price.amount, price.version),
            )


# ---- patients -------------------------------------------------------------------------------------------


def _patient(ledger: Ledger, address: str, patient: PatientAccount, now: int) -> Iterator[Expectation]:
    escrow, of, key = ledger.deployment.escrow, f"of patient {address}", (address,)
    balance = (patient.balance,)
    yield Expectation(f"the balance {of}", "balances", escrow, "balanceOf(address)", key, balance)
    request = _request(patient.withdrawal)
    yield Expectation(f"the withdrawal {of}", "withdrawals", escrow, "withdrawalOf(address)", key, request)
    nonce = (patient.nonce,)
    yield Expectation(f"the nonce {of}", "nonces", escrow, "nonceOf(address)", key, nonce)
    nonce = (patient.dispute_nonce,)
    settlement = ledger.deployment.settlement
    yield Expectation(f"the disputing nonce {of}", "nonces", settlement, "nonces(address)", key, nonce)
    spent = (patient.limits.spent_on(now),)
    yield Expectation(f"what was spent today {of}", "limits", escrow, "spentToday(address)", key, spent)
    for time in (now, END_OF_TIME):
        payers = patient.payers.at(time)
        view, arguments = "payersOf(address,uint40)", (address, time)
        yield Expectation(f"the payers {of} at {time}", "payer_choices", escrow, view, arguments, payers)
        limits = patient.limits.at(time)
        view = "limitsOf(address,uint40)"
        yield Expectation(f"the limits {of} at {time}", "limits", escrow, view, arguments, limits)
        for provider_id, consent in patient.consents.items():
            given = consent.at(time)
            yield Expectation(
                f"the consent {of} to provider {provider_id} at {time}",
                "consents",
                escrow,
                "consentOf(address,uint32,uint40)",
                (address, provider_id, time),
                (given.per_event_limit, given.expires_at, given.self_pay),
            )


# ---- payers ---------------------------------------------------------------------------------------------


def _payer(ledger: Ledger, payer_id: int, payer: PayerAccount, now: int) -> Iterator[Expectation]:
    at, of = payer.address, f"of payer {payer_id}"
    deployment = ledger.deployment
    yield Expectation(
        f"the contract {of}", "payers", deployment.payers, "payerAt(uint32)", (payer_id,), (at,)
    )
    yield Expectation(f"the owner {of}", "payers", at, "owner()", (), (payer.insurer,))
    yield Expectation(f"the pool {of}", "pools", at, "pool()", (), (payer.pool,))
    waiting = (payer.waiting_refund,)
    subject = f"the waiting refund {of}"
    yield Expectation(subject, "pools", deployment.settlement, "refundOf(uint32)", (payer_id,), waiting)
    request = _request(payer.withdrawal)
    yield Expectation(f"the withdrawal {of}", "withdrawals", at, "withdrawalRequest()", (), request)
    for provider_id, acceptance in payer.acceptances.items():
        for time in (now, END_OF_TIME):
            yield Expectation(
                f"provider {provider_id}'s acceptance {of} at {time}",
                "acceptances",
                at,
                "acceptsProvider(uint32,uint40)",
                (provider_id, time),
                (acceptance.at(time),),
            )
    yield from _members(payer, of)
    for plan_id, versions in payer.plans.items():
        yield from _plan(at, of, plan_id, versions)
    for service_id, fees in payer.fees.items():
        yield from (_fee(at, of, service_id, fee) for fee in fees)


def _members(payer: PayerAccount, of: str) -> Iterator[Expectation]:
    at = payer.address
    for (member, year), standing in payer.members.items():
        subject, words = f"{year} of member {member} {of}", _standing_words(standing)
        view = "memberYear(address,uint16)"
        yield Expectation(subject, "member_years", at, view, (member, year), words)
    for (family_id, year), family in payer.families.items():
        met = (family.deductible_met, family.oop_met)
        subject, view = f"{year} of family {family_id} {of}", "familyYear(uint32,uint16)"
        yield Expectation(subject, "member_years", at, view, (family_id, year), met)
    for (member, year, service_id), units in payer.units.items():
        yield Expectation(
            f"units of 0x{service_id.hex()} in {year} of member {member} {of}",
            "units",
            at,
            "unitsUsed(address,uint16,bytes8)",
            (member, year, service_id),
            (units,),
        )


def _standing_words(standing: MemberYear) -> tuple[int, ...]:
    return (
        standing.met.deductible_met,
        standing.met.oop_met,
        standing.met.plan_paid,
        standing.plan.plan_id,
        standing.plan.next_id,
        standing.plan.next_at,
        standing.coverage_ends_at,
        standing.family_id,
    )


def _plan(at: str, of: str, plan_id: int, versions: list[PlanVersion]) -> Iterator[Expectation]:
    count = (len(versions),)
    subject = f"the versions of plan {plan_id} {of}"
    yield Expectation(subject, "terms", at, "planVersions(uint16)", (plan_id,), count)
    for plan in versions:
        subject, key = f"plan {plan_id} version {plan.version} {of}", (plan_id, plan.version)
        words = _plan_words(plan)
        yield Expectation(subject, "terms", at, "planTerms(uint16,uint16)", key, words)
        for category, shared in plan.categories.items():
            yield Expectation(
                f"category {category} of {subject}",
                "terms",
                at,
                "categoryTerms(uint16,uint16,uint8)",
                (*key, category),
                _category_words(shared),
            )


def _plan_words(plan: PlanVersion) -> tuple[int, ...]:
    terms = plan.terms
    return (
        terms.deductible,
        terms.oop_max,
        terms.family_deductible,
        terms.family_oop_max,
        terms.annual_maximum,
        terms.rounding_unit,
        terms.cob_mode,
        plan.effective_at,
    )


def _category_words(terms: CategoryTerms) -> tuple[int, ...]:
    return (
        terms.covered,
        terms.deductible_applies,
        terms.copay_first,
        terms.coinsurance_after_copay,
        terms.coinsurance_bps,
        terms.copay,
    )


def _fee(at: str, of: str, service_id: bytes, fee: PublishedFee) -> Expectation:
    words = (
        fee.terms.amount,
        fee.terms.category,
        fee.terms.max_units,
        fee.terms.annual_units,
        fee.effective_at,
        fee.version,
    )
    subject = f"version {fee.version} of the fee 0x{service_id.hex()} {of}"
    return Expectation(subject, "fees", at, "feeAt(bytes8,uint40)", (service_id, fee.effective_at), words)


def _request(withdrawal: Withdrawal) -> tuple[int, int, int]:
    return (withdrawal.amount, withdrawal.deposited_since, withdrawal.available_at)
