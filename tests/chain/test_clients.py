"""One integration test per typed client against its real contract."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.senders import CATEGORY, FEE, FUNDS, PLAN, SERVICE, TERMS, YEAR, Stage
from web3.types import TxReceipt

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.attestation.patient_intents import (
    AcceptPayer,
    CancelWithdrawal,
    DisputeClaim,
    EscrowIntent,
    GrantConsent,
    Permit,
    ReceiveWithAuthorization,
    RequestWithdrawal,
    RevokeConsent,
    SetLimits,
    UseNonce,
    Withdraw,
)
from chainbill.attestation.typed_data import ServiceAttestation
from chainbill.billing.accumulators import Accumulators, FamilyAccumulators
from chainbill.billing.terms import CategoryTerms, CobMode, FeeTerms, PlanTerms
from chainbill.chain.contracts import InsurerPayer
from chainbill.chain.contracts.escrow import Consent, Limits, Payers, WithdrawalRequest
from chainbill.chain.contracts.payer import MemberYear, PublishedFee
from chainbill.chain.contracts.registry import AnnouncedPayoutAddress, CashPrice
from chainbill.chain.contracts.settlement import (
    Credit,
    DisputeStatus,
    KeptRoot,
    Ruling,
    SettledClaim,
    settled_claims,
)
from chainbill.chain.format.batch_codec import BatchRow, BatchSection
from chainbill.chain.format.events import BatchSettled, DisputeParty, Event
from chainbill.chain.format.logs import decode_log
from chainbill.errors import ContractReverted
from chainbill.money import DOLLAR
from chainbill.records.hashing import keccak256
from chainbill.records.merkle_tree import merkle_proof, merkle_root

NOTICE = 86_400
NOTHING = Credit(matured=0, maturing=0, held=0, bond=0, advanced=0, owed=0, open_disputes=0, suspended=False)


def credit(**changes: int) -> Credit:
    """Somebody's money: nothing but what is named."""
    return replace(NOTHING, **changes)  # type: ignore[arg-type]


def events_of(chain: Stage, receipt: TxReceipt) -> list[Event]:
    """What settlement logged."""
    return [decode_log(log) for log in receipt["logs"] if log["address"] == chain.settlement.address]


def test_dev_usd__mint_transfer_approve__are_read_back(chain: Stage) -> None:
    token, patient, stranger = chain.token, chain.address("patient"), chain.address("stranger")
    token.mint(chain["governor"], patient, 10 * DOLLAR)
    token.transfer(chain["patient"], stranger, 4 * DOLLAR)
    token.approve(chain["patient"], stranger, 3 * DOLLAR)
    assert (token.balance_of(patient), token.balance_of(stranger)) == (6 * DOLLAR, 4 * DOLLAR)
    assert token.allowance(patient, stranger) == 3 * DOLLAR
    assert token.balance_of(patient, block=chain.deployment.block + 1) == 0


def test_provider_registry__verbs__are_read_back(chain: Stage) -> None:
    registry, provider = chain.registry, chain["provider"]
    first = registry.register(chain["governor"], provider.address, [provider.address])
    second = registry.register(chain["governor"], chain.address("stranger"), [provider.address])
    assert (first, second, registry.provider_count()) == (1, 2, 2)
    assert registry.payout_address(2) == chain.address("stranger")
    assert registry.payout_address(3) == ZERO_ADDRESS
    attester = chain.address("patient")
    registry.add_attester(provider, first, attester)
    assert registry.is_attester(first, attester)
    registry.revoke_attester(provider, first, attester)
    assert not registry.is_attester(first, attester)
    registry.rotate_attester(provider, first, retired=provider.address, attester=attester)
    assert (registry.is_attester(first, attester), registry.is_attester(first, provider.address)) == (
        True,
        False,
    )


def test_provider_registry__payout_address_and_prices__are_read_back(chain: Stage) -> None:
    registry, provider, provider_id = chain.registry, chain["provider"], chain.new_provider()
    successor = chain.address("stranger")
    registry.announce_payout_address(provider, provider_id, successor)
    announced = registry.announced_payout_address(provider_id)
    assert announced == AnnouncedPayoutAddress(successor, chain.now() + 2 * NOTICE)
    registry.cancel_payout_address(provider, provider_id)
    assert registry.announced_payout_address(provider_id).effective_at == 0
    registry.publish_cash_prices(provider, provider_id, {SERVICE: 90 * DOLLAR})
    assert registry.cash_price_at(provider_id, SERVICE, chain.now()) == CashPrice(90 * DOLLAR, 1)
    assert registry.cash_price_at(provider_id, b"unknown!", chain.now()) == CashPrice(0, 0)


