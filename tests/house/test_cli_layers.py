"""The command line is a face: it imports operations, what they give back, and the state; nothing below."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.house import import_layers

OPEN = {"cli", "operations", "client", "statements", "state", "errors", "money", "protocol_constants"}
"""The layers that a command may import, chainbill itself besides."""

LEFT: dict[str, tuple[set[str], str]] = {
    "chainbill.cli.bench": (
        {
            *(
                "scenario.bench_fork",
                "scenario.bench_gas",
                "scenario.bench_scenarios",
                "scenario.gas_profile",
            ),
            *("scenario.linker.population", "scenario.linker.practice", "scenario.linker.report"),
        },
        "shows the benchmarks, which stand above operations",
    ),
    "chainbill.cli.demo": (
        {"chain.devnet.ending", "interop.fhir", "records.catalogue", "scenario.demo"},
        "shows the demonstration, which stands above operations",
    ),
    "chainbill.cli.deploy": (
        {"chain.deployments", "chain.node.fees", "chain.roles"},
        "what is deployed is its subject",
    ),
    "chainbill.cli.devnet": ({"chain.devnet.devnet"}, "the devnet is its subject"),
    "chainbill.cli.network": (
        {"chain.node.answer", "chain.node.fees", "chain.node.finality"},
        "how a node is dealt with is its subject",
    ),
    "chainbill.cli.oracle.group": (
        {
            "attestation.claim_number",
            "attestation.typed_data",
            "billing.outcomes",
            "oracle.api",
            "oracle.receipts",
        },
        "names the types of what an operation gives back",
    ),
    "chainbill.cli.provider.correct": (
        {"interop.fhir", "interop.fhir.files", "records.catalogue", "records.service_event"},
        "reads the files that are given to it: a catalogue, a plan, fees, prices, records",
    ),
    "chainbill.cli.provider.ingest": (
        {"interop.fhir", "interop.patient_accounts", "records.catalogue", "records.service_event"},
        "reads the files that are given to it: a catalogue, a plan, fees, prices, records",
    ),
    "chainbill.cli.shell.given_files": (
        {"interop.file_forms"},
        "says what a file is that was given in the place of another",
    ),
    "chainbill.cli.shell.next_steps": (
        {"attestation.typed_data", "billing.outcomes", "oracle.api"},
        "says what to do about each reason and status",
    ),
    "chainbill.cli.shell.parameters": ({"attestation.address"}, "refuses what is no address while it parses"),
}
"""What is left of other imports, by module of the command line, and why. It may only shrink."""


def below(package: Path) -> dict[str, set[str]]:
    """What each module of the command line imports of other layers."""
    modules = import_layers.find_modules(package)
    found: dict[str, set[str]] = {}
    for name, path in modules.items():
        if name.split(".")[1:2] != ["cli"]:
            continue
        for _, imported in import_layers.imported_names(name, path):
            parts = import_layers.owner(imported, modules).split(".")
            if parts[0] == "chainbill" and len(parts) > 1 and parts[1] not in OPEN:
                found.setdefault(name, set()).add(".".join(parts[1:]))
    return found


FOUND = below(Path(__file__).resolve().parents[2] / "src" / "chainbill")


@pytest.mark.parametrize("module", sorted({*FOUND, *LEFT}))
def test_command_line__imports__no_more_than_is_left(module: str) -> None:
    allowed, reason = LEFT.get(module, (set(), "nothing"))
    assert FOUND.get(module, set()) == allowed, f"left: {reason}"
    assert reason


def test_below__import_of_a_lower_layer__is_found_wherever_it_stands(tmp_path: Path) -> None:
    package = tmp_path / "chainbill"
    for name, text in {
        "__init__.py": "",
        "state.py": "",
        "chain/__init__.py": "",
        "chain/node.py": "",
        "cli/__init__.py": "",
        "cli/good.py": "from chainbill import state\nimport click\n",
        "cli/bad.py": "from chainbill import state\ndef run():\n    from chainbill.chain.node import Node\n",
    }.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert below(package) == {"chainbill.cli.bad": {"chain.node"}}
