"""Blocks that are dropped after they were believed: each sequence settles once, and the audit adds up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from eth_account import Account
from eth_typing import HexStr
from tests.oracle.conftest import service_event

from chainbill.attestation.attested import Assignment, AttestedEvent, attest
from chainbill.attestation.typed_data import SettlementBatch
from chainbill.audit.verification import verify
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.artifacts import load_artifact
from chainbill.chain.format.events import ClaimDenied, ClaimSettled
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.chain.node.sender import Sender
from chainbill.errors import ChainError, LedgerError
from chainbill.ledger.claim_records import read_claims
from chainbill.ledger.indexer import decode_ledger, fetch_ledger, index
from chainbill.ledger.raw_logs import RawLedger
from chainbill.money import DOLLAR
from chainbill.oracle.api import Status
from chainbill.oracle.intake import Intake
from chainbill.oracle.quorum import Quorum
from chainbill.oracle.receipts import SettledBatch
from chainbill.oracle.reorganisation import FINAL_DEPTH, Recovery, find_dropped, recover
from chainbill.oracle.settling import BATCH_LIFE_SECONDS, settle_open
from chainbill.oracle.store import OracleStore
from chainbill.records.catalogue import Catalogue
from chainbill.records.service_event import ServiceEvent
from chainbill.records.service_id import service_id
from chainbill.scenario.testbed import SceneOptions, Stage, open_stage

FIRST, SECOND, THIRD = (service_event(f"Encounter/{name}") for name in ("first", "second", "third"))
TOO_MANY = service_event("Encounter/too-many", units=11)
UNPAID = service_event("Encounter/unpaid")
UNPAID = UNPAID.model_copy(
    update={"patient": UNPAID.patient.model_copy(update={"reference": "Patient/unfunded"})}
)
NOTHING = Recovery()


class Crash(RuntimeError):
    """The process dies here."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    options = SceneOptions(unfunded={"Patient/unfunded"}, decoys=False)
    with open_stage(tmp_path, [FIRST, SECOND, THIRD, UNPAID], Catalogue.load(), options) as stage:
        for reference in stage.cast.patients:
            stage.casting.enrol(stage.cast, reference, FIRST.benefit_year)
        yield stage


@pytest.fixture
def node(stage: Stage) -> Iterator[JsonRpc]:
    with JsonRpc(stage.devnet.rpc_url) as node:
        yield node


# ---- what happens --------------------------------------------------------------------------------------


def attested(stage: Stage, event: ServiceEvent, sequence: int) -> AttestedEvent:
    cast = stage.cast
    provider, patient = cast.providers[event.provider.reference], cast.patients[event.patient.reference]
    service = service_id(cast.schedule_key, event.service)
    assignment = Assignment(provider.provider_id, cast.payer_id, patient.address, service, sequence)
    return attest(event, assignment, provider.attester, stage.protocol.domain)


def hand_in(stage: Stage, *events: ServiceEvent, first: int = 1) -> None:
    """The oracle accepts events under ascending sequences."""
    for sequence, event in enumerate(events, first):
        Intake(stage.protocol, stage.store).accept(attested(stage, event, sequence))


def settle(stage: Stage) -> list[SettledBatch]:
    return settle_open(stage.protocol, stage.store, stage.quorum, stage.submitter)


def settle_each(stage: Stage, *events: ServiceEvent) -> list[SettledBatch]:
    """Every event in a batch, and so in a block, of its own."""
    batches = []
    for sequence, event in enumerate(events, 1):
        hand_in(stage, event, first=sequence)
        batches += settle(stage)
    return batches


def drop(stage: Stage, blocks: int, *mined_anew: Any) -> None:
    """The newest blocks give way to as many others, with these transactions alone in the first of them."""
    stage.devnet.anvil.call("anvil_reorg", blocks, [[transaction, 0] for transaction in mined_anew])


def somebody(stage: Stage) -> Sender:
    """An account that has no part in the protocol."""
    account = Account.create()
    stage.devnet.give_gas(account.address)
    return Sender(stage.protocol.w3, account)


def outcomes(batches: list[SettledBatch]) -> list[tuple[int, Outcome, Reason]]:
    return [(row.attestation.sequence, row.outcome, row.reason) for batch in batches for row in batch.rows]


