"""Following references: within the file where they lead there, and by name where they lead outside.

A reference is **found** (its target is in the file), **external** (it names a resource that lives on
the server the file came from) or **missing** (it leads nowhere).

- ``urn:uuid:…`` and ``#contained`` references have no meaning outside the file: not found is missing.
- ``Type/id``, an absolute URL, a conditional ``Type?identifier=…`` and a bare identifier name a resource
  that can live elsewhere. They are external, unless the file brings resources of that type of its own:
  a file with patients that lacks this patient lacks it by mistake. Providers are the exception, since
  exports commonly leave organisations and practitioners to a directory of their own.
- An external resource is as good as a found one where only its identity matters (a patient). Where its
  content matters (was the encounter virtual? which drug is it?) the caller asks for ``found``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from chainbill.interop.fhir.elements import Json, child, children, human_name, printable, text
from chainbill.interop.fhir.files import Source
from chainbill.interop.fhir.report import NoEvent, SkipReason
from chainbill.records.service_event import Party

PROVIDER_TYPES = ("Organization", "Practitioner", "PractitionerRole", "CareTeam", "HealthcareService")

_LITERAL = re.compile(r"(?:(?P<base>https?://.+)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})")
_CONDITIONAL = re.compile(r"(?P<type>[A-Z][A-Za-z]+)\?identifier=(?P<identifier>.+)")
_SHOWN = re.compile(r"#|urn:|https?:|[A-Z][A-Za-z]+[/?]")
"""What looks like a reference may be shown as one; anything else could be a name."""
_LONGEST = 200
_HISTORY = re.compile(r"/_history/[^/]*$")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a reference leads."""

    reference: str
    """The identity of a found resource; an external one's own reference; what was written, if missing."""
    type: str = ""
    """The target's resource type, where it can be told."""
    display: str = ""
    found: Source | None = None
    external: bool = False

    @property
    def missing(self) -> bool:
        """Whether nothing is found and nothing outside is named."""
        return self.found is None and not self.external

    @property
    def dangling(self) -> bool:
        """Whether the reference points somewhere and nothing is there (a display alone points nowhere)."""
        return self.missing and bool(self.reference)

    def party(self) -> Party:
        """The target as a party of an event, named where the file names it."""
        name = human_name(self.found.resource) if self.found else ""
        return Party(reference=self.reference, name=name or self.display)


@dataclass(slots=True)
class ReferenceIndex:
    """Every resource of a file by the ways a reference can name it."""

    _by_name: dict[str, Source] = field(default_factory=dict)
    """By fullUrl, ``Type/id``, ``urn:uuid:id`` and ``Type?identifier=system|value``."""
    _types: set[str] = field(default_factory=set)
    _merged: dict[str, Target] = field(default_factory=dict)
    """The patient to use in lieu of one that was merged into it, by the merged one's identity."""

    def add(self, source: Source) -> None:
        """Make a resource findable. The first of two with one name stays."""
        self._types.add(source.type)
        resource_id = text(source.resource, "id")
        names = [source.full_url, source.identity]
        if resource_id:
            # Synthea's references are urn:uuid:<id>, which survives where fullUrls do not (NDJSON).
            names += [f"{source.type}/{resource_id}", f"urn:uuid:{resource_id}"]
        for identifier in children(source.resource, "identifier"):
            if value := text(identifier, "value"):
                # A search without a system means any system (FHIR R4 search.html#token).
                names.append(f"{source.type}?identifier={text(identifier, 'system')}|{value}")
                names.append(f"{source.type}?identifier={value}")
        for name in names:
            if name:
                self._by_name.setdefault(name, source)

    def follow(self, reference: Json, owner: Source, expected_type: str = "") -> Target:
        """Where a Reference in ``owner`` leads; ``expected_type`` helps where it does not say itself."""
        # Conditional references are search URLs, percent-encoded as such (RFC 3986, 2.1).
        written = _HISTORY.sub("", printable(unquote(text(reference, "reference"))))
        display = text(reference, "display")
        if written.startswith("#"):
            return _contained(written, owner)
        if not written:
            return self._identified(reference, expected_type, display)
        if literal := _LITERAL.fullmatch(written):
            return self._literal(literal, owner, display)
        if conditional := _CONDITIONAL.fullmatch(written):
            if source := self._by_name.get(written):
                return Target(source.identity, source.type, display, source)
            return self._elsewhere(written, conditional["type"], display)
        if source := self._by_name.get(written):
            return Target(source.identity, source.type, display, source)
        return Target(written, display=display)

    def merge_patients(self, patients: Iterable[Source]) -> None:
        """Take in which patients were merged (FHIR R4 Patient.link: ``replaced-by``, and ``replaces``
        back).
        """
        for patient in patients:
            for link in children(patient.resource, "link"):
                other = self.follow(child(link, "other"), patient, "Patient")
                kind = text(link, "type")
                if other.missing or other.type != "Patient" or other.reference == patient.identity:
                    continue
                if kind == "replaced-by":
                    self._merged[patient.identity] = other
                elif kind == "replaces":
                    self._merged.setdefault(other.reference, Target(patient.identity, "Patient", "", patient))

    def in_lieu(self, patient: Target) -> Target:
        """The patient that must be used now; merges in a ring are none."""
        seen = {patient.reference}
        current = patient
        while (following := self._merged.get(current.reference)) is not None:
            if following.reference in seen:
                return patient
            seen.add(following.reference)
            current = following
        return current

    def _literal(self, literal: re.Match[str], owner: Source, display: str) -> Target:
        resource_type = literal["type"]
        relative = f"{resource_type}/{literal['id']}"
        base = literal["base"] or owner.base
        for name in (f"{base}/{relative}" if base else relative, relative):
            source = self._by_name.get(name)
            # Another server's resource is another one, even if the id is the same.
            elsewhere = base and source and source.base not in ("", base)
            if source and source.type == resource_type and not elsewhere:
                return Target(source.identity, resource_type, display, source)
        return self._elsewhere(f"{base}/{relative}" if base else relative, resource_type, display)

    def _identified(self, reference: Json, expected_type: str, display: str) -> Target:
        identifier = child(reference, "identifier")
        resource_type = text(reference, "type") or expected_type
        value = text(identifier, "value")
        if not value or not resource_type:
            return Target("", resource_type, display)
        name = f"{resource_type}?identifier={text(identifier, 'system')}|{value}"
        if source := self._by_name.get(name):
            return Target(source.identity, source.type, display, source)
        return self._elsewhere(name, resource_type, display)

    def _elsewhere(self, name: str, resource_type: str, display: str) -> Target:
        external = resource_type in PROVIDER_TYPES or resource_type not in self._types
        return Target(name, resource_type, display, external=external)


def required(target: Target, what: str, *, identity: bool = True, content: bool = False) -> Target:
    """The target, unless it is missing.

    Without ``identity`` a reference that is no more than a display will do; with ``content`` an
    external target will not.

    Raises:
        NoEvent: the reference leads nowhere.
    """
    if target.dangling or (identity and target.missing) or (content and target.found is None):
        shown = target.reference[:_LONGEST] if _SHOWN.match(target.reference) else ""
        raise NoEvent(SkipReason.MISSING_REFERENCE, f"{what} {shown}".strip())
    return target


def _contained(written: str, owner: Source) -> Target:
    for resource in children(owner.resource, "contained"):
        if text(resource, "id") == written[1:]:
            found = Source(resource, owner.place, owner.full_url, identity=f"{owner.identity}{written}")
            return Target(found.identity, found.type, found=found)
    return Target(written)
