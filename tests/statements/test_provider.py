"""A remittance advice balances line by line, in the codes a billing office knows."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.statements.scenarios import (
    LAB,
    SESSION,
    disputed_provider,
    provider,
    self_pay,
    two_insurers,
)
from tests.support.priced_ledger import NAMES, LedgerStory, dollars

from chainbill.billing.outcomes import CARC, Outcome
from chainbill.errors import LedgerError
from chainbill.statements.facts import AccountFacts, ProviderBalance
from chainbill.statements.provider import ProviderStatement, adjustments, provider_statement


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 50_000), st.integers(1, 50_000)), max_size=8))
def test_remittance__any_settled_events__balance_by_line(prices: list[tuple[int, int]]) -> None:
    story = LedgerStory()
    story.enrol(2026)
    for billed, agreed in prices:
        story.settle("2026-02-02", story.record("2026-02-01", LAB, billed * 10_000), agreed * 10_000)
    credited = sum(claim.sharing.allowed for claim in story.claims if claim.sharing)
    standing = ProviderBalance(matured=0, maturing=credited, held=0, bond=0, advanced=0, owed=0)
    facts = AccountFacts(as_of=0, claims=story.claims, movements=[], balance=credited, standing=standing)
    statement = provider_statement(1, facts, NAMES)
    for line in statement.lines:
        assert line.billed is not None
        assert line.billed - sum(adjustment.amount for adjustment in line.adjustments) == line.plan_paid
        assert line.plan_paid + line.patient_paid == line.allowed == line.credited
    assert statement.credit.balance == sum(line.credited for line in statement.lines)


def test_remittance__worked_year__carries_every_code() -> None:
    adjusted = [line.adjustments for line in provider().lines]
    assert [[(each.code, each.amount) for each in line] for line in adjusted] == [
        [("CO-45", dollars(25)), ("PR-1", dollars(150))],
        [("CO-45", dollars(15)), ("PR-3", dollars(25))],
        [],
        [("CO-96", dollars(50))],
        [],
    ]


def test_remittance__percentage__is_coinsurance() -> None:
    story = LedgerStory()
    story.enrol(2026)
    claim = story.settle("2026-02-02", story.record("2026-02-01", LAB, dollars(400)), dollars(400))
    assert [adjustment.code for adjustment in adjustments(claim)] == ["PR-1", "PR-2", "PR-3"]


@pytest.mark.parametrize("reason", CARC)
def test_remittance__every_denial__takes_off_all_that_was_billed(reason: object) -> None:
    story = LedgerStory()
    story.enrol(2026)
    denied = story.settle("2026-02-02", story.record("2026-02-01", SESSION, dollars(50)), dollars(50))
    assert denied.outcome is Outcome.DENIED
    [adjustment] = adjustments(replace(denied, reason=reason))  # type: ignore[arg-type]
    assert (adjustment.code, adjustment.amount) == (CARC[reason], dollars(50))  # type: ignore[index]


def test_remittance__waiting_event__takes_nothing_off() -> None:
    *_, waiting = provider().lines
    assert (waiting.outcome, waiting.reason, waiting.adjustments) == ("pended", "not_enrolled", [])
    assert waiting.billed == dollars(60)


def test_remittance__operator_and_second_insurer__line_by_line_what_is_credited() -> None:
    statement = disputed_provider()
    for line in statement.lines:
        assert line.billed is not None
        assert line.billed - sum(adjustment.amount for adjustment in line.adjustments) == line.plan_paid
        paid = line.plan_paid + line.second_insurer_paid + line.patient_paid
        assert paid == line.allowed == line.credited + line.operator_fee
    assert statement.credit.credited == sum(line.credited for line in statement.lines)
    assert {line.second_insurer for line in statement.lines} == {None, "Meadow Mutual"}


def test_remittance__self_pay__is_the_patients_without_a_plan() -> None:
    codes = [[each.code for each in adjustments(claim)] for claim in self_pay().claims]
    assert codes == [["CO-45", "PR-96"], ["PR-96"], []]


def test_remittance__above_the_plans_maximum__has_its_code() -> None:
    codes = [[each.code for each in adjustments(claim)] for claim in two_insurers().claims]
    assert codes == [["CO-45", "PR-1", "PR-2"], ["PR-2", "PR-119"], ["PR-119"]]


def test_remittance__disputes__are_told_in_a_line() -> None:
    told = [line.dispute for line in disputed_provider().lines][:7]
    assert told == [
        "disputed by patient: answer by February 15, 2026, or it is taken back",
        "disputed by patient and insurer, answered: ruling due by March 1, 2026",
        "disputed by patient, and upheld",
        "disputed by patient, and taken back in part",
        "disputed by insurer, and taken back in full",
        "given back in full",
        "",
    ]


def test_credit__its_parts__are_what_is_in_settlement() -> None:
    credit = disputed_provider().credit
    parts = credit.matured + credit.maturing + credit.held + credit.bond - credit.advanced
    assert parts == credit.balance
    assert credit.may_be_withdrawn == credit.matured - credit.owed


def test_credit__after_a_payout__is_what_is_left() -> None:
    credit = provider().credit
    assert (credit.credited, credit.paid_out, credit.balance) == (dollars(242), dollars(200), dollars(42))


def test_credit__that_does_not_add_up__is_refused() -> None:
    facts = AccountFacts(as_of=0, claims=[], movements=[], balance=1)
    with pytest.raises(LedgerError, match="credit does not add up"):
        provider_statement(1, facts, NAMES)


def test_json__read_back__is_the_same_statement() -> None:
    statement = provider()
    assert ProviderStatement.model_validate_json(statement.model_dump_json()) == statement
