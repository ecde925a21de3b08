"""Each role with a state directory of its own, on geth: the walk-through, a dispute, the statement with its
details, and the audit."""

from __future__ import annotations

from pathlib import Path

import pytest
from eth_account import Account
from scripts.networks.geth import Geth
from tests.support.separate_parties import audit, dispute, settle_in, shared_folder, walk_through

from chainbill.chain.deploy import deploy
from chainbill.chain.node.connection import connect
from chainbill.state import keystores

pytestmark = pytest.mark.networks


def test_roles__each_in_a_directory_of_its_own_on_geth__pay_dispute_explain_and_add_up(
    geth: Geth,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(keystores, "SCRYPT_N", 2)
    member = Account.create().address
    deployment = deploy(connect(geth.rpc_url), geth.funded, oracle_members=[member], threshold=1)
    parties = settle_in(geth.rpc_url, deployment, geth.funded, tmp_path, lambda: tuple(capfd.readouterr()))
    walk_through(parties)
    dispute(parties)
    shared_folder(parties, tmp_path / "records")
    audit(parties)
