"""Insurers' members and patients' limits and payers: families, openings, plan changes, two insurers."""

from __future__ import annotations

import pytest
from eth_account import Account
from tests.support.roles import PLAN, Town

DAY = 86_400


@pytest.fixture
def member(town: Town, clinic: str) -> str:
    """A patient of this test's own, not enrolled."""
    name = f"member-{clinic}"
    town.ok("patient", "create", name)
    return name


def test_enrol__with_openings_and_family__carries_them_in(town: Town, member: str) -> None:
    opening = ("--deductible-met", 10, "--oop-met", 30, "--plan-paid", 400)
    told = town.ok("insurer", "enrol", member, "--plan", 1, "--family", 7, *opening)
    assert (told["family_id"], told["deductible_met"], told["oop_met"], told["plan_paid"]) == (
        7,
        "10.00",
        "30.00",
        "400.00",
    )
    assert "in family 7" in town("insurer", "enrol", member, "--plan", 1).out


# ---- many at once -------------------------------------------------------------------------------------


def test_enrol__a_file__enrols_everybody_once(town: Town, member: str) -> None:
    somebody = Account.create().address
    file = town.file("members.csv", f"patient,family,deductible_met\n{member},8,12.50\n{somebody},,\n")
    told = town.ok("insurer", "enrol", "--file", file, "--plan", 1)
    assert (told["enrolled"], told["unchanged"], told["effective_at"] > 0) == (2, 0, True)
    first, second = told["members"]
    assert (first["line"], first["patient"], first["plan_id"], first["changed"]) == (2, member, 1, True)
    assert (second["line"], second["patient"], second["address"]) == (3, somebody, somebody)
    assert "in family 8: $12.50 of the deductible" in town("insurer", "enrol", member, "--plan", 1).out
    again = town("insurer", "enrol", "--file", file, "--plan", 1).out
    assert again == "Nobody was to be enrolled with insurer: 2 were enrolled so already.\n"
    more = town.file("more.csv", f"patient,plan\n{member},1\n{Account.create().address},1\n")
    told = town("insurer", "enrol", "--file", more).out
    assert told.startswith("1 member enrolled with insurer, in 1 block; 1 was enrolled so already. It holds")


def test_enrol__a_file_with_a_bad_line__names_it_and_sends_nothing(town: Town, member: str) -> None:
    before = town.session().protocol.w3.eth.block_number
    for text, told in (
        (f"patient\n{member}\n", "line 2: no plan is named"),
        (f"patient,plan\n{member},x\n", "line 2: plan: 'x' is not a whole number"),
        (f"patient,plan\n{member},1\nnobody,1\n", "line 3: there is no patient named 'nobody'"),
        (f"patient,plan\n{member},9\n", "line 2: insurer has published no plan 9"),
    ):
        assert told in town("insurer", "enrol", "--file", town.file("bad.csv", text)).error
    assert town.session().protocol.w3.eth.block_number == before


@pytest.mark.parametrize(
    "arguments, told",
    [
        ((), "name a patient, or a file of many: --file FILE"),
        (("maria",), "name the plan: --plan ID"),
        (("maria", "--file"), "with --file, who is enrolled and with what stands in the file"),
        (("--family", 7, "--file"), "with --file, who is enrolled and with what stands in the file"),
    ],
)
def test_enrol__neither_one_nor_a_file__is_wrong_usage(
    town: Town, arguments: tuple[object, ...], told: str
) -> None:
    file = (town.file("one.csv", "patient,plan\nmaria,1\n"),) if "--file" in arguments else ()
    ran = town("insurer", "enrol", *arguments, *file)
    assert (ran.code, told in ran.err) == (2, True)


def test_enrol__a_file_in_a_dry_run__shows_what_would_be_sent(town: Town, member: str) -> None:
    file = town.file("dry.csv", f"patient,plan\n{member},1\n")
    shown = town.ok("insurer", "enrol", "--file", file, "--dry-run")
    assert [each["function"] for each in shown["transactions"]] == ["enrol"]
    assert town.ok("insurer", "enrol", "--file", file)["enrolled"] == 1


# ---- changes ------------------------------------------------------------------------------------------


def test_change_plan__after_a_day__is_another(town: Town, member: str) -> None:
    town.ok("insurer", "plan", town.file("two.toml", PLAN.replace("plan = 1", "plan = 2")))
    town.ok("insurer", "enrol", member, "--plan", 1)
    error = town("insurer", "enrol", member, "--plan", 2).error
    assert f"chainbill insurer change-plan {member} --plan 2" in error
    told = town.ok("insurer", "change-plan", member, "--plan", 2)
    assert (told["plan_id"], told["next_plan_id"], told["changed"]) == (1, 2, True)
    assert town.ok("insurer", "change-plan", member, "--plan", 2)["changed"] is False
    assert "no plan 9" in town("insurer", "change-plan", member, "--plan", 9).error


def test_end_coverage__after_a_day__ends_and_is_resumed_by_enrolling(town: Town, member: str) -> None:
    town.ok("insurer", "enrol", member, "--plan", 1, "--deductible-met", 10)
    told = town.ok("insurer", "end-coverage", member)
    assert told["coverage_ends_at"] > town.session().now() + DAY - 60
    assert town.ok("insurer", "end-coverage", member)["changed"] is False
    town.ok("devnet", "advance", "1d6h")
    resumed = town.ok("insurer", "enrol", member, "--plan", 1)
    assert (resumed["changed"], resumed["coverage_ends_at"], resumed["deductible_met"]) == (
        True,
        None,
        "10.00",
    )


