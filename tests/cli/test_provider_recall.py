"""``chainbill provider recall`` and ``check``; and what a revoked key has signed, as everybody reads it."""

from __future__ import annotations

from typing import Any

from tests.support.roles import Town

from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import SettlementBatch
from chainbill.chain.format.batch_codec import BatchRow, BatchSection, encode_sections
from chainbill.chain.format.section_signing import sign_bundled
from chainbill.oracle.store import OracleStore


def at_oracle(town: Town, clinic: str) -> list[tuple[str, str, str]]:
    """What the provider reads of each event that the oracle has not settled."""
    listed = town.ok("provider", "worklist", "--as", clinic)["at_oracle"]
    return [(item["record"], item["status"], item["reason"]) for item in listed]


def outcomes(told: Any) -> list[tuple[str, str]]:
    return [(event["record"], event["outcome"]) for event in told["events"]]


# ---- recall -------------------------------------------------------------------------------------------


def test_recall__one_record__waits_again_and_the_rest_settles(town: Town, clinic: str) -> None:
    town.attest(clinic, town.patient(f"r-{clinic}", clinic), "kept", "taken")

    told = town.ok("provider", "recall", "Encounter/taken", "--as", clinic)

    assert outcomes(told) == [("Encounter/taken", "recalled")]
    assert at_oracle(town, clinic) == [("Encounter/kept", "accepted", "none")]
    assert town.ok("oracle", "status")["counts"]["recalled"] >= 1
    assert [row["sequence"] for row in town.settle(clinic)] == [1]
    (again,) = town.ok("provider", "attest", "--as", clinic)["attested"]
    assert (again["record"], again["sequence"], again["repeated"]) == ("Encounter/taken", 2, False)
    assert [row["outcome"] for row in town.settle(clinic)] == ["settled"]


def test_recall__all_for_a_person__says_what_comes_next(town: Town, clinic: str) -> None:
    town.attest(clinic, town.patient(f"all-{clinic}", clinic), "first", "second")

    dry = town("provider", "recall", "--all", "--dry-run", "--as", clinic)
    assert (dry.code, dry.out.splitlines()[0]) == (0, "2 would be taken back.")
    assert len(at_oracle(town, clinic)) == 2
    ran = town("provider", "recall", "--all", "--as", clinic)
    assert ran.out.startswith("2 taken back.")
    assert f"chainbill provider attest --as {clinic}" in ran.out
    assert "Nothing" in town("provider", "recall", "--all", "--as", clinic).out
    again = town("provider", "recall", "Encounter/first", "--as", clinic)
    assert (again.code, again.out.splitlines()[0]) == (0, "1 taken back before.")
    town.ok("provider", "attest", "--as", clinic)
    assert [row["outcome"] for row in town.settle(clinic)] == ["settled", "settled"]


def test_recall__dropped__is_ingested_anew(town: Town, clinic: str) -> None:
    patient = town.patient(f"dropped-{clinic}", clinic)
    town.attest(clinic, patient, "mispriced")
    told = town.ok("provider", "recall", "Encounter/mispriced", "--drop", "--as", clinic)
    assert told["dropped"] is True
    assert town.ok("provider", "worklist", "--as", clinic)["waiting"] == 0
    assert town.attest(clinic, patient, "mispriced", price=60.0)["attested"][0]["billed"] == "60.00"
    (row,) = town.settle(clinic)
    assert (row["outcome"], row["billed"]) == ("settled", "60.00")


def test_recall__settled__fails_and_says_how_to_give_it_back(town: Town, clinic: str) -> None:
    town.attest(clinic, town.patient(f"late-{clinic}", clinic), "paid")
    town.settle(clinic)
    ran = town("provider", "recall", "Encounter/paid", "--as", clinic)
    provider_id = town.session().book.get(clinic).provider_id
    assert ran.code == 1
    assert "cannot be recalled: it is settled" in ran.out
    assert f"chainbill provider void {provider_id}:1 --as {clinic}" in ran.out
    assert outcomes(town("provider", "recall", "Encounter/paid", "--as", clinic, "--json").facts) == [
        ("Encounter/paid", "settled")
    ]


