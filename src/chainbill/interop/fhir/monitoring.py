"""Months of monitoring: the readings that a claim's line for a device stands on.

CPT 99454 and its like are the device *and its readings* over a period: what was measured in it is no event of
its own, and goes into the record of the event that the line bills.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from itertools import groupby

from chainbill.interop.fhir.claims import Line
from chainbill.interop.fhir.elements import Json, child, children, codings, number, printable, text, words
from chainbill.interop.fhir.files import Source
from chainbill.interop.fhir.measurements import VALUES, HeldReading, is_stated
from chainbill.interop.fhir.prices import order_of_line
from chainbill.interop.fhir.records import Records
from chainbill.records.catalogue import Coding
from chainbill.records.hashing import keccak256
from chainbill.records.reading import MOST_READINGS, Measured, Reading, Readings
from chainbill.records.service_event import ServiceEvent, ServiceKind

LOINC = "http://loinc.org"

_LONGEST_VALUE = 200
"""A value of more characters, such as a heart tracing, stands in a record by its hash."""

_LARGEST_EXPONENT = 30


def with_readings(
    events: Iterable[ServiceEvent], held: Iterable[HeldReading], records: Records
) -> list[ServiceEvent]:
    """The events, those of months of monitoring with their readings."""
    lines: dict[str, list[Line]] = {}
    taken: dict[str, list[Reading]] = {}
    for reading in held:
        line = _line_of(reading, records)
        if line is not None and line.event is not None:
            lines.setdefault(line.event, []).append(line)
            taken.setdefault(line.event, []).append(_reading(reading, records))
    done = []
    for event in events:
        if event.record_identity in taken and event.kind is ServiceKind.REMOTE_MONITORING_UPLOAD:
            period = _period(lines[event.record_identity], records)
            readings = _readings(taken[event.record_identity], *period)
            event = event.model_copy(update={"readings": readings})
        done.append(event)
    return done


def _line_of(reading: HeldReading, records: Records) -> Line | None:
    """The first line that bills something, and in whose period the reading is: it counts for one alone."""
    supplies = sorted(records.prices.supplies(reading.patient), key=lambda supply: order_of_line(supply[0]))
    for line, (first, last) in supplies:
        if line.event is not None and first <= reading.at.date() <= last:
            return line
    return None


def _period(lines: Iterable[Line], records: Records) -> tuple[date, date]:
    billed = {id(line) for line in lines}
    patient = next(iter(lines)).claim.patient
    periods = [days for line, days in records.prices.supplies(patient) if id(line) in billed]
    return min(first for first, _ in periods), max(last for _, last in periods)


def _readings(taken: list[Reading], first_day: date, last_day: date) -> Readings:
    """In the order of time; each once, and where there are too many the first of each day, equally many."""
    ordered = sorted(taken, key=lambda each: (each.measured_at, each.record_identity))
    whole = Readings.model_construct(first_day=first_day, last_day=last_day, taken=tuple(ordered))
    repeated = {id(each) for each in whole.repeated()}
    once = [each for each in ordered if id(each) not in repeated]
    if len(once) > MOST_READINGS:
        most = max(MOST_READINGS // len(whole.days), 1)
        days = groupby(sorted(once, key=lambda each: each.day), key=lambda each: each.day)
        once = [each for _, of_day in days for each in list(of_day)[:most]][:MOST_READINGS]
    return Readings(first_day=first_day, last_day=last_day, taken=tuple(once))


def _reading(held: HeldReading, records: Records) -> Reading:
    source = held.source
    coding = _coding(source.resource)
    return Reading(
        record_identity=source.identity,
        code_system=coding.system,
        code=coding.code,
        device=_device(source, records),
        measured_at=held.at,
        day=held.at.date(),
        values=tuple(_values(source, records, {source.identity})),
    )


def _device(source: Source, records: Records) -> str:
    """The device's serial number, which is the same to everybody; else how the record names it."""
    stated = child(source.resource, "device")
    if not stated:
        return ""
    target = records.index.follow(stated, source, "Device")
    serial = text(target.found.resource, "serialNumber") if target.found else ""
    return serial or target.reference or target.display


def _values(source: Source, records: Records, seen: set[str]) -> Iterator[Measured]:
    """Its own value, its components', and its members'."""
    for stated in (source.resource, *children(source.resource, "component")):
        coding = _coding(stated)
        for name in VALUES:
            if value := _value(name, stated):
                written, unit = value
                yield Measured(code_system=coding.system, code=coding.code, value=written, unit=unit)
    for reference in children(source.resource, "hasMember"):
        member = records.index.follow(reference, source, "Observation").found
        if member is not None and member.identity not in seen:
            seen.add(member.identity)
            yield from _values(member, records, seen)


def _value(name: str, stated: Json) -> tuple[str, str] | None:
    """A value as text, and its unit."""
    value = stated.get(name)
    if not is_stated(value):
        return None
    if name == "valueQuantity":
        quantity = child(stated, name)
        amount = number(quantity, "value")
        if amount is None:
            return None
        return text(quantity, "comparator") + _plain(amount), text(quantity, "code") or text(quantity, "unit")
    if name == "valueCodeableConcept":
        listed = codings(child(stated, name))
        return (listed[0].code if listed else words(child(stated, name))), ""
    if isinstance(value, str):
        return _short(printable(value)), ""
    return _short(json.dumps(value, sort_keys=True, default=str)), ""


def _plain(amount: Decimal) -> str:
    """Without needless zeros, and without an exponent where it is of a size that anything measured has."""
    if not amount or abs(amount.adjusted()) > _LARGEST_EXPONENT:
        return _short(str(amount) if amount else "0")
    written = format(amount, "f")
    return _short(written.rstrip("0").rstrip(".") if "." in written else written)


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST_VALUE else f"keccak256:0x{keccak256(value.encode()).hex()}"


def _coding(stated: Json) -> Coding:
    """LOINC's, else the first."""
    listed = codings(child(stated, "code"))
    return next((each for each in listed if each.system == LOINC), next(iter(listed), Coding("", "")))
