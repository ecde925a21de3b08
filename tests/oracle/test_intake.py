"""What the oracle refuses, and with which word."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.oracle.conftest import NOW, PATIENT, SERVICE, MemoryChain, attested_event, service_event

from chainbill.attestation.attested import Assignment, AttestedEvent, attest
from chainbill.attestation.signing import CURVE_ORDER, Signer
from chainbill.billing.outcomes import Reason
from chainbill.chain.contracts.escrow import Payers
from chainbill.errors import IntakeRefused, StateError
from chainbill.oracle.api import Hold, Receipt, Status
from chainbill.oracle.intake import Intake
from chainbill.oracle.store import CoordinationOfBenefits, Finished, OracleStore, StoredBatch
from chainbill.records.service_id import decoy_ids, service_id


@pytest.fixture
def intake(chain: MemoryChain, store: OracleStore) -> Intake:
    return Intake(chain, store)  # type: ignore[arg-type]


SECONDARY_KEY = b"k" * 32


@pytest.fixture
def informed(chain: MemoryChain, store: OracleStore) -> Intake:
    """An oracle that holds the schedule key of payer 2."""

    def schedule_key(payer_id: int) -> bytes:
        if payer_id != 2:
            raise StateError(f"the schedule of payer {payer_id} is not here")
        return SECONDARY_KEY

    return Intake(chain, store, schedule_key)  # type: ignore[arg-type]


def refused(intake: Intake, attested: AttestedEvent) -> str:
    with pytest.raises(IntakeRefused) as caught:
        intake.accept(attested)
    return caught.value.reason


def test_accept__good_attestation__is_stored(intake: Intake, store: OracleStore, attester: Signer) -> None:
    receipt = intake.accept(attested_event(attester))

    assert not receipt.repeated
    (stored,) = store.open_attestations()
    assert stored.attestation == receipt.attestation
    assert stored.status is Status.ACCEPTED


def test_accept__same_attestation_twice__gives_the_same_receipt(
    intake: Intake, store: OracleStore, attester: Signer
) -> None:
    attested = attested_event(attester)
    intake.accept(attested)

    assert intake.accept(attested).repeated
    assert len(store.open_attestations()) == 1


def test_accept__same_record_under_another_sequence__refused(intake: Intake, attester: Signer) -> None:
    intake.accept(attested_event(attester, sequence=1))

    assert refused(intake, attested_event(attester, sequence=2)) == "duplicate_record"


def test_accept__same_record_identity_of_another_provider__accepted(
    intake: Intake, chain: MemoryChain, attester: Signer
) -> None:
    chain.attesters.add((2, attester.address))
    intake.accept(attested_event(attester))

    assert not intake.accept(attested_event(attester, provider_id=2)).repeated


def test_accept__other_record_under_a_taken_sequence__refused(intake: Intake, attester: Signer) -> None:
    intake.accept(attested_event(attester))

    assert refused(intake, attested_event(attester, service_event("Encounter/2"))) == "sequence_reused"


def test_accept__sequence_spent_on_chain__refused(
    intake: Intake, chain: MemoryChain, attester: Signer
) -> None:
    chain.spent.add((1, 5))

    assert refused(intake, attested_event(attester, sequence=5)) == "sequence_reused"


def test_accept__key_of_no_attester__refused(intake: Intake) -> None:
    assert refused(intake, attested_event(Signer((8).to_bytes(32, "big")))) == "not_an_attester"


def test_accept__suspended_provider__refused(intake: Intake, chain: MemoryChain, attester: Signer) -> None:
    chain.suspended.add(1)

    assert refused(intake, attested_event(attester)) == "provider_not_active"


def test_accept__malleable_signature__refused(intake: Intake, attester: Signer) -> None:
    attested = attested_event(attester)

    r, s, v = attested.signature[:32], attested.signature[32:64], attested.signature[64]
    mirrored = r + (CURVE_ORDER - int.from_bytes(s, "big")).to_bytes(32, "big") + bytes((55 - v,))

    assert refused(intake, replace(attested, signature=mirrored)) == "bad_signature"
    assert refused(intake, replace(attested, signature=attested.signature[:63])) == "bad_signature"


def test_accept__signature_in_another_form__is_the_same_attestation(
    intake: Intake, attester: Signer, store: OracleStore, tmp_path: Path
) -> None:
    attested = attested_event(attester)
    parity = attested.signature[64] - 27
    compact = bytearray(attested.signature[:64])
    compact[32] |= parity << 7

    first = intake.accept(replace(attested, signature=attested.signature[:64] + bytes((parity,))))
    assert not first.repeated
    assert intake.accept(replace(attested, signature=bytes(compact))).repeated
    with closing(sqlite3.connect(tmp_path / "oracle.sqlite")) as kept:
        assert kept.execute("SELECT signature FROM attestation").fetchall() == [(attested.signature,)]


@pytest.mark.parametrize("field", ["units", "billed_amount", "benefit_year"])
def test_accept__attestation_says_other_than_record__refused(
    intake: Intake, attester: Signer, field: str
) -> None:
    attested = attested_event(attester)
    opening = attested.opening
    changed = replace(attested.attestation, **{field: getattr(attested.attestation, field) + 1})
    signed = AttestedEvent(changed, attester.sign(changed.digest(MemoryChain.domain)), opening)

    assert refused(intake, signed) == "record_mismatch"


def test_accept__record_of_another_commitment__refused(intake: Intake, attester: Signer) -> None:
    attested, other = attested_event(attester), attested_event(attester)

    assert refused(intake, replace(attested, opening=other.opening)) == "commitment_mismatch"


def test_accept__changed_after_signing__refused(intake: Intake, attester: Signer) -> None:
    attested = attested_event(attester)
    tampered = replace(attested, attestation=replace(attested.attestation, patient="0x" + "33" * 20))

    assert refused(intake, tampered) == "not_an_attester"  # the signature recovers to some other key


def test_accept__service_without_a_fee__refused(intake: Intake, attester: Signer) -> None:
    assert refused(intake, attested_event(attester, service_id=b"unknown!")) == "unknown_service"


def test_accept__payer_the_factory_never_made__refused(intake: Intake, attester: Signer) -> None:
    assert refused(intake, attested_event(attester, payer_id=9)) == "unknown_payer"


def test_accept__amount_finer_than_the_plans_rounding_unit__refused(intake: Intake, attester: Signer) -> None:
    event = service_event(billed_amount=125_000_001)

    assert refused(intake, attested_event(attester, event)) == "fractional_amount"


def test_accept__member_not_enrolled_yet__accepted(
    intake: Intake, chain: MemoryChain, attester: Signer
) -> None:
    chain.plan_ids.clear()

    assert not intake.accept(attested_event(attester)).repeated


def test_accept__patient_with_a_secondary_payer__routes_its_own_service_id(
    informed: Intake, chain: MemoryChain, store: OracleStore, attester: Signer
) -> None:
    chain.payers_of[PATIENT] = Payers(1, 2)

    informed.accept(attested_event(attester))

    (stored,) = store.open_attestations()
    assert stored.coordination == CoordinationOfBenefits(2, service_id(SECONDARY_KEY, "office-visit"))


def test_accept__again_after_the_secondary_payer_changed__routes_anew(
    informed: Intake, chain: MemoryChain, store: OracleStore, attester: Signer
) -> None:
    attested = attested_event(attester)
    informed.accept(attested)
    assert store.open_attestations()[0].coordination == CoordinationOfBenefits()
    chain.payers_of[PATIENT] = Payers(1, 2)

    assert informed.accept(attested).repeated

    assert store.open_attestations()[0].coordination.secondary_payer_id == 2


def test_accept__schedule_of_the_secondary_payer_unknown__refused(
    informed: Intake, chain: MemoryChain, attester: Signer
) -> None:
    chain.payers_of[PATIENT] = Payers(1, 3)

    assert refused(informed, attested_event(attester)) == "no_secondary_schedule"


def test_accept__self_pay_at_a_published_price__has_no_secondary(
    informed: Intake, chain: MemoryChain, store: OracleStore, attester: Signer
) -> None:
    chain.payers_of[PATIENT], chain.cash_prices[b"cash!!!!"] = Payers(1, 2), 90_000_000

    informed.accept(attested_event(attester, payer_id=0, service_id=b"cash!!!!"))

    (stored,) = store.open_attestations()
    assert (stored.attestation.payer_id, stored.coordination) == (0, CoordinationOfBenefits())


def test_accept__self_pay_without_a_price__refused(intake: Intake, attester: Signer) -> None:
    assert refused(intake, attested_event(attester, payer_id=0)) == "no_cash_price"


REVERSED = b"r" * 32
BATCH = StoredBatch(b"t" * 32, 1, b"h" * 32)


def test_accept__correction_of_a_reversed_claim__takes_the_record_again(
    intake: Intake, chain: MemoryChain, store: OracleStore, attester: Signer
) -> None:
    intake.accept(attested_event(attester))
    chain.reversed.add(REVERSED)

    intake.accept(attested_event(attester, sequence=2, corrects=REVERSED))

    assert [stored.corrects for stored in store.open_attestations()] == [b"", REVERSED]
    again = attested_event(attester, sequence=3, corrects=REVERSED)
    assert refused(intake, again) == "duplicate_record"


def test_accept__correction_of_a_claim_that_stands__refused(intake: Intake, attester: Signer) -> None:
    assert refused(intake, attested_event(attester, corrects=REVERSED)) == "not_reversed"


def test_accept__correction_of_another_patients_claim__refused(
    intake: Intake, chain: MemoryChain, store: OracleStore, attester: Signer
) -> None:
    intake.accept(attested_event(attester))
    (stored,) = store.open_attestations()
    store.finish({stored.row: Finished(Status.SETTLED, Reason.NONE, REVERSED)}, BATCH)
    chain.reversed.add(REVERSED)

    other = attested_event(attester, sequence=2, patient="0x" + "33" * 20, corrects=REVERSED)
    assert refused(intake, other) == "not_its_claim"
    assert store.find_claim(REVERSED) is not None


def test_accept_all__one_refused__others_stand(intake: Intake, attester: Signer) -> None:
    events = [
        attested_event(attester, service_event("Encounter/1"), sequence=1),
        attested_event(attester, service_event("Encounter/1"), sequence=2),
        attested_event(attester, service_event("Encounter/3"), sequence=3),
    ]
    first, second, third = intake.accept_all(events)

    assert isinstance(first, Receipt)
    assert isinstance(third, Receipt)
    assert (first.attestation.sequence, third.attestation.sequence) == (1, 3)
    assert isinstance(second, IntakeRefused)
    assert second.reason == "duplicate_record"


def test_store__survives_a_restart_and_names_nobody(
    tmp_path: Path, chain: MemoryChain, attester: Signer
) -> None:
    path = tmp_path / "oracle.sqlite"
    Intake(chain, OracleStore(path)).accept(attested_event(attester))  # type: ignore[arg-type]

    reopened = OracleStore(path)
    assert refused(Intake(chain, reopened), attested_event(attester, sequence=2)) == "duplicate_record"  # type: ignore[arg-type]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    everything = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for named in (b"Test Patient", b"Encounter/1", b"Patient/1", b"Office visit"):
        assert named not in everything
    assert PATIENT.encode() in everything  # the account is public on chain


def test_accept__id_of_a_decoy__is_not_the_records_service(
    chain: MemoryChain, store: OracleStore, attester: Signer
) -> None:
    # A decoy has its service's fee, and a yearly allowance of its own.
    own, decoy = service_id(SECONDARY_KEY, "office-visit"), decoy_ids(SECONDARY_KEY, "office-visit", 1)[0]
    chain.fees = dict.fromkeys((own, decoy), chain.fees[SERVICE])
    told = Intake(chain, store, lambda _: SECONDARY_KEY)  # type: ignore[arg-type]
    assert refused(told, attested_event(attester, service_id=decoy)) == "record_mismatch"
    told.accept(attested_event(attester, service_id=own))


# ---- one commitment under two sequences ---------------------------------------------------------------


def test_accept__commitment_under_another_sequence__refused(
    intake: Intake, store: OracleStore, chain: MemoryChain, attester: Signer
) -> None:
    first = attested_event(attester)
    intake.accept(first)
    chain.attesters.add((2, attester.address))
    # Another provider has the same record: the identities under which records are known are each its own.
    assignment = Assignment(2, 1, PATIENT, SERVICE, 9)
    again = attest(first.opening.event, assignment, attester, chain.domain, salt=first.opening.salt)

    assert refused(intake, again) == "commitment_reused"
    assert len(store.open_attestations()) == 1


def test_accept__commitment_that_the_chain_has_under_another_sequence__refused(
    intake: Intake, store: OracleStore, chain: MemoryChain, attester: Signer
) -> None:
    attested = attested_event(attester, sequence=2)
    chain.logged[attested.attestation.commitment] = {(7, 1)}

    assert refused(intake, attested) == "commitment_reused"
    assert store.open_attestations() == []


def test_accept__chain_has_claims_that_the_store_does_not_know__refused(
    intake: Intake, chain: MemoryChain, attester: Signer
) -> None:
    chain.logged[b"c" * 32] = {(1, 4)}
    with pytest.raises(IntakeRefused) as caught:
        intake.accept(attested_event(attester))
    assert (caught.value.reason, caught.value.hint) == ("store_behind", "chainbill oracle rebuild")


# ---- held and recalled --------------------------------------------------------------------------------


def test_accept__held_attestation_signed_by_another_key__waits_again(
    intake: Intake, store: OracleStore, chain: MemoryChain, attester: Signer
) -> None:
    first = attested_event(attester)
    intake.accept(first)
    store.hold({1: Hold.ATTESTER_REVOKED}, at=NOW)
    other = Signer((9).to_bytes(32, "big"))
    chain.attesters.add((1, other.address))
    signature = other.sign(first.attestation.digest(chain.domain))
    # As a hardware key gives it: with parity 0 or 1 in place of 27 or 28.
    again = replace(first, signature=signature[:64] + bytes([signature[64] - 27]))

    assert not intake.accept(again).repeated
    (stored,) = store.open_attestations()
    assert (stored.status, stored.hold, stored.signature) == (Status.ACCEPTED, None, signature)


def test_accept__recalled_and_spent_on_chain_meanwhile__is_written_down(
    intake: Intake, store: OracleStore, chain: MemoryChain, attester: Signer
) -> None:
    attested = attested_event(attester)
    intake.accept(attested)
    store.recall(1)
    chain.spent.add((1, 1))

    receipt = intake.accept(attested)

    assert (receipt.status, receipt.repeated) == ("spent", True)
    assert store.waiting() == []


def test_finish__recalled_while_its_batch_was_mined__stays_recalled_unless_it_is_final(
    intake: Intake, store: OracleStore, attester: Signer
) -> None:
    intake.accept(attested_event(attester))
    intake.accept(attested_event(attester, service_event("Encounter/2"), sequence=2))
    for row in (1, 2):
        store.recall(row)

    store.finish(
        {1: Finished(Status.PENDED, Reason.NO_CONSENT), 2: Finished(Status.SETTLED, Reason.NONE, b"c" * 32)},
        StoredBatch(b"t" * 32, 1, b"h" * 32),
    )

    assert [stored.status for stored in store.of_provider(1)] == [Status.RECALLED, Status.SETTLED]
