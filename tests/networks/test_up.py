"""A chain run by hand: it says where it is, ends when it is asked to, and is gone on with the next time."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from chainbill.chain.node.json_rpc import JsonRpc


@contextmanager
def up(project_root: Path, folder: Path) -> Iterator[dict[str, Any]]:
    """A devnet as long as the block lasts, and what it says of itself."""
    command = [sys.executable, "-m", "scripts.networks", "up", "devnet", "--folder", folder]
    process = subprocess.Popen(command, cwd=project_root, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.mark.slow
def test_up__twice_in_one_folder__is_the_same_chain_with_the_same_account(
    project_root: Path, tmp_path: Path
) -> None:
    with up(project_root, tmp_path) as first, JsonRpc(first["rpc_urls"][0]) as node:
        assert int(node.call("eth_chainId"), 16) == first["chain_id"]
        assert int(node.call("eth_getBalance", first["funded"], "latest"), 16) > 10**24
        node.call("evm_mine")
        newest = node.call("eth_getBlockByNumber", "latest", False)["hash"]
    key = tmp_path / "funded.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert Account.from_key(key.read_text()).address == first["funded"]
    with up(project_root, tmp_path) as second, JsonRpc(second["rpc_urls"][0]) as node:
        assert second["funded"] == first["funded"]
        assert node.call("eth_getBlockByHash", newest, False) is not None
