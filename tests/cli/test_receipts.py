"""``oracle take --receipts`` and ``provider take-receipts``: a provider elsewhere hears what became of its
events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.far_clinic import export, ready
from tests.support.roles import Town
from tests.support.separate_parties import Party

from chainbill.cli.shell.next_steps import after_refusal_elsewhere
from chainbill.oracle.api import RefusalReason

BEFORE_THE_ORACLE = {
    RefusalReason.PAYER_NOT_ACCEPTED,
    RefusalReason.NO_SCHEDULE,
    RefusalReason.NO_CASH_SCHEDULE,
    RefusalReason.UNKNOWN_PATIENT,
}
"""Why a provider does not even offer an event."""


def take(town: Town, far_clinic: Party, name: str) -> tuple[Any, Path]:
    """Hand over what the far clinic has attested; what the oracle tells, and its receipts."""
    receipts = far_clinic.folder / f"{name}.sealed"
    ran = town("oracle", "take", export(far_clinic)["file"], "--receipts", receipts, "--json")
    return ran.facts, receipts


def listed(far_clinic: Party) -> list[tuple[str, str, str]]:
    """How the far clinic's worklist has what was attested, why, and who has it."""
    events = far_clinic.ok("provider", "worklist")["at_oracle"]
    return [(each["status"], each["reason"], each["custody"]) for each in events]


def test_receipts__refused_taken_and_settled__are_shown_by_the_newest_word_alone(
    town: Town, far_clinic: Party
) -> None:
    provider_id = ready(town, far_clinic, "heard-of", "heard-visit")
    (before,) = far_clinic.ok("provider", "worklist")["at_oracle"]
    assert (before["status"], before["custody"]) == ("accepted", "provider")
    assert before["what_to_do"].startswith("chainbill provider export FILE --to ORACLE")

    town.ok("governor", "suspend", provider_id)
    told, first = take(town, far_clinic, "first")
    assert ([each["reason"] for each in told["refused"]], told["receipts"]) == (["provider_not_active"], 1)
    assert b"provider_not_active" not in first.read_bytes()
    taken = far_clinic.ok("provider", "take-receipts", first)
    assert (taken["accepted"], taken["refused"], taken["new"]) == (0, 1, 1)
    assert taken["signed_by"] in {town.session().book.get(f"oracle-{n}").address for n in (1, 2, 3)}
    refused = far_clinic.ok("provider", "worklist")["at_oracle"]
    assert [(each["status"], each["reason"]) for each in refused] == [("refused", "provider_not_active")]
    assert "may not attest for provider" in refused[0]["message"]
    assert "chainbill governor reinstate" in refused[0]["what_to_do"]
    shown = far_clinic("provider", "worklist")
    assert "refused" in shown.out
    assert "provider not active" in shown.out
    assert "note: refused: 1: " in shown.err

    # The same once more changes nothing.
    assert far_clinic.ok("provider", "take-receipts", first)["new"] == 0
    assert far_clinic.ok("provider", "worklist")["at_oracle"] == refused

    town.ok("governor", "reinstate", provider_id)
    told, second = take(town, far_clinic, "second")
    assert (told["taken"], told["refused"]) == (1, [])
    assert far_clinic.ok("provider", "take-receipts", second)["new"] == 1
    assert listed(far_clinic) == [("accepted", "none", "oracle")]
    assert far_clinic.ok("provider", "take-receipts", first)["new"] == 0
    assert listed(far_clinic) == [("accepted", "none", "oracle")]

    (row,) = town.settle("far-clinic")
    assert row["outcome"] == "settled"
    assert listed(far_clinic) == []


def test_receipts__of_what_settled_meanwhile__are_not_shown(town: Town, far_clinic: Party) -> None:
    provider_id = ready(town, far_clinic, "overtaken", "overtaken-visit")
    town.ok("governor", "suspend", provider_id)
    _, refusals = take(town, far_clinic, "refusals")
    town.ok("governor", "reinstate", provider_id)
    town.ok("oracle", "take", export(far_clinic)["file"])
    town.settle("far-clinic")
    assert far_clinic.ok("provider", "take-receipts", refusals)["refused"] == 1
    assert listed(far_clinic) == []


def test_receipts__once_it_was_pended__say_why_and_what_to_do(town: Town, far_clinic: Party) -> None:
    ready(town, far_clinic, "unasked", "unasked-visit", consents=False)
    told, _ = take(town, far_clinic, "at-first")
    assert told["taken"] == 1
    town.settle("far-clinic")
    told, receipts = take(town, far_clinic, "later")
    assert told["known"] == 1
    far_clinic.ok("provider", "take-receipts", receipts)
    (event,) = far_clinic.ok("provider", "worklist")["at_oracle"]
    assert (event["status"], event["reason"]) == ("pended", "no_consent")
    assert event["what_to_do"] == "chainbill patient consent far-clinic --limit AMOUNT --as unasked"


def test_receipts__of_what_was_taken_back_since__are_not_shown(town: Town, far_clinic: Party) -> None:
    provider_id = ready(town, far_clinic, "dropped", "dropped-visit")
    town.ok("governor", "suspend", provider_id)
    _, refusals = take(town, far_clinic, "refusals")
    far_clinic.ok("provider", "recall", "Encounter/dropped-visit", "--drop")
    far_clinic.ok("provider", "take-receipts", refusals)
    assert listed(far_clinic) == []


def test_take__receipts_file_that_is_there__takes_nothing_and_leaves_it(
    town: Town, far_clinic: Party
) -> None:
    ready(town, far_clinic, "careful", "careful-visit")
    file, letter = export(far_clinic)["file"], far_clinic.folder / "letter"
    letter.write_text("a letter")
    assert "exists already" in town("oracle", "take", file, "--receipts", letter).error
    assert letter.read_text() == "a letter"
    assert town.ok("oracle", "take", file, "--receipts", letter, "--force")["taken"] == 1
    assert letter.read_bytes().startswith(b'{"chainbill":"intake receipts"')


def test_take__receipts_of_a_file_without_events__are_not_written(town: Town, far_clinic: Party) -> None:
    told, receipts = take(town, far_clinic, "of-nothing")
    assert (told["receipts"], receipts.exists()) == (0, False)
    ran = town("oracle", "take", export(far_clinic)["file"], "--receipts", receipts)
    assert "there is no event in" in ran.err


def test_take__provider_s_vault_key_is_not_known__takes_nothing_and_says_so(
    town: Town, far_clinic: Party
) -> None:
    ready(town, far_clinic, "cardless", "cardless-visit")
    town.ok("contacts", "remove", "far-clinic")
    file = export(far_clinic)["file"]
    ran = town("oracle", "take", file, "--receipts", far_clinic.folder / "receipts")
    assert "the address book has no vault key" in ran.error
    town.ok("contacts", "import", far_clinic.folder / "card")
    assert town.ok("oracle", "take", file)["taken"] == 1


def test_take__no_node_s_key_is_here__signs_no_receipts(town: Town, far_clinic: Party) -> None:
    ran = far_clinic("oracle", "take", export(far_clinic)["file"], "--receipts", "receipts")
    assert "receipts are signed by a node of the quorum, and the key of none is here" in ran.error
    assert "--receipts" in ran.err


def test_what_to_do__whatever_an_oracle_refuses__is_said() -> None:
    without = {reason for reason in RefusalReason if not after_refusal_elsewhere(reason)}
    assert without == BEFORE_THE_ORACLE
