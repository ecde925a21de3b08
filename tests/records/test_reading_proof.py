"""One reading of a month is proved alone, all days without a value, and nothing passes that is not so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.support.months import FIRST, month, pressure

from chainbill.attestation.attested_file import MOST_LINE_BYTES
from chainbill.errors import ArgumentError, AttestationError, MalformedRecord
from chainbill.records.commitment import (
    READING_FIELDS,
    RECORD_FIELDS,
    TAG,
    Opening,
    canonical,
    commit,
    reading_leaf,
)
from chainbill.records.merkle_tree import merkle_root, root_of_proof
from chainbill.records.reading import MOST_READINGS, Measured, Reading, Readings
from chainbill.records.reading_proof import (
    HASH_BYTES,
    ReadingsProof,
    ShownReading,
    prove_days,
    prove_reading,
    verify_readings,
)
from chainbill.records.salted_fields import HiddenField, OpenField, show_only
from chainbill.records.sealed_file import MOST_BYTES
from chainbill.records.service_event import ServiceKind

SALT = bytes(range(16))
JUNE = Opening(month(), SALT)
COMMITMENT = JUNE.commitment
ONE = prove_reading(JUNE, 5)
DAYS = prove_days(JUNE)


# ---- the commitment -------------------------------------------------------------------------------------


def by_hand(values: dict[str, Any], place: str) -> list[bytes]:
    """The hashes of fields, written out as docs/protocol.md draws them."""
    digests = []
    for name in sorted(values):
        salt = keccak(b"chainbill/field-salt/v1\0" + SALT + f"{place}/{name}".encode())[:16]
        written = orjson.dumps([name, values[name]], option=orjson.OPT_SORT_KEYS)
        digests.append(keccak(b"chainbill/field/v1\0" + salt + written))
    return digests


def test_commitment__of_three_readings__is_what_the_protocol_draws() -> None:
    event = month(pressure(2), pressure(3), pressure(5))
    stated = orjson.loads(canonical(event))
    readings = stated.pop("readings")
    leaves = []
    for number, reading in enumerate(readings.pop("taken"), start=1):
        fields = b"".join(by_hand(reading, str(number)))
        leaves.append(keccak(keccak(b"chainbill/reading/v1\0" + number.to_bytes(4, "big") + fields)))
    pair = keccak(min(leaves[:2]) + max(leaves[:2]))
    root = keccak(min(pair, leaves[2]) + max(pair, leaves[2]))
    record = b"".join(by_hand(stated | readings, "record"))
    assert commit(event, SALT) == keccak(
        b"chainbill/service-event/v3\0" + (3).to_bytes(4, "big") + root + record
    )


def test_commitment__known_month__is_this_one() -> None:
    """A change of the format is a change of every commitment on chain: it needs a tag of its own."""
    assert COMMITMENT.hex() == "b822c069517b46c86c4bd36506e95505812c57c76f4225d13d15c33ea669fe6f"


def test_commitment__of_a_record_without_readings__is_the_hash_of_its_encoding_as_before() -> None:
    event = month(readings=None)
    assert b'"readings"' not in canonical(event)
    assert commit(event, SALT) == keccak(TAG + SALT + canonical(event))


def test_fields__in_the_commitment__are_all_that_there_are() -> None:
    stated = orjson.loads(canonical(JUNE.event))
    assert [field.name for field in JUNE.record_fields()] == list(RECORD_FIELDS)
    assert {*stated} - {"readings"} | {"first_day", "last_day"} == set(RECORD_FIELDS)
    assert set(stated["readings"]) == set(Readings.model_fields)
    for reading in stated["readings"]["taken"]:
        assert set(reading) == set(Reading.model_fields) == set(READING_FIELDS)
        assert all(set(value) == set(Measured.model_fields) for value in reading["values"])


@pytest.mark.parametrize(
    "changed",
    [
        {"record_identity": "Observation/x"},
        {"code_system": ""},
        {"code": "29463-7"},
        {"device": ""},
        {"measured_at": pressure(4).measured_at + timedelta(seconds=1)},
        {"day": date(2026, 6, 6)},
        {"values": (Measured(value="124"),)},
    ],
)
def test_commitment__one_field_of_one_reading_changed__is_another(changed: dict[str, Any]) -> None:
    taken = [pressure(number, **(changed if number == 4 else {})) for number in range(30)]
    assert commit(month(*taken), SALT) != COMMITMENT


def test_commitment__readings_in_another_order_or_one_less__is_another() -> None:
    taken = [pressure(number) for number in range(30)]
    assert commit(month(*reversed(taken)), SALT) != COMMITMENT
    assert commit(month(*taken[:-1]), SALT) != COMMITMENT


def test_commitment__period_changed__is_another() -> None:
    readings = JUNE.event.readings
    assert readings is not None
    for changed in ({"first_day": date(2026, 5, 31)}, {"last_day": date(2026, 7, 1)}):
        assert commit(month(readings=readings.model_copy(update=changed)), SALT) != COMMITMENT


def test_opening__with_readings__survives_its_bytes() -> None:
    again = Opening.from_bytes(JUNE.to_bytes())
    assert again == JUNE
    assert again.commitment == COMMITMENT


@pytest.mark.parametrize("stated", [b'"value":"124"', b'"device":"Device/cuff"'])
def test_opening__of_readings_that_lack_something__is_no_record(stated: bytes) -> None:
    with pytest.raises(MalformedRecord):
        Opening.from_bytes(JUNE.to_bytes().replace(stated, b'"other":1', 1))


def test_opening__of_as_many_readings_as_there_may_be__fits_its_files() -> None:
    """Sealed for two readers, and on a line to an oracle: base64 of a box, of JSON, of base64."""
    names = {"record_identity": f"https://ehr.example.org/fhir/r4/Observation/{'0' * 36}", "device": "d" * 24}
    plain = len(Opening(month(*[pressure(0, **names)] * 100), SALT).to_bytes()) * MOST_READINGS // 100
    assert plain * 2 * 4 / 3 < MOST_BYTES
    assert plain * (4 / 3) ** 2 < MOST_LINE_BYTES


# ---- what a record may hold -----------------------------------------------------------------------------


def test_readings__of_a_visit__are_refused() -> None:
    with pytest.raises(ValidationError, match="only remote monitoring"):
        month(kind=ServiceKind.IN_PERSON_VISIT)


def test_readings__none_at_all_or_too_many__are_refused() -> None:
    period = {"first_day": FIRST, "last_day": FIRST}
    for taken in ((), (pressure(0),) * (MOST_READINGS + 1)):
        with pytest.raises(ValidationError, match="taken"):
            Readings.model_validate({**period, "taken": taken})


def test_readings__of_a_period_that_ends_before_it_begins__are_refused() -> None:
    with pytest.raises(ArgumentError, match="before first_day"):
        Readings(first_day=date(2026, 6, 2), last_day=FIRST, taken=(pressure(0),))


def test_reading__on_a_day_that_is_nowhere_its_moments__is_refused() -> None:
    with pytest.raises(ValidationError, match="nowhere the day"):
        pressure(4, day=date(2026, 6, 8))


def test_days__of_two_readings_on_one__are_one() -> None:
    readings = month(pressure(1), pressure(1, record_identity="Observation/evening"), pressure(2)).readings
    assert readings is not None
    assert readings.days == {date(2026, 6, 2), date(2026, 6, 3)}


# ---- one reading ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(1, 31))
def test_prove_reading__any_of_a_month__leads_to_the_commitment_and_shows_it_alone(number: int) -> None:
    proof = ReadingsProof.parse(prove_reading(JUNE, number).to_bytes())
    verify_readings(proof, COMMITMENT)
    (shown,) = proof.readings
    assert (shown.number, shown.values["day"]) == (number, f"2026-06-{number:02d}")
    assert set(shown.values) == set(READING_FIELDS)
    assert (proof.count, proof.record_values, proof.is_complete) == (30, {}, False)


@given(st.integers(1, 40), st.data())
@settings(max_examples=60)
def test_prove_reading__of_any_number_of_readings__leads_to_the_commitment(
    count: int, data: st.DataObject
) -> None:
    taken = [
        pressure(number % 28, record_identity=f"Observation/{number}", device=f"Device/{number}")
        for number in range(count)
    ]
    opening = Opening(month(*taken), SALT)
    number = data.draw(st.integers(1, count))
    verify_readings(prove_reading(opening, number), opening.commitment)
    verify_readings(prove_days(opening), opening.commitment)


@pytest.mark.parametrize("number", [0, 31])
def test_prove_reading__of_no_such_number__says_how_many_there_are(number: int) -> None:
    with pytest.raises(AttestationError, match="no reading") as refused:
        prove_reading(JUNE, number)
    assert refused.value.hint is not None
    assert "30" in refused.value.hint


def test_prove__of_a_record_without_readings__is_refused() -> None:
    for prove in (prove_days, lambda opening: prove_reading(opening, 1)):
        with pytest.raises(AttestationError, match="has no readings"):
            prove(Opening(month(readings=None), SALT))


def test_proof_of_one_reading__as_a_file__holds_no_salt_but_its_own_and_nothing_of_its_siblings() -> None:
    file = ONE.to_bytes().decode()
    assert SALT.hex() not in file
    assert "José" not in file
    for number, fields in enumerate(JUNE.reading_fields(), start=1):
        for field in fields:
            assert (field.salt.hex() in file) is (number == 5)
    assert "2026-06-04" not in file
    assert not any(field.salt.hex() in file for field in JUNE.record_fields())


def test_salts__of_a_record__are_all_different() -> None:
    fields = [*JUNE.record_fields(), *(field for fields in JUNE.reading_fields() for field in fields)]
    assert (
        len({field.salt for field in fields}) == len(fields) == len(RECORD_FIELDS) + 30 * len(READING_FIELDS)
    )


# ---- all days -------------------------------------------------------------------------------------------


def test_prove_days__of_a_month__shows_the_period_and_every_day_and_no_more() -> None:
    proof = ReadingsProof.parse(DAYS.to_bytes())
    verify_readings(proof, COMMITMENT)
    assert proof.is_complete
    assert proof.record_values == {"first_day": "2026-06-01", "last_day": "2026-06-30"}
    assert [reading.values for reading in proof.readings] == [
        {"day": f"2026-06-{number + 1:02d}"} for number in range(30)
    ]
    file = DAYS.to_bytes().decode()
    assert not any(told in file for told in ("85354-9", "cuff", "Observation", "08:15", "José"))


def test_prove_days__one_day_left_out__does_not_lead_there() -> None:
    short = replace(DAYS, readings=DAYS.readings[:-1])
    with pytest.raises(AttestationError):
        verify_readings(short, COMMITMENT)
    with pytest.raises(AttestationError, match="does not lead"):
        verify_readings(replace(short, count=29), COMMITMENT)


# ---- what must fail -------------------------------------------------------------------------------------


def with_field(proof: ReadingsProof, name: str, field: Any) -> ReadingsProof:
    """The proof of one reading, with another field in the place of one."""
    (shown,) = proof.readings
    fields = list(shown.fields)
    fields[READING_FIELDS.index(name)] = field
    return replace(proof, readings=(replace(shown, fields=tuple(fields)),))


def opened(proof: ReadingsProof, name: str) -> OpenField:
    field = proof.readings[0].fields[READING_FIELDS.index(name)]
    assert isinstance(field, OpenField)
    return field


@pytest.mark.parametrize("name", READING_FIELDS)
def test_verify__any_field_changed__is_refused(name: str) -> None:
    field = opened(ONE, name)
    for forged in (replace(field, value="another"), replace(field, salt=bytes(16))):
        with pytest.raises(AttestationError, match="does not lead"):
            verify_readings(with_field(ONE, name, forged), COMMITMENT)


def test_verify__field_under_the_name_of_another__is_refused() -> None:
    """Its hash would be right where it stands, and what it shows would pass for something else."""
    device = opened(ONE, "device")
    with pytest.raises(AttestationError, match="fields are not those"):
        verify_readings(with_field(ONE, "day", device), COMMITMENT)


def test_verify__another_number__is_refused() -> None:
    (shown,) = ONE.readings
    for number in (4, 6):
        with pytest.raises(AttestationError, match="does not lead"):
            verify_readings(replace(ONE, readings=(replace(shown, number=number),)), COMMITMENT)


@pytest.mark.parametrize("number", [-1, 0, 31, 2**40])
def test_verify__number_that_no_reading_of_the_record_has__is_refused(number: int) -> None:
    (shown,) = ONE.readings
    with pytest.raises(AttestationError, match="not numbered"):
        verify_readings(replace(ONE, readings=(replace(shown, number=number),)), COMMITMENT)


def test_verify__path_of_another_record_or_of_another_reading__is_refused() -> None:
    (shown,) = ONE.readings
    for other in (prove_reading(Opening(month(), bytes(16)), 5), prove_reading(JUNE, 7)):
        path = other.readings[0].path
        with pytest.raises(AttestationError, match="does not lead"):
            verify_readings(replace(ONE, readings=(replace(shown, path=path),)), COMMITMENT)


def test_verify__against_the_commitment_of_another_record__is_refused() -> None:
    with pytest.raises(AttestationError, match="does not lead"):
        verify_readings(ONE, commit(month(), bytes(16)))


def test_verify__another_count__is_refused() -> None:
    for count in (29, 31):
        with pytest.raises(AttestationError):
            verify_readings(replace(ONE, count=count), COMMITMENT)


@pytest.mark.parametrize("name", RECORD_FIELDS)
def test_verify__field_of_the_record_changed__is_refused(name: str) -> None:
    place = RECORD_FIELDS.index(name)
    fields = list(ONE.record)
    fields[place] = HiddenField(bytes(32))
    with pytest.raises(AttestationError, match="does not lead"):
        verify_readings(replace(ONE, record=tuple(fields)), COMMITMENT)


def leaves() -> list[bytes]:
    return [
        reading_leaf(number, [field.digest for field in fields])
        for number, fields in enumerate(JUNE.reading_fields(), start=1)
    ]


def test_verify__inner_node_as_a_leaf__cannot_be_stated() -> None:
    """Two leaves are 64 bytes; what a leaf is made of has a tag, a number and seven hashes, and is hashed
    twice."""
    tree = leaves()
    node = root_of_proof(tree[4], [tree[5]])
    path = ONE.readings[0].path[1:]
    assert root_of_proof(node, path) == merkle_root(tree)
    assert reading_leaf(5, tree[4:6]) != node
    posing = ShownReading(5, (HiddenField(tree[4]), HiddenField(tree[5])), path)
    with pytest.raises(AttestationError, match="fields are not those"):
        verify_readings(replace(ONE, readings=(posing,)), COMMITMENT)


def test_verify__path_that_begins_or_ends_elsewhere_in_the_tree__is_refused() -> None:
    (shown,) = ONE.readings
    for path in (shown.path[1:], shown.path[:-1], (*shown.path, bytes(32)), ()):
        with pytest.raises(AttestationError, match="path of reading 5"):
            verify_readings(replace(ONE, readings=(replace(shown, path=path),)), COMMITMENT)


def test_verify__hashes_that_are_none__are_refused() -> None:
    (shown,) = ONE.readings
    first, second, *more = shown.fields
    joined = (HiddenField(first.digest + second.digest[:16]), HiddenField(second.digest[16:]), *more)
    for readings, told in (
        (replace(shown, fields=joined), "fields are not those"),
        (replace(shown, path=(shown.path[0] + bytes(1), *shown.path[1:])), "path of reading 5"),
    ):
        with pytest.raises(AttestationError, match=told):
            verify_readings(replace(ONE, readings=(readings,)), COMMITMENT)


def test_verify__hashes_of_the_record_that_are_none__are_refused() -> None:
    """Together they are the same bytes, and the commitment the same."""
    first, second, *more = ONE.record
    assert isinstance(first, HiddenField)
    assert isinstance(second, HiddenField)
    joined = (HiddenField(first.digest + second.digest[:16]), HiddenField(second.digest[16:]), *more)
    for record in (joined, (HiddenField(first.digest + second.digest), *more)):
        with pytest.raises(AttestationError, match="fields are not those"):
            verify_readings(replace(ONE, record=record), COMMITMENT)


@pytest.mark.parametrize("length", [0, 15, 17])
def test_verify__salt_of_another_length__is_refused(length: int) -> None:
    """What is hashed is the same where a salt ends elsewhere in it."""
    salted = replace(opened(ONE, "day"), salt=bytes(length))
    with pytest.raises(AttestationError, match="fields are not those"):
        verify_readings(with_field(ONE, "day", salted), COMMITMENT)


def test_verify__more_readings_than_a_record_may_have__are_refused() -> None:
    for count in (MOST_READINGS + 1, 2**40):
        with pytest.raises(AttestationError, match="not numbered"):
            verify_readings(replace(ONE, count=count), COMMITMENT)


def test_verify__the_same_reading_twice_or_none__is_refused() -> None:
    for readings in ((), ONE.readings * 2, tuple(reversed(DAYS.readings))):
        with pytest.raises(AttestationError, match="not numbered"):
            verify_readings(replace(ONE, readings=readings), COMMITMENT)


def test_verify__readings_of_two_records__are_refused() -> None:
    other = prove_reading(Opening(month(), bytes(16)), 6)
    with pytest.raises(AttestationError, match="not of one record"):
        verify_readings(replace(ONE, readings=(*ONE.readings, *other.readings)), COMMITMENT)


def test_verify__every_reading_and_a_path_beside_it__is_refused() -> None:
    with_path = tuple(replace(reading, path=(bytes(HASH_BYTES),)) for reading in DAYS.readings)
    with pytest.raises(AttestationError, match="paths beside"):
        verify_readings(replace(DAYS, readings=with_path), COMMITMENT)


def test_verify__two_readings_with_their_paths__lead_there() -> None:
    both = replace(ONE, readings=(*ONE.readings, *prove_reading(JUNE, 9).readings))
    verify_readings(both, COMMITMENT)


def test_verify__the_value_hidden__leads_there_still() -> None:
    (shown,) = ONE.readings
    fields = show_only([opened(ONE, name) for name in READING_FIELDS], ("day", "device"))
    proof = replace(ONE, readings=(replace(shown, fields=fields),))
    verify_readings(proof, COMMITMENT)
    assert proof.readings[0].values == {"day": "2026-06-05", "device": "Device/cuff"}


# ---- the file -------------------------------------------------------------------------------------------


def edited(edit: Callable[[Any], None]) -> bytes:
    stated = orjson.loads(ONE.to_bytes())
    edit(stated)
    return orjson.dumps(stated)


@pytest.mark.parametrize(
    "edit",
    [
        lambda stated: stated.update(version=2),
        lambda stated: stated.update(chainbill="sealed records"),
        lambda stated: stated.pop("record"),
        lambda stated: stated.update(count="30"),
        lambda stated: stated.update(count=True),
        lambda stated: stated.update(commitment=7),
        lambda stated: stated.update(readings={"number": 1}),
        lambda stated: stated["readings"][0].update(path=["0x00"]),
        lambda stated: stated["readings"][0]["fields"][0].pop("salt"),
        lambda stated: stated["readings"][0]["fields"][0].update(name=5),
        lambda stated: stated["readings"][0]["fields"].append({"hash": "0x00"}),
    ],
)
def test_parse__anything_else__is_no_proof(edit: Callable[[Any], None]) -> None:
    with pytest.raises(AttestationError, match="no proof of readings"):
        ReadingsProof.parse(edited(edit))


def test_parse__value_nested_beyond_reason__is_no_proof() -> None:
    deep = edited(lambda stated: stated["readings"][0]["fields"][0].update(value="deep"))
    with pytest.raises(AttestationError, match="no proof of readings"):
        ReadingsProof.parse(deep.replace(b'"deep"', b"[" * 300 + b"]" * 300))


def test_parse__nothing_or_no_json__is_no_proof() -> None:
    for content in (b"", b"[]", b"7", b"\xff", b"{"):
        with pytest.raises(AttestationError, match="no proof of readings"):
            ReadingsProof.parse(content)


def test_parse__proof_that_states_another_commitment__is_refused() -> None:
    with pytest.raises(AttestationError, match="does not lead"):
        ReadingsProof.parse(edited(lambda stated: stated.update(commitment="0x" + "00" * 32)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def parts(stated: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where everything in it is."""
    inside: Iterable[tuple[Any, Any]] = ()
    if isinstance(stated, dict):
        inside = stated.items()
    elif isinstance(stated, list):
        inside = enumerate(stated)
    below = [place for key, value in inside for place in parts(value, (*path, key))]
    return [path, *below] if path else below


@given(st.data())
@settings(max_examples=300)
def test_parse__any_part_of_a_proof_replaced__is_refused_or_leads_there(data: st.DataObject) -> None:
    stated = orjson.loads(ONE.to_bytes())
    *way, last = data.draw(st.sampled_from(parts(stated)))
    around = stated
    for key in way:
        around = around[key]
    around[last] = data.draw(JSON)
    try:
        proof = ReadingsProof.parse(json.dumps(stated).encode())
    except AttestationError:
        return
    assert proof == ONE
