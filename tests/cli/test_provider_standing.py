"""``chainbill provider``: cash prices and self-pay, keys, payout address, bond and advances."""

from __future__ import annotations

from tests.support.roles import Town

from chainbill.cli.shell.output import show_time
from chainbill.records.catalogue import Catalogue
from chainbill.records.service_id import LEAST_DECOYS

DAY = 86_400

PRICES = """
[prices]
check-up-visit = "80.00"
"""


def settled_visit(town: Town, clinic: str, visit: str) -> None:
    """A visit of a new patient, settled: $100 of credit."""
    town.attest(clinic, town.patient(f"p-{visit}", clinic), visit)
    assert town.settle(clinic)[0]["outcome"] == "settled"


# ---- cash prices, self-pay ----------------------------------------------------------------------------


def test_prices__from_a_file__are_published_once_and_changed_after_a_day(town: Town, clinic: str) -> None:
    told = town.ok("provider", "prices", town.file("prices.toml", PRICES), "--as", clinic)
    assert (told["published"], told["transactions"]) == (["check-up-visit"], 1)
    again = town.ok("provider", "prices", town.file("prices.toml", PRICES), "--as", clinic)
    assert (again["published"], again["unchanged"], again["transactions"]) == ([], 1, 0)
    dearer = town.file("dearer.toml", PRICES.replace("80", "90"))
    assert town.ok("provider", "prices", dearer, "--as", clinic)["published"] == ["check-up-visit"]
    other = town.file("other.toml", PRICES.replace("80", "70"))
    assert town.ok("provider", "prices", other, "--as", clinic)["announced"] == ["check-up-visit"]


def test_prices__from_the_catalogue__when_asked_for(town: Town, clinic: str) -> None:
    told = town.ok("provider", "prices", "--from-catalogue", "--as", clinic)
    assert told["published"] == sorted(Catalogue.load().entries)
    assert told["transactions"] > 1


def test_prices__without_a_file__show_and_publish_nothing(town: Town, clinic: str) -> None:
    block = town.session().protocol.w3.eth.block_number
    assert town.ok("provider", "prices", "--as", clinic)["prices"] == []
    assert "chainbill provider prices FILE --as" in town("provider", "prices", "--as", clinic).out
    assert town.session().protocol.w3.eth.block_number == block
    told = town.ok("provider", "prices", town.file("prices.toml", PRICES), "--as", clinic)
    assert told["effective_at"]["check-up-visit"] <= town.session().now()
    dearer = town.file("dearer.toml", PRICES.replace("80", "90"))
    later = town("provider", "prices", dearer, "--as", clinic)
    (shown,) = town.ok("provider", "prices", "--as", clinic)["prices"]
    assert (shown["service"], shown["price"], shown["announced"]) == ("check-up-visit", "80.00", "90.00")
    assert f"It holds from {show_time(shown['effective_at'])}" in later.out
    assert "$90.00 holds from" in town("provider", "prices", "--as", clinic).out
    town.ok("devnet", "advance", "1d")
    (shown,) = town.ok("provider", "prices", "--as", clinic)["prices"]
    assert (shown["price"], shown["announced"], shown["effective_at"]) == ("90.00", None, None)


def test_prices__published__have_decoys_that_change_with_them(town: Town, clinic: str) -> None:
    told = town.ok("provider", "prices", town.file("prices.toml", PRICES), "--as", clinic)
    session = town.session()
    ids = set(session.cash_prices.load(told["provider_id"]).ids_of("check-up-visit"))
    logs = session.protocol.registry.logged("CashPricePublished", providerId=told["provider_id"])
    assert {log["serviceId"] for log in logs} == ids
    assert len({log["amount"] for log in logs}) == 1
    assert len(ids) > LEAST_DECOYS


def test_prices__file_and_catalogue__is_wrong_usage(town: Town) -> None:
    assert town("provider", "prices", "prices.toml", "--from-catalogue").code == 2
    assert town("provider", "prices", "--catalogue", "own.toml").code == 2


def test_prices__not_a_price_file__says_where(town: Town, clinic: str) -> None:
    for content, message in (
        ("[fees]\n", "this is a fee file; what is read here is a price file"),
        ("[others]\n", "one table, [prices]"),
        ("[prices]\ncheck-up-visit = 80\n", "in quotes"),
        ('[prices]\ncheck-up-visit = "0.001"\n', "whole cents"),
        ('[prices]\nnothing = "1"\n', "no such service"),
    ):
        assert message in town("provider", "prices", town.file("bad.toml", content), "--as", clinic).error


def test_self_pay__patient_without_an_insurer__pays_the_cash_price(town: Town, clinic: str) -> None:
    patient = f"cash-{clinic}"
    town.ok("patient", "create", patient)
    town.ok("patient", "fund", 200, "--as", patient)
    town.ok("patient", "consent", clinic, "--limit", 200, "--as", patient)
    town.ok("provider", "ingest", town.record("cash"), "--patient", patient, "--as", clinic)
    refused = town("provider", "attest", "--self-pay", "--as", clinic, "--json")
    assert (refused.code, refused.facts["refused"][0]["reason"]) == (1, "no_cash_schedule")
    town.ok("provider", "prices", town.file("prices.toml", PRICES), "--as", clinic)
    (row,) = town.ok("provider", "attest", "Encounter/cash", "--self-pay", "--as", clinic)["attested"]
    assert row["self_pay"] is True
    (settled,) = town.settle(clinic)
    assert (settled["outcome"], settled["insurer"], settled["self_pay"]) == ("settled", None, True)
    assert town.ok("patient", "balance", "--as", patient)["balance"] == "120.00"


