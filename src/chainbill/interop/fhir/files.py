"""From a file to its resources, one at a time, with limits on size, line length and depth."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

from chainbill.errors import MalformedRecord, RecordError, RecordTooLarge, without_keys
from chainbill.interop.fhir.elements import Json, child, children, printable, text
from chainbill.interop.file_forms import BEGINNING, Wanted, other_form
from chainbill.records.repeated_keys import repeated_key

MAX_DEPTH = 200
"""Levels of nesting a resource may have. FHIR's own examples stay under 30."""

_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_LINE_SUFFIXES = (".ndjson", ".jsonl")
_SUFFIXES = (*_LINE_SUFFIXES, ".json")
_ABSOLUTE = re.compile(r"(https?://.+)/([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[^/]*)?")
_DELETED = re.compile(r"(?:(https?://.+)/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/([^/]*))?")
_ANSWERS = ("batch-response", "transaction-response", "searchset")
"""Bundles inside which a Bundle is the answer to a search: FHIR R4 http.html#brules."""

STANDARD_INPUT = Path("-")
"""Stands for what is piped in."""


@dataclass(slots=True, eq=False)
class Source:
    """One resource and where it stands in the record."""

    resource: Json
    """Empty where a Bundle's entry holds no resource."""
    place: str
    """``entry 3``, ``line 3`` or ``line 3 entry 2``, counted from one; after the file's name, if several are
    read."""
    full_url: str = ""
    identity: str = ""
    """The absolute URL where the record states which server it is from; else ``Type/id``; the fullUrl
    where it has no id; else a digest of its content, so that reading the same record again, from whatever
    file, names it the same."""
    deleted: bool = False
    """Whether this version says that the resource is no more."""
    in_history: bool = False
    """Whether it stands in a history Bundle, which orders versions."""
    age: int = 0
    """Orders versions that state neither time nor number: the higher, the newer."""
    type: str = field(init=False)
    """The resource type, or empty where it states none that could be one."""
    empty: bool = field(init=False)
    """Whether the entry holds no resource."""

    def __post_init__(self) -> None:
        self.empty = not self.resource
        stated = text(self.resource, "resourceType")
        self.type = stated if _TYPE.fullmatch(stated) else ""
        self.identity = self.identity or self._named() or self._digest()

    @property
    def base(self) -> str:
        """The server's address, where the fullUrl tells it (FHIR R4 bundle.html#references); else empty."""
        found = _ABSOLUTE.fullmatch(self.full_url)
        return found[1] if found and found[2] == self.type else ""

    def come_from(self, server: str) -> None:
        """Say which server a resource is from that does not say so itself."""
        resource_id = text(self.resource, "id")
        if resource_id and self.type and not self.full_url:
            self.full_url = f"{server}/{self.type}/{resource_id}"
            self.identity = self._named()

    def shed(self) -> None:
        """Let go of the content, keeping what it takes to name the resource and find it by reference."""
        kept = ("resourceType", "id", "identifier", "meta")
        self.resource = {name: self.resource[name] for name in kept if name in self.resource}

    @property
    def label(self) -> str:
        """The resource as a person finds it in the file."""
        resource_id = text(self.resource, "id")
        if resource_id and self.type:
            return f"{self.type}/{resource_id}"
        if self.resource and self.full_url:
            return self.full_url
        return f"{self.type} ({self.place})" if self.type else self.place

    def _named(self) -> str:
        resource_id = text(self.resource, "id")
        if not (resource_id and self.type):
            return self.full_url
        return f"{self.base}/{self.type}/{resource_id}" if self.base else f"{self.type}/{resource_id}"

    def _digest(self) -> str:
        content = json.dumps(self.resource, sort_keys=True, default=str).encode()
        return f"{self.type}/sha256-{sha256(content).hexdigest()[:32]}"


