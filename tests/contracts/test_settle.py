"""`ClaimSettlement.settle`: when a batch may settle, and what a settled event moves and logs."""

from __future__ import annotations

import pytest
from tests.support.deployment import (
    COPAY,
    HOUR,
    MAX_BATCH_LIFE,
    NOTICE,
    NOW,
    PATIENT_FUNDS,
    POOL_FUNDS,
    REFILL,
    SHARED,
    UNLISTED,
    VISIT,
    YEAR,
    ZERO_ADDRESS,
    Credit,
    Protocol,
)
from tests.support.evm import members, reverts

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.outcomes import Reason
from chainbill.billing.terms import FeeTerms
from chainbill.chain.format.events import BatchSettled, ClaimSettled, TokensMoved
from chainbill.money import DOLLAR
from chainbill.records.hashing import keccak256

NOTHING = {
    "address": ZERO_ADDRESS,
    "bytes32": bytes(32),
    "bool": False,
    "uint256": 0,
    "uint40": 0,
    "uint16": 0,
}
"""An empty value of each type in what `settle` hands to itself."""

# ---- money ------------------------------------------------------------------------------------------------


def test_settle__one_visit__moves_what_the_terms_say(protocol: Protocol) -> None:
    protocol.settle(protocol.row(protocol.patient, 1))
    # $150 allowed of $200: $100 deductible, 20 % of the $50 left, and the plan the rest
    assert protocol.balance(protocol.patient) == PATIENT_FUNDS - 110 * DOLLAR
    assert protocol.pool() == POOL_FUNDS - 40 * DOLLAR
    assert protocol.credit_of() == Credit(maturing=150 * DOLLAR)
    assert protocol.member(protocol.patient) == Accumulators(100 * DOLLAR, 110 * DOLLAR, 40 * DOLLAR)
    assert protocol.is_spent(1)
    protocol.assert_solvent()


def test_settle__one_visit__logs_every_component(protocol: Protocol) -> None:
    row = protocol.row(protocol.patient, 1)
    batch = protocol.batch([protocol.section(row)])
    receipt = protocol.submit(batch)
    (settled,) = receipt.of(ClaimSettled)
    claim = settled.claim
    assert (claim.provider_id, settled.patient) == (protocol.provider_id, protocol.patient)
    assert (claim.commitment, claim.sequence, claim.service_id) == (
        row.commitment,
        row.sequence,
        row.service_id,
    )
    assert (claim.payer_id, claim.plan_id, claim.terms_version, claim.benefit_year) == (1, 1, 1, YEAR)
    assert (claim.secondary_payer_id, claim.secondary_plan_id, claim.secondary_terms_version) == (0, 0, 0)
    assert (claim.units, claim.billed, claim.billed_as_fee) == (1, 200 * DOLLAR, False)
    assert (claim.allowed, claim.contractual_adjustment) == (150 * DOLLAR, 50 * DOLLAR)
    assert (claim.deductible, claim.copay, claim.coinsurance) == (100 * DOLLAR, 0, 10 * DOLLAR)
    assert (claim.outside_plan, claim.plan_paid, claim.secondary_paid, claim.fee) == (0, 40 * DOLLAR, 0, 0)
    assert claim.reason == Reason.NONE
    (summary,) = receipt.of(BatchSettled)
    assert summary == BatchSettled(
        digest=batch.digest(protocol.domain),
        epoch=1,
        signed_at=NOW,
        submitter=protocol.stranger,
        operator=ZERO_ADDRESS,
        settled=1,
        denied=0,
        pended=0,
        skipped=0,
        root=protocol.settled_claim(receipt).claim_id,
        root_slot=summary.root_slot,
    )
    assert receipt.value == (1, 0, 0, 0)


def test_settle__nothing_billed__bills_the_fee_schedules_amount(protocol: Protocol) -> None:
    (settled,) = protocol.settle(protocol.row(protocol.patient, 1, billed=0, units=2)).of(ClaimSettled)
    assert (settled.claim.billed, settled.claim.billed_as_fee) == (300 * DOLLAR, True)
    assert (settled.claim.allowed, settled.claim.contractual_adjustment) == (300 * DOLLAR, 0)


