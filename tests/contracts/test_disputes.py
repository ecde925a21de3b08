"""Disputes: who may open one and until when, how it ends, and that a reversal undoes what settling did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.contracts.claims import Settled
from tests.contracts.rulings import NOTHING_LEFT, difference, nothing_of, ruling
from tests.support.deployment import (
    ANSWER_TIME,
    COPAY,
    DAY,
    DISPUTE_WINDOW,
    REFILL,
    RULING_TIME,
    SHARED,
    THERAPY,
    YEAR,
    ZERO_ADDRESS,
    Credit,
    Protocol,
    State,
    account,
)
from tests.support.evm import Receipt, reverts

from chainbill.attestation.patient_intents import DisputeClaim
from chainbill.attestation.signing import Signer
from chainbill.billing.accumulators import Accumulators
from chainbill.billing.terms import CategoryTerms, CobMode, FeeTerms, PlanTerms
from chainbill.chain.format.events import (
    ClaimDisputed,
    ClaimReversed,
    DisputeAnswered,
    DisputeParty,
    DisputeUpheld,
    PatientRefunded,
    PoolRefunded,
    RefundDeferred,
    ReversalFunded,
    SecondaryShares,
)
from chainbill.errors import ChainError, ContractReverted
from chainbill.money import DOLLAR

NONE, OPEN, ANSWERED, UPHELD, REVERSED, CORRECTED = range(6)
VISIT_CREDIT, PATIENT_PART, PLAN_PART = 150 * DOLLAR, 110 * DOLLAR, 40 * DOLLAR


def settle(protocol: Protocol, sequence: int = 1, patient: str = "") -> Settled:
    """Settle one visit of the patient."""
    row = protocol.row(patient or protocol.patient, sequence)
    return protocol.settled_claim(protocol.settle(row))


def status(protocol: Protocol, settled: Settled) -> int:
    """Where a claim's dispute stands."""
    return int(protocol.settlement.read("disputeOf", settled.claim_id)[0])


def shown(claim_id: bytes) -> str:
    """As errors show it."""
    return "0x" + claim_id.hex()


def insured_twice(protocol: Protocol, **terms: object) -> int:
    """Have the late patient accept a second payer as secondary; returns its id."""
    secondary = protocol.second_payer(**terms)  # type: ignore[arg-type]
    protocol.welcome(protocol.late, payers=(protocol.payer_id, secondary))
    return secondary


def settle_coordinated(protocol: Protocol, secondary: int, sequence: int = 1) -> Settled:
    """Settle one visit of the late patient with both payers."""
    section = protocol.coordinated(protocol.row(protocol.late, sequence), secondary=secondary)
    return protocol.settled_claim(protocol.submit(protocol.batch([section])))


def without_sequences(state: State) -> State:
    """A state but for what a reversal leaves as it is: the sequence stays spent, the day's spending too."""
    return replace(state, spent=(), spent_today=())


# ---- opening ----------------------------------------------------------------------------------------------


def test_dispute__by_the_patient__holds_the_credit(protocol: Protocol) -> None:
    settled = settle(protocol)
    settle(protocol, 2)
    receipt = protocol.dispute(settled)
    answer_by = protocol.evm.now + ANSWER_TIME
    assert receipt.events == (
        ClaimDisputed(settled.claim_id, protocol.provider_id, DisputeParty.PATIENT, answer_by),
    )
    assert protocol.settlement.read("disputeOf", settled.claim_id) == (
        *(OPEN, 1 << DisputeParty.PATIENT, answer_by, VISIT_CREDIT, 0),
        protocol.provider_id,
    )
    assert protocol.credit_of() == Credit(maturing=VISIT_CREDIT, held=VISIT_CREDIT, open_disputes=1)
    protocol.assert_solvent()


def test_dispute__held_credit__does_not_mature(protocol: Protocol) -> None:
    settled = settle(protocol)
    protocol.advance(6 * DAY)
    protocol.dispute(settled)
    protocol.answer(settled)
    protocol.mature()
    with reverts("NoCredit"):
        protocol.withdraw()
    assert protocol.credit_of() == Credit(held=VISIT_CREDIT, open_disputes=1)


def test_dispute__by_the_primary_payers_insurer__opens_it(protocol: Protocol) -> None:
    settled = settle(protocol)
    (event,) = protocol.dispute(settled, DisputeParty.PRIMARY).of(ClaimDisputed)
    assert event.party == DisputeParty.PRIMARY
    assert status(protocol, settled) == OPEN


def test_dispute__by_the_secondary_payers_insurer__opens_it(protocol: Protocol) -> None:
    settled = settle_coordinated(protocol, insured_twice(protocol))
    (event,) = protocol.dispute(settled, DisputeParty.SECONDARY).of(ClaimDisputed)
    assert event.party == DisputeParty.SECONDARY
    with reverts("NotAParty"):
        protocol.dispute(settled, DisputeParty.PRIMARY, caller=account("second insurer").address)


@pytest.mark.parametrize("party", list(DisputeParty))
def test_dispute__by_a_stranger__reverts(protocol: Protocol, party: DisputeParty) -> None:
    settled = settle_coordinated(protocol, insured_twice(protocol))
    callers = {protocol.stranger, protocol.provider, protocol.governor, protocol.neighbour}
    rightful = {DisputeParty.PATIENT: protocol.late, DisputeParty.PRIMARY: protocol.insurer}
    callers |= {other for owner, other in rightful.items() if owner != party}
    for caller in sorted(callers):
        with reverts("NotAParty", caller=caller, party=party):
            protocol.dispute(settled, party, caller=caller)


@pytest.mark.parametrize("party", [DisputeParty.PRIMARY, DisputeParty.SECONDARY])
def test_dispute__as_a_payer_the_claim_has_not__reverts(protocol: Protocol, party: DisputeParty) -> None:
    protocol.publish_cash_prices()
    protocol.fund_patient(protocol.late, 500 * DOLLAR)
    protocol.grant(protocol.late)
    receipt = protocol.settle(protocol.row(protocol.late, 1), payer_id=0, plan_id=0, terms_version=0)
    settled = protocol.settled_claim(receipt)
    for caller in (protocol.insurer, protocol.stranger, ZERO_ADDRESS):
        with reverts("NotAParty", caller=caller, party=party):
            protocol.dispute(settled, party, caller=caller)


def test_dispute__after_the_payer_contract_changed_hands__is_the_new_insurers(protocol: Protocol) -> None:
    settled = settle(protocol)
    protocol.payer.send(protocol.insurer, "transferOwnership", protocol.stranger)
    protocol.payer.send(protocol.stranger, "acceptOwnership")
    with reverts("NotAParty", caller=protocol.insurer):
        protocol.dispute(settled, DisputeParty.PRIMARY)
    protocol.dispute(settled, DisputeParty.PRIMARY, caller=protocol.stranger)


