"""The service catalogue: what a code means to a patient, its benefit category, its default fee.

The packaged ``catalogue.toml`` explains its own format; a user's copy of it is read the same way.
Descriptions are ours: CPT's texts are copyrighted, so only its codes appear.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from chainbill.billing.terms import Category
from chainbill.errors import AmountError, CatalogueError, without_keys
from chainbill.money import CENT, parse_cents, parse_dollars
from chainbill.records.service_event import ServiceKind

KIND_CATEGORY: dict[ServiceKind, Category] = {
    ServiceKind.TELEHEALTH_VISIT: Category.TELEHEALTH,
    ServiceKind.IN_PERSON_VISIT: Category.OFFICE_VISIT,
    ServiceKind.REMOTE_MONITORING_UPLOAD: Category.REMOTE_MONITORING,
    ServiceKind.LABORATORY_TEST: Category.LABORATORY,
    ServiceKind.PRESCRIPTION_REFILL: Category.PHARMACY,
    ServiceKind.DIGITAL_THERAPEUTICS_SESSION: Category.DIGITAL_THERAPEUTICS,
}
"""The benefit category of a service whose catalogue table names none."""

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LEVEL_II = re.compile(r"[A-V]\d{4}")
"""A code of HCPCS level II: a letter and four digits."""
_LABORATORY = re.compile(
    r"80[0-9]{3}|8[1-7][0-9]{3}|881[89][0-9]|882[0-9]{2}|890[0-9]{2}|891[0-9]{2}|[0-9]{4}[UM]"
)
"""CPT's laboratory codes: 80047 to 89398 without necropsy, cytopathology, surgical pathology and reproductive
medicine, and the proprietary (U) and multianalyte (M) ones."""
_FIELDS = ("fee", "description", "category")


class Coding(NamedTuple):
    """A code in a code system, as a record states it; either part may be empty."""

    system: str
    code: str

    def __str__(self) -> str:
        return f"{self.system}|{self.code}"


class CatalogueEntry(BaseModel):
    """One service: its name is what the insurer's fee schedule is keyed by."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: str = Field(max_length=64)
    """A slug such as ``office-visit``, unique in the catalogue."""
    kind: ServiceKind
    category: Category
    fee: int = Field(gt=0)
    """Default billed amount of one unit, in micro-dollars, whole cents."""
    description: str = Field(min_length=1, max_length=200)
    """The service in words a patient understands."""


class Catalogue(BaseModel):
    """Services by name, and the codes that lead to them. Read one with ``load``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entries: dict[str, CatalogueEntry]
    """Every service by its name, in file order."""
    codes: dict[tuple[ServiceKind, Coding], str]
    """Service name by kind and code; the coding's system is the catalogue's short name."""
    defaults: dict[ServiceKind, str]
    """The service a kind falls back to."""
    systems: dict[str, str]
    """Short system name (``LOINC``) by each URI a record may write."""
    virtual_or_home_types: frozenset[Coding]
    """Encounter types that make a visit a virtual one, or one at home."""

    @model_validator(mode="after")
    def _each_kind_has_a_default(self) -> Self:
        for kind in ServiceKind:
            name = self.defaults.get(kind)
            if name is None:
                raise ValueError(f"[defaults] names no service for {kind.value}")
            if name not in self.entries:
                raise ValueError(f"[defaults] {kind.value} names {name!r}, which no table describes")
            if self.entries[name].kind is not kind:
                raise ValueError(f"[defaults] {kind.value} names {name!r}, which is of another kind")
        return self

    @classmethod
    def load(cls, path: Path | None = None) -> Catalogue:
        """Read a catalogue file, or the packaged one.

        Raises:
            CatalogueError: unreadable, not TOML, or contradicting itself; the message says where.
        """
        shown = "the packaged catalogue" if path is None else str(path)
        try:
            source = path or files("chainbill.records").joinpath("catalogue.toml")
            tables = tomllib.loads(source.read_text("utf-8"))
        except OSError as error:
            raise CatalogueError(f"{without_keys(str(shown))}: cannot be read: {error.strerror}") from None
        except (ValueError, RecursionError) as error:  # not UTF-8, or not TOML
            raise CatalogueError(f"{shown}: not a TOML file: {error}") from None
        try:
            return cls.from_tables(tables)
        except CatalogueError as error:
            raise CatalogueError(f"{shown}: {error}", hint=error.hint) from None

    @classmethod
    def from_tables(cls, tables: Mapping[str, Any]) -> Catalogue:
        """Build a catalogue from the tables of its file.

        Raises:
            CatalogueError: the tables contradict themselves.
        """
        unknown = set(tables) - {"systems", "defaults", "virtual_or_home_types", *ServiceKind}
        if unknown:
            raise CatalogueError(f"[{min(unknown)}] is not a kind of service")
        systems = _systems(_table(tables, "systems"))
        names = set(systems.values())
        entries: dict[str, CatalogueEntry] = {}
        codes: dict[tuple[ServiceKind, Coding], str] = {}
        for kind in ServiceKind:
            for service, table in _table(tables, kind.value).items():
                if service in entries:
                    raise CatalogueError(f"service {service!r} is described twice")
                entries[service] = _entry(kind, service, table)
                for coding in _codings(service, table, names):
                    if (kind, coding) in codes:
                        taken = codes[kind, coding]
                        raise CatalogueError(f"code {coding} stands under both {taken!r} and {service!r}")
                    codes[kind, coding] = service
        virtual = _codings("virtual_or_home_types", _table(tables, "virtual_or_home_types"), names)
        try:
            return cls(
                entries=entries,
                codes=codes,
                defaults=tables.get("defaults", {}),
                systems=systems,
                virtual_or_home_types=frozenset(virtual),
            )
        except ValidationError as error:
            raise CatalogueError(_first(error)) from None

    def default(self, kind: ServiceKind) -> CatalogueEntry:
        """The entry a kind falls back to."""
        return self.entries[self.defaults[kind]]

    def find(self, kind: ServiceKind, codings: Iterable[Coding]) -> tuple[CatalogueEntry, Coding] | None:
        """The entry of the first of a record's codings that the catalogue has for this kind."""
        for coding in codings:
            service = self.codes.get((kind, self._short(coding)))
            if service is not None:
                return self.entries[service], coding
        return None

    def is_virtual_or_home(self, codings: Iterable[Coding]) -> bool:
        """Whether an encounter type is among the virtual or home ones."""
        return any(self._short(coding) in self.virtual_or_home_types for coding in codings)

    def is_laboratory(self, codings: Iterable[Coding]) -> bool:
        """Whether a code is of CPT's laboratory section, listed here or not: pathology, which reads tissue,
        is not.
        """
        return any(
            coding.system == "CPT" and bool(_LABORATORY.fullmatch(coding.code))
            for coding in map(self._short, codings)
        )

    def kinds(self, codings: Iterable[Coding]) -> list[ServiceKind]:
        """The kinds under which any of a record's codings is listed, in the order of ``ServiceKind``."""
        listed = list(codings)
        return [kind for kind in ServiceKind if self.find(kind, listed)]

    def _short(self, coding: Coding) -> Coding:
        system = self.systems.get(coding.system, "")
        # CPT is level I of HCPCS: records write either name over a code of either, and the code's form tells.
        if system in ("CPT", "HCPCS"):
            system = "HCPCS" if _LEVEL_II.fullmatch(coding.code) else "CPT"
        return Coding(system, coding.code)


