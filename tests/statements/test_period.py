"""A statement of a period: by date of service where the record has it, with nothing begun anew."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import pytest
from tests.statements.scenarios import OFFICE, VIDEO, everything, insurer, patient, two_years
from tests.support.priced_ledger import NAMES, PATIENT, LedgerStory, dollars

from chainbill.errors import StateError
from chainbill.statements.asked_for import whole_numbers
from chainbill.statements.facts import AccountFacts, Movement, MovementKind, ProviderBalance
from chainbill.statements.insurer import insurer_statement
from chainbill.statements.patient import patient_statement
from chainbill.statements.patient_model import PatientStatement
from chainbill.statements.patient_period import only_charges, only_period
from chainbill.statements.patient_text import render_patient
from chainbill.statements.period import Period
from chainbill.statements.provider import ProviderStatement, only_lines, provider_statement
from chainbill.statements.provider_text import render_provider

MARCH = Period.of_month(2026, 3)


def new_years_eve(*, in_vault: bool = True) -> LedgerStory:
    """A visit at 10 p.m. on New Year's Eve in New York, which is January 1 in UTC, and paid then."""
    story = LedgerStory()
    story.enrol(2025)
    story.enrol(2026)
    story.deposit("2025-01-02", dollars(500))
    visit = story.record("2025-12-31", VIDEO, dollars(160)).model_copy(
        update={
            "performed_at": datetime.fromisoformat("2025-12-31T22:00:00-05:00"),
            "service_date": date(2025, 12, 31),
        }
    )
    story.settle("2026-01-01", visit, dollars(125), in_vault=in_vault)
    return story


def of_patient(story: LedgerStory) -> PatientStatement:
    return patient_statement(PATIENT, story.facts("2026-01-31"), NAMES)


def of_provider(story: LedgerStory, period: Period) -> ProviderStatement:
    credited = sum(claim.sharing.allowed for claim in story.claims if claim.sharing)
    standing = ProviderBalance(matured=credited, maturing=0, held=0, bond=0, advanced=0, owed=0)
    facts = AccountFacts(
        as_of=story.facts("2026-01-31").as_of,
        claims=story.claims,
        movements=[],
        balance=credited,
        standing=standing,
    )
    return provider_statement(1, facts, NAMES, period)


def test_new_years_eve__in_new_york__belongs_to_the_old_year_in_statement_and_remittance() -> None:
    story = new_years_eve()
    whole = of_patient(story)
    december, january = Period.of_month(2025, 12), Period.of_month(2026, 1)
    for period, events in ((Period.of_year(2025), 1), (Period.of_year(2026), 0), (december, 1), (january, 0)):
        assert len(only_period(whole, period).events) == events
        remittance = of_provider(story, period)
        assert len(remittance.lines) == events
        assert (remittance.totals.billed > 0) == bool(events)
    [event] = whole.events
    [line] = of_provider(story, december).lines
    assert (event.service_date, event.benefit_year) == (line.service_date, line.benefit_year)
    assert (line.service_date, line.benefit_year, line.decided_date) == ("2025-12-31", 2025, "2026-01-01")
    text = " ".join(render_patient(whole, detail=True).split())
    assert "On December 31, 2025, paid on January 1, 2026." in text
    assert (
        "The date of a service is the day where it took place; all other dates and times are in universal"
        in text
    )
    assert "2025-12-31  video-visit" in render_provider(of_provider(story, december))


def test_new_years_eve__without_a_record__is_of_the_year_on_chain_and_of_the_day_it_was_paid() -> None:
    whole = of_patient(new_years_eve(in_vault=False))
    assert len(only_period(whole, Period.of_year(2025)).events) == 1
    assert len(only_period(whole, Period.of_year(2026)).events) == 0
    assert len(only_period(whole, Period.of_month(2026, 1)).events) == 1


def test_insurer__new_years_eve__is_of_the_old_year() -> None:
    story = new_years_eve()
    paid = sum(claim.sharing.plan_paid for claim in story.claims if claim.sharing)
    facts = AccountFacts(
        as_of=story.facts("2026-01-31").as_of,
        claims=story.claims,
        movements=[Movement(0, MovementKind.DEPOSIT, dollars(500))],
        balance=dollars(500) - paid,
    )
    old, new = (insurer_statement(1, facts, NAMES, period=Period.of_year(year)) for year in (2025, 2026))
    assert (len(old.charges), len(new.charges), new.outside_period) == (1, 0, 1)
    assert old.pool == new.pool


def test_abroad__service_of_a_later_day_than_its_payment__says_whose_day_is_whose() -> None:
    story = LedgerStory()
    story.enrol(2026)
    story.deposit("2026-01-02", dollars(500))
    visit = story.record("2026-03-02", OFFICE, dollars(90)).model_copy(
        update={"performed_at": datetime.fromisoformat("2026-03-02T08:00:00+09:00")}
    )
    story.settle("2026-03-01", visit, dollars(80))
    text = render_patient(of_patient(story), detail=True)
    assert "On March 2, 2026, paid on March 1, 2026 (UTC)." in text


