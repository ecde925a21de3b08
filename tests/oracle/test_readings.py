"""No reading counts twice: what the oracle asks of a month of monitoring, at intake and before a batch."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.oracle.conftest import NOW, PATIENT, MemoryChain, attested_event
from tests.support.months import month, pressure

from chainbill.attestation.attested import AttestedEvent
from chainbill.attestation.signing import Signer
from chainbill.billing.outcomes import Reason
from chainbill.errors import AttestationError, IntakeRefused, StateError
from chainbill.oracle import store as oracle_store
from chainbill.oracle.api import Hold, Status
from chainbill.oracle.examination import Examination
from chainbill.oracle.intake import Intake
from chainbill.oracle.rebuild import name_records
from chainbill.oracle.store import CoordinationOfBenefits, Finished, OracleStore, StoredBatch
from chainbill.records.commitment import Opening
from chainbill.records.reading import Reading, Readings
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
    """A month under a code of the clinic's own, which no rule on days is for."""
    own = {"code_system": "urn:clinic", "code": "home-monitoring"}
    return month(*taken, record_identity=f"Claim/june#{number}", **own | changed)


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


@pytest.mark.parametrize("day", [-152, 214])
def test_accept__month_charged_in_a_benefit_year_that_it_is_not_of__is_refused(
    intake: Intake, attester: Signer, day: int
) -> None:
    """The last day of the year before, and the first of the next."""
    at = pressure(day).measured_at
    elsewhere = claim(1, pressure(4), performed_at=at, service_date=at.date())
    assert elsewhere.benefit_year != 2026
    assert refused(intake, attested_event(attester, elsewhere)) == "reading_outside_period"


def test_accept__month_reviewed_a_day_after_its_period__is_taken(intake: Intake, attester: Signer) -> None:
    at = pressure(30).measured_at
    intake.accept(attested_event(attester, claim(1, pressure(4), performed_at=at, service_date=at.date())))


@pytest.mark.parametrize(
    "code, days",
    [("99454", 15), ("99454", 1), ("98977", 15), ("99445", 1), ("99445", 16), ("98985", 16)],
)
def test_accept__readings_on_too_few_or_too_many_days_for_the_code__are_refused(
    intake: Intake, attester: Signer, code: str, days: int
) -> None:
    charged = month(*map(pressure, range(days)), code=code)
    assert refused(intake, attested_event(attester, charged)) == "reading_days"


@pytest.mark.parametrize(
    "code, days", [("99454", 16), ("99454", 30), ("98977", 16), ("99445", 2), ("99445", 15), ("98985", 15)]
)
def test_accept__readings_on_as_many_days_as_the_code_is_for__are_taken(
    intake: Intake, attester: Signer, code: str, days: int
) -> None:
    intake.accept(attested_event(attester, month(*map(pressure, range(days)), code=code)))


def test_accept__many_readings_of_few_days__are_as_few(intake: Intake, attester: Signer) -> None:
    evening = [
        pressure(
            number,
            record_identity=f"Observation/evening-{number}",
            measured_at=pressure(number).measured_at + timedelta(hours=12),
        )
        for number in range(15)
    ]
    charged = month(*map(pressure, range(15)), *evening)
    assert refused(intake, attested_event(attester, charged)) == "reading_days"


def test_accept__sixteen_days_of_a_longer_period__are_not_of_thirty(intake: Intake, attester: Signer) -> None:
    taken = [pressure(number) for number in range(-16, 30, 3)]
    readings = Readings(first_day=taken[0].day, last_day=date(2026, 6, 30), taken=taken)
    assert len(readings.days) >= 16
    assert refused(intake, attested_event(attester, month(readings=readings))) == "reading_days"


def test_accept__two_units_of_one_month__are_refused(intake: Intake, attester: Signer) -> None:
    assert refused(intake, attested_event(attester, month(units=2))) == "reading_days"


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


