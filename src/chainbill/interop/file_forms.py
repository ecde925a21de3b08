"""What a file is that is not what was asked for, by its first bytes.

A person who gives an X12 claim where a FHIR record is meant is told so by name, not that byte 0 is no JSON.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

BEGINNING = 4_096
"""How many bytes of a file are enough."""


class Wanted(Enum):
    """What a command reads; the value is what a person calls it."""

    FHIR = "FHIR R4 in JSON: a Bundle, NDJSON, or one resource"
    PLAN = "a plan file in TOML"
    FEES = "a fee file in TOML, CSV or JSON"
    PRICES = "a price file in TOML, CSV or JSON"
    MEMBERS = "a member file in CSV"
    CATALOGUE = "a service catalogue in TOML"
    LEDGER = "a copy of the ledger"
    SIGNED = "a file that a patient has signed"


class OtherForm(NamedTuple):
    """A file of another kind than was asked for."""

    sentence: str
    """What it is, and what is read."""
    hint: str
    """What to do next."""


_MADE_BY = {
    Wanted.FHIR: "have the system that holds the record export FHIR R4 as JSON",
    Wanted.PLAN: "see one to copy and change: chainbill insurer plan --example",
    Wanted.FEES: "see how it is written: chainbill insurer fees --help",
    Wanted.PRICES: "see how it is written: chainbill provider prices --help",
    Wanted.MEMBERS: "see how it is written: chainbill insurer enrol --help",
    Wanted.CATALOGUE: "copy the packaged catalogue.toml and change it",
    Wanted.LEDGER: "make one: chainbill audit history --export FILE",
    Wanted.SIGNED: "make one: chainbill patient sign --help",
}

_TAKEN_BY = {
    Wanted.FHIR: "chainbill provider ingest",
    Wanted.PLAN: "chainbill insurer plan",
    Wanted.FEES: "chainbill insurer fees",
    Wanted.PRICES: "chainbill provider prices",
    Wanted.LEDGER: "chainbill audit verify --ledger",
    Wanted.SIGNED: "chainbill relay submit",
}

_X12 = {
    "270": "eligibility inquiry",
    "271": "eligibility response",
    "276": "claim status request",
    "277": "claim status response",
    "278": "authorization",
    "820": "premium payment",
    "834": "enrolment",
    "835": "remittance",
    "837": "claim",
}

_MAGIC = (
    (b"%PDF-", "a PDF document"),
    (b"\x1f\x8b", "a file compressed with gzip"),
    (b"PK\x03\x04", "a ZIP archive, as spreadsheets and text documents are, too"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet or document of an older Office"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"II*\0", "a picture (TIFF)"),
    (b"MM\0*", "a picture (TIFF)"),
    (b"{\\rtf", "an RTF document"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"PAR1", "a Parquet table"),
    (b"\xff\xfe", "text in UTF-16, and only UTF-8 is read"),
    (b"\xfe\xff", "text in UTF-16, and only UTF-8 is read"),
)

_TABLE_LINE = re.compile(r"^\s*\[{1,2}[\w.\"' -]+\]{1,2}\s*(#.*)?$")
_TOML_LINE = re.compile(r"^\s*[\w.\"'-]+\s*=\s*[^\s=]")
_MOST_LINES = 3
"""Lines that tell a table by its separators."""


def other_form(beginning: bytes, wanted: Wanted = Wanted.FHIR) -> OtherForm | None:
    """What a file is where it is plainly not what is wanted.

    Args:
        beginning: its first bytes, ``BEGINNING`` of them or more.

    Returns:
        None where it may well be what is wanted; whoever reads it then says what is wrong with it.
    """
    text = beginning.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n\x0b")
    if not text:
        return OtherForm(f"the file is empty; this reads {wanted.value}", _MADE_BY[wanted])
    found = _of_magic(beginning) or _of_text(text.decode("utf-8", errors="replace"))
    if found is None and b"\0" in beginning:
        found = _Found("no text")
    if found is None or wanted in found.may_be:
        return None
    taker = _TAKEN_BY.get(found.may_be[0]) if len(found.may_be) == 1 else None
    hint = f"it is for: {taker}" if taker else _MADE_BY[wanted]
    return OtherForm(f"this is {found.told}; what is read here is {wanted.value}", hint)


class _Found(NamedTuple):
    told: str
    may_be: tuple[Wanted, ...] = ()


def _of_magic(beginning: bytes) -> _Found | None:
    if beginning[128:132] == b"DICM":
        return _Found("a DICOM image")
    return next((_Found(told) for magic, told in _MAGIC if beginning.startswith(magic)), None)


def _of_text(text: str) -> _Found | None:
    readers = (_x12, _hl7, _markup, _json, _toml, _columns)
    return next((found for found in (read(text) for read in readers) if found), None)


def _x12(text: str) -> _Found | None:
    if re.match(r"UN[AB][:+]", text):
        return _Found("an EDIFACT file")
    # The fourth character of an interchange is its separator, whatever that is.
    if not re.match(r"ISA[^\w\s]", text):
        return None
    found = re.search(rf"\bST{re.escape(text[3])}(\d{{3}})\b", text)
    if found is None:
        return _Found("an X12 file")
    kind = _X12.get(found.group(1))
    return _Found(f"an X12 {found.group(1)} file" + (f" ({kind})" if kind else ""))


def _hl7(text: str) -> _Found | None:
    if not re.match(r"(MSH|FHS|BHS)[^\w\s]", text):
        return None
    fields = text.splitlines()[0].split(text[3])
    kind = fields[8] if text.startswith("MSH") and len(fields) > 8 else ""
    shown = re.fullmatch(r"[A-Z0-9_]{3,}(\^[A-Z0-9_]+)*", kind)
    return _Found("an HL7 version 2 message" + (f" ({kind})" if shown else ""))


def _markup(text: str) -> _Found | None:
    if not text.startswith("<"):
        return None
    lower = text.lower()
    if "<clinicaldocument" in lower:
        return _Found("a clinical document (CDA, in XML)")
    if "http://hl7.org/fhir" in lower:
        return _Found("FHIR in XML")
    if "<html" in lower or "<!doctype html" in lower:
        return _Found("a web page (HTML), such as an error or a login")
    return _Found("an XML file")


def _json(text: str) -> _Found | None:
    # A line of TOML may begin with a bracket, too.
    if not re.match(r'\{|\[\s*[\[{"\d\]-]', text) or _TABLE_LINE.match(text.splitlines()[0]):
        return None
    if re.match(r'\{\s*"ledger"\s*:\s*"chainbill"', text):
        return _Found("a copy of the ledger", (Wanted.LEDGER,))
    if '"primaryType"' in text and '"message"' in text:
        return _Found("a file that a patient has signed", (Wanted.SIGNED,))
    if '"resourceType"' in text:
        return _Found("a FHIR record", (Wanted.FHIR,))
    return _Found("a JSON file", (Wanted.FHIR, Wanted.LEDGER, Wanted.SIGNED, Wanted.FEES, Wanted.PRICES))


def _toml(text: str) -> _Found | None:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines or not (_TABLE_LINE.match(lines[0]) or _TOML_LINE.match(lines[0])):
        return None
    for begins, told, wanted in (
        (r"plan\s*=", "a plan file", Wanted.PLAN),
        (r"\[fees\]", "a fee file", Wanted.FEES),
        (r"\[prices\]", "a price file", Wanted.PRICES),
    ):
        if any(re.match(rf"\s*{begins}", line) for line in lines):
            return _Found(told, (wanted,))
    return _Found("a TOML file", (Wanted.PLAN, Wanted.FEES, Wanted.PRICES, Wanted.CATALOGUE))


def _columns(text: str) -> _Found | None:
    lines = [line for line in text.splitlines() if line.strip()][:_MOST_LINES]
    for separator, name in ((",", "commas"), (";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(lines) > 1 and all(separator in line for line in lines):
            may_be = (Wanted.FEES, Wanted.PRICES, Wanted.MEMBERS) if separator == "," else ()
            return _Found(f"a table (CSV, with {name})", may_be)
    return None
