"""An insurer's statement adds up and tells nothing of anyone's health that its schedule does not name."""

from dataclasses import replace

import pytest
from tests.statements.scenarios import disputed, everything, insurer, second_insurer
from tests.support.priced_ledger import KINDS, NAMES, PATIENT, at, dollars

from chainbill.errors import LedgerError
from chainbill.statements.facts import AccountFacts, Movement, MovementKind
from chainbill.statements.insurer import InsurerStatement, insurer_statement
from chainbill.statements.insurer_text import render_insurer


@pytest.mark.parametrize("groups", ["providers", "benefit_years"])
def test_insurer__groups__add_up_to_the_totals(groups: str) -> None:
    statement = insurer()
    lines = getattr(statement, groups)
    for name in type(statement.totals).model_fields:
        assert sum(getattr(line.amounts, name) for line in lines) == getattr(statement.totals, name)
    assert sum(line.counts.events for line in lines) == statement.counts.events
    assert statement.totals.plan_paid == statement.pool.paid


def test_insurer__services__add_up_to_the_events() -> None:
    statement = insurer()
    assert sum(line.amounts.plan_paid for line in statement.services) == statement.totals.plan_paid
    assert sum(line.counts.events for line in statement.services) == statement.counts.events == 6


def test_insurer__without_the_schedule_key__names_no_service() -> None:
    statement = insurer(with_key=False)
    told = (statement.model_dump_json() + render_insurer(statement)).lower()
    for service, description, _ in KINDS.values():
        assert service not in told
        assert description.lower() not in told
    assert {line.service for line in statement.services} == {None}


def test_insurer__records_in_its_facts__are_not_told() -> None:
    # Were an insurer's facts ever made with a vault at hand, nothing of it may show.
    story = everything()
    paid = sum(claim.sharing.plan_paid for claim in story.claims if claim.sharing)
    facts = AccountFacts(as_of=0, claims=story.claims, movements=[], balance=-paid)
    told = insurer_statement(1, facts, NAMES).model_dump_json()
    assert "Maria" not in told
    assert PATIENT not in told
    assert "cholesterol" not in told


def test_insurer__schedule_key__names_what_the_schedule_lists() -> None:
    names = {line.service for line in insurer().services}
    assert names == {"office-visit", "video-visit", "blood-pressure", "sleep-session", None}


def test_insurer__not_paid__is_counted_by_reason() -> None:
    statement = insurer()
    assert (statement.counts.denied, statement.counts.pended) == ({"not_covered": 1}, {"no_consent": 1})
    [year] = statement.benefit_years
    assert year.counts == statement.counts


def test_insurer__second_on_an_event__pays_apart_from_its_own_totals() -> None:
    statement = second_insurer()
    assert (statement.counts.events, statement.totals.plan_paid) == (0, 0)
    assert (statement.as_second_insurer.events, statement.as_second_insurer.paid) == (3, dollars(185))
    assert statement.pool.paid == dollars(185)
    assert statement.members == 1


def test_insurer__event_taken_back__left_its_totals_and_came_back_to_the_pool() -> None:
    story = disputed()
    paid = sum(claim.sharing.plan_paid for claim in story.claims if claim.sharing)
    movements = [Movement(at("2026-02-20"), MovementKind.REFUND, dollars(25 + 80 + 80))]
    facts = AccountFacts(
        as_of=0, claims=story.claims, movements=movements, balance=dollars(25 + 80 + 80) - paid
    )
    statement = insurer_statement(1, facts, NAMES)
    assert (statement.counts.settled, statement.counts.taken_back) == (5, 2)
    assert statement.totals.plan_paid == statement.pool.paid - statement.pool.refunded


def test_insurer__pool_that_does_not_add_up__is_refused() -> None:
    facts = AccountFacts(as_of=0, claims=[], movements=[], balance=1)
    with pytest.raises(LedgerError, match="the pool does not add up"):
        insurer_statement(1, facts, NAMES)


def test_insurer__unknown_to_the_address_book__has_a_number() -> None:
    facts = AccountFacts(as_of=0, claims=[], movements=[], balance=0)
    statement = insurer_statement(9, facts, replace(NAMES, payers={}))
    assert statement.name == "insurer #9"
    assert "By provider".upper() in render_insurer(statement)


def test_json__read_back__is_the_same_statement() -> None:
    statement = insurer()
    assert InsurerStatement.model_validate_json(statement.model_dump_json()) == statement
