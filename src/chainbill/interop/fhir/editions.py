"""Several versions of one resource: the newest is its state, a deletion is a version, the rest is history.

FHIR R4 http.html#history, ``Resource.meta``: versions of one ``Type/id`` on one server are one resource.
Newer is what was updated later; where that is not stated or equal, the higher version number; where that is
not stated either, what comes first in a history Bundle and last anywhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from chainbill.interop.fhir.dates import parse_date
from chainbill.interop.fhir.elements import child, text
from chainbill.interop.fhir.files import Source
from chainbill.interop.fhir.report import SkippedResource, SkipReason

_NUMBER = re.compile(r"\D*(\d{1,18})\D*")


def newest_versions(sources: Iterable[Source]) -> tuple[list[Source], dict[int, SkippedResource]]:
    """The sources in file order, and those that a newer version makes history of, by their place in that
    order.

    A resource whose newest version is a deletion has no current one: all of its versions are listed.
    """
    ordered = list(sources)
    versions: dict[str, list[int]] = {}
    for place, source in enumerate(ordered):
        if source.type and not source.empty:
            versions.setdefault(source.identity, []).append(place)
    _settle_deletions(ordered, versions)
    past: dict[int, SkippedResource] = {}
    for places in versions.values():
        newest = places[0]
        for place in places[1:]:
            if _compare(ordered[place], ordered[newest]) >= 0:
                newest = place
        for place in places:
            if ordered[newest].deleted:
                past[place] = _skipped(ordered[place], SkipReason.DELETED)
            elif place != newest:
                past[place] = _skipped(ordered[place], SkipReason.SUPERSEDED, _named(ordered[newest]))
    return ordered, past


def _settle_deletions(ordered: list[Source], versions: dict[str, list[int]]) -> None:
    """A deletion that does not say on which server is of the only one that the record has such a resource
    of.
    """
    servers: dict[str, set[str]] = {}
    for identity, places in versions.items():
        source = ordered[places[0]]
        servers.setdefault(source.label, set()).add(identity)
    for identity, places in list(versions.items()):
        source = ordered[places[0]]
        others = servers[source.label] - {identity}
        if not source.base and all(ordered[place].deleted for place in places) and len(others) == 1:
            versions[others.pop()] += versions.pop(identity)


def _compare(one: Source, other: Source) -> int:
    times = _updated(one), _updated(other)
    if times[0] and times[1] and times[0] != times[1]:
        return -1 if times[0] < times[1] else 1
    numbers = _number(one), _number(other)
    if None not in numbers and numbers[0] != numbers[1]:
        return -1 if (numbers[0] or 0) < (numbers[1] or 0) else 1
    # A bulk export's deletions state no time: they are of the export's day, after all that it exports.
    if one.deleted != other.deleted and not (one.in_history and other.in_history):
        return 1 if one.deleted else -1
    return (one.age > other.age) - (one.age < other.age)


def _updated(source: Source) -> datetime | None:
    return parse_date(text(child(source.resource, "meta"), "lastUpdated"))


def _number(source: Source) -> int | None:
    found = _NUMBER.fullmatch(text(child(source.resource, "meta"), "versionId"))
    return int(found[1]) if found else None


def _named(newest: Source) -> str:
    version = text(child(newest.resource, "meta"), "versionId")
    return f"version {version[:20]}" if version else f"the copy at {newest.place}"


def _skipped(source: Source, reason: SkipReason, detail: str = "") -> SkippedResource:
    return SkippedResource(resource=source.label, reason=reason, detail=detail)
