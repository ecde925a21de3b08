"""The state directory is its owner's alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chainbill.errors import StateError
from chainbill.state.directory import StateDirectory


def test_open__missing__is_made_private_with_its_parents(tmp_path: Path) -> None:
    state = StateDirectory.open(tmp_path / "a" / "b")
    assert state.root.stat().st_mode & 0o777 == 0o700


def test_open__nothing_named__is_the_environments_or_in_the_home_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CHAINBILL_STATE_DIR", raising=False)
    assert StateDirectory.open().root == tmp_path / ".chainbill"
    monkeypatch.setenv("CHAINBILL_STATE_DIR", str(tmp_path / "named"))
    assert StateDirectory.open().root == tmp_path / "named"
    assert StateDirectory.open(tmp_path / "argument").root == tmp_path / "argument"


@pytest.mark.parametrize("mode", [0o770, 0o777, 0o755, 0o701])
def test_open__in_use_and_open_to_others__is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    root = tmp_path / "state"
    root.mkdir()
    (root / "something").touch()
    root.chmod(mode)
    with pytest.raises(StateError, match=f"open to other users \\(mode {mode:o}\\)") as refusal:
        StateDirectory.open(root)
    assert f"chmod 700 {root}" in (refusal.value.hint or "")
    assert root.stat().st_mode & 0o777 == mode


def test_open__empty_and_open_to_others__is_closed_to_them(tmp_path: Path) -> None:
    root = tmp_path / "state"
    root.mkdir()
    root.chmod(0o777)
    StateDirectory.open(root)
    assert root.stat().st_mode & 0o777 == 0o700


def test_open__another_users__is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = tmp_path.stat().st_uid + 1
    monkeypatch.setattr(os, "geteuid", lambda: stranger)
    with pytest.raises(StateError, match="belongs to another user"):
        StateDirectory.open(tmp_path)


def test_open__a_file__is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="is a file"):
        StateDirectory.open(tmp_path / "file")


def test_forget_chain__everything_there__leaves_keys_names_and_other_chains(tmp_path: Path) -> None:
    state = StateDirectory.open(tmp_path / "state")
    gone = [
        state.devnet_record,
        state.anvil_state,
        state.deployments / "31337.json",
        state.schedules / "1.json",
        state.vault / "ab.sealed",
        state.oracle_database,
        Path(f"{state.oracle_database}-wal"),
        state.provider_database("provider"),
    ]
    kept = [
        state.keystores / "patient.json",
        state.address_book,
        state.passphrase,
        state.deployments / "1.json",
    ]
    for path in gone + kept:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    state.forget_chain(31337)
    assert [path.exists() for path in gone] == [False] * len(gone)
    assert [path.exists() for path in kept] == [True] * len(kept)
