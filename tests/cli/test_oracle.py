"""``chainbill oracle``: settle, status; and how events that were pended settle later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.fhir import record, report
from tests.support.roles import Town

from chainbill.billing.outcomes import CARC, Reason
from chainbill.cli.shell import next_steps
from chainbill.oracle.api import RefusalReason
from chainbill.oracle.store import OracleStore


def test_settle__what_was_attested__is_settled_once(town: Town, clinic: str) -> None:
    town.attest(clinic, town.patient("settled", clinic), "visit-1", "visit-2")
    told = town.ok("oracle", "settle")
    (batch,) = told["batches"]
    assert told["gas_used"] == batch["gas_used"] > 0
    rows = [row for row in batch["rows"] if row["provider"] == clinic]
    assert [(row["outcome"], row["reason"], row["what_to_do"]) for row in rows] == [
        ("settled", "none", "")
    ] * 2
    assert sum(told["counts"].values()) == len(batch["rows"])
    assert town.settle(clinic) == []


def test_settle__nothing_attested__says_so(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OracleStore, "open_attestations", lambda _: [])
    ran = town("oracle", "settle")
    assert (ran.code, ran.out) == (0, "Nothing waits to be settled.\n")
    assert town.ok("oracle", "settle")["batches"] == []


def test_settle__anyones_account__may_send(town: Town, clinic: str) -> None:
    town.attest(clinic, town.patient("sent-by-me", clinic), "visit-3")
    town.ok("oracle", "settle", "--as", clinic)
    assert town.settle(clinic) == []


def test_settle__for_a_person__is_a_table_with_the_transaction(town: Town, clinic: str) -> None:
    town.attest(clinic, town.patient("shown", clinic), "visit-4")
    out = town("oracle", "settle").out
    assert out.startswith("1 settled")
    assert "gas: 0x" in out


def test_settle__no_such_account__says_who_is_known(town: Town, clinic: str) -> None:
    town.attest(clinic, town.patient("unsent", clinic), "visit-5")
    assert "there is no account named 'nobody'" in town("oracle", "settle", "--as", "nobody").error
    assert [row["outcome"] for row in town.settle(clinic)] == ["settled"]


def test_settle__too_few_node_keys__says_how_many_are_needed(town: Town, clinic: str) -> None:
    town.attest(clinic, town.patient("keyless", clinic), "visit-6")
    hidden = {
        node: (town.state.keystores / f"{node}.json").rename(town.state.keystores / f"{node}.hidden")
        for node in ("oracle-2", "oracle-3")
    }
    try:
        error = town("oracle", "settle").error
    finally:
        for node, path in hidden.items():
            path.rename(town.state.keystores / f"{node}.json")
    assert "needs 2 signatures" in error
    assert [row["outcome"] for row in town.settle(clinic)] == ["settled"]


def test_settle__batch_dropped_by_a_reorganisation__says_so_and_settles_it_again(
    town: Town, clinic: str
) -> None:
    town.attest(clinic, town.patient("dropped", clinic), "visit-7", "visit-8")
    (before,) = town.ok("oracle", "settle")["batches"]
    town.session().protocol.w3.provider.make_request("anvil_reorg", [1, []])  # type: ignore[arg-type]

    assert "events whose batch it dropped: 2" in town("oracle", "status").err
    assert town.ok("oracle", "status")["dropped"] == 2
    settled = town.ok("oracle", "settle")
    assert settled["reopened"] == 2
    (again,) = settled["batches"]
    assert [row["outcome"] for row in again["rows"]] == ["settled", "settled"]
    assert again["transaction"] != before["transaction"]
    assert town.ok("oracle", "status")["dropped"] == 0
    assert town.ok("audit", "verify")["discrepancies"] == []


# ---- pended, and settled later ------------------------------------------------------------------------


def _no_consent(town: Town, clinic: str, name: str) -> str:
    return town.patient(name)


def _low_limit(town: Town, clinic: str, name: str) -> str:
    return town.patient(name, clinic, limit=5)


def _unfunded(town: Town, clinic: str, name: str) -> str:
    return town.patient(name, clinic, fund=0)


def _not_enrolled(town: Town, clinic: str, name: str) -> str:
    town.ok("patient", "create", name)
    town.ok("patient", "fund", 100, "--as", name)
    town.ok("patient", "accept-payer", "insurer", "--as", name)
    town.ok("patient", "consent", clinic, "--limit", 100, "--as", name)
    return name


@pytest.mark.parametrize(
    "reason, arrange, amounts",
    [
        ("no_consent", _no_consent, {"AMOUNT": "100"}),
        ("over_consent_limit", _low_limit, {"MORE": "100"}),
        ("patient_unfunded", _unfunded, {"AMOUNT": "100"}),
        ("no_terms_in_force", _not_enrolled, {"ID": "1"}),
    ],
)
def test_settle__pended__says_what_to_type_and_that_lets_it_settle(
    town: Town, clinic: str, reason: str, arrange: Callable[[Town, str, str], str], amounts: dict[str, str]
) -> None:
    patient = arrange(town, clinic, f"was-{reason.replace('_', '-')}")
    town.attest(clinic, patient, f"pends-{reason.replace('_', '-')}")
    (pended,) = town.settle(clinic)
    assert (pended["outcome"], pended["reason"]) == ("pended", reason)
    assert (_waits(town, clinic)["status"], _waits(town, clinic)["reason"]) == ("pended", reason)
    _type(town, pended["what_to_do"], amounts)
    (settled,) = town.settle(clinic)
    assert (settled["outcome"], settled["sequence"]) == ("settled", pended["sequence"])


def test_settle__provider_not_accepted__pends_until_it_is(town: Town) -> None:
    name = f"stranger-{town.session().protocol.registry.provider_count() + 1}"
    town.ok("provider", "register", name)
    town.attest(name, town.patient("of-stranger", name), "of-a-stranger")
    (pended,) = town.settle(name)
    assert pended["reason"] == "provider_not_accepted"
    _type(town, pended["what_to_do"], {})
    assert town.settle(name)[0]["outcome"] == "settled"


def test_settle__payer_unfunded__pends_until_it_is(town: Town, clinic: str) -> None:
    insurer, folder = "penniless", town.state.root.parent
    town.ok("insurer", "create", insurer)
    town.ok("insurer", "plan", folder / "plan.toml", "--as", insurer)
    town.ok("insurer", "fees", folder / "fees.toml", "--as", insurer)
    town.ok("insurer", "accept-provider", clinic, "--as", insurer)
    town.ok("patient", "create", "of-penniless")
    town.ok("patient", "fund", 100, "--as", "of-penniless")
    town.ok("patient", "accept-payer", insurer, "--as", "of-penniless")
    town.ok("patient", "consent", clinic, "--limit", 100, "--as", "of-penniless")
    town.ok("insurer", "enrol", "of-penniless", "--plan", 1, "--as", insurer)
    town.attest(clinic, "of-penniless", "unpaid-by-plan")
    (pended,) = town.settle(clinic)
    assert pended["reason"] == "payer_unfunded"
    _type(town, pended["what_to_do"], {"AMOUNT": "75"})
    assert town.settle(clinic)[0]["outcome"] == "settled"


def test_settle__payer_changed_since__pends_and_names_the_one_attested(town: Town, clinic: str) -> None:
    town.ok("insurer", "create", "newer")
    patient = town.patient("switcher", clinic)
    town.attest(clinic, patient, "before-the-switch")
    town.ok("devnet", "advance", "6h")
    town.ok("patient", "accept-payer", "newer", "--as", patient)
    town.ok("devnet", "advance", "1d")
    (pended,) = town.settle(clinic)
    assert (pended["reason"], pended["insurer"]) == ("payer_not_accepted", "insurer")
    assert pended["what_to_do"] == f"chainbill patient accept-payer insurer --as {patient}"
    town.ok("devnet", "advance", "6h")
    town.ok("patient", "accept-payer", "insurer", "--as", patient)
    town.ok("devnet", "advance", "1d")
    assert town.settle(clinic)[0]["outcome"] == "settled"


def test_settle__denied__is_final(town: Town, clinic: str) -> None:
    patient = town.patient("denied", clinic)
    test = town.file("lab.json", record(report()))
    town.ok("provider", "ingest", test, "--patient", patient, "--as", clinic)
    town.ok("provider", "attest", "--as", clinic)
    (denied,) = town.settle(clinic)
    assert (denied["outcome"], denied["reason"]) == ("denied", "not_covered")
    assert town.settle(clinic) == []


def test_settle__year_that_is_closed__has_no_advice_to_enrol(town: Town, clinic: str) -> None:
    patient = town.patient("too-late", clinic)
    visit = town.record("long-ago", day="2022-06-01T10:00:00Z")
    town.ok("provider", "ingest", visit, "--patient", patient, "--as", clinic)
    town.ok("provider", "attest", "--as", clinic)
    (row,) = town.settle(clinic)
    assert row["outcome"] in ("pended", "denied")
    assert "enrol" not in row["what_to_do"].split()


def test_settle__one_bad_entry__stops_no_other(town: Town, clinic: str) -> None:
    town.attest(clinic, town.patient("blocked"), "bad-one")
    town.attest(clinic, town.patient("free", clinic), "good-one")
    first, second = town.settle(clinic)
    assert (first["outcome"], second["outcome"]) == ("pended", "settled")


def test_settle__paused__is_an_error_and_nothing_is_lost(town: Town, clinic: str) -> None:
    town.attest(clinic, town.patient("paused", clinic), "while-paused")
    session = town.session()
    session.protocol.settlement.pause(session.sender("governor"))
    try:
        assert "EnforcedPause" in town("oracle", "settle").error
    finally:
        session.protocol.settlement.unpause(session.sender("governor"))
    assert town.settle(clinic)[0]["outcome"] == "settled"


# ---- status, and the words -----------------------------------------------------------------------------


def test_status__after_some__counts_and_lists_what_waits(town: Town, clinic: str) -> None:
    town.attest(clinic, town.patient("waits", clinic), "waiting-visit")
    before = town.ok("oracle", "status")
    assert before["counts"]["accepted"] == 1
    assert _waits(town, clinic)["what_to_do"] == ""
    assert "chainbill oracle settle" in town("oracle", "status").out
    town.settle(clinic)
    after = town.ok("oracle", "status")
    assert after["counts"]["settled"] == before["counts"]["settled"] + 1


def test_next_steps__every_reason_that_is_not_final__has_one() -> None:
    final = {Reason.NONE, Reason.SEQUENCE_SPENT, *CARC}
    assert set(next_steps._AFTER_PENDING) == set(Reason) - final


def test_next_steps__every_refusal_of_a_sound_attestation__has_one() -> None:
    ours_to_fix = {
        RefusalReason.BAD_SIGNATURE,
        RefusalReason.COMMITMENT_MISMATCH,
        RefusalReason.RECORD_MISMATCH,
        RefusalReason.DUPLICATE_RECORD,
        RefusalReason.UNKNOWN_PAYER,
    }
    assert set(next_steps._AFTER_REFUSAL) == set(RefusalReason) - ours_to_fix


def _waits(town: Town, clinic: str) -> Any:
    (item,) = [item for item in town.ok("oracle", "status")["waiting"] if item["provider"] == clinic]
    return item


def _type(town: Town, advice: str, amounts: dict[str, str]) -> None:
    """Do what a user is told to, with amounts in place of the words for them."""
    program, *words = advice.split()
    assert program == "chainbill", advice
    words = words[: words.index("(enrolled")] if "(enrolled" in words else words
    town.ok(*(amounts.get(word, word) for word in words))
