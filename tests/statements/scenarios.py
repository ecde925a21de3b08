"""Worked scenarios whose statements are kept word for word in ``golden/``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tests.support.months import month, pressure
from tests.support.priced_ledger import NAMES, PATIENT, SCHEDULE_KEY, LedgerStory, at, dollars

from chainbill.billing.accumulators import Accumulators, FamilyAccumulators
from chainbill.billing.outcomes import Reason
from chainbill.billing.terms import CategoryTerms, CobMode, PlanTerms
from chainbill.records.reading import Reading
from chainbill.records.service_event import PriceSource, ServiceEvent, ServiceKind
from chainbill.records.service_id import service_ids
from chainbill.statements.facts import (
    AccountFacts,
    Disputer,
    DisputeStage,
    Movement,
    MovementKind,
    PendingChange,
    PendingChangeKind,
    ProviderBalance,
)
from chainbill.statements.insurer import InsurerStatement, insurer_statement
from chainbill.statements.insurer_text import render_insurer
from chainbill.statements.patient import patient_statement
from chainbill.statements.patient_model import PatientStatement
from chainbill.statements.patient_text import render_patient
from chainbill.statements.provider import ProviderStatement, provider_statement
from chainbill.statements.provider_text import render_provider
from chainbill.statements.sharing import CostSharing

VIDEO = ServiceKind.TELEHEALTH_VISIT
OFFICE = ServiceKind.IN_PERSON_VISIT
LAB = ServiceKind.LABORATORY_TEST
REFILL = ServiceKind.PRESCRIPTION_REFILL
READING = ServiceKind.REMOTE_MONITORING_UPLOAD
SESSION = ServiceKind.DIGITAL_THERAPEUTICS_SESSION


def everything() -> LedgerStory:
    """A year in which every component is paid once: the statement of the documentation."""
    story = LedgerStory()
    story.enrol(2026, Accumulators(dollars(100), dollars(120)))
    story.deposit("2026-01-02", dollars(400))
    story.settle("2026-03-04", story.record("2026-03-03", VIDEO, dollars(175)), dollars(150))
    lab = story.record("2026-03-03", LAB, dollars(90), provider="Lakeview Laboratory")
    story.settle("2026-03-05", lab, dollars(60), provider_id=2)
    story.settle("2026-03-20", story.record("2026-03-19", OFFICE, dollars(95)), dollars(80))
    story.settle("2026-03-21", story.record("2026-03-21", READING, dollars(12), units=3), dollars(4))
    story.settle("2026-04-01", story.record("2026-03-30", SESSION, dollars(50)), dollars(50))
    refill = story.record("2026-04-02", REFILL, dollars(18))
    story.pend("2026-04-02", refill, Reason.NO_CONSENT, provider_id=3)
    story.withdraw("2026-04-05", dollars(20))
    return story


def deductible_crossing() -> LedgerStory:
    """The second visit meets the deductible and shares the rest."""
    story = LedgerStory()
    story.enrol(2026)
    story.deposit("2026-01-02", dollars(300))
    story.settle("2026-02-02", story.record("2026-02-01", VIDEO, dollars(160)), dollars(125))
    story.settle("2026-03-02", story.record("2026-03-01", VIDEO, dollars(225)), dollars(225))
    return story


def copay_first() -> LedgerStory:
    """The copay before the deductible; a copay above the price; a price that the deductible takes whole."""
    story = LedgerStory()
    story.enrol(2026)
    story.deposit("2026-01-02", dollars(300))
    first = CategoryTerms(
        copay=dollars(40), copay_first=True, coinsurance_bps=1000, coinsurance_after_copay=True
    )
    story.settle("2026-02-02", story.record("2026-02-01", OFFICE, dollars(100)), dollars(90), terms=first)
    story.settle("2026-02-03", story.record("2026-02-03", REFILL, dollars(9)), dollars(9))
    story.settle("2026-02-04", story.record("2026-02-04", LAB, dollars(50)), dollars(50))
    story.settle("2026-02-05", story.record("2026-02-05", OFFICE, dollars(30)), dollars(30), terms=first)
    return story


def maximum_reached() -> LedgerStory:
    """The out-of-pocket maximum cuts a percentage short, and then everything."""
    story = LedgerStory()
    story.enrol(2026, Accumulators(dollars(250), dollars(480)))
    story.deposit("2026-01-02", dollars(300))
    story.settle("2026-02-02", story.record("2026-02-01", VIDEO, dollars(200)), dollars(180))
    story.settle("2026-02-10", story.record("2026-02-09", OFFICE, dollars(80)), dollars(80))
    return story


def not_paid() -> LedgerStory:
    """One refused, three waiting for different things, and one that waited and was paid."""
    story = LedgerStory()
    story.enrol(2026)
    story.deposit("2026-01-02", dollars(30))
    tried = story.record("2026-02-01", OFFICE, dollars(80))
    story.pend("2026-02-01", tried, Reason.PATIENT_UNFUNDED)
    story.settle("2026-02-02", story.record("2026-02-02", SESSION, dollars(50)), dollars(50))
    story.pend("2026-02-02", story.record("2026-02-02", VIDEO, dollars(200)), Reason.PATIENT_UNFUNDED)
    story.pend("2026-02-03", story.record("2026-02-03", LAB, dollars(60)), Reason.NO_CONSENT, provider_id=2)
    story.pend("2026-02-04", story.record("2026-02-04", REFILL, dollars(18)), Reason.PAYER_UNFUNDED)
    story.settle("2026-02-05", tried, dollars(80))
    return story


def two_years() -> LedgerStory:
    """Two benefit years and two insurers: each has its own limits."""
    story = LedgerStory()
    story.enrol(2025)
    story.enrol(2026, payer_id=2)
    story.deposit("2025-12-01", dollars(500))
    story.settle("2026-01-03", story.record("2025-12-30", VIDEO, dollars(150)), dollars(150))
    story.settle("2026-01-04", story.record("2026-01-02", VIDEO, dollars(150)), dollars(150), payer_id=2)
    return story


def no_records() -> LedgerStory:
    """The vault opens nothing: amounts are told, services are not."""
    story = LedgerStory()
    story.enrol(2026)
    story.deposit("2026-01-02", dollars(300))
    visit = story.record("2026-02-01", VIDEO, dollars(160))
    story.settle("2026-02-02", visit, dollars(125), provider_id=3, in_vault=False)
    waiting = story.record("2026-02-03", LAB, dollars(60))
    story.pend("2026-02-03", waiting, Reason.NO_CONSENT, provider_id=3, in_vault=False)
    return story


def look_alike() -> LedgerStory:
    """The same visit charged twice, at the provider's list price."""
    story = LedgerStory()
    story.enrol(2026)
    story.deposit("2026-01-02", dollars(300))
    for decided in ("2026-02-02", "2026-02-03"):
        record = story.record("2026-02-01", OFFICE, dollars(80))
        record = record.model_copy(update={"price_source": PriceSource.CATALOGUE_DEFAULT})
        story.settle(decided, record, dollars(80))
    return story


