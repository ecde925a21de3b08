"""No reading counts twice: what the oracle asks of a month of monitoring, at intake and before a batch."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.oracle.conftest import PATIENT, MemoryChain, attested_event
from tests.support.months import month, pressure

from chainbill.attestation.attested import AttestedEvent
from chainbill.attestation.signing import Signer
from chainbill.billing.outcomes import Reason
from chainbill.errors import IntakeRefused
from chainbill.oracle.api import Hold, NamedRecord, Status
from chainbill.oracle.examination import Examination
from chainbill.oracle.intake import Intake
from chainbill.oracle.rebuild import name_records
from chainbill.oracle.store import CoordinationOfBenefits, Finished, OracleStore, StoredBatch
from chainbill.records.commitment import Opening
from chainbill.records.reading import Reading
from chainbill.records.service_event import ServiceEvent

OTHER_PATIENT = "0x4444444444444444444444444444444444444444"
CLAIM_ID = b"c" * 32
BATCH = StoredBatch(b"t" * 32, 1, b"b" * 32)


@pytest.fixture
def intake(chain: MemoryChain, store: OracleStore) -> Intake:
    return Intake(chain, store)  # type: ignore[arg-type]


def objections(chain: MemoryChain, store: OracleStore) -> dict[int, Hold]:
    """By sequence, of all that is open."""
    examination = Examination(chain, store)  # type: ignore[arg-type]
    return {place[1]: hold for place, hold in examination.objections(store.open_attestations()).items()}


def refused(intake: Intake, attested: AttestedEvent) -> str:
    with pytest.raises(IntakeRefused) as caught:
        intake.accept(attested)
    return caught.value.reason


def claim(number: int, *taken: Reading, **changed: Any) -> ServiceEvent:
    return month(*taken, record_identity=f"Claim/june#{number}", **changed)


def upload(identity: str) -> ServiceEvent:
    """One reading, charged by itself."""
    return month(record_identity=identity, readings=None)


def finish(store: OracleStore, sequence: int, status: Status, claim_id: bytes = b"") -> None:
    stored = store.find_sequence(1, sequence)
    assert stored is not None
    store.finish({stored.row: Finished(status, Reason.NONE, claim_id)}, BATCH)


# ---- within one record ----------------------------------------------------------------------------------


def test_accept__a_month_of_readings__is_stored_and_its_file_names_none(
    intake: Intake, attester: Signer, store: OracleStore, tmp_path: Path
) -> None:
    intake.accept(attested_event(attester, month()))

    assert len(store.open_attestations()) == 1
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("oracle.sqlite*"))
    assert PATIENT.encode() in kept
    assert not any(told in kept for told in (b"cuff", b"Observation", b"2026-06"))


@pytest.mark.parametrize("number", [-1, 30])
def test_accept__reading_on_a_day_outside_the_period__is_refused(
    intake: Intake, attester: Signer, number: int
) -> None:
    outside = attested_event(attester, claim(1, pressure(0), pressure(number)))
    assert refused(intake, outside) == "reading_outside_period"


@pytest.mark.parametrize("number", [0, 29])
def test_accept__reading_on_the_first_or_the_last_day__is_taken(
    intake: Intake, attester: Signer, number: int
) -> None:
    intake.accept(attested_event(attester, claim(1, pressure(number))))


@pytest.mark.parametrize(
    "changed",
    [
        {"record_identity": "Observation/sent-again"},
        {"record_identity": "Observation/sent-again", "values": pressure(9).values},
        {"device": "Device/another"},
    ],
    ids=["same-device-and-time", "the-same-with-another-value", "same-source-record"],
)
def test_accept__same_reading_twice_in_one_record__is_refused(
    intake: Intake, attester: Signer, changed: dict[str, Any]
) -> None:
    twice = attested_event(attester, claim(1, pressure(4), pressure(4, **changed)))
    assert refused(intake, twice) == "reading_repeated"


def test_accept__two_readings_of_one_moment_and_device__of_two_things_are_two(
    intake: Intake, attester: Signer
) -> None:
    weight = pressure(4, record_identity="Observation/weight", code="29463-7")
    intake.accept(attested_event(attester, claim(1, pressure(4), weight)))


def test_accept__record_with_a_reading_less_than_was_committed_to__is_refused(
    intake: Intake, attester: Signer
) -> None:
    attested = attested_event(attester, month())
    short = month(*[pressure(number) for number in range(29)])
    assert refused(intake, replace(attested, opening=Opening(short, attested.opening.salt))) == (
        "commitment_mismatch"
    )


# ---- across records -------------------------------------------------------------------------------------


SAME = [
    pytest.param(pressure(4, record_identity="Observation/sent-again"), id="same-device-and-time"),
    pytest.param(pressure(4, measured_at=pressure(4).measured_at + timedelta(hours=1)), id="same-record"),
]


@pytest.mark.parametrize("again", SAME)
def test_accept__reading_of_another_months_record__is_refused(
    intake: Intake, attester: Signer, again: Reading
) -> None:
    intake.accept(attested_event(attester, claim(1, *map(pressure, range(16)))))

    assert refused(intake, attested_event(attester, claim(2, again), sequence=2)) == "reading_counted"


def test_accept__reading_that_another_provider_has_charged__is_refused_and_does_not_say_who(
    intake: Intake, chain: MemoryChain, attester: Signer
) -> None:
    chain.attesters.add((2, attester.address))
    intake.accept(attested_event(attester, claim(1, pressure(4)), sequence=7))
    theirs = pressure(4, record_identity="Observation/of-their-own")

    with pytest.raises(IntakeRefused, match="another provider") as caught:
        intake.accept(attested_event(attester, claim(2, theirs), provider_id=2))
    assert caught.value.reason == "reading_counted"
    assert "7" not in str(caught.value)


def test_accept__record_of_another_provider_by_the_same_name__is_no_repeat(
    intake: Intake, chain: MemoryChain, attester: Signer
) -> None:
    chain.attesters.add((2, attester.address))
    intake.accept(attested_event(attester, claim(1, pressure(4))))
    theirs = pressure(5, record_identity="Observation/4")

    intake.accept(attested_event(attester, claim(2, theirs), provider_id=2))


def test_accept__same_device_and_time_of_another_patient__is_no_repeat(
    intake: Intake, attester: Signer
) -> None:
    intake.accept(attested_event(attester, claim(1, pressure(4))))
    theirs = claim(2, pressure(4, record_identity="Observation/theirs"))

    intake.accept(attested_event(attester, theirs, patient=OTHER_PATIENT, sequence=2))


def test_accept__other_readings_of_the_same_days__are_taken(intake: Intake, attester: Signer) -> None:
    intake.accept(attested_event(attester, claim(1, pressure(4))))
    oxygen = pressure(4, record_identity="Observation/oxygen", code="59408-5")

    intake.accept(attested_event(attester, claim(2, oxygen), sequence=2))


def test_accept__reading_charged_by_itself_and_in_a_month__is_refused_either_way(
    intake: Intake, attester: Signer
) -> None:
    intake.accept(attested_event(attester, upload("Observation/4"), sequence=1))
    intake.accept(attested_event(attester, claim(1, pressure(5)), sequence=2))

    assert refused(intake, attested_event(attester, claim(2, pressure(4)), sequence=3)) == "reading_counted"
    assert refused(intake, attested_event(attester, upload("Observation/5"), sequence=3)) == "reading_counted"


@pytest.mark.parametrize("status", [Status.PENDED, Status.SETTLED, Status.SPENT])
def test_accept__reading_of_a_claim_that_stands__is_refused(
    intake: Intake, attester: Signer, store: OracleStore, status: Status
) -> None:
    intake.accept(attested_event(attester, claim(1, pressure(4))))
    finish(store, 1, status)

    assert refused(intake, attested_event(attester, claim(2, pressure(4)), sequence=2)) == "reading_counted"


def test_accept__reading_of_a_denied_claim__counted_for_nobody(
    intake: Intake, attester: Signer, store: OracleStore
) -> None:
    intake.accept(attested_event(attester, claim(1, pressure(4))))
    finish(store, 1, Status.DENIED)

    intake.accept(attested_event(attester, claim(2, pressure(4)), sequence=2))


def test_accept__reading_of_a_recalled_record__is_free_until_that_comes_again(
    intake: Intake, attester: Signer, store: OracleStore
) -> None:
    first = attested_event(attester, claim(1, pressure(4)))
    intake.accept(first)
    store.recall(1)
    intake.accept(attested_event(attester, claim(2, pressure(4)), sequence=2))

    assert refused(intake, first) == "reading_counted"


def test_accept__recalled_record_with_its_readings_again__is_taken(
    intake: Intake, attester: Signer, store: OracleStore
) -> None:
    first = attested_event(attester, claim(1, pressure(4)))
    intake.accept(first)
    store.recall(1)
    intake.accept(first)
    store.recall(1)

    intake.accept(attested_event(attester, claim(1, pressure(4), pressure(5)), sequence=2))
    assert refused(intake, attested_event(attester, claim(2, pressure(5)), sequence=3)) == "reading_counted"


def test_accept__recalled_record_without_a_reading_it_had__leaves_that_to_others(
    intake: Intake, attester: Signer, store: OracleStore
) -> None:
    intake.accept(attested_event(attester, claim(1, pressure(4))))
    store.recall(1)
    intake.accept(attested_event(attester, claim(1, pressure(5)), sequence=2))

    intake.accept(attested_event(attester, claim(2, pressure(4)), sequence=3))


def test_accept__correction_of_a_reversed_claim__may_use_its_readings_and_nobody_else(
    intake: Intake, chain: MemoryChain, attester: Signer, store: OracleStore
) -> None:
    intake.accept(attested_event(attester, claim(1, pressure(4))))
    finish(store, 1, Status.SETTLED, CLAIM_ID)
    chain.reversed.add(CLAIM_ID)
    chain.spent.add((1, 1))

    assert refused(intake, attested_event(attester, claim(2, pressure(4)), sequence=2)) == "reading_counted"
    intake.accept(attested_event(attester, claim(1, pressure(4)), sequence=2, corrects=CLAIM_ID))
    finish(store, 2, Status.SETTLED, b"d" * 32)
    chain.reversed.add(b"d" * 32)
    chain.spent.add((1, 2))
    intake.accept(attested_event(attester, claim(3, pressure(4)), sequence=3, corrects=b"d" * 32))
    assert objections(chain, store) == {}


def test_accept__two_oracles_at_one_moment__one_of_them_has_the_reading(
    intake: Intake, attester: Signer, store: OracleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = claim(1, pressure(4)), attested_event(attester, claim(2, pressure(4)), sequence=2)
    look = OracleStore.counting

    def look_and_be_overtaken(self: OracleStore, readings: Any) -> Any:
        found = look(self, readings)
        monkeypatch.undo()
        Intake(intake._protocol, store).accept(attested_event(attester, first))
        return found

    monkeypatch.setattr(OracleStore, "counting", look_and_be_overtaken)
    assert refused(intake, second) == "reading_counted"
    assert [stored.attestation.sequence for stored in store.open_attestations()] == [1]


# ---- before a batch -------------------------------------------------------------------------------------


def test_examination__denial_that_the_chain_has_dropped__holds_the_one_that_came_later(
    intake: Intake, chain: MemoryChain, attester: Signer, store: OracleStore
) -> None:
    """While it was denied its readings were free; after a reorganisation both wait."""
    intake.accept(attested_event(attester, claim(1, pressure(4))))
    finish(store, 1, Status.DENIED)
    intake.accept(attested_event(attester, claim(2, pressure(4)), sequence=2))
    intake.accept(attested_event(attester, claim(3, pressure(5)), sequence=3))
    assert objections(chain, store) == {}

    store.reopen(BATCH)
    assert objections(chain, store) == {2: Hold.READING_COUNTED}


# ---- after a loss ---------------------------------------------------------------------------------------


def test_rebuilt_store__told_of_its_records__knows_their_readings(
    intake: Intake, chain: MemoryChain, attester: Signer, tmp_path: Path
) -> None:
    attested, fresh = attested_event(attester, claim(1, pressure(4))), OracleStore(tmp_path / "fresh.sqlite")
    attestation = attested.attestation
    fresh.restore(
        attestation,
        digest=attestation.digest(chain.domain),
        corrects=b"",
        result=Finished(Status.SETTLED, Reason.NONE, CLAIM_ID),
        batch=BATCH,
    )
    event = attested.opening.event
    assert name_records(fresh, 1, {attestation.commitment: NamedRecord(event.record_identity, event)}) == 1

    again = Intake(chain, fresh)  # type: ignore[arg-type]
    assert refused(again, attested_event(attester, claim(2, pressure(4)), sequence=2)) == "reading_counted"


def test_store_of_before__without_readings__opens_and_counts_from_now_on(
    intake: Intake, attester: Signer, store: OracleStore, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "oracle.sqlite") as database:
        database.execute("DROP TABLE reading")
    again = OracleStore(tmp_path / "oracle.sqlite")
    attested = attested_event(attester, claim(1, pressure(4)))
    keys = again.reading_keys(attested.attestation, attested.opening.event)
    again.accept(
        attested.attestation,
        digest=b"d" * 32,
        signature=attested.signature,
        record_key=b"k" * 32,
        coordination=CoordinationOfBenefits(),
        readings=keys,
    )
    assert [stored.attestation for stored in again.counting(keys)] == [attested.attestation]