def _table(tables: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = tables.get(name, {})
    if not isinstance(table, dict):
        raise CatalogueError(f"{name!r} must be a table")
    return table


def _systems(table: Mapping[str, Any]) -> dict[str, str]:
    by_uri: dict[str, str] = {}
    for name, uris in table.items():
        for uri in _strings(f"[systems] {name}", uris):
            if uri in by_uri:
                raise CatalogueError(f"[systems] {uri} stands under both {by_uri[uri]} and {name}")
            by_uri[uri] = name
    return by_uri


def _entry(kind: ServiceKind, service: str, table: Any) -> CatalogueEntry:
    if not _SLUG.fullmatch(service):
        raise CatalogueError(f"service {service!r} must be a slug of a-z, 0-9 and hyphens")
    if not isinstance(table, dict):
        raise CatalogueError(f"service {service!r} must be a table")
    try:
        return CatalogueEntry(
            service=service,
            kind=kind,
            category=_category(table.get("category"), kind),
            fee=_fee(table.get("fee")),
            description=table.get("description", ""),
        )
    except ValidationError as error:
        raise CatalogueError(f"service {service!r}: {_first(error)}") from None
    except (AmountError, CatalogueError) as error:
        raise CatalogueError(f"service {service!r}: {error}", hint=error.hint) from None


def _category(name: Any, kind: ServiceKind) -> Category:
    if name is None:
        return KIND_CATEGORY[kind]
    for category in Category:
        if category.label == name:
            return category
    known = ", ".join(category.label for category in Category)
    raise CatalogueError(f"category {name!r} is none of {known}")


def _fee(text: Any) -> int:
    if not isinstance(text, str):
        raise CatalogueError('fee must be a string of dollars such as "92.00"')
    amount = parse_dollars(text)
    if amount == 0 or amount % CENT:
        # A billed amount of zero would mean "bill what the plan allows" when it is adjudicated.
        raise CatalogueError(f"fee {text!r} must be whole cents and more than zero")
    return parse_cents(text)


def _codings(where: str, table: Mapping[str, Any], systems: set[str]) -> Iterator[Coding]:
    for system, codes in table.items():
        if system in _FIELDS:
            continue
        if system not in systems:
            raise CatalogueError(f"{where}: {system!r} is neither a field nor one of [systems]")
        for code in _strings(f"{where}: {system}", codes):
            yield Coding(system, code)


def _strings(where: str, values: Any) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
        raise CatalogueError(f"{where} must be a list of strings")
    return values


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