@pytest.mark.parametrize("since", [0, DISPUTE_WINDOW - 1])
def test_dispute__inside_the_window__opens_it(protocol: Protocol, since: int) -> None:
    settled = settle(protocol)
    protocol.advance(since)
    protocol.dispute(settled)
    assert status(protocol, settled) == OPEN


@pytest.mark.parametrize("since", [DISPUTE_WINDOW, DISPUTE_WINDOW + 1, 400 * DAY])
def test_dispute__after_the_window__reverts(protocol: Protocol, since: int) -> None:
    settled = settle(protocol)
    protocol.advance(since)
    ended_at = settled.settled_at + DISPUTE_WINDOW
    with reverts("WindowOver", endedAt=ended_at, now=protocol.evm.now):
        protocol.dispute(settled)


@pytest.mark.parametrize("second_of_day", [0, DAY - 1])
def test_dispute__in_the_windows_last_second__finds_the_credit_still_there(
    protocol: Protocol, second_of_day: int
) -> None:
    protocol.evm.now = protocol.evm.now // DAY * DAY + DAY + second_of_day
    settled = settle(protocol)
    protocol.advance(DISPUTE_WINDOW - 1)
    protocol.settle(protocol.row(protocol.patient, 2))
    protocol.dispute(settled)
    assert protocol.credit_of().held == VISIT_CREDIT
    protocol.assert_solvent()


def test_dispute__twice_by_one_party__reverts(protocol: Protocol) -> None:
    settled = settle(protocol)
    for party in (DisputeParty.PATIENT, DisputeParty.PRIMARY):
        protocol.dispute(settled, party)
        with reverts("AlreadyDisputed", claimId=shown(settled.claim_id), party=party):
            protocol.dispute(settled, party)


@pytest.mark.parametrize("answered", [False, True])
def test_dispute__by_another_party_while_it_is_open__joins_it(protocol: Protocol, answered: bool) -> None:
    """The deadline stays, and the money is held once."""
    settled = settle(protocol)
    protocol.dispute(settled)
    if answered:
        protocol.answer(settled)
    before = protocol.settlement.read("disputeOf", settled.claim_id)
    protocol.advance(60)
    (event,) = protocol.dispute(settled, DisputeParty.PRIMARY).of(ClaimDisputed)
    assert event.answer_by == before[2]
    assert protocol.settlement.read("disputeOf", settled.claim_id) == (
        *(before[0], 1 << DisputeParty.PATIENT | 1 << DisputeParty.PRIMARY),
        *before[2:],
    )
    assert protocol.credit_of() == Credit(held=VISIT_CREDIT, open_disputes=1)


def test_dispute__after_the_claim_was_upheld__is_open_to_the_other_party_only(protocol: Protocol) -> None:
    settled = settle(protocol)
    protocol.dispute(settled)
    protocol.answer(settled)
    protocol.resolve(settled, ruling(settled))
    with reverts("AlreadyDisputed", party=DisputeParty.PATIENT):
        protocol.dispute(settled)
    protocol.dispute(settled, DisputeParty.PRIMARY)
    assert status(protocol, settled) == OPEN
    assert protocol.credit_of() == Credit(held=VISIT_CREDIT, open_disputes=1)
    protocol.concede(settled)
    assert protocol.credit_of() == Credit()
    protocol.assert_solvent()


@pytest.mark.parametrize("party", [DisputeParty.PATIENT, DisputeParty.PRIMARY])
def test_dispute__after_the_claim_was_reversed__reverts(protocol: Protocol, party: DisputeParty) -> None:
    settled = settle(protocol)
    protocol.dispute(settled)
    protocol.concede(settled)
    with reverts("WrongStatus", claimId=shown(settled.claim_id), status=REVERSED):
        protocol.dispute(settled, party)


def test_dispute__while_paused_or_suspended__still_opens(protocol: Protocol) -> None:
    settled = settle(protocol)
    protocol.settlement.send(protocol.governor, "pause")
    protocol.suspend()
    protocol.dispute(settled)
    protocol.concede(settled)
    assert status(protocol, settled) == REVERSED


def test_dispute__one_of_two_claims_of_a_day__leaves_the_other_alone(protocol: Protocol) -> None:
    first, second = settle(protocol, 1), settle(protocol, 2, protocol.neighbour)
    protocol.dispute(first)
    protocol.dispute(second)
    protocol.concede(first)
    assert protocol.credit_of() == Credit(held=VISIT_CREDIT, open_disputes=1)
    protocol.answer(second)
    protocol.resolve(second, ruling(second))
    assert protocol.credit_of() == Credit(maturing=VISIT_CREDIT)
    protocol.assert_solvent()


# ---- by signature -----------------------------------------------------------------------------------------


def signed(protocol: Protocol, settled: Settled, nonce: int = 0, who: str = "patient") -> bytes:
    """The patient's signature over a dispute, good for an hour."""
    intent = DisputeClaim(settled.claim_id, nonce, protocol.evm.now + 3600)
    return Signer(account(who)).sign(intent.digest(protocol.domain))


def relay(protocol: Protocol, settled: Settled, signature: bytes, deadline: int = 0) -> Receipt:
    """Submit a signed dispute as a stranger."""
    return protocol.settlement.send(
        protocol.stranger,
        "disputeBySig",
        *(settled.words, settled.root_slot, list(settled.proof)),
        *(deadline or protocol.evm.now + 3600, signature),
    )


def test_dispute_by_sig__the_patients__opens_it(protocol: Protocol) -> None:
    settled = settle(protocol)
    receipt = relay(protocol, settled, signed(protocol, settled))
    assert receipt.of(ClaimDisputed)[0].party == DisputeParty.PATIENT
    assert protocol.settlement.read("nonces", protocol.patient) == 1
    assert status(protocol, settled) == OPEN


def test_dispute_by_sig__of_a_contract_wallet__opens_it(protocol: Protocol) -> None:
    wallet = protocol.evm.deploy(protocol.stranger, "ContractWallet", account("patient").address)
    patient = wallet.address
    protocol.mint(patient, 500 * DOLLAR)
    for target, verb, arguments in (
        (protocol.token, "approve", (protocol.escrow.address, 500 * DOLLAR)),
        (protocol.escrow, "deposit", (500 * DOLLAR,)),
        (protocol.escrow, "acceptPayer", (protocol.payer_id, 0)),
        (protocol.escrow, "grantConsent", (protocol.provider_id, 500 * DOLLAR, 2**40 - 1, False)),
    ):
        wallet.send(protocol.stranger, "run", target.address, target.functions[verb].encode(arguments))
    protocol.enrol(patient)
    settled = settle(protocol, 1, patient)
    with reverts("InvalidPatientSignature", patient=patient):
        relay(protocol, settled, signed(protocol, settled, who="stranger"))
    relay(protocol, settled, signed(protocol, settled))
    assert status(protocol, settled) == OPEN


