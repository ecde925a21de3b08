"""Where the passphrase comes from."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from chainbill.errors import StateError
from chainbill.state.passphrase import make_passphrase, passphrase_from, passphrase_of


@pytest.fixture(autouse=True)
def nobody_at_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHAINBILL_PASSPHRASE", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())


def test_make_passphrase__twice__keeps_the_first_private(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    make_passphrase(file)
    made = passphrase_from(file)
    make_passphrase(file)
    assert passphrase_from(file) == made
    assert len(made) == 32
    assert file.stat().st_mode & 0o777 == 0o600


def test_passphrase__in_the_environment__wins_and_makes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_passphrase(tmp_path / "passphrase")
    monkeypatch.setenv("CHAINBILL_PASSPHRASE", "from the environment")
    assert passphrase_from(tmp_path / "passphrase") == "from the environment"
    make_passphrase(tmp_path / "another")
    assert not (tmp_path / "another").exists()


def test_passphrase__nowhere__is_an_error_that_says_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="no passphrase") as refusal:
        passphrase_from(tmp_path / "passphrase")
    assert "CHAINBILL_PASSPHRASE" in (refusal.value.hint or "")


def test_passphrase__file_open_to_others__is_refused(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    make_passphrase(file)
    file.chmod(0o644)
    with pytest.raises(StateError, match="open to other users"):
        passphrase_from(file)


def test_passphrase__somebody_at_the_terminal__is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("chainbill.state.passphrase.getpass", lambda _: "typed")
    assert passphrase_from(tmp_path / "passphrase") == "typed"


def test_passphrase__typed_otherwise_the_second_time__locks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter(["typed", "tpyed", "typed", "typed"])
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("chainbill.state.passphrase.getpass", lambda _: next(typed))
    with pytest.raises(StateError, match="another passphrase than the first time"):
        passphrase_from(tmp_path / "passphrase", twice=True)
    assert passphrase_from(tmp_path / "passphrase", twice=True) == "typed"


def test_passphrase__of_a_file_of_elsewhere__is_the_file_s_or_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "of the wallet"
    file.write_text("of the wallet\n")
    file.chmod(0o600)
    assert passphrase_of("the keystore", file) == "of the wallet"
    with pytest.raises(StateError, match="there is no file"):
        passphrase_of("the keystore", tmp_path / "missing")
    with pytest.raises(StateError, match="no passphrase for the keystore"):
        passphrase_of("the keystore", None)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("chainbill.state.passphrase.getpass", lambda _: "typed")
    assert passphrase_of("the keystore", None) == "typed"
