"""Broken records: whatever is wrong in them, they are read or refused, and nothing else happens."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chainbill.errors import RecordError
from chainbill.interop.fhir import read_fhir

EVERY_KIND = json.loads((Path(__file__).parents[1] / "fixtures" / "fhir" / "every_kind.json").read_text())

REPLACEMENTS = st.one_of(
    st.sampled_from(
        [None, True, 0, -1, 10**30, 1e308, "", "x", "\ud800", "\x1b[0m", [], {}, [{}], [[]], [None], {"": {}}]
    ),
    st.sampled_from(
        ["Patient/pat", "urn:uuid:x", "#x", "Encounter/office", "final", "finished", "2024", "9999-12-31"]
    ),
    st.sampled_from([{"reference": "Observation/ldl"}, {"coding": [{"code": "laboratory"}]}, {"value": -1}]),
    st.recursive(st.text(max_size=5) | st.integers() | st.floats(allow_nan=False), st.lists, max_leaves=5),
)


def break_somewhere(node: Any, draw: Any) -> None:
    """Walk to a random place in the record and delete, replace, rename or repeat what is there."""
    while True:
        keys: list[Any] = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = draw(st.sampled_from(keys))
        inner = node[key]
        if isinstance(inner, dict | list) and inner and draw(st.integers(0, 4)):
            node = inner
            continue
        match draw(st.sampled_from(["delete", "replace", "wrap", "rename"])):
            case "delete":
                del node[key]
            case "wrap":
                node[key] = [inner]
            case "rename" if isinstance(node, dict):
                node["renamed"] = node.pop(key)
            case _:
                node[key] = copy.deepcopy(draw(REPLACEMENTS))
        return


@st.composite
def broken_records(draw: Any) -> Any:
    broken = copy.deepcopy(EVERY_KIND)
    for _ in range(draw(st.integers(1, 12))):
        if broken:
            break_somewhere(broken, draw)
    return broken


def read_or_refused(path: Path, catalogue: Any, content: bytes) -> Any:
    path.write_bytes(content)
    try:
        return read_fhir(path, catalogue=catalogue)
    except RecordError as error:
        message = str(error)
    assert "\n" not in message
    return None


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "record.json"


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(broken=broken_records())
def test_broken_record__is_read_in_full_or_refused(scratch: Path, catalogue: Any, broken: Any) -> None:
    report = read_or_refused(scratch, catalogue, json.dumps(broken).encode())
    if report is not None and isinstance(broken.get("entry"), list):
        assert len(report.events) + len(report.skipped) == len(broken["entry"])
        report.model_dump_json()


@settings(max_examples=150, deadline=None)
@given(
    content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: f"{{{text}}}".encode()))
)
def test_broken_file__is_refused(scratch: Path, catalogue: Any, content: bytes) -> None:
    assert read_or_refused(scratch, catalogue, content) is None


@settings(max_examples=50, deadline=None)
@given(cut=st.integers(0, 20_000), flip=st.integers(0, 255), at=st.integers(0, 20_000))
def test_damaged_file__is_read_or_refused(
    scratch: Path, catalogue: Any, cut: int, flip: int, at: int
) -> None:
    content = bytearray(json.dumps(EVERY_KIND).encode())
    content[at % len(content)] ^= flip
    read_or_refused(scratch, catalogue, bytes(content[: len(content) - cut % 3]))