def test_dispute_by_sig__another_signer_claim_nonce_or_deadline__reverts(protocol: Protocol) -> None:
    settled, other = settle(protocol), settle(protocol, 2)
    for signature in (
        signed(protocol, settled, who="stranger"),
        signed(protocol, settled, who="insurer"),
        signed(protocol, other),
        signed(protocol, settled, nonce=1),
        b"",
        bytes(65),
        bytes(64),
    ):
        with reverts("InvalidPatientSignature", patient=protocol.patient):
            relay(protocol, settled, signature)
    with reverts("InvalidPatientSignature"):
        relay(protocol, settled, signed(protocol, settled), deadline=protocol.evm.now + 3601)
    assert protocol.settlement.read("nonces", protocol.patient) == 0


def test_dispute_by_sig__signed_for_another_contract__reverts(protocol: Protocol) -> None:
    settled = settle(protocol)
    elsewhere = replace(protocol.domain, verifying_contract=protocol.escrow.address)
    intent = DisputeClaim(settled.claim_id, 0, protocol.evm.now + 3600)
    with reverts("InvalidPatientSignature"):
        relay(protocol, settled, Signer(account("patient")).sign(intent.digest(elsewhere)))


@pytest.mark.parametrize("after", [0, 1])
def test_dispute_by_sig__at_its_deadline__counts_to_the_second(protocol: Protocol, after: int) -> None:
    settled = settle(protocol)
    deadline, signature = protocol.evm.now + 3600, signed(protocol, settled)
    protocol.advance(3600 + after)
    if after:
        with reverts("SignatureExpired", deadline=deadline, now=deadline + 1):
            relay(protocol, settled, signature, deadline)
    else:
        relay(protocol, settled, signature, deadline)


def test_dispute_by_sig__after_a_direct_dispute__is_void(protocol: Protocol) -> None:
    """A direct call raises the nonce that a signature must name."""
    first, second = settle(protocol, 1), settle(protocol, 2)
    signature = signed(protocol, second)
    protocol.dispute(first)
    assert protocol.settlement.read("nonces", protocol.patient) == 1
    with reverts("InvalidPatientSignature"):
        relay(protocol, second, signature)
    relay(protocol, second, signed(protocol, second, nonce=1))


def test_dispute_by_sig__twice__reverts(protocol: Protocol) -> None:
    settled = settle(protocol)
    signature = signed(protocol, settled)
    relay(protocol, settled, signature)
    with reverts("InvalidPatientSignature"):
        relay(protocol, settled, signature)
    with reverts("AlreadyDisputed", party=DisputeParty.PATIENT):
        relay(protocol, settled, signed(protocol, settled, nonce=1))


def test_dispute_by_sig__after_the_window__reverts(protocol: Protocol) -> None:
    settled = settle(protocol)
    protocol.advance(DISPUTE_WINDOW)
    with reverts("WindowOver"):
        relay(protocol, settled, signed(protocol, settled))


# ---- how it ends ------------------------------------------------------------------------------------------


def test_concede__open_dispute__gives_everything_back(protocol: Protocol) -> None:
    before = protocol.state()
    settled = settle(protocol)
    protocol.dispute(settled)
    receipt = protocol.concede(settled)
    assert receipt.of(ReversalFunded) == [ReversalFunded(settled.claim_id, VISIT_CREDIT, 0, 0, 0, 0)]
    assert receipt.of(ClaimReversed) == [
        ClaimReversed(
            *(settled.claim_id, protocol.patient),
            *(difference(settled.claim, nothing_of(settled.claim)), SecondaryShares(0, 0, 0)),
        )
    ]
    assert receipt.of(PatientRefunded) == [PatientRefunded(protocol.patient, PATIENT_PART)]
    assert receipt.of(PoolRefunded) == [PoolRefunded(protocol.payer_id, PLAN_PART)]
    assert without_sequences(protocol.state()) == without_sequences(before)
    assert protocol.is_spent(1)
    assert protocol.settlement.read("disputeOf", settled.claim_id) == (REVERSED, 1, 0, 0, 0, 1)
    protocol.assert_solvent()


def test_concede__answered_dispute__gives_everything_back(protocol: Protocol) -> None:
    settled = settle(protocol)
    protocol.dispute(settled)
    protocol.answer(settled)
    protocol.concede(settled)
    assert status(protocol, settled) == REVERSED


def test_answer__open_dispute__goes_to_the_arbiter(protocol: Protocol) -> None:
    settled = settle(protocol)
    protocol.dispute(settled)
    receipt = protocol.answer(settled, b"\x07" * 32)
    rule_by = protocol.evm.now + RULING_TIME
    assert receipt.events == (DisputeAnswered(settled.claim_id, b"\x07" * 32, rule_by),)
    assert protocol.settlement.read("disputeOf", settled.claim_id)[:3] == (ANSWERED, 1, rule_by)


@pytest.mark.parametrize("late", [0, 1])
def test_answer__at_its_deadline__is_too_late(protocol: Protocol, late: int) -> None:
    settled = settle(protocol)
    protocol.dispute(settled)
    deadline = protocol.evm.now + ANSWER_TIME
    protocol.evm.now = deadline + late
    with reverts("DeadlineOver", deadline=deadline, now=deadline + late):
        protocol.answer(settled)
    protocol.evm.now = deadline - 1
    protocol.answer(settled)


def test_answer__twice__reverts(protocol: Protocol) -> None:
    settled = settle(protocol)
    protocol.dispute(settled)
    protocol.answer(settled)
    with reverts("WrongStatus", claimId=shown(settled.claim_id), status=ANSWERED):
        protocol.answer(settled)


def test_close__provider_silent__is_for_the_disputer(protocol: Protocol) -> None:
    before = protocol.state()
    settled = settle(protocol)
    protocol.dispute(settled)
    deadline = protocol.evm.now + ANSWER_TIME
    protocol.evm.now = deadline - 1
    with reverts("DeadlineNotOver", deadline=deadline, now=deadline - 1):
        protocol.close(settled)
    protocol.evm.now = deadline
    protocol.close(settled)
    assert status(protocol, settled) == REVERSED
    assert without_sequences(protocol.state()) == without_sequences(before)


