"""``chainbill insurer hand-over`` and ``take-over``: a payer contract becomes another account's."""

from __future__ import annotations

import pytest
from tests.support.roles import PLAN, Town

from chainbill.attestation.address import ZERO_ADDRESS


@pytest.fixture
def insurer(bare_town: Town) -> str:
    """An insurer of this test's own, with 100 dollars in its pool."""
    name = f"insurer-{bare_town.session().protocol.payers.payer_count() + 1}"
    bare_town.ok("insurer", "create", name)
    bare_town.ok("insurer", "fund", 100, "--as", name)
    return name


def test_hand_over__taken_over__is_the_other_account_s(bare_town: Town, insurer: str) -> None:
    town, other = bare_town, f"{insurer}-bank"
    told = town.ok("insurer", "hand-over", other, "--new", "--as", insurer)
    payer_id = told["payer_id"]
    assert (told["changed"], told["offered_to"]) == (True, town.session().book.get(other).address)
    again = town("insurer", "hand-over", other, "--as", insurer).out
    assert "is already offered to" in again
    assert f"chainbill insurer take-over {payer_id} --as {other}" in again
    # Until then the one before acts.
    town.ok("insurer", "plan", town.file("plan.toml", PLAN), "--as", insurer)
    assert town.ok("insurer", "balance", "--as", insurer)["offered_to"] == told["offered_to"]

    taken = town.ok("insurer", "take-over", payer_id, "--as", other)
    assert (taken["changed"], taken["payer_id"]) == (True, payer_id)
    assert town.ok("insurer", "take-over", payer_id, "--as", other)["changed"] is False
    balance = town.ok("insurer", "balance", "--as", other)
    assert (balance["payer_id"], balance["balance"], balance["offered_to"]) == (payer_id, "100.00", None)
    assert town.ok("insurer", "withdraw", 40, "--as", other)["announced"]["amount"] == "40.00"
    assert "has no payer contract" in town("insurer", "balance", "--as", insurer).error


def test_hand_over__called_off__cannot_be_taken_over(bare_town: Town, insurer: str) -> None:
    town, other = bare_town, f"{insurer}-bank"
    payer_id = town.ok("insurer", "hand-over", other, "--new", "--as", insurer)["payer_id"]
    assert town.ok("insurer", "hand-over", "--cancel", "--as", insurer)["offered_to"] is None
    assert "is offered to nobody" in town("insurer", "hand-over", "--cancel", "--as", insurer).error
    error = town("insurer", "take-over", payer_id, "--as", other).error
    assert f"payer {payer_id} is not offered to {other}" in error
    assert f"its insurer offers it: chainbill insurer hand-over {other}" in error


def test_hand_over__to_whom_it_cannot_be__is_refused(bare_town: Town, insurer: str) -> None:
    def refusal(*arguments: object) -> str:
        return bare_town("insurer", "hand-over", *arguments, "--as", insurer).error

    bare_town.ok("insurer", "create", "has-one")
    assert "the zero address is nobody's" in refusal(ZERO_ADDRESS)
    assert "is not an address" in refusal("0x12")
    assert f"is {insurer}'s own already" in refusal(insurer)
    assert "has-one has payer" in refusal("has-one")
    assert "no insurer named 'patient'" in refusal("patient")
    ran = bare_town("insurer", "hand-over", "--as", insurer)
    assert (ran.code, "or --cancel" in ran.err) == (2, True)
