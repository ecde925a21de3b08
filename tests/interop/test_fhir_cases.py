"""Shared records with their right outcome: each is one of a kind that was once read wrongly."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chainbill.errors import RecordError
from chainbill.interop.fhir import IngestReport, read_fhir
from chainbill.records.catalogue import Catalogue

CASES = """
    line_without_net line_that_takes_off line_of_its_own claim_alone two_claims_one_visit
    line_without_encounter claim_replaced claim_not_for_payment claim_with_text_amounts
    evening_of_new_years_eve month_only not_yet_performed later_version_in_error same_id_on_two_servers
    reading_without_value reading_sent_twice visit_within_a_visit telehealth_by_modifier_gt
    telehealth_by_place_of_service telehealth_by_location
""".split()  # noqa: SIM905


class Outcome(NamedTuple):
    """What comes of a file: events as ``kind record-identity dollars``, the beginnings of what is listed."""

    events: list[str]
    listed: Sequence[str] = ()


VISIT_LEFT = ["in_person_visit Encounter/e1 92.50"]

PUBLIC: dict[str, Outcome] = {
    "01-claim-total-below-other-lines/50-total-is-visit-only.json": Outcome(
        ["in_person_visit Encounter/e1 165.00"], ["Claim/c1: priced nothing"]
    ),
    "03-two-servers-same-ids/01-two-servers-same-id.json": Outcome(
        [
            "in_person_visit https://north.example/fhir/Encounter/7 92.50",
            "in_person_visit https://south.example/fhir/Encounter/7 130.00",
        ]
    ),
    "05-history-entered-in-error/02-history-entered-in-error.json": Outcome(
        [], ["Encounter/e1: status entered-in-error", "Encounter/e1: superseded by version 2"]
    ),
    "07-claim-two-versions/04-versions.ndjson": Outcome(
        ["in_person_visit Encounter/e1 183.00"], ["Encounter/e1: superseded by version 2"]
    ),
    "07-claim-two-versions/04b-claim-versions.ndjson": Outcome(
        ["in_person_visit Encounter/e1 150.00"], ["Claim/c1: superseded by version 2"]
    ),
    "08-replacement-claim/05-replacement-claim.json": Outcome(
        ["in_person_visit Encounter/e1 150.00"], ["Claim/c1: replaced by Claim/c2"]
    ),
    "10-reversal-claim/13b-reversal.json": Outcome([], ["Encounter/e1: no charge: reversed by Claim/c2"]),
    "10-reversal-claim/13c-reversal-first.json": Outcome(
        ["in_person_visit Encounter/e1 80.00"], ["Claim/c1: priced nothing: reversed"]
    ),
    "11-part-of-stay/10-part-of-stay.json": Outcome(
        ["in_person_visit Encounter/h1 2600.00"],
        ["Encounter/w1: part of Encounter/h1", "Encounter/w2: part of Encounter/h1"],
    ),
    "12-reading-not-performed/09-data-absent.json": Outcome(
        [], ["Observation/b1: no measurement: not-performed"]
    ),
    "12-reading-not-performed/09b-data-absent-error.json": Outcome(
        [], ["Observation/b1: no measurement: error"]
    ),
    "12-reading-not-performed/09d-no-value-at-all.json": Outcome([], ["Observation/b1: no measurement"]),
    "14-inpatient-order/11-inpatient-order.json": Outcome([], ["MedicationRequest/m1: of no kind"]),
    "16-reported-medication/11b-reported.json": Outcome([], ["MedicationRequest/m1: of no kind: reported"]),
    "17-place-of-service-telehealth/07-pos-10.json": Outcome(["telehealth_visit Encounter/e1 100.00"]),
    "17-place-of-service-telehealth/07b-pos-02.json": Outcome(["telehealth_visit Encounter/e1 100.00"]),
    "19-year-end-west/08-year-end-local.json": Outcome(["in_person_visit Encounter/e1 92.50"]),
    "21-one-impossible-year/19-year-2200.json": Outcome([], ["Encounter/e1: in the future"]),
    "21-one-impossible-year/21-one-bad-year.ndjson": Outcome(
        [f"in_person_visit Encounter/e{number} 92.50" for number in range(1, 6)],
        ["Observation/bad: in the future"],
    ),
    "22-unit-price-times-quantity/06-unitprice-quantity.json": Outcome(
        ["in_person_visit Encounter/e1 150.00"]
    ),
    "24-first-line-is-not-the-visit/51-first-item-not-visit.json": Outcome(
        ["in_person_visit Encounter/e1 100.00", "laboratory_test Claim/c1#1 30.00"]
    ),
    "25-other-currency/12-eur.json": Outcome([], ["Encounter/e1: unusable price: in EUR in Claim/c1"]),
    "25-other-currency/12b-item-nocur-total-eur.json": Outcome(
        [], ["Encounter/e1: unusable price: in JPY in Claim/c1"]
    ),
    "26-money-as-text/14-string-money.json": Outcome(VISIT_LEFT, ["Claim/c1: invalid: item.0.net.value"]),
    "27-corrected-report-new-id/24-corrected-report-new-id.json": Outcome(
        ["laboratory_test DiagnosticReport/d2 32.00"],
        ["DiagnosticReport/d1: replaced by DiagnosticReport/d2"],
    ),
    "29-panel-and-its-report/53-panel-and-report.json": Outcome(
        ["laboratory_test DiagnosticReport/d1 15.00"],
        [f"Observation/{name}: part of report DiagnosticReport/d1" for name in ("pan", "abo", "rh")],
    ),
    "30-merged-patient/15-patient-link.json": Outcome(
        ["laboratory_test Observation/a 29.00", "laboratory_test Observation/b 29.00"]
    ),
    "31-absolute-and-relative-patient/16-abs-vs-relative.json": Outcome(
        [f"in_person_visit https://s.example/fhir/Encounter/e{number} 92.50" for number in (1, 2, 3)]
    ),
    "32-conditional-reference-encoded/17-cond-encoded.json": Outcome(VISIT_LEFT),
    "34-video-in-words/20-vats.json": Outcome(["in_person_visit Encounter/e1 92.00"]),
    "36-effective-timing/21-effective-timing.json": Outcome(["laboratory_test Observation/b1 10.00"]),
    "37-batch-response/22-batch-response.json": Outcome(VISIT_LEFT),
    "39-observation-stay-class/25-class-OBSENC.json": Outcome(["in_person_visit Encounter/e1 1400.00"]),
    "41-discount-line/13-discount-item.json": Outcome(["in_person_visit Encounter/e1 80.00"]),
    "42-one-line-two-visits/39-item-two-encounters.json": Outcome(
        [*VISIT_LEFT, "in_person_visit Encounter/e2 92.50"],
        ["Claim/c1: priced nothing: names several visits"],
    ),
    "43-claim-of-another-patient/40-claim-other-patient.json": Outcome(
        VISIT_LEFT, ["Claim/c1: priced nothing: names a visit of another patient"]
    ),
    "44-monitoring-claim-only/26-rpm-claim.json": Outcome(
        [
            f"remote_monitoring_upload Claim/c1#{line} {dollars}"
            for line, dollars in ((1, "47.00"), (2, "52.00"), (3, "84.00"))
        ]
    ),
    "44-monitoring-claim-only/26b-rpm-99445.json": Outcome(["remote_monitoring_upload Procedure/x 47.00"]),
    "47-charge-item-price/23-chargeitem.json": Outcome(["in_person_visit Encounter/e1 75.00"]),
    "47-charge-item-price/41b-invoice.json": Outcome([], ["Encounter/e1: no charge: not billable"]),
    "48-modifier-extension/43-modifier-extension.json": Outcome([], ["Encounter/e1: not understood"]),
    "50-facility-and-professional/52-facility-and-professional.json": Outcome(
        ["in_person_visit Encounter/e1 350.00", "in_person_visit Claim/c1#1 900.00"]
    ),
    "51-laboratory-line-price/27-lab-claim-item.json": Outcome(
        ["in_person_visit Encounter/e1 100.00", "laboratory_test DiagnosticReport/d1 61.00"]
    ),
}
"""Right outcomes as each folder's ``expected.md`` gives them; the file is left out of it that holds a
signature and no health record."""


def accounted(report: IngestReport) -> bool:
    account = report.claim_account()
    return account.claimed == account.in_events + sum(account.left_out.values())


def beginnings_absent(report: IngestReport, beginnings: Sequence[str]) -> list[str]:
    listed = [str(skipped) for skipped in report.skipped]
    return [each for each in beginnings if not any(line.startswith(each) for line in listed)]


@pytest.fixture(scope="session")
def expected(cases_dir: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((cases_dir / "fhir" / "expected.json").read_text())
    return found


def test_cases__every_one__is_tried_here(expected: dict[str, Any]) -> None:
    assert sorted(expected) == sorted(CASES)


@pytest.mark.parametrize("name", CASES)
def test_case__read__is_what_is_expected(
    cases_dir: Path, expected: dict[str, Any], catalogue: Catalogue, name: str
) -> None:
    report = read_fhir(cases_dir / "fhir" / f"{name}.json", catalogue=catalogue)
    assert [
        {
            "kind": event.kind.value,
            "billed": f"{event.billed_amount / 1_000_000:.2f}",
            "service_date": event.service_date.isoformat(),
            "benefit_year": event.benefit_year,
        }
        for event in report.events
    ] == expected[name]["events"]
    assert beginnings_absent(report, expected[name].get("listed", [])) == []
    assert accounted(report)


def test_public_cases__every_record__has_its_outcome_here(cases_dir: Path) -> None:
    folder = cases_dir / "public"
    there = {str(path.relative_to(folder)) for path in folder.glob("*/*json")}
    assert there - set(PUBLIC) == {"45-signature-parity-0-1/consent01.json"}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_case__read__has_the_right_outcome(cases_dir: Path, catalogue: Catalogue, name: str) -> None:
    report = read_fhir(cases_dir / "public" / name, catalogue=catalogue)
    found = [
        f"{event.kind.value} {event.record_identity} {event.billed_amount / 1_000_000:.2f}"
        for event in report.events
    ]
    assert sorted(found) == sorted(PUBLIC[name].events)
    assert beginnings_absent(report, PUBLIC[name].listed) == []
    assert accounted(report)


@pytest.mark.parametrize(
    "name, patients",
    [
        ("03-two-servers-same-ids/01-two-servers-same-id.json", ["north", "south"]),
        ("30-merged-patient/15-patient-link.json", ["Patient/p2", "Patient/p2"]),
        (
            "31-absolute-and-relative-patient/16-abs-vs-relative.json",
            ["//s.example/fhir/Patient/p1"] * 3,
        ),
    ],
)
def test_public_case__patients__are_one_or_two_as_they_should_be(
    cases_dir: Path, catalogue: Catalogue, name: str, patients: list[str]
) -> None:
    events = read_fhir(cases_dir / "public" / name, catalogue=catalogue).events
    assert all(patient in event.patient.reference for event, patient in zip(events, patients, strict=True)), (
        events
    )


def test_public_case__evening_in_the_west__is_of_the_old_year(cases_dir: Path, catalogue: Catalogue) -> None:
    path = cases_dir / "public" / "19-year-end-west" / "08-year-end-local.json"
    (event,) = read_fhir(path, catalogue=catalogue).events
    assert (event.service_date.isoformat(), event.benefit_year) == ("2023-12-31", 2023)


def test_public_case__total_below_its_lines__is_said(cases_dir: Path, catalogue: Catalogue) -> None:
    path = cases_dir / "public" / "01-claim-total-below-other-lines" / "50-total-is-visit-only.json"
    assert read_fhir(path, catalogue=catalogue).contradictions == [
        "Claim/c1: its total $118.40 is less than its lines come to, $620.62"
    ]


def test_every_sample__read__adds_up_or_is_refused_in_one_line(
    samples_dir: Path, catalogue: Catalogue
) -> None:
    """Any sample named as a FHIR reader's file would be; most of the others' are of other formats."""
    read, refused = 0, []
    for path in sorted(samples_dir.rglob("*json")):
        if path.stat().st_size > 2**23 or path.parent.name == "fhir_hl7_r4":  # read in a test of their own
            continue
        try:
            report = read_fhir(path, catalogue=catalogue)
        except RecordError as error:
            refused.append(str(error))
            continue
        assert accounted(report), path
        read += 1
    assert read > 10
    assert not any("\n" in line for line in refused)
