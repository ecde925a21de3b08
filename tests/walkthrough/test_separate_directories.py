"""Each role with a state directory of its own, on somebody else's chain: the walk-through, a dispute, and the
statement with its details."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from tests.support.separate_parties import audit, dispute, settle_in, shared_folder, walk_through

from chainbill.chain.deploy import deploy
from chainbill.chain.devnet.anvil import start
from chainbill.chain.devnet.devnet import Devnet
from chainbill.chain.node.connection import connect
from chainbill.state import keystores


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[tuple[str, LocalAccount]]:
    """A node of somebody else's, and the one account there that has its coin."""
    anvil = start(tmp_path / "chain.json", tmp_path / "anvil.log")
    try:
        funder = Account.create()
        devnet = Devnet(anvil)
        devnet.give_gas(funder.address)
        yield devnet.rpc_url, funder
    finally:
        anvil.kill()


@pytest.mark.slow
def test_roles__each_in_a_directory_of_its_own__pay_dispute_explain_and_add_up(
    chain: tuple[str, LocalAccount],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # One test and not several: settling in alone takes thirty commands.
    monkeypatch.setattr(keystores, "SCRYPT_N", 2)
    rpc_url, governor = chain
    first_member = Account.create().address
    deployment = deploy(connect(rpc_url), governor, oracle_members=[first_member], threshold=1)
    parties = settle_in(rpc_url, deployment, governor, tmp_path, lambda: tuple(capfd.readouterr()))
    walk_through(parties)
    dispute(parties)
    shared_folder(parties, tmp_path / "records")
    audit(parties)
