"""The anvil binary: which one, how it is started, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account

from chainbill.chain.devnet import anvil as module
from chainbill.chain.devnet import anvil_binary
from chainbill.chain.devnet.anvil import Anvil, find_anvils, fingerprint, start
from chainbill.chain.devnet.anvil_binary import anvil_version, find_anvil
from chainbill.chain.devnet.devnet import saved_block
from chainbill.errors import ChainError, DevnetError

FAKE = Path(__file__).with_name("fake_anvil.py")


@pytest.fixture
def anvil(tmp_path: Path) -> Iterator[Anvil]:
    anvil = start(tmp_path / "state.json", tmp_path / "log")
    yield anvil
    anvil.kill()


def executable(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(0o755)
    return path


def disobedient(folder: Path, behaviour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = f'#!/bin/sh\nexec {sys.executable} {FAKE} $0 "$@"\n'
    monkeypatch.setenv("CHAINBILL_ANVIL", str(executable(folder / "fake", script)))
    monkeypatch.setenv("MISBEHAVIOUR", behaviour)


def test_find_anvil__named_by_the_environment__is_that_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = executable(tmp_path / "mine", "")
    monkeypatch.setenv("CHAINBILL_ANVIL", str(named))
    assert find_anvil() == named
    monkeypatch.setenv("CHAINBILL_ANVIL", str(tmp_path / "nothing"))
    with pytest.raises(DevnetError, match=r"CHAINBILL_ANVIL names .*nothing"):
        find_anvil()


def test_find_anvil__below_a_project__is_found_upward_before_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = find_anvil()
    package = Path("node_modules", "@foundry-rs", installed.parent.parent.name, "bin", "anvil")
    ours = executable(tmp_path / package, "binary")
    executable(tmp_path / "path" / "anvil", "binary")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert find_anvil() == ours


def test_find_anvil__npms_launcher_on_path__is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the package were installed where no node_modules is near.
    monkeypatch.setattr(anvil_binary, "__file__", str(tmp_path / "package" / "anvil.py"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    with pytest.raises(DevnetError, match="not installed"):
        find_anvil()
    launcher = executable(tmp_path / "path" / "anvil", "#!/usr/bin/env node\n")
    with pytest.raises(DevnetError, match="not installed"):
        find_anvil()
    launcher.write_text("binary")
    assert find_anvil() == launcher


def test_anvil_version__installed__is_a_number() -> None:
    assert anvil_version(find_anvil()).split(".")[0].isdecimal()


def test_start__new_chain__has_no_accounts_and_no_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINBILL_PASSPHRASE", "secret words")
    anvil = start(tmp_path / "state.json", tmp_path / "log")
    try:
        assert anvil.call("eth_accounts") == []
        environment = Path(f"/proc/{anvil.pid}/environ")
        if environment.exists():
            assert b"secret words" not in environment.read_bytes()
    finally:
        anvil.kill()
    assert (tmp_path / "log").read_text() == ""


def test_start__transaction_over_the_gas_cap__is_refused(anvil: Anvil) -> None:
    patient = Account.from_key(b"\1" * 32)
    anvil.call("anvil_setBalance", patient.address, hex(10**20))

    def send(gas: int) -> str:
        terms = {"to": patient.address, "nonce": 0, "gas": gas, "gasPrice": 10**10, "chainId": 31337}
        return str(
            anvil.call("eth_sendRawTransaction", patient.sign_transaction(terms).raw_transaction.to_0x_hex())
        )

    with pytest.raises(ChainError, match="gas_limit_cap"):
        send(2**24 + 1)
    assert send(2**24).startswith("0x")


def test_start__port_taken__says_so_and_leaves_nothing(tmp_path: Path) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        with pytest.raises(DevnetError, match=f"port {port} is taken"):
            start(tmp_path / "state.json", tmp_path / "log", port=port)


def test_start__unreadable_state__says_what_anvil_said(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(DevnetError, match="anvil would not start: invalid value"):
        start(tmp_path / "state.json", tmp_path / "log")


def test_start__never_answers__is_ended_and_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disobedient(tmp_path, "says nothing", monkeypatch)
    monkeypatch.setattr(module, "START_SECONDS", 0.3)
    born: list[Anvil] = []
    with pytest.raises(DevnetError, match="does not answer"):
        start(tmp_path / "state.json", tmp_path / "log", on_born=born.append)
    assert not born[0].is_running()


def test_start__told_of_its_birth__it_can_do_nothing_yet(tmp_path: Path) -> None:
    def look(anvil: Anvil) -> None:
        assert anvil.is_running()
        assert find_anvils(tmp_path) == [anvil]
        with pytest.raises(ChainError, match="does not answer"):
            anvil.call("eth_chainId")
        anvil._signal(signal.SIGTERM)
        assert anvil._gone_within(10)
        assert not (tmp_path / "state.json").exists()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        start(tmp_path / "state.json", tmp_path / "log", on_born=look)
    assert find_anvils(tmp_path) == []


def test_find_anvils__another_folders_or_another_program__is_not_among_them(
    anvil: Anvil, tmp_path: Path
) -> None:
    assert find_anvils(tmp_path) == [anvil]
    assert find_anvils(tmp_path / "other") == []
    # It reads the same file, and is no anvil of ours.
    reader = subprocess.Popen(
        [sys.executable, "-c", "input()", "--state", str(anvil.state_file)], stdin=subprocess.PIPE
    )
    try:
        assert find_anvils(tmp_path) == [anvil]
    finally:
        reader.communicate(b"\n")


def test_is_running__same_pid_and_arguments_but_born_at_another_time__is_not_it(anvil: Anvil) -> None:
    later = anvil.model_copy(update={"born": "1"})
    assert not later.is_running()
    later.kill()
    assert anvil.is_running()


def test_start__two_files__goes_on_from_one_and_writes_the_other(anvil: Anvil, tmp_path: Path) -> None:
    anvil.call("evm_mine")
    (tmp_path / "saved.json").write_bytes(anvil.dump())
    before = (tmp_path / "saved.json").read_bytes()
    again = start(tmp_path / "run.json", tmp_path / "log-2", load_from=tmp_path / "saved.json")
    assert again.call("eth_blockNumber") == "0x1"
    again.stop()
    assert (tmp_path / "saved.json").read_bytes() == before
    assert saved_block(tmp_path / "run.json")[0] == 1


def test_stop__running__writes_its_state_and_is_gone(anvil: Anvil) -> None:
    assert anvil.is_running()
    assert fingerprint(anvil.state_file) is None
    anvil.stop()
    assert fingerprint(anvil.state_file) is not None
    assert not anvil.is_running()
    with pytest.raises(ChainError, match="does not answer"):
        anvil.call("eth_chainId")


def test_stop__ignored__kills_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disobedient(tmp_path, "ignores SIGTERM", monkeypatch)
    anvil = start(tmp_path / "state.json", tmp_path / "log")
    with pytest.raises(DevnetError, match="was killed"):
        anvil.stop(timeout_seconds=0.2)
    assert not anvil.is_running()


def test_stop__nothing_saved__says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disobedient(tmp_path, "saves nothing", monkeypatch)
    anvil = start(tmp_path / "state.json", tmp_path / "log")
    with pytest.raises(DevnetError, match="without saving its chain"):
        anvil.stop()
    assert not anvil.is_running()


def test_is_running__pid_of_another_program__is_not_ours_to_end(tmp_path: Path) -> None:
    reused = Anvil(pid=os.getpid(), port=8545, state_file=tmp_path / "state.json")
    assert not reused.is_running()
    reused.kill()  # Would end this very test.


def test_call__refused__is_an_error_with_the_nodes_words(anvil: Anvil) -> None:
    with pytest.raises(ChainError, match="refused no_such_method"):
        anvil.call("no_such_method")
