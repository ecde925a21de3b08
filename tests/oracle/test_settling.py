"""Settling on a real chain: what is pended comes again, and a crash settles nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from eth_typing import HexStr
from tests.oracle.conftest import service_event

from chainbill.attestation.attested import Assignment, attest
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.contracts.settlement import DisputeStatus, KeptRoot, settled_claims
from chainbill.chain.format.events import DisputeParty
from chainbill.chain.format.logs import decode_receipt
from chainbill.money import DOLLAR
from chainbill.oracle.api import Hold, Status
from chainbill.oracle.batching import plan_batches
from chainbill.oracle.intake import Intake
from chainbill.oracle.receipts import SettledBatch
from chainbill.oracle.settling import settle_open
from chainbill.oracle.store import OracleStore
from chainbill.protocol_constants import DAY_SECONDS
from chainbill.records.catalogue import Catalogue
from chainbill.records.service_event import ServiceEvent
from chainbill.records.service_id import service_id
from chainbill.scenario.testbed import SceneOptions, Stage, open_stage

RICH, POOR = service_event("Encounter/rich"), service_event("Encounter/poor")
POOR = POOR.model_copy(update={"patient": POOR.patient.model_copy(update={"reference": "Patient/poor"})})


class Crash(RuntimeError):
    """The process dies here."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    options = SceneOptions(unfunded={"Patient/poor"}, decoys=False)
    with open_stage(tmp_path, [RICH, POOR], Catalogue.load(), options) as stage:
        yield stage


def hand_in(stage: Stage, event: ServiceEvent, sequence: int, *, corrects: bytes = b"") -> None:
    cast = stage.cast
    provider, patient = cast.providers[event.provider.reference], cast.patients[event.patient.reference]
    stage.casting.enrol(cast, event.patient.reference, event.benefit_year)
    service = service_id(cast.schedule_key, event.service)
    assignment = Assignment(provider.provider_id, cast.payer_id, patient.address, service, sequence, corrects)
    attested = attest(event, assignment, provider.attester, stage.protocol.domain)
    Intake(stage.protocol, stage.store).accept(attested)


def settle(stage: Stage) -> list[SettledBatch]:
    return settle_open(stage.protocol, stage.store, stage.quorum, stage.submitter)


def credit(stage: Stage) -> int:
    (provider,) = stage.cast.providers.values()
    return stage.protocol.settlement.credit_of(provider.provider_id).maturing


def test_settle__patient_without_money__pends_and_settles_once_funded(stage: Stage) -> None:
    hand_in(stage, RICH, 1)
    hand_in(stage, POOR, 2)

    (planned,) = plan_batches(stage.protocol, stage.store.open_attestations(), stage.protocol.now())
    (batch,) = settle(stage)

    assert batch.gas_used <= planned.gas
    assert [(row.outcome, row.reason) for row in batch.rows] == [
        (Outcome.SETTLED, Reason.NONE),
        (Outcome.PENDED, Reason.PATIENT_UNFUNDED),
    ]
    assert stage.store.counts() | {"settled": 1, "pended": 1} == stage.store.counts()
    rich, poor_row = batch.rows
    assert stage.store.find_claim(rich.claim_id) is not None
    assert poor_row.claim_id == b""
    paid = credit(stage)

    poor = stage.cast.patients["Patient/poor"].sender
    protocol = stage.protocol
    protocol.token.mint(stage.submitter, poor.address, 500 * DOLLAR)
    protocol.token.approve(poor, protocol.escrow.address, 500 * DOLLAR)
    protocol.escrow.deposit(poor, 500 * DOLLAR)

    (again,) = settle(stage)

    assert [row.outcome for row in again.rows] == [Outcome.SETTLED]
    assert credit(stage) == 2 * paid
    assert settle(stage) == []


def test_settle__crash_between_chain_and_store__settles_nothing_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(stage, RICH, 1)

    def crash(*_: object) -> NoReturn:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(OracleStore, "finish", crash)
        with pytest.raises(Crash):
            settle(stage)
    paid = credit(stage)
    assert paid > 0
    assert [stored.status for stored in stage.store.open_attestations()] == [Status.ACCEPTED]

    again, lost = settle(stage)

    assert again.rows == ()
    assert lost.earlier
    assert lost.transaction != again.transaction
    assert [(row.outcome, row.reason) for row in lost.rows] == [(Outcome.SETTLED, Reason.NONE)]
    assert credit(stage) == paid
    # As if its receipt had come: the claim is known by its id, with the batch that a reorganisation may drop.
    (found,) = stage.store.attestations(Status.SETTLED)
    assert stage.store.find_claim(lost.rows[0].claim_id) == found
    assert lost.transaction in {f"0x{batch.transaction.hex()}" for batch in stage.store.batches()}
    assert stage.store.open_attestations() == []