def test_close__arbiter_silent__is_for_the_provider(protocol: Protocol) -> None:
    settled = settle(protocol)
    protocol.dispute(settled)
    before = protocol.state()
    protocol.answer(settled)
    deadline = protocol.evm.now + RULING_TIME
    protocol.evm.now = deadline - 1
    with reverts("DeadlineNotOver", deadline=deadline, now=deadline - 1):
        protocol.close(settled)
    protocol.evm.now = deadline
    receipt = protocol.close(settled)
    assert receipt.events == (DisputeUpheld(settled.claim_id, protocol.provider_id),)
    assert protocol.settlement.read("disputeOf", settled.claim_id) == (UPHELD, 1, 0, 0, 0, 1)
    assert protocol.state().balances == before.balances
    assert protocol.credit_of() == Credit(matured=VISIT_CREDIT)
    protocol.assert_solvent()


@pytest.mark.parametrize("late", [0, 1])
def test_resolve__at_its_deadline__is_too_late(protocol: Protocol, late: int) -> None:
    settled = settle(protocol)
    protocol.dispute(settled)
    protocol.answer(settled)
    deadline = protocol.evm.now + RULING_TIME
    protocol.evm.now = deadline + late
    with reverts("DeadlineOver", deadline=deadline, now=deadline + late):
        protocol.resolve(settled)
    protocol.evm.now = deadline - 1
    protocol.resolve(settled)
    assert status(protocol, settled) == REVERSED


def test_resolve__in_full__gives_everything_back(protocol: Protocol) -> None:
    before = protocol.state()
    settled = settle(protocol)
    protocol.dispute(settled)
    protocol.answer(settled)
    protocol.resolve(settled, NOTHING_LEFT)
    assert without_sequences(protocol.state()) == without_sequences(before)


def test_resolve__the_claims_own_values__lets_it_stand(protocol: Protocol) -> None:
    settled = settle(protocol)
    protocol.dispute(settled)
    protocol.answer(settled)
    receipt = protocol.resolve(settled, ruling(settled))
    assert receipt.events == (DisputeUpheld(settled.claim_id, protocol.provider_id),)
    assert status(protocol, settled) == UPHELD
    assert protocol.credit_of() == Credit(maturing=VISIT_CREDIT)


def test_resolve__in_part__negates_the_difference(protocol: Protocol) -> None:
    settled = settle(protocol)
    protocol.dispute(settled)
    protocol.answer(settled)
    left = {"allowed": 110 * DOLLAR, "deductible": 90 * DOLLAR, "coinsurance": 5 * DOLLAR}
    left["plan_paid"] = 15 * DOLLAR
    balance, pool = protocol.balance(protocol.patient), protocol.pool()
    receipt = protocol.resolve(settled, ruling(settled, **left))
    (event,) = receipt.of(ClaimReversed)
    assert event.claim == difference(settled.claim, replace(settled.claim, **left))
    assert protocol.balance(protocol.patient) == balance + 15 * DOLLAR
    assert protocol.pool() == pool + 25 * DOLLAR
    assert protocol.member(protocol.patient) == Accumulators(
        deductible_met=90 * DOLLAR, oop_met=95 * DOLLAR, plan_paid=15 * DOLLAR
    )
    assert protocol.credit_of() == Credit(maturing=110 * DOLLAR)
    assert status(protocol, settled) == REVERSED
    protocol.assert_solvent()


def test_resolve__in_part_after_the_day_matured__leaves_the_rest_matured(protocol: Protocol) -> None:
    settled = settle(protocol)
    protocol.advance(6 * DAY)
    protocol.dispute(settled)
    protocol.answer(settled)
    protocol.advance(13 * DAY)
    protocol.resolve(settled, ruling(settled, allowed=110 * DOLLAR, plan_paid=0))
    assert protocol.credit_of() == Credit(matured=110 * DOLLAR)
    assert protocol.withdraw().value == 110 * DOLLAR
    protocol.assert_solvent()


RULED_TOO_LARGE = {
    "allowed": {"allowed": 151 * DOLLAR, "plan_paid": 41 * DOLLAR},
    "deductible": {"deductible": 101 * DOLLAR, "coinsurance": 9 * DOLLAR},
    "copay": {"copay": 1, "coinsurance": 10 * DOLLAR - 1},
    "coinsurance": {"deductible": 99 * DOLLAR, "coinsurance": 11 * DOLLAR},
    "outside_plan": {"outside_plan": 1, "coinsurance": 10 * DOLLAR - 1},
    "plan_paid": {"plan_paid": 41 * DOLLAR, "coinsurance": 9 * DOLLAR},
    "secondary_paid": {"secondary_paid": 1},
    "fee": {"fee": 1},
}


@pytest.mark.parametrize("component", list(RULED_TOO_LARGE))
def test_resolve__a_component_larger_than_it_was__reverts(protocol: Protocol, component: str) -> None:
    settled = settle(protocol)
    protocol.dispute(settled)
    protocol.answer(settled)
    left = RULED_TOO_LARGE[component]
    with reverts("RulingTooLarge", ruled=left[component], claimed=getattr(settled.claim, component)):
        protocol.resolve(settled, ruling(settled, **left))


@pytest.mark.parametrize(
    "left, allowed, parts",
    [
        ({"allowed": 149 * DOLLAR}, 149 * DOLLAR, 150 * DOLLAR),
        ({"plan_paid": 39 * DOLLAR}, 150 * DOLLAR, 149 * DOLLAR),
        ({"deductible": 0}, 150 * DOLLAR, 50 * DOLLAR),
        ({"coinsurance": 0}, 150 * DOLLAR, 140 * DOLLAR),
        ({"allowed": 0}, 0, 150 * DOLLAR),
    ],
)
def test_resolve__components_that_do_not_add_up__reverts(
    protocol: Protocol, left: dict[str, int], allowed: int, parts: int
) -> None:
    settled = settle(protocol)
    protocol.dispute(settled)
    protocol.answer(settled)
    with reverts("RulingDoesNotAddUp", allowed=allowed, parts=parts):
        protocol.resolve(settled, ruling(settled, **left))


def test_resolve__by_another_than_the_arbiter__reverts(protocol: Protocol) -> None:
    settled = settle(protocol)
    protocol.dispute(settled)
    protocol.answer(settled)
    for caller in (protocol.governor, protocol.provider, protocol.patient, protocol.stranger):
        with reverts("AccessManagedUnauthorized", caller=caller):
            protocol.resolve(settled, caller=caller)


@pytest.mark.parametrize("verb", ["concede", "answer", "void"])
def test_verbs_of_the_provider__by_another__revert(protocol: Protocol, verb: str) -> None:
    settled = settle(protocol)
    if verb != "void":
        protocol.dispute(settled)
    for caller in (protocol.patient, protocol.stranger, protocol.governor, protocol.insurer):
        with reverts("NotThePayoutAddress", caller=caller, payoutAddress=protocol.provider):
            getattr(protocol, verb)(settled, caller=caller)


