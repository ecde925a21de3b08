"""Claims: which count, what a line costs, and what becomes of every line."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from tests.support.fhir import (
    CLINIC,
    CPT,
    DOCTOR,
    HCPCS,
    PATIENT,
    RXNORM,
    claim,
    concept,
    encounter,
    item,
    observation,
    procedure,
    record,
    ref,
    report,
    request,
    usd,
)

VISIT = "Encounter/visit"
DAY = {"servicedDate": "2024-03-05"}
SEEN_BY_DOCTOR = {"participant": [{"individual": ref(DOCTOR)}]}
MONITORING = """
    99453 99454 99445 99457 99458 99470 99091
    98975 98976 98977 98978 98979 98980 98981 98984 98985 98986
""".split()  # noqa: SIM905
MODIFIER_EXTENSION = {"modifierExtension": [{"url": "http://example.org/not", "valueBoolean": True}]}
OTHER = {"resourceType": "Patient", "id": "other"}
HOSPITAL = {"resourceType": "Organization", "id": "hospital"}


def line(number: int, code: str, *encounters: str, **extra: Any) -> Any:
    return item(*encounters, sequence=number, productOrService=concept(CPT, code)) | extra


def prior(name: str, **claimed: Any) -> Any:
    stated = claimed or {"claim": ref(f"Claim/{name}")}
    return {"related": [{"relationship": concept("urn:related", "prior"), **stated}]}


def billed(found: Any) -> list[tuple[str, float]]:
    return sorted((event.record_identity, event.billed_amount / 1_000_000) for event in found.events)


def billed_as(found: Any) -> list[tuple[str, str, float, str]]:
    return sorted(
        (event.record_identity, event.kind.value, event.billed_amount / 1_000_000, str(event.service_date))
        for event in found.events
    )


def left_out(found: Any) -> list[str]:
    return [str(each) for each in found.claim_lines if each.left_out]


# ── Which claims count ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("order", permutations(range(3)))
def test_chain_of_claims__in_any_order__is_billed_by_the_newest(read: Any, order: tuple[int, ...]) -> None:
    chain = [
        claim(item(VISIT, net=usd(10)), id="c1"),
        claim(item(VISIT, net=usd(20)), id="c2", **prior("c1")),
        claim(item(VISIT, net=usd(30)), id="c3", **prior("c2")),
    ]
    found = read(record(encounter(), *(chain[place] for place in order)))
    assert billed(found) == [(VISIT, 30)]
    assert found.skipped_counts()["replaced by"] == 2


@pytest.mark.parametrize(
    "replacement, dollars",
    [
        ({}, 20),
        ({"status": "cancelled"}, 10),
        ({"status": "draft"}, 10),
        ({"use": "preauthorization"}, 10),
        ({"item": [item(VISIT, net={"value": "20"})]}, 10),
        (prior("c1", reference={"system": "urn:claims", "value": "7"}), 20),
        ({"patient": ref(OTHER)}, 10),
    ],
    ids=["stands", "cancelled", "draft", "preauthorization", "invalid", "by-identifier", "other-patient"],
)
def test_replacement__that_counts_or_not__decides_which_claim_bills(
    read: Any, replacement: Any, dollars: int
) -> None:
    first = claim(item(VISIT, net=usd(10)), id="c1", identifier=[{"system": "urn:claims", "value": "7"}])
    second = claim(item(VISIT, net=usd(20)), id="c2") | prior("c1") | replacement
    assert billed(read(record(encounter(), OTHER, first, second))) == [(VISIT, dollars)]


def test_claims_in_a_ring__bill_by_the_one_made_last(read: Any) -> None:
    ring = [
        claim(item(VISIT, net=usd(10)), id="c1", created="2024-03-07", **prior("c2")),
        claim(item(VISIT, net=usd(20)), id="c2", created="2024-03-06", **prior("c1")),
    ]
    assert billed(read(record(encounter(), *ring))) == [(VISIT, 10)]


@pytest.mark.parametrize(
    "broken, told",
    [
        ({"net": {"value": "9"}}, "item.0.net.value: not a number"),
        ({"net": {"value": 9, "currency": 840}}, "item.0.net.currency: not text"),
        ({"unitPrice": usd(9), "quantity": {"value": "2"}}, "item.0.quantity.value: not a number"),
        ({"unitPrice": usd(9), "factor": "2"}, "item.0.factor: not a number"),
        ({"detail": [{"unitPrice": usd(9), "factor": "2"}]}, "item.0.detail.factor: not a number"),
        ({"detail": [{"subDetail": [{"net": "9"}]}]}, "item.0.detail.subDetail.net: not an object"),
        ({"net": usd(9), "productOrService": "99213"}, "item.0.productOrService: not an object"),
        ({"net": usd(9), "servicedDate": "05.03.2024"}, "item.0.servicedDate: not a date"),
        ({"net": usd(9), "servicedPeriod": {"end": "March"}}, "item.0.servicedPeriod.end: not a date"),
    ],
)
def test_claim_with_a_broken_element__is_named_invalid_by_it(read: Any, broken: Any, told: str) -> None:
    found = read(record(encounter(), claim(item(VISIT) | broken)))
    assert str(found.skipped[-1]) == f"Claim/claim: invalid: {told}"
    assert found.claim_account().claimed == 0


@pytest.mark.parametrize(
    "start, end, told",
    [
        ("2024-03-30", "2024-03-01", True),
        ("2024-03", "2024-02", True),
        ("2024-03-30T10:00:00Z", "2024-03-01", True),
        ("2024-03-01", "2024-03-30", False),
        ("2024-03-05T10:00:00Z", "2024-03-05", False),
        ("2024-03-05", "2024-03", False),
        ("2024-03-06T00:30:00+02:00", "2024-03-05T23:00:00Z", False),
    ],
)
def test_claim_with_a_period_that_ends_before_it_starts__is_named_invalid(
    read: Any, start: str, end: str, told: bool
) -> None:
    month = line(1, "99454", net=usd(47), servicedPeriod={"start": start, "end": end})
    found = read(record(claim(month)))
    problem = "Claim/claim: invalid: item.0.servicedPeriod: it ends before it starts"
    assert (problem in map(str, found.skipped)) is told
    assert not (told and found.events)


@pytest.mark.parametrize("written", ["yesterday", "05.03.2024", "2024-13-01", 20240305])
def test_claim_made_on_no_date__is_named_invalid(read: Any, written: Any) -> None:
    found = read(record(encounter(), claim(item(VISIT, net=usd(60)), created=written)))
    assert billed(found) == [(VISIT, 92)]
    assert str(found.skipped[-1]).startswith("Claim/claim: invalid: created: not ")


@pytest.mark.parametrize("total", ["4", {"value": "4"}, [{"amount": {"value": "4"}}]])
def test_claim_with_a_broken_total__is_named_invalid(read: Any, total: Any) -> None:
    found = read(record(encounter(), claim(item(VISIT, net=usd(4)), total=total)))
    assert str(found.skipped[-1]).startswith("Claim/claim: invalid: total")


@pytest.mark.parametrize(
    "where",
    [
        {"item": [item(VISIT, net=usd(60) | MODIFIER_EXTENSION)]},
        {"item": [item(VISIT, net=usd(60), detail=[{"net": usd(4)} | MODIFIER_EXTENSION])]},
        {"insurance": [{"sequence": 1, "focal": True} | MODIFIER_EXTENSION]},
        {"implicitRules": "http://example.org/rules"},
    ],
    ids=["money", "detail", "header", "implicit-rules"],
)
def test_claim_with_a_modifier_extension__prices_nothing(read: Any, where: Any) -> None:
    found = read(record(encounter(), claim(item(VISIT, net=usd(60))) | where))
    assert billed(found) == [(VISIT, 92)]
    assert "not understood" in str(found.skipped[-1])


# ── What a line costs ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "stated, dollars",
    [
        ({"unitPrice": usd(33.335), "quantity": {"value": 1.5}, "factor": 0.5}, 25),
        ({"unitPrice": usd(50), "quantity": {"value": 2}, "factor": 0.9, "tax": usd(4.5)}, 94.5),
        ({"net": usd(50), "tax": usd(4.5)}, 50),
        ({"detail": [{"net": usd(30)}, {"unitPrice": usd(5), "quantity": {"value": 3}}]}, 45),
        ({"detail": [{"subDetail": [{"net": usd(12)}, {"net": usd(13)}]}]}, 25),
        ({"net": usd(40), "detail": [{"net": usd(30)}]}, 40),
    ],
)
def test_line__amount__is_net_else_the_product_else_the_details(
    read: Any, stated: Any, dollars: float
) -> None:
    assert billed(read(record(encounter(), claim(item(VISIT) | stated)))) == [(VISIT, dollars)]


def test_line__tax_in_another_currency__is_not_in_dollars(read: Any) -> None:
    found = read(record(encounter(), claim(item(VISIT, unitPrice=usd(50), tax=usd(4, "EUR")))))
    assert found.skipped_counts()["unusable price"] == 1


@pytest.mark.parametrize(
    "taken_off",
    [
        item(sequence=2, net=usd(-20)),
        item(VISIT, sequence=2, net=usd(-20)),
        {"sequence": 2, "productOrService": {"text": "discount"}, "net": usd(-20)},
        item(VISIT, sequence=2, unitPrice=usd(20), quantity={"value": -1}),
    ],
    ids=["no-encounter", "encounter", "no-code", "negative-quantity"],
)
def test_discount__of_a_visit__is_taken_off(read: Any, taken_off: Any) -> None:
    found = read(record(encounter(), claim(item(VISIT, net=usd(100)), taken_off)))
    assert billed(found) == [(VISIT, 80)]
    assert found.claim_account().in_events == 80_000_000


def test_discount__of_another_service_of_the_claim__leaves_the_visit_alone(read: Any) -> None:
    lines = [
        line(1, "99213", VISIT, net=usd(100)),
        line(2, "83036", net=usd(40)),
        line(3, "83036", net=usd(-10)),
    ]
    assert billed(read(record(encounter(), claim(*lines)))) == [("Claim/claim#2", 30), (VISIT, 100)]


def test_discount__of_a_line_of_no_kind__leaves_the_visit_alone(read: Any) -> None:
    lines = [
        line(number, code, VISIT, net=usd(dollars))
        for number, (code, dollars) in enumerate([("99213", 60), ("36415", 10), ("36415", -10)], start=1)
    ]
    assert billed(read(record(encounter(), claim(*lines)))) == [(VISIT, 60)]


def test_discount__of_more_than_the_price__bills_nothing(read: Any) -> None:
    found = read(record(claim(line(1, "83036", net=usd(40), **DAY), line(2, "83036", net=usd(-60), **DAY))))
    assert found.events == []
    assert sum(found.claim_account().left_out.values()) == -20_000_000


def test_discount_and_reversal__of_two_months_alike__are_of_the_month_they_state(read: Any) -> None:
    months = [{"servicedDate": f"2024-0{month}-30"} for month in (3, 4)]
    lines = [line(place, "99454", net=usd(40), **day) for place, day in enumerate(months, start=1)]
    discount = line(3, "99454", net=usd(-10), **months[1])
    assert billed(read(record(claim(*lines, discount)))) == [("Claim/claim#1", 40), ("Claim/claim#2", 30)]
    reversal = claim(line(1, "99454", net=usd(-40), **months[1]), id="reversal")
    assert billed(read(record(claim(*lines), reversal))) == [("Claim/claim#1", 40)]


def test_total__that_holds_an_unpriced_test_too__is_not_divided(read: Any) -> None:
    found = read(record(encounter(), claim(item(VISIT), line(2, "83036", VISIT), total=usd(200))))
    assert billed(found) == [(VISIT, 92)]
    assert left_out(found) == ["Claim/claim total: a total that is not divided"]


# ── What a line is of ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("named", [(VISIT,), ()])
def test_facility_and_professional__with_an_encounter_or_without__are_two_charges(
    read: Any, named: tuple[str, ...], order: int
) -> None:
    claims = [
        claim(line(1, "99284", *named, net=usd(60), **DAY), id="doctors"),
        claim(
            line(1, "99284", *named, net=usd(140), **DAY),
            id="hospitals",
            type=concept("urn:type", "institutional"),
        ),
    ]
    found = read(record(encounter("EMER", "4525004"), *claims[::order]))
    assert billed(found) == [("Claim/hospitals#1", 140), (VISIT, 60)]


@pytest.mark.parametrize("words", ["{}", "{} claim", "US {}"])
def test_facility_and_professional__typed_in_words_alone__are_two_charges(read: Any, words: str) -> None:
    claims = [
        claim(
            line(1, "99284", VISIT, net=usd(dollars), **DAY),
            id=kind,
            created=f"2024-03-0{place}",
            type={"text": words.format(kind.capitalize())},
        )
        for place, (kind, dollars) in enumerate([("professional", 60), ("institutional", 140)], start=6)
    ]
    found = read(record(encounter("EMER", "4525004"), *claims))
    assert billed(found) == [("Claim/institutional#1", 140), (VISIT, 60)]


def test_facility_and_professional__of_one_amount_and_no_visit__are_two_charges(read: Any) -> None:
    claims = [
        claim(line(1, "99284", net=usd(60), **DAY), id=kind, type=concept("urn:type", kind))
        for kind in ("professional", "institutional")
    ]
    assert len(read(record(*claims)).events) == 2


def test_visit_asked_for_twice_by_one_provider__is_charged_once(read: Any) -> None:
    claims = [
        claim(item(VISIT, net=usd(60 + day)), id=f"c{day}", created=f"2024-03-0{day}") for day in (7, 6)
    ]
    found = read(record(encounter(), *claims))
    assert billed(found) == [(VISIT, 67)]
    assert left_out(found) == ["Claim/c6 line 1: another claim is for the same: Claim/c7"]


@pytest.mark.parametrize(
    "visit, claimed, expected",
    [
        ({}, {}, [(VISIT, 60)]),
        ({"period": {"start": "2024-03-05T22:00:00-05:00"}}, {}, [(VISIT, 60)]),
        ({"period": {"start": "2024-03-04T22:00:00-05:00"}}, {}, [("Claim/claim#1", 60), (VISIT, 92)]),
        ({}, {"provider": ref(HOSPITAL)}, [("Claim/claim#1", 60), (VISIT, 92)]),
        (SEEN_BY_DOCTOR, {"provider": ref(DOCTOR)}, [(VISIT, 60)]),
        (SEEN_BY_DOCTOR, {"provider": ref("PractitionerRole/role")}, [(VISIT, 60)]),
        ({"status": "planned"}, {}, [("Claim/claim#1", 60)]),
    ],
    ids=["same-day", "evening", "day-before", "other-provider", "participant", "role", "planned"],
)  # fmt: skip
def test_visit_line_without_encounter__belongs_to_the_visit_of_patient_provider_and_day(
    read: Any, visit: Any, claimed: Any, expected: Any
) -> None:
    role = {"resourceType": "PractitionerRole", "id": "role", "practitioner": ref(DOCTOR)}
    made = claim(line(1, "99213", net=usd(60), **DAY)) | claimed
    assert billed(read(record(encounter(**visit), HOSPITAL, role, made))) == expected


def test_visit_line_without_encounter__of_a_day_with_two_visits__is_left_out(read: Any) -> None:
    second = encounter(id="second", period={"start": "2024-03-05T15:00:00Z"})
    found = read(record(encounter(), second, claim(line(1, "99213", net=usd(60), **DAY))))
    assert left_out(found) == ["Claim/claim line 1: several visits that day"]


@pytest.mark.parametrize("system", [CPT, HCPCS, ""])
@pytest.mark.parametrize(
    "code, kind",
    [
        *[(code, "remote_monitoring_upload") for code in MONITORING],
        *[(code, "digital_therapeutics_session") for code in ("G0552", "G0553", "G0554")],
        *[(code, "telehealth_visit") for code in ("99421", "99422", "99423")],
        *[(code, "laboratory_test") for code in ("83036", "84270", "0240U")],
        ("99213", "in_person_visit"),
    ],
)  # fmt: skip
def test_line_that_prices_nothing_else__is_an_event_of_its_codes_kind_on_its_last_day(
    read: Any, code: str, kind: str, system: str
) -> None:
    period = {"start": "2024-03-01", "end": "2024-03-30"}
    made = claim(item(productOrService=concept(system, code), net=usd(44), servicedPeriod=period))
    (event,) = read(record(made)).events
    assert (event.kind.value, event.billed_amount) == (kind, 44_000_000)
    assert event.service_date.isoformat() == "2024-03-30"


@pytest.mark.parametrize("code", ["99455", "88305", "36415", "97110", "J1885"])
def test_line_of_no_kind__is_left_out_with_its_amount(read: Any, code: str) -> None:
    found = read(record(claim(line(1, code, net=usd(44), **DAY))))
    assert found.events == []
    assert found.claim_account().left_out == {"its code is of no kind that is settled": 44_000_000}


def test_lines_of_one_number__are_events_of_two_names(read: Any) -> None:
    lines = [line(1, "99454", net=usd(40), **DAY), line(1, "99457", net=usd(50), **DAY)]
    assert billed(read(record(claim(*lines)))) == [("Claim/claim#1", 40), ("Claim/claim#2", 50)]


@pytest.mark.parametrize(
    "dated, why",
    [
        ({"servicedDate": "2024-03"}, "date not exact to the day"),
        ({"servicedDate": "2090-03-01"}, "in the future"),
        ({"servicedDate": "1969-12-31"}, "before 1970"),
        ({}, "no service date"),
    ],
)
def test_line_without_a_usable_date__is_left_out(read: Any, dated: Any, why: str) -> None:
    found = read(record(claim(line(1, "99454", net=usd(40), **dated))))
    assert left_out(found) == [f"Claim/claim line 1: {why}"]


def test_laboratory_report__priced_by_a_line_of_its_code__though_uncatalogued(read: Any) -> None:
    made = claim(item(VISIT, productOrService=concept("http://loinc.org", "1234-5"), net=usd(17)))
    done = report(code=concept("http://loinc.org", "1234-5"), encounter=ref(VISIT))
    assert ("DiagnosticReport/report", 17) in billed(read(record(encounter(), done, made)))


def test_second_claim__of_another_service_in_the_visit__does_not_take_its_price(read: Any) -> None:
    claims = [
        claim(line(1, "99213", VISIT, net=usd(60)), id="a", created="2024-03-06"),
        claim(line(1, "97110", VISIT, net=usd(30)), id="b", created="2024-03-07"),
    ]
    found = read(record(encounter(), *claims))
    assert billed(found) == [(VISIT, 60)]
    assert left_out(found) == ["Claim/b line 1: its code is of no kind that is settled"]


@pytest.mark.parametrize("code", ["36415", "12001", "J3420", "90471", "88305", "70450"])
def test_only_line_of_the_visit__known_to_be_no_visit__is_not_its_price(read: Any, code: str) -> None:
    found = read(record(encounter(), claim(line(1, code, VISIT, net=usd(10)))))
    assert billed(found) == [(VISIT, 92)]
    assert left_out(found) == ["Claim/claim line 1: its code is of no kind that is settled"]


@pytest.mark.parametrize(
    "system, code",
    [*[(CPT, code) for code in ("90837", "92014", "97110", "99291", "0450")], ("urn:local", "OV-3")],
)
def test_only_line_of_the_visit__that_may_be_one__is_its_price(read: Any, system: str, code: str) -> None:
    made = claim(item(VISIT, productOrService=concept(system, code), net=usd(10)))
    assert billed(read(record(encounter(), made))) == [(VISIT, 10)]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    "visit, asked, expected",
    [
        ("IMP", [("99223", 5, 200), ("99232", 6, 100)], [("Claim/c2#1", 100, 6), (VISIT, 200, 5)]),
        ("IMP", [("99232", 6, 100), ("99232", 7, 100)], [("Claim/c2#1", 100, 7), (VISIT, 100, 5)]),
        ("AMB", [("99397", 5, 150), ("99213", 5, 60)], [("Claim/c2#1", 60, 5), (VISIT, 150, 5)]),
        ("AMB", [("99213", 5, 50), ("99213", 5, 60)], [(VISIT, 60, 5)]),
        ("IMP", [("99232", 6, 100), ("99232", 7, 90), ("99232", 6, -100)], [(VISIT, 90, 5)]),
    ],
    ids=["services", "days", "services-of-a-day", "twice", "reversed"],
)
def test_claims_of_one_provider__for_services_or_days_of_a_visit__are_charges_of_their_own(
    read: Any, order: int, visit: str, asked: Any, expected: Any
) -> None:
    claims = [
        claim(
            line(1, code, VISIT, net=usd(dollars), servicedDate=f"2024-03-0{day}"),
            id=f"c{place}",
            created=f"2024-03-1{place}",
        )
        for place, (code, day, dollars) in enumerate(asked, start=1)
    ]
    stay = encounter(visit, period={"start": "2024-03-05", "end": "2024-03-08"})
    found = read(record(stay, *claims[::order]))
    assert [
        (name, dollars, int(day[-1])) for name, _, dollars, day in billed_as(found)
    ] == expected  # fmt: skip


def test_second_claim__that_asks_for_a_line_of_the_first_again__is_charged_once(read: Any) -> None:
    first = claim(line(1, "99397", VISIT, net=usd(150)), line(2, "99213", VISIT, net=usd(60)), id="c1")
    again = claim(line(1, "99213", VISIT, net=usd(60)), id="c2", created="2024-03-09")
    found = read(record(encounter(), first, again))
    assert billed(found) == [("Claim/c2#1", 60), (VISIT, 150)]
    assert left_out(found) == ["Claim/c1 line 2: charged twice: Claim/c2 line 1"]


@pytest.mark.parametrize(
    "by, expected",
    [
        (CLINIC, [("Observation/value", 11)]),
        (DOCTOR, [("Observation/value", 11)]),
        (HOSPITAL, [("Claim/claim#1", 11), ("Observation/value", 10)]),
    ],
    ids=["ours", "our-doctor", "another-laboratory"],
)
def test_test__of_a_day_that_another_laboratory_billed_one__keeps_its_own_price(
    read: Any, by: Any, expected: Any
) -> None:
    ours = observation("laboratory", code="2345-7", performer=[ref(CLINIC)])
    made = claim(line(1, "82947", net=usd(11), **DAY), provider=ref(by))
    found = read(record(HOSPITAL, ours, made))
    assert billed(found) == expected


@pytest.mark.parametrize("order", [1, -1])
def test_visit_told_twice__has_the_lines_of_both(read: Any, order: int) -> None:
    visits = [encounter(id=name, period={"start": "2024-03-05T09:00:00Z"}) for name in ("e1", "e2")]
    claims = [
        claim(line(1, "99284", "Encounter/e1", net=usd(60)), id="doctors"),
        claim(
            line(1, "G0463", "Encounter/e2", net=usd(140)),
            id="hospitals",
            type=concept("urn:type", "institutional"),
        ),
    ]
    found = read(record(*visits[::order], *claims))
    stands = ["Encounter/e1", "Encounter/e2"][::order][0]
    assert billed(found) == [("Claim/hospitals#1", 140), (stands, 60)]
    unnamed = claim(line(1, "99213", net=usd(60), **DAY))
    assert billed(read(record(*visits[::order], unnamed))) == [(stands, 60)]
    both = claim(line(1, "99213", "Encounter/e1", "Encounter/e2", net=usd(60)))
    assert billed(read(record(*visits[::order], both))) == [(stands, 60)]


def test_visit_told_twice__holds_the_tests_of_both(read: Any) -> None:
    visits = [encounter(id=name, period={"start": "2024-03-05T09:00:00Z"}) for name in ("e1", "e2")]
    test = observation("laboratory", code="2345-7", encounter=ref("Encounter/e2"))
    made = claim(line(1, "82947", "Encounter/e1", net=usd(11)), line(2, "99213", "Encounter/e1", net=usd(60)))
    assert billed(read(record(*visits, test, made))) == [("Encounter/e1", 60), ("Observation/value", 11)]


# ── Telehealth ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("modifier", ["95", "93", "GT", "gt", "GQ", "G0", "g0", "FQ", "FR", "fr"])
def test_telehealth__by_any_modifier_of_the_visits_line(read: Any, modifier: str) -> None:
    made = claim(item(VISIT, net=usd(60), modifier=[concept("", "25"), concept("urn:m", modifier)]))
    assert read(record(encounter(), made)).events[0].kind.value == "telehealth_visit"


@pytest.mark.parametrize("code", ["83036", "97110", "99457"])
def test_telehealth__modifier_on_a_line_of_another_service__does_not_count(read: Any, code: str) -> None:
    lines = [line(1, "99213", VISIT, net=usd(60)), line(2, code, VISIT, modifier=[concept("", "95")])]
    assert read(record(encounter(), claim(*lines))).events[0].kind.value == "in_person_visit"


def test_telehealth__facility_of_the_claim_is_a_virtual_location(read: Any) -> None:
    place = {"resourceType": "Location", "id": "cloud", "physicalType": concept("urn:physical", "vi")}
    made = claim(item(VISIT, net=usd(60)), facility=ref(place))
    assert read(record(encounter(), place, made)).events[0].kind.value == "telehealth_visit"


@pytest.mark.parametrize("code", ["99421", "99441", "98005"])
def test_telehealth__line_of_a_contact_at_a_distance_beside_the_visits__is_one_of_its_own(
    read: Any, code: str
) -> None:
    lines = [line(1, "99213", VISIT, net=usd(60)), line(2, code, VISIT, net=usd(30))]
    found = read(record(encounter(), claim(*lines)))
    assert billed_as(found) == [
        ("Claim/claim#2", "telehealth_visit", 30, "2024-03-05"),
        (VISIT, "in_person_visit", 60, "2024-03-05"),
    ]


def test_e_visit__claim_of_its_own_that_names_the_visit__leaves_the_visits_claim_alone(read: Any) -> None:
    office = claim(line(1, "99213", VISIT, net=usd(60)), id="c1", created="2024-03-06")
    messages = claim(
        line(1, "99421", VISIT, net=usd(30), servicedDate="2024-03-07"), id="c2", created="2024-03-08"
    )
    e_visit = ("Claim/c2#1", "telehealth_visit", 30, "2024-03-07")
    assert billed_as(read(record(encounter(), office, messages))) == [
        e_visit,
        (VISIT, "in_person_visit", 60, "2024-03-05"),
    ]
    assert billed_as(read(record(encounter(), messages))) == [
        e_visit,
        (VISIT, "in_person_visit", 92, "2024-03-05"),
    ]


def test_call__the_only_line_that_names_the_visit__is_the_visit(read: Any) -> None:
    found = read(record(encounter(), claim(line(1, "99441", VISIT, net=usd(30)))))
    assert billed_as(found) == [(VISIT, "telehealth_visit", 30, "2024-03-05")]


# ── Prescriptions, charge items, invoices ────────────────────────────────────────────────────────────────


def pharmacy(name: str, **extra: Any) -> Any:
    stated = {"sequence": 1, "productOrService": concept(RXNORM, "314076"), "net": usd(12)}
    day = extra.pop("day", "2024-03-05")
    return claim(
        stated | {"servicedDate": day},
        id=name,
        created=day,
        type=concept("urn:type", "pharmacy"),
        prescription=ref("MedicationRequest/rx"),
        **extra,
    )


def test_pharmacy_claim__of_another_patient__does_not_price_the_prescription(read: Any) -> None:
    found = read(record(request(), OTHER, pharmacy("c", patient=ref(OTHER))))
    assert found.claim_account().in_events == 0


@pytest.mark.parametrize("day, events", [("2024-04-05", 2), ("2024-03-05", 1)])
def test_second_pharmacy_claim__of_another_day__is_another_fill(read: Any, day: str, events: int) -> None:
    assert len(read(record(request(), pharmacy("a"), pharmacy("b", day=day))).events) == events


@pytest.mark.parametrize("system", [RXNORM, "http://hl7.org/fhir/sid/ndc"])
@pytest.mark.parametrize("typed", [concept("urn:type", "professional"), {"text": "other"}, None])
@pytest.mark.parametrize(
    "beside, fills",
    [([], 1), ([line(2, "97110", net=usd(5), **DAY)], 1)]
    + [([line(2, code, net=usd(5), **DAY)], 0) for code in ("99213", "J3420")]
    + [([line(2, "36415", VISIT, net=usd(5), **DAY)], 0)],
    ids=["alone", "therapy", "visit", "drug-given", "in-a-visit"],
)
def test_drug_line_of_a_claim_that_is_no_pharmacys__is_a_fill_unless_given_in_a_visit(
    read: Any, beside: Any, fills: int, typed: Any, system: str
) -> None:
    sold = item(productOrService=concept(system, "314076"), net=usd(12), **DAY)
    made = claim(sold, *beside, type=typed)
    if typed is None:
        del made["type"]
    found = read(record(made))
    kinds = [event.kind.value for event in found.events]
    assert kinds.count("prescription_refill") == fills


def charge(code: str = "99213", **extra: Any) -> Any:
    return {
        "resourceType": "ChargeItem",
        "id": "charge",
        "status": "billable",
        "code": concept(CPT, code),
        "subject": ref(PATIENT),
        "context": ref(VISIT),
        "priceOverride": usd(9),
    } | extra


def test_charge_item__of_another_service_than_the_claims__is_billed_beside_it(read: Any) -> None:
    found = read(record(encounter(), charge("83036"), claim(item(VISIT, net=usd(60)))))
    assert billed(found) == [("ChargeItem/charge#1", 9), (VISIT, 60)]


def test_charge_item__of_the_service_that_a_claim_asks_for__repeats_it(read: Any) -> None:
    found = read(record(encounter(), charge(), claim(item(VISIT, net=usd(60)))))
    assert billed(found) == [(VISIT, 60)]
    assert "ChargeItem/charge: priced nothing: it repeats Claim/claim" in map(str, found.skipped)


def test_charge_item__not_billable__is_no_charge_for_its_own_service_alone(read: Any) -> None:
    test = report(encounter=ref(VISIT))
    found = read(record(encounter(), test, charge("80061", status="not-billable")))
    assert billed(found) == [(VISIT, 92)]
    assert found.skipped_counts()["no charge"] == 1


def test_invoice__price_as_text__is_named_invalid(read: Any) -> None:
    price = {"type": "base", "amount": {"value": "75"}}
    stated = [{"chargeItemCodeableConcept": concept(CPT, "83036"), "priceComponent": [price]}]
    bill = {"resourceType": "Invoice", "id": "bill", "status": "issued", "lineItem": stated}
    assert "invalid: lineItem.0.priceComponent.amount.value" in str(read(record(bill)).skipped[-1])


def test_benefit__naming_its_claim__prices_nothing_whatever_became_of_that(read: Any) -> None:
    made = claim(item(VISIT, net=usd(60)), status="cancelled")
    benefit = claim(item(VISIT, net=usd(60)), resourceType="ExplanationOfBenefit", claim=ref(made))
    assert billed(read(record(encounter(), made, benefit))) == [(VISIT, 92)]


def test_benefit__lines_that_price_nothing_here__are_no_events(read: Any) -> None:
    benefit = claim(line(1, "99454", net=usd(9), **DAY), resourceType="ExplanationOfBenefit")
    found = read(record(benefit))
    assert found.events == []
    assert found.claim_account().left_out == {"adjudicated elsewhere already": 9_000_000}


def test_monitoring_procedure__and_its_line_and_readings__are_one_event(read: Any) -> None:
    done = procedure(CPT, "99454", performedDateTime="2024-03-30")
    month = line(1, "99454", net=usd(47), servicedPeriod={"start": "2024-03-01", "end": "2024-03-30"})
    found = read(record(done, observation(device={"display": "cuff"}), claim(month)))
    assert billed(found) == [("Procedure/session", 47)]
    assert found.skipped_counts()["part of the month billed by"] == 1


def test_line_without_encounter__made_by_a_doctor_of_a_visit_at_a_clinic__is_that_visit(read: Any) -> None:
    """The record names the clinic, the claim the doctor: two events would be one visit paid twice."""
    line = item(code="99213", net=usd(60), servicedDate="2024-03-05")
    line["productOrService"] = concept(CPT, "99213")
    found = read(record(encounter(), claim(line, provider=ref(DOCTOR))))
    assert [(event.record_identity, event.billed_amount) for event in found.events] == [
        ("Encounter/visit", 60_000_000)
    ]


def test_line_without_encounter__of_another_clinic__is_a_visit_of_its_own(read: Any) -> None:
    line = item(code="99213", net=usd(60), servicedDate="2024-03-05")
    line["productOrService"] = concept(CPT, "99213")
    other = CLINIC | {"id": "other"}
    found = read(record(other, encounter(), claim(line, provider=ref(other))))
    assert [event.record_identity for event in found.events] == ["Encounter/visit", "Claim/claim#1"]
