"""A clinic, an insurer, an oracle and a patient, each with a state directory of its own, in Python alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from tests.support.roles import PLAN
from tests.support.testbed import Testbed
from tests.support.visits import visit

import chainbill
from chainbill.money import DOLLAR

Machine = Callable[[str], chainbill.Chainbill]


@pytest.fixture
def machine(testbed: Testbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Connects from the home of a party, which is empty before."""
    monkeypatch.delenv("CHAINBILL_STATE_DIR", raising=False)
    deployment = tmp_path / "deployment.json"
    deployment.write_text(testbed.session.protocol.deployment.model_dump_json(), encoding="utf-8")

    def connect(party: str) -> chainbill.Chainbill:
        monkeypatch.setenv("HOME", str(tmp_path / party))
        return chainbill.connect(testbed.session.rpc_url, deployment=deployment)

    return connect


@pytest.fixture
def oracle(testbed: Testbed) -> chainbill.Chainbill:
    """Where the keys of the oracle's nodes are."""
    return chainbill.connect(state=testbed.session.state.root)


@pytest.fixture
def account(testbed: Testbed) -> Callable[[int], LocalAccount]:
    """Makes an account with gas, and dollars of its own, whose key is in no keystore."""

    def make(dollars: int = 0) -> LocalAccount:
        actor = testbed.account(dollars)
        assert testbed.session.devnet is not None
        testbed.session.devnet.give_gas(actor.address)
        return actor.account

    return make


def let_in(
    oracle: chainbill.Chainbill,
    machine: Machine,
    keys: dict[str, LocalAccount],
) -> tuple[chainbill.SignedCard, chainbill.SignedCard, chainbill.SignedCard]:
    """Plan, fees and consent are there; the clinic is handed what it needs: the cards of the patient, of the
    oracle, and of the insurer with its schedule."""
    governor = oracle.governor()
    provider_id = governor.register_provider(keys["clinic"].address).provider_id
    governor.create_payer(keys["insurer"].address)
    at_insurer, at_maria, at_clinic = machine("insurer"), machine("maria"), machine("clinic")
    insurer, maria = at_insurer.insurer(keys["insurer"]), at_maria.patient(keys["maria"])
    insurer.deposit("10000")
    insurer.publish_plan(chainbill.PlanFile.parse(PLAN))
    insurer.publish_fees({"check-up-visit": "100.00"})
    insurer.accept_provider(provider_id)
    insurer.enrol(maria.address, 1)
    maria.deposit("500")
    maria.accept_payer(insurer.payer_id)
    maria.consent(provider_id, limit="200")
    at_insurer.contacts.import_card(at_clinic.contacts.card(keys["clinic"], role="provider", name="lakeview"))
    at_insurer.contacts.import_card(oracle.contacts.card("oracle-1"))
    for_oracle = at_insurer.contacts.card(
        keys["insurer"], role="insurer", name="mutual", schedule_for="oracle-1"
    )
    assert oracle.contacts.import_card(for_oracle, name=f"mutual-{provider_id}").schedule is True
    return (
        at_maria.contacts.card(keys["maria"], role="patient", name="maria"),
        oracle.contacts.card("oracle-1"),
        at_insurer.contacts.card(keys["insurer"], role="insurer", name="mutual", schedule_for="lakeview"),
    )