def test_verbs_of_the_provider__by_another_provider__revert(protocol: Protocol) -> None:
    protocol.register_provider(protocol.stranger)
    settled = settle(protocol)
    protocol.dispute(settled)
    for verb in ("concede", "answer"):
        with reverts("NotThePayoutAddress", caller=protocol.stranger):
            getattr(protocol, verb)(settled, caller=protocol.stranger)
    # Nor by saying that the claim is its own: it has another id then.
    forged = replace(settled, claim=replace(settled.claim, provider_id=2))
    for verb in ("concede", "answer"):
        with reverts("WrongStatus", status=NONE):
            getattr(protocol, verb)(forged, caller=protocol.stranger)


ENDED: dict[int, Callable[[Protocol, Settled], object]] = {
    NONE: lambda protocol, settled: None,
    UPHELD: lambda protocol, settled: (
        protocol.dispute(settled),
        protocol.answer(settled),
        protocol.resolve(settled, ruling(settled)),
    ),
    REVERSED: lambda protocol, settled: (protocol.dispute(settled), protocol.concede(settled)),
}


@pytest.mark.parametrize("ended", list(ENDED))
@pytest.mark.parametrize("verb", ["concede", "answer", "resolve", "close"])
def test_verbs_of_a_dispute__where_none_is_open__revert(protocol: Protocol, verb: str, ended: int) -> None:
    """A claim is reversed at most once."""
    settled = settle(protocol)
    ENDED[ended](protocol, settled)
    before = protocol.state()
    with reverts("WrongStatus", claimId=shown(settled.claim_id), status=ended):
        getattr(protocol, verb)(settled)
    assert protocol.state() == before


def test_resolve__not_answered_yet__reverts(protocol: Protocol) -> None:
    settled = settle(protocol)
    protocol.dispute(settled)
    with reverts("WrongStatus", status=OPEN):
        protocol.resolve(settled)


# ---- void -------------------------------------------------------------------------------------------------


def test_void__undisputed_claim__gives_everything_back(protocol: Protocol) -> None:
    before = protocol.state()
    settled = settle(protocol)
    receipt = protocol.void(settled)
    assert receipt.of(ReversalFunded) == [ReversalFunded(settled.claim_id, 0, VISIT_CREDIT, 0, 0, 0)]
    assert without_sequences(protocol.state()) == without_sequences(before)
    assert status(protocol, settled) == REVERSED
    protocol.assert_solvent()


def test_void__claim_that_was_upheld__gives_everything_back(protocol: Protocol) -> None:
    settled = settle(protocol)
    ENDED[UPHELD](protocol, settled)
    protocol.void(settled)
    assert protocol.credit_of() == Credit()


@pytest.mark.parametrize("answered", [False, True])
def test_void__disputed_claim__reverts(protocol: Protocol, answered: bool) -> None:
    """It is conceded instead: its money is held."""
    settled = settle(protocol)
    protocol.dispute(settled)
    if answered:
        protocol.answer(settled)
    with reverts("WrongStatus", status=ANSWERED if answered else OPEN):
        protocol.void(settled)


def test_void__twice__reverts(protocol: Protocol) -> None:
    settled = settle(protocol)
    settle(protocol, 2)
    protocol.void(settled)
    with reverts("WrongStatus", status=REVERSED):
        protocol.void(settled)
    with reverts("WrongStatus", status=REVERSED):
        protocol.dispute(settled)


def test_void__after_maturity__takes_matured_credit(protocol: Protocol) -> None:
    before = protocol.state()
    settled = settle(protocol)
    protocol.mature()
    receipt = protocol.void(settled)
    assert receipt.of(ReversalFunded) == [ReversalFunded(settled.claim_id, 0, 0, VISIT_CREDIT, 0, 0)]
    assert without_sequences(protocol.state()) == without_sequences(before)
    protocol.assert_solvent()


def test_void__between_window_and_maturity__takes_its_own_day_only(protocol: Protocol) -> None:
    """What matured on other days stays; so does what matures later."""
    settle(protocol, 1)
    protocol.advance(DAY)
    settled = settle(protocol, 2)
    protocol.advance(DAY)
    settle(protocol, 3)
    protocol.evm.now = settled.settled_at + DISPUTE_WINDOW
    assert protocol.credit_of() == Credit(matured=VISIT_CREDIT, maturing=2 * VISIT_CREDIT)
    protocol.void(settled)
    assert protocol.credit_of() == Credit(matured=VISIT_CREDIT, maturing=VISIT_CREDIT)
    protocol.evm.now = protocol.evm.now // DAY * DAY + DAY
    assert protocol.credit_of() == Credit(matured=VISIT_CREDIT, maturing=VISIT_CREDIT)
    protocol.assert_solvent()


# ---- what a reversal undoes -------------------------------------------------------------------------------


def test_concede__claim_of_last_year__takes_from_last_years_accumulators(protocol: Protocol) -> None:
    protocol.enrol(protocol.patient, YEAR - 1)
    row = protocol.row(protocol.patient, 1, benefit_year=YEAR - 1)
    settled = protocol.settled_claim(protocol.settle(row))
    settle(protocol, 2)
    assert protocol.member(protocol.patient, YEAR - 1).deductible_met == 100 * DOLLAR
    protocol.dispute(settled)
    protocol.concede(settled)
    assert protocol.member(protocol.patient, YEAR - 1) == Accumulators()
    assert protocol.member(protocol.patient).deductible_met == 100 * DOLLAR


def test_concede__after_the_year_changed__takes_from_the_claims_own_year(protocol: Protocol) -> None:
    new_year = 1_735_689_600  # 1 January 2025
    protocol.evm.now = new_year - DAY
    settled = settle(protocol)
    protocol.evm.now = new_year + DAY
    protocol.dispute(settled)
    protocol.concede(settled)
    assert protocol.member(protocol.patient) == Accumulators()


def test_concede__member_whose_coverage_ended__still_undoes_it(protocol: Protocol) -> None:
    settled = settle(protocol)
    protocol.payer.send(protocol.insurer, "endCoverage", protocol.patient, YEAR)
    protocol.payer.send(protocol.insurer, "endProviderAcceptance", protocol.provider_id)
    protocol.advance(2 * DAY)
    protocol.dispute(settled)
    protocol.concede(settled)
    assert protocol.member(protocol.patient) == Accumulators()
    protocol.assert_solvent()


