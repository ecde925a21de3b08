"""What a visit or a prescription was billed at, from Claims and ExplanationOfBenefits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.fhir import claim, concept, dispense, encounter, item, record, ref, request, usd

from chainbill.interop.fhir import SkipReason
from chainbill.records.service_event import PriceSource

VISIT = "Encounter/visit"
CHECK_UP_FEE = 92_000_000


def billed(report: Any) -> tuple[int, PriceSource]:
    (event,) = report.events
    return event.billed_amount, event.price_source


def benefit(*items: Any, **extra: Any) -> Any:
    total = [{"category": concept("urn:adjudication", "submitted"), "amount": usd(80)}]
    return claim(*items, resourceType="ExplanationOfBenefit", id="eob", total=total) | extra


def test_visit_price__own_item_has_a_net__is_that_net(read: Any) -> None:
    lines = [item(net=usd(40)), item(VISIT, net=usd(129.16)), item(net=usd(7.5))]
    report = read(record(encounter(), claim(*lines, total=usd(500))))
    assert billed(report) == (129_160_000, PriceSource.CLAIM_ITEM)


def test_visit_price__own_item_without_net__is_the_total_less_the_others(read: Any) -> None:
    lines = [item(VISIT), item(net=usd(40.10)), item(), item(net=usd(0.2))]
    report = read(record(encounter(), claim(*lines, total=usd(125.4))))
    assert billed(report) == (85_100_000, PriceSource.CLAIM_TOTAL)


@pytest.mark.parametrize(
    "value, amount",
    [("129.16000000000003", 129_160_000), ("0.005", 10_000), ("77.49", 77_490_000), ("1e2", 100_000_000)],
)
def test_visit_price__a_float_in_the_file__becomes_cents_exactly(read: Any, value: str, amount: int) -> None:
    text = json.dumps(record(encounter(), claim(item(VISIT, net=usd(1234567))))).replace("1234567", value)
    assert billed(read(text))[0] == amount


def test_visit_price__several_items_name_the_visit__is_the_one_of_its_type(read: Any) -> None:
    lines = [item(VISIT, code="999", net=usd(5)), item(VISIT, code="185349003", net=usd(90))]
    assert billed(read(record(encounter(), claim(*lines))))[0] == 90_000_000


def test_visit_price__total_shared_with_an_unpriced_visit__is_not_divided(read: Any) -> None:
    lines = [item(VISIT), item("Encounter/other")]
    other = encounter(id="other", period={"start": "2024-03-06T09:00:00Z"})
    report = read(record(encounter(), other, claim(*lines, total=usd(300))))
    assert {event.price_source for event in report.events} == {PriceSource.CATALOGUE_DEFAULT}


def test_visit_price__no_claim__is_the_catalogue_default_shown_as_such(read: Any) -> None:
    assert billed(read(record(encounter()))) == (CHECK_UP_FEE, PriceSource.CATALOGUE_DEFAULT)


@pytest.mark.parametrize(
    "unusable",
    [
        claim(item(VISIT, net=usd(9)), status="cancelled"),
        claim(item(VISIT, net=usd(9)), status="entered-in-error"),
        claim(item(VISIT, net=usd(9)), use="preauthorization"),
        claim(item(VISIT, net=usd(9)), type=concept("urn:type", "pharmacy")),
        claim(item(VISIT, net=usd(9)), prescription=ref("MedicationRequest/rx")),
        claim(item("Encounter/other", net=usd(9))),
        claim(item(VISIT, net={"value": "9"})),
        claim(item(VISIT), item(net=usd(9, "EUR")), total=usd(30)),
        claim(item(VISIT)),
    ],
    ids=[
        "cancelled", "in-error", "preauthorisation", "pharmacy", "prescription", "another-visit",
        "text", "other-item-in-euro", "nothing",
    ],
)  # fmt: skip
def test_visit_price__claim_that_prices_nothing__is_not_used(read: Any, unusable: Any) -> None:
    report = read(record(encounter(), unusable))
    assert billed(report) == (CHECK_UP_FEE, PriceSource.CATALOGUE_DEFAULT)
    assert "used as price" not in report.skipped_counts()
    assert report.skipped[-1].resource == "Claim/claim"
    account = report.claim_account()
    assert account.in_events == 0
    assert account.claimed == sum(account.left_out.values())


def test_visit_price__benefit_without_claim__is_used(read: Any) -> None:
    report = read(record(encounter(), benefit(item(VISIT))))
    assert billed(report) == (80_000_000, PriceSource.CLAIM_TOTAL)


def test_visit_price__claim_and_benefit__is_the_claims(read: Any) -> None:
    report = read(record(encounter(), benefit(item(VISIT, net=usd(80))), claim(item(VISIT), total=usd(125))))
    assert billed(report) == (125_000_000, PriceSource.CLAIM_TOTAL)
    assert [str(skipped) for skipped in report.skipped[3:]] == [
        "ExplanationOfBenefit/eob: priced nothing: it repeats Claim/claim",
        "Claim/claim: used as price of Encounter/visit",
    ]


@pytest.mark.parametrize(
    "lines, total, reason",
    [
        ([item(VISIT, net=usd(-5))], None, SkipReason.UNUSABLE_PRICE),
        ([item(VISIT, net=usd(10**18))], None, SkipReason.UNUSABLE_PRICE),
        ([item(VISIT, net=usd(0))], None, SkipReason.NO_CHARGE),
        ([item(VISIT), item(net=usd(40))], 40, SkipReason.NO_CHARGE),
    ],
    ids=["negative", "too-much", "zero", "nothing-left"],
)
def test_visit_price__no_amount_to_bill__skips_the_visit(
    read: Any, lines: Any, total: int | None, reason: SkipReason
) -> None:
    made = claim(*lines) if total is None else claim(*lines, total=usd(total))
    report = read(record(encounter(), made))
    assert report.events == []
    assert report.skipped_counts()[reason] == 1


@pytest.mark.parametrize("value", ["1e999999999", "1e400", "-1e999999999", "0e999999999", "1e-999999999"])
def test_visit_price__number_of_absurd_size__is_refused_for_that_visit_alone(read: Any, value: str) -> None:
    other = encounter() | {"id": "other", "period": {"start": "2024-03-05T15:00:00Z"}}
    text = json.dumps(record(encounter(), other, claim(item(VISIT, net=usd(1234567)))))
    report = read(text.replace("1234567", value))
    assert [event.record_identity for event in report.events] == ["Encounter/other"]


def test_visit_price__incomplete_claim__still_prices(read: Any) -> None:
    bare = {
        "resourceType": "Claim",
        "id": "bare",
        "item": [{"encounter": [ref(VISIT)], "net": {"value": 61}}],
    }
    assert billed(read(record(encounter(), bare))) == (61_000_000, PriceSource.CLAIM_ITEM)


def test_prescription_price__claim_names_it__is_the_total(read: Any) -> None:
    made = claim(item(VISIT, net=usd(3)), prescription=ref("MedicationRequest/rx"), total=usd(255))
    assert billed(read(record(request(), made))) == (255_000_000, PriceSource.CLAIM_TOTAL)


def test_prescription_price__claim_without_total__is_the_sum_of_its_items(read: Any) -> None:
    made = claim(item(net=usd(3)), item(net=usd(4.25)), prescription=ref("MedicationRequest/rx"))
    assert billed(read(record(request(), made)))[0] == 7_250_000


def test_prescription_price__no_claim__is_the_catalogue_default(read: Any) -> None:
    assert billed(read(record(request()))) == (12_000_000, PriceSource.CATALOGUE_DEFAULT)


def test_prescription_price__several_fills_and_claims__are_paired_by_date(read: Any) -> None:
    fills = [
        dispense(id=f"fill-{month}", authorizingPrescription=[ref("MedicationRequest/rx")])
        | {"whenHandedOver": f"2024-0{month}-01"}
        for month in (3, 1, 2)
    ]
    claims = [
        claim(id=f"claim-{month}", prescription=ref("MedicationRequest/rx"), total=usd(month * 10))
        | {"created": f"2024-0{month}-02"}
        for month in (2, 1)
    ]
    events = read(record(request(), *fills, *claims)).events
    assert [(event.record_identity, event.billed_amount, event.price_source) for event in events] == [
        ("MedicationDispense/fill-1", 10_000_000, PriceSource.CLAIM_TOTAL),
        ("MedicationDispense/fill-2", 20_000_000, PriceSource.CLAIM_TOTAL),
        ("MedicationDispense/fill-3", 12_000_000, PriceSource.CATALOGUE_DEFAULT),
    ]