# ---- what must hold ------------------------------------------------------------------------------------


def money(stage: Stage) -> Counter[str]:
    """Where the tokens are, by whose they are."""
    protocol, cast = stage.protocol, stage.cast
    wallets = sum(protocol.escrow.balance_of(patient.address) for patient in cast.patients.values())
    credits = (protocol.settlement.credit_of(each.provider_id) for each in cast.providers.values())
    return Counter(wallets=wallets, pool=cast.payer.pool(), credit=sum(credit.maturing for credit in credits))


def paid_once(stage: Stage, node: JsonRpc, before: Counter[str], *sequences: int) -> None:
    """These sequences have settled, each once; what the provider has gained is what the others have lost; and
    the audit finds nothing."""
    claims = [
        each.event.claim
        for each in index(node, stage.protocol.deployment)
        if isinstance(each.event, ClaimSettled)
    ]
    assert sorted(claim.sequence for claim in claims) == sorted(sequences)
    now = money(stage)
    assert now.total() == before.total()
    assert now["credit"] - before["credit"] == sum(claim.allowed for claim in claims) > 0
    assert before["pool"] - now["pool"] == sum(claim.plan_paid for claim in claims)
    found = verify(node, stage.protocol.deployment)
    assert [str(each) for each in found.discrepancies] == []


# ---- the oracle ----------------------------------------------------------------------------------------


def test_settle__batch_dropped__its_rows_settle_again_and_once(stage: Stage, node: JsonRpc) -> None:
    hand_in(stage, FIRST, SECOND)
    before = money(stage)
    (batch,) = settle(stage)
    paid = money(stage)

    drop(stage, 1)

    assert money(stage) == before
    assert stage.store.counts()["settled"] == 2  # the oracle has not looked yet
    (again,) = settle(stage)
    assert outcomes([again]) == [(1, Outcome.SETTLED, Reason.NONE), (2, Outcome.SETTLED, Reason.NONE)]
    assert again.transaction != batch.transaction
    assert money(stage) == paid
    assert settle(stage) == []
    paid_once(stage, node, before, 1, 2)


def test_settle__two_of_three_batches_dropped__those_two_settle_again(stage: Stage, node: JsonRpc) -> None:
    before = money(stage)
    kept, *_ = settle_each(stage, FIRST, SECOND, THIRD)
    assert stage.store.taken_root_slots(stage.protocol.now()) == {0, 1, 2}

    drop(stage, 2)
    again = settle(stage)

    assert outcomes(again) == [(2, Outcome.SETTLED, Reason.NONE), (3, Outcome.SETTLED, Reason.NONE)]
    assert stage.store.find_claim(kept.rows[0].claim_id) is not None
    # The root of the one that holds is kept; the others' slots were free again.
    assert stage.store.taken_root_slots(stage.protocol.now()) == {0, 1}
    paid_once(stage, node, before, 1, 2, 3)


@pytest.mark.slow
def test_settle__denied_and_pended_rows_dropped__end_again(stage: Stage, node: JsonRpc) -> None:
    before = money(stage)
    hand_in(stage, FIRST, TOO_MANY, UNPAID)
    first = outcomes(settle(stage))
    assert [outcome for _, outcome, _ in first] == [Outcome.SETTLED, Outcome.DENIED, Outcome.PENDED]

    drop(stage, 1)

    assert recover(stage.protocol, stage.store) == Recovery(reopened=3)
    assert find_dropped(stage.protocol, stage.store) == []
    waiting = stage.store.open_attestations()
    assert [(each.status, each.reason, each.claim_id) for each in waiting] == [
        (Status.ACCEPTED, Reason.NONE, b"")
    ] * 3
    assert outcomes(settle(stage)) == first
    denied = [each for each in index(node, stage.protocol.deployment) if isinstance(each.event, ClaimDenied)]
    assert len(denied) == 1
    paid_once(stage, node, before, 1)