def two_insurers() -> LedgerStory:
    """Two insurers: one service that both cover, one above the first plan's yearly maximum, one that the
    second insurer does not cover."""
    first = PlanTerms(deductible=dollars(100), oop_max=dollars(500), annual_maximum=dollars(150))
    second = PlanTerms(deductible=0, oop_max=dollars(1000), cob_mode=CobMode.CARVE_OUT)
    story = LedgerStory(first, second)
    story.enrol(2026, Accumulators(dollars(50), dollars(50), dollars(20)))
    story.enrol(2026, payer_id=2)
    story.deposit("2026-01-02", dollars(400))
    story.settle(
        "2026-02-02", story.record("2026-02-01", VIDEO, dollars(175)), dollars(150), second_payer_id=2
    )
    story.settle(
        "2026-02-10", story.record("2026-02-09", VIDEO, dollars(200)), dollars(200), second_payer_id=2
    )
    reading = story.record("2026-03-01", READING, dollars(9))
    not_covered = CategoryTerms(covered=False)
    story.settle("2026-03-02", reading, dollars(9), second_payer_id=2, second_terms=not_covered)
    return story


def family() -> LedgerStory:
    """A family's deductible and maximum are reached before the member's own."""
    plan = PlanTerms(
        deductible=dollars(250),
        oop_max=dollars(500),
        family_deductible=dollars(400),
        family_oop_max=dollars(600),
    )
    story = LedgerStory(plan)
    story.enrol(2026)
    story.family = FamilyAccumulators(dollars(320), dollars(450))
    story.deposit("2026-01-02", dollars(300))
    story.settle("2026-02-02", story.record("2026-02-01", VIDEO, dollars(150)), dollars(150))
    story.settle("2026-02-10", story.record("2026-02-09", VIDEO, dollars(400)), dollars(400))
    return story


