"""Reaching into a record's JSON without trusting its shape.

Each function returns an empty value where the element is absent or of another type, so a reader can
say what it wants in one line; whether the shape is allowed at all is ``validation``'s question.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from chainbill.records.catalogue import Coding

Json = dict[str, Any]
"""A JSON object."""


def child(value: Json, name: str) -> Json:
    """The object under ``name``."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def children(value: Json, name: str) -> list[Json]:
    """The objects in the list under ``name``."""
    found = value.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def text(value: Json, name: str) -> str:
    """The string under ``name``, made safe to print and to encode."""
    found = value.get(name)
    return printable(found) if isinstance(found, str) else ""


def printable(written: str) -> str:
    """One line of a record's text: control characters could drive a terminal, and JSON can hold half
    a surrogate pair, which UTF-8 cannot."""
    if not (written.isascii() and written.isprintable()):
        whole = written.encode("utf-8", "replace").decode("utf-8")
        written = "".join(letter if letter.isprintable() else " " for letter in whole)
    return written.strip()


def number(value: Json, name: str) -> Decimal | None:
    """The exact number under ``name``; JSON numbers are read as ``int`` or ``Decimal``."""
    found = value.get(name)
    if isinstance(found, bool) or not isinstance(found, int | Decimal):
        return None
    return Decimal(found)


def codings(concept: Json) -> list[Coding]:
    """The codings of a CodeableConcept."""
    found = (Coding(text(coding, "system"), text(coding, "code")) for coding in children(concept, "coding"))
    return [coding for coding in found if coding.code]


def all_codings(concepts: Iterable[Json]) -> list[Coding]:
    """The codings of several CodeableConcepts, in order."""
    return [coding for concept in concepts for coding in codings(concept)]


def words(concept: Json) -> str:
    """A concept's text and displays in lower case, for concepts without a known code."""
    parts = [text(concept, "text"), *(text(coding, "display") for coding in children(concept, "coding"))]
    return " ".join(parts).lower()


def human_name(resource: Json) -> str:
    """The name of a patient or practitioner (a list of HumanName) or of an organisation (a string)."""
    if isinstance(resource.get("name"), str):
        return text(resource, "name")
    names = children(resource, "name")
    chosen = next((name for name in names if name.get("use") in ("official", "usual")), None)
    name = chosen or next(iter(names), {})
    if whole := text(name, "text"):
        return whole
    given = name.get("given")
    parts = [printable(part) for part in given if isinstance(part, str)] if isinstance(given, list) else []
    return " ".join(part for part in [*parts, text(name, "family")] if part)