def test_insurer_payer_factory__create__returns_ids_from_1(chain: Stage) -> None:
    factory, insurer = chain.payers, chain.address("insurer")
    assert [factory.create_payer(chain["governor"], insurer) for _ in range(2)] == [1, 2]
    assert factory.payer_at(1) != factory.payer_at(2)
    assert factory.payer_at(3) == ZERO_ADDRESS


def test_patient_escrow__verbs__are_read_back(chain: Stage) -> None:
    escrow, patient = chain.escrow, chain["patient"]
    provider_id, payer, second = chain.new_provider(), chain.new_payer(), chain.new_payer()
    chain.give("patient", escrow.address)
    escrow.deposit(patient, FUNDS)
    escrow.accept_payer(patient, payer.payer_id(), second.payer_id())
    until = chain.now() + 10**7
    escrow.grant_consent(patient, provider_id, Consent(5 * DOLLAR, until, self_pay=True))
    now = chain.now()
    assert escrow.balance_of(patient.address) == FUNDS
    assert escrow.payers_of(patient.address, now) == Payers(payer.payer_id(), second.payer_id())
    assert escrow.consent_of(patient.address, provider_id, now) == Consent(5 * DOLLAR, until, self_pay=True)

    limits = Limits(per_event=50 * DOLLAR, per_day=100 * DOLLAR)
    escrow.set_limits(patient, limits)
    assert escrow.limits_of(patient.address, chain.now()) == Limits(0, 0)
    assert escrow.limits_of(patient.address, chain.now() + NOTICE) == limits
    assert escrow.spent_today(patient.address) == 0

    escrow.revoke_consent(patient, provider_id)
    revoked = escrow.consent_of(patient.address, provider_id, chain.now() + NOTICE)
    assert revoked.expires_at <= chain.now() + NOTICE

    escrow.request_withdrawal(patient, 2 * DOLLAR)
    assert escrow.withdrawal_of(patient.address) == WithdrawalRequest(2 * DOLLAR, 0, chain.now() + NOTICE)
    escrow.cancel_withdrawal(patient)
    assert escrow.withdrawal_of(patient.address) == WithdrawalRequest(0, 0, 0)
    escrow.request_withdrawal(patient, 2 * DOLLAR)
    chain.wait(NOTICE)
    escrow.withdraw(patient)
    assert escrow.balance_of(patient.address) == FUNDS - 2 * DOLLAR
    assert escrow.withdrawal_of(patient.address) == WithdrawalRequest(0, 0, 0)
    nonce = escrow.nonce_of(patient.address)
    escrow.use_nonce(patient)
    assert escrow.nonce_of(patient.address) == nonce + 1


def test_patient_escrow__deposits_by_signature__are_credited(chain: Stage) -> None:
    escrow, token, patient = chain.escrow, chain.token, chain.address("patient")
    token.mint(chain["governor"], patient, 3 * DOLLAR)
    domain, later = token.domain(), chain.now() + NOTICE

    permit = Permit(patient, escrow.address, DOLLAR, token.nonce_of(patient), later)
    escrow.deposit_with_permit(chain["patient"], permit, chain.signed("patient", permit, domain))
    assert (escrow.balance_of(patient), token.nonce_of(patient)) == (DOLLAR, 1)

    authorization = ReceiveWithAuthorization(patient, escrow.address, DOLLAR, 0, later, b"n" * 32)
    signature = chain.signed("patient", authorization, domain)
    escrow.deposit_with_authorization(chain["stranger"], authorization, signature)
    assert escrow.balance_of(patient) == 2 * DOLLAR
    assert token.is_authorization_used(patient, b"n" * 32)