def test_self_pay__insured_patient__needs_a_consent_that_says_so(town: Town, clinic: str) -> None:
    patient = town.patient(f"insured-{clinic}", clinic)
    town.ok("provider", "prices", town.file("prices.toml", PRICES), "--as", clinic)
    town.ok("provider", "ingest", town.record("outside"), "--patient", patient, "--as", clinic)
    town.ok("provider", "attest", "--self-pay", "--as", clinic)
    (pended,) = town.settle(clinic)
    advice = f"chainbill patient consent {clinic} --limit AMOUNT --self-pay --as {patient}"
    assert (pended["outcome"], pended["what_to_do"]) == ("pended", advice)
    town.ok("patient", "consent", clinic, "--limit", 200, "--for", "2y", "--self-pay", "--as", patient)
    assert town.settle(clinic)[0]["outcome"] == "settled"


def test_attest__record_that_is_not_waiting__says_so(town: Town, clinic: str) -> None:
    assert "not on the worklist" in town("provider", "attest", "Encounter/none", "--as", clinic).error


# ---- keys ---------------------------------------------------------------------------------------------


def test_keys__added_rotated_and_revoked__sign_or_do_not(town: Town, clinic: str) -> None:
    town.ok("provider", "keys", "add", f"{clinic}-night", "--new", "--as", clinic)
    patient = town.patient(f"of-{clinic}", clinic)
    town.ok("provider", "ingest", town.record("by-night"), "--patient", patient, "--as", clinic)
    town.ok("provider", "attest", "--key", f"{clinic}-night", "--as", clinic)
    assert town.settle(clinic)[0]["outcome"] == "settled"
    town.ok("provider", "keys", "rotate", f"{clinic}-night", f"{clinic}-day", "--new", "--as", clinic)
    error = town("provider", "attest", "--key", f"{clinic}-night", "--as", clinic).error
    assert f"chainbill provider keys add {clinic}-night" in error
    town.ok("provider", "keys", "revoke", f"{clinic}-day", "--as", clinic)
    keys = town.ok("provider", "keys", "list", "--as", clinic)["keys"]
    assert {key["key"]: key["may_sign"] for key in keys} == {
        clinic: True,
        f"{clinic}-night": False,
        f"{clinic}-day": False,
    }
    assert "revoked" in town("provider", "keys", "list", "--as", clinic).out


def test_keys__of_an_address__need_no_keystore(town: Town, clinic: str) -> None:
    address = "0x" + "a1" * 20
    town.ok("provider", "keys", "add", address, "--as", clinic)
    again = town("provider", "keys", "add", address, "--as", clinic).out
    assert f"may sign for {clinic} already. It holds from" in again


# ---- payout address -----------------------------------------------------------------------------------


def test_payout_address__changed__acts_and_is_paid_after_two_days(town: Town, clinic: str) -> None:
    bank = f"{clinic}-bank"
    told = town.ok("provider", "payout-address", "change", bank, "--new", "--as", clinic)
    assert told["announced"] == town.session().book.get(bank).address
    settled_visit(town, clinic, f"{clinic}-before")
    town.ok("devnet", "advance", "9d")
    assert (
        town.ok("provider", "payout-address", "show", "--as", clinic)["payout_address"] == told["announced"]
    )
    town.ok("provider", "withdraw", "--as", clinic)
    assert town.session().protocol.token.balance_of(told["announced"]) == 100_000_000
    town.ok("provider", "keys", "add", f"{clinic}-new", "--new", "--as", clinic)


def test_payout_address__change_called_off__stays(town: Town, clinic: str) -> None:
    town.ok("provider", "payout-address", "change", "0x" + "b2" * 20, "--as", clinic)
    assert "From " in town("provider", "payout-address", "show", "--as", clinic).out
    town.ok("provider", "payout-address", "cancel", "--as", clinic)
    assert town.ok("provider", "payout-address", "show", "--as", clinic)["announced"] is None
    assert "NoPayoutAddressAnnounced" in town("provider", "payout-address", "cancel", "--as", clinic).error


def test_payout_address__whose_keystore_is_elsewhere__alone_may_act(town: Town, clinic: str) -> None:
    town.ok("provider", "payout-address", "change", "0x" + "b3" * 20, "--as", clinic)
    town.ok("devnet", "advance", "2d")
    error = town("provider", "advance", 1, "--as", clinic).error
    assert "its keystore is not here" in error


# ---- bond ---------------------------------------------------------------------------------------------


def test_bond__lets_maturing_credit_out__and_is_taken_back_when_all_is_over(town: Town, clinic: str) -> None:
    settled_visit(town, clinic, f"{clinic}-first")
    town.ok("devnet", "advance", "9d")
    town.ok("provider", "withdraw", "--as", clinic)
    assert town.ok("provider", "bond", "deposit", 60, "--as", clinic)["bond"] == "60.00"
    settled_visit(town, clinic, f"{clinic}-second")
    told = town.ok("provider", "advance", 50, "--as", clinic)
    assert (told["advanced"], told["outstanding"]) == ("50.00", "50.00")
    assert "AdvanceTooLarge" in town("provider", "advance", 20, "--as", clinic).error
    assert "BondInUse" in town("provider", "bond", "withdraw", "--as", clinic).error
    balance = town.ok("provider", "balance", "--as", clinic)
    assert (balance["bond"], balance["advanced"], balance["maturing"]) == ("60.00", "50.00", "100.00")
    town.ok("devnet", "advance", "9d")
    assert town.ok("provider", "bond", "withdraw", "--as", clinic)["withdrawn"] == "60.00"
    assert town.ok("provider", "withdraw", "--as", clinic)["withdrawn"] == "50.00"