def test_concede__units_that_were_counted__are_free_again(protocol: Protocol) -> None:
    settled = protocol.settled_claim(protocol.settle(protocol.row(protocol.patient, 1, THERAPY, units=3)))
    assert protocol.units_used(protocol.patient) == 3
    protocol.dispute(settled)
    protocol.concede(settled)
    assert protocol.units_used(protocol.patient) == 0


def test_resolve__in_part__gives_no_units_back(protocol: Protocol) -> None:
    settled = protocol.settled_claim(protocol.settle(protocol.row(protocol.patient, 1, THERAPY, units=3)))
    protocol.dispute(settled)
    protocol.answer(settled)
    claim = settled.claim
    half = replace(claim, allowed=claim.allowed - 10 * DOLLAR, deductible=claim.deductible - 10 * DOLLAR)
    protocol.resolve(settled, ruling(settled, allowed=half.allowed, deductible=half.deductible))
    assert protocol.units_used(protocol.patient) == 3


FREE = b"free\0\0\0\0"
"""A free service with a yearly limit."""


def answered_claim_of_nothing(protocol: Protocol) -> Settled:
    """There is nothing to take back of it but its units."""
    protocol.publish_fees({FREE: FeeTerms(amount=0, category=COPAY, annual_units=12)})
    settled = protocol.settled_claim(protocol.settle(protocol.row(protocol.patient, 1, FREE, billed=0)))
    assert protocol.units_used(protocol.patient, FREE) == 1
    protocol.dispute(settled)
    protocol.answer(settled)
    return settled


def test_resolve__in_full_of_a_claim_of_nothing__gives_its_units_back(protocol: Protocol) -> None:
    settled = answered_claim_of_nothing(protocol)
    protocol.resolve(settled, NOTHING_LEFT)
    assert protocol.units_used(protocol.patient, FREE) == 0
    assert status(protocol, settled) == REVERSED


def test_resolve__claim_of_nothing_that_stands__keeps_its_units(protocol: Protocol) -> None:
    """Its values are the same either way: the ruling says in a word of its own that it stands."""
    settled = answered_claim_of_nothing(protocol)
    receipt = protocol.resolve(settled, ruling(settled, stands=True))
    assert receipt.events == (DisputeUpheld(settled.claim_id, protocol.provider_id),)
    assert protocol.units_used(protocol.patient, FREE) == 1
    assert status(protocol, settled) == UPHELD


def test_resolve__stands_with_less_than_the_claims_own_values__reverts(protocol: Protocol) -> None:
    settled = settle(protocol)
    protocol.dispute(settled)
    protocol.answer(settled)
    less = ruling(settled, allowed=149 * DOLLAR, deductible=99 * DOLLAR, stands=True)
    for ruled in ((0, 0, 0, 0, True), less):
        with reverts("RulingContradictsItself", claimId=shown(settled.claim_id)):
            protocol.resolve(settled, ruled)
    protocol.resolve(settled, ruling(settled, stands=True))
    assert status(protocol, settled) == UPHELD


def test_concede__units_from_before_there_was_a_limit__take_none_from_later_ones(protocol: Protocol) -> None:
    """A claim's units come off the count only if they had been counted."""
    uncounted = protocol.settled_claim(protocol.settle(protocol.row(protocol.patient, 1, REFILL)))
    protocol.publish_fees({REFILL: FeeTerms(amount=80 * DOLLAR, category=COPAY, annual_units=12)})
    protocol.advance(DAY)
    protocol.settle(protocol.row(protocol.patient, 2, REFILL))
    assert protocol.units_used(protocol.patient, REFILL) == 1
    protocol.dispute(uncounted)
    protocol.concede(uncounted)
    assert protocol.units_used(protocol.patient, REFILL) == 1


def test_concede__family_member__gives_back_to_the_family_too(protocol: Protocol) -> None:
    plan = PlanTerms(
        deductible=100 * DOLLAR,
        oop_max=1_000 * DOLLAR,
        family_deductible=150 * DOLLAR,
        family_oop_max=2_000 * DOLLAR,
    )
    second = protocol.second_payer(plan=plan)
    protocol.fund_patient(protocol.late, 500 * DOLLAR)
    protocol.escrow.send(protocol.late, "acceptPayer", second, 0)
    protocol.grant(protocol.late)
    protocol.enrol(protocol.late, payer_id=second, family=1)
    settled = protocol.settled_claim(protocol.settle(protocol.row(protocol.late, 1), payer_id=second))
    assert protocol.family(1, payer_id=second).deductible_met == 100 * DOLLAR
    protocol.dispute(settled)
    protocol.concede(settled)
    family = protocol.family(1, payer_id=second)
    assert (family.deductible_met, family.oop_met) == (0, 0)


@pytest.mark.parametrize("mode", list(CobMode))
@pytest.mark.parametrize("ending", ["concede", "void"])
def test_reversal__claim_of_two_payers__gives_each_its_part_back(
    protocol: Protocol, ending: str, mode: CobMode
) -> None:
    plan = PlanTerms(deductible=0, oop_max=1_000 * DOLLAR, cob_mode=mode)
    categories = {1: CategoryTerms(coinsurance_bps=1_000)}
    secondary = insured_twice(protocol, plan=plan, categories=categories)
    before = protocol.state()
    settled = settle_coordinated(protocol, secondary)
    assert settled.claim.secondary_paid > 0
    assert settled.secondary != SecondaryShares(0, 0, 0)
    if ending == "concede":
        protocol.dispute(settled, DisputeParty.SECONDARY)
    receipt = getattr(protocol, ending)(settled)
    (event,) = receipt.of(ClaimReversed)
    assert event.secondary == settled.secondary
    assert receipt.of(PoolRefunded) == [
        PoolRefunded(protocol.payer_id, settled.claim.plan_paid),
        PoolRefunded(secondary, settled.claim.secondary_paid),
    ]
    assert without_sequences(protocol.state()) == without_sequences(before)
    protocol.assert_solvent()


def test_concede__secondary_that_paid_nothing_but_counted_units__frees_them(protocol: Protocol) -> None:
    """Its yearly maximum was used up, so that nothing of it stands in the claim's amounts."""
    plan = PlanTerms(deductible=0, oop_max=1_000 * DOLLAR, annual_maximum=DOLLAR)
    secondary = protocol.second_payer(plan=plan, categories={SHARED: CategoryTerms()})
    protocol.fund_patient(protocol.late, 500 * DOLLAR)
    protocol.escrow.send(protocol.late, "acceptPayer", protocol.payer_id, secondary)
    protocol.grant(protocol.late)
    protocol.enrol(protocol.late)
    protocol.enrol(protocol.late, payer_id=secondary, met=Accumulators(plan_paid=DOLLAR))
    section = protocol.coordinated(protocol.row(protocol.late, 1, THERAPY), secondary=secondary)
    settled = protocol.settled_claim(protocol.submit(protocol.batch([section])))
    assert settled.secondary == SecondaryShares(0, 0, 0)
    assert protocol.units_used(protocol.late, payer_id=secondary) == 1
    protocol.dispute(settled, DisputeParty.SECONDARY)
    protocol.concede(settled)
    assert protocol.units_used(protocol.late, payer_id=secondary) == 0