def test_patient_escrow__every_verb_by_signature__does_the_same(chain: Stage) -> None:
    escrow, patient = chain.escrow, chain.address("patient")
    provider_id, payer = chain.new_provider(), chain.new_payer()
    chain.give("patient", escrow.address)
    escrow.deposit(chain["patient"], FUNDS)
    first, deadline = escrow.nonce_of(patient), chain.now() + 10 * NOTICE
    until = chain.now() + 10**7

    def relay(kind: type[EscrowIntent], *fields: Any) -> None:
        intent = kind(patient, *fields, escrow.nonce_of(patient), deadline)
        escrow.relay(chain["stranger"], intent, chain.signed("patient", intent, chain.escrow_domain))

    relay(AcceptPayer, payer.payer_id(), 0)
    relay(GrantConsent, provider_id, 5 * DOLLAR, until, False)
    relay(SetLimits, DOLLAR, 2 * DOLLAR)
    relay(RequestWithdrawal, DOLLAR)
    relay(CancelWithdrawal)
    relay(RequestWithdrawal, 2 * DOLLAR)
    relay(RevokeConsent, provider_id)
    relay(UseNonce)
    chain.wait(NOTICE)
    relay(Withdraw)

    assert escrow.nonce_of(patient) == first + 9
    assert escrow.payers_of(patient, chain.now()) == Payers(payer.payer_id(), 0)
    assert escrow.limits_of(patient, chain.now()) == Limits(DOLLAR, 2 * DOLLAR)
    assert escrow.consent_of(patient, provider_id, chain.now()).expires_at <= chain.now()
    assert escrow.balance_of(patient) == FUNDS - 2 * DOLLAR
    assert chain.token.balance_of(patient) == 2 * DOLLAR


def test_patient_escrow__intent_signed_by_another__is_refused(chain: Stage) -> None:
    intent = UseNonce(chain.address("patient"), 0, chain.now() + NOTICE)
    with pytest.raises(ContractReverted) as refused:
        chain.escrow.relay(chain["stranger"], intent, chain.signed("stranger", intent, chain.escrow_domain))
    assert refused.value.name == "InvalidSignature"


def test_insurer_payer__terms__are_read_back_as_published(chain: Stage) -> None:
    payer, insurer = chain.new_payer(), chain["insurer"]
    assert payer.insurer() == insurer.address
    assert payer.pool() == FUNDS
    assert payer.plan_versions(1) == 1
    terms, effective_at = payer.plan_terms(1, 1) or (None, 0)
    assert terms == PLAN
    assert 0 < effective_at <= chain.now()
    assert payer.plan_terms(1, 2) is None
    assert payer.category_terms(1, 1, CATEGORY) == TERMS
    assert payer.category_terms(1, 1, CATEGORY + 1) == CategoryTerms(covered=False, deductible_applies=False)
    fee = payer.fee_at(SERVICE, chain.now())
    assert fee is not None
    assert (fee.terms, fee.version) == (FEE, 1)
    assert effective_at <= fee.effective_at <= chain.now()
    assert payer.fee_at(b"unknown\0", chain.now()) is None


def test_insurer_payer__odd_terms__keep_every_field(chain: Stage) -> None:
    payer, insurer = chain.new_payer(), chain["insurer"]
    plan = PlanTerms(
        deductible=7 * 3,
        oop_max=7 * 11,
        family_deductible=7 * 13,
        family_oop_max=7 * 17,
        annual_maximum=7 * 19,
        rounding_unit=7,
        cob_mode=CobMode.CARVE_OUT,
    )
    odd = {
        3: CategoryTerms(covered=False, coinsurance_bps=1, copay=14),
        255: CategoryTerms(deductible_applies=False, copay_first=True, coinsurance_after_copay=True),
    }
    at = chain.now() + 10**6
    payer.publish_plan(insurer, 9, plan, odd, effective_at=at)
    fee = FeeTerms(amount=2**48, category=255, max_units=2**16 - 1, annual_units=2**16 - 2)
    payer.publish_fees(insurer, {b"\xff" * 8: fee}, effective_at=at)
    assert payer.plan_terms(9, 1) == (plan, at)
    assert {number: payer.category_terms(9, 1, number) for number in odd} == odd
    assert payer.fee_at(b"\xff" * 8, at) == PublishedFee(fee, at, 1)
    assert payer.fee_at(b"\xff" * 8, at - 1) is None


