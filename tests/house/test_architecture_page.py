"""The map names every room and no other, in the order of the imports, and the files it names are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.house import import_layers

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
FUTURE_ROOMS = {"web"}
"""Named in LAYERS, and made when they come."""


def test_architecture__rooms__are_the_layers_in_their_order() -> None:
    table = PAGE.split("## Rooms")[1].split("##")[0]
    named = [
        room.removesuffix(".py").removesuffix("/")
        for line in table.splitlines()
        if line.startswith("| `")
        for room in re.findall(r"`([a-z_/]+(?:\.py)?)`", line.split("|")[1])
    ]
    layers = import_layers.read_layers(ROOT / "src" / "chainbill")
    assert named == [layer for layer in layers if layer not in FUTURE_ROOMS]


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:src|contracts|tests|docs)/[\w/.-]+)`", PAGE))))
def test_architecture__what_it_names__is_there(path: str) -> None:
    assert (ROOT / path).exists()
