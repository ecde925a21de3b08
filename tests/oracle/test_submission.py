"""From a worklist to the oracle: under whose names an event goes, and what keeps it on the list."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.oracle.conftest import PATIENT, MemoryChain, service_event

from chainbill.attestation.signing import Signer
from chainbill.chain.contracts.escrow import Payers
from chainbill.errors import IntakeRefused, StateError
from chainbill.operations.provider.sequences import Numbering
from chainbill.operations.provider.submission import AttestationSubmitter, Counterparties
from chainbill.operations.provider.worklist import Worklist
from chainbill.oracle.local import LocalOracle
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
    return Worklist(tmp_path / "worklist.sqlite", numbering=Numbering.IN_ORDER)


@pytest.fixture
def submitter(
    tmp_path: Path, chain: MemoryChain, store: OracleStore, attester: Signer, worklist: Worklist
) -> AttestationSubmitter:
    key = service_id(SCHEDULE_KEY, "office-visit")
    chain.fees = {key: next(iter(chain.fees.values()))}
    own, patient = VaultKey.generate(), VaultKey.generate()
    return AttestationSubmitter(
        protocol=chain,  # type: ignore[arg-type]
        provider_id=1,
        attester=attester,
        own_vault_key=own.public,
        worklist=worklist,
        oracle=LocalOracle(chain, store, schedule_key),  # type: ignore[arg-type]
        vault=Vault(tmp_path / "vault"),
        counterparties=Counterparties(schedule_key, lambda _: patient.public),
        cash_key=lambda: CASH_KEY,
    )


def test_submit__insured_patient__goes_to_the_primary_payer(submitter: AttestationSubmitter) -> None:
    submitter.worklist.add(PATIENT, service_event())
    (waiting,) = submitter.worklist.waiting()

    attestation = submitter.submit(waiting).attestation

    assert (attestation.payer_id, attestation.sequence) == (1, 1)
    assert attestation.service_id == service_id(SCHEDULE_KEY, "office-visit")
    assert submitter.worklist.counts() == {"waiting": 0, "attested": 1}


def test_submit__self_pay__goes_to_nobody_under_the_providers_own_service_id(
    submitter: AttestationSubmitter, chain: MemoryChain
) -> None:
    cash_id = service_id(CASH_KEY, "office-visit")
    chain.cash_prices[cash_id] = 90_000_000
    submitter.worklist.add(PATIENT, service_event(), self_pay=True)
    (waiting,) = submitter.worklist.waiting()

    attestation = submitter.submit(waiting).attestation

    assert (attestation.payer_id, attestation.service_id) == (0, cash_id)


def test_submit__correction__takes_the_same_record_again(
    submitter: AttestationSubmitter, chain: MemoryChain, store: OracleStore
) -> None:
    event = service_event()
    submitter.worklist.add(PATIENT, event)
    submitter.submit(submitter.worklist.waiting()[0])
    assert not submitter.worklist.add(PATIENT, event)
    chain.reversed.add(CLAIM)
    assert submitter.worklist.add(PATIENT, event, corrects=CLAIM)
    (waiting,) = submitter.worklist.waiting()

    corrected = submitter.submit(waiting)

    assert (corrected.repeated, corrected.attestation.sequence) == (False, 2)
    assert [stored.corrects for stored in store.open_attestations()] == [b"", CLAIM]
    assert submitter.submit(waiting).repeated


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
    submitter: AttestationSubmitter, chain: MemoryChain, payers: Payers, self_pay: bool, reason: str
) -> None:
    chain.payers_of[PATIENT] = payers
    submitter.worklist.add(PATIENT, service_event(), self_pay=self_pay)
    (waiting,) = submitter.worklist.waiting()

    with pytest.raises(IntakeRefused) as refused:
        submitter.submit(waiting)

    assert refused.value.reason == reason
    assert submitter.worklist.counts() == {"waiting": 1, "attested": 0}


def test_submit__self_pay_of_a_provider_without_prices__is_refused(
    submitter: AttestationSubmitter, worklist: Worklist
) -> None:
    without = AttestationSubmitter(
        submitter.protocol,
        submitter.provider_id,
        submitter.attester,
        submitter.own_vault_key,
        worklist,
        submitter.oracle,
        submitter.vault,
        submitter.counterparties,
    )
    worklist.add(PATIENT, service_event(), self_pay=True)

    with pytest.raises(IntakeRefused) as refused:
        without.submit(worklist.waiting()[0])

    assert refused.value.reason == "no_cash_schedule"
