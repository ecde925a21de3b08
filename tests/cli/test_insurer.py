"""``chainbill insurer``: create, fund, plan, fees, accept-provider, enrol, statement, balance, withdraw."""

from __future__ import annotations

import pytest
from tests.support.roles import FEES, PLAN, PLAN_SHARE, Town

from chainbill.billing.plan_file import PlanFile, example_plan
from chainbill.billing.terms import Category
from chainbill.protocol_constants import FEES_PER_TRANSACTION
from chainbill.records.catalogue import Catalogue
from chainbill.records.service_id import LEAST_DECOYS

DAY = 86_400


@pytest.fixture
def insurer(town: Town, request: pytest.FixtureRequest) -> str:
    """An insurer of this test's own."""
    name = f"insurer-{town.session().protocol.payers.payer_count() + 1}"
    town.ok("insurer", "create", name)
    return name


# ---- create, fund, withdraw ---------------------------------------------------------------------------


def test_fund__first_command_of_a_new_insurer__makes_its_payer_contract_and_says_so(town: Town) -> None:
    session = town.session()
    session.ensure_account("self-made", session.book.get("insurer").role)
    session.protocol.token.mint(session.sender("governor"), session.book.get("self-made").address, 10**9)
    ran = town("insurer", "fund", 500, "--as", "self-made")
    assert ran.code == 0
    payer_id = session.book.get("self-made").payer_id
    assert f"the governor made payer contract {payer_id} for self-made" in ran.err
    assert session.protocol.payer(payer_id or 0).pool() == 500_000_000


def test_create__again__changes_nothing(town: Town) -> None:
    first = town.ok("insurer", "create", "harbor")
    assert (first["created"], first["minted"]) == (True, "1000000.00")
    again = town.ok("insurer", "create", "harbor")
    assert (again["created"], again["minted"], again["payer_id"]) == (False, "0.00", first["payer_id"])


def test_fund_and_withdraw__pool__goes_up_and_after_the_notice_down(town: Town, insurer: str) -> None:
    assert town.ok("insurer", "fund", 100, "--as", insurer)["balance"] == "100.00"
    town.ok("insurer", "withdraw", 60, "--as", insurer)
    assert "may be taken from" in town("insurer", "withdraw", "--take", "--as", insurer).error
    town.ok("devnet", "advance", "1d")
    assert town.ok("insurer", "withdraw", "--take", "--as", insurer)["withdrawn"] == "60.00"
    told = town.ok("insurer", "balance", "--as", insurer)
    assert (told["balance"], told["outside"], told["announced"]) == ("40.00", "999960.00", None)


def test_withdraw__no_payer_contract__says_what_to_do(town: Town) -> None:
    session = town.session()
    session.ensure_account("contractless", session.book.get("insurer").role)
    assert "chainbill insurer create contractless" in town("insurer", "balance", "--as", "contractless").error


# ---- plan ---------------------------------------------------------------------------------------------


def test_plan__example__is_a_plan_that_can_be_published(town: Town, insurer: str) -> None:
    example = town("insurer", "plan", "--example").out
    assert PlanFile.parse(example) == PlanFile.parse(example_plan())
    told = town.ok("insurer", "plan", town.file("example.toml", example), "--as", insurer)
    assert (told["plan_id"], told["version"], told["published"]) == (1, 1, True)
    payer = town.session().protocol.payer(told["payer_id"])
    wanted = PlanFile.parse(example)
    published = payer.plan_terms(1, 1)
    assert published is not None
    assert published[0] == wanted.terms
    assert published[1] == told["effective_at"] <= town.session().now()
    for category in Category:
        assert payer.category_terms(1, 1, category) == wanted.categories[category]


@pytest.mark.parametrize(
    "command, published",
    [(("insurer", "fees"), "fees"), (("provider", "prices"), "cash prices")],
    ids=["fees", "prices"],
)
def test_example__of_a_list__is_one_that_can_be_published(
    town: Town, insurer: str, clinic: str, command: tuple[str, str], published: str
) -> None:
    own = ("--as", insurer if command[0] == "insurer" else clinic)
    example = town(*command, "--example")
    assert example.code == 0, example
    told = town(*command, town.file("example.toml", example.out), *own)
    assert f"2 {published} of {own[1]} published" in told.out
    assert town(*command, "--example", "--from-catalogue").code == 2