@pytest.mark.slow
def test_settle__deposit_dropped_with_the_batch__pends_until_it_is_there_again(
    stage: Stage, node: JsonRpc
) -> None:
    protocol, patient = stage.protocol, stage.cast.patients["Patient/unfunded"].sender
    protocol.token.mint(stage.submitter, patient.address, 500 * DOLLAR)
    protocol.token.approve(patient, protocol.escrow.address, 500 * DOLLAR)
    hand_in(stage, UNPAID)
    protocol.escrow.deposit(patient, 500 * DOLLAR)
    before = money(stage)
    settle(stage)

    drop(stage, 2)

    assert outcomes(settle(stage)) == [(1, Outcome.PENDED, Reason.PATIENT_UNFUNDED)]
    protocol.escrow.deposit(patient, 500 * DOLLAR)
    assert outcomes(settle(stage)) == [(1, Outcome.SETTLED, Reason.NONE)]
    paid_once(stage, node, before, 1)


def test_settle__dropped_batch_sent_by_somebody_else__is_found_and_not_paid_twice(
    stage: Stage, node: JsonRpc
) -> None:
    hand_in(stage, FIRST, SECOND)
    before = money(stage)
    (batch,) = settle(stage)
    paid = money(stage)
    call = stage.protocol.w3.eth.get_transaction(HexStr(batch.transaction))["input"]

    drop(stage, 1)
    settlement = stage.protocol.w3.eth.contract(
        stage.protocol.settlement.address, abi=load_artifact("ClaimSettlement").abi
    )
    function, arguments = settlement.decode_function_input(call)
    somebody(stage).send(function(**arguments))

    assert money(stage) == paid
    again, theirs = settle(stage)
    assert (again.rows, theirs.earlier) == ((), True)
    assert outcomes([theirs]) == [(sequence, Outcome.SETTLED, Reason.NONE) for sequence in (1, 2)]
    assert money(stage) == paid
    assert stage.store.counts()["settled"] == 2
    assert settle(stage) == []
    paid_once(stage, node, before, 1, 2)


@pytest.mark.slow
def test_settle__dropped_rows_settled_in_another_batch__are_found_there(
    stage: Stage, node: JsonRpc, tmp_path: Path
) -> None:
    other = OracleStore(tmp_path / "other.sqlite")
    for sequence, event in enumerate((FIRST, SECOND), 1):
        both = attested(stage, event, sequence)
        Intake(stage.protocol, stage.store).accept(both)
        if event is SECOND:
            Intake(stage.protocol, other).accept(both)
    before = money(stage)
    settle(stage)

    drop(stage, 1)
    theirs = settle_open(stage.protocol, other, stage.quorum_of(other), somebody(stage))
    again = settle(stage)

    assert outcomes(theirs) == [(2, Outcome.SETTLED, Reason.NONE)]
    assert outcomes(again) == [(1, Outcome.SETTLED, Reason.NONE), (2, Outcome.SETTLED, Reason.NONE)]
    assert [batch.transaction for batch in again if batch.earlier] == [theirs[0].transaction]
    paid_once(stage, node, before, 1, 2)


def test_settle__batch_mined_anew_in_another_block__is_read_again_and_not_sent(
    stage: Stage, node: JsonRpc
) -> None:
    hand_in(stage, FIRST, UNPAID)
    before = money(stage)
    (batch,) = settle(stage)
    raw = stage.devnet.anvil.call("eth_getRawTransactionByHash", batch.transaction)
    drop(stage, 1)
    stage.devnet.advance(60)
    stage.devnet.advance(60)
    drop(stage, 1, raw)  # a minute later than it was: so the claim has another id

    dropped = find_dropped(stage.protocol, stage.store)

    assert [each.transaction.hex() for each in dropped] == [batch.transaction[2:]]
    assert recover(stage.protocol, stage.store) == Recovery(moved=2)
    assert recover(stage.protocol, stage.store) == NOTHING
    (stored,) = stage.store.attestations(Status.SETTLED)
    (record,) = (
        each
        for each in read_claims(index(node, stage.protocol.deployment), stage.protocol.deployment)
        if each.outcome is Outcome.SETTLED
    )
    assert stored.claim_id == record.claim_id != batch.rows[0].claim_id
    # Only what was pended goes into a batch again.
    assert outcomes(settle(stage)) == [(2, Outcome.PENDED, Reason.PATIENT_UNFUNDED)]
    paid_once(stage, node, before, 1)