def test_recall__in_a_signed_batch__is_done_and_says_when_it_returns(town: Town, clinic: str) -> None:
    # It was put back: the batch that it was in is known to everybody, and may be sent again.
    patient = town.patient(f"broke-{clinic}", clinic, fund=0)
    town.attest(clinic, patient, "put-back")
    assert town.settle(clinic)[0]["outcome"] == "pended"
    for options, said in ((("--dry-run",), "1 would be taken back."), ((), "1 taken back.")):
        ran = town("provider", "recall", "--all", *options, "--as", clinic)
        assert (ran.code, ran.out.splitlines()[0]) == (0, said)
        assert "recalled; it returns to the worklist after 20" in ran.out
        assert "(when the signed batch can no longer be sent): run this again then" in ran.out
        assert "They wait again" not in ran.out
    (told,) = town.ok("provider", "recall", "Encounter/put-back", "--as", clinic)["events"]
    assert (told["outcome"], told["recalled"], told["until"] > 0) == ("in_signed_batch", True, True)
    statement = town.ok("patient", "statement", "--as", patient)
    (event,) = statement["events"]
    assert (event["reason"], event["reason_text"]) == ("recalled", "Taken back by the provider")
    assert event["what_to_do"][0].startswith("Nothing: it is not charged any more")
    assert statement["counts"]["pended"] == {"recalled": 1}
    assert "Add money" not in town("patient", "statement", "--as", patient).out
    assert town.settle(clinic) == []
    town.ok("devnet", "advance", "2h")
    assert outcomes(town.ok("provider", "recall", "--held", "--as", clinic)) == [
        ("Encounter/put-back", "recalled")
    ]


def test_recall__wrong_usage__is_said_in_a_line(town: Town, clinic: str) -> None:
    for arguments in ((), ("Encounter/1", "--all"), ("--all", "--held")):
        ran = town("provider", "recall", *arguments, "--as", clinic)
        assert (ran.code, ran.out) == (2, "")
        assert "name the records to take back, or give --all, or --held" in ran.err
    assert "was not attested" in town("provider", "recall", "Encounter/none", "--as", clinic).error


# ---- a key that was revoked ---------------------------------------------------------------------------


def test_settle__key_revoked_since__is_held_shown_and_attested_again(town: Town, clinic: str) -> None:
    patient, night = town.patient(f"night-{clinic}", clinic), f"{clinic}-night"
    town.ok("provider", "keys", "add", night, "--new", "--as", clinic)
    town.ok("provider", "ingest", town.record("by-thief"), "--patient", patient, "--as", clinic)
    town.ok("provider", "attest", "--key", night, "--as", clinic)
    town.ok("provider", "keys", "revoke", night, "--as", clinic)

    ran = town("oracle", "settle", "--json")

    assert ran.code == 0
    (held,) = [item for item in ran.facts["held"] if item["provider"] == clinic]
    assert (held["reason"], held["sequence"]) == ("attester_revoked", 1)
    assert "note: held, and in no batch: 1 (attester_revoked)" in ran.err
    (waiting,) = [item for item in town.ok("oracle", "status")["waiting"] if item["provider"] == clinic]
    assert (waiting["status"], waiting["reason"]) == ("held", "attester_revoked")
    assert (
        waiting["what_to_do"]
        == f"chainbill provider recall --held --as {clinic}, then attest with a good key"
    )
    assert "attester revoked" in town("oracle", "status").out
    assert at_oracle(town, clinic) == [("Encounter/by-thief", "held", "attester_revoked")]
    assert "attester revoked" in town("provider", "worklist", "--as", clinic).out
    store = OracleStore(town.state.oracle_database)
    address = town.session().book.get(patient).address
    assert [stored.receipt().standing_reason for stored in store.waiting(patient=address)] == [
        "attester_revoked"
    ]
    assert town.ok("patient", "balance", "--as", patient)["balance"] == "500.00"
    shown = town("patient", "statement", "--as", patient).out
    assert "It was signed with a key that the provider has withdrawn since" in " ".join(shown.split())

    assert town("provider", "recall", "--held", "--as", clinic, "--key", night).code == 1
    town.ok("provider", "recall", "--held", "--as", clinic)
    town.ok("provider", "attest", "--as", clinic)
    (row,) = town.settle(clinic)
    assert (row["outcome"], row["sequence"]) == ("settled", 1)