def coordinated_dispute(protocol: Protocol) -> Settled:
    """An answered dispute of a claim of $150: the primary pays 40, the secondary 70, the patient 40."""
    plan = PlanTerms(deductible=80 * DOLLAR, oop_max=1_000 * DOLLAR)
    secondary = insured_twice(protocol, plan=plan, categories={1: CategoryTerms()})
    settled = settle_coordinated(protocol, secondary)
    claim = settled.claim
    assert (claim.plan_paid, claim.secondary_paid, claim.patient_responsibility) == (
        *(40 * DOLLAR, 70 * DOLLAR),
        40 * DOLLAR,
    )
    protocol.dispute(settled)
    protocol.answer(settled)
    return settled


def test_resolve__claim_of_two_payers_in_part__negates_each_part(protocol: Protocol) -> None:
    settled = coordinated_dispute(protocol)
    secondary = settled.claim.secondary_payer_id
    pools = protocol.pool(), protocol.pool(secondary)
    left = {"allowed": 120 * DOLLAR, "deductible": 80 * DOLLAR, "plan_paid": 30 * DOLLAR}
    alone = SecondaryShares(80 * DOLLAR, 80 * DOLLAR, 60 * DOLLAR)
    balance = protocol.balance(protocol.late)
    protocol.resolve(settled, ruling(settled, alone, secondary_paid=60 * DOLLAR, **left))
    assert (protocol.pool(), protocol.pool(secondary)) == (pools[0] + 10 * DOLLAR, pools[1] + 10 * DOLLAR)
    assert protocol.balance(protocol.late) == balance + 10 * DOLLAR
    assert protocol.member(protocol.late) == Accumulators(80 * DOLLAR, 90 * DOLLAR, 30 * DOLLAR)
    assert protocol.member(protocol.late, payer_id=secondary) == Accumulators(
        80 * DOLLAR, 80 * DOLLAR, 60 * DOLLAR
    )
    protocol.assert_solvent()


def test_resolve__patient_would_pay_more_than_before__reverts(protocol: Protocol) -> None:
    """Each component is smaller, but the secondary would leave more to the patient."""
    settled = coordinated_dispute(protocol)
    with reverts("RulingTooLarge", ruled=41 * DOLLAR, claimed=40 * DOLLAR):
        protocol.resolve(settled, ruling(settled, secondary_paid=69 * DOLLAR))


def test_resolve__secondary_pays_more_than_the_patients_parts__reverts(protocol: Protocol) -> None:
    settled = coordinated_dispute(protocol)
    left = {"allowed": 100 * DOLLAR, "deductible": 50 * DOLLAR, "coinsurance": 10 * DOLLAR}
    with reverts("RulingDoesNotAddUp", allowed=60 * DOLLAR, parts=70 * DOLLAR):
        protocol.resolve(settled, ruling(settled, **left))


def test_resolve__nothing_allowed_but_the_secondarys_own_amounts__reverts(protocol: Protocol) -> None:
    """Else its accumulators would keep what no claim stands for."""
    settled = coordinated_dispute(protocol)
    nothing = ruling(replace(settled, claim=nothing_of(settled.claim)))
    with reverts("RulingDoesNotAddUp", allowed=0):
        protocol.resolve(settled, nothing)
    protocol.resolve(settled, NOTHING_LEFT)
    assert protocol.member(protocol.late, payer_id=settled.claim.secondary_payer_id) == Accumulators()


@pytest.mark.parametrize("member", ["deductible", "out_of_pocket", "plan_paid"])
def test_resolve__secondarys_own_amounts_larger__reverts(protocol: Protocol, member: str) -> None:
    settled = coordinated_dispute(protocol)
    claimed = getattr(settled.secondary, member)
    larger = replace(settled.secondary, **{member: claimed + 1})
    with reverts("RulingTooLarge", ruled=claimed + 1, claimed=claimed):
        protocol.resolve(settled, ruling(settled, larger))


@pytest.mark.parametrize("left", [{"fee": 2 * DOLLAR}, {"fee": 0}])
def test_resolve__fee_falls_by_more_than_what_is_allowed__reverts(
    protocol: Protocol, left: dict[str, int]
) -> None:
    """The provider must not gain by a ruling."""
    protocol.set_operator_fee(DOLLAR, 500)
    protocol.advance(DAY)
    row = protocol.row(protocol.patient, 1)
    settled = protocol.settled_claim(protocol.settle(row, operator=protocol.operator))
    protocol.dispute(settled)
    protocol.answer(settled)
    credit = VISIT_CREDIT - settled.claim.fee
    with reverts("RulingTooLarge", ruled=VISIT_CREDIT - left["fee"], claimed=credit):
        protocol.resolve(settled, ruling(settled, **left))


def test_resolve__fee_above_what_is_left__reverts(protocol: Protocol) -> None:
    protocol.set_operator_fee(DOLLAR, 500)
    protocol.advance(DAY)
    row = protocol.row(protocol.patient, 1)
    settled = protocol.settled_claim(protocol.settle(row, operator=protocol.operator))
    fee = settled.claim.fee
    protocol.dispute(settled)
    protocol.answer(settled)
    left = {"allowed": fee - 1, "deductible": fee - 1, "coinsurance": 0, "plan_paid": 0}
    with reverts("RulingTooLarge", ruled=fee, claimed=fee - 1):
        protocol.resolve(settled, ruling(settled, **left))
    protocol.resolve(settled, ruling(settled, **left | {"allowed": fee, "deductible": fee}))
    assert protocol.credit_of() == Credit()
    assert protocol.fees_of() == Credit(maturing=fee)


def test_reversal__self_pay_claim__gives_the_patient_everything_back(protocol: Protocol) -> None:
    protocol.publish_cash_prices()
    protocol.fund_patient(protocol.late, 500 * DOLLAR)
    protocol.grant(protocol.late)
    for sequence, ending in ((1, "concede"), (2, "void")):
        before = protocol.state()
        receipt = protocol.submit(protocol.batch([protocol.self_pay(protocol.row(protocol.late, sequence))]))
        settled = protocol.settled_claim(receipt)
        assert settled.claim.outside_plan == 120 * DOLLAR
        if ending == "concede":
            protocol.dispute(settled)
        receipt = getattr(protocol, ending)(settled)
        assert receipt.of(PatientRefunded) == [PatientRefunded(protocol.late, 120 * DOLLAR)]
        assert not receipt.of(PoolRefunded)
        assert without_sequences(protocol.state()) == without_sequences(before)


