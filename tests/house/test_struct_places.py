"""Structs that assembly reads by place: each field stands where the comment beside it says, word by word."""

from __future__ import annotations

import re
from pathlib import Path

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"

FIELD = re.compile(r"^ {4,8}[\w.]+ (\w+);", re.MULTILINE)


def fields(file: str, struct: str) -> list[str]:
    """The fields of a struct in order."""
    body = re.search(
        rf"^ *struct {struct} \{{(.*?)^ *\}}", (CONTRACTS / file).read_text(), re.MULTILINE | re.DOTALL
    )
    assert body is not None
    return FIELD.findall(body[1])


def named_places(file: str, prefix: str = "") -> dict[str, int]:
    """The places that a file's constants name, by the name of the field."""
    found = re.findall(
        rf"^ *uint256 (?:private )?constant {prefix}(\w+) = (0x[0-9a-f]{{2,3}});$",
        (CONTRACTS / file).read_text(),
        re.M,
    )
    return {
        re.sub(r"_(\w)", lambda part: part[1].upper(), name.lower()): int(place, 16) for name, place in found
    }


def test_cursor__places_that_assembly_names__are_those_of_its_fields() -> None:
    file = "settlement/Cursor.sol"
    order = fields(file, "Cursor")
    named = named_places(file, "CURSOR_")
    assert len(named) == 15
    assert named == {name: 32 * order.index(name) for name in named}


def test_pricing__places_that_assembly_names__are_those_of_its_fields() -> None:
    """They are in memory itself, from where `_checkPlace` holds that the struct stands."""
    file = "payer/SectionPricing.sol"
    order = fields(file, "Pricing")
    named = named_places(file)
    first = named["pricing"]
    places = {name: place for name, place in named.items() if name in order}
    assert len(places) == 25
    assert places == {name: first + 32 * order.index(name) for name in order[:25]}
    assert named["planPlace"] == 32 * order.index("plan")


def test_batch_context__copied_as_224_bytes__has_seven_words() -> None:
    text = (CONTRACTS / "types/Batch.sol").read_text()
    body = re.search(r"struct BatchContext \{(.*?)\}", text, re.DOTALL)
    assert body is not None
    assert len(re.findall(r"^ +(?:uint256|bytes32|address|bool) \w+;$", body[1], re.MULTILINE)) == 7
    assert body[1].count(";") == 7
    assert "mcopy(add(free, 4), context, 224)" in (CONTRACTS / "settlement/SectionCalls.sol").read_text()