def test_month__some_of_a_year__has_its_events_and_sums_alone() -> None:
    whole = patient("everything")
    march = only_period(whole, MARCH)
    inside = [event for event in whole.events if (event.service_date or "").startswith("2026-03")]
    assert march.events == inside
    assert 0 < len(inside) < len(whole.events)
    assert march.outside_period == len(whole.events) - len(inside)
    assert march.totals.billed == sum(event.net.billed for event in inside if event.net)
    assert march.counts.events == len(inside)


def test_month__balances_and_accumulators__are_those_of_the_whole() -> None:
    whole = patient("everything")
    march = only_period(whole, MARCH)
    assert (march.wallet, march.benefit_years) == (whole.wallet, whole.benefit_years)
    for event in march.events:
        assert event == next(each for each in whole.events if each.number == event.number)


def test_since_until__both_days__are_included() -> None:
    days = sorted(event.service_date for event in patient("everything").events if event.service_date)
    first, last = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
    assert only_period(patient("everything"), Period(first, last)).outside_period == 0
    alone = only_period(patient("everything"), Period(first, first))
    assert {event.service_date for event in alone.events} == {days[0]}


def test_period__years_that_it_does_not_touch__are_left_out() -> None:
    whole = patient_statement(PATIENT, two_years().facts("2026-04-30"), NAMES)
    assert [year.benefit_year for year in only_period(whole, Period.of_month(2025, 12)).benefit_years] == [
        2025
    ]
    later = only_period(whole, Period(date(2026, 1, 1), None))
    assert [year.benefit_year for year in later.benefit_years] == [2026]


def test_charges__asked_for_by_number__are_told_alone() -> None:
    whole = patient("everything")
    one = only_charges(whole, ["2:2"])
    assert [event.number for event in one.events] == ["2:2"]
    text = render_patient(one, alone=True)
    assert "2:2  A cholesterol test" in text
    assert "1:1" not in text.partition("Was this charged")[0]
    assert "YOUR WALLET" not in text


def test_charges__not_on_the_statement__is_an_error_that_names_it() -> None:
    with pytest.raises(StateError, match="there is no charge 9:9 on the statement"):
        only_charges(patient("everything"), ["2:2", "9:9"])
    with pytest.raises(StateError, match="there is no charge 9:9 in this period"):
        only_lines(of_provider(new_years_eve(), Period.of_year(2025)), ["9:9"])


LISTED = [("1:1", "0x" + "aa" * 32), ("2:2", "0x" + "bb" * 32), (None, "0x" + "cc" * 32)]


def chain_of(*numbers: str) -> Callable[[str], list[str]]:
    """A chain with those charges, each with the id 0xdd... of its own."""
    return lambda wanted: [
        number
        for number in numbers
        if wanted in (number, number.partition(":")[2], "0x" + f"d{number[0]}" * 32)
    ]


@pytest.mark.parametrize("name", ["2:2", "2", "02:02", "0x" + "bb" * 32, "0x" + "BB" * 32, "0x" + "d2" * 32])
def test_asked_for__by_any_name_of_a_charge__is_its_whole_number(name: str) -> None:
    assert whole_numbers([name], LISTED, chain_of("1:1", "2:2")) == ["2:2"]


def test_asked_for__known_to_the_oracle_alone__is_found_on_the_statement() -> None:
    assert whole_numbers(["2", "1"], LISTED, chain_of()) == ["2:2", "1:1"]


def test_asked_for__part_of_a_number_that_several_have__is_refused_with_ones_own() -> None:
    with pytest.raises(StateError, match="several providers have a charge 2") as refused:
        whole_numbers(["2"], LISTED, chain_of("2:2", "9:2"))
    assert refused.value.hint == "give the whole number, as on the statement: 2:2"


def test_asked_for__nobodys__stays_and_is_not_on_the_statement() -> None:
    assert whole_numbers(["7"], LISTED, chain_of("1:1")) == ["7"]


def test_summary__one_line_a_charge__comes_first_and_details_on_demand() -> None:
    statement = patient("everything")
    short, full = render_patient(statement), render_patient(statement, detail=True)
    for event in statement.events:
        [_] = [line for line in short.splitlines() if line.startswith(f"{event.number}  ")]
    assert short.index("YOUR CHARGES") < short.index("AT A GLANCE")
    assert "Was this charged separately?" not in short
    assert full.count("Was this charged separately?") == len(statement.events)
    assert max(map(len, short.splitlines())) <= 88


def test_insurer__period__leaves_the_pool_whole() -> None:
    story = everything()
    assert insurer().pool.paid == sum(claim.sharing.plan_paid for claim in story.claims if claim.sharing)
    claims = [claim for claim in story.claims if claim.payer_id == 1]
    paid = sum(claim.sharing.plan_paid for claim in claims if claim.sharing)
    facts = AccountFacts(
        as_of=story.facts("2026-04-30").as_of,
        claims=claims,
        movements=[Movement(0, MovementKind.DEPOSIT, dollars(500))],
        balance=dollars(500) - paid,
    )
    whole = insurer_statement(1, facts, NAMES)
    april = insurer_statement(1, facts, NAMES, period=Period.of_month(2026, 4))
    assert april.pool == whole.pool
    assert 0 < len(april.charges) < len(whole.charges)
    assert april.outside_period == len(whole.charges) - len(april.charges)
    assert april.totals.billed < whole.totals.billed
