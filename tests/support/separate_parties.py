"""The walk-through with a state directory for each role: six roles, six machines.

They share a chain, and what they send each other: cards, a file of attested events, a file of sealed records.
Nothing of one's state directory is ever seen by another's commands. The patient has no gas at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from tests.support.fhir import CLINIC, bundle, claim, encounter, item, ref, usd
from tests.support.roles import FEES, PATIENT_SHARE, PLAN, Ran, asks
from web3.types import TxParams

from chainbill.chain.deployments import Deployment, deployment_text
from chainbill.chain.node.connection import connect
from chainbill.chain.node.sender import Sender
from chainbill.chain.protocol import Protocol
from chainbill.cli import cli
from chainbill.cli.shell.failures import run
from chainbill.money import DOLLAR
from chainbill.state.directory import StateDirectory
from chainbill.state.networks import state_of

Read = Callable[[], tuple[str, str]]
"""What was printed since the last call, on stdout and on stderr."""

GAS = 10**18
"""Wei that each party gets that sends transactions."""

KEYSTORE_PASSPHRASE = "what the wallet asked for"


class Party:
    """One role on a machine of its own: a state directory, a passphrase, and the program, on the chain that
    all share."""

    def __init__(self, name: str, folder: Path, rpc_url: str, deployment: Deployment, read: Read) -> None:
        self.name = name
        self.folder = folder / name
        self.folder.mkdir()
        self._home = StateDirectory.open(self.folder / "state")
        self._environment = {"CHAINBILL_PASSPHRASE": f"the passphrase of {name} alone"}
        self._read = read
        record = self.folder / "deployment.json"
        record.write_text(deployment_text(deployment))
        # The newest block is final: nobody here waits for more.
        final = ("--finality", "depth", "--confirmations", 0)
        self.ok("network", "add", "shared", "--rpc-url", rpc_url, "--deployment", record, *final)
        self.ok("network", "use", "shared")
        self.state = state_of(self._home)

    def __call__(self, *arguments: object, **environment: str) -> Ran:
        """Run ``chainbill``, inside this process; what it asks is answered beforehand."""
        yes = ["--yes"] if asks(arguments) else []
        given = ["--state-dir", str(self._home.root), *map(str, arguments), *yes]
        self._read()
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in {**self._environment, **environment}.items():
                patch.setenv(variable, value)
            code = run(cli, given)
        return Ran(code, *self._read())

    def ok(self, *arguments: object, **environment: str) -> Any:
        """Run it with ``--json``; it must succeed."""
        ran = self(*arguments, "--json", **environment)
        assert ran.code == 0, (self.name, arguments, ran)
        return ran.facts

    def makes(self, name: str, *arguments: object) -> Path:
        """Run a command that writes a file, by its ``--output``; returns the file."""
        file = self.folder / name
        self.ok(*arguments, "--output", file)
        return file


@dataclass(frozen=True, slots=True)
class Parties:
    """Everybody, and the chain they share."""

    protocol: Protocol
    governor: Party
    insurer: Party
    clinic: Party
    oracle: Party
    maria: Party
    auditor: Party

    def address_of(self, party: Party, name: str) -> str:
        """The address of an account on its own machine."""
        accounts = party.ok("accounts", "list")["accounts"]
        return str(next(each["address"] for each in accounts if each["name"] == name))


def settle_in(
    rpc_url: str, deployment: Deployment, funder: LocalAccount, folder: Path, read: Read
) -> Parties:
    """Make the parties, on any chain with a deployment whose governor is ``funder``, which pays for all."""
    names = ("governor", "insurer", "clinic", "oracle", "maria", "auditor")
    made = (Party(name, folder, rpc_url, deployment, read) for name in names)
    parties = Parties(Protocol(connect(rpc_url), deployment), *made)
    _make_accounts(parties, funder)
    _exchange_cards(parties)
    _let_in(parties)
    return parties


def walk_through(parties: Parties) -> None:
    """From a plan to a statement with its details; the patient signs, and others send it."""
    _publish_terms(parties)
    _sign_up_maria(parties)
    clinic, oracle, maria = parties.clinic, parties.oracle, parties.maria

    attested = _attest(parties, "first-visit")
    assert [each["number"] for each in attested["attested"]] == ["1:1"], attested
    _hand_over(parties)
    settled = oracle.ok("oracle", "settle")
    assert settled["counts"] == {"settled": 1, "denied": 0, "pended": 0, "skipped": 0}, settled

    (before,) = maria.ok("patient", "statement")["events"]
    assert "has not shown us a record" in before["record_note"]
    records = clinic.folder / "maria.records"
    clinic.ok("records", "export", records, "--to", "maria")
    assert maria.ok("records", "fetch", records)["kept"] == 1
    (after,) = maria.ok("patient", "statement")["events"]
    assert (after["record_note"], "check-up" in after["service"].lower()) == ("", True), after
    assert after["amounts"]["patient_responsibility"] == PATIENT_SHARE
    # Once more the same file: nothing is taken twice.
    again = oracle.ok("oracle", "take", clinic.folder / "events.sealed")
    assert (again["taken"], again["known"]) == (0, 1)


def dispute(parties: Parties) -> None:
    """The patient disputes the charge, the provider answers, the governor rules in part."""
    maria, clinic, governor = parties.maria, parties.clinic, parties.governor
    signed = maria.makes("dispute.json", "patient", "sign", "dispute", "1:1", "--as", "maria")
    parties.insurer.ok("relay", "submit", signed, "--as", "insurer")
    assert [each["number"] for each in clinic.ok("provider", "disputes", "--as", "clinic")["disputes"]] == [
        "1:1"
    ]
    clinic.ok("provider", "answer", "1:1", "--statement", "The visit took place.", "--as", "clinic")
    governor.ok("governor", "resolve", "1:1", "--copay", 15)
    (event,) = maria.ok("patient", "statement", "1:1")["events"]
    assert "check-up" in event["service"].lower()
    assert (event["amounts"]["given_back"], event["net"]["patient_responsibility"]) == ("10.00", "15.00")


def shared_folder(parties: Parties, folder: Path) -> None:
    """A second visit, whose record lies in a folder that provider and patient both reach: no command more."""
    folder.mkdir()
    named = {"CHAINBILL_RECORDS": str(folder)}
    _attest(parties, "second-visit", **named)
    _hand_over(parties)
    parties.oracle.ok("oracle", "settle")
    unexplained = parties.maria.ok("patient", "statement", "1:2")["events"]
    assert ["has not shown us" in each["record_note"] for each in unexplained] == [True]
    (event,) = parties.maria.ok("patient", "statement", "1:2", **named)["events"]
    assert "check-up" in event["service"].lower()


def audit(parties: Parties) -> None:
    """An auditor, with nothing but the chain, finds that it all adds up."""
    assert parties.auditor.ok("audit", "verify")["discrepancies"] == []
    assert parties.auditor.ok("accounts", "list")["accounts"] == []


# ---- who is who ---------------------------------------------------------------------------------------


def _make_accounts(parties: Parties, funder: LocalAccount) -> None:
    governor = parties.governor
    keystore, passphrase = governor.folder / "UTC--governor", governor.folder / "passphrase"
    keystore.write_text(json.dumps(Account.encrypt(funder.key, KEYSTORE_PASSPHRASE, iterations=2)))
    passphrase.write_text(KEYSTORE_PASSPHRASE)
    passphrase.chmod(0o600)
    governor.ok(
        *("accounts", "import", keystore, "--name", "governor", "--role", "governor"),
        *("--passphrase-file", passphrase),
    )
    made = [
        (parties.insurer, "insurer", "insurer"),
        (parties.clinic, "clinic", "provider"),
        (parties.oracle, "oracle-1", "oracle"),
        (parties.oracle, "oracle-2", "oracle"),
        (parties.maria, "maria", "patient"),
    ]
    for party, name, role in made:
        address = party.ok("accounts", "new", name, "--role", role)["address"]
        if name in ("insurer", "clinic", "oracle-1"):
            _give_gas(parties, funder, address)
        if name in ("insurer", "maria"):
            parties.protocol.token.mint(Sender(parties.protocol.w3, funder), address, 200_000 * DOLLAR)


def _give_gas(parties: Parties, funder: LocalAccount, address: str) -> None:
    w3 = parties.protocol.w3
    price = 2 * w3.eth.gas_price
    sent: TxParams = {
        "to": address,
        "value": GAS,  # type: ignore[typeddict-item]
        "gas": 21_000,
        "gasPrice": price,  # type: ignore[typeddict-item]
        "nonce": w3.eth.get_transaction_count(funder.address),
        "chainId": parties.protocol.deployment.chain_id,
    }
    signed = funder.sign_transaction(sent)  # type: ignore[arg-type]
    receipt = w3.eth.wait_for_transaction_receipt(w3.eth.send_raw_transaction(signed.raw_transaction))
    assert receipt["status"] == 1


def _exchange_cards(parties: Parties) -> None:
    clinic, insurer, maria, oracle = parties.clinic, parties.insurer, parties.maria, parties.oracle
    sent = [
        (clinic, "clinic", (parties.governor, insurer, maria, oracle)),
        (insurer, "insurer", (parties.governor, clinic, maria, oracle)),
        (maria, "maria", (clinic, insurer)),
        (oracle, "oracle-1", (parties.governor, clinic, insurer)),
        (oracle, "oracle-2", (parties.governor,)),
    ]
    for party, name, receivers in sent:
        card = party.makes(f"{name}.card", "contacts", "card", "--as", name)
        for receiver in receivers:
            assert receiver.ok("contacts", "import", card)["name"] == name


def _let_in(parties: Parties) -> None:
    governor = parties.governor
    governor.ok("governor", "register-provider", "clinic")
    governor.ok("governor", "create-payer", parties.address_of(parties.insurer, "insurer"))
    governor.ok("governor", "open-epoch", "oracle-1", "oracle-2", "--threshold", 2)
    # What the governor did elsewhere the chain tells.
    assert parties.clinic.ok("provider", "register", "clinic")["provider_id"] == 1
    assert parties.insurer.ok("insurer", "balance")["payer_id"] == 1


# ---- what they do -------------------------------------------------------------------------------------


def _publish_terms(parties: Parties) -> None:
    insurer = parties.insurer
    plan, fees = insurer.folder / "plan.toml", insurer.folder / "fees.toml"
    plan.write_text(PLAN)
    fees.write_text(FEES)
    insurer.ok("insurer", "fund", 100_000)
    insurer.ok("insurer", "plan", plan)
    insurer.ok("insurer", "fees", fees)
    insurer.ok("insurer", "accept-provider", parties.address_of(parties.clinic, "clinic"))
    year = _visited(parties).year
    insurer.ok("insurer", "enrol", "maria", "--plan", 1, "--year", year)
    for receiver, name in ((parties.clinic, "clinic"), (parties.oracle, "oracle-1")):
        card = insurer.makes(f"for-{name}.card", "contacts", "card", "--for", name)
        assert receiver.ok("contacts", "import", card)["schedule_kept"] is True


def _sign_up_maria(parties: Parties) -> None:
    """She has no gas: what she signs the clinic sends."""
    wanted = [("fund", 500), ("accept-payer", "insurer"), ("consent", 1, "--limit", 200)]
    for number, command in enumerate(wanted):
        signed = parties.maria.makes(f"signed-{number}.json", "patient", "sign", *command, "--as", "maria")
        parties.clinic.ok("relay", "submit", signed, "--as", "clinic")
    (consent,) = parties.maria.ok("patient", "balance", "--as", "maria")["consents"]
    assert consent["provider"] == "clinic"


def _attest(parties: Parties, visit: str, **environment: str) -> Any:
    clinic = parties.clinic
    record = clinic.folder / f"{visit}.json"
    record.write_text(json.dumps(_record(visit, _visited(parties))))
    clinic.ok("provider", "ingest", record, "--patient", "maria", "--as", "clinic")
    return clinic.ok("provider", "attest", "--as", "clinic", **environment)


def _hand_over(parties: Parties) -> None:
    file = parties.clinic.folder / "events.sealed"
    parties.clinic.ok("provider", "export", file, "--to", "oracle-1", "--as", "clinic", "--force")
    receipts = parties.oracle.folder / "receipts.sealed"
    taken = parties.oracle.ok("oracle", "take", file, "--receipts", receipts, "--force")
    assert (taken["taken"], taken["refused"], taken["damaged_lines"]) == (1, [], []), taken
    assert parties.clinic.ok("provider", "take-receipts", receipts, "--as", "clinic")["accepted"] == 1


def _visited(parties: Parties) -> datetime:
    """A day before the chain's now."""
    return datetime.fromtimestamp(parties.protocol.now(), UTC) - timedelta(days=1)


def _record(visit: str, at: datetime) -> dict[str, Any]:
    """A bundle with one check-up visit of $100. Two visits have two moments."""
    person = {"resourceType": "Patient", "id": "pat"}
    start = (at + timedelta(minutes=len(visit))).isoformat(timespec="seconds")
    return bundle(
        person,
        CLINIC,
        encounter(id=visit, subject=ref(person), period={"start": start}),
        claim(item(f"Encounter/{visit}", net=usd(100.0)), id=f"claim-{visit}", patient=ref(person)),
    )