def read_sources(paths: Sequence[Path], *, max_bytes: int, max_line_bytes: int) -> Iterator[Source]:
    """The resources of Bundles, of NDJSON, or of single resources.

    A path may be a folder, such as a bulk export's: its ``.json``, ``.ndjson`` and ``.jsonl`` files are
    read, and those in its folders; ``-`` is the standard input. Any of them may be compressed (``.gz``).
    A file is read as NDJSON if it is named so, or if its first line is a whole resource and more
    follows. NDJSON is streamed: only its lines are limited.

    Raises:
        RecordTooLarge: the file, or a line of NDJSON, is over its limit.
        MalformedRecord: not JSON, not FHIR, or nested beyond ``MAX_DEPTH``.
        RecordError: the file cannot be opened.
    """
    found = [file for path in paths for file in _files(path)]
    for number, path in enumerate(found):
        for source in _read(path, max_bytes, max_line_bytes):
            if path not in paths and _is_manifest(source.resource):
                continue  # of the export whose folder is read
            if len(found) > 1:
                source.place = f"{path.name} {source.place}"
            source.age += number << 40  # a later file's copy is the newer one, if nothing else tells
            yield source


def _files(path: Path) -> list[Path]:
    if path == STANDARD_INPUT or not path.is_dir():
        return [path]
    try:
        inside = sorted(file for file in path.rglob("*") if _suffix(file) in _SUFFIXES and file.is_file())
    except OSError as error:
        raise RecordError(f"{without_keys(str(path))}: {error.strerror or 'cannot be read'}") from None
    if not inside:
        raise RecordError(
            f"{path}: the folder holds no .json, .ndjson or .jsonl file",
            hint="name the files, or the folder that a bulk export was saved in",
        )
    return inside