def test_plan__changed__is_announced_and_one_at_a_time(town: Town, insurer: str) -> None:
    town.ok("insurer", "plan", town.file("v1.toml", PLAN), "--as", insurer)
    second = town.file("v2.toml", PLAN.replace('"1000"', '"2000"'))
    assert (
        f"Plan 1 of {insurer} is published as version 2"
        in town("insurer", "plan", second, "--as", insurer).out
    )
    again = town.ok("insurer", "plan", second, "--as", insurer)
    assert (again["version"], again["published"]) == (2, False)
    third = town.file("v3.toml", PLAN.replace('"1000"', '"3000"'))
    assert "version 2 of plan 1 is announced for" in town("insurer", "plan", third, "--as", insurer).error


def test_plan__bad_file__says_where(town: Town) -> None:
    error = town("insurer", "plan", town.file("bad.toml", 'plan = 1\ndeductible = "1"\n')).error
    assert "bad.toml: out_of_pocket_maximum is missing" in error


def test_plan__without_a_file__shows_what_is_in_force_and_announced(town: Town, insurer: str) -> None:
    assert town.ok("insurer", "plan", "--as", insurer)["plans"] == []
    assert "chainbill insurer plan --example" in town("insurer", "plan", "--as", insurer).out
    town.ok("insurer", "plan", town.file("shown.toml", PLAN), "--as", insurer)
    file = town.file("later.toml", PLAN.replace('"1000"', '"2000"'))
    later = town.ok("insurer", "plan", file, "--as", insurer)
    first, second = town.ok("insurer", "plan", "--as", insurer)["plans"]
    assert (first["version"], first["in_force"], first["out_of_pocket_maximum"]) == (1, True, "1000.00")
    assert (second["version"], second["in_force"], second["out_of_pocket_maximum"]) == (2, False, "2000.00")
    assert second["effective_at"] == later["effective_at"]
    assert list(first["categories"]) == ["office_visit"]
    assert "(announced)" in town("insurer", "plan", "--as", insurer).out
    town.ok("devnet", "advance", "1d")
    (only,) = town.ok("insurer", "plan", "--as", insurer)["plans"]
    assert (only["version"], only["in_force"]) == (2, True)


def test_plan__file_and_example__is_wrong_usage(town: Town) -> None:
    ran = town("insurer", "plan", town.file("plan.toml", PLAN), "--example")
    assert ran.code == 2
    assert "either a file to publish or --example" in ran.err


# ---- fees ---------------------------------------------------------------------------------------------


def test_fees__of_the_catalogue__are_published_when_asked_for_and_once(town: Town, insurer: str) -> None:
    services = sorted(Catalogue.load().entries)
    told = town.ok("insurer", "fees", "--from-catalogue", "--as", insurer)
    assert told["published"] == services
    schedule = town.session().schedules.load(told["payer_id"])
    assert list(schedule.services) == services
    assert told["transactions"] > len(services) * (1 + LEAST_DECOYS) / FEES_PER_TRANSACTION
    again = town.ok("insurer", "fees", "--from-catalogue", "--as", insurer)
    assert (again["published"], again["unchanged"], again["transactions"]) == ([], len(services), 0)
    shown = town.ok("insurer", "fees", "--as", insurer)["fees"]
    assert [fee["service"] for fee in shown] == services


def test_fees__without_a_file__show_and_publish_nothing(town: Town, insurer: str) -> None:
    block = town.session().protocol.w3.eth.block_number
    assert town.ok("insurer", "fees", "--as", insurer)["fees"] == []
    assert "chainbill insurer fees --from-catalogue --as" in town("insurer", "fees", "--as", insurer).out
    assert town.session().protocol.w3.eth.block_number == block
    file = town.file(
        "f.toml", '[fees]\nlab-lipid-panel = { fee = "1,030.00", max_units = 2, annual_units = 4 }\n'
    )
    first = town.ok("insurer", "fees", file, "--as", insurer)
    assert "holds from" in town("insurer", "fees", town.file("f.toml", FEES), "--as", insurer).out
    shown = {fee["service"]: fee for fee in town.ok("insurer", "fees", "--as", insurer)["fees"]}
    assert shown["lab-lipid-panel"]["in_force"] == {
        "fee": "1030.00",
        "category": "laboratory",
        "max_units": 2,
        "annual_units": 4,
        "effective_at": first["effective_at"]["lab-lipid-panel"],
    }
    announced = shown["lab-lipid-panel"]["announced"]
    assert (announced["fee"], announced["max_units"], announced["annual_units"]) == ("40.00", 2, 4)
    assert announced["effective_at"] > town.session().now()
    assert "$40.00, 2 at once, 4 in a year holds from" in town("insurer", "fees", "--as", insurer).out
    third = town.file("third.toml", FEES.replace("40.00", "41.00"))
    assert "to be published again after that" in town("insurer", "fees", third, "--as", insurer).out
    town.ok("devnet", "advance", "1d")
    shown = {fee["service"]: fee for fee in town.ok("insurer", "fees", "--as", insurer)["fees"]}
    assert (shown["lab-lipid-panel"]["in_force"], shown["lab-lipid-panel"]["announced"]) == (announced, None)


