"""Deployment records: one file per chain id, replaced in one step, refused where they are not right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chainbill.chain.deployments import Deployment, load_deployment, save_deployment
from chainbill.errors import NotDeployed

ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
NAMES = ("governance", "token", "registry", "escrow", "payers", "settlement")


def deployment(chain_id: int = 31337, block: int = 1) -> Deployment:
    return Deployment(chain_id=chain_id, block=block, **dict.fromkeys(NAMES, ADDRESS))


def test_save_deployment__new_folder__is_private_and_reads_back(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "deployments"
    path = save_deployment(folder, deployment())
    assert path == folder / "31337.json"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert load_deployment(folder, 31337) == deployment()
    assert [file.name for file in folder.iterdir()] == ["31337.json"]


def test_save_deployment__two_chains__are_kept_apart(tmp_path: Path) -> None:
    save_deployment(tmp_path, deployment(1))
    save_deployment(tmp_path, deployment(2, block=9))
    assert load_deployment(tmp_path, 1).block == 1
    assert load_deployment(tmp_path, 2).block == 9


def test_save_deployment__again__replaces_the_record(tmp_path: Path) -> None:
    save_deployment(tmp_path, deployment())
    save_deployment(tmp_path, deployment(block=5))
    assert load_deployment(tmp_path, 31337).block == 5


def test_load_deployment__none__says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotDeployed, match="chain 31337") as missing:
        load_deployment(tmp_path, 31337)
    assert missing.value.hint


BROKEN = {
    "not JSON": "{",
    "not an object": "[]",
    "a field missing": json.dumps({"chain_id": 31337}),
    "a field too many": json.dumps({**deployment().model_dump(), "owner": ADDRESS}),
    "an address without checksum": json.dumps({**deployment().model_dump(), "token": ADDRESS.lower()}),
    "an address cut short": json.dumps({**deployment().model_dump(), "token": ADDRESS[:-1]}),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_load_deployment__broken_record__is_one_clear_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "31337.json").write_text(content, encoding="utf-8")
    with pytest.raises(NotDeployed, match=r"31337\.json is not a deployment record"):
        load_deployment(tmp_path, 31337)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe{", b"[" * 100_000, b"{}", b"null"])
def test_load__not_a_record__is_said_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "1.json").write_bytes(content)
    with pytest.raises(NotDeployed, match="is not a deployment record"):
        load_deployment(tmp_path, 1)


def test_load__no_file_but_a_folder__is_said_so(tmp_path: Path) -> None:
    (tmp_path / "1.json").mkdir()
    with pytest.raises(NotDeployed, match="cannot be read: Is a directory"):
        load_deployment(tmp_path, 1)
