"""The service catalogue: the packaged one is sound, and a broken one is refused with the place."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from chainbill.billing.terms import Category
from chainbill.errors import CatalogueError
from chainbill.money import CENT
from chainbill.records.catalogue import KIND_CATEGORY, Catalogue, Coding
from chainbill.records.service_event import ServiceKind

LOINC = "http://loinc.org"
CPT = "http://www.ama-assn.org/go/cpt"

TABLES: dict[str, Any] = {
    "systems": {"LOINC": [LOINC], "CPT": [CPT, "urn:oid:2.16.840.1.113883.6.12"]},
    "defaults": {kind.value: f"any-{kind.value.replace('_', '-')}" for kind in ServiceKind},
    "virtual_or_home_types": {"CPT": ["98004"]},
} | {
    kind.value: {f"any-{kind.value.replace('_', '-')}": {"fee": "10.00", "description": "A service"}}
    for kind in ServiceKind
}


def tables(**changes: Any) -> dict[str, Any]:
    """The smallest catalogue, with changes by path: ``laboratory_test__lipids={...}``."""
    changed = copy.deepcopy(TABLES)
    for path, value in changes.items():
        *parents, last = path.split("__")
        table = changed
        for parent in parents:
            table = table.setdefault(parent, {})
        if value is None:
            del table[last]
        else:
            table[last.replace("_", "-") if parents and parents[0] in set(ServiceKind) else last] = value
    return changed


def service(**extra: Any) -> dict[str, Any]:
    return {"fee": "10.00", "description": "A test"} | extra


@pytest.fixture(scope="module")
def packaged() -> Catalogue:
    return Catalogue.load()


@pytest.mark.parametrize("kind", ServiceKind)
def test_packaged__default_of_a_kind__has_its_category(packaged: Catalogue, kind: ServiceKind) -> None:
    default = packaged.default(kind)
    assert default.kind is kind
    assert default.category is KIND_CATEGORY[kind]


def test_packaged__every_entry__can_be_billed_and_read(packaged: Catalogue) -> None:
    assert len(packaged.entries) > 150
    for name, entry in packaged.entries.items():
        assert entry.service == name
        assert entry.fee % CENT == 0
        assert entry.description[0].isupper() or entry.description[0].isdigit()
        assert not entry.description.endswith(".")


@pytest.mark.parametrize(
    "kind, system, code, name, category",
    [
        ("laboratory_test", LOINC, "57698-3", "lab-lipid-panel", Category.LABORATORY),
        ("laboratory_test", "urn:oid:2.16.840.1.113883.6.1", "4548-4", "lab-hba1c", Category.LABORATORY),
        ("in_person_visit", CPT, "99213", "office-visit-standard", Category.OFFICE_VISIT),
        ("telehealth_visit", CPT, "99213", "video-visit-standard", Category.TELEHEALTH),
        ("in_person_visit", "http://snomed.info/sct", "50849002", "emergency-visit", Category.EMERGENCY),
        (
            "digital_therapeutics_session",
            "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
            "G0552",
            "digital-mental-health-start",
            Category.DIGITAL_THERAPEUTICS,
        ),
    ],
)
def test_find__code_of_a_kind__gives_its_service(
    packaged: Catalogue, kind: str, system: str, code: str, name: str, category: Category
) -> None:
    coding = Coding(system, code)
    found = packaged.find(ServiceKind(kind), [Coding("urn:unknown", "1"), coding])
    assert found is not None
    assert (found[0].service, found[0].category, found[1]) == (name, category, coding)


@pytest.mark.parametrize(
    "system, code", [(LOINC, "0-0"), ("urn:other", "57698-3"), ("", "57698-3"), ("", "")]
)
def test_find__code_it_lacks__is_none(packaged: Catalogue, system: str, code: str) -> None:
    assert packaged.find(ServiceKind.LABORATORY_TEST, [Coding(system, code)]) is None


def test_find__code_of_another_kind__is_none(packaged: Catalogue) -> None:
    assert packaged.find(ServiceKind.PRESCRIPTION_REFILL, [Coding(LOINC, "57698-3")]) is None


def test_packaged__virtual_types__all_describe_a_telehealth_visit(packaged: Catalogue) -> None:
    uris = {name: uri for uri, name in packaged.systems.items()}
    for coding in packaged.virtual_or_home_types:
        stated = Coding(uris[coding.system], coding.code)
        assert packaged.is_virtual_or_home([stated])
        assert packaged.find(ServiceKind.TELEHEALTH_VISIT, [stated]), coding


def test_load__a_users_file__is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    lines = ["[systems]", 'LOINC = ["http://loinc.org"]', "[defaults]"]
    lines += [f'{kind} = "{kind.replace("_", "-")}"' for kind in ServiceKind]
    for kind in ServiceKind:
        lines += [f"[{kind}.{kind.replace('_', '-')}]", 'fee = "12.34"', 'description = "Mine"']
    lines.append('LOINC = ["1-1"]')
    path.write_text("\n".join(lines))
    mine = Catalogue.load(path)
    found = mine.find(ServiceKind.DIGITAL_THERAPEUTICS_SESSION, [Coding(LOINC, "1-1")])
    assert found is not None
    assert found[0].fee == 12_340_000


@pytest.mark.parametrize(
    "changed, message",
    [
        (
            tables(laboratory_test__a=service(LOINC=["1-1"]), laboratory_test__b=service(LOINC=["1-1"])),
            "code LOINC|1-1 stands under both 'a' and 'b'",
        ),
        (tables(laboratory_test__a=service(LOINC=["1-1", "1-1"])), "stands under both 'a' and 'a'"),
        (
            tables(laboratory_test__a=service(), prescription_refill__a=service()),
            "service 'a' is described twice",
        ),
        (tables(laboratory_test__a=service(fee="free")), "service 'a': 'free' is not an amount"),
        (tables(laboratory_test__a=service(fee="-1")), "service 'a': -1 dollars is negative"),
        (tables(laboratory_test__a=service(fee="0")), "whole cents and more than zero"),
        (tables(laboratory_test__a=service(fee="1.005")), "whole cents and more than zero"),
        (tables(laboratory_test__a=service(fee=10)), "must be a string of dollars"),
        (tables(laboratory_test__a={"description": "A test"}), "must be a string of dollars"),
        (tables(laboratory_test__a={"fee": "1"}), "service 'a': description"),
        (tables(laboratory_test__a=service(description=7)), "service 'a': description"),
        (tables(laboratory_test__a=service(category="dental")), "category 'dental' is none of"),
        (tables(laboratory_test__a=service(NDC=["1"])), "'NDC' is neither a field nor one of"),
        (tables(laboratory_test__a=service(LOINC="1-1")), "a: LOINC must be a list of strings"),
        (tables(laboratory_test__a=service(LOINC=[1])), "a: LOINC must be a list of strings"),
        (tables(laboratory_test__A=service()), "must be a slug"),
        (tables(laboratory_test__a="x"), "service 'a' must be a table"),
        (tables(laboratory_test="x"), "'laboratory_test' must be a table"),
        (tables(dental_visit={}), "[dental_visit] is not a kind"),
        (tables(defaults__laboratory_test=None), "names no service for laboratory_test"),
        (tables(defaults__laboratory_test="ghost"), "names 'ghost', which no table describes"),
        (
            tables(defaults__laboratory_test="any-telehealth-visit"),
            "names 'any-telehealth-visit', which is of another kind",
        ),
        (tables(defaults__dental_visit="x"), "defaults"),
        (tables(systems__OTHER=[LOINC]), "http://loinc.org stands under both LOINC and OTHER"),
        (tables(systems__LOINC="x"), "[systems] LOINC must be a list of strings"),
        (tables(virtual_or_home_types__NDC=["1"]), "'NDC' is neither a field nor one of"),
    ],
)
def test_load__catalogue_that_contradicts_itself__is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        Catalogue.from_tables(changed)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"not toml", "not a TOML file"),
        (b"\xff", "not a TOML file"),
        (b"", "names no service"),
        (None, "read"),
    ],
)
def test_load__file_that_is_no_catalogue__is_refused_with_its_path(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CatalogueError) as refused:
        Catalogue.load(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert message in str(refused.value)
