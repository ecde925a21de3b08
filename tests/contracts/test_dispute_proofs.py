"""Who disputes or voids must show that the claim was settled: forged, foreign and outdated proofs fail."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.contracts.claims import Settled, settled_claims
from tests.support.deployment import DAY, DISPUTE_WINDOW, PATIENT_FUNDS, Protocol
from tests.support.evm import reverts

from chainbill.chain.format.claim_tree import claim_prefix
from chainbill.chain.format.events import BatchSettled, SecondaryShares
from chainbill.money import CENT, DOLLAR
from chainbill.records.hashing import keccak256
from chainbill.records.merkle_tree import merkle_root, root_of_proof


def settle(protocol: Protocol, count: int, first: int = 1, root_slot: int | None = None) -> list[Settled]:
    """Settle a batch of small visits, alternately of the patient and the neighbour."""
    patients = sorted((protocol.patient, protocol.neighbour), key=str.lower)
    rows = [
        protocol.row(patient, first + 2 * index + which, billed=CENT)
        for which, patient in enumerate(patients)
        for index in range((count + 1 - which) // 2)
    ]
    receipt = protocol.submit(protocol.batch([protocol.section(*rows)]), root_slot=root_slot)
    assert receipt.value[0] == count
    return settled_claims(receipt, protocol.evm.chain_id, protocol.settlement.address)


def refused(protocol: Protocol, settled: Settled) -> None:
    """Neither the patient nor the provider gets anywhere with it."""
    before = protocol.state()
    with reverts("NotInBatch", rootSlot=settled.root_slot):
        protocol.dispute(settled, caller=settled.patient)
    with reverts("NotInBatch", rootSlot=settled.root_slot):
        protocol.void(settled, caller=protocol.provider)
    assert protocol.state() == before


# ---- the tree ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33])
def test_dispute__each_claim_of_a_batch__is_proven(protocol: Protocol, count: int) -> None:
    """Odd nodes are promoted, so proofs of one batch differ in length."""
    claims = settle(protocol, count)
    root, settled_at = protocol.settlement.read("rootAt", claims[0].root_slot)
    assert root == merkle_root([settled.claim_id for settled in claims])[:27]
    assert settled_at == claims[0].settled_at
    for settled in claims:
        assert protocol.settlement.read("claimId", settled.words) == settled.claim_id
        protocol.dispute(settled)


def test_claim_id__domain__names_chain_contract_batch_time_and_operator(protocol: Protocol) -> None:
    (settled,) = settle(protocol, 1)
    others = [
        replace(settled, batch_digest=bytes(32)),
        replace(settled, settled_at=settled.settled_at + 1),
        replace(settled, operator=protocol.operator),
    ]
    assert len({protocol.settlement.read("claimId", other.words) for other in (settled, *others)}) == 4
    batch = settled.batch_digest, settled.settled_at, settled.operator
    here, there = protocol.settlement.address, protocol.escrow.address
    assert len({claim_prefix(*at, *batch) for at in ((1, here), (2, here), (1, there))}) == 3


# ---- forged claims ----------------------------------------------------------------------------------------

LARGER = {
    "provider_id": 2,
    "payer_id": 2,
    "plan_id": 2,
    "terms_version": 2,
    "secondary_payer_id": 1,
    "secondary_plan_id": 1,
    "secondary_terms_version": 1,
    "secondary_service_id": b"visit\0\0\0",
    "benefit_year": 2023,
    "service_id": b"refill\0\0",
    "units": 2,
    "billed_as_fee": True,
    "billed": 200 * DOLLAR,
    "allowed": 150 * DOLLAR,
    "deductible": 0,
    "copay": 1,
    "coinsurance": 1,
    "outside_plan": 1,
    "plan_paid": 1,
    "secondary_paid": 1,
    "fee": 1,
    "sequence": 99,
    "commitment": bytes(32),
    "units_counted": True,
    "secondary_units_counted": True,
}


@pytest.mark.parametrize("field", list(LARGER))
def test_dispute__any_field_of_the_claim_changed__reverts(protocol: Protocol, field: str) -> None:
    protocol.register_provider(protocol.provider)
    settled = settle(protocol, 3)[1]
    refused(protocol, replace(settled, claim=replace(settled.claim, **{field: LARGER[field]})))


def test_dispute__patient_batch_time_operator_or_secondary_changed__reverts(protocol: Protocol) -> None:
    settled = settle(protocol, 3)[1]
    refused(protocol, replace(settled, patient=protocol.stranger))
    refused(protocol, replace(settled, batch_digest=bytes(32)))
    refused(protocol, replace(settled, settled_at=settled.settled_at + 1))
    refused(protocol, replace(settled, settled_at=settled.settled_at - 1))
    refused(protocol, replace(settled, operator=protocol.operator))
    refused(protocol, replace(settled, secondary=SecondaryShares(0, 0, 1)))


@pytest.mark.parametrize("verb", ["concede", "answer", "resolve", "close"])
def test_verbs_of_a_dispute__claim_changed__find_no_dispute(protocol: Protocol, verb: str) -> None:
    """The claim's id is the key to its dispute, so nothing in it can be made up afterwards."""
    settled = settle(protocol, 1)[0]
    protocol.dispute(settled)
    if verb == "resolve":
        protocol.answer(settled)
    forged = replace(settled, claim=replace(settled.claim, allowed=150 * DOLLAR, plan_paid=100 * DOLLAR))
    with reverts("WrongStatus", status=0):
        getattr(protocol, verb)(forged)