def self_pay() -> LedgerStory:
    """No insurer: the published price, a lower one, and one that an insured patient did not agree to."""
    story = LedgerStory()
    story.deposit("2026-01-02", dollars(300))
    story.settle_without_insurer("2026-02-02", story.record("2026-02-01", OFFICE, dollars(120)), dollars(90))
    story.settle_without_insurer("2026-02-03", story.record("2026-02-03", REFILL, dollars(14)), dollars(18))
    waiting = story.record("2026-02-05", LAB, dollars(60))
    story.pend("2026-02-05", waiting, Reason.PAYER_NOT_ACCEPTED, payer_id=None)
    return story


def disputed() -> LedgerStory:
    """Every way a charge can go after it was paid, and what the patient has announced."""
    story = LedgerStory()
    story.enrol(2026, Accumulators(dollars(250), dollars(250)))
    story.deposit("2026-01-02", dollars(600))
    days = ("2026-02-01", "2026-02-03", "2026-02-05", "2026-02-07", "2026-02-09", "2026-02-11")
    opened, answered, upheld, partly, fully, given = (
        story.settle(day, story.record(day, VIDEO, dollars(100 + number)), dollars(100))
        for number, day in enumerate(days)
    )
    you, insurer = Disputer.PATIENT, Disputer.INSURER
    story.dispute(opened, DisputeStage.OPEN, you, deadline="2026-02-15")
    story.dispute(answered, DisputeStage.ANSWERED, you, insurer, deadline="2026-03-01")
    story.dispute(upheld, DisputeStage.UPHELD, you)
    part = CostSharing(allowed=dollars(30), coinsurance=dollars(5), plan_paid=dollars(25))
    story.take_back("2026-02-20", partly, you, part=part)
    story.take_back("2026-02-20", fully, insurer)
    wrong = story.take_back("2026-02-21", given)
    right = story.record("2026-02-11", VIDEO, dollars(60))
    story.settle("2026-02-22", right, dollars(60), corrects=wrong)
    story.coming = [
        PendingChange(kind=PendingChangeKind.WITHDRAWAL, at=at("2026-05-01"), amount=dollars(100)),
        PendingChange(kind=PendingChangeKind.INSURERS, at=at("2026-05-01"), payer_id=1, secondary_payer_id=2),
        PendingChange(kind=PendingChangeKind.LIMITS, at=at("2026-05-01"), amount=dollars(80)),
        PendingChange(
            kind=PendingChangeKind.CONSENT,
            at=at("2026-05-01"),
            amount=dollars(50),
            provider_id=1,
            expires_at=at("2026-12-31"),
        ),
    ]
    return story