@pytest.mark.slow
def test_settle__batch_mined_anew_and_reverted__its_rows_settle_again(stage: Stage, node: JsonRpc) -> None:
    hand_in(stage, FIRST)
    before = money(stage)
    (batch,) = settle(stage)
    raw = stage.devnet.anvil.call("eth_getRawTransactionByHash", batch.transaction)

    drop(stage, 1)
    stage.devnet.advance(BATCH_LIFE_SECONDS + 60)
    stage.devnet.anvil.call("eth_sendRawTransaction", raw)

    receipt = stage.protocol.w3.eth.wait_for_transaction_receipt(HexStr(batch.transaction))
    assert receipt["status"] == 0
    assert outcomes(settle(stage)) == [(1, Outcome.SETTLED, Reason.NONE)]
    paid_once(stage, node, before, 1)


@pytest.mark.slow
def test_settle__batch_mined_anew_after_another_took_its_root_slot__is_kept_in_its_own(
    stage: Stage, node: JsonRpc, tmp_path: Path
) -> None:
    other = OracleStore(tmp_path / "other.sqlite")
    Intake(stage.protocol, other).accept(attested(stage, SECOND, 2))
    hand_in(stage, FIRST)
    before = money(stage)
    (batch,) = settle(stage)
    raw = stage.devnet.anvil.call("eth_getRawTransactionByHash", batch.transaction)

    drop(stage, 1)
    settle_open(stage.protocol, other, stage.quorum_of(other), somebody(stage))  # takes the batch's root slot
    stage.devnet.anvil.call("eth_sendRawTransaction", raw)

    receipt = stage.protocol.w3.eth.wait_for_transaction_receipt(HexStr(batch.transaction))
    assert receipt["status"] == 1
    assert settle(stage) == []
    paid_once(stage, node, before, 1, 2)


