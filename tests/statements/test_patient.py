"""An Explanation of Benefits adds up, tells each event once, and tells nothing that is not so."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.statements.scenarios import LAB, OFFICE, PATIENT_SCENARIOS, READING, SESSION, VIDEO, patient
from tests.support.priced_ledger import NAMES, PATIENT, LedgerStory, dollars

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.errors import LedgerError
from chainbill.records.service_event import Party, ServiceKind
from chainbill.statements.facts import ChargeState
from chainbill.statements.model import Amounts
from chainbill.statements.patient import patient_statement
from chainbill.statements.patient_model import PatientEvent, PatientStatement
from chainbill.statements.patient_period import only_period
from chainbill.statements.patient_text import render_patient
from chainbill.statements.period import Period


def statement_of(story: LedgerStory) -> PatientStatement:
    return patient_statement(PATIENT, story.facts("2026-12-31"), NAMES)


def funded() -> LedgerStory:
    story = LedgerStory()
    story.enrol(2026)
    story.deposit("2026-01-02", dollars(5000))
    return story


def only_event(story: LedgerStory) -> PatientEvent:
    [event] = statement_of(story).events
    return event


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(list(ServiceKind)),
        st.integers(1, 60_000),  # cents billed
        st.integers(1, 60_000),  # cents agreed for a unit
        st.integers(1, 3),
        st.sampled_from([2025, 2026]),
    ),
    max_size=12,
)


@settings(max_examples=60)
@given(EVENTS)
def test_statement__any_events__add_up(events: list[tuple[ServiceKind, int, int, int, int]]) -> None:
    story = LedgerStory()
    story.enrol(2025, Accumulators(dollars(40), dollars(60)))
    story.enrol(2026)
    story.deposit("2025-01-02", dollars(2000))
    for kind, billed, agreed, units, year in events:
        record = story.record(f"{year}-05-05", kind, billed * 10_000, units=units)
        story.settle(f"{year}-05-06", record, agreed * 10_000)
    statement = statement_of(story)

    paid = [event.amounts for event in statement.events if event.amounts]
    for amounts in paid:
        shares = amounts.deductible.amount + amounts.copay.amount + amounts.coinsurance.amount
        assert shares == amounts.patient_responsibility
        assert amounts.plan_paid + amounts.patient_responsibility == amounts.allowed
        assert amounts.allowed + amounts.contractual_adjustment == amounts.billed
    totals = statement.totals
    for name in ("billed", "allowed", "contractual_adjustment", "plan_paid", "patient_responsibility"):
        assert getattr(totals, name) == sum(getattr(amounts, name) for amounts in paid)
    for name in ("deductible", "copay", "coinsurance"):
        assert getattr(totals, name) == sum(getattr(amounts, name).amount for amounts in paid)
    met = sum(year.out_of_pocket_met - year.carried_in_out_of_pocket for year in statement.benefit_years)
    assert met == totals.patient_responsibility == statement.wallet.paid_for_care
    assert statement.counts.events == len(events) == len(statement.events)


@settings(max_examples=60)
@given(EVENTS)
def test_statement__last_event_of_a_year__leaves_what_the_year_has_left(
    events: list[tuple[ServiceKind, int, int, int, int]],
) -> None:
    story = LedgerStory()
    story.enrol(2026, Accumulators(dollars(90), dollars(95)))
    story.deposit("2026-01-02", dollars(2000))
    for kind, billed, agreed, units, _ in events:
        record = story.record("2026-05-05", kind, billed * 10_000, units=units)
        story.settle("2026-05-06", record, agreed * 10_000)
    statement = statement_of(story)
    [year] = statement.benefit_years
    remaining = [event.amounts.remaining for event in statement.events if event.amounts]
    for last in remaining[-1:]:
        assert last.deductible_left == year.deductible_left
        assert last.out_of_pocket_left == year.out_of_pocket_left
    left = [(after.deductible_left, after.out_of_pocket_left) for after in remaining]
    assert left == sorted(left, reverse=True)


def test_everything__the_worked_year__has_every_component_of_one_plan() -> None:
    totals = patient("everything").totals
    amounts = {name: getattr(totals, name) for name in type(totals).model_fields}
    nothing = [name for name, amount in amounts.items() if not amount]
    assert nothing == ["taken_off", "outside_plan", "secondary_paid"]


def test_json__read_back__is_the_same_statement() -> None:
    statement = patient("everything")
    assert PatientStatement.model_validate_json(statement.model_dump_json()) == statement
    assert statement.model_dump(mode="json")["totals"]["coinsurance"] == "6.25"


def test_pended__settled_later__is_told_once_as_paid() -> None:
    statement = patient("not_paid")
    assert statement.counts.settled == 1
    assert statement.counts.pended == {"no_consent": 1, "patient_unfunded": 1, "payer_unfunded": 1}
    assert len({event.reference for event in statement.events}) == len(statement.events) == 5


def test_pended__tried_twice__is_told_once_with_the_last_reason() -> None:
    story = funded()
    record = story.record("2026-02-01", OFFICE, dollars(80))
    story.pend("2026-02-01", record, Reason.NO_CONSENT)
    story.pend("2026-02-03", record, Reason.PAYER_UNFUNDED)
    event = only_event(story)
    assert (event.reason, event.decided_date, event.amounts) == ("payer_unfunded", "2026-02-03", None)
    assert event.charged_separately == "No: nothing was charged for it."


def test_skipped__row_of_a_spent_sequence__is_left_out() -> None:
    story = funded()
    claim = story.settle("2026-02-02", story.record("2026-02-01", OFFICE, dollars(80)), dollars(80))
    skipped = replace(claim, outcome=Outcome.SKIPPED, reason=Reason.SEQUENCE_SPENT, sharing=None, terms=None)
    story.claims.append(skipped)
    assert only_event(story).outcome == "settled"


def test_settled_twice__same_record_under_two_sequences__warns_on_both() -> None:
    story = funded()
    claim = story.settle("2026-02-02", story.record("2026-02-01", READING, dollars(8)), dollars(8))
    story.claims.append(replace(claim, sequence=77))
    first, second = statement_of(story).events
    told = "Number {} may be the same service charged twice. If you had it once, ask the provider."
    assert (first.warnings, second.warnings) == ([told.format("1:77")], [told.format("1:1")])


def test_readings__several_in_one_day__are_not_taken_for_duplicates() -> None:
    story = funded()
    for _ in range(2):
        story.settle("2026-02-02", story.record("2026-02-01", READING, dollars(8)), dollars(8))
    assert [event.warnings for event in statement_of(story).events] == [[], []]


def test_tests__two_codes_under_one_default_service__are_not_taken_for_duplicates() -> None:
    story = funded()
    for code in ("718-7", "2345-7"):
        record = story.record("2026-02-01", LAB, dollars(20)).model_copy(update={"code": code})
        story.settle("2026-02-02", record, dollars(20))
    assert [event.warnings for event in statement_of(story).events] == [[], []]


def test_same_day__visit_and_test__name_each_other() -> None:
    first, second, *_ = patient("everything").events
    assert "On the same day you also had “A cholesterol test” (number 2:2)" in first.charged_separately
    assert "On the same day you also had “A visit by video” (number 1:1)" in second.charged_separately


def test_record__missing__is_said_and_the_amounts_are_told() -> None:
    paid, waiting = patient("no_records").events
    assert paid.service == waiting.service == "A service without a record"
    assert (paid.provider, paid.service_date, paid.kind) == ("provider #3", None, None)
    assert paid.amounts is not None
    assert paid.amounts.patient_responsibility == dollars(125)
    assert waiting.billed == dollars(60)  # on chain, like the insurer and the year


def test_record__differs_from_what_was_charged__warns() -> None:
    story = funded()
    claim = story.settle("2026-02-02", story.record("2026-02-01", OFFICE, dollars(80)), dollars(80))
    assert claim.record is not None
    story.claims[0] = replace(claim, record=claim.record.model_copy(update={"billed_amount": dollars(60)}))
    assert only_event(story).warnings == [
        "The price, number or year differs from the record in your vault: ask the provider."
    ]


def test_record__damaged__warns_and_is_not_shown() -> None:
    story = funded()
    claim = story.settle("2026-02-02", story.record("2026-02-01", OFFICE, dollars(80)), dollars(80))
    story.claims[0] = replace(claim, record=None, record_damaged=True)
    event = only_event(story)
    assert event.service == "A service without a record"
    assert event.warnings == [
        "The record in your vault is damaged or was changed, so it is not shown: ask the provider."
    ]


def test_record__with_control_characters__cannot_steer_the_terminal() -> None:
    story = funded()
    record = story.record("2026-02-01", OFFICE, dollars(80))
    record = record.model_copy(
        update={
            "description": "A visit\x1b[2J\n\u202eYou paid $0.00",
            "provider": Party(reference="Organization/1", name="Clinic\r\u2028Nothing owed\x00"),
        }
    )
    story.settle("2026-02-02", record, dollars(80))
    statement = statement_of(story)
    text = render_patient(statement)
    assert statement.events[0].service == "A visit [2J You paid $0.00"
    assert statement.events[0].provider == "Clinic Nothing owed"
    assert all(character == "\n" or character.isprintable() for character in text)


def test_name__records_disagree__is_the_address_books() -> None:
    story = funded()
    story.settle("2026-02-02", story.record("2026-02-01", OFFICE, dollars(80)), dollars(80))
    assert statement_of(story).name == "Maria Alvarez"
    other = story.record("2026-02-02", LAB, dollars(80))
    other = other.model_copy(update={"patient": Party(reference="Patient/2", name="James Okafor")})
    story.settle("2026-02-03", other, dollars(80))
    assert statement_of(story).name == "patient"


def test_denied__not_covered__says_no_and_charges_nothing() -> None:
    story = funded()
    story.settle("2026-02-02", story.record("2026-02-01", SESSION, dollars(50)), dollars(50))
    event = only_event(story)
    assert event.outcome == "denied"
    assert event.covered_by_insurance == "No: your plan does not cover this service. Nothing was charged."
    assert event.billed == dollars(50)
    assert event.amounts is None


@pytest.mark.parametrize("name", PATIENT_SCENARIOS)
def test_covered__every_paid_event__is_answered_by_its_amounts(name: str) -> None:
    for event in patient(name).events:
        if event.amounts is None:
            assert event.covered_by_insurance.startswith(("No:", "Not yet:"))
        elif event.state is ChargeState.TAKEN_BACK:
            assert event.covered_by_insurance.startswith("The charge was taken back: you got back $")
        elif event.insurer is None:
            assert event.covered_by_insurance.startswith("No: no insurer took part.")
        elif event.amounts.patient_responsibility == 0:
            assert event.covered_by_insurance.startswith("Yes, in full:")
        elif event.amounts.plan_paid + event.amounts.secondary_paid:
            assert event.covered_by_insurance.startswith("Yes, in part:")
        else:
            assert event.covered_by_insurance.startswith("Your plan covers it, but")


def test_two_insurers__each_event__adds_up_with_both() -> None:
    statement = patient("two_insurers")
    for event in statement.events:
        amounts = event.amounts
        assert amounts is not None
        shares = (amounts.deductible, amounts.copay, amounts.coinsurance, amounts.outside_plan)
        left = sum(share.amount for share in shares)
        assert amounts.plan_paid + left == amounts.allowed
        assert amounts.patient_responsibility == left - amounts.secondary_paid
        assert event.second_insurer == "Meadow Mutual"
    first, second = statement.benefit_years
    assert (first.counts_as_if_alone, second.counts_as_if_alone) == (False, True)
    assert first.plan_maximum == first.plan_paid == dollars(150)


def test_self_pay__insured_patient_who_did_not_agree__is_told_so() -> None:
    waiting = patient("self_pay").events[-1]
    assert waiting.reason_text == "It was sent as one that you pay for yourself, but you have an insurer"
    assert waiting.what_to_do[0].startswith("Ask Riverside Family Clinic to send it to your insurer")


def test_disputed__every_stage__is_told() -> None:
    statement = patient("disputed")
    told = [event.since[0] for event in statement.events]
    assert [re.split(r"\.|: ", sentence)[0] for sentence in told] == [
        "You disputed this charge",
        "You and your insurer disputed this charge, and Riverside Family Clinic answered",
        "You disputed this charge, but it was found to be right",
        "You disputed this charge, and it was taken back in part",
        "Your insurer disputed this charge, and it was taken back in full",
        "Riverside Family Clinic gave this charge back in full",
        "This is a correction of charge 1:6, which was taken back",
    ]
    assert statement.events[5].since[1] == "It was replaced by charge 1:7."


def test_advice__to_compare_with_the_record__names_the_command_that_shows_it() -> None:
    statement = patient("everything")
    compare = "chainbill patient statement"
    assert statement.if_something_looks_wrong[0].endswith(f"recorded about it: {compare} NUMBER")
    paid = next(event for event in statement.events if event.outcome == "settled")
    assert paid.what_to_do[0] == f"Compare it with what was recorded: {compare} {paid.number}"


def test_disputed__sums__leave_out_what_was_taken_back() -> None:
    statement = patient("disputed")
    kept = [event.net for event in statement.events if event.net]
    assert statement.totals == Amounts.total(kept)
    assert (statement.counts.settled, statement.counts.taken_back) == (5, 2)
    wallet = statement.wallet
    assert wallet.paid_for_care - wallet.refunded == statement.totals.patient_responsibility
    assert only_period(statement, Period.of_year(2026)).events == statement.events
    assert only_period(statement, Period.of_year(2025)).totals.billed == 0


def test_disputed__correction_of_a_charge_taken_back__is_not_taken_for_a_duplicate() -> None:
    assert [event.warnings for event in patient("disputed").events] == [[]] * 7


def test_announced__nothing__is_left_out() -> None:
    statement = patient("everything")
    assert statement.announced == []
    assert "announced" not in render_patient(statement)


def test_wallet__balance_that_does_not_add_up__is_refused() -> None:
    story = funded()
    story.settle("2026-02-02", story.record("2026-02-01", VIDEO, dollars(80)), dollars(80))
    story.balance += 1
    with pytest.raises(LedgerError, match="your wallet does not add up"):
        statement_of(story)


def test_claim__amounts_that_do_not_add_up__are_refused() -> None:
    claim = funded().settle("2026-02-02", funded().record("2026-02-01", VIDEO, dollars(80)), dollars(80))
    assert claim.sharing is not None
    with pytest.raises(LedgerError, match="do not add up"):
        replace(claim, sharing=replace(claim.sharing, plan_paid=claim.sharing.plan_paid + 1))
    with pytest.raises(LedgerError, match="do not fit its outcome"):
        replace(claim, outcome=Outcome.DENIED)


def test_claim__terms_missing__is_refused() -> None:
    story = funded()
    claim = story.settle("2026-02-02", story.record("2026-02-01", VIDEO, dollars(80)), dollars(80))
    story.claims[0] = replace(claim, terms=None)
    with pytest.raises(LedgerError, match="terms"):
        statement_of(story)


def test_empty__account_without_events__still_has_a_statement() -> None:
    statement = statement_of(LedgerStory())
    assert statement.events == []
    assert "Services paid" in render_patient(statement)
