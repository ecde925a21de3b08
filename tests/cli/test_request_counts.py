"""How many round trips to the node a command takes that knows nothing yet, counted by a proxy."""

from __future__ import annotations

import pytest
from tests.support.node_proxy import proxy_before
from tests.support.roles import Town

EVENTS = [f"trip-{number}" for number in range(20)]


def trips(town: Town, *arguments: object) -> int:
    """Of one command."""
    devnet = town.session().devnet
    assert devnet is not None
    with proxy_before(devnet.rpc_url) as proxy:
        ran = town("--rpc-url", proxy.url, *arguments)
        assert ran.code == 0, ran
        return len(proxy.asked)


@pytest.fixture
def waiting(town: Town, clinic: str) -> str:
    """A clinic with events of one patient to be attested."""
    record = town.record(*EVENTS)
    town.ok("provider", "ingest", record, "--patient", town.patient("traveller", clinic), "--as", clinic)
    return clinic


def test_attest_and_statement__however_many_events__take_a_few_round_trips(town: Town, waiting: str) -> None:
    attesting = trips(town, "provider", "attest", "--as", waiting)
    town.settle(waiting)
    stating = trips(town, "patient", "statement", "--as", "traveller")

    assert attesting <= 13
    assert stating <= 8
