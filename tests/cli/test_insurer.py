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


def test_create__cut_off_before_the_id_was_written_down__finds_it_again(town: Town) -> None:
    first = town.ok("insurer", "create", "cut-off")
    town.session().book.update("cut-off", payer_id=None)
    assert town.ok("insurer", "create", "cut-off")["payer_id"] == first["payer_id"]


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


def test_plan__published_already__is_left_alone(town: Town, insurer: str) -> None:
    file = town.file("same.toml", PLAN)
    town.ok("insurer", "plan", file, "--as", insurer)
    again = town.ok("insurer", "plan", file, "--as", insurer)
    assert (again["version"], again["published"]) == (1, False)


@pytest.mark.parametrize(
    "change",
    [
        ('"1000"', '"2000"'),
        ('copay = "25"', 'copay = "26"'),
        ("[office_visit]", "[laboratory]\n[office_visit]"),
    ],
    ids=["yearly terms", "a category's terms", "one category more"],
)
def test_plan__changed__is_announced_a_day_ahead_and_one_at_a_time(
    town: Town, insurer: str, change: tuple[str, str]
) -> None:
    town.ok("insurer", "plan", town.file("v1.toml", PLAN), "--as", insurer)
    second = town.file("v2.toml", PLAN.replace(*change))
    told = town.ok("insurer", "plan", second, "--as", insurer)
    assert (told["version"], told["published"]) == (2, True)
    assert told["effective_at"] > town.session().now() + DAY - 60
    assert town.ok("insurer", "plan", second, "--as", insurer)["published"] is False
    third = town.file("v3.toml", PLAN.replace('"1000"', '"3000"'))
    error = town("insurer", "plan", third, "--as", insurer).error
    assert "version 2 of plan 1 is announced for" in error
    town.ok("devnet", "advance", "1d")
    assert town.ok("insurer", "plan", third, "--as", insurer)["version"] == 3


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


def test_fees__on_chain__stand_beside_decoys_that_change_with_them(town: Town, insurer: str) -> None:
    told = town.ok("insurer", "fees", town.file("fees.toml", FEES), "--as", insurer)
    session = town.session()
    payer, schedule = session.protocol.payer(told["payer_id"]), session.schedules.load(told["payer_id"])
    groups = [set(schedule.ids_of(service)) for service in schedule.services]
    assert {log["serviceId"] for log in payer.logged("FeePublished")} == set.union(*groups)
    assert all(len(group) > LEAST_DECOYS for group in groups)
    dearer = town.file("dearer.toml", FEES.replace("100.00", "110.00"))
    assert town.ok("insurer", "fees", dearer, "--as", insurer)["published"] == ["check-up-visit"]
    logs = payer.logged("FeePublished")[sum(len(group) for group in groups) :]
    assert {log["serviceId"] for log in logs} == set(schedule.ids_of("check-up-visit"))
    assert len({tuple(log["fee"]) for log in logs}) == 1
    assert schedule == session.schedules.load(told["payer_id"])
    assert set(schedule.names().values()) == {"check-up-visit", "lab-lipid-panel"}


def test_fees__changed_in_a_file__only_those_are_published_a_day_ahead(town: Town, insurer: str) -> None:
    before = '[fees]\noffice-visit = "85.00"\ncheck-up-visit = "90.00"\n'
    town.ok("insurer", "fees", town.file("before.toml", before), "--as", insurer)
    after = town.file("after.toml", before.replace("85.00", "88.00"))
    told = town.ok("insurer", "fees", after, "--as", insurer)
    assert (told["published"], told["unchanged"]) == (["office-visit"], 1)
    session, payer_id = town.session(), told["payer_id"]
    payer, schedule, now = session.protocol.payer(payer_id), session.schedules.load(payer_id), session.now()
    fee = payer.fee_at(schedule.id_of("office-visit"), now)
    later = payer.fee_at(schedule.id_of("office-visit"), now + 2 * DAY)
    assert fee is not None
    assert later is not None
    assert (fee.terms.amount, later.terms.amount) == (85_000_000, 88_000_000)
    third = town.file("third.toml", before.replace("85.00", "91.00"))
    blocked = town.ok("insurer", "fees", third, "--as", insurer)
    assert (blocked["published"], list(blocked["announced"])) == ([], ["office-visit"])
    assert "to be published again after that" in town("insurer", "fees", third, "--as", insurer).out