def test_settle__nothing_allowed__settles_with_nothing_to_share(protocol: Protocol) -> None:
    """A fee of nothing is not a denial: the row settles, and every amount is 0."""
    protocol.publish_fees({UNLISTED: FeeTerms(amount=0, category=SHARED)})
    receipt = protocol.settle(protocol.row(protocol.patient, 1, UNLISTED))
    (settled,) = receipt.of(ClaimSettled)
    assert (settled.claim.billed, settled.claim.allowed, settled.claim.plan_paid) == (200 * DOLLAR, 0, 0)
    assert protocol.is_spent(1)
    assert receipt.of(TokensMoved) == []


def test_settle__rows_of_one_patient__each_is_priced_after_the_one_before(protocol: Protocol) -> None:
    receipt = protocol.settle(*(protocol.row(protocol.patient, n) for n in (1, 2, 3)))
    shares = [(event.claim.deductible, event.claim.coinsurance) for event in receipt.of(ClaimSettled)]
    assert shares == [(100 * DOLLAR, 10 * DOLLAR), (0, 30 * DOLLAR), (0, 30 * DOLLAR)]
    assert protocol.member(protocol.patient) == Accumulators(100 * DOLLAR, 170 * DOLLAR, 280 * DOLLAR)


def test_settle__two_sections_of_one_patient__the_second_sees_the_first(protocol: Protocol) -> None:
    sections = [protocol.section(protocol.row(protocol.patient, n)) for n in (1, 2)]
    receipt = protocol.submit(protocol.batch(sections))
    assert [event.claim.deductible for event in receipt.of(ClaimSettled)] == [100 * DOLLAR, 0]
    assert protocol.balance(protocol.patient) == PATIENT_FUNDS - 140 * DOLLAR
    protocol.assert_solvent()


def test_settle__two_benefit_years__have_accumulators_of_their_own(protocol: Protocol) -> None:
    protocol.enrol(protocol.patient, YEAR - 1)
    protocol.settle(
        protocol.row(protocol.patient, 1), protocol.row(protocol.patient, 2, benefit_year=YEAR - 1)
    )
    assert protocol.member(protocol.patient) == protocol.member(protocol.patient, YEAR - 1)
    assert protocol.member(protocol.patient).deductible_met == 100 * DOLLAR


def test_settle__many_events__one_transfer_per_paying_contract(protocol: Protocol) -> None:
    payer_id = protocol.second_payer(protocol.late)
    mine = [protocol.row(patient, n) for n, patient in enumerate((protocol.patient, protocol.neighbour) * 3)]
    sections = [
        protocol.section(*mine[:3]),
        protocol.section(*mine[3:]),
        protocol.section(protocol.row(protocol.late, 9), payer_id=payer_id),
    ]
    moved = protocol.submit(protocol.batch(sections)).of(TokensMoved)
    assert [move.sender.lower() for move in moved] == [
        protocol.payer.address.lower(),
        protocol.payer_contracts[payer_id].address.lower(),
        protocol.escrow.address.lower(),
    ]
    assert {move.recipient.lower() for move in moved} == {protocol.settlement.address.lower()}
    protocol.assert_solvent()


def test_settle__patient_owes_nothing__moves_no_patient_token(protocol: Protocol) -> None:
    protocol.enrol(protocol.patient, YEAR - 1, met=Accumulators(100 * DOLLAR, 1_000 * DOLLAR))
    receipt = protocol.settle(protocol.row(protocol.patient, 1, benefit_year=YEAR - 1))
    assert protocol.balance(protocol.patient) == PATIENT_FUNDS
    assert protocol.member(protocol.patient, YEAR - 1) == Accumulators(
        100 * DOLLAR, 1_000 * DOLLAR, 150 * DOLLAR
    )
    assert len(receipt.of(TokensMoved)) == 1


def test_settle__two_providers__each_is_credited_its_own(protocol: Protocol) -> None:
    other = protocol.register_provider(protocol.late)
    protocol.accept_provider(other)
    protocol.grant(protocol.patient, provider_id=other)
    sections = [
        protocol.section(protocol.row(protocol.patient, 1)),
        protocol.section(protocol.row(protocol.patient, 1, REFILL), provider_id=other),
    ]
    protocol.submit(protocol.batch(sections))
    # Sequences are the provider's own: both used 1.
    assert (protocol.credit(), protocol.credit(other)) == (150 * DOLLAR, 80 * DOLLAR)
    assert protocol.is_spent(1, other)


