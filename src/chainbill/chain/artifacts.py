"""Committed ABIs and bytecode: what ``scripts/export_artifacts.py`` compiled from ``contracts/``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from chainbill.errors import ChainError

CONTRACTS = (
    "Governance",
    "DevUSD",
    "ProviderRegistry",
    "PatientEscrow",
    "InsurerPayerFactory",
    "InsurerPayer",
    "ClaimSettlement",
    "SettlementExtension",
    "SettlementAdmin",
    "TokenTrial",
)
"""Every contract that is deployed, and the one that only tries a token, by Solidity name."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: str
    """Creation code, ``0x``-prefixed hex."""
    runtime: bytes
    """Run-time code, with zeros where the immutables stand."""
    immutables: dict[str, tuple[int, ...]]
    """Of each immutable the places of its 32 bytes in the run-time code, by its Solidity name."""
    compiler: dict[str, str | int | bool]
    """Version of solc and its settings."""


@cache
def load_artifact(name: str) -> Artifact:
    """Read a committed artifact.

    Raises:
        ChainError: there is no contract of that name.
    """
    source = files("chainbill.chain").joinpath("artifacts", f"{name}.json")
    if not source.is_file():
        raise ChainError(f"no compiled contract named {name}", hint="run `make artifacts`")
    return read_artifact(json.loads(source.read_text(encoding="utf-8")))


def read_artifact(content: Mapping[str, Any]) -> Artifact:
    """A contract from what the export writes of it."""
    return Artifact(
        name=content["contractName"],
        abi=content["abi"],
        bytecode=content["bytecode"],
        runtime=bytes.fromhex(content["deployedBytecode"].removeprefix("0x")),
        immutables={each: tuple(places) for each, places in content["immutables"].items()},
        compiler=content["compiler"],
    )
