"""Member files: what a line says, and which line of a file says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainbill.billing.accumulators import Accumulators
from chainbill.errors import ArgumentError, TermsError
from chainbill.money import DOLLAR
from chainbill.records.member_file import COLUMNS, NewMember, read_members

SOMEBODY = "0x5B38Da6a701c568545dCfcB03FcB875f56beddC4"
HEADING = ",".join(COLUMNS)


def read(tmp_path: Path, text: str, plan_id: int | None = None) -> tuple[NewMember, ...]:
    file = tmp_path / "members.csv"
    file.write_text(text, encoding="utf-8")
    return read_members(file, plan_id=plan_id)


def test_read_members__every_column__is_as_it_was_written(tmp_path: Path) -> None:
    maria, juan = read(tmp_path, f'{HEADING}\nmaria,1,2026,7,120,180.50,"1,000.00"\n\n{SOMEBODY},2,,0,,,\n')
    assert maria == NewMember(
        "maria",
        1,
        year=2026,
        family_id=7,
        deductible_met=120 * DOLLAR,
        oop_met=180_500_000,
        plan_paid=1_000 * DOLLAR,
        line=2,
    )
    assert juan == NewMember(SOMEBODY, 2, line=4)
    assert maria.opening == Accumulators(120 * DOLLAR, 180_500_000, 1_000 * DOLLAR)
    assert juan.opening == Accumulators()


def test_read_members__a_name_in_each_line__is_enough_where_the_plan_is_given(tmp_path: Path) -> None:
    file = tmp_path / "members.csv"
    file.write_text("patient\nmaria\njuan\n", encoding="utf-8")
    given = read_members(str(file), plan_id=3, year=2025)
    assert [(each.patient, each.plan_id, each.year) for each in given] == [
        ("maria", 3, 2025),
        ("juan", 3, 2025),
    ]


def test_read_members__a_line_s_own_plan_and_year__go_before_the_given_ones(tmp_path: Path) -> None:
    file = tmp_path / "members.csv"
    file.write_text("patient,plan,year\nmaria,1,2024\njuan,,\n", encoding="utf-8")
    given = read_members(file, plan_id=3, year=2025)
    assert [(each.plan_id, each.year) for each in given] == [(1, 2024), (3, 2025)]


@pytest.mark.parametrize(
    "text, told",
    [
        ("", f"the first line of a member file names its columns: {HEADING}"),
        ("maria,1\n", "the first line of a member file names its columns"),
        ("plan,year\n1,2026\n", "the first line of a member file names its columns"),
        ("patient,plan,plan\nmaria,1,1\n", "the first line of a member file names its columns"),
        ("patient,plan,deductible\nmaria,1,1\n", "the first line of a member file names its columns"),
        ("patient,plan\n", "no member stands in it"),
        ("patient,plan\nmaria,1\njuan\n", "line 3 has 1 columns, not 2"),
        ("patient,plan\nmaria,1\n,1\n", "line 3: no patient is named"),
        ("patient,plan\nmaria,\n", "line 2: no plan is named"),
        ("patient,plan\nmaria,0\n", "line 2: plan: 0 is not from 1 to 65535"),
        ("patient,plan\nmaria,1.0\n", "line 2: plan: '1.0' is not a whole number"),
        ("patient,plan,year\nmaria,1,26\n", "line 2: year: 26 is not from 1970 to 9999"),
        ("patient,plan,family\nmaria,1,4294967296\n", "line 2: family: 4294967296 is not from 0"),
        ("patient,plan,plan_paid\nmaria,1,-5\n", "line 2: plan_paid: -5 dollars is negative"),
        ("patient,plan,oop_met\nmaria,1,1.005\n", "line 2: oop_met: an amount is in whole cents"),
        (
            "patient,plan,deductible_met,oop_met\nmaria,1,2,1\n",
            "line 2: what was paid to meet the deductible is paid out of pocket",
        ),
        ('patient,plan\n"maria,1\n', "not a CSV file"),
    ],
)
def test_read_members__what_is_no_member__is_named_with_its_line(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(TermsError) as refused:
        read(tmp_path, text)
    assert str(refused.value).startswith(f"{tmp_path / 'members.csv'}: {told}")


def test_read_members__not_there_or_not_in_utf_8__says_so(tmp_path: Path) -> None:
    with pytest.raises(TermsError, match=r"nowhere\.csv: cannot be read: No such file"):
        read_members(tmp_path / "nowhere.csv")
    (tmp_path / "members.csv").write_bytes("patient,plan\nmaría,1\n".encode("latin-1"))
    with pytest.raises(TermsError, match=r"members\.csv: not a CSV file"):
        read_members(tmp_path / "members.csv")


def test_new_member__less_paid_than_met__is_refused() -> None:
    with pytest.raises(ArgumentError, match="what was paid to meet the deductible"):
        _ = NewMember("maria", 1, deductible_met=2, oop_met=1).opening
