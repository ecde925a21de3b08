"""The governor's functions, read from the sources, so that a new one cannot be forgotten in a test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.contracts.evm import artifact

from chainbill.chain.artifacts import CONTRACTS

SOURCES = Path(__file__).resolve().parents[2] / "contracts"

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_CONTRACT = re.compile(r"\bcontract\s+(\w+)(?:\s+is\s+([^{]+))?\{")
_FUNCTION = re.compile(r"\bfunction\s+(\w+)\s*\([^{;]*\{")
_RESTRICTED = re.compile(r"\brestricted\b")


def restricted_functions() -> dict[str, set[str]]:
    """Functions with the modifier ``restricted``, by deployable contract; those without any are left out."""
    found = {name: set(_inherited(name)) for name in CONTRACTS}
    return {name: functions for name, functions in found.items() if functions}


def verbs(contract: str) -> set[str]:
    """The functions of a contract that may change something."""
    return {
        entry["name"]
        for entry in artifact(contract)["abi"]
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }


def _inherited(contract: str) -> Iterator[str]:
    bases, functions = _parts().get(contract, ((), ()))
    yield from functions
    for base in bases:
        yield from _inherited(base)


@cache
def _parts() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """By contract of ours: what it inherits, and its own restricted functions."""
    parts = {}
    for path in SOURCES.glob("*.sol"):
        text = _COMMENT.sub("", path.read_text(encoding="utf-8"))
        ((name, bases),) = _CONTRACT.findall(text)
        functions = tuple(match[1] for match in _FUNCTION.finditer(text) if _RESTRICTED.search(match[0]))
        parts[name] = (tuple(re.findall(r"\w+", bases)), functions)
    return parts
