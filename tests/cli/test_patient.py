"""``chainbill patient``: create, fund, accept-payer, consent, revoke, statement, balance, withdraw."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.support.roles import PATIENT_SHARE, PLAN_SHARE, Town

from chainbill.cli import cli
from chainbill.cli.shell.failures import run
from chainbill.state import keystores
from chainbill.state.address_book import Role
from chainbill.statements.patient_period import only_period
from chainbill.statements.period import Period

DAY = 86_400


# ---- create, fund -------------------------------------------------------------------------------------


def test_create__new_name__makes_an_account_with_money_to_spend(town: Town) -> None:
    told = town.ok("patient", "create", "rich")
    assert (told["created"], told["minted"], told["outside"]) == (True, "10000.00", "10000.00")


def test_fund__own_dollars__become_the_wallets(town: Town) -> None:
    town.ok("patient", "create", "saver")
    told = town.ok("patient", "fund", "$1,250.50", "--as", "saver")
    assert (told["balance"], told["outside"]) == ("1250.50", "8749.50")
    assert town.ok("patient", "fund", 1, "--as", "saver")["balance"] == "1251.50"


def test_fund__more_than_there_is__says_how_to_get_more(town: Town) -> None:
    town.ok("patient", "create", "short", "--mint", 5)
    error = town("patient", "fund", 6, "--as", "short").error
    assert "the account holds $5.00, less than $6.00" in error
    assert "chainbill patient create short --mint AMOUNT" in error


@pytest.mark.parametrize(
    "amount, message", [("-5", "-5 is below zero"), ("five", "not an amount of dollars")]
)
def test_fund__not_an_amount__is_wrong_usage(town: Town, amount: str, message: str) -> None:
    ran = town("patient", "fund", amount)
    assert ran.code == 2
    assert message in ran.err


def test_fund__finer_than_the_token__is_wrong_usage(town: Town) -> None:
    ran = town("patient", "fund", "0.0000001")
    assert ran.code == 2
    assert "finer than a millionth of a dollar" in ran.err


def test_fund__no_such_account__says_who_is_known(town: Town) -> None:
    error = town("patient", "fund", 1, "--as", "nobody").error
    assert "there is no patient named 'nobody'" in error
    assert "known here: " in error


# ---- payer --------------------------------------------------------------------------------------------


def test_accept_payer__first_again_and_another__says_what_holds_since_when(town: Town) -> None:
    town.ok("insurer", "create", "second-insurer", "--mint", 0)
    town.ok("patient", "create", "mover")
    told = town.ok("patient", "accept-payer", "insurer", "--as", "mover")
    assert (told["insurer"], told["changed"]) == ("insurer", True)
    again = town("patient", "accept-payer", "insurer", "--as", "mover").out
    assert again == "mover has accepted insurer as its payer already.\n"
    soon = town("patient", "accept-payer", "second-insurer", "--as", "mover").error
    assert "an earlier change took effect at 2024-" in soon
    assert "chainbill devnet advance 6h" in soon
    town.ok("devnet", "advance", "6h")
    other = town("patient", "accept-payer", "second-insurer", "--as", "mover").out
    assert "mover has accepted second-insurer as its payer. It holds from 2024-" in other
    assert "chainbill insurer enrol mover --plan ID" in other
    assert town.ok("patient", "balance", "--as", "mover")["insurer"] == "insurer"


def test_accept_payer__insurer_without_a_contract__says_what_to_do(town: Town) -> None:
    session = town.session()
    session.ensure_account("paperless", Role.INSURER)
    error = town("patient", "accept-payer", "paperless").error
    assert "paperless has no payer contract on this chain" in error
    assert "chainbill insurer create paperless" in error


# ---- consent ------------------------------------------------------------------------------------------


def test_consent__for_or_until__lasts_that_long(town: Town, clinic: str) -> None:
    town.ok("patient", "create", "exact")
    until = town.ok("patient", "consent", clinic, "--limit", 1, "--until", "2031-01-01", "--as", "exact")
    assert until["expires_at"] == 1_924_992_000
    town.ok("patient", "create", "brief")
    short = town.ok("patient", "consent", clinic, "--limit", 1, "--for", "2w", "--as", "brief")
    assert 0 <= town.session().now() + 14 * DAY - short["expires_at"] < 60


def test_consent__wider_and_narrower__says_which_is_announced(town: Town, clinic: str) -> None:
    town.ok("patient", "create", "wary")
    first = town("patient", "consent", clinic, "--limit", 100, "--as", "wary").out
    assert first.startswith(f"{clinic} may charge wary up to $100.00 per event until 2025-")
    assert "narrower" not in first
    assert "narrower than before" in town("patient", "consent", clinic, "--limit", 9, "--as", "wary").out
    (given,) = town.ok("patient", "balance", "--as", "wary")["consents"]
    assert (given["provider"], given["limit"], given["self_pay"]) == (clinic, "100.00", False)


def test_consent__wrong_arguments__are_wrong_usage(town: Town, clinic: str) -> None:
    for arguments, message in (
        (("--for", "1d"), "there is no consent to keep the limit of: give --limit AMOUNT"),
        (("--limit", "5000micro"), "a limit is in whole cents"),
        (("--limit", "88,00"), "write 88.00"),
        (("--limit", "lots"), "not an amount of dollars"),
        (("--limit", 1, "--for", "1d", "--until", "2031-01-01"), "either --for or --until"),
        (("--limit", 1, "--for", "soon"), "not a duration"),
        (("--limit", 1, "--until", "2020-01-01"), "not after the chain's time"),
        (("--limit", 1, "--for", "40000y"), "longer than a thousand years"),
    ):
        ran = town("patient", "consent", clinic, *arguments)
        assert (ran.code, message in ran.err) == (2, True), ran


def test_consent__provider_not_registered__says_what_to_do(town: Town) -> None:
    error = town("patient", "consent", "provider", "--limit", 1).error
    assert "provider is not registered on this chain" in error


def test_revoke__consent__ends_after_the_notice_and_once(town: Town, clinic: str) -> None:
    town.ok("patient", "create", "leaving")
    town.ok("patient", "consent", clinic, "--limit", 100, "--as", "leaving")
    told = town.ok("patient", "revoke", clinic, "--as", "leaving")
    assert 0 <= town.session().now() + DAY - told["expires_at"] < 60
    town.ok("devnet", "advance", "6h")
    again = town.ok("patient", "revoke", clinic, "--as", "leaving")
    assert (again["changed"], again["expires_at"]) == (False, told["expires_at"])
    town.ok("devnet", "advance", "18h")
    assert town.ok("patient", "balance", "--as", "leaving")["consents"] == []
    none = town("patient", "revoke", clinic, "--as", "leaving")
    assert (none.code, none.out) == (0, f"{clinic} has no consent.\n")


# ---- withdraw -----------------------------------------------------------------------------------------


def test_withdraw__announced_and_a_day_later_taken__reaches_the_account(town: Town) -> None:
    town.ok("patient", "create", "drawer", "--mint", 100)
    town.ok("patient", "fund", 100, "--as", "drawer")
    announced = town.ok("patient", "withdraw", 40, "--as", "drawer")["announced"]
    assert announced["amount"] == "40.00"
    assert announced["lapses_at"] == announced["available_at"] + 7 * DAY
    early = town("patient", "withdraw", "--take", "--as", "drawer").error
    assert "the withdrawal may be taken from 2024-03-" in early
    assert "chainbill devnet advance 1d" in early
    town.ok("devnet", "advance", "1d")
    taken = town.ok("patient", "withdraw", "--take", "--as", "drawer")
    assert (taken["withdrawn"], taken["balance"]) == ("40.00", "60.00")
    assert town.ok("patient", "balance", "--as", "drawer")["outside"] == "40.00"
    assert "no withdrawal is announced" in town("patient", "withdraw", "--take", "--as", "drawer").error


def test_withdraw__again_and_another_amount__says_what_stands(town: Town) -> None:
    town.ok("patient", "create", "patient-one", "--mint", 100)
    town.ok("patient", "fund", 100, "--as", "patient-one")
    town.ok("patient", "withdraw", 40, "--as", "patient-one")
    assert "That is announced already: $40.00" in town("patient", "withdraw", 40, "--as", "patient-one").out
    other = town("patient", "withdraw", 50, "--as", "patient-one").out
    assert "Announced, in place of the earlier announcement: $50.00" in other
    assert "chainbill patient withdraw --take --as patient-one" in other


def test_withdraw__care_since__leaves_less_of_it(town: Town, clinic: str) -> None:
    patient = town.patient("spender", clinic, fund=30)
    town.ok("patient", "withdraw", 30, "--as", patient)
    town.attest(clinic, patient, "meanwhile")
    town.settle(clinic)
    town.ok("devnet", "advance", "1d")
    ran = town("patient", "withdraw", "--take", "--as", patient)
    assert ran.out.startswith("$5.00 withdrawn")
    assert "claims since have left $5.00 of the $30.00" in ran.err


@pytest.mark.parametrize("arguments", [(), (5, "--take")])
def test_withdraw__neither_or_both__is_wrong_usage(town: Town, arguments: tuple[object, ...]) -> None:
    ran = town("patient", "withdraw", *arguments)
    assert ran.code == 2
    assert "give either an amount, to announce it, or --take" in ran.err


# ---- statement ----------------------------------------------------------------------------------------


def test_statement__after_settling__says_who_paid_what_in_words(town: Town, clinic: str) -> None:
    patient = town.patient("reader", clinic)
    town.attest(clinic, patient, "explained")
    town.settle(clinic)
    facts = town.ok("patient", "statement", "--as", patient)
    assert facts["totals"]["plan_paid"] == PLAN_SHARE
    assert facts["totals"]["copay"] == facts["totals"]["patient_responsibility"] == PATIENT_SHARE
    assert facts["wallet"]["balance"] == "475.00"
    (event,) = facts["events"]
    assert (event["outcome"], event["service"], event["service_date"]) == (
        "settled",
        "A check-up visit at your clinic",
        "2024-03-05",
    )
    assert town("patient", "statement", "--as", patient).out.startswith("YOUR EXPLANATION OF BENEFITS")
    text = town("patient", "statement", "--detail", "--as", patient).out
    assert "Did my insurance cover it? Yes, in part" in text


def test_statement__of_one_year__has_that_years_events_and_sums_alone(town: Town, clinic: str) -> None:
    patient = town.patient("two-years", clinic)
    town.ok("insurer", "enrol", patient, "--plan", 1, "--year", 2023)
    old = town.record("last-year", day="2023-12-30T10:00:00Z", price=60.0)
    town.ok("provider", "ingest", old, "--patient", patient, "--as", clinic)
    town.attest(clinic, patient, "this-year")
    town.settle(clinic)
    whole = town.ok("patient", "statement", "--as", patient)
    assert (whole["counts"]["settled"], whole["totals"]["billed"]) == (2, "160.00")
    for year, billed in ((2023, "60.00"), (2024, "100.00")):
        one = town.ok("patient", "statement", "--year", year, "--as", patient)
        assert (one["counts"]["settled"], one["totals"]["billed"]) == (1, billed)
        assert [each["benefit_year"] for each in one["benefit_years"]] == [year]
        assert one["wallet"] == whole["wallet"]
    empty = town.ok("patient", "statement", "--year", 2020, "--as", patient)
    assert (empty["counts"]["settled"], empty["events"], empty["totals"]["billed"]) == (0, [], "0.00")


def test_statement__of_one_year__sums_as_the_whole_does(town: Town, clinic: str) -> None:
    from chainbill.operations.actor import Actor
    from chainbill.operations.statements import patient_statement
    from chainbill.state.address_book import Role

    patient = town.patient("mixed", clinic, limit=20)
    town.attest(clinic, patient, "mixed-pended")
    town.settle(clinic)
    whole = patient_statement(Actor.named(town.session(), patient, Role.PATIENT))
    assert whole.counts.pended == {"over_consent_limit": 1}
    year = only_period(whole, Period.of_year(2024))
    assert (year.events, year.counts, year.totals) == (whole.events, whole.counts, whole.totals)


def test_statement__nothing_happened__is_a_statement_all_the_same(town: Town) -> None:
    town.ok("patient", "create", "untouched")
    facts = town.ok("patient", "statement", "--as", "untouched")
    assert (facts["events"], facts["wallet"]["balance"]) == ([], "0.00")


def test_balance__new_account__has_nothing_and_nobody(town: Town) -> None:
    town.ok("patient", "create", "blank")
    told = town.ok("patient", "balance", "--as", "blank")
    assert (told["balance"], told["insurer"], told["consents"], told["announced"]) == ("0.00", None, [], None)
    assert "none accepted" in town("patient", "balance", "--as", "blank").out


@pytest.mark.parametrize("passphrase, made", [("x", False), ("correct horse battery staple", True)])
def test_create__off_the_devnet__takes_no_weak_passphrase(
    module_town: Town,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    passphrase: str,
    made: bool,
) -> None:
    # The same node, named from a state directory that does not run it.
    url = module_town.session().rpc_url
    shutil.copytree(module_town.state.deployments, tmp_path / "deployments")
    tmp_path.chmod(0o700)
    monkeypatch.setenv("CHAINBILL_PASSPHRASE", passphrase)
    # What stretches a key that may hold money; the devnet's costs less.
    monkeypatch.setattr(keystores, "SCRYPT_N", 4)
    code = run(cli, ["--state-dir", str(tmp_path), "--rpc-url", url, "patient", "create", "maria"])
    told = capfd.readouterr()
    assert (tmp_path / "keystores" / "maria.json").exists() is made
    if made:
        assert code == 0, told
        keystore = json.loads((tmp_path / "keystores" / "maria.json").read_text())
        assert keystore["crypto"]["kdfparams"]["n"] == 4 != keystores.DEVNET_SCRYPT_N
    else:
        assert code == 1
        assert told.err.startswith("error: the passphrase is too short for a key that may hold money")
