"""One integration test per typed client against its real contract."""

from __future__ import annotations

import pytest
from tests.chain.stage import CATEGORY, FEE, FUNDS, PLAN, SERVICE, TERMS, YEAR, Stage

from chainbill.attestation.typed_data import ServiceAttestation
from chainbill.billing.accumulators import Accumulators
from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms
from chainbill.chain.contracts.escrow import Consent, WithdrawalRequest
from chainbill.chain.contracts.payer import MemberYear, PublishedFee
from chainbill.errors import ContractReverted
from chainbill.money import DOLLAR
from chainbill.records.hashing import keccak256

NOTICE = 86_400
ZERO_ADDRESS = "0x" + "00" * 20


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
    registry.suspend(chain["governor"], first)
    assert not registry.is_active(first)
    registry.reinstate(chain["governor"], first)
    assert registry.is_active(first)


def test_insurer_payer_factory__create__returns_ids_from_1(chain: Stage) -> None:
    factory, insurer = chain.payers, chain.address("insurer")
    assert [factory.create_payer(chain["governor"], insurer) for _ in range(2)] == [1, 2]
    assert factory.payer_at(1) != factory.payer_at(2)
    assert factory.payer_at(3) == ZERO_ADDRESS


def test_patient_escrow__verbs__are_read_back(chain: Stage) -> None:
    escrow, patient = chain.escrow, chain["patient"]
    provider_id, payer = chain.new_provider(), chain.new_payer()
    chain.give("patient", escrow.address)
    escrow.deposit(patient, FUNDS)
    escrow.accept_payer(patient, payer.payer_id())
    until = chain.now() + 10**7
    escrow.grant_consent(patient, provider_id, Consent(5 * DOLLAR, until))
    now = chain.now()
    assert escrow.balance_of(patient.address) == FUNDS
    assert escrow.payer_of(patient.address, now) == payer.payer_id()
    assert escrow.consent_of(patient.address, provider_id, now) == Consent(5 * DOLLAR, until)

    escrow.revoke_consent(patient, provider_id)
    revoked = escrow.consent_of(patient.address, provider_id, chain.now() + NOTICE)
    assert revoked.expires_at <= chain.now() + NOTICE

    escrow.request_withdrawal(patient, 2 * DOLLAR)
    assert escrow.withdrawal_of(patient.address) == WithdrawalRequest(2 * DOLLAR, 0, chain.now() + NOTICE)
    chain.wait(NOTICE)
    escrow.withdraw(patient)
    assert escrow.balance_of(patient.address) == FUNDS - 2 * DOLLAR
    assert escrow.withdrawal_of(patient.address) == WithdrawalRequest(0, 0, 0)


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
    plan = PlanTerms(deductible=7 * 3, oop_max=7 * 11, rounding_unit=7)
    odd = {
        3: CategoryTerms(covered=False, coinsurance_bps=1, copay=14),
        255: CategoryTerms(deductible_applies=False, copay_first=True, coinsurance_after_copay=True),
    }
    at = chain.now() + 10**6
    payer.publish_plan(insurer, 9, plan, odd, effective_at=at)
    fee = FeeTerms(amount=2**48, category=255, max_units=2**16 - 1)
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
    payer.enrol(insurer, member, YEAR, 1, Accumulators(3, 5))
    assert payer.member_year(member, YEAR) == MemberYear(Accumulators(3, 5), 1, 0)
    assert payer.member_year(member, YEAR - 1) == MemberYear(Accumulators(), 0, 0)
    payer.end_coverage(insurer, member, YEAR)
    assert payer.member_year(member, YEAR).coverage_ends_at == chain.now() + NOTICE


def test_insurer_payer__withdrawal__is_read_back(chain: Stage) -> None:
    payer, insurer = chain.new_payer(), chain["insurer"]
    payer.request_withdrawal(insurer, DOLLAR)
    assert payer.withdrawal_request() == WithdrawalRequest(DOLLAR, 0, chain.now() + NOTICE)
    chain.wait(NOTICE)
    payer.withdraw(insurer)
    assert payer.pool() == FUNDS - DOLLAR
    assert chain.token.balance_of(insurer.address) == DOLLAR


def test_claim_settlement__settle_and_withdraw__are_read_back(chain: Stage) -> None:
    provider_id, payer = chain.open()
    settlement = chain.settlement
    batch = chain.batch(provider_id, payer.payer_id(), 1, 2)
    assert settlement.batch_digest(batch) == batch.digest(chain.domain)
    receipt = settlement.settle(chain["stranger"], batch, chain.sign(batch))
    assert receipt["status"] == 1
    assert settlement.credit_of(provider_id) == 300 * DOLLAR
    assert (settlement.is_spent(provider_id, 1), settlement.is_spent(provider_id, 3)) == (True, False)
    assert payer.member_year(chain.address("patient"), YEAR).met == Accumulators(100 * DOLLAR, 140 * DOLLAR)
    settlement.withdraw(chain["stranger"], provider_id)
    assert settlement.credit_of(provider_id) == 0
    assert chain.token.balance_of(chain.address("provider")) == 300 * DOLLAR
    assert settlement.credit_of(provider_id, block=receipt["blockNumber"]) == 300 * DOLLAR


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
    assert settlement.epoch(2)[2] == chain.now() + 6 * 3_600
    settlement.end_epoch(governor, 3)
    assert settlement.epoch(3)[2] == chain.now()
    settlement.pause(governor)
    with pytest.raises(ContractReverted) as refused:
        settlement.pause(governor)
    assert refused.value.name == "EnforcedPause"
    settlement.unpause(governor)