# ---- refunds that cannot be sent --------------------------------------------------------------------------


def block(protocol: Protocol, address: str, blocked: bool = True) -> None:
    protocol.token.send(protocol.stranger, "setBlocked", address, blocked)


@pytest.mark.parametrize("ending", ["concede", "void", "resolve", "close"])
def test_reversal__payers_tokens_blocked__everybody_else_has_theirs(unruly: Protocol, ending: str) -> None:
    settled = settle(unruly)
    balance, pool = unruly.balance(unruly.patient), unruly.pool()
    if ending != "void":
        unruly.dispute(settled)
    if ending == "resolve":
        unruly.answer(settled)
    if ending == "close":
        unruly.advance(ANSWER_TIME)
    block(unruly, unruly.payer.address)
    receipt = getattr(unruly, ending)(settled)
    assert receipt.of(RefundDeferred) == [RefundDeferred(unruly.payer_id, PLAN_PART)]
    assert unruly.balance(unruly.patient) == balance + PATIENT_PART
    assert unruly.pool() == pool
    assert unruly.member(unruly.patient) == Accumulators()
    assert unruly.settlement.read("refundOf", unruly.payer_id) == PLAN_PART
    unruly.assert_solvent()


def test_concede__both_payers_tokens_burn_all_their_gas__both_refunds_wait(unruly: Protocol) -> None:
    """Each transfer takes 300,000 gas at most, and leaves enough for the rest of the reversal."""
    second = insured_twice(unruly, plan=PlanTerms(deductible=0, oop_max=1_000 * DOLLAR))
    settled = settle_coordinated(unruly, second)
    parts = {unruly.payer_id: settled.claim.plan_paid, second: settled.claim.secondary_paid}
    assert all(parts.values())
    unruly.dispute(settled)
    for payer_id in parts:
        payer = unruly.payer_contracts[payer_id].address
        unruly.token.send(unruly.stranger, "setBurnsGas", payer, True)
    receipt = unruly.settlement.send(unruly.provider, "concede", settled.words, gas=1_100_000)
    assert receipt.of(RefundDeferred) == [RefundDeferred(*part) for part in parts.items()]
    assert status(unruly, settled) == REVERSED
    assert unruly.credit_of() == Credit()
    unruly.assert_solvent()


def test_collect_refund__once_it_can_be_sent__goes_to_the_payer(unruly: Protocol) -> None:
    settled, pool = settle(unruly), unruly.pool()
    block(unruly, unruly.payer.address)
    unruly.void(settled)
    with reverts("ERC20InvalidReceiver"):
        unruly.settlement.send(unruly.stranger, "collectRefund", unruly.payer_id)
    block(unruly, unruly.payer.address, blocked=False)
    receipt = unruly.settlement.send(unruly.stranger, "collectRefund", unruly.payer_id)
    assert receipt.value == PLAN_PART
    assert receipt.of(PoolRefunded) == [PoolRefunded(unruly.payer_id, PLAN_PART)]
    assert unruly.pool() == pool + PLAN_PART
    unruly.assert_solvent()
    with reverts("NoRefund", payerId=unruly.payer_id):
        unruly.settlement.send(unruly.stranger, "collectRefund", unruly.payer_id)


def test_collect_refund__none_waits__reverts(protocol: Protocol) -> None:
    for payer_id in (0, 1, 77):
        with reverts("NoRefund", payerId=payer_id):
            protocol.settlement.send(protocol.stranger, "collectRefund", payer_id)


def test_reversal__several_refunds_wait__add_up(unruly: Protocol) -> None:
    claims = [settle(unruly, 1), settle(unruly, 2)]
    block(unruly, unruly.payer.address)
    for settled in claims:
        unruly.void(settled)
    waiting = sum(settled.claim.plan_paid for settled in claims)
    assert unruly.settlement.read("refundOf", unruly.payer_id) == waiting
    unruly.assert_solvent()


@pytest.mark.parametrize("answer", [1, 2])
def test_reversal__token_answers_as_no_standard_says__is_still_exact(unruly: Protocol, answer: int) -> None:
    """False and nothing moves: nobody is refunded in vain. Nothing returned: it has moved."""
    settled = settle(unruly)
    before = unruly.state()
    unruly.token.send(unruly.stranger, "setAnswer", answer)
    if answer == 1:
        with reverts("SafeERC20FailedOperation"):
            unruly.void(settled)
        assert unruly.state() == before
    else:
        unruly.void(settled)
    unruly.assert_solvent()


def test_reversal__token_paused__changes_nothing(unruly: Protocol) -> None:
    settled = settle(unruly)
    unruly.dispute(settled)
    before = unruly.state()
    unruly.token.send(unruly.stranger, "setPaused", True)
    with pytest.raises(ChainError):
        unruly.concede(settled)
    assert unruly.state() == before
    # What needs no tokens goes on.
    unruly.answer(settled)
    unruly.resolve(settled, ruling(settled))


def test_reversal__any_gas__never_turns_a_refund_into_a_deferred_one(protocol: Protocol) -> None:
    """Who submits chooses the gas; too little of it must take the whole reversal back."""
    settled = settle(protocol)
    endings = set()
    for gas in range(100_000, 700_000, 10_000):
        with protocol.rolled_back():
            endings.add(void_with(protocol, settled, gas))
    assert {"reversed", "InsufficientGas"} <= endings
    assert "deferred" not in endings


def test_reversal__token_that_needs_nearly_all_it_may_take__is_never_deferred(unruly: Protocol) -> None:
    """A call gets no more than 63 of 64 parts of what is there: so much more must be there before it."""
    settled = settle(unruly)
    unruly.token.send(unruly.stranger, "setNeededGas", 290_000)
    endings = set()
    for gas in range(370_000, 520_000, 500):
        with unruly.rolled_back():
            endings.add(void_with(unruly, settled, gas))
    assert {"reversed", "InsufficientGas"} <= endings
    assert "deferred" not in endings


def void_with(protocol: Protocol, settled: Settled, gas: int) -> str:
    """How a void ends that gets this much gas."""
    arguments = settled.words, settled.root_slot, list(settled.proof)
    try:
        receipt = protocol.settlement.send(protocol.provider, "void", *arguments, gas=gas)
    except ContractReverted as refusal:
        return refusal.name
    except ChainError:
        return "out of gas"
    return "deferred" if receipt.of(RefundDeferred) else "reversed"