def monitoring() -> LedgerStory:
    """A month of readings, paid as one charge; and one with a single reading, which waits."""
    story = LedgerStory()
    story.enrol(2026)
    story.deposit("2026-01-02", dollars(300))
    taken = [pressure(number) for number in range(2, 18)]
    at_night = datetime(2026, 6, 10, 20, tzinfo=UTC)
    evening = pressure(9, record_identity="Observation/evening", measured_at=at_night)
    record = month_of_readings(story, *taken, evening)
    story.settle("2026-07-01", record, dollars(47))
    story.pend("2026-07-02", month_of_readings(story, pressure(0)), Reason.NO_CONSENT)
    return story


def month_of_readings(story: LedgerStory, *taken: Reading) -> ServiceEvent:
    """June, with these readings."""
    record = story.record("2026-06-30", READING, dollars(60))
    readings = month(*taken).readings
    return record.model_copy(
        update={"description": "A month of readings from your monitoring device", "readings": readings}
    )


PATIENT_SCENARIOS: dict[str, Callable[[], LedgerStory]] = {
    story.__name__: story
    for story in (
        everything,
        deductible_crossing,
        copay_first,
        maximum_reached,
        not_paid,
        two_years,
        no_records,
        look_alike,
        two_insurers,
        family,
        self_pay,
        disputed,
        monitoring,
    )
}


def patient(scenario: str) -> PatientStatement:
    """A scenario's Explanation of Benefits."""
    as_of = "2026-07-31" if scenario == "monitoring" else "2026-04-30"
    return patient_statement(PATIENT, PATIENT_SCENARIOS[scenario]().facts(as_of), NAMES)


def insurer(*, with_key: bool = True) -> InsurerStatement:
    """What the insurer of ``everything`` reads."""
    story = everything()
    paid = sum(claim.sharing.plan_paid for claim in story.claims if claim.sharing)
    claims = [replace(claim, record=None, terms=None) for claim in story.claims]
    movements = [
        Movement(at("2026-01-01"), MovementKind.DEPOSIT, dollars(5000)),
        Movement(at("2026-04-20"), MovementKind.WITHDRAWAL, dollars(1000)),
    ]
    facts = AccountFacts(
        as_of=at("2026-04-30"), claims=claims, movements=movements, balance=dollars(4000) - paid
    )
    names = service_ids(SCHEDULE_KEY, ["office-visit", "video-visit", "blood-pressure", "sleep-session"])
    return insurer_statement(1, facts, NAMES, names if with_key else None)


def second_insurer() -> InsurerStatement:
    """What the second insurer of ``two_insurers`` reads."""
    story = two_insurers()
    paid = sum(claim.sharing.secondary_paid for claim in story.claims if claim.sharing)
    movements = [Movement(at("2026-01-01"), MovementKind.DEPOSIT, dollars(5000))]
    facts = AccountFacts(
        as_of=at("2026-04-30"),
        claims=story.claims,
        movements=movements,
        balance=dollars(5000) - paid,
        receivables={1: dollars(12)},
        waiting_refund=dollars(3),
    )
    return insurer_statement(2, facts, NAMES)


def provider() -> ProviderStatement:
    """What the clinic of ``everything`` reads."""
    claims = [claim for claim in everything().claims if claim.provider_id == 1]
    credited = sum(claim.sharing.allowed for claim in claims if claim.sharing)
    waiting = LedgerStory()
    claims.append(
        waiting.pend("2026-04-03", waiting.record("2026-04-03", LAB, dollars(60)), Reason.NOT_ENROLLED)
    )
    claims[-1] = replace(claims[-1], sequence=99)
    movements = [Movement(at("2026-04-10"), MovementKind.PAYOUT, dollars(200))]
    left = credited - dollars(200)
    standing = ProviderBalance(matured=left, maturing=0, held=0, bond=0, advanced=0, owed=0)
    facts = AccountFacts(
        as_of=at("2026-04-30"), claims=claims, movements=movements, balance=left, standing=standing
    )
    return provider_statement(1, facts, NAMES)