def test_accept_provider__ended__stops_after_a_day(town: Town, clinic: str) -> None:
    told = town.ok("insurer", "accept-provider", clinic, "--end")
    assert (told["changed"], told["accepted"]) == (True, False)
    assert town.ok("insurer", "accept-provider", clinic, "--end")["changed"] is False
    town.ok("devnet", "advance", "1d")
    assert "no more" in town("insurer", "accept-provider", clinic, "--end").out
    town.ok("devnet", "advance", "6h")
    assert town.ok("insurer", "accept-provider", clinic)["changed"] is True


def test_withdraw__called_off__leaves_nothing_announced(town: Town, member: str) -> None:
    town.ok("insurer", "withdraw", 5)
    town.ok("insurer", "withdraw", "--cancel")
    assert town.ok("insurer", "balance")["announced"] is None
    assert "no withdrawal is announced" in town("insurer", "withdraw", "--cancel").error
    town.ok("patient", "fund", 5, "--as", member)
    town.ok("patient", "withdraw", 5, "--as", member)
    assert "called off" in town("patient", "withdraw", "--cancel", "--as", member).out


def test_limits__lowered__hold_after_a_day_and_pend_what_is_over(town: Town, clinic: str) -> None:
    patient = town.patient(f"of-{clinic}", clinic)
    first = town.ok("patient", "limits", "--per-event", 20, "--per-day", 90, "--as", patient)
    assert (first["per_event_limit"], first["per_day_limit"]) == ("20.00", "90.00")
    assert town.ok("patient", "limits", "--per-event", 20, "--as", patient)["changed"] is False
    town.ok("devnet", "advance", "1d")
    town.attest(clinic, patient, f"{clinic}-over")
    (pended,) = town.settle(clinic)
    assert pended["reason"] == "over_event_limit"
    assert pended["what_to_do"] == f"chainbill patient limits --per-event MORE --as {patient}"
    town.ok("devnet", "advance", "6h")
    town.ok("patient", "limits", "--per-event", 0, "--as", patient)
    assert town.settle(clinic)[0]["outcome"] == "settled"
    assert "$25.00 of it spent today" in town("patient", "balance", "--as", patient).out
    assert town("patient", "sign", "limits", "--as", patient).code == 2


def test_two_insurers__both_pay(town: Town, clinic: str) -> None:
    second, folder = f"second-{clinic}", town.state.root.parent
    town.ok("insurer", "create", second)
    town.ok("insurer", "fund", 1_000, "--as", second)
    town.ok("insurer", "plan", folder / "plan.toml", "--as", second)
    town.ok("insurer", "fees", folder / "fees.toml", "--as", second)
    town.ok("insurer", "accept-provider", clinic, "--as", second)
    patient = f"twice-{clinic}"
    town.ok("patient", "create", patient)
    town.ok("patient", "fund", 100, "--as", patient)
    told = town.ok("patient", "accept-payer", "insurer", "--secondary", second, "--as", patient)
    assert (told["insurer"], told["secondary_insurer"]) == ("insurer", second)
    town.ok("patient", "consent", clinic, "--limit", 100, "--as", patient)
    for insurer in ("insurer", second):
        town.ok("insurer", "enrol", patient, "--plan", 1, "--as", insurer)
    town.attest(clinic, patient, f"{clinic}-shared")
    assert town.settle(clinic)[0]["outcome"] == "settled"
    assert town.ok("patient", "balance", "--as", patient)["balance"] == "100.00"
    assert town.ok("insurer", "balance", "--as", second)["balance"] == "975.00"
    claim = f"{town.session().book.get(clinic).provider_id}:1"
    town.ok("insurer", "dispute", claim, "--as", second)
    back = town.ok("provider", "concede", claim, "--as", clinic)["taken_back"]
    assert (back["to_insurer"], back["to_secondary_insurer"]) == ("75.00", "25.00")
    assert town.ok("insurer", "balance", "--as", second)["balance"] == "1000.00"
    again = town.ok("patient", "accept-payer", "insurer", "--as", patient)
    assert (again["secondary_insurer"], again["changed"]) == (second, False), "nobody said it was to go"
    swapped = town("patient", "accept-payer", second, "--as", patient)
    assert (swapped.code, "--no-secondary" in swapped.err) == (2, True)
    town.ok("devnet", "advance", "6h")
    alone = town.ok("patient", "accept-payer", "insurer", "--no-secondary", "--as", patient)
    assert (alone["secondary_insurer"], alone["changed"]) == (None, True)
    shown = town.ok("patient", "accept-payer", "--as", patient)
    assert (shown["insurer"], shown["secondary_insurer"]) == ("insurer", second)
    assert shown["announced"]["effective_at"] == alone["effective_at"]
    assert shown["announced"]["secondary_insurer"] is None
    assert "Announced: insurer. It holds from" in town("patient", "accept-payer", "--as", patient).out


def test_accept_payer__nobody_or_twice_the_same__is_told_apart(town: Town, member: str) -> None:
    assert town("patient", "accept-payer", "--secondary", "insurer", "--as", member).code == 2
    assert town("patient", "accept-payer", "--no-secondary", "--as", member).code == 2
    assert town("patient", "accept-payer", "insurer", "--secondary", "insurer", "--as", member).code == 2
    assert town.ok("patient", "accept-payer", "--nobody", "--as", member)["changed"] is False
