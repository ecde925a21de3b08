"""A small town for the tests of the roles' commands: one devnet, one insurer with a plan and fees."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import click
from tests.support.fhir import CLINIC, bundle, claim, encounter, item, ref, usd

from chainbill.billing.plan_file import PlanFile
from chainbill.cli import cli
from chainbill.cli.shell.failures import run
from chainbill.money import DOLLAR
from chainbill.operations.actor import Actor
from chainbill.operations.governor.registrations import register_provider
from chainbill.operations.insurer.acceptances import accept_provider
from chainbill.operations.insurer.account import own_payer, payer_of
from chainbill.operations.insurer.fees import publish_fees
from chainbill.operations.insurer.members import enrol
from chainbill.operations.insurer.plans import publish_plan
from chainbill.operations.insurer.pool import deposit
from chainbill.operations.parties import provider_of
from chainbill.operations.patient.account import create as create_patient
from chainbill.operations.patient.consents import grant_consent
from chainbill.operations.patient.payers import accept_payer
from chainbill.operations.patient.wallet import deposit_with_permit
from chainbill.records.catalogue import Catalogue
from chainbill.records.fee_file import read_fees
from chainbill.state.address_book import Role
from chainbill.state.directory import StateDirectory
from chainbill.state.local_devnet import LocalDevnet
from chainbill.state.session import Session

VISIT_DAY = "2024-03-05T10:00:00+00:00"

PLAN = """
plan = 1
deductible = "0"
out_of_pocket_maximum = "1000"

[office_visit]
copay = "25"
"""
"""Every check-up visit costs the patient $25."""

FEES = """
[fees]
check-up-visit = "100.00"
lab-lipid-panel = "40.00"
"""
"""A service in a category the plan covers, and one in a category it does not."""

PATIENT_SHARE = "25.00"
PLAN_SHARE = "75.00"


class Ran(NamedTuple):
    """What one run of the program came to."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> Any:
        """Its JSON."""
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The two lines of an error."""
        assert self.code == 1, self
        assert self.out == "", "an error goes to stderr"
        assert self.err.startswith("error: "), self.err
        return self.err


class Town:
    """A running devnet and the program."""

    def __init__(self, local: LocalDevnet, folder: Path, read: Callable[[], tuple[str, str]]) -> None:
        self.state: StateDirectory = local.state
        self._folder = folder
        self.read = read

    def __call__(self, *arguments: object) -> Ran:
        """Run ``chainbill``, inside this process; a process of its own costs most of a second. What a command
        asks is answered beforehand, as a script does."""
        return self.asked(*arguments, *(["--yes"] if asks(arguments) else []))

    def asked(self, *arguments: object) -> Ran:
        """Run it as it is given: a command that asks finds nobody to ask."""
        self.read()
        given = ["--state-dir", str(self.state.root), *(str(argument) for argument in arguments)]
        code = run(cli, given)
        return Ran(code, *self.read())

    def ok(self, *arguments: object) -> Any:
        """Run it with ``--json``; it must succeed."""
        ran = self(*arguments, "--json")
        assert ran.code == 0, ran
        return ran.facts

    def session(self) -> Session:
        """The town's chain, for looking at it without the program."""
        return Session.open(self.state)

    def file(self, name: str, content: str | dict[str, Any]) -> Path:
        """A file with that content."""
        path = self._folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    def record(self, *visits: str, price: float = 100.0, day: str = VISIT_DAY, patient: str = "pat") -> Path:
        """A bundle with a check-up visit for each id, one a minute, each with a claim of its own.

        Two visits at one moment would be one visit, in two files as well: the first id says when they begin.
        """
        person = {"resourceType": "Patient", "id": patient}
        resources = [person, CLINIC]
        for minute, visit in enumerate(visits):
            later = crc32(visits[0].encode()) % (8 * 3600)
            start = (datetime.fromisoformat(day) + timedelta(seconds=later, minutes=minute)).isoformat()
            resources += [
                encounter(id=visit, subject=ref(person), period={"start": start}),
                claim(item(f"Encounter/{visit}", net=usd(price)), id=f"claim-{visit}", patient=ref(person)),
            ]
        return self.file(f"{'-'.join(visits)}.json", bundle(*resources))

    def clinic(self) -> str:
        """A new registered provider that the insurer has accepted; returns its name."""
        session = self.session()
        name = f"clinic-{session.protocol.registry.provider_count() + 1}"
        provider_id = register_provider(session, name).provider_id
        insurer = Actor.named(session, "insurer", Role.INSURER)
        accept_provider(insurer, payer_of(insurer), provider_id)
        return name

    def patient(self, name: str, *consent_to: str, fund: int = 500, limit: int = 200) -> str:
        """A patient with everything that settling needs, unless told otherwise; returns the name."""
        session = self.session()
        create_patient(session, name)
        patient = Actor.named(session, name, Role.PATIENT)
        insurer = Actor.named(session, "insurer", Role.INSURER)
        payer_id = payer_of(insurer)
        if fund:
            deposit_with_permit(patient, fund * DOLLAR)
        accept_payer(patient, payer_id)
        for provider in consent_to:
            grant_consent(patient, provider_of(session, provider)[1], limit=limit * DOLLAR)
        enrol(insurer, payer_id, patient.address, 1)
        return name

    def attest(self, provider: str, patient: str, *visits: str, price: float = 100.0) -> Any:
        """Ingest and attest visits of a patient."""
        file = self.record(*visits, price=price)
        self.ok("provider", "ingest", file, "--patient", patient, "--as", provider)
        # It exits with 1 where all of it was refused.
        return self("provider", "attest", "--as", provider, "--json").facts

    def settle(self, provider: str) -> list[dict[str, Any]]:
        """Settle what waits; a provider's rows, by sequence."""
        settled = self.ok("oracle", "settle")
        rows = [row for batch in settled["batches"] for row in batch["rows"] if row["provider"] == provider]
        return sorted(rows, key=lambda row: row["sequence"])


def asks(arguments: Sequence[object]) -> bool:
    """Has the command that is named a ``--yes``, and is it not given?"""
    command: click.Command | None = cli
    for word in arguments:
        if isinstance(command, click.Group):
            command = command.get_command(click.Context(command), str(word))
    options = [option for parameter in command.params for option in parameter.opts] if command else []
    return "--yes" in options and "--yes" not in arguments


def furnish(town: Town) -> None:
    """The insurer."""
    insurer = Actor.named(town.session(), "insurer", Role.INSURER)
    payer_id = own_payer(insurer).payer_id
    plan, fees = town.file("plan.toml", PLAN), town.file("fees.toml", FEES)
    deposit(insurer, payer_id, 100_000 * DOLLAR)
    publish_plan(insurer, payer_id, PlanFile.read(plan))
    publish_fees(insurer, payer_id, read_fees(fees, Catalogue.load()))