# ---- forged proofs ----------------------------------------------------------------------------------------


def test_dispute__proof_of_another_claim_or_none__reverts(protocol: Protocol) -> None:
    claims = settle(protocol, 5)
    settled, other, *_, promoted = claims
    for proof in (
        (),
        other.proof,
        promoted.proof,
        settled.proof[:-1],
        settled.proof[1:],
        settled.proof[::-1],
        (*settled.proof, bytes(32)),
        (*settled.proof, settled.claim_id),
        (settled.claim_id, *settled.proof),
        (bytes(32),) * 3,
    ):
        refused(protocol, replace(settled, proof=proof))


def test_dispute__promoted_claim_with_a_longer_proof__reverts(protocol: Protocol) -> None:
    """The last of five is promoted twice: it is proven by one sibling, and by no more."""
    claims = settle(protocol, 5)
    promoted = claims[-1]
    assert len(promoted.proof) == 1
    for proof in (
        (promoted.claim_id, *promoted.proof),
        (promoted.claim_id, promoted.claim_id, *promoted.proof),
        (bytes(32), *promoted.proof),
        (),
    ):
        refused(protocol, replace(promoted, proof=proof))
    protocol.dispute(promoted, caller=promoted.patient)


def test_dispute__inner_node_as_a_claim__reverts(protocol: Protocol) -> None:
    """A leaf is the hash of a hash, an inner node that of two: no claim hashes to an inner node, and a
    proof that begins there proves the node, not a claim."""
    claims = settle(protocol, 4)
    ids = [settled.claim_id for settled in claims]
    node = root_of_proof(ids[0], [ids[1]])
    sibling = root_of_proof(ids[2], [ids[3]])
    assert root_of_proof(node, [sibling]) == merkle_root(ids)
    for settled in claims:
        refused(protocol, replace(settled, proof=(sibling,)))
        refused(protocol, replace(settled, proof=(node, sibling)))


def test_dispute__second_preimages__hash_to_something_else(protocol: Protocol) -> None:
    """What an inner node hashes, 64 bytes, is neither what a claim's first hash takes, 256 bytes, nor what
    its second takes, 32."""
    claims = settle(protocol, 2)
    left, right = sorted(settled.claim_id for settled in claims)
    root = merkle_root([left, right])
    assert root == keccak256(left + right)
    assert all(settled.claim_id != root for settled in claims)
    # The halves of the node in place of a claim's first words.
    forged = replace(
        claims[0],
        claim=replace(claims[0].claim, commitment=left),
        batch_digest=right,
        proof=(),
    )
    refused(protocol, forged)


def test_dispute__root_itself_as_proof__reverts(protocol: Protocol) -> None:
    claims = settle(protocol, 2)
    root = merkle_root([settled.claim_id for settled in claims])
    refused(protocol, replace(claims[0], proof=(root,)))
    refused(protocol, replace(claims[0], proof=(claims[1].claim_id, root)))


def test_dispute__row_that_did_not_settle__is_in_no_tree(protocol: Protocol) -> None:
    """Its leaf would have to be there; only settled rows have one."""
    denied = protocol.row(protocol.neighbour, 2, units=9)
    receipt = protocol.settle(
        *sorted((protocol.row(protocol.patient, 1), denied), key=lambda row: row.patient)
    )
    (settled,) = settled_claims(receipt, protocol.evm.chain_id, protocol.settlement.address)
    assert settled.proof == ()
    assert protocol.settlement.read("rootAt", settled.root_slot)[0] == settled.claim_id[:27]
    refused(
        protocol,
        replace(settled, patient=protocol.neighbour, claim=replace(settled.claim, sequence=2, allowed=0)),
    )


# ---- root slots -------------------------------------------------------------------------------------------