def test_settle__copay_category__charges_the_copay_alone(protocol: Protocol) -> None:
    (settled,) = protocol.settle(protocol.row(protocol.patient, 1, REFILL)).of(ClaimSettled)
    assert (settled.claim.deductible, settled.claim.copay) == (0, 25 * DOLLAR)
    assert protocol.payer.read("categoryTerms", 1, 1, COPAY)[5] == 25 * DOLLAR


def test_settle__any_caller__may_submit(protocol: Protocol) -> None:
    for n, caller in enumerate((protocol.patient, protocol.insurer, protocol.oracles[2].address)):
        batch = protocol.batch([protocol.section(protocol.row(protocol.patient, n))])
        assert protocol.submit(batch, caller=caller).of(BatchSettled)[0].submitter == caller


# ---- time -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late, settles", [(-1, False), (0, True), (1, True)])
def test_settle__around_signed_at__from_that_second_on(protocol: Protocol, late: int, settles: bool) -> None:
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))])
    protocol.evm.now = NOW + late
    if settles:
        assert protocol.submit(batch).value == (1, 0, 0, 0)
    else:
        with reverts("BatchNotYetValid", signedAt=NOW, now=NOW - 1):
            protocol.submit(batch)


@pytest.mark.parametrize("late, settles", [(-1, True), (0, True), (1, False)])
def test_settle__around_the_deadline__until_that_second(protocol: Protocol, late: int, settles: bool) -> None:
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))])
    protocol.evm.now = NOW + HOUR + late
    if settles:
        assert protocol.submit(batch).value == (1, 0, 0, 0)
    else:
        with reverts("BatchExpired", deadline=NOW + HOUR, now=NOW + HOUR + 1):
            protocol.submit(batch)


@pytest.mark.parametrize("beyond, settles", [(-1, True), (0, True), (1, False)])
def test_settle__around_the_longest_life__not_longer(protocol: Protocol, beyond: int, settles: bool) -> None:
    deadline = NOW + MAX_BATCH_LIFE + beyond
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))], deadline=deadline)
    if settles:
        assert protocol.submit(batch).value == (1, 0, 0, 0)
    else:
        with reverts("BatchLifeTooLong", deadline=deadline, latest=NOW + MAX_BATCH_LIFE):
            protocol.submit(batch)


def test_settle__times_of_64_bits__revert_by_name(protocol: Protocol) -> None:
    section = protocol.section(protocol.row(protocol.patient, 1))
    with reverts("BatchNotYetValid", signedAt=2**64 - 1):
        protocol.submit(protocol.batch([section], signed_at=2**64 - 1, deadline=2**64 - 1))
    with reverts("BatchLifeTooLong", deadline=2**64 - 1):
        protocol.submit(protocol.batch([section], deadline=2**64 - 1))


def test_settle__terms_at_signing__hold_though_the_block_is_later(protocol: Protocol) -> None:
    """The patient's consent runs out between signing and settling; the batch may rely on it."""
    protocol.escrow.send(protocol.patient, "revokeConsent", protocol.provider_id)
    protocol.evm.now = NOW + NOTICE - 1
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))])
    protocol.evm.now = NOW + NOTICE + HOUR - 1
    assert protocol.submit(batch).value == (1, 0, 0, 0)


def test_settle__no_sections__reverts(protocol: Protocol) -> None:
    with reverts("EmptyBatch"):
        protocol.submit(protocol.batch(b""))


# ---- quorum -----------------------------------------------------------------------------------------------


def test_settle__any_two_of_three_oracles__settle(protocol: Protocol) -> None:
    first, second, third = protocol.oracles
    for n, signers in enumerate(((first, second), (first, third), (second, third), (first, second, third))):
        batch = protocol.batch([protocol.section(protocol.row(protocol.patient, n))])
        assert protocol.submit(batch, protocol.sign(batch, signers)).value == (1, 0, 0, 0)