def disputed_provider() -> ProviderStatement:
    """What the clinic of ``disputed`` and ``two_insurers`` reads; an operator took a fee."""
    claims = [
        replace(
            claim,
            sequence=claim.sequence + before,
            sharing=replace(claim.sharing, operator_fee=dollars(0.5)),
            taken_back=replace(claim.taken_back, operator_fee=dollars(0.5))
            if claim.given_back and claim.taken_back
            else claim.taken_back,
        )
        for before, story in ((0, disputed()), (7, two_insurers()))
        for claim in story.claims
        if claim.sharing
    ]
    taken_back = dollars(230) - 2 * dollars(0.5)
    credited = sum(c.sharing.allowed - c.sharing.operator_fee for c in claims if c.sharing)
    movements = [
        Movement(at("2026-02-12"), MovementKind.BOND_PUT_UP, dollars(100)),
        Movement(at("2026-02-12"), MovementKind.ADVANCE, dollars(60)),
        Movement(at("2026-02-20"), MovementKind.TAKEN_BACK, taken_back),
        Movement(at("2026-03-20"), MovementKind.PAYOUT, dollars(150)),
        Movement(at("2026-03-21"), MovementKind.RECEIVABLE_PAID, dollars(10)),
    ]
    balance = credited - taken_back - dollars(150 + 10 + 60 - 100)
    standing = ProviderBalance(
        matured=balance - dollars(100 + 200 + 99 - 40),
        maturing=dollars(200),
        held=dollars(99),
        bond=dollars(100),
        advanced=dollars(40),
        owed=dollars(7),
    )
    facts = AccountFacts(
        as_of=at("2026-04-30"), claims=claims, movements=movements, balance=balance, standing=standing
    )
    return provider_statement(1, facts, NAMES)


def fields(schema: dict[str, Any], part: dict[str, Any], path: str) -> Iterator[str]:
    """Every field a statement's JSON can have, with its type."""
    if "$ref" in part:
        part = schema["$defs"][part["$ref"].rpartition("/")[2]]
    for option in part.get("anyOf", []):
        yield from fields(schema, option, path)
    if part.get("type") == "array":
        yield from fields(schema, part["items"], f"{path}[]")
    elif "properties" in part:
        for name, field in part["properties"].items():
            yield from fields(schema, field, f"{path}.{name}")
    elif "anyOf" not in part:
        yield f"{path}: {'dollars' if 'pattern' in part else part['type']}"


def all_fields() -> str:
    """The fields of all three statements."""
    models = {"patient": PatientStatement, "insurer": InsurerStatement, "provider": ProviderStatement}
    schemas = {name: model.model_json_schema(mode="serialization") for name, model in models.items()}
    return "".join(f"{line}\n" for name, schema in schemas.items() for line in fields(schema, schema, name))


def golden_files() -> dict[str, str]:
    """Every file of ``golden/`` as it should be."""
    files = {f"patient_{name}.txt": render_patient(patient(name), detail=True) for name in PATIENT_SCENARIOS}
    files["patient_everything_narrow.txt"] = render_patient(patient("everything"), width=48, detail=True)
    files["patient_everything.json"] = patient("everything").model_dump_json(indent=1) + "\n"
    files["insurer.txt"] = render_insurer(insurer(), detail=True)
    files["insurer.json"] = insurer().model_dump_json(indent=1) + "\n"
    files["provider.txt"] = render_provider(provider(), detail=True)
    files["provider.json"] = provider().model_dump_json(indent=1) + "\n"
    files["second_insurer.txt"] = render_insurer(second_insurer(), detail=True)
    files["disputed_provider.txt"] = render_provider(disputed_provider(), detail=True)
    files["patient_disputed.json"] = patient("disputed").model_dump_json(indent=1) + "\n"
    files["fields.txt"] = all_fields()
    return files