def _suffix(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def _read(path: Path, max_bytes: int, max_line_bytes: int) -> Iterator[Source]:
    try:
        if path == STANDARD_INPUT:
            # Kept on disk meanwhile: a pipe cannot be looked into and then read from its start.
            with tempfile.TemporaryFile() as kept:
                shutil.copyfileobj(sys.stdin.buffer, kept)
                kept.seek(0)
                yield from _either("standard input", "", kept, max_bytes, max_line_bytes)
            return
        if not path.is_file():
            told = "not a file" if path.exists() else "no such file"
            raise RecordError(f"{without_keys(str(path))}: {told}")
        with path.open("rb") as file:
            yield from _either(str(path), _suffix(path), file, max_bytes, max_line_bytes)
    except (OSError, EOFError, zlib.error) as error:
        told = getattr(error, "strerror", None) or "cannot be read: the compressed data is damaged"
        raise RecordError(f"{path}: {told}") from None


def _either(name: str, suffix: str, file: BinaryIO, max_bytes: int, max_line_bytes: int) -> Iterator[Source]:
    compressed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    opened = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if compressed else file
    other = other_form(opened.read(BEGINNING), Wanted.FHIR)
    opened.seek(0)
    if other is not None:
        raise MalformedRecord(f"{name}: {other.sentence}", hint=other.hint)
    if suffix in _LINE_SUFFIXES or _holds_lines(opened, max_line_bytes):
        yield from _lines(name, opened, max_line_bytes)
    else:
        yield from _document(name, opened, max_bytes)


def _document(name: str, file: BinaryIO, max_bytes: int) -> Iterator[Source]:
    content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        size = max(len(content), os.fstat(file.fileno()).st_size)
        raise RecordTooLarge(
            f"{name}: {size:,} bytes is over the limit of {max_bytes:,}",
            size=size,
            limit=max_bytes,
            hint="raise `max_bytes=`, or export it as NDJSON, which is read line by line",
        )
    resource = _parse(name, content)
    if not _is_manifest(resource):
        _require_type(name, resource)
    yield from _opened(name, resource, "")


def _lines(name: str, file: BinaryIO, limit: int) -> Iterator[Source]:
    typed = False
    for number, line in enumerate(iter(lambda: file.readline(limit + 2), b""), start=1):
        where = f"{name} line {number}"
        if len(line.rstrip(b"\r\n")) > limit:
            raise RecordTooLarge(f"{where}: over the limit of {limit:,} bytes", size=len(line), limit=limit)
        if not line.strip():
            continue
        for source in _opened(where, _parse(where, line), f"line {number}"):
            source.age += number << 20
            typed = typed or bool(source.type) or source.deleted
            yield source
    if not typed:
        raise MalformedRecord(f"{name}: holds no FHIR resource")


def _opened(where: str, resource: Json, place: str) -> Iterator[Source]:
    """A Bundle's entries, a Parameters' resources, or the resource itself."""
    kind = resource.get("resourceType")
    if kind == "Parameters":
        yield from _parameters(where, resource, place)
    elif kind == "Bundle":
        yield from _entries(where, resource, place)
    else:
        yield Source(resource, place or "the only resource")


def _entries(where: str, bundle: Json, place: str) -> Iterator[Source]:
    """A Bundle's entries; Bundles inside it are opened where they are answers, and stay closed elsewhere."""
    entries = bundle.get("entry")
    if entries is None:
        entries = []
    if not isinstance(entries, list):
        raise MalformedRecord(f"{where}: Bundle.entry is not a list")
    newest_first = text(bundle, "type") == "history"
    for number, entry in enumerate(entries, start=1):
        entry = entry if isinstance(entry, dict) else {}
        here = f"{place} entry {number}".strip()
        inner = child(entry, "resource")
        if inner.get("resourceType") == "Parameters" or (
            inner.get("resourceType") == "Bundle"
            and (text(bundle, "type") in _ANSWERS or text(inner, "type") in _ANSWERS)
        ):
            opened = list(_opened(where, inner, here))
            yield from opened or [Source(inner, here, text(entry, "fullUrl"))]
            continue
        source = _deletion(entry, here) or Source(inner, here, text(entry, "fullUrl"))
        source.in_history = newest_first
        source.age = len(entries) - number if newest_first else number
        yield source


def _parameters(where: str, parameters: Json, place: str) -> Iterator[Source]:
    """The resources of an operation's answer, such as ``$everything``'s; none: the Parameters itself."""
    found = False
    waiting = [parameters]
    number = 0
    while waiting:
        current = waiting.pop(0)
        for parameter in [*children(current, "parameter"), *children(current, "part")]:
            waiting.append(parameter)
            if inner := child(parameter, "resource"):
                number += 1
                found = True
                yield from _opened(where, inner, f"{place} parameter {number}".strip())
    if not found:
        yield Source(parameters, place or "the only resource")


def _deletion(entry: Json, place: str) -> Source | None:
    """A version that says that the resource is no more: in a history, or a bulk export's ``deleted``
    files.
    """
    request = child(entry, "request")
    named = _DELETED.fullmatch(text(request, "url").partition("?")[0])
    if text(request, "method") != "DELETE" or child(entry, "resource") or not named:
        return None
    full_url = text(entry, "fullUrl")
    if not _ABSOLUTE.fullmatch(full_url):
        full_url = f"{named[1]}/{named[2]}/{named[3]}" if named[1] else ""
    answer = child(entry, "response")
    meta = {"lastUpdated": text(answer, "lastModified"), "versionId": text(answer, "etag") or named[4] or ""}
    resource = {"resourceType": named[2], "id": named[3], "meta": meta}
    return Source(resource, place, full_url, deleted=True)


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


def tail(identity: str) -> str:
    """An identity without the server it is from: ``Encounter/7`` of ``https://ehr.example/fhir/Encounter/7``."""
    return "/".join(identity.split("/")[-2:]) if identity.startswith(("http://", "https://")) else identity


def written(resource: Json) -> str:
    """A resource as JSON, with every number as it was read."""

    def put(value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ",".join(f"{json.dumps(key)}:{put(inner)}" for key, inner in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ",".join(map(put, value)) + "]"
        return str(value) if isinstance(value, Decimal) else json.dumps(value)

    return put(resource)


def read_again(
    content: str, place: str, full_url: str, *, deleted: bool, in_history: bool, age: int
) -> Source:
    """A resource that ``written`` wrote.

    Raises:
        MalformedRecord: it is none.
    """
    resource = _parse(place, content.encode())
    return Source(resource, place, full_url, deleted=deleted, in_history=in_history, age=age)


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
        value = json.loads(
            written, parse_float=_exact, parse_constant=_refuse, object_pairs_hook=partial(_object, where)
        )
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


def _is_manifest(resource: Json) -> bool:
    """Whether this is the list of files of a bulk export (FHIR Bulk Data Access, Complete Status)."""
    return "resourceType" not in resource and {"transactionTime", "output"} <= resource.keys()


def _require_type(where: str, resource: Json) -> None:
    if not _TYPE.fullmatch(text(resource, "resourceType")):
        raise MalformedRecord(f"{where}: not a FHIR resource: it states no resourceType")


def _object(where: str, pairs: list[tuple[str, Any]]) -> Json:
    """An object whose keys are distinct: of two, readers disagree which one counts (RFC 8259, section 4)."""
    if (twice := repeated_key(pairs)) is not None:
        raise MalformedRecord(f"{where}: the key {printable(twice)[:40]!r} stands twice in one object")
    return dict(pairs)


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
