"""Statements are written for people: no jargon, no broken columns, no advice that cannot be followed."""

import re
from datetime import date

import pytest
from tests.statements.scenarios import (
    PATIENT_SCENARIOS,
    disputed_provider,
    insurer,
    patient,
    provider,
    second_insurer,
)
from tests.support.months import month, pressure

from chainbill.billing.outcomes import CARC, Reason
from chainbill.statements.advice import COMMANDS, general_advice, what_to_do
from chainbill.statements.insurer_text import render_insurer
from chainbill.statements.layout import amount_lines, table, wrapped
from chainbill.statements.patient_text import render_patient
from chainbill.statements.provider_text import render_provider
from chainbill.statements.wording import (
    category_words,
    plain,
    readings_line,
    show_date,
    show_days,
    show_percent,
)

JARGON = (
    *("adjudicat", "bps", "basis point", "commitment", "attest", "oracle", "on-chain", "on chain"),
    *("blockchain", "pended", "settled", "sequence", "micro", "accumulator", "escrow", "payer #"),
    *("null", "none", "claim ", "contractual", "remittance", "carc", "co-45", "pr-1"),
)
WIDTHS = (20, 40, 48, 60, 80, 100, 200)


@pytest.mark.parametrize("name", PATIENT_SCENARIOS)
def test_patient_text__every_scenario__has_no_jargon(name: str) -> None:
    text = render_patient(patient(name)).lower()
    text = text.replace("chainbill patient accept-payer", "")
    assert [word for word in JARGON if word in text] == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PATIENT_SCENARIOS)
def test_patient_text__any_width__fits_it(name: str, width: int) -> None:
    lines = render_patient(patient(name), width=width).splitlines()
    too_long = [line for line in lines if len(line) > max(40, min(width, 100)) and "0x" not in line]
    assert [line for line in too_long if "chainbill" not in line] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_insurer_and_provider_text__any_width__fit_it(width: int) -> None:
    text = render_insurer(insurer(), width=width) + render_provider(provider(), width=width)
    text += render_insurer(second_insurer(), width=width)
    text += render_provider(disputed_provider(), width=width)
    limit = max(40, min(width, 100))
    assert [line for line in text.splitlines() if len(line) > limit and "0x" not in line] == []


def test_patient_text__amounts__end_in_one_column_for_each_event() -> None:
    text = render_patient(patient("everything"))
    for block in re.split(r"\n(?=\d\. )", text)[1:]:
        amounts = [line for line in block.splitlines() if re.fullmatch(r" {3,5}\S.*  +-?\$[\d,.]+", line)]
        ends = {len(line) for line in amounts}
        assert len(ends) == 1


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.SEQUENCE_SPENT])
def test_what_to_do__every_reason__has_a_step_without_gaps(reason: Reason) -> None:
    steps = what_to_do(reason, "0xabc", "the clinic", "the insurer")
    assert steps
    assert all(re.fullmatch(r"[A-Z][^{}]*", step) for step in steps)
    shown = "patient statement" if reason is Reason.NONE else "audit show"
    assert any(f"chainbill {shown} 0xabc" in step for step in steps)


def test_commands__everything_a_statement_says_to_type__is_listed() -> None:
    told = [*general_advice()]
    for reason in Reason:
        if reason is not Reason.SEQUENCE_SPENT:
            told += what_to_do(reason, "0xabc", "the clinic", "the insurer")
    named = {match for text in told for match in re.findall(r"chainbill [a-z-]+ [a-z-]+", text)}
    assert named == set(COMMANDS)


def test_denials__each_code__has_a_reason_in_words() -> None:
    assert all(reason.explanation for reason in CARC)


@pytest.mark.parametrize(
    "bps, shown", [(2000, "20%"), (1250, "12.5%"), (1, "0.01%"), (10_000, "100%"), (0, "0%")]
)
def test_show_percent__basis_points__reads_as_percent(bps: int, shown: str) -> None:
    assert show_percent(bps) == shown


def test_show_date__any_machine__is_in_english() -> None:
    assert show_date(date(1971, 3, 4)) == "March 4, 1971"


def test_category_words__category_of_another_plan__has_words() -> None:
    assert category_words(200) == "services of this kind"


def test_plain__many_spaces_and_marks__is_one_line() -> None:
    assert plain(" a\t b\u200f\n\x9bc ") == "a b c"


def test_amount_lines__long_amount_on_a_narrow_terminal__keeps_its_space() -> None:
    [line] = amount_lines([("You paid", "$18,446,744,073,709.551615")], 40)
    assert line.split() == ["You", "paid", "$18,446,744,073,709.551615"]


def test_table__too_wide__becomes_a_list() -> None:
    lines = table(("Name", "Paid"), [("a" * 30, "$1.00")], 30)
    assert lines == ["a" * 30, "  Paid                   $1.00"]


def test_wrapped__command__is_not_torn() -> None:
    lines = wrapped("To check, type this: chainbill audit verify", 30)
    assert lines == ["To check, type this:", "chainbill audit verify"]


@pytest.mark.parametrize(
    "first, last, words",
    [
        (date(2026, 6, 3), date(2026, 6, 3), "June 3, 2026"),
        (date(2026, 6, 3), date(2026, 6, 30), "June 3 to June 30, 2026"),
        (date(2026, 12, 5), date(2027, 1, 3), "December 5, 2026 to January 3, 2027"),
    ],
)
def test_days__in_words__say_the_year_once_where_it_is_one(first: date, last: date, words: str) -> None:
    assert show_days(first, last) == words


def test_readings__one_on_one_day__are_not_said_in_the_plural() -> None:
    line = readings_line(month(pressure(0)))
    assert line is not None
    assert line.words == "1 reading on 1 day, June 1 to June 30, 2026"


def test_readings__of_no_record_or_of_what_needs_none__are_not_told() -> None:
    assert readings_line(None) is None
    assert readings_line(month(readings=None, code="99457")) is None


def test_readings__that_a_device_s_month_lacks__are_told_to_be_missing() -> None:
    line = readings_line(month(readings=None))
    assert line is not None
    assert (line.count, line.days, line.first_day, line.last_day) == (0, 0, None, None)
    assert line.words == "readings from a device, and its record has none of them"