def test_attest__in_an_empty_directory_with_cards_alone__is_settled_elsewhere_and_explained_to_its_patient(
    machine: Machine,
    oracle: chainbill.Chainbill,
    account: Callable[[int], LocalAccount],
    tmp_path: Path,
) -> None:
    keys = {"clinic": account(0), "insurer": account(20_000), "maria": account(1_000)}
    maria_card, oracle_card, insurer_card = let_in(oracle, machine, keys)
    events, sealed = tmp_path / "events.sealed", tmp_path / "maria.records"

    # All that the clinic does.
    bill = machine("clinic")
    bill.contacts.import_card(maria_card)
    bill.contacts.import_card(oracle_card)
    bill.contacts.import_card(insurer_card, receiver=keys["clinic"])
    clinic = bill.provider(keys["clinic"])
    receipt = clinic.attest(visit(bill, "monday", 100 * DOLLAR), patient="maria")
    events.write_bytes(clinic.export_events("oracle-1").content)
    bill.records.export(sealed, "maria")

    assert receipt.custody is chainbill.Custody.PROVIDER
    assert str(receipt).startswith("accepted: it is stored here, and no oracle reads this store; export it")
    again = clinic.attest(visit(bill, "monday", 100 * DOLLAR), patient="maria")
    assert again == replace(receipt, repeated=True)

    taken = oracle.oracle().take(events)
    assert (taken.taken, taken.refused, taken.damaged) == (1, (), ())
    number = f"{clinic.provider_id}:1"
    oracle.oracle().settle()
    settled = clinic.attest(visit(bill, "monday", 100 * DOLLAR), patient="maria")
    assert (settled.status, settled.custody) == (chainbill.Status.SETTLED, chainbill.Custody.CHAIN)
    assert str(settled) == "settled: it is on chain"
    (claim,) = bill.ledger.claims(provider=clinic.provider_id)
    assert (claim.number, claim.claim_id, claim.patient_responsibility) == (
        number,
        settled.claim_id,
        25 * DOLLAR,
    )

    at_maria = machine("maria")
    maria = at_maria.patient(keys["maria"])
    (unexplained,) = maria.statement().events
    assert unexplained.record_note.startswith("The provider has not shown us a record of this.")
    assert at_maria.records.fetch(sealed, keys["maria"]).kept == 1
    (explained,) = maria.statement().events
    assert (explained.service, explained.record_note) == ("Check-up visit", "")
    assert explained.net is not None
    assert explained.net.patient_responsibility == 25 * DOLLAR

    # Whoever has not her key reads the amounts.
    (read,) = at_maria.patient(keys["maria"].address).statement().events
    assert read.record_note.startswith("Its details are sealed to its patient, and need the patient's key")
    assert (read.service, read.net) == ("A service (details sealed)", explained.net)


def test_take__receipts_of_a_refused_event__tell_the_clinic_until_it_is_taken(
    machine: Machine,
    oracle: chainbill.Chainbill,
    account: Callable[[int], LocalAccount],
    tmp_path: Path,
) -> None:
    keys = {"clinic": account(0), "insurer": account(20_000), "maria": account(1_000)}
    cards = let_in(oracle, machine, keys)
    events, first, second = (tmp_path / name for name in ("events", "first", "second"))
    bill = machine("clinic")
    for card in cards:
        bill.contacts.import_card(card, receiver=keys["clinic"])
    clinic, node = bill.provider(keys["clinic"]), oracle.oracle()
    clinic.attest(visit(bill, "monday", 100 * DOLLAR), patient="maria")
    events.write_bytes(clinic.export_events("oracle-1").content)

    oracle.governor().suspend(clinic.provider_id)
    with pytest.raises(chainbill.StateError, match="has no vault key for"):
        node.take(events, receipts=first)
    card = bill.contacts.card(keys["clinic"], role="provider", name="lakeview")
    oracle.contacts.import_card(card, name=f"lakeview-{clinic.provider_id}")
    assert (node.take(events, receipts=first).receipts, node.take(events).receipts) == (1, 0)
    taken = clinic.take_receipts(first)
    assert (taken.accepted, taken.refused, taken.new) == (0, 1, 1)
    (unsettled,) = clinic.worklist().at_oracle
    assert unsettled.refused is not None
    assert unsettled.refused.reason == "provider_not_active"

    oracle.governor().reinstate(clinic.provider_id)
    with pytest.raises(chainbill.StateError, match="exists already"):
        node.take(events, receipts=first)
    assert node.take(events, receipts=second, replace=True).known == 1
    assert (clinic.take_receipts(second).new, clinic.take_receipts(first).new) == (1, 0)
    (unsettled,) = clinic.worklist().at_oracle
    assert (unsettled.refused, unsettled.receipt.custody) == (None, chainbill.Custody.ORACLE)
    node.settle()
    assert clinic.worklist().at_oracle == ()


