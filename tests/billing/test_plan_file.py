"""Plan files: what an insurer writes becomes terms, or an error that says where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainbill.billing.plan_file import PlanFile, example_plan
from chainbill.billing.terms import Category, CategoryTerms, CobMode, PlanTerms
from chainbill.errors import TermsError
from chainbill.money import CENT, DOLLAR
from chainbill.scenario.plan import CATEGORIES, PLAN

SMALLEST = 'plan = 7\ndeductible = "0"\nout_of_pocket_maximum = "0"\n[pharmacy]\n'


def test_parse__smallest_plan__takes_the_defaults() -> None:
    plan = PlanFile.parse(SMALLEST)
    assert plan == PlanFile(7, PlanTerms(deductible=0, oop_max=0), {Category.PHARMACY: CategoryTerms()})
    assert plan.terms.rounding_unit == CENT
    assert plan.terms.cob_mode is CobMode.STANDARD


def test_parse__every_field__reaches_the_terms() -> None:
    plan = PlanFile.parse(
        'plan = 65535\ndeductible = "1,250"\nout_of_pocket_maximum = "$8000.50"\nrounding = "0.10"\n'
        'family_deductible = "2500"\nfamily_out_of_pocket_maximum = "16001"\nannual_maximum = "50000.00"\n'
        'coordination = "carve_out"\n'
        '[emergency]\ncovered = true\ndeductible_applies = false\ncopay = "150.00"\ncopay_first = true\n'
        'coinsurance = "12.5%"\ncoinsurance_after_copay = true\n[inpatient]\ncovered = false\n'
    )
    assert plan.terms == PlanTerms(
        deductible=1250 * DOLLAR,
        oop_max=8_000_500_000,
        family_deductible=2500 * DOLLAR,
        family_oop_max=16_001 * DOLLAR,
        annual_maximum=50_000 * DOLLAR,
        rounding_unit=100_000,
        cob_mode=CobMode.CARVE_OUT,
    )
    assert plan.categories == {
        Category.EMERGENCY: CategoryTerms(
            deductible_applies=False,
            copay=150 * DOLLAR,
            copay_first=True,
            coinsurance_bps=1250,
            coinsurance_after_copay=True,
        ),
        Category.INPATIENT: CategoryTerms(covered=False),
    }


def test_example__is_the_plan_of_the_scenarios() -> None:
    plan = PlanFile.parse(example_plan())
    assert (plan.terms, dict(plan.categories)) == (PLAN, CATEGORIES)


@pytest.mark.parametrize(
    "text, message",
    [
        ("plan = ", "not a TOML file"),
        ("x = " + "[" * 5_000, "not a TOML file"),
        (SMALLEST.replace("7", '"7"'), "plan must be a number from 1 to 65535"),
        (SMALLEST.replace("7", "0"), "plan must be a number from 1 to 65535"),
        (SMALLEST.replace("7", "true"), "plan must be a number from 1 to 65535"),
        (SMALLEST.replace("plan = 7", ""), "plan must be a number"),
        (SMALLEST.replace("deductible", "deductable"), "deductible is missing"),
        ("extra = 1\n" + SMALLEST, "'extra' is neither a field of a plan nor a category"),
        (SMALLEST.replace("pharmacy", "dental"), "'dental' is neither a field of a plan nor a category"),
        (SMALLEST.replace("[pharmacy]", "pharmacy = 1"), "pharmacy must be a table"),
        (SMALLEST.replace("[pharmacy]", ""), "no category is covered"),
        (SMALLEST.replace('"0"', "0"), "deductible must be dollars in quotes"),
        (SMALLEST.replace('"0"', '"-1"'), "negative"),
        (SMALLEST.replace('"0"', '"lots"'), "not an amount of dollars"),
        (SMALLEST.replace('"0"', '"0.005"'), "not a whole number of rounding units"),
        ('family_deductible = "0.005"\n' + SMALLEST, "family_deductible is not a whole number"),
        (
            'family_out_of_pocket_maximum = "0.005"\n' + SMALLEST,
            "family_out_of_pocket_maximum is not a whole number of rounding units",
        ),
        ("annual_maximum = 1000\n" + SMALLEST, "annual_maximum must be dollars in quotes"),
        ('coordination = "generous"\n' + SMALLEST, "coordination must be one of standard, carve_out"),
        ("coordination = 1\n" + SMALLEST, "coordination must be one of standard, carve_out"),
        ("coordination = []\n" + SMALLEST, "coordination must be one of standard, carve_out"),
        ('rounding = "0"\n' + SMALLEST, "rounding: Input should be greater"),
        ('rounding = "99999"\n' + SMALLEST, "rounding: Input should be less"),
        (SMALLEST + "copay = 25", "[pharmacy] copay must be dollars in quotes"),
        (SMALLEST + 'copay = "0.005"', "[pharmacy] copay is not a whole multiple of rounding"),
        (SMALLEST + "coinsurance = 20", "[pharmacy] coinsurance must be a percentage in quotes"),
        (SMALLEST + 'coinsurance = "20"', "[pharmacy] coinsurance must be a percentage in quotes"),
        (SMALLEST + 'coinsurance = "120%"', "[pharmacy] coinsurance must be a percentage in quotes"),
        (SMALLEST + 'coinsurance = "-1%"', "[pharmacy] coinsurance must be a percentage in quotes"),
        (SMALLEST + 'coinsurance = "0.001%"', "[pharmacy] coinsurance must be a percentage in quotes"),
        (SMALLEST + 'coinsurance = "NaN%"', "[pharmacy] coinsurance must be a percentage in quotes"),
        (SMALLEST + "coinsurance_bps = 2000", 'coinsurance is written as a percentage, such as "20%"'),
        (SMALLEST + 'covered = "yes"', "[pharmacy] covered"),
        (SMALLEST + "copays = 1", "[pharmacy] copays"),
    ],
)
def test_parse__wrong__says_where(text: str, message: str) -> None:
    with pytest.raises(TermsError) as refused:
        PlanFile.parse(text)
    assert message in str(refused.value)


def test_read__unreadable__says_which_file(tmp_path: Path) -> None:
    with pytest.raises(TermsError, match=r"nothere\.toml: cannot be read"):
        PlanFile.read(tmp_path / "nothere.toml")
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"\xff")
    with pytest.raises(TermsError, match=r"latin\.toml: not a TOML file"):
        PlanFile.read(latin)
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(SMALLEST.replace("pharmacy", "dental"))
    with pytest.raises(TermsError, match=r"wrong\.toml: 'dental'") as refused:
        PlanFile.read(wrong)
    assert "office_visit" in (refused.value.hint or "")