def test_insurer_payer__members_and_providers__are_read_back(chain: Stage) -> None:
    provider_id, payer = chain.new_provider(), chain.new_payer()
    insurer, member = chain["insurer"], chain.address("patient")
    payer.accept_provider(insurer, provider_id)
    assert payer.accepts_provider(provider_id, chain.now())
    payer.end_provider_acceptance(insurer, provider_id)
    assert not payer.accepts_provider(provider_id, chain.now() + NOTICE)
    payer.enrol(insurer, member, YEAR, 1, Accumulators(3, 5, 7), family_id=9)
    assert payer.member_year(member, YEAR) == MemberYear(Accumulators(3, 5, 7), 1, family_id=9)
    assert payer.member_year(member, YEAR - 1) == MemberYear(Accumulators(), 0)
    assert payer.family_year(9, YEAR) == FamilyAccumulators(3, 5)
    assert payer.units_used(member, YEAR, SERVICE) == 0
    payer.publish_plan(insurer, 2, PLAN, {CATEGORY: TERMS})
    payer.change_plan(insurer, member, YEAR, 2)
    standing = payer.member_year(member, YEAR)
    assert (standing.next_plan_id, standing.next_plan_at) == (2, chain.now() + NOTICE)
    assert (standing.plan_at(chain.now()), standing.plan_at(chain.now() + NOTICE)) == (1, 2)
    payer.end_coverage(insurer, member, YEAR)
    assert payer.member_year(member, YEAR).coverage_ends_at == chain.now() + NOTICE


def test_insurer_payer__ownership__is_offered_called_off_and_taken(chain: Stage) -> None:
    payer, insurer, other = chain.new_payer(), chain["insurer"], chain["stranger"]
    payer.transfer_ownership(insurer, other.address)
    assert (payer.insurer(), payer.successor()) == (insurer.address, other.address)
    payer.transfer_ownership(insurer, ZERO_ADDRESS)
    with pytest.raises(ContractReverted) as refused:
        payer.accept_ownership(other)
    assert refused.value.name == "OwnableUnauthorizedAccount"
    payer.transfer_ownership(insurer, other.address)
    payer.accept_ownership(other)
    assert (payer.insurer(), payer.successor()) == (other.address, ZERO_ADDRESS)


def test_insurer_payer__withdrawal__is_read_back(chain: Stage) -> None:
    payer, insurer = chain.new_payer(), chain["insurer"]
    payer.request_withdrawal(insurer, DOLLAR)
    assert payer.withdrawal_request() == WithdrawalRequest(DOLLAR, 0, chain.now() + NOTICE)
    payer.cancel_withdrawal(insurer)
    assert payer.withdrawal_request() == WithdrawalRequest(0, 0, 0)
    payer.request_withdrawal(insurer, DOLLAR)
    chain.wait(NOTICE)
    payer.withdraw(insurer)
    assert payer.pool() == FUNDS - DOLLAR
    assert chain.token.balance_of(insurer.address) == DOLLAR


def test_claim_settlement__settle_and_withdraw__are_read_back(chain: Stage) -> None:
    provider_id, payer = chain.open()
    settlement = chain.settlement
    batch = chain.batch(provider_id, payer.payer_id(), 1, 2)
    assert settlement.batch_digest(batch) == batch.digest(chain.domain)
    receipt = chain.settle(batch, root_slot=3)
    assert receipt["status"] == 1
    (event,) = (each for each in events_of(chain, receipt) if isinstance(each, BatchSettled))
    assert (event.root_slot, event.root[:27]) == (3, settlement.root_at(3).root)
    assert settlement.root_at(3).settled_at == chain.now()
    assert settlement.root_at(2) == KeptRoot(bytes(27), 0)
    assert settlement.credit_of(provider_id) == credit(maturing=300 * DOLLAR)
    assert (settlement.is_spent(provider_id, 1), settlement.is_spent(provider_id, 3)) == (True, False)
    met = payer.member_year(chain.address("patient"), YEAR).met
    assert met == Accumulators(100 * DOLLAR, 140 * DOLLAR, 160 * DOLLAR)

    chain.wait(8 * NOTICE)
    assert settlement.credit_of(provider_id) == credit(matured=300 * DOLLAR)
    settlement.withdraw(chain["stranger"], provider_id)
    assert settlement.credit_of(provider_id) == credit()
    assert chain.token.balance_of(chain.address("provider")) == 300 * DOLLAR
    assert settlement.credit_of(provider_id, block=receipt["blockNumber"]) == credit(maturing=300 * DOLLAR)