def test_attest__where_the_oracle_is__says_that_it_has_it(
    machine: Machine, oracle: chainbill.Chainbill, account: Callable[[int], LocalAccount]
) -> None:
    keys = {"clinic": account(0), "insurer": account(20_000), "maria": account(1_000)}
    maria_card, _, _ = let_in(oracle, machine, keys)
    name = oracle.contacts.import_card(maria_card, name=f"maria-{keys['maria'].address[2:10].lower()}").name
    receipt = oracle.provider(keys["clinic"]).attest(visit(oracle, "monday", 100 * DOLLAR), patient=name)
    assert (receipt.custody, str(receipt)) == (chainbill.Custody.ORACLE, "accepted: the oracle has it")
    oracle.oracle().settle()
    settled = oracle.provider(keys["clinic"]).attest(visit(oracle, "monday", 100 * DOLLAR), patient=name)
    assert (settled.custody, settled.status) == (chainbill.Custody.CHAIN, chainbill.Status.SETTLED)


def test_contacts__of_every_kind__are_added_listed_shown_and_removed(machine: Machine) -> None:
    bill, somebody = machine("anybody"), Account.create()
    added = bill.contacts.add("maria", somebody.address, "patient", vault_key=bytes(range(32)))
    assert (added.name, added.contact.address, added.key_here) == ("maria", somebody.address, False)
    assert bill.contacts.list() == bill.contacts.list(chainbill.Role.PATIENT) == (added,)
    assert bill.contacts.list("provider") == ()
    assert bill.contacts.show(somebody.address) == bill.contacts.show("maria") == added
    assert bill.contacts.remove("maria") == added.contact
    assert bill.contacts.list() == ()
    with pytest.raises(chainbill.ArgumentError, match="a vault key has 32 bytes, and not 3"):
        bill.contacts.add("maria", somebody.address, "patient", vault_key=b"abc")
    with pytest.raises(chainbill.ArgumentError, match="'nurse' is no role"):
        bill.contacts.add("maria", somebody.address, "nurse")  # type: ignore[arg-type]


def test_card__of_a_key_that_the_address_book_lacks__must_say_what_it_is_for(
    machine: Machine,
) -> None:
    bill, somebody = machine("anybody"), Account.create()
    with pytest.raises(chainbill.ArgumentError, match="its card must say its role") as refused:
        bill.contacts.card(somebody, name="maria")
    assert refused.value.argument == "role"
    with pytest.raises(chainbill.ArgumentError, match="its card must say its name"):
        bill.contacts.card(somebody, role="patient")
    with pytest.raises(chainbill.StateError, match="it can be read, and nothing be sent for it"):
        bill.contacts.card(somebody.address, role="patient", name="maria")


def test_accounts__made_and_imported__are_listed_and_act_by_name(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINBILL_PASSPHRASE", "the passphrase of a clinic alone")
    monkeypatch.setattr("chainbill.state.keystores.SCRYPT_N", 2)
    bill, elsewhere, kept = machine("clinic"), Account.create(), Account.create()
    made = bill.accounts.new("lakeview", "provider")
    keystore = tmp_path / "UTC--keystore"
    keystore.write_text(str(Account.encrypt(kept.key, "its own", iterations=2)).replace("'", '"'))
    assert bill.accounts.import_key(elsewhere, "maria", "patient").address == elsewhere.address
    with pytest.raises(chainbill.StateError, match="the passphrase does not open the keystore"):
        bill.accounts.import_keystore(keystore, "another", "mutual", "insurer")
    assert bill.accounts.import_keystore(keystore, "its own", "mutual", "insurer").address == kept.address
    assert [(each.name, each.role) for each in bill.accounts.list()] == [
        ("lakeview", chainbill.Role.PROVIDER),
        ("maria", chainbill.Role.PATIENT),
        ("mutual", chainbill.Role.INSURER),
    ]
    assert bill.patient("maria").address == elsewhere.address
    assert bill.contacts.card("lakeview").read()[0].account == made.address
    assert bill.contacts.show("lakeview").key_here is True
