"""A provider with a machine of its own, on the town's chain, which hands its events to the town's oracle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.roles import Town
from tests.support.separate_parties import Party

from chainbill.state import keystores


@pytest.fixture
def elsewhere(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Party:
    """Somebody with a state directory of their own, on the town's chain."""
    monkeypatch.setattr(keystores, "SCRYPT_N", 2)
    session = town.session()
    return Party("elsewhere", tmp_path, session.rpc_url, session.protocol.deployment, town.read)


@pytest.fixture
def far_clinic(town: Town, elsewhere: Party) -> Party:
    """A provider with a machine of its own, which the insurer has accepted and told its schedule."""
    elsewhere.ok("accounts", "new", "far-clinic", "--role", "provider")
    session = town.session()
    known = session.book.entries().get("far-clinic")
    if known is not None:
        session.book.remove("far-clinic")
    town.ok("contacts", "import", elsewhere.makes("card", "contacts", "card"))
    town.ok("governor", "register-provider", "far-clinic")
    town.ok("insurer", "accept-provider", "far-clinic")
    for number, options in enumerate([("insurer", "--for", "far-clinic"), ("oracle-1",), ("oracle-2",)]):
        card = elsewhere.folder / f"{number}.card"
        town.ok("contacts", "card", "--as", *options, "--output", card)
        elsewhere.ok("contacts", "import", card)
    return elsewhere


def ready(town: Town, far_clinic: Party, name: str, visit: str, *, consents: bool = True) -> int:
    """A patient of the town whom the far clinic has attested a visit of; the clinic's id."""
    provider_id = int(far_clinic.ok("provider", "balance")["provider_id"])
    patient = town.patient(name)
    if consents:
        town.ok("patient", "consent", provider_id, "--limit", 200, "--as", patient)
    card = far_clinic.folder / f"{name}.card"
    town.ok("contacts", "card", "--as", name, "--output", card)
    far_clinic.ok("contacts", "import", card)
    far_clinic.ok("provider", "ingest", town.record(visit), "--patient", name)
    assert len(far_clinic.ok("provider", "attest")["attested"]) == 1
    return provider_id


def export(far_clinic: Party) -> Any:
    file = far_clinic.folder / "events.sealed"
    return far_clinic.ok("provider", "export", file, "--to", "oracle-1", "--force") | {"file": file}
