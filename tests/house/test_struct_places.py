"""Structs that assembly reads by place: each field stands where the comment beside it says, word by word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"

FIELD = re.compile(r"^ {4,8}[\w.]+ (\w+);(?: // +(0x[0-9a-f]+)\b)?", re.MULTILINE)


def fields(file: str, struct: str) -> list[tuple[str, str]]:
    """The fields of a struct in order, each with the place in its comment or ''."""
    body = re.search(
        rf"^ *struct {struct} \{{(.*?)^ *\}}", (CONTRACTS / file).read_text(), re.MULTILINE | re.DOTALL
    )
    assert body is not None
    return FIELD.findall(body[1])


@pytest.mark.parametrize(
    "file, struct, placed",
    [("payer/SectionPricing.sol", "Pricing", 27), ("settlement/Cursor.sol", "Cursor", 17)],
)
def test_struct__fields_with_a_place__stand_there(file: str, struct: str, placed: int) -> None:
    found = fields(file, struct)
    assert [place for _, place in found[:placed]] == [f"0x{32 * index:02x}" for index in range(placed)]
    assert not any(place for _, place in found[placed:])


def test_cursor__named_places__are_those_of_its_fields() -> None:
    text = (CONTRACTS / "settlement/Cursor.sol").read_text()
    named = {
        name.lower(): place
        for name, place in re.findall(r"^uint256 constant CURSOR_(\w+) = (\w+);$", text, re.M)
    }
    placed = {name: place for name, place in fields("settlement/Cursor.sol", "Cursor") if place}
    assert named
    assert named.items() <= placed.items()


def test_batch_context__copied_as_224_bytes__has_seven_words() -> None:
    text = (CONTRACTS / "types/Batch.sol").read_text()
    body = re.search(r"struct BatchContext \{(.*?)\}", text, re.DOTALL)
    assert body is not None
    assert len(re.findall(r"^ +(?:uint256|bytes32|address|bool) \w+;$", body[1], re.MULTILINE)) == 7
    assert body[1].count(";") == 7
    assert "mcopy(add(free, 4), context, 224)" in (CONTRACTS / "settlement/SectionCalls.sol").read_text()
