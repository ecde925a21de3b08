"""The governor's functions, read from the sources, so that a new one cannot be forgotten in a test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.support.evm import artifact

from chainbill.chain.artifacts import CONTRACTS

SOURCES = Path(__file__).resolve().parents[2] / "contracts"

DELEGATES = {"ClaimSettlement": "SettlementExtension", "SettlementExtension": "SettlementAdmin"}
"""Whose code a contract runs as its own."""

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_CONTRACT = re.compile(r"\bcontract\s+(\w+)(?:\s+is\s+([^{]+))?\{")
_FUNCTION = re.compile(r"\bfunction\s+(\w+)\s*\([^{;]*\{")
_RESTRICTED = re.compile(r"\brestricted\b")


class Part(NamedTuple):
    """One contract of the sources: what it inherits, and its own restricted functions."""

    bases: tuple[str, ...]
    restricted: tuple[str, ...]


def restricted_functions() -> dict[str, set[str]]:
    """Functions with the modifier ``restricted``, by deployable contract; those without any are left out.

    Raises:
        AssertionError: such a function was found where no deployable contract has it from.
    """
    names = set(CONTRACTS) - set(DELEGATES.values())
    found = {name: functions for name in names if (functions := set(_reached(name)))}
    assert set().union(*found.values()) == {name for part in parts().values() for name in part.restricted}
    return found


def verbs(contract: str) -> set[str]:
    """The functions of a contract that may change something."""
    return {
        entry["name"]
        for entry in artifact(contract)["abi"]
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }


@cache
def parts() -> dict[str, Part]:
    """Every contract of ours that is no interface or library, by name."""
    found = {}
    for path in SOURCES.rglob("*.sol"):
        folder, *_ = path.relative_to(SOURCES).parts
        if folder.startswith("."):
            continue
        text = _COMMENT.sub("", path.read_text(encoding="utf-8"))
        for name, bases in _CONTRACT.findall(text):
            functions = tuple(match[1] for match in _FUNCTION.finditer(text) if _RESTRICTED.search(match[0]))
            found[name] = Part(tuple(re.findall(r"\w+", bases)), functions)
    return found


def _reached(contract: str) -> Iterator[str]:
    part = parts().get(contract, Part((), ()))
    yield from part.restricted
    for other in (*part.bases, *([DELEGATES[contract]] if contract in DELEGATES else [])):
        yield from _reached(other)