def test_settle__sequence_spent_by_another_record__stays_spent(stage: Stage, tmp_path: Path) -> None:
    """As two oracles may accept, whose provider has lost its worklist in between."""
    other = OracleStore(tmp_path / "other.sqlite")
    fresh = replace(stage, store=other, quorum=stage.quorum_of(other))
    hand_in(fresh, RICH.model_copy(update={"record_identity": "Encounter/other"}), 1)
    hand_in(stage, RICH, 1)
    settle(stage)
    (batch,) = settle(fresh)
    assert [(row.outcome, row.reason) for row in batch.rows] == [(Outcome.SKIPPED, Reason.SEQUENCE_SPENT)]
    assert fresh.store.counts()["spent"] == 1


def test_settle__root_slot_taken_by_somebody_else__is_kept_in_another(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(stage, RICH, 1)
    settle(stage)
    assert stage.protocol.settlement.root_at(0).settled_at > 0
    assert stage.store.taken_root_slots(stage.protocol.now()) == {0}
    # As if somebody had used slot 0 between the oracle's look and its transaction.
    stage.store.take_root_slot(0, 0)
    kept = KeptRoot(bytes(27), 0)
    monkeypatch.setattr(type(stage.protocol.settlement), "root_at", lambda *_: kept)
    hand_in(stage, service_event("Encounter/another"), 2)

    (batch,) = settle(stage)

    assert [row.outcome for row in batch.rows] == [Outcome.SETTLED]
    monkeypatch.undo()
    (slot,) = stage.store.taken_root_slots(stage.protocol.now())
    assert slot != 0
    assert stage.protocol.settlement.root_at(slot).settled_at == stage.protocol.now()


def test_settle__operator_named__gets_the_fee(stage: Stage) -> None:
    operator = stage.submitter.address
    stage.protocol.settlement.set_operator_fee(stage.submitter, 50_000, 0)
    stage.devnet.advance(DAY_SECONDS)
    hand_in(stage, RICH, 1)

    settle_open(stage.protocol, stage.store, stage.quorum, stage.submitter, operator=operator)

    assert stage.protocol.settlement.fees_of(operator).maturing == 50_000


def test_settle__claim_reversed__is_corrected_by_a_new_one(stage: Stage) -> None:
    hand_in(stage, RICH, 1)
    (batch,) = settle(stage)
    (row,) = batch.rows
    settlement, patient = stage.protocol.settlement, stage.cast.patients["Patient/1"].sender
    receipt = stage.protocol.w3.eth.get_transaction_receipt(HexStr(batch.transaction))
    events = decode_receipt(receipt, settlement.address)
    (claim,) = settled_claims(events, stage.protocol.now())
    assert claim.claim_id(stage.protocol.domain) == row.claim_id
    settlement.dispute(patient, claim, DisputeParty.PATIENT, root_slot=0, proof=[])
    stage.devnet.advance(3 * DAY_SECONDS + 1)
    settlement.close(stage.submitter, claim)  # the provider was silent

    hand_in(stage, RICH, 2, corrects=row.claim_id)
    (corrected,) = settle(stage)

    assert [each.outcome for each in corrected.rows] == [Outcome.SETTLED]
    assert settlement.dispute_of(row.claim_id).status is DisputeStatus.CORRECTED


def test_settle__one_commitment_under_two_sequences__settles_the_first_and_holds_the_other(
    stage: Stage,
) -> None:
    cast = stage.cast
    provider, patient = cast.providers[RICH.provider.reference], cast.patients[RICH.patient.reference]
    hand_in(stage, RICH, 1)
    (first,) = stage.store.open_attestations()
    # As a store may hold it that accepted it before this was refused.
    twin = replace(first.attestation, sequence=2)
    digest = twin.digest(stage.protocol.domain)
    stage.store.accept(
        twin,
        digest=digest,
        signature=provider.attester.sign(digest),
        record_key=b"k" * 32,
        coordination=first.coordination,
    )
    assert patient.address == twin.patient

    (batch,) = settle(stage)

    assert [(row.attestation.sequence, row.outcome) for row in batch.rows] == [(1, Outcome.SETTLED)]
    (held,) = stage.store.attestations(Status.HELD)
    assert (held.attestation.sequence, held.hold) == (2, Hold.COMMITMENT_REUSED)


def test_settle__commitment_that_the_chain_has_settled_under_another_sequence__is_held(
    stage: Stage, tmp_path: Path
) -> None:
    hand_in(stage, RICH, 1)
    (first,) = stage.store.open_attestations()
    settle(stage)
    (provider,) = stage.cast.providers.values()
    other = OracleStore(tmp_path / "other.sqlite")
    twin = replace(first.attestation, sequence=2)
    digest = twin.digest(stage.protocol.domain)
    other.accept(
        twin,
        digest=digest,
        signature=provider.attester.sign(digest),
        record_key=b"k" * 32,
        coordination=first.coordination,
    )
    paid = credit(stage)

    assert settle_open(stage.protocol, other, stage.quorum_of(other), stage.submitter) == []

    assert [held.hold for held in other.attestations(Status.HELD)] == [Hold.COMMITMENT_REUSED]
    assert credit(stage) == paid
