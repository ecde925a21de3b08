"""From a worklist to the oracle: under whose names an event goes, and what keeps it on the list."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.oracle.conftest import PATIENT, MemoryChain, service_event

from chainbill.attestation.signing import Signer
from chainbill.chain.contracts.escrow import Payers
from chainbill.errors import IntakeRefused, StateError
from chainbill.operations.provider.submission import Counterparties, Desk
from chainbill.operations.provider.worklist import Worklist
from chainbill.oracle.intake import Intake
from chainbill.oracle.store import OracleStore
from chainbill.records.service_id import service_id
from chainbill.records.vault import Vault, VaultKey

SCHEDULE_KEY, CASH_KEY, CLAIM = b"s" * 32, b"c" * 32, b"r" * 32


def schedule_key(payer_id: int) -> bytes:
    if payer_id != 1:
        raise StateError(f"the schedule of payer {payer_id} is not here")
    return SCHEDULE_KEY


@pytest.fixture
def worklist(tmp_path: Path) -> Worklist:
    return Worklist(tmp_path / "worklist.sqlite")


@pytest.fixture
def desk(
    tmp_path: Path, chain: MemoryChain, store: OracleStore, attester: Signer, worklist: Worklist
) -> Desk:
    key = service_id(SCHEDULE_KEY, "office-visit")
    chain.fees = {key: next(iter(chain.fees.values()))}
    own, patient = VaultKey.generate(), VaultKey.generate()
    return Desk(
        protocol=chain,  # type: ignore[arg-type]
        provider_id=1,
        attester=attester,
        own_vault_key=own.public,
        worklist=worklist,
        store=store,
        vault=Vault(tmp_path / "vault"),
        counterparties=Counterparties(schedule_key, lambda _: patient.public),
        cash_key=lambda: CASH_KEY,
    )


@pytest.fixture
def intake(chain: MemoryChain, store: OracleStore) -> Intake:
    return Intake(chain, store, schedule_key)  # type: ignore[arg-type]


def test_submit__insured_patient__goes_to_the_primary_payer(desk: Desk, intake: Intake) -> None:
    desk.worklist.add(PATIENT, service_event())
    (waiting,) = desk.worklist.waiting()

    attestation = desk.submit(waiting, intake).attestation

    assert (attestation.payer_id, attestation.sequence) == (1, 1)
    assert attestation.service_id == service_id(SCHEDULE_KEY, "office-visit")
    assert desk.worklist.counts() == {"waiting": 0, "attested": 1}


def test_submit__self_pay__goes_to_nobody_under_the_providers_own_service_id(
    desk: Desk, intake: Intake, chain: MemoryChain
) -> None:
    cash_id = service_id(CASH_KEY, "office-visit")
    chain.cash_prices[cash_id] = 90_000_000
    desk.worklist.add(PATIENT, service_event(), self_pay=True)
    (waiting,) = desk.worklist.waiting()

    attestation = desk.submit(waiting, intake).attestation

    assert (attestation.payer_id, attestation.service_id) == (0, cash_id)


def test_submit__correction__takes_the_same_record_again(
    desk: Desk, intake: Intake, chain: MemoryChain, store: OracleStore
) -> None:
    event = service_event()
    desk.worklist.add(PATIENT, event)
    desk.submit(desk.worklist.waiting()[0], intake)
    assert not desk.worklist.add(PATIENT, event)
    chain.reversed.add(CLAIM)
    assert desk.worklist.add(PATIENT, event, corrects=CLAIM)
    (waiting,) = desk.worklist.waiting()

    corrected = desk.submit(waiting, intake)

    assert (corrected.repeated, corrected.attestation.sequence) == (False, 2)
    assert [stored.routing.corrects for stored in store.open_attestations()] == [b"", CLAIM]
    assert desk.submit(waiting, intake).repeated


@pytest.mark.parametrize(
    "payers, self_pay, reason",
    [
        (Payers(0, 0), False, "payer_not_accepted"),
        (Payers(9, 0), False, "no_schedule"),
        (Payers(1, 9), False, "no_secondary_schedule"),
        (Payers(1, 0), True, "no_cash_price"),
    ],
)
def test_submit__cannot_be_offered__stays_on_the_list(
    desk: Desk, intake: Intake, chain: MemoryChain, payers: Payers, self_pay: bool, reason: str
) -> None:
    chain.payers_of[PATIENT] = payers
    desk.worklist.add(PATIENT, service_event(), self_pay=self_pay)
    (waiting,) = desk.worklist.waiting()

    with pytest.raises(IntakeRefused) as refused:
        desk.submit(waiting, intake)

    assert refused.value.reason == reason
    assert desk.worklist.counts() == {"waiting": 1, "attested": 0}


def test_submit__self_pay_of_a_provider_without_prices__is_refused(
    desk: Desk, intake: Intake, worklist: Worklist
) -> None:
    without = Desk(
        desk.protocol,
        desk.provider_id,
        desk.attester,
        desk.own_vault_key,
        worklist,
        desk.store,
        desk.vault,
        desk.counterparties,
    )
    worklist.add(PATIENT, service_event(), self_pay=True)

    with pytest.raises(IntakeRefused) as refused:
        without.submit(worklist.waiting()[0], intake)

    assert refused.value.reason == "no_cash_schedule"