def test_claim_settlement__bond_and_advance__are_read_back(chain: Stage) -> None:
    provider_id, payer = chain.open()
    settlement, provider = chain.settlement, chain["provider"]
    chain.give("provider", settlement.address)
    settlement.deposit_bond(provider, provider_id, 200 * DOLLAR)
    chain.settle(chain.batch(provider_id, payer.payer_id(), 1))
    settlement.draw_advance(provider, provider_id, 150 * DOLLAR)
    expected = credit(maturing=150 * DOLLAR, bond=200 * DOLLAR, advanced=150 * DOLLAR)
    assert settlement.credit_of(provider_id) == expected
    chain.wait(8 * NOTICE)
    settlement.withdraw_bond(provider, provider_id)
    assert settlement.credit_of(provider_id) == credit()
    assert chain.token.balance_of(provider.address) == FUNDS + 150 * DOLLAR


def test_claim_settlement__operators_fee__is_read_back(chain: Stage) -> None:
    provider_id, payer = chain.open()
    settlement, operator = chain.settlement, chain.address("insurer")
    settlement.set_operator_fee(chain["governor"], 5_000, 10)
    assert settlement.operator_fee_at(chain.now()) == (0, 0)
    assert settlement.operator_fee_at(chain.now() + NOTICE) == (5_000, 10)
    chain.wait(NOTICE)
    row = BatchRow(bytes.fromhex(chain.address("patient")[2:]), b"c" * 32, SERVICE, 1, 0, YEAR, 1)
    section = BatchSection(provider_id, payer.payer_id(), 1, 1, (row,))
    chain.settle(chain.batch_of(section, operator=operator))
    fee = 5_000 + 150 * DOLLAR // 1_000
    assert settlement.fees_of(operator) == credit(maturing=fee)
    assert settlement.credit_of(provider_id) == credit(maturing=150 * DOLLAR - fee)
    chain.wait(8 * NOTICE)
    before = chain.token.balance_of(operator)
    settlement.withdraw_fees(chain["stranger"], operator)
    assert chain.token.balance_of(operator) == before + fee


def test_claim_settlement__suspension__is_read_back(chain: Stage) -> None:
    settlement, provider_id = chain.settlement, chain.new_provider()
    settlement.suspend(chain["governor"], provider_id)
    assert settlement.is_suspended(provider_id)
    settlement.reinstate(chain["governor"], provider_id)
    assert not settlement.is_suspended(provider_id)


def settled(chain: Stage, *sequences: int) -> tuple[int, InsurerPayer, list[SettledClaim], list[bytes]]:
    """A settled batch: its provider and payer, its claims and their ids."""
    provider_id, payer = chain.open()
    receipt = chain.settle(chain.batch(provider_id, payer.payer_id(), *sequences))
    claims = list(settled_claims(events_of(chain, receipt), chain.now()))
    return provider_id, payer, claims, [claim.claim_id(chain.domain) for claim in claims]


def test_claim_settlement__claim_id_and_root__are_the_packages(chain: Stage) -> None:
    _, _, claims, ids = settled(chain, 1, 2, 3)
    assert [chain.settlement.claim_id(claim) for claim in claims] == ids
    assert chain.settlement.root_at(0).root == merkle_root(ids)[:27]


def test_claim_settlement__dispute_and_concede__are_read_back(chain: Stage) -> None:
    provider_id, payer, claims, ids = settled(chain, 1, 2, 3)
    settlement, patient = chain.settlement, chain["patient"]
    assert settlement.dispute_of(ids[1]).status is DisputeStatus.NONE
    settlement.dispute(patient, claims[1], DisputeParty.PATIENT, root_slot=0, proof=merkle_proof(ids, 1))
    opened = settlement.dispute_of(ids[1])
    assert (opened.status, opened.parties) == (DisputeStatus.OPEN, {DisputeParty.PATIENT})
    assert (opened.deadline, opened.held) == (chain.now() + 3 * NOTICE, 150 * DOLLAR)
    assert settlement.credit_of(provider_id) == credit(
        maturing=300 * DOLLAR, held=150 * DOLLAR, open_disputes=1
    )
    settlement.dispute(
        chain["insurer"], claims[1], DisputeParty.PRIMARY, root_slot=0, proof=merkle_proof(ids, 1)
    )
    assert settlement.dispute_of(ids[1]).parties == {DisputeParty.PATIENT, DisputeParty.PRIMARY}

    before = chain.escrow.balance_of(patient.address)
    settlement.concede(chain["provider"], claims[1])
    assert settlement.dispute_of(ids[1]).status is DisputeStatus.REVERSED
    assert chain.escrow.balance_of(patient.address) == before + claims[1].claim.patient_responsibility
    assert settlement.credit_of(provider_id) == credit(maturing=300 * DOLLAR)
    assert (
        settlement.receivable_of(provider_id, payer.payer_id()),
        settlement.refund_of(payer.payer_id()),
    ) == (0, 0)


