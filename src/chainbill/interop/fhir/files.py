"""From a file to its resources, one at a time, with limits on size, line length and depth."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from chainbill.errors import MalformedRecord, RecordError, RecordTooLarge
from chainbill.interop.fhir.elements import Json, child, text

MAX_DEPTH = 200
"""Levels of nesting a resource may have. FHIR's own examples stay under 30."""

_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_LINE_SUFFIXES = (".ndjson", ".jsonl")


@dataclass(slots=True, eq=False)
class Source:
    """One resource and where it stands in the file."""

    resource: Json
    """Empty where a Bundle's entry holds no resource."""
    place: str
    """``entry 3``, ``line 3`` or ``line 3 entry 2``, counted from one."""
    full_url: str = ""
    identity: str = ""
    """``Type/id``; the fullUrl where it has no id; else a digest of its content, so that reading the
    same record again, from whatever file, names it the same."""
    type: str = field(init=False)
    """The resource type, or empty where it states none that could be one."""
    empty: bool = field(init=False)
    """Whether the entry holds no resource."""

    def __post_init__(self) -> None:
        self.empty = not self.resource
        stated = text(self.resource, "resourceType")
        self.type = stated if _TYPE.fullmatch(stated) else ""
        self.identity = self.identity or self._named() or self._digest()

    def shed(self) -> None:
        """Let go of the content, keeping what it takes to name the resource and find it by reference."""
        kept = ("resourceType", "id", "identifier")
        self.resource = {name: self.resource[name] for name in kept if name in self.resource}

    @property
    def label(self) -> str:
        """The resource as a person finds it in the file."""
        if self.resource and self._named():
            return self.identity
        return f"{self.type} ({self.place})" if self.type else self.place

    def _named(self) -> str:
        resource_id = text(self.resource, "id")
        return f"{self.type}/{resource_id}" if resource_id and self.type else self.full_url

    def _digest(self) -> str:
        content = json.dumps(self.resource, sort_keys=True, default=str).encode()
        return f"{self.type}/sha256-{sha256(content).hexdigest()[:32]}"


def read_sources(path: Path, *, max_bytes: int, max_line_bytes: int) -> Iterator[Source]:
    """The resources of a Bundle, of NDJSON, or the one resource of a file.

    A file is read as NDJSON if it is named so, or if its first line is a whole resource and more
    follows. NDJSON is streamed: only its lines are limited.

    Raises:
        RecordTooLarge: the file, or a line of NDJSON, is over its limit.
        MalformedRecord: not JSON, not FHIR, or nested beyond ``MAX_DEPTH``.
        RecordError: the file cannot be opened.
    """
    try:
        if not path.is_file():
            raise RecordError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
        with path.open("rb") as file:
            if path.suffix.lower() in _LINE_SUFFIXES or _holds_lines(file, max_line_bytes):
                yield from _lines(path, file, max_line_bytes)
            else:
                yield from _document(path, file, max_bytes)
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or 'cannot be read'}") from None


def _document(path: Path, file: BinaryIO, max_bytes: int) -> Iterator[Source]:
    content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        size = max(len(content), path.stat().st_size)
        raise RecordTooLarge(
            f"{path}: {size:,} bytes is over the limit of {max_bytes:,}",
            size=size,
            limit=max_bytes,
            hint="raise --max-bytes, or export it as NDJSON, which is read line by line",
        )
    resource = _parse(str(path), content)
    _require_type(str(path), resource)
    yield from _opened(str(path), resource, "")


def _lines(path: Path, file: BinaryIO, limit: int) -> Iterator[Source]:
    typed = False
    for number, line in enumerate(iter(lambda: file.readline(limit + 2), b""), start=1):
        where = f"{path} line {number}"
        if len(line.rstrip(b"\r\n")) > limit:
            raise RecordTooLarge(f"{where}: over the limit of {limit:,} bytes", size=len(line), limit=limit)
        if not line.strip():
            continue
        for source in _opened(where, _parse(where, line), f"line {number}"):
            typed = typed or bool(source.type)
            yield source
    if not typed:
        raise MalformedRecord(f"{path}: holds no FHIR resource")


def _opened(where: str, resource: Json, place: str) -> Iterator[Source]:
    """A Bundle's entries, or the resource itself. A Bundle inside a Bundle stays closed."""
    if resource.get("resourceType") != "Bundle":
        yield Source(resource, place or "the only resource")
        return
    entries = resource.get("entry")
    if entries is None:
        entries = []
    if not isinstance(entries, list):
        raise MalformedRecord(f"{where}: Bundle.entry is not a list")
    for number, entry in enumerate(entries, start=1):
        entry = entry if isinstance(entry, dict) else {}
        yield Source(child(entry, "resource"), f"{place} entry {number}".strip(), text(entry, "fullUrl"))


def _holds_lines(file: BinaryIO, limit: int) -> bool:
    try:
        first = next((line for line in iter(lambda: file.readline(limit + 1), b"") if line.strip()), b"")
        if not first.endswith(b"\n") or not any(
            chunk.strip() for chunk in iter(lambda: file.read(65536), b"")
        ):
            return False
        return bool(_parse("", first).get("resourceType"))
    except MalformedRecord:
        return False
    finally:
        file.seek(0)


def _parse(where: str, content: bytes) -> Json:
    """One JSON object, with every number exact.

    ``orjson`` would be faster and reads numbers as binary floats, which money must not be.
    """
    try:
        written = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MalformedRecord(f"{where}: not UTF-8 text") from None
    if not written.strip():
        raise MalformedRecord(f"{where}: empty")
    if written.lstrip().startswith("<"):
        raise MalformedRecord(f"{where}: XML, and only FHIR's JSON is read")
    try:
        value = json.loads(written, parse_float=_exact, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise MalformedRecord(
            f"{where}: not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        ) from None
    except RecursionError:
        raise MalformedRecord(f"{where}: nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits, or NaN
        raise MalformedRecord(f"{where}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise MalformedRecord(f"{where}: not a FHIR resource but a JSON {type(value).__name__}")
    if _deeper_than(value, MAX_DEPTH):
        raise MalformedRecord(f"{where}: nested too deeply")
    return value


def _require_type(where: str, resource: Json) -> None:
    if not _TYPE.fullmatch(text(resource, "resourceType")):
        raise MalformedRecord(f"{where}: not a FHIR resource: it states no resourceType")


def _exact(written: str) -> Decimal:
    try:
        return Decimal(written)
    except InvalidOperation:
        raise ValueError("a number is out of range") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for node in level
            for inner in (node.values() if isinstance(node, dict) else node)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True