@pytest.mark.parametrize("count", [0, 1])
def test_settle__fewer_signatures_than_the_threshold__reverts(protocol: Protocol, count: int) -> None:
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))])
    with reverts("QuorumNotReached", signatures=count, threshold=2):
        protocol.submit(batch, protocol.sign(batch, protocol.oracles[:count]))


def test_settle__unknown_epoch__reverts(protocol: Protocol) -> None:
    for epoch in (0, 2):
        batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))], epoch=epoch)
        with reverts("UnknownEpoch", epoch=epoch):
            protocol.submit(batch)


def test_settle_run__called_by_anybody_but_itself__reverts(protocol: Protocol) -> None:
    run = protocol.settlement.functions["settlePayers"]
    packed = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))]).sections
    context = tuple(NOTHING[kind] for kind in members(run.inputs[0]))
    for caller in (protocol.governor, protocol.stranger, protocol.insurer):
        with reverts("OnlySelf", caller=caller):
            protocol.settlement.send(caller, "settlePayers", context, protocol.payer_id << 32, packed)


def test_settle__more_bytes_than_the_most_rows_have__reverts(protocol: Protocol) -> None:
    """Bounds memory; a batch is far smaller than that for want of gas."""
    most = protocol.settlement.read("MAX_ROWS")
    packed = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))]).sections
    too_long = packed + bytes(54 * most + 1 - len(packed))
    with reverts("TooManyRows", most=most):
        protocol.submit(protocol.batch(too_long))
    with reverts("MalformedBatch"):
        protocol.submit(protocol.batch(too_long[:-1]))


def test_adjudicate_all__answers__are_the_abis_bytes(protocol: Protocol) -> None:
    """Settlement takes them over without decoding; here a key settles, and decodes. Nothing is published."""
    factory = protocol.evm.deploy(
        *(protocol.governor, "InsurerPayerFactory", protocol.token.address, protocol.stranger),
        *(protocol.registry.address, keccak256(protocol.payer_code), protocol.governance.address),
    )
    _, address = factory.send(protocol.governor, "createPayer", protocol.insurer, protocol.payer_code).value
    payer = protocol.evm.at(address, "InsurerPayer")
    packed = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))]).sections
    answers = payer.send(
        protocol.stranger, "adjudicateAll", packed, YEAR << 40 | NOW, b"\xff" * 24 + bytes(8)
    ).value
    assert answers == (200 * DOLLAR << 192).to_bytes(32, "big") + Reason.PROVIDER_NOT_ACCEPTED.to_bytes(
        32, "big"
    )


def test_internal_verbs__called_by_anybody_but_settlement__revert(protocol: Protocol) -> None:
    packed = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))]).sections
    posting = (protocol.patient, YEAR, VISIT, 1, 0, 0, 0, 0)
    verbs = (
        (protocol.escrow, "chargeShares", (packed, 0, (1).to_bytes(32, "big"))),
        (protocol.escrow, "refund", (protocol.patient, 1)),
        (protocol.escrow, "disburseTotal", ()),
        (protocol.payer, "adjudicateAll", (packed, YEAR << 40 | NOW, b"\xff" * 32)),
        (protocol.payer, "commit", (posting,)),
        (protocol.payer, "reverse", (posting,)),
        (protocol.payer, "refund", (1,)),
        (protocol.payer, "disburseTotal", ()),
    )
    for caller in (protocol.governor, protocol.insurer, protocol.patient, protocol.stranger):
        for contract, verb, arguments in verbs:
            with reverts("NotSettlement", caller=caller):
                contract.send(caller, verb, *arguments)


def test_settle__the_year_turns_before_it_settles__counts_the_signing(protocol: Protocol) -> None:
    """The years accepted are those of the signing: who holds a signed batch back closes no year."""
    new_year = 1_735_689_600
    protocol.enrol(protocol.patient, YEAR - 1)
    protocol.evm.now = new_year - 1
    old = protocol.row(protocol.patient, 1, benefit_year=YEAR - 1)
    batch = protocol.batch([protocol.section(old)])
    protocol.evm.now = new_year
    with protocol.evm.rolled_back():
        assert protocol.submit(batch).value == (1, 0, 0, 0)
    late = protocol.batch([protocol.section(old)])
    assert protocol.submit(late).value == (0, 1, 0, 0)