def test_fees__cut_off_between_chunks__are_completed_by_the_next_run(
    town: Town, insurer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chainbill.chain.contracts import InsurerPayer
    from chainbill.errors import ChainError

    publish, calls = InsurerPayer.publish_fees, []

    def once(*arguments: object, **named: object) -> object:
        calls.append(1)
        if len(calls) > 1:
            raise ChainError("the node went away")
        return publish(*arguments, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(InsurerPayer, "publish_fees", once)
        assert "the node went away" in town("insurer", "fees", "--from-catalogue", "--as", insurer).error
    payer_id = town.session().book.get(insurer).payer_id or 0
    drawn = town.session().schedules.load(payer_id).decoys
    told = town.ok("insurer", "fees", "--from-catalogue", "--as", insurer)
    assert told["unchanged"] + len(told["published"]) == len(Catalogue.load().entries)
    schedule, logs = town.session().schedules.load(payer_id), town.session().protocol.payer(payer_id)
    assert schedule.decoys == drawn, "a second run goes on with the decoys of the first"
    published = [log["serviceId"] for log in logs.logged("FeePublished")]
    assert sorted(published) == sorted(each for service in drawn for each in schedule.ids_of(service))
    assert list(town.session().schedules.load(told["payer_id"]).services) == sorted(Catalogue.load().entries)


def test_fees__unknown_service__says_so(town: Town) -> None:
    error = town("insurer", "fees", town.file("odd.toml", '[fees]\nmoon-walk = "1.00"\n')).error
    assert "moon-walk: the catalogue has no such service" in error


# ---- providers and members ----------------------------------------------------------------------------


def test_accept_provider__again__changes_nothing(town: Town, clinic: str) -> None:
    assert town.ok("insurer", "accept-provider", clinic)["changed"] is False
    assert "already" in town("insurer", "accept-provider", clinic).out


def test_accept_provider__not_registered__says_what_to_do(town: Town) -> None:
    assert "chainbill provider register provider" in town("insurer", "accept-provider", "provider").error


def test_accept_provider__unknown__says_who_is_known(town: Town) -> None:
    assert "there is no provider named 'nobody'" in town("insurer", "accept-provider", "nobody").error


def test_enrol__with_amounts_carried_in__opens_the_year_with_them(town: Town) -> None:
    town.ok("patient", "create", "newcomer")
    told = town.ok("insurer", "enrol", "newcomer", "--plan", 1, "--deductible-met", 120, "--oop-met", "180.5")
    assert told["benefit_year"] == 2024
    assert (told["deductible_met"], told["oop_met"], told["changed"]) == ("120.00", "180.50", True)
    again = town.ok("insurer", "enrol", "newcomer", "--plan", 1)
    assert (again["changed"], again["deductible_met"]) == (False, "120.00")


def test_enrol__deductible_met_alone__counts_as_paid_out_of_pocket(town: Town) -> None:
    town.ok("patient", "create", "half-met")
    told = town.ok("insurer", "enrol", "half-met", "--plan", 1, "--deductible-met", 50)
    assert told["oop_met"] == "50.00"
    ran = town("insurer", "enrol", "half-met", "--plan", 1, "--deductible-met", 50, "--oop-met", 40)
    assert ran.code == 2
    assert "--oop-met is too low" in ran.err


@pytest.mark.parametrize("year, code", [(2022, 2), (2023, 0), (2025, 0), (2026, 2)])
def test_enrol__year__is_this_one_or_a_neighbour(town: Town, year: int, code: int) -> None:
    town.ok("patient", "create", f"of-{year}")
    ran = town("insurer", "enrol", f"of-{year}", "--plan", 1, "--year", year)
    assert ran.code == code
    if code:
        assert "the chain's year is 2024: only 2023 to 2025 can be opened" in ran.err


def test_enrol__plan_not_published__says_what_to_do(town: Town) -> None:
    error = town("insurer", "enrol", "patient", "--plan", 9).error
    assert "insurer has published no plan 9" in error
    assert "chainbill insurer plan FILE" in error


def test_enrol__under_another_plan_already__is_refused(town: Town, insurer: str) -> None:
    town.ok("insurer", "plan", town.file("p1.toml", PLAN), "--as", insurer)
    town.ok("insurer", "plan", town.file("p2.toml", PLAN.replace("plan = 1", "plan = 2")), "--as", insurer)
    town.ok("insurer", "enrol", "patient", "--plan", 1, "--as", insurer)
    error = town("insurer", "enrol", "patient", "--plan", 2, "--as", insurer).error
    assert "patient is enrolled for 2024 under plan 1 already" in error


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
