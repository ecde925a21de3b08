"""Who goes where in a year, and at what price: drawn from a seed, the same on every machine."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from chainbill.records.catalogue import Catalogue, CatalogueEntry
from chainbill.records.service_event import ServiceKind

STARTS_ON = date(2026, 1, 1)
"""The first day of the model."""

_WORKING_DAYS = 5
_RATE_SHAPE = 1.5
"""Of the gamma distribution of patients' rates: few come often, many rarely."""
_HABITS = 2
"""Services that a patient comes back for."""


@dataclass(frozen=True, slots=True)
class Population:
    """What a year is drawn from."""

    patients: int = 200
    providers: int = 5
    days: int = 365
    visits: float = 24.0
    """Of a patient in 365 days, on average."""
    services: int = 40
    """That a provider offers, drawn from the packaged catalogue with its default fees."""
    concentration: float = 1.0
    """A provider's n-th service is asked for as often as ``n ** -concentration``; 0: all alike."""
    home: float = 0.7
    """Share of the visits that are to the provider whom the patient is used to."""
    habit: float = 0.5
    """Share of those visits that are for one of two services which the patient comes back for."""
    families: float = 0.0
    """Share of the patients who share family amounts, in families of four."""
    seed: int = 12


@dataclass(frozen=True, slots=True)
class Visit:
    """One service event."""

    patient: int
    provider: int
    service: CatalogueEntry
    day: int
    """From 0, the first day of the year."""


@dataclass(frozen=True, slots=True)
class Year:
    """What happened."""

    visits: tuple[Visit, ...]
    """In the order in which they were attested."""
    families: tuple[int, ...]
    """By patient: the family's id; 0: none."""


FAMILY_SIZE = 4


def draw_year(population: Population) -> Year:
    """Draw a year."""
    rng = random.Random(population.seed)  # noqa: S311 (a model, no secret)
    offers = [_offer(rng, population.services) for _ in range(population.providers)]
    weights = [(rank + 1) ** -population.concentration for rank in range(population.services)]
    visits: list[Visit] = []
    for patient in range(population.patients):
        visits += _Patient(rng, patient, population, offers, weights).year()
    rng.shuffle(visits)
    in_families = round(population.families * population.patients)
    families = [
        1 + patient // FAMILY_SIZE if patient < in_families else 0 for patient in range(population.patients)
    ]
    return Year(tuple(sorted(visits, key=lambda visit: visit.day)), tuple(families))


def day_of(day: int) -> date:
    """The date of a day of the model."""
    return STARTS_ON + timedelta(days=day)


def is_working_day(day: int) -> bool:
    """Is anybody open?"""
    return day_of(day).weekday() < _WORKING_DAYS


def _offer(rng: random.Random, services: int) -> list[CatalogueEntry]:
    """A provider's services, the commonest first. Readings from home are no visits, and none is here."""
    entries = Catalogue.load().entries.values()
    offered = [each for each in entries if each.kind is not ServiceKind.REMOTE_MONITORING_UPLOAD]
    return rng.sample(offered, services)


class _Patient:
    """One patient's way through the year."""

    def __init__(
        self,
        rng: random.Random,
        patient: int,
        population: Population,
        offers: Sequence[Sequence[CatalogueEntry]],
        weights: Sequence[float],
    ) -> None:
        self._rng, self._patient, self._population = rng, patient, population
        self._offers, self._weights = offers, weights
        self._home = rng.randrange(population.providers)
        self._habits = rng.choices(offers[self._home], weights, k=_HABITS)
        rate = population.visits * rng.gammavariate(_RATE_SHAPE, 1 / _RATE_SHAPE)
        self._chance = rate * 7 / _WORKING_DAYS / 365

    def year(self) -> list[Visit]:
        days = filter(is_working_day, range(self._population.days))
        return [self._visit(day) for day in days if self._rng.random() < self._chance]

    def _visit(self, day: int) -> Visit:
        if self._rng.random() >= self._population.home:
            provider = self._rng.randrange(self._population.providers)
        elif self._rng.random() < self._population.habit:
            return Visit(self._patient, self._home, self._rng.choice(self._habits), day)
        else:
            provider = self._home
        (service,) = self._rng.choices(self._offers[provider], self._weights)
        return Visit(self._patient, provider, service, day)
