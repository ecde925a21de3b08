"""Who uses the library under mypy, without chainbill's own settings and plugins, is told what is wrong and
nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from datetime import UTC, datetime
from eth_account import Account
import chainbill

bill = chainbill.connect("http://127.0.0.1:8545", deployment="deployment.json")
event = chainbill.ServiceEvent(
    kind=chainbill.ServiceKind.IN_PERSON_VISIT,
    record_identity="Encounter/1",
    patient=chainbill.Party(reference="Patient/1"),
    provider=chainbill.Party(reference="Organization/1"),
    service="check-up-visit",
    category=1,
    description="Check-up visit",
    performed_at=datetime.now(UTC),
    billed_amount=chainbill.parse_dollars("120"),
    price_source=chainbill.PriceSource.CLAIM_ITEM,
)
key = Account.create()
card: chainbill.SignedCard = bill.contacts.card(key, role="patient", name="maria")
kept: bool = bill.provider(key).attest(event, patient="maria").custody is chainbill.Custody.PROVIDER
bill.patient(key).deposit("1.50")
bill.patient(key).consent(1, limit="2")
"""

WRONG = {
    'bill.contacts.card(key, role="nurse")': "arg-type",
    "bill.patient(key).deposit(1.5)": "arg-type",
    'chainbill.Party(name="Maria")': "call-arg",
    "bill.nothing": "attr-defined",
}


@pytest.mark.slow
def test_program__under_a_plain_mypy__has_the_errors_that_it_has(tmp_path: Path) -> None:
    right, wrong = PROGRAM.count("\n"), "\n".join(WRONG)
    (tmp_path / "program.py").write_text(f"{PROGRAM}{wrong}\n", encoding="utf-8")
    (tmp_path / "mypy.ini").write_text("[mypy]\nstrict = True\n", encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "program.py"]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = re.findall(r"^program\.py:(\d+): error: .*\[([\w-]+)\]$", checked.stdout, re.MULTILINE)
    assert [(int(line) - right, code) for line, code in found] == list(enumerate(WRONG.values(), start=1)), (
        checked.stdout
    )
