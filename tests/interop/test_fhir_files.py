"""Files: the three forms that are read, and one clear line for each that is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.fhir import CLINIC, DOCTOR, PATIENT, bundle, encounter, record, request

from chainbill.errors import MalformedRecord, RecordError, RecordTooLarge
from chainbill.interop.fhir import read_fhir
from chainbill.interop.fhir.files import MAX_DEPTH

VISIT = json.dumps(encounter())


def lines(*resources: Any) -> str:
    return "".join(json.dumps(resource) + "\n" for resource in resources)


def nested(depth: int) -> dict[str, Any]:
    value: Any = {}
    for _ in range(depth):
        value = {"extension": [value]}
    return {"resourceType": "Basic", **value}


def test_bundle__of_any_type__is_opened(read: Any) -> None:
    for bundle_type in ("collection", "transaction", "batch", "searchset", "document", "history", "message"):
        assert len(read(record(encounter()) | {"type": bundle_type}).events) == 1


def test_bundle__empty__is_read_as_nothing(read: Any) -> None:
    assert read({"resourceType": "Bundle", "type": "searchset", "total": 0}).skipped == []


def test_single_resource__is_read_as_one_entry(read: Any) -> None:
    report = read(encounter())
    assert [event.record_identity for event in report.events] == ["Encounter/visit"]
    assert report.skipped == []


@pytest.mark.parametrize("name", ["record.ndjson", "record.jsonl", "record.json", "record"])
def test_ndjson__by_name_or_by_content__is_read_line_by_line(read: Any, name: str) -> None:
    content = "\n" + lines(PATIENT, CLINIC, DOCTOR, encounter()).replace("\n", "\r\n\n")
    report = read(content, name=name)
    assert (len(report.events), len(report.skipped)) == (1, 3)


def test_ndjson__of_bundles__opens_each(read: Any) -> None:
    other = bundle(PATIENT, CLINIC, request(id="other"), {"resourceType": "Basic"})
    report = read(lines(record(encounter()), other))
    assert {event.record_identity for event in report.events} == {
        "Encounter/visit",
        "MedicationRequest/other",
    }
    assert report.skipped[-1].resource == "Basic (line 2 entry 4)"


def test_ndjson__synthea_references_without_full_urls__are_found(read: Any) -> None:
    subject = {"reference": "urn:uuid:0a0a0a0a-0000-0000-0000-000000000001"}
    patient = PATIENT | {"id": "0a0a0a0a-0000-0000-0000-000000000001"}
    (event,) = read(lines(patient, CLINIC, encounter(subject=subject)), name="r.ndjson").events
    assert event.patient.name == "Pat Q. Doe"


def test_json__with_a_byte_order_mark__is_read(read: Any) -> None:
    assert len(read(b"\xef\xbb\xbf" + VISIT.encode()).events) == 1


def test_bundle__entries_that_are_no_resources__are_each_accounted_for(read: Any) -> None:
    entries: list[Any] = [{}, {"fullUrl": "urn:uuid:x"}, 7, {"resource": 7}, {"resource": {"id": "x"}}]
    entries += [{"resource": {"resourceType": "../x"}}, {"resource": bundle(encounter())}]
    report = read(bundle() | {"entry": entries})
    assert report.events == []
    assert [str(skipped) for skipped in report.skipped] == [
        "entry 1: entry without a resource",
        "entry 2: entry without a resource",
        "entry 3: entry without a resource",
        "entry 4: entry without a resource",
        "entry 5: invalid: it states no resourceType",
        "entry 6: invalid: it states no resourceType",
        "Bundle (entry 7): not a service: a bundle inside a bundle",
    ]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "empty"),
        (b" \n\t ", "empty"),
        (b"{", "not JSON: Expecting property name"),
        (b'{"resourceType": "Patient",}', "line 1 column 28"),
        (b"[]", "a JSON list"),
        (b"7", "a JSON int"),
        (b"null", "a JSON NoneType"),
        (b"{}", "states no resourceType"),
        (b'{"resourceType": 7}', "states no resourceType"),
        (b'{"resourceType": "patient"}', "states no resourceType"),
        (b'{"resourceType": "Bundle", "entry": {}}', "Bundle.entry is not a list"),
        (b"<Patient xmlns='http://hl7.org/fhir'/>", "XML"),
        (VISIT.encode("utf-16"), "only UTF-8 is read"),
        (b"\x89PNG\r\n\x1a\n\x00", "a picture (PNG)"),
        (b"\xfe\xfd{}", "not UTF-8"),
        (b"ISA*00*          *00*", "X12"),
        (b"a,b,c\n1,2,3\n", "a table (CSV"),
        (b'{"resourceType": "Basic", "x": NaN}', "NaN is not a number"),
        (b'{"resourceType": "Basic", "x": 1e99999999999999999999}', "not JSON"),
        (b'{"resourceType": "Basic", "x": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"resourceType": "Basic"} trailing', "Extra data"),
        (json.dumps(nested(MAX_DEPTH)).encode(), "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"resourceType": "Basic", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    ],
)
def test_file__that_is_no_fhir_json__is_refused_in_one_line(read: Any, content: bytes, message: str) -> None:
    with pytest.raises(MalformedRecord) as refused:
        read(content)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_file__nested_within_reason__is_read(read: Any) -> None:
    assert read(nested(MAX_DEPTH // 2 - 2)).skipped_counts() == {"not a service": 1}


@pytest.mark.parametrize(
    "content, message",
    [
        (VISIT + "\nnot json\n", "line 2: not JSON"),
        (VISIT + "\n[]\n", "line 2: not a FHIR resource"),
        ('{"a": 1}\n{"a": 2}\n', "holds no FHIR resource"),
        ("", "the file is empty"),
        ("\n{}\n", "holds no FHIR resource"),
    ],
)
def test_ndjson__bad_line__is_refused_with_its_number(read: Any, content: str, message: str) -> None:
    with pytest.raises(MalformedRecord, match=message):
        read(content, name="record.ndjson")


def test_json__over_max_bytes__is_refused_before_it_is_parsed(read: Any) -> None:
    content = VISIT + " " * 1000
    with pytest.raises(RecordTooLarge) as refused:
        read(content, max_bytes=len(VISIT))
    assert (refused.value.size, refused.value.limit) == (len(content), len(VISIT))
    assert refused.value.hint
    assert len(read(content, max_bytes=len(content)).events) == 1


def test_ndjson__over_max_bytes__is_read_and_only_its_lines_are_limited(read: Any) -> None:
    visits = (VISIT.replace('"visit"', f'"v{n:04}"').replace("T10:00", f"T10:{n:02}") for n in range(20))
    content = "".join(f"{visit}\n" for visit in visits)
    assert len(read(content, max_bytes=len(VISIT), name="r.ndjson").events) == 20
    assert len(read(content, max_line_bytes=len(VISIT), name="r.ndjson").events) == 20
    with pytest.raises(RecordTooLarge, match="line 1: over the limit"):
        read(content, max_line_bytes=len(VISIT) - 1, name="r.ndjson")


@pytest.mark.parametrize("name", ["nothing.json", ".", "nothing/there.json", "\0.json"])
def test_path__that_is_no_file__is_refused(tmp_path: Path, catalogue: Any, name: str) -> None:
    with pytest.raises(RecordError) as refused:
        read_fhir(tmp_path / name, catalogue=catalogue)
    assert "no" in str(refused.value)


def test_text__with_control_characters_or_half_a_surrogate__is_made_safe(read: Any) -> None:
    patient = PATIENT | {"name": [{"text": "Pat\u001b[31m\nDoe \ud800"}]}
    (event,) = read(bundle(patient, CLINIC, encounter())).events
    assert event.patient.name == "Pat [31m Doe ?"