@pytest.mark.slow
def test_settle__crash_then_found_then_both_dropped__settles_again(
    stage: Stage, node: JsonRpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> NoReturn:
        raise Crash

    before = money(stage)
    hand_in(stage, FIRST)
    with monkeypatch.context() as patch:
        patch.setattr(OracleStore, "finish", crash)
        with pytest.raises(Crash):
            settle(stage)
    again, lost = settle(stage)
    assert (again.rows, outcomes([lost])) == ((), [(1, Outcome.SETTLED, Reason.NONE)])

    drop(stage, 2)

    assert outcomes(settle(stage)) == [(1, Outcome.SETTLED, Reason.NONE)]
    paid_once(stage, node, before, 1)


@pytest.mark.slow
def test_settle__chain_shorter_than_it_was__settles_again(stage: Stage, node: JsonRpc) -> None:
    before = money(stage)
    hand_in(stage, FIRST)
    settle(stage)

    stage.devnet.anvil.call("anvil_rollback", 1)

    assert outcomes(settle(stage)) == [(1, Outcome.SETTLED, Reason.NONE)]
    paid_once(stage, node, before, 1)


@pytest.mark.slow
def test_settle__chain_reorganised_between_two_batches__both_are_settled(
    stage: Stage, node: JsonRpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(stage, FIRST)
    before = money(stage)
    settle(stage)
    hand_in(stage, SECOND, first=2)
    sign = Quorum.sign

    def sign_and_drop(quorum: Quorum, batch: SettlementBatch) -> list[bytes]:
        drop(stage, 1)
        stage.devnet.advance(60)  # not before the batch was signed
        return sign(quorum, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Quorum, "sign", sign_and_drop)
        assert outcomes(settle(stage)) == [(2, Outcome.SETTLED, Reason.NONE)]

    # The newest batch is where it was, and the one before it is not.
    assert outcomes(settle(stage)) == [(1, Outcome.SETTLED, Reason.NONE)]
    paid_once(stage, node, before, 1, 2)


@pytest.mark.slow
def test_recover__final_batches__are_not_looked_for(stage: Stage) -> None:
    settle_each(stage, FIRST, SECOND)
    stage.devnet.anvil.call("anvil_mine", hex(FINAL_DEPTH - 1))
    assert recover(stage.protocol, stage.store) == NOTHING
    (kept,) = stage.store.batches()
    assert [stored.attestation.sequence for stored in stage.store.members(kept)] == [2]
    stage.devnet.anvil.call("anvil_mine", hex(1))
    assert recover(stage.protocol, stage.store) == NOTHING
    assert stage.store.batches() == []
    assert stage.store.counts()["settled"] == 2


@pytest.mark.slow
def test_recover__deep_and_not_final_by_the_nodes_word__is_looked_for_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that makes blocks and does not agree on what is final, as Ethereum in May 2023."""
    settle_each(stage, FIRST)
    stage.devnet.anvil.call("anvil_mine", hex(FINAL_DEPTH + 10))
    settled = stage.store.batches()[0].block
    with monkeypatch.context() as patch:
        patch.setattr("chainbill.oracle.reorganisation.final_block", lambda *_: settled - 1)
        recover(stage.protocol, stage.store)
    assert len(stage.store.batches()) == 1
    recover(stage.protocol, stage.store)
    assert stage.store.batches() == []


# ---- the audit -----------------------------------------------------------------------------------------


def test_audit__indexed_blocks_dropped__ledger_is_the_same_up_to_the_common_ancestor(
    stage: Stage, node: JsonRpc
) -> None:
    deployment = stage.protocol.deployment
    before = money(stage)
    settle_each(stage, FIRST, SECOND)
    ancestor = stage.devnet.latest()[0] - 1
    indexed = fetch_ledger(node, deployment)
    shared = fetch_ledger(node, deployment, to_block=ancestor)

    drop(stage, 1)

    rolled_back = fetch_ledger(node, deployment)
    assert rolled_back.logs == shared.logs == tuple(log for log in indexed.logs if log.block <= ancestor)
    settle(stage)
    again = fetch_ledger(node, deployment)
    with JsonRpc(stage.devnet.rpc_url) as another:
        assert fetch_ledger(another, deployment) == again
    assert [log for log in again.logs if log.block <= ancestor] == list(shared.logs)
    assert not set(again.logs) & {log for log in indexed.logs if log.block > ancestor}
    ids = {each.claim_id for each in read_claims(decode_ledger(again), deployment)}
    assert all(stage.store.find_claim(claim_id) for claim_id in ids if claim_id)
    paid_once(stage, node, before, 1, 2)


@pytest.mark.slow
def test_verify__copy_with_dropped_blocks__is_refused_and_one_up_to_the_ancestor_adds_up(
    stage: Stage, node: JsonRpc, tmp_path: Path
) -> None:
    deployment, file = stage.protocol.deployment, tmp_path / "ledger.jsonl"
    hand_in(stage, FIRST)
    settle(stage)
    copy = fetch_ledger(node, deployment)
    copy.write(file)
    shared = fetch_ledger(node, deployment, to_block=copy.header.to_block - 1)

    drop(stage, 1)
    settle(stage)

    with pytest.raises(LedgerError, match="is not block") as refused:
        verify(node, deployment, copy=RawLedger.read(file))
    assert refused.value.hint is not None
    assert "after a reorganisation export it again" in refused.value.hint
    assert verify(node, deployment, copy=shared).adds_up
    assert verify(node, deployment, copy=fetch_ledger(node, deployment)).adds_up


@pytest.mark.slow
def test_fetch_ledger__chain_reorganised_meanwhile__is_an_error(
    stage: Stage, node: JsonRpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = JsonRpc.call

    def call(self: JsonRpc, method: str, *parameters: Any) -> Any:
        answer = ask(self, method, *parameters)
        if method == "eth_getLogs":
            drop(stage, 1)
        return answer

    hand_in(stage, FIRST)
    settle(stage)
    with monkeypatch.context() as patch:
        patch.setattr(JsonRpc, "call", call)
        with pytest.raises(ChainError, match="was reorganised while it was read"):
            fetch_ledger(node, stage.protocol.deployment)
    assert fetch_ledger(node, stage.protocol.deployment)


def test_verify__chain_reorganised_before_state_was_read__is_an_error_and_no_discrepancy(
    stage: Stage, node: JsonRpc
) -> None:
    def on_progress(step: str, *_: int) -> None:
        if step == "pricing claims again":
            drop(stage, 1)

    hand_in(stage, FIRST)
    settle(stage)
    with pytest.raises(ChainError, match="was reorganised while it was read"):
        verify(node, stage.protocol.deployment, on_progress=on_progress)
    assert verify(node, stage.protocol.deployment).adds_up