@pytest.mark.parametrize(
    "arguments",
    [
        ("fees.toml", "--from-catalogue"),
        ("--catalogue", "own.toml"),
        ("--max-units", "3"),
        ("--from-catalogue", "--max-units", "1_0"),
    ],
)
def test_fees__options_that_say_nothing_to_publish__are_wrong_usage(
    town: Town, arguments: tuple[str, ...]
) -> None:
    assert town("insurer", "fees", *arguments).code == 2


def test_fees__decimal_comma__is_refused_and_nothing_is_published(town: Town, insurer: str) -> None:
    error = town(
        "insurer", "fees", town.file("c.toml", '[fees]\noffice-visit = "88,00"\n'), "--as", insurer
    ).error
    assert "office-visit: '88,00' is not an amount of dollars" in error
    assert "hint: write 88.00" in error
    assert town.ok("insurer", "fees", "--as", insurer)["fees"] == []


def test_fees__unknown_service__says_so(town: Town) -> None:
    error = town("insurer", "fees", town.file("odd.toml", '[fees]\nmoon-walk = "1.00"\n')).error
    assert "moon-walk: the catalogue has no such service" in error


# ---- providers and members ----------------------------------------------------------------------------


def test_accept_provider__again__changes_nothing(town: Town, clinic: str) -> None:
    assert town.ok("insurer", "accept-provider", clinic)["changed"] is False
    assert "already" in town("insurer", "accept-provider", clinic).out


def test_accept_provider__unknown__says_who_is_known(town: Town) -> None:
    assert "there is no provider named 'nobody'" in town("insurer", "accept-provider", "nobody").error


def test_enrol__year_out_of_reach__is_wrong_usage(town: Town) -> None:
    ran = town("insurer", "enrol", "patient", "--plan", 1, "--year", 2026)
    assert ran.code == 2
    assert "--year: the chain's year is 2024: only 2023 to 2025 can be opened" in ran.err


def test_enrol__deductible_met_alone__counts_as_paid_out_of_pocket(town: Town) -> None:
    town.ok("patient", "create", "half-met")
    told = town.ok("insurer", "enrol", "half-met", "--plan", 1, "--deductible-met", 50)
    assert told["oop_met"] == "50.00"
    ran = town("insurer", "enrol", "half-met", "--plan", 1, "--deductible-met", 50, "--oop-met", 40)
    assert ran.code == 2
    assert "--oop-met is too low" in ran.err


# ---- statement ----------------------------------------------------------------------------------------


def test_statement__after_settling__adds_up_by_provider_and_service(town: Town, clinic: str) -> None:
    town.attest(clinic, town.patient("member", clinic), "insured-visit")
    town.settle(clinic)
    facts = town.ok("insurer", "statement")
    assert facts["totals"]["plan_paid"] == facts["pool"]["paid"]
    (line,) = [line for line in facts["providers"] if line["provider"] == clinic]
    assert line["amounts"]["plan_paid"] == PLAN_SHARE
    assert "check-up-visit" in {line["service"] for line in facts["services"]}
    assert town("insurer", "statement").out.startswith("INSURER'S STATEMENT")


def test_statement__before_any_fee__is_a_statement_all_the_same(town: Town, insurer: str) -> None:
    facts = town.ok("insurer", "statement", "--as", insurer)
    assert (facts["counts"]["settled"], facts["pool"]["balance"]) == (0, "0.00")
