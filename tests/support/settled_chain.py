"""One chain with a past, told once; a test that touches contract state gives the chain back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from tests.support.disputed_history import tell_more
from tests.support.settled_history import BEGIN, Story, tell

from chainbill.chain.devnet.anvil import start
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.errors import ChainbillError
from chainbill.ledger.indexer import fetch_ledger
from chainbill.ledger.raw_logs import RawLedger


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The told story, on an anvil of its own."""
    folder = tmp_path_factory.mktemp("audit-anvil")
    anvil = start(folder / "state.json", folder / "anvil.log", timestamp=BEGIN)
    try:
        told = Story(anvil.rpc_url)
        tell(told)
        tell_more(told)
        yield told
    finally:
        with suppress(ChainbillError):
            anvil.kill()


@pytest.fixture(scope="session")
def node(story: Story) -> Iterator[JsonRpc]:
    """The auditor's connection."""
    with JsonRpc(story.rpc_url, timeout_seconds=120) as connection:
        yield connection


@pytest.fixture(scope="session")
def ledger_copy(story: Story, node: JsonRpc) -> RawLedger:
    """The story's logs."""
    return fetch_ledger(node, story.deployment)


@pytest.fixture
def restored(story: Story) -> Iterator[None]:
    """Takes back what a test does to the chain."""
    snapshot = story.rpc("evm_snapshot")
    yield
    story.rpc("evm_revert", snapshot)
