"""The examples of docs/python.md and docs/tutorial.md run, and print what the pages say."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support import python_page

import chainbill
from chainbill.state.directory import StateDirectory
from chainbill.state.local_devnet import LocalDevnet

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE, TUTORIAL = DOCS / "python.md", DOCS / "tutorial.md"

TUTORIAL_DAY = datetime(2024, 3, 15, tzinfo=UTC)
"""When the tutorial's visits have taken place."""

LINES = 40
"""The tutorial promises no more."""

PLAN = """
plan = 1
deductible = "0"
out_of_pocket_maximum = "1000"

[office_visit]
copay = "25"
"""


@pytest.fixture
def local(tmp_path: Path, own_settings: None) -> Iterator[LocalDevnet]:
    local = LocalDevnet(StateDirectory.open(tmp_path / "devnet"))
    try:
        yield local
    finally:
        local.down()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Where the pages run."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_page__its_examples__run_and_print_what_it_says(local: LocalDevnet, work: Path) -> None:
    script = "\n".join(python_page.examples(PAGE))
    local.up()
    environment = python_page.furnish(work, local)
    printed = python_page.run(Path(sys.executable), work, script, local.require().rpc_url, environment)
    assert printed == python_page.promised(script)
    assert len(printed) > 10


def test_readme__its_example__runs_after_the_page_without_a_state_directory(
    local: LocalDevnet, work: Path
) -> None:
    (readme,) = python_page.examples(DOCS.parent / "README.md")
    page = "\n".join(python_page.examples(PAGE))
    script = f"{page}\nkey, provider_id = key('patient'), clinic_id\n{readme}"
    local.up()
    environment = python_page.furnish(work, local)
    printed = python_page.run(Path(sys.executable), work, script, local.require().rpc_url, environment)
    claims = [line.partition(" ") for line in printed[len(python_page.promised(page)) :]]
    # Which sequence is drawn.
    assert [number.partition(":")[0] for number, _, _ in claims] == ["1", "1", "2"]
    assert {rest for _, _, rest in claims} == {"SETTLED 25.00"}
    # What it had to keep, the notes of what was being sent, is where nobody else can look.
    (kept,) = (work / ".chainbill" / "deployed").iterdir()
    assert [each.stat().st_mode & 0o777 for each in (kept, kept.parent, kept.parent.parent)] == [0o700] * 3
    assert not (kept / "keystores").exists()


def test_tutorial__run_twice__tells_what_the_page_says(local: LocalDevnet, work: Path) -> None:
    local.up(timestamp=int(TUTORIAL_DAY.timestamp()))
    let_in(chainbill.connect(state=local.state.root))
    environment = python_page.furnish(work, local)
    (visits,) = python_page.blocks(TUTORIAL, "csv")
    (work / "visits.csv").write_text(visits, encoding="utf-8")
    (script,) = python_page.examples(TUTORIAL)
    url = local.require().rpc_url
    said = [block.splitlines() for block in python_page.blocks(TUTORIAL, "text")]
    first = python_page.run(Path(sys.executable), work, script, url, environment)
    assert first == said[0], "\n".join(first)
    bill = chainbill.connect(url, deployment=work / "deployment.json", state=work / "state")
    assert bill.oracle("oracle-1").settle().waited == 2
    second = python_page.run(Path(sys.executable), work, script, url, environment)
    assert second == said[1], "\n".join(second)


def let_in(bill: chainbill.Chainbill) -> None:
    """What the tutorial supposes: a registered clinic that an insurer pays, and a patient that consents."""
    insurer, patient, clinic = bill.insurer("insurer"), bill.patient("patient"), bill.provider("provider")
    provider_id = bill.governor().register_provider(clinic.address).provider_id
    bill.governor().create_payer(insurer.address)
    insurer.deposit("10000")
    insurer.publish_plan(chainbill.PlanFile.parse(PLAN))
    insurer.publish_fees({"check-up-visit": "100.00"})
    insurer.accept_provider(provider_id)
    insurer.enrol(patient.address, 1)
    patient.deposit("500")
    patient.accept_payer(insurer.payer_id)
    patient.consent(provider_id, limit="200")


def test_tutorial__its_code__is_forty_lines() -> None:
    (script,) = python_page.examples(TUTORIAL)
    assert 20 < len([line for line in script.splitlines() if line.strip()]) <= LINES
