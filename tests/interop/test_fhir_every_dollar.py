"""Every dollar of a record's claims, whatever they say and in whatever order they stand."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.fhir import (
    CLINIC,
    CPT,
    DOCTOR,
    PATIENT,
    bundle,
    claim,
    concept,
    encounter,
    observation,
    ref,
    report,
    usd,
)  # fmt: skip

from chainbill.interop.fhir import IngestReport, read_fhir
from chainbill.records.catalogue import Catalogue
from chainbill.records.service_event import PriceSource

OTHER = {"resourceType": "Patient", "id": "other"}
HOSPITAL = {"resourceType": "Organization", "id": "hospital", "name": "General Hospital"}
VISITS = ["Encounter/v1", "Encounter/v2", "Encounter/nowhere"]
CODES = ["99213", "99284", "99441", "83036", "80061", "99454", "99458", "G0553", "99422", "97110", "84270"]
DAYS = ["2024-03-04", "2024-03-05", "2024-03-06", "2024-03", "2090-01-01"]
CATALOGUE = Catalogue.load()

patients = st.sampled_from([PATIENT, OTHER])
providers = st.sampled_from([CLINIC, HOSPITAL])
amounts = st.sampled_from([-40, -15, 0, 15, 40, 75.5, 120.333])


@st.composite
def lines(draw: Any, number: int) -> Any:
    line: dict[str, Any] = {
        "sequence": draw(st.sampled_from([number, 1])),
        "productOrService": concept(CPT, draw(st.sampled_from(CODES))),
        "encounter": [ref(name) for name in draw(st.lists(st.sampled_from(VISITS), max_size=2, unique=True))],
    }
    if draw(st.booleans()):
        line["servicedDate"] = draw(st.sampled_from(DAYS))
    form = draw(st.sampled_from(["net", "unitPrice", "none", "euro"]))
    if form == "net":
        line["net"] = usd(draw(amounts))
    elif form == "unitPrice":
        line |= {"unitPrice": usd(draw(amounts)), "quantity": {"value": draw(st.sampled_from([1, 2, 0.5]))}}
    elif form == "euro":
        line["net"] = usd(draw(amounts), "EUR")
    return line


@st.composite
def claims(draw: Any, number: int) -> Any:
    kind = draw(st.sampled_from(["Claim", "Claim", "Claim", "ExplanationOfBenefit", "ChargeItem", "Invoice"]))
    patient = ref(draw(patients))
    if kind == "ChargeItem":
        return {
            "resourceType": kind,
            "id": f"ci{number}",
            "status": draw(st.sampled_from(["billable", "billed", "not-billable", "aborted"])),
            "code": concept(CPT, draw(st.sampled_from(CODES))),
            "subject": patient,
            "context": ref(draw(st.sampled_from(VISITS))),
            "priceOverride": usd(draw(amounts)),
            "enteredDate": f"2024-04-0{number}",
        }
    if kind == "Invoice":
        price = {"type": "base", "amount": usd(draw(amounts))}
        named: Any = {"chargeItemReference": ref("ChargeItem/ci1")}
        if draw(st.booleans()):
            named = {"chargeItemCodeableConcept": concept(CPT, draw(st.sampled_from(CODES)))}
        stated = [named | {"priceComponent": [price]}]
        return {"resourceType": kind, "id": f"in{number}", "status": "issued", "subject": patient} | {
            "lineItem": stated
        }
    made = claim(
        *[draw(lines(place)) for place in range(1, draw(st.integers(1, 4)))],
        resourceType=kind,
        id=f"c{number}",
        patient=patient,
        provider=ref(draw(providers)),
        status=draw(st.sampled_from(["active", "active", "active", "cancelled"])),
        type=concept("urn:type", draw(st.sampled_from(["professional", "institutional"]))),
        created=f"2024-04-0{draw(st.integers(1, 3))}",
    )
    if kind == "Claim" and draw(st.booleans()):
        made["total"] = usd(draw(st.sampled_from([0, 40, 120, 300])))
    if draw(st.booleans()):
        prior = ref(f"{kind}/c{draw(st.integers(1, 4))}")
        made["related"] = [{"relationship": concept("urn:related", "prior"), "claim": prior}]
    return made


@st.composite
def records(draw: Any) -> list[Any]:
    found: list[Any] = [PATIENT, OTHER, CLINIC, HOSPITAL, DOCTOR]
    for number in (1, 2):
        if draw(st.booleans()):
            found.append(
                encounter(
                    draw(st.sampled_from(["AMB", "VR", "EMER", "XXX"])),
                    draw(st.sampled_from(["185349003", "4525004"])),
                    id=f"v{number}",
                    status=draw(st.sampled_from(["finished", "finished", "cancelled"])),
                    subject=ref(draw(patients)),
                    serviceProvider=ref(draw(providers)),
                    period={"start": f"2024-03-0{draw(st.integers(4, 5))}T{9 + number:02}:00:00Z"},
                )
            )
    if draw(st.booleans()):
        found.append(observation("laboratory", "4548-4", performer=[ref(CLINIC)]))
    if draw(st.booleans()):
        found.append(report(subject=ref(draw(patients))))
    found += [draw(claims(number)) for number in range(1, draw(st.integers(2, 5)))]
    return found


def read(resources: list[Any]) -> IngestReport:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.json"
        path.write_text(json.dumps(bundle(*resources)))
        return read_fhir(path, catalogue=CATALOGUE)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records(), st.data())
def test_claims__of_any_record__are_accounted_for_once(resources: list[Any], data: st.DataObject) -> None:
    found = read(resources)
    account = found.claim_account()
    assert account.claimed == account.in_events + sum(account.left_out.values())
    priced = {
        event.record_identity: event.billed_amount
        for event in found.events
        if event.price_source is not PriceSource.CATALOGUE_DEFAULT
    }
    assert account.in_events == sum(priced.values())
    identities = [event.record_identity for event in found.events]
    assert len(identities) == len(set(identities))
    billed: dict[str, int] = {}
    for line in found.claim_lines:
        if line.amount is not None:
            assert (line.event is None) != (line.left_out is None), line
        if line.event is not None:
            billed[line.event] = billed.get(line.event, 0) + (line.amount or 0)
    assert billed == priced  # each event is billed by lines of its own
    shuffled = read(data.draw(st.permutations(resources)))
    assert sorted(map(repr, shuffled.events)) == sorted(map(repr, found.events))
    assert shuffled.claim_account().claimed == account.claimed