@pytest.mark.parametrize("sequence", [1, 2], ids=["the-same-attestation", "another"])
def test_accept__held_record_again__does_not_count_its_own_readings_against_it(
    intake: Intake, attester: Signer, store: OracleStore, sequence: int
) -> None:
    first = attested_event(attester, claim(1, pressure(4)))
    intake.accept(first)
    store.hold({1: Hold.ATTESTER_REVOKED}, at=NOW)
    again = first if sequence == 1 else attested_event(attester, claim(1, pressure(4)), sequence=sequence)
    intake.accept(again)
    assert [stored.attestation for stored in store.open_attestations()] == [again.attestation]


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


def test_store__asked_to_keep_a_reading_that_counts__looks_while_nobody_else_writes(
    intake: Intake, chain: MemoryChain, attester: Signer, store: OracleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake.accept(attested_event(attester, claim(1, pressure(4))))
    second = attested_event(attester, claim(2, pressure(4)), sequence=2)
    looked, look = [], oracle_store._counting

    def look_and_tell(database: sqlite3.Connection, readings: Any) -> set[int]:
        looked.append(database.in_transaction)
        return look(database, readings)

    monkeypatch.setattr(oracle_store, "_counting", look_and_tell)
    with pytest.raises(StateError, match="one of its readings"):
        store.accept(
            second.attestation,
            digest=second.attestation.digest(chain.domain),
            signature=second.signature,
            record_key=b"k" * 32,
            coordination=CoordinationOfBenefits(),
            readings=store.reading_keys(second.attestation, second.opening.event),
        )
    assert looked == [True]
    assert store.find_sequence(1, 2) is None


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


def rebuilt(path: Path, chain: MemoryChain, attested: AttestedEvent) -> OracleStore:
    """A store that knows of one claim what the chain says."""
    fresh = OracleStore(path)
    fresh.restore(
        attested.attestation,
        digest=attested.attestation.digest(chain.domain),
        corrects=b"",
        result=Finished(Status.SETTLED, Reason.NONE, CLAIM_ID),
        batch=BATCH,
    )
    return fresh


def test_rebuilt_store__told_of_its_records__knows_their_readings(
    chain: MemoryChain, attester: Signer, tmp_path: Path
) -> None:
    attested = attested_event(attester, claim(1, pressure(4)))
    attestation, fresh = attested.attestation, rebuilt(tmp_path / "fresh.sqlite", chain, attested)
    assert name_records(fresh, 1, {attestation.commitment: attested.opening}) == 1

    again = Intake(chain, fresh)  # type: ignore[arg-type]
    assert refused(again, attested_event(attester, claim(2, pressure(4)), sequence=2)) == "reading_counted"


def test_rebuilt_store__told_of_another_record_than_was_committed_to__learns_nothing(
    chain: MemoryChain, attester: Signer, tmp_path: Path
) -> None:
    """Else a provider could take the readings of others for its own, after every loss of a store."""
    attested, theirs = attested_event(attester, claim(1, pressure(4))), claim(1, pressure(9))
    attestation, fresh = attested.attestation, rebuilt(tmp_path / "fresh.sqlite", chain, attested)
    with pytest.raises(AttestationError, match="does not open"):
        name_records(fresh, 1, {attestation.commitment: replace(attested.opening, event=theirs)})
    assert fresh.counting(fresh.reading_keys(attestation, theirs)) == []
    assert len(fresh.unknown_records(1)) == 1


def test_rebuilt_store__told_of_an_identity_alone__knows_the_record_and_no_reading(
    chain: MemoryChain, attester: Signer, tmp_path: Path
) -> None:
    attested = attested_event(attester, claim(1, pressure(4)))
    attestation, fresh = attested.attestation, rebuilt(tmp_path / "fresh.sqlite", chain, attested)
    assert name_records(fresh, 1, {attestation.commitment: "Claim/june#1"}) == 1
    assert fresh.counting(fresh.reading_keys(attestation, attested.opening.event)) == []
    assert fresh.unknown_records(1) == []


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
