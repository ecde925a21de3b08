"""What a statement says of a charge is true now: after a reversal, until its last day, without a record."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.statements.scenarios import LAB, OFFICE, READING, VIDEO, disputed_provider, insurer, patient
from tests.support.priced_ledger import NAMES, PATIENT, LedgerStory, at, dollars

from chainbill.billing.outcomes import Reason
from chainbill.oracle.api import RefusalReason
from chainbill.statements.advice import why_refused
from chainbill.statements.facts import ChargeState, Disputer, DisputeStage, Names, RefusedFacts
from chainbill.statements.patient import patient_statement
from chainbill.statements.patient_model import PatientEvent, PatientStatement
from chainbill.statements.patient_period import only_charges
from chainbill.statements.patient_text import render_patient
from chainbill.statements.provider import only_lines
from chainbill.statements.provider_text import render_provider
from chainbill.statements.sharing import CostSharing

DAY = 24 * 3600


def told(story: LedgerStory, day: str, names: Names = NAMES) -> PatientStatement:
    return patient_statement(PATIENT, story.facts(day), names)


def one_visit(*, in_vault: bool = True) -> LedgerStory:
    """A visit on February 1, paid the day after at noon: it may be disputed until February 9 at noon."""
    story = LedgerStory()
    story.enrol(2026)
    story.deposit("2026-01-02", dollars(500))
    visit = story.record("2026-02-01", VIDEO, dollars(160))
    story.settle("2026-02-02", visit, dollars(125), provider_id=3, in_vault=in_vault)
    return story


def only(statement: PatientStatement) -> PatientEvent:
    [event] = statement.events
    return event


# ---- numbers ------------------------------------------------------------------------------------------


def test_number__something_pends_and_is_paid_later__shifts_nothing() -> None:
    story = one_visit()
    before = [event.number for event in told(story, "2026-02-03").events]
    waits = story.record("2026-02-04", OFFICE, dollars(80))
    story.pend("2026-02-04", waits, Reason.NO_CONSENT)
    story.settle("2026-02-05", story.record("2026-02-05", LAB, dollars(60)), dollars(60), provider_id=2)
    between = {event.reference: event.number for event in told(story, "2026-02-06").events}
    story.settle("2026-02-07", waits, dollars(80))
    after = {event.reference: event.number for event in told(story, "2026-02-08").events}
    assert between == after
    assert before == ["3:1"]
    assert set(after.values()) == {"3:1", "1:2", "2:3"}


def test_number__same_charge__is_the_same_to_patient_provider_and_insurer() -> None:
    by_reference = {event.reference: event.number for event in patient("disputed").events}
    for line in disputed_provider().lines:
        assert by_reference.get(line.reference, line.number) == line.number
    events = [event.number for event in patient("everything").events]
    assert sorted(charge.number for charge in insurer().charges) == sorted(filter(None, events))


# ---- after a reversal ---------------------------------------------------------------------------------


def test_taken_back__in_full__answers_say_what_came_back() -> None:
    event = next(event for event in patient("disputed").events if event.number == "1:5")
    assert event.state is ChargeState.TAKEN_BACK
    assert event.net is not None
    assert event.net.patient_responsibility == 0
    came_back = "you got back $20.00 and your insurer $80.00"
    assert event.charged_separately == (
        f"It was, and the charge was taken back: {came_back}. Nothing is charged for it now."
    )
    assert event.covered_by_insurance == f"The charge was taken back: {came_back}. Nobody pays for it now."
    assert event.what_to_do[0] == "Nothing: it was taken back, and nobody pays for it now."


def test_taken_back__in_part__answers_speak_of_the_rest() -> None:
    event = next(event for event in patient("disputed").events if event.number == "1:4")
    assert event.state is ChargeState.PARTLY_TAKEN_BACK
    assert event.covered_by_insurance == (
        "Yes, in part: of the $70.00 that are left of the agreed price your insurer paid $55.00 and you paid "
        "$15.00. The agreed price was $100.00 before the arbiter took $30.00 off it: you got back $5.00 and "
        "your insurer $25.00."
    )


def test_taken_back__in_part__is_apart_from_what_the_agreed_price_saved() -> None:
    statement = only_charges(patient("disputed"), ["1:4"])
    totals = statement.totals
    assert (totals.billed, totals.allowed) == (dollars(103), dollars(70))
    assert (totals.contractual_adjustment, totals.taken_off) == (dollars(3), dollars(30))
    lines = [" ".join(line.split()) for line in render_patient(statement, detail=True).splitlines()]
    assert "Agreed prices saved -$3.00" in lines  # at a glance
    assert "Your insurer's agreed price saved you -$3.00" in lines
    assert lines.count("Taken off by the arbiter -$30.00") == 2


def test_taken_back__in_full__takes_nothing_off_the_sums() -> None:
    assert only_charges(patient("disputed"), ["1:5"]).totals.taken_off == 0


def test_taken_back__in_part__without_an_insurer__says_what_is_left() -> None:
    story = LedgerStory()
    story.deposit("2026-01-02", dollars(100))
    visit = story.record("2026-02-01", VIDEO, dollars(80))
    paid = story.settle_without_insurer("2026-02-02", visit, dollars(80))
    part = CostSharing(allowed=dollars(30), outside_plan=dollars(30))
    story.take_back("2026-02-04", paid, Disputer.PATIENT, part=part)
    assert only(told(story, "2026-02-05")).covered_by_insurance == (
        "No: no insurer took part. You paid all of the $50.00 that are left of the price. The price was "
        "$80.00 before the arbiter took $30.00 off it: you got back $30.00."
    )


def test_taken_back__as_text__is_not_counted_as_paid() -> None:
    text = render_patient(patient("disputed"), detail=True)
    assert "Services paid                                                  5" in text
    assert "Services paid and taken back                                   2" in text
    assert "SERVICES THAT WERE PAID AND TAKEN BACK" in text
    assert "So you have paid                                        $0.00" in text
    [row] = [line for line in text.splitlines() if line.startswith("1:5  ") and "$104.00" in line]
    assert row.split()[-4:] == ["$0.00", "$0.00", "taken", "back"]


def test_remittance__taken_back__says_what_is_credited_now() -> None:
    lines = {line.number: line for line in disputed_provider().lines}
    assert (lines["1:5"].credited, lines["1:5"].credited_now) == (dollars(99.5), 0)
    assert (lines["1:4"].credited, lines["1:4"].credited_now) == (dollars(99.5), dollars(69.5))
    text = render_provider(disputed_provider(), detail=True)
    assert "PAID AND TAKEN BACK" in text
    assert "Events taken back                                              2" in text


def test_dispute__open__is_the_state_until_it_ends() -> None:
    story = one_visit()
    story.dispute(story.claims[0], DisputeStage.OPEN, Disputer.PATIENT, deadline="2026-02-06")
    assert only(told(story, "2026-02-03")).state is ChargeState.DISPUTED
    story.dispute(story.claims[0], DisputeStage.UPHELD, Disputer.PATIENT)
    assert only(told(story, "2026-02-03")).state is ChargeState.PAID


# ---- the last day -------------------------------------------------------------------------------------


def test_last_day__paid_charge__stands_on_it_with_the_command() -> None:
    statement = told(one_visit(), "2026-02-03", replace(NAMES, accounts={PATIENT: "maria"}))
    dispute = only(statement).dispute
    assert dispute is not None
    assert (dispute.until, dispute.by_reader) == ("2026-02-09T12:00:00Z", True)
    text = " ".join(render_patient(statement, detail=True).split())
    assert "Last day to dispute it: February 9, 2026, 12:00 UTC, " in text
    assert "with: chainbill patient dispute 3:1 --as maria" in text


@pytest.mark.parametrize("seconds, may", [(7 * DAY - 1, True), (7 * DAY, False)])
def test_last_day__around_its_last_second__is_the_contracts(seconds: int, may: bool) -> None:
    claim = one_visit().claims[0]
    assert claim.may_be_disputed(Disputer.PATIENT, at("2026-02-02") + seconds) is may


def test_last_day__disputed_by_one_party__is_still_the_others() -> None:
    story = one_visit()
    story.dispute(story.claims[0], DisputeStage.OPEN, Disputer.PATIENT, deadline="2026-02-06")
    [claim] = story.claims
    assert not claim.may_be_disputed(Disputer.PATIENT, at("2026-02-03"))
    assert claim.may_be_disputed(Disputer.INSURER, at("2026-02-03"))


def test_last_day__taken_back_in_part__says_that_it_was_ruled_on_to_patient_and_provider() -> None:
    closed = "it was ruled on, and cannot be disputed again"
    event = next(event for event in patient("disputed").events if event.number == "1:4")
    line = next(line for line in disputed_provider().lines if line.number == "1:4")
    assert [each and each.closed for each in (event.dispute, line.disputable)] == [closed, closed]
    theirs = render_patient(only_charges(patient("disputed"), ["1:4"]), alone=True)
    assert "It was ruled on, and cannot be disputed again." in theirs
    assert closed in render_provider(only_lines(disputed_provider(), ["1:4"]), alone=True)
    assert "last day to dispute" not in theirs.lower()


@pytest.mark.parametrize(
    "stage, closed",
    [
        (DisputeStage.OPEN, "it is disputed already"),
        (DisputeStage.UPHELD, "it was found to be right, and cannot be disputed again"),
    ],
)
def test_last_day__disputed_by_the_patient__is_over_for_the_patient_alone(
    stage: DisputeStage, closed: str
) -> None:
    story = one_visit()
    story.dispute(story.claims[0], stage, Disputer.PATIENT)
    [claim] = story.claims
    assert claim.why_closed([Disputer.PATIENT]) == closed
    assert claim.why_closed([Disputer.PATIENT, Disputer.INSURER]) == ""


def test_last_day__nothing_was_paid__is_none() -> None:
    waiting = [event for event in patient("not_paid").events if event.amounts is None]
    assert [event.dispute for event in waiting] == [None] * len(waiting)


# ---- no record ----------------------------------------------------------------------------------------


def test_no_record__while_it_may_be_disputed__says_until_when_and_how() -> None:
    statement = told(one_visit(in_vault=False), "2026-02-03", replace(NAMES, accounts={PATIENT: "maria"}))
    note = (
        "The provider has not shown us a record of this. If you do not recognise it, dispute it by February "
        "9, 2026, 12:00 UTC, with: chainbill patient dispute 3:1 --as maria"
    )
    assert only(statement).record_note == note
    summary = " ".join(render_patient(statement).split())
    assert f"3:1: {note}" in summary  # not only where details are asked for


def test_no_record__too_late_to_dispute__names_no_command() -> None:
    event = only(told(one_visit(in_vault=False), "2026-02-09"))
    assert event.record_note == (
        "The provider has not shown us a record of this. Its last day to be disputed was February 9, 2026, "
        "12:00 UTC: ask provider #3 for the record."
    )
    assert not any("patient dispute" in step for step in event.what_to_do)


def test_no_record__with_a_record__is_silent() -> None:
    assert only(told(one_visit(), "2026-02-03")).record_note == ""


# ---- readings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [VIDEO, OFFICE])
def test_readings__of_any_visit__are_said_to_be_part_of_it(kind: object) -> None:
    story = LedgerStory()
    story.enrol(2026)
    story.deposit("2026-01-02", dollars(500))
    story.settle("2026-02-02", story.record("2026-02-01", kind, dollars(90)), dollars(80))  # type: ignore[arg-type]
    assert only(told(story, "2026-02-03")).charged_separately.endswith(
        "Vital signs taken during the visit, with a device or without, are part of it and are not charged."
    )


def test_readings__sent_from_home__are_told_apart_from_those_of_a_visit() -> None:
    story = LedgerStory()
    story.enrol(2026)
    story.deposit("2026-01-02", dollars(500))
    story.settle("2026-02-02", story.record("2026-02-01", READING, dollars(9)), dollars(9))
    assert "a vital sign taken during a visit, in person or by video, is part of the visit" in (
        only(told(story, "2026-02-03")).charged_separately
    )


# ---- what the oracle has not taken --------------------------------------------------------------------


def refused(story: LedgerStory, reason: str, sequence: int | None = 9) -> PatientStatement:
    waits = RefusedFacts(
        reference=bytes([7] * 32),
        provider_id=2,
        sequence=sequence,
        reason=reason,
        refused_at=at("2026-02-03"),
        self_pay=False,
        record=story.record("2026-02-03", LAB, dollars(60), provider="Lakeview Laboratory"),
    )
    facts = replace(story.facts("2026-02-04"), refused=[waits])
    return patient_statement(PATIENT, facts, NAMES)


def test_refused__by_the_oracle__waits_with_its_reason_and_what_to_do() -> None:
    statement = refused(one_visit(), RefusalReason.PAYER_NOT_ACCEPTED.value)
    event = statement.events[-1]
    assert (event.number, event.state, event.outcome) == ("2:9", ChargeState.WAITING, "pended")
    assert event.covered_by_insurance == "Not yet: you have not accepted an insurer. Nothing was charged."
    assert statement.counts.pended == {"payer_not_accepted": 1}
    text = " ".join(render_patient(statement).split())
    assert (
        "2:9: You have not accepted an insurer. Accept your insurer with: chainbill patient accept-payer"
        in text
    )


def test_refused__before_it_was_attested__has_no_number_yet() -> None:
    statement = refused(one_visit(), RefusalReason.NO_SCHEDULE.value, sequence=None)
    assert statement.events[-1].number is None
    text = render_patient(statement, detail=True)
    assert "(no number yet)  A cholesterol test" in text
    assert "A cholesterol test (2026-02-03): Your insurer has not told the provider its fees." in text


@pytest.mark.parametrize("reason", RefusalReason)
def test_refused__every_word_of_the_oracle__has_words_for_the_patient(reason: RefusalReason) -> None:
    if reason not in (
        RefusalReason.DUPLICATE_RECORD,
        RefusalReason.UNKNOWN_PATIENT,
    ):  # neither reaches a statement
        unknown = why_refused("no such word")
        mistakes = (
            *("bad_signature", "commitment_mismatch", "record_mismatch", "sequence_reused"),
            *("reading_outside_period", "reading_repeated"),
        )
        assert (why_refused(reason.value) == unknown) == (reason.value in mistakes)