# ---- what two oracle keys settle ----------------------------------------------------------------------


def forge(town: Town, clinic: str, patient: str) -> None:
    """Whoever holds two oracle keys and the provider's settles a visit that the provider has never attested,
    like another one of that patient."""
    session = town.session()
    protocol, provider_id = session.protocol, session.book.get(clinic).provider_id
    assert provider_id is not None
    real = OracleStore(town.state.oracle_database).of_provider(provider_id)[0].attestation
    row = BatchRow(
        patient=bytes.fromhex(session.book.get(patient).address[2:]),
        commitment=b"f" * 32,
        service_id=real.service_id,
        units=1,
        billed=real.billed_amount,
        benefit_year=real.benefit_year,
        sequence=99,
    )
    section = sign_bundled(
        BatchSection(provider_id, real.payer_id, 1, 1, (row,)),
        Signer(session.account(clinic)),
        protocol.domain,
    )
    now = protocol.now()
    batch = SettlementBatch(
        protocol.settlement.current_epoch(), now, now + 600, "0x" + "00" * 20, encode_sections([section])
    )
    nodes = sorted(
        (Signer(session.account(f"oracle-{number}")) for number in (1, 2)), key=lambda n: int(n.address, 16)
    )
    signatures = [node.sign(batch.digest(protocol.domain)) for node in nodes]
    protocol.settlement.settle(session.sender("oracle-1"), batch, signatures, root_slot=9)


def test_check__claim_that_the_provider_never_attested__is_named_to_provider_and_auditor(
    town: Town, clinic: str
) -> None:
    patient = town.patient(f"forged-{clinic}", clinic)
    town.attest(clinic, patient, "true-visit")
    town.settle(clinic)
    assert town.ok("provider", "check", "--as", clinic)["claims"] == []
    evidence = ("--attestations", town.state.oracle_database, "--vault", town.state.vault)
    assert town.ok("audit", "verify", *evidence)["adds_up"] is True

    forge(town, clinic, patient)

    # The books add up all the same: only who should have signed it can tell.
    assert town.ok("audit", "verify")["adds_up"] is True
    ran = town("provider", "check", "--as", clinic, "--json")
    assert ran.code == 3
    (claim,) = ran.facts["claims"]
    assert (claim["finding"], claim["sequence"], claim["allowed"]) == ("not_attested", 99, "100.00")
    shown = town("provider", "check", "--as", clinic)
    assert (shown.code, f"chainbill provider void CLAIM --as {clinic}" in shown.out) == (3, True)
    found = town("audit", "verify", *evidence, "--json")
    assert found.code == 3
    assert {each["kind"] for each in found.facts["discrepancies"]} == {"no_attestation", "no_record"}
    sealed = town("audit", "verify", "--vault", town.state.vault, "--reader", clinic, "--json")
    assert {each["kind"] for each in sealed.facts["discrepancies"]} == {"no_record"}
    shown = town("audit", "show", claim["number"], *evidence, "--json")
    assert shown.code == 3
    assert [each["kind"] for each in shown.facts["claims"][0]["not_shown"]] == ["no_attestation", "no_record"]
    assert (
        "not shown        the vault has no record of it"
        in town("audit", "show", claim["number"], *evidence).out
    )
    true_one = claim["number"].replace("99", "1")
    assert town.ok("audit", "show", true_one, *evidence)["claims"][0]["not_shown"] == []
    assert town.ok("audit", "show", claim["number"])["claims"][0]["not_shown"] is None
    ran = town("audit", "verify", "--reader", clinic)
    assert (ran.code, "name that too" in ran.err) == (2, True)
    # Given back, it is nobody's charge any more.
    town.ok("provider", "void", claim["number"], "--as", clinic)
    assert town.ok("provider", "check", "--as", clinic)["claims"] == []
    assert town.ok("audit", "verify", *evidence)["adds_up"] is True
