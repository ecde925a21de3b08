"""A file's resources at hand, and the parts of an event that are read the same way for every kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from chainbill.interop.fhir.dates import require_performed
from chainbill.interop.fhir.elements import Json, child, children, text
from chainbill.interop.fhir.files import Source
from chainbill.interop.fhir.prices import Price, PriceBook, providers_of
from chainbill.interop.fhir.references import PROVIDER_TYPES, ReferenceIndex, Target, required
from chainbill.interop.fhir.report import NoEvent, SkipReason
from chainbill.interop.fhir.validation import invalid_because, not_understood_because
from chainbill.records.catalogue import Catalogue, Coding
from chainbill.records.service_event import Party, PriceSource, ServiceEvent, ServiceKind

UNNAMED_PROVIDER = Party(reference="unnamed", name="")
"""The provider of an event whose record names none: whoever ingests the record."""

_KNOWN_CODE = 40


@dataclass(slots=True)
class Records:
    """A file, indexed, with what is needed to turn its resources into events."""

    catalogue: Catalogue
    now: datetime
    """Nothing dated later can have been performed."""
    index: ReferenceIndex = field(default_factory=ReferenceIndex)
    prices: PriceBook = field(init=False)
    sources: list[Source] = field(default_factory=list)
    uncatalogued: Counter[str] = field(default_factory=Counter)
    same: dict[str, Source] = field(default_factory=dict)
    """The encounter that stands in lieu of each that repeats it, by identity."""
    _by_type: dict[str, list[Source]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.prices = PriceBook(self.index, self.catalogue)

    def add(self, source: Source) -> None:
        """Take in one resource."""
        self.sources.append(source)
        self._by_type.setdefault(source.type, []).append(source)
        self.index.add(source)

    def of_type(self, resource_type: str) -> list[Source]:
        """The file's resources of a type, in file order."""
        return self._by_type.get(resource_type, [])

    def encounter(self, source: Source, *, name: str = "encounter", needed: bool = False) -> Source | None:
        """The encounter a resource belongs to, if it names one and the file has it.

        Raises:
            NoEvent: it is named and missing, or not in the file although its content is ``needed``.
        """
        reference = child(source.resource, name)
        if not reference:
            return None
        target = self.index.follow(reference, source, "Encounter")
        found = required(target, "encounter", identity=False, content=needed).found
        return found and self.same.get(found.identity, found)

    def patient(self, source: Source) -> Party:
        """The patient a resource is about.

        Raises:
            NoEvent: it names none, or one that is missing, or it is about something else.
        """
        return self.patient_named(child(source.resource, "subject"), source)

    def patient_named(self, reference: Json, source: Source) -> Party:
        """The patient that a reference leads to, or the one it was merged into.

        Raises:
            NoEvent: it leads nowhere, or to something else.
        """
        followed = self.index.follow(reference, source, "Patient")
        target = self.index.in_lieu(required(followed, "subject"))
        if target.type != "Patient":
            raise NoEvent(SkipReason.NOT_A_PATIENT, f"subject is a {target.type or 'resource of no type'}")
        return target.party()

    def provider(self, source: Source, references: Iterable[Json], *others: Iterable[Party]) -> Party:
        """The provider: the resource's own references first, organisations before people, then others'.

        Raises:
            NoEvent: the provider it names is missing.
        """
        targets = [self.index.follow(reference, source) for reference in references if reference]
        providers = [target for target in targets if target.dangling or target.type in PROVIDER_TYPES]
        # Stable: among organisations, and among people, the first named is the one.
        providers.sort(key=lambda target: target.type != "Organization")
        if providers:
            return required(providers[0], "provider").party()
        in_words = next((target.display for target in targets if target.missing), "")
        unnamed = UNNAMED_PROVIDER.model_copy(update={"name": in_words})
        return next((party for parties in others for party in parties), unnamed)

    def performers(self, source: Source, references: Iterable[Json]) -> frozenset[str]:
        """The identities of those whom a resource itself names as performers."""
        targets = [self.index.follow(reference, source) for reference in references if reference]
        return frozenset().union(
            *(providers_of(target, self.index) for target in targets if target.type in PROVIDER_TYPES)
        )

    def encounter_provider(self, encounter: Source | None) -> Iterator[Party]:
        """Who provided an encounter: its organisation, else a participant."""
        if encounter is not None:
            yield from self._named(encounter, visit_providers(encounter))

    def named_provider(self, source: Source, name: str) -> Iterator[Party]:
        """Who stands under an element of a resource."""
        return self._named(source, [child(source.resource, name)])

    def _named(self, source: Source, references: list[Json]) -> Iterator[Party]:
        party = self.provider(source, references)
        if party.reference != UNNAMED_PROVIDER.reference:
            yield party

    def claim_provider(self, claims: Iterable[Source]) -> Iterator[Party]:
        """Who made the claims."""
        for claim in claims:
            target: Target = self.index.follow(child(claim.resource, "provider"), claim, "Organization")
            if not target.missing:
                yield target.party()

    def event(
        self,
        source: Source,
        kind: ServiceKind,
        codings: list[Coding],
        *,
        patient: Party,
        provider: Party,
        at: datetime,
        price: Price | None = None,
        fallback: list[Coding] | None = None,
        identity: str = "",
        units: int = 1,
    ) -> ServiceEvent:
        """One event. ``fallback`` codings say less than ``codings``: an encounter's class, for one.
        ``identity`` is the event's where it is not the resource's.

        Raises:
            NoEvent: it is dated before 1970, or in the future.
        """
        require_performed(at, self.now)
        identity = identity or source.identity
        found = self.catalogue.find(kind, codings)
        if found is None and (codings or not fallback):
            self.uncatalogued[str(codings[0]) if codings else "(no code)"] += 1
        found = found or self.catalogue.find(kind, fallback or [])
        entry = found[0] if found else self.catalogue.default(kind)
        coding = found[1] if found else next(iter(codings), Coding("", ""))
        if price is not None:
            self.prices.take(price, identity)
        return ServiceEvent(
            kind=kind,
            record_identity=identity,
            patient=patient,
            provider=provider,
            service=entry.service,
            category=entry.category,
            description=entry.description,
            code_system=coding.system,
            code=coding.code,
            performed_at=at,
            service_date=at.date(),
            units=units,
            billed_amount=price.amount if price else entry.fee,
            price_source=price.source if price else PriceSource.CATALOGUE_DEFAULT,
        )


def visit_providers(encounter: Source) -> list[Json]:
    """References to who provides an encounter: its organisation, then its participants."""
    participants = children(encounter.resource, "participant")
    return [child(encounter.resource, "serviceProvider"), *(child(who, "individual") for who in participants)]


def require_valid(source: Source) -> None:
    """Check a resource against its R4 model, and that nothing in it may turn its meaning round.

    Raises:
        NoEvent: it is not valid FHIR, or says something that is not understood.
    """
    if told := not_understood_because(source.resource, deep=True):
        raise NoEvent(SkipReason.NOT_UNDERSTOOD, told)
    if problem := invalid_because(source.resource):
        raise NoEvent(SkipReason.INVALID, problem)


def require_status(source: Source, *accepted: str) -> None:
    """Check that a resource's status says it happened.

    Raises:
        NoEvent: it does not; the status is the reason.
    """
    status = text(source.resource, "status")
    if status not in accepted:
        raise NoEvent(SkipReason.STATUS, shown_code(status))


def shown_code(code: str) -> str:
    """A status or intent as a reason names it; text that cannot be such a code is not repeated."""
    plausible = len(code) <= _KNOWN_CODE and code.replace("-", "").isalpha() and code.islower()
    return code if plausible else "unreadable"
