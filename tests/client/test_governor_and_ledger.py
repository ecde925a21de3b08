"""The client's Governor, Auditor and ledger: arguments as programs give them, and facts as they get them."""

from __future__ import annotations

from pathlib import Path

import pytest
from eth_account import Account
from tests.support.roles import Town

import chainbill
from chainbill.client.front import DisputeStatus, Outcome


@pytest.fixture
def bill(town: Town) -> chainbill.Chainbill:
    return chainbill.connect(state=town.state.root)


@pytest.fixture
def claim(town: Town, clinic: str) -> str:
    """A settled claim of the clinic's; returns its number."""
    town.attest(clinic, town.patient(f"of-{clinic}", clinic), f"{clinic}-a")
    town.settle(clinic)
    return f"{town.session().book.get(clinic).provider_id}:1"


def test_governor__provider_by_name_address_or_id__is_the_same(
    town: Town, bill: chainbill.Chainbill, clinic: str
) -> None:
    entry = town.session().book.get(clinic)
    governor = bill.governor("governor")
    for who in (clinic, entry.address, entry.provider_id):
        assert who is not None
        assert governor.suspend(who).provider_id == entry.provider_id
        assert governor.reinstate(who).suspended is False


def test_governor__roles_by_their_words__are_granted_and_revoked(bill: chainbill.Chainbill) -> None:
    governor, address = bill.governor(), Account.create().address
    assert governor.grant_role("arbiter", address, delay_seconds=0).member.account == address
    assert address in [each.member.account for each in governor.roles()]
    assert governor.revoke_role("arbiter", address).changed
    assert governor.scheduled() == ()


def test_ledger__claims_of_each_party__are_found_and_told_in_micro_dollars(
    town: Town, bill: chainbill.Chainbill, clinic: str, claim: str
) -> None:
    (found,) = bill.ledger.claims(provider=clinic)
    assert (found.number, found.outcome, found.dispute) == (claim, Outcome.SETTLED, DisputeStatus.NONE)
    assert (found.allowed, found.plan_paid, found.patient_responsibility) == (
        100_000_000,
        75_000_000,
        25_000_000,
    )
    assert list(bill.ledger.claims(patient=f"of-{clinic}")) == [found]
    assert found in list(bill.ledger.claims(payer="insurer"))
    assert list(bill.ledger.claims(payer=found.payer_id, provider=found.provider_id + 1000)) == []
    assert found.transaction.startswith("0x")
    assert found.dispute_until == found.decided_at + 7 * 86_400


def test_ledger__claim_given_back__says_what_was_taken(
    bill: chainbill.Chainbill, clinic: str, claim: str
) -> None:
    assert bill.provider(clinic).void(claim).reversed_in_full
    (found,) = bill.ledger.claims(provider=clinic)
    assert (found.dispute, found.allowed) == (DisputeStatus.REVERSED, 100_000_000)
    assert found.reversed is not None
    assert (found.reversed.to_patient, found.reversed.to_insurer) == (25_000_000, 75_000_000)


def test_resolve__components_in_dollars__become_what_they_say(
    bill: chainbill.Chainbill, clinic: str, claim: str
) -> None:
    bill.patient(f"of-{clinic}").dispute(claim)
    bill.provider(clinic).answer(claim, "It took place.")
    step = bill.governor().resolve(claim, {"copay": "5.00", "plan_paid": 60_000_000})
    assert step.reversed is not None
    assert step.reversed.allowed == 35_000_000


def test_close_dispute__by_a_keystores_name_or_a_key__needs_its_deadline(
    town: Town, bill: chainbill.Chainbill, clinic: str, claim: str
) -> None:
    bill.patient(f"of-{clinic}").dispute(claim)
    for sent_by in ("provider", town.session().account("provider")):
        with pytest.raises(chainbill.ChainError, match="is not over"):
            bill.close_dispute(claim, sent_by=sent_by)


def test_auditor__history_show_export_and_verify__need_no_key(
    town: Town, bill: chainbill.Chainbill, clinic: str, claim: str, tmp_path: Path
) -> None:
    auditor = bill.auditor()
    assert [entry.number for entry in auditor.history(provider=clinic)] == [claim]
    assert auditor.history(patient=f"of-{clinic}", kinds=["deposit"])[0].amount == 500_000_000
    (shown,) = auditor.show(claim)
    assert (shown.account.number, shown.not_shown, shown.holds) == (claim, None, True)
    copy = tmp_path / "ledger.jsonl"
    assert len(auditor.export(copy).logs) > 10
    assert auditor.verify(copy=copy).adds_up
    with pytest.raises(chainbill.StateError, match="exists already"):
        auditor.export(copy)
    with_evidence = bill.auditor(attestations=town.state.oracle_database, vault=town.state.vault)
    assert with_evidence.show(claim)[0].not_shown == ()
    assert with_evidence.verify().adds_up


def test_words__that_are_none_of_those_there_are__name_them(town: Town, bill: chainbill.Chainbill) -> None:
    governor, address = bill.governor(), Account.create().address
    for ask, hint in (
        (lambda: governor.grant_role("boss", address), "arbiter"),  # type: ignore[arg-type]
        (lambda: governor.revoke_role("boss", address), "arbiter"),  # type: ignore[arg-type]
        (lambda: governor.resolve("1:1", "maybe"), "uphold"),  # type: ignore[arg-type]
        (lambda: governor.resolve("1:1", {"tip": "5"}), "copay"),  # type: ignore[dict-item]
        (lambda: bill.auditor().history(kinds=["rumour"]), "deposit"),
    ):
        with pytest.raises(chainbill.ArgumentError, match=" is no ") as refused:
            ask()
        assert hint in str(refused.value.hint)


def test_auditor__evidence_that_is_not_there__is_refused_and_not_made(
    bill: chainbill.Chainbill, tmp_path: Path
) -> None:
    missing = tmp_path / "missing"
    for evidence in ({"attestations": missing}, {"vault": missing}):
        with pytest.raises(chainbill.StateError, match=r"there is no .*missing"):
            bill.auditor(**evidence)
    assert not missing.exists()


def test_set_operator_fee__as_it_was_announced__sends_nothing(bill: chainbill.Chainbill) -> None:
    governor = bill.governor()
    first = governor.set_operator_fee(flat="0.02")
    again = governor.set_operator_fee(flat="0.02")
    assert (first.changed, again.changed, again.transaction) == (True, False, None)
    assert again.effective_at == first.effective_at


def test_publish_prices__of_a_service_that_nobody_knows__is_refused(
    bill: chainbill.Chainbill, clinic: str
) -> None:
    with pytest.raises(chainbill.TermsError, match="check-up-vist: the catalogue has no such service"):
        bill.provider(clinic).publish_prices({"check-up-vist": "5"})
