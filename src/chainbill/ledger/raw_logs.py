"""The ledger as the chain holds it: raw logs in order, and the file a copy of them is kept in.

The file is JSON Lines: a header (which chain, which deployment, which blocks, how many logs), then one log a
line in the shape of ``eth_getLogs``. It holds what is public on chain and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chainbill.chain.deployments import Deployment
from chainbill.errors import LedgerError, unusable
from chainbill.records.repeated_keys import refuse_repeated_keys

_PATTERNS = {
    "address": re.compile(r"0x[0-9a-f]{40}"),
    "data": re.compile(r"0x(?:[0-9a-f]{2})*"),
    "hash": re.compile(r"0x[0-9a-f]{64}"),
    "quantity": re.compile(r"0x[0-9a-f]{1,16}"),
}


@dataclass(frozen=True, slots=True)
class RawLog:
    """One log, undecoded: hexadecimal text in lower case, numbers as integers."""

    address: str
    topics: tuple[str, ...]
    data: str
    block: int
    block_hash: str
    block_time: int
    transaction: str
    transaction_index: int
    log_index: int

    @property
    def position(self) -> tuple[int, int]:
        """What orders logs: block, then index within the block."""
        return (self.block, self.log_index)

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> RawLog:
        """Read a log of ``eth_getLogs`` that carries its ``blockTimestamp``.

        Raises:
            ValueError: a field is missing or not what it should be; says which.
        """
        topics = entry.get("topics")
        if not isinstance(topics, list):
            raise ValueError("topics")
        return cls(
            address=_text(entry, "address", "address"),
            topics=tuple(_text({"topics": topic}, "topics", "hash") for topic in topics),
            data=_text(entry, "data", "data"),
            block=_quantity(entry, "blockNumber"),
            block_hash=_text(entry, "blockHash", "hash"),
            block_time=_quantity(entry, "blockTimestamp"),
            transaction=_text(entry, "transactionHash", "hash"),
            transaction_index=_quantity(entry, "transactionIndex"),
            log_index=_quantity(entry, "logIndex"),
        )

    def to_json(self) -> dict[str, Any]:
        """The log as ``eth_getLogs`` gives it."""
        return {
            "address": self.address,
            "topics": list(self.topics),
            "data": self.data,
            "blockNumber": hex(self.block),
            "blockHash": self.block_hash,
            "blockTimestamp": hex(self.block_time),
            "transactionHash": self.transaction,
            "transactionIndex": hex(self.transaction_index),
            "logIndex": hex(self.log_index),
        }


class Header(BaseModel):
    """The first line of a ledger file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ledger: Literal["chainbill"] = "chainbill"
    version: Literal[1] = 1
    deployment: Deployment
    to_block: int = Field(ge=0)
    """The last block that was read; the first is the deployment's."""
    to_block_hash: str = Field(pattern=r"^0x[0-9a-f]{64}$")
    to_block_time: int = Field(ge=0)
    logs: int = Field(ge=0)
    """How many lines follow."""


@dataclass(frozen=True, slots=True)
class RawLedger:
    """Every log of one deployment up to one block."""

    header: Header
    logs: tuple[RawLog, ...]

    def to_bytes(self) -> bytes:
        """The content of a ledger file."""
        lines = [self.header.model_dump(), *(log.to_json() for log in self.logs)]
        return b"".join(orjson.dumps(line) + b"\n" for line in lines)

    def write(self, path: Path) -> None:
        """Write the ledger file.

        Raises:
            StateError: the file cannot be written.
        """
        try:
            path.write_bytes(self.to_bytes())
        except OSError as error:
            raise unusable(path, "written", error) from None

    @classmethod
    def read(cls, path: Path) -> RawLedger:
        """Read a ledger file. Malformed lines are refused here; well-formed ones may still be false.

        Raises:
            LedgerError: not a ledger file; says which line.
            StateError: the file cannot be read.
        """
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise unusable(path, "read", error) from None
        if not lines:
            raise LedgerError(
                f"{path.name} is empty", hint="write one: chainbill audit history --export FILE"
            )
        return cls(_header(path, lines[0]), tuple(_logs(path, lines[1:])))


def _header(path: Path, line: bytes) -> Header:
    refuse_repeated_keys(line, f"{path.name} line 1", LedgerError)
    try:
        return Header.model_validate_json(line)
    except ValidationError:
        raise LedgerError(
            f"{path.name} line 1 is not the header of a ledger",
            hint="write one: chainbill audit history --export FILE",
        ) from None


def _logs(path: Path, lines: Iterable[bytes]) -> Iterable[RawLog]:
    for number, line in enumerate(lines, start=2):
        try:
            entry = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise LedgerError(f"{path.name} line {number} is not JSON") from None
        refuse_repeated_keys(line, f"{path.name} line {number}", LedgerError)
        if not isinstance(entry, dict):
            raise LedgerError(f"{path.name} line {number} is not a log")
        try:
            yield RawLog.from_json(entry)
        except ValueError as error:
            raise LedgerError(
                f"{path.name} line {number} is not a log: its {error} is missing or malformed"
            ) from None


def _text(entry: Mapping[str, Any], name: str, pattern: str) -> str:
    value = entry.get(name)
    lower = value.lower() if isinstance(value, str) else ""
    if not _PATTERNS[pattern].fullmatch(lower):
        raise ValueError(name)
    return lower


def _quantity(entry: Mapping[str, Any], name: str) -> int:
    return int(_text(entry, name, "quantity"), 16)