def test_dispute__another_batchs_root_slot__reverts(protocol: Protocol) -> None:
    first, second = settle(protocol, 3)[0], settle(protocol, 3, first=50)[0]
    refused(protocol, replace(first, root_slot=second.root_slot))
    refused(protocol, replace(first, root_slot=2**32 - 1))
    refused(protocol, replace(first, proof=second.proof))


def test_settle__root_slot_whose_claims_may_be_disputed__takes_one_of_the_batchs_own(
    protocol: Protocol,
) -> None:
    (settled,) = settle(protocol, 1, root_slot=7)
    until = settled.settled_at + DISPUTE_WINDOW
    for instant in (settled.settled_at, settled.settled_at + 1, until - 1):
        protocol.evm.now = instant
        with protocol.rolled_back():
            (other,) = settle(protocol, 1, first=9, root_slot=7)
            assert other.root_slot == int.from_bytes(other.batch_digest[:4], "big")
            for claim in (settled, other):
                protocol.dispute(claim, caller=claim.patient)
    protocol.evm.now = until
    (later,) = settle(protocol, 1, first=9, root_slot=7)
    assert later.root_slot == 7
    with reverts("WindowOver"):
        protocol.dispute(settled, caller=settled.patient)
    protocol.dispute(later, caller=later.patient)


def test_settle__the_batchs_own_root_slot_in_use__takes_the_next_that_is_not(protocol: Protocol) -> None:
    """Whoever sees a batch before it settles may fill the slots that it would take."""
    (settled,) = settle(protocol, 1, root_slot=7)
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 9))])
    own = int.from_bytes(batch.digest(protocol.domain)[:4], "big")
    for n, slot in enumerate((own, own + 1)):
        settle(protocol, 1, first=20 + n, root_slot=slot)
    receipt = protocol.submit(batch, root_slot=7)
    claim = protocol.settled_claim(receipt)
    assert claim.root_slot == own + 2
    for one in (settled, claim):
        protocol.dispute(one, caller=one.patient)


def test_settle__pended_batch_replayed_into_the_slot_of_another__both_are_settled(protocol: Protocol) -> None:
    """A batch of which nothing settled may still settle, in any slot that whoever replays it names."""
    poor = protocol.batch([protocol.section(protocol.row(protocol.late, 1))])
    protocol.welcome(protocol.late, 1)
    assert protocol.submit(poor, root_slot=3).value == (0, 0, 1, 0)
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 2))])
    protocol.fund_patient(protocol.late, PATIENT_FUNDS)
    assert protocol.submit(poor, root_slot=7).value == (1, 0, 0, 0)
    assert protocol.submit(batch, root_slot=7).value == (1, 0, 0, 0)


def test_settle__nothing_settled__leaves_the_root_slot_alone(protocol: Protocol) -> None:
    (settled,) = settle(protocol, 1, root_slot=7)
    protocol.suspend()
    receipt = protocol.submit(
        protocol.batch([protocol.section(protocol.row(protocol.patient, 9))]), root_slot=7
    )
    (batch,) = receipt.of(BatchSettled)
    assert (batch.root, batch.root_slot) == (bytes(32), 7)
    protocol.dispute(settled, caller=settled.patient)


def test_void__as_long_as_its_root_is_kept__then_not(protocol: Protocol) -> None:
    first, second = settle(protocol, 2, root_slot=7)
    protocol.advance(100 * DAY)
    protocol.void(first)
    settle(protocol, 1, first=9, root_slot=7)
    with reverts("NotInBatch", claimId="0x" + second.claim_id.hex(), rootSlot=7):
        protocol.void(second)
    protocol.assert_solvent()


def test_dispute__after_thousands_of_later_batches__is_proven_to_its_last_second(protocol: Protocol) -> None:
    """Later batches take over the slots whose windows have ended, and only those."""
    step = DISPUTE_WINDOW // 1_000
    slots = DISPUTE_WINDOW // step + 1
    settled: list[Settled] = []
    for number in range(2 * slots + 10):
        row = protocol.row(protocol.patient, number, billed=CENT)
        receipt = protocol.submit(protocol.batch([protocol.section(row)]), root_slot=number % slots)
        settled.append(protocol.settled_claim(receipt))
        protocol.advance(step)

    oldest = settled[-slots]
    protocol.evm.now = oldest.settled_at + DISPUTE_WINDOW - 1
    protocol.dispute(oldest)
    protocol.concede(oldest)
    newest = settled[-1]
    protocol.dispute(newest)
    taken_over = settled[-slots - 1]
    assert taken_over.root_slot == newest.root_slot
    with reverts("NotInBatch", rootSlot=newest.root_slot):
        protocol.void(taken_over)
    protocol.assert_solvent()
