"""Settling on a real chain: what is pended comes again, and a crash settles nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from tests.oracle.conftest import service_event

from chainbill.attestation.attested import Assignment, attest
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.money import DOLLAR
from chainbill.oracle.intake import Intake
from chainbill.oracle.settling import SettledBatch, settle_open
from chainbill.oracle.store import OracleStore, Status
from chainbill.records.catalogue import Catalogue
from chainbill.records.service_event import ServiceEvent
from chainbill.records.service_id import service_id
from chainbill.scenario.stage import SceneOptions, Stage, open_stage

RICH, POOR = service_event("Encounter/rich"), service_event("Encounter/poor")
POOR = POOR.model_copy(update={"patient": POOR.patient.model_copy(update={"reference": "Patient/poor"})})


class Crash(RuntimeError):
    """The process dies here."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    options = SceneOptions(unfunded={"Patient/poor"})
    with open_stage(tmp_path, [RICH, POOR], Catalogue.load(), options) as stage:
        yield stage


def hand_in(stage: Stage, event: ServiceEvent, sequence: int) -> None:
    cast = stage.cast
    provider, patient = cast.providers[event.provider.reference], cast.patients[event.patient.reference]
    stage.casting.enrol(cast, event.patient.reference, event.benefit_year)
    service = service_id(cast.schedule_key, event.service)
    assignment = Assignment(provider.provider_id, cast.payer_id, patient.address, service, sequence)
    attested = attest(event, assignment, provider.attester, stage.protocol.domain)
    Intake(stage.protocol, stage.store).accept(attested)


def settle(stage: Stage) -> list[SettledBatch]:
    return settle_open(stage.protocol, stage.store, stage.quorum, stage.submitter)


def credit(stage: Stage) -> int:
    (provider,) = stage.cast.providers.values()
    return stage.protocol.settlement.credit_of(provider.provider_id)


def test_settle__patient_without_money__pends_and_settles_once_funded(stage: Stage) -> None:
    hand_in(stage, RICH, 1)
    hand_in(stage, POOR, 2)

    (batch,) = settle(stage)

    assert [(row.outcome, row.reason) for row in batch.rows] == [
        (Outcome.SETTLED, Reason.NONE),
        (Outcome.PENDED, Reason.PATIENT_UNFUNDED),
    ]
    assert stage.store.counts() | {"settled": 1, "pended": 1} == stage.store.counts()
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

    (batch,) = settle(stage)

    assert [(row.outcome, row.reason) for row in batch.rows] == [(Outcome.SKIPPED, Reason.SEQUENCE_SPENT)]
    assert credit(stage) == paid
    assert stage.store.counts()["spent"] == 1
    assert stage.store.open_attestations() == []