def test_claim_settlement__dispute_by_signature_answered_and_ruled_on__are_read_back(chain: Stage) -> None:
    _, _, claims, ids = settled(chain, 1, 2)
    settlement, claim, patient = chain.settlement, claims[1], chain.address("patient")
    intent = DisputeClaim(ids[1], settlement.nonce_of(patient), chain.now() + NOTICE)
    signature = chain.signed("patient", intent, chain.domain)
    settlement.dispute_by_sig(
        chain["stranger"], claim, intent, signature, root_slot=0, proof=merkle_proof(ids, 1)
    )
    assert settlement.nonce_of(patient) == intent.nonce + 1
    settlement.answer(chain["provider"], claim, keccak256(b"the statement"))
    answered = settlement.dispute_of(ids[1])
    assert (answered.status, answered.deadline) == (DisputeStatus.ANSWERED, chain.now() + 14 * NOTICE)

    half = replace(
        claim.claim,
        allowed=claim.claim.allowed // 2,
        coinsurance=claim.claim.coinsurance // 2,
        plan_paid=claim.claim.plan_paid // 2,
    )
    before = chain.escrow.balance_of(patient)
    settlement.resolve(chain["governor"], claim, Ruling(half))
    assert settlement.dispute_of(ids[1]).status is DisputeStatus.REVERSED
    assert chain.escrow.balance_of(patient) == before + claim.claim.patient_responsibility // 2


def test_claim_settlement__silence_and_void__are_read_back(chain: Stage) -> None:
    _, _, claims, ids = settled(chain, 1, 2)
    settlement = chain.settlement
    settlement.void(chain["provider"], claims[0], root_slot=0, proof=merkle_proof(ids, 0))
    settlement.dispute(
        chain["patient"], claims[1], DisputeParty.PATIENT, root_slot=0, proof=merkle_proof(ids, 1)
    )
    with pytest.raises(ContractReverted) as refused:
        settlement.close(chain["stranger"], claims[1])
    assert refused.value.name == "DeadlineNotOver"
    chain.wait(3 * NOTICE + 1)
    settlement.close(chain["stranger"], claims[1])
    assert {settlement.dispute_of(each).status for each in ids} == {DisputeStatus.REVERSED}
    for collect in (
        settlement.collect_refund,
        lambda sender, payer: settlement.collect_receivable(sender, 1, payer),
    ):
        with pytest.raises(ContractReverted, match="NoRe"):
            collect(chain["stranger"], 1)


def test_claim_settlement__attestation_digest__is_the_packages(chain: Stage) -> None:
    attestation = ServiceAttestation(
        1, 2, chain.address("patient"), keccak256(b"c"), SERVICE, 3, 4 * DOLLAR, YEAR, 5
    )
    assert chain.settlement.attestation_digest(attestation) == attestation.digest(chain.domain)


def test_claim_settlement__epochs_and_pause__are_read_back(chain: Stage) -> None:
    settlement, governor = chain.settlement, chain["governor"]
    members = [chain.address("patient"), chain.address("insurer")]
    settlement.open_epoch(governor, members, 1)
    settlement.open_epoch(governor, members[::-1], 2)  # in any order
    assert settlement.current_epoch() == 3
    assert settlement.epoch(3) == (2, 2, 0)
    assert settlement.is_member(3, members[0])
    assert settlement.members(4) == ()
    assert settlement.members(3) == tuple(sorted(members, key=str.lower))
    assert settlement.members(3) == settlement.members(2)
    assert settlement.epoch(2)[2] == chain.now() + 6 * 3_600
    settlement.end_epoch(governor, 3)
    assert settlement.epoch(3)[2] == chain.now()
    settlement.pause(governor)
    with pytest.raises(ContractReverted) as refused:
        settlement.pause(governor)
    assert refused.value.name == "EnforcedPause"
    settlement.unpause(governor)
