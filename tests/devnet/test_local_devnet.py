"""The devnet's life: up, up again, down, and what is said after a crash. Nothing is left running."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chainbill.chain.devnet.anvil import fingerprint, start
from chainbill.chain.devnet.devnet import GAS_MONEY, Devnet
from chainbill.chain.node.connection import connect
from chainbill.chain.protocol import Protocol
from chainbill.errors import ChainError, DevnetError, StateError
from chainbill.state import devnet_accounts as cast
from chainbill.state import saved_chain
from chainbill.state.address_book import AddressBook, Contact, Role
from chainbill.state.devnet_accounts import ACCOUNTS, SPENDING_MONEY
from chainbill.state.directory import StateDirectory
from chainbill.state.local_devnet import DevnetRecord, LocalDevnet, Started, running_devnet
from chainbill.state.session import Session


def record_of(local: LocalDevnet) -> DevnetRecord:
    return DevnetRecord.model_validate_json(local.state.devnet_record.read_bytes())


def rewrite(local: LocalDevnet, **changes: object) -> None:
    record = record_of(local).model_copy(update=changes)
    local.state.devnet_record.write_text(record.model_dump_json())


def gone_within(seconds: float, pid: int) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/cmdline").exists() and not Path(f"/proc/{pid}/cmdline").read_bytes():
                return True  # A zombie that nobody collects.
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False


def test_up__empty_directory__deploys_and_makes_funded_accounts(empty: LocalDevnet) -> None:
    assert empty.up() is Started.NEW
    status = empty.status()
    assert status.running
    assert {name: contact.role for name, contact in status.accounts.items()} == ACCOUNTS
    session = Session.open(empty.state)
    assert session.protocol.settlement.epoch(1)[:2] == (2, 3)
    for name, contact in status.accounts.items():
        assert session.account(name).address == contact.address
        assert session.vault_key(name).public.hex() == contact.vault_public_key
        assert session.protocol.token.balance_of(contact.address) == SPENDING_MONEY.get(name, 0)
        gas = int(session.devnet.anvil.call("eth_getBalance", contact.address, "latest"), 16)  # type: ignore[union-attr]
        assert GAS_MONEY * 0.99 < gas <= GAS_MONEY


def test_up__empty_directory__every_file_is_its_owners_alone(empty: LocalDevnet) -> None:
    empty.up()
    empty.down()
    for path in empty.state.root.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_up__running_already__changes_nothing(local: LocalDevnet) -> None:
    assert local.up() is Started.RESTORED
    before = record_of(local)
    assert local.up() is Started.ALREADY_RUNNING
    assert record_of(local) == before
    with pytest.raises(DevnetError, match="the devnet is running at"):
        local.up(fresh=True)
    assert local.require().anvil == before.anvil


def test_down_and_up__a_transaction_in_between__keeps_blocks_logs_and_contracts(local: LocalDevnet) -> None:
    local.up()
    session = Session.open(local.state)
    sender = session.sender("governor")
    patient = session.book.get("patient").address
    receipt = session.protocol.token.mint(sender, patient, 42)
    pid = record_of(local).anvil.pid
    assert local.down()
    assert gone_within(1, pid)
    assert local.up() is Started.RESTORED

    again = Session.open(local.state)
    assert again.protocol.token.balance_of(patient) == SPENDING_MONEY["patient"] + 42
    logs = again.protocol.w3.eth.get_logs(
        {"fromBlock": receipt["blockNumber"], "address": again.protocol.token.address}
    )
    assert [log["transactionHash"] for log in logs] == [receipt["transactionHash"]]
    again.protocol.token.mint(again.sender("governor"), patient, 1)


def test_down__not_running__is_false_and_harmless(local: LocalDevnet, empty: LocalDevnet) -> None:
    assert not local.down()
    assert not empty.down()
    assert local.is_saved()


def test_require__never_started__says_it_is_not_running(empty: LocalDevnet) -> None:
    with pytest.raises(DevnetError, match="the devnet is not running") as refusal:
        empty.require()
    assert refusal.value.hint == "start it: chainbill devnet up"
    assert not empty.status().running


@pytest.mark.parametrize("saved_before", [True, False])
def test_up__anvil_was_killed__goes_on_with_all_that_was_saved(
    local: LocalDevnet, empty: LocalDevnet, saved_before: bool
) -> None:
    crashed = local if saved_before else empty
    crashed.up()
    devnet = crashed.require()
    moved = devnet.advance(30 * 86_400)
    crashed.save()
    block = devnet.latest()[0]
    devnet.anvil.kill()
    with pytest.raises(DevnetError, match="the devnet is not running"):
        crashed.require()
    assert crashed.is_saved()
    assert crashed.up() is Started.RECOVERED
    assert crashed.require().latest() == (block, moved)
    assert crashed.require().now() >= moved
    assert not crashed.down() or crashed.up() is Started.RESTORED


def test_up__killed_with_something_shown_that_is_not_saved__says_so_and_goes_on_only_if_told(
    local: LocalDevnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.up()
    devnet = local.require()
    saved = devnet.latest()[0]
    devnet.anvil.call("evm_mine")

    def full(path: Path, *_: object, **__: object) -> None:
        raise StateError(f"{path} cannot be written: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(saved_chain.SavedChain, "take", lambda self, _: full(self.path))
        with pytest.raises(DevnetError, match=r"could not be saved: .* No space left"):
            local.save()
    devnet.anvil.kill()
    for attempt in (local.up, local.require):
        with pytest.raises(
            DevnetError, match=rf"older than what was shown: it ends with block {saved},"
        ) as told:
            attempt()
        assert "--accept-loss" in (told.value.hint or "")
        assert "--fresh" in (told.value.hint or "")
    assert not local.is_saved()
    assert local.up(accept_loss=True) is Started.OLDER
    assert local.require().latest()[0] == saved
    assert local.down()
    assert local.up() is Started.RESTORED


def test_up__killed_and_the_saved_chain_is_gone__says_what_is_lost_and_fresh_begins_anew(
    local: LocalDevnet,
) -> None:
    local.up()
    book = AddressBook(local.state.address_book)
    book.update("provider", provider_id=7)
    local.require().anvil.kill()
    local.state.anvil_state.unlink()
    with pytest.raises(DevnetError, match=r"everything since 20.* is lost") as told:
        local.up()
    assert "devnet up --fresh" in (told.value.hint or "")
    accounts = book.entries()
    assert local.up(fresh=True) is Started.NEW
    assert book.get("provider") == accounts["provider"].model_copy(update={"provider_id": None})


def test_up__devnet_of_an_earlier_version__is_stopped_saved_and_goes_on(local: LocalDevnet) -> None:
    """Its anvil writes to the saved chain itself, and its record says nothing of births."""
    state = local.state
    anvil = start(state.anvil_state, state.anvil_log, timestamp=int(time.time()))
    before = fingerprint(state.anvil_state)
    earlier = {"anvil": {"pid": anvil.pid, "port": anvil.port, "state_file": str(anvil.state_file)}}
    earlier |= {"chain_id": 31337, "started_at": 1, "state_before": before, "ready": True}
    state.devnet_record.write_text(json.dumps(earlier | {"saved_at": None, "clock_offset": None}))
    state.devnet_saved.unlink()
    anvil.call("evm_mine")
    block = local.require().latest()[0]
    local.save()
    assert fingerprint(state.anvil_state) == before
    assert local.down()
    assert local.up() is Started.RESTORED
    assert local.require().latest()[0] == block


def test_up__anvil_was_ended_gracefully_by_others__goes_on(local: LocalDevnet) -> None:
    # As when the machine is shut down.
    local.up()
    devnet = local.require()
    block = devnet.latest()[0]
    time.sleep(0.01)
    devnet.anvil.stop()
    assert local.up() is Started.RESTORED
    assert local.require().latest()[0] == block


def test_up__saved_chain_is_gone__says_so(local: LocalDevnet) -> None:
    local.state.anvil_state.unlink()
    with pytest.raises(DevnetError, match=r"the saved chain .* is missing"):
        local.up()


def test_up__saved_chain_is_damaged__says_so_and_keeps_it(local: LocalDevnet) -> None:
    local.state.anvil_state.write_bytes(local.state.anvil_state.read_bytes()[:1000])
    with pytest.raises(DevnetError, match="is damaged"):
        local.up()
    assert local.state.anvil_state.stat().st_size == 1000
    assert local.find() is None


def test_up__no_record_of_the_deployment__says_so(local: LocalDevnet) -> None:
    shutil.rmtree(local.state.deployments)
    with pytest.raises(DevnetError, match="no record of what is deployed"):
        local.up()


def test_up__saved_chain_without_the_contracts__is_stopped_again(local: LocalDevnet) -> None:
    path = local.state.deployments / "31337.json"
    deployment = json.loads(path.read_text())
    path.write_text(json.dumps({**deployment, "settlement": "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"}))
    saved = local.state.anvil_state.read_bytes()
    with pytest.raises(DevnetError, match="does not hold the contracts"):
        local.up()
    assert local.find() is None
    assert local.state.anvil_state.read_bytes() == saved


def test_up__deployment_fails__leaves_nothing_running_and_can_be_tried_again(
    empty: LocalDevnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls: list[str] = []

    def refuse(w3: object, *_: object, **__: object) -> None:
        urls.append(w3.provider.endpoint_uri)  # type: ignore[attr-defined]
        raise ChainError("the node refused")

    with monkeypatch.context() as patch:
        patch.setattr(cast, "deploy", refuse)
        with pytest.raises(ChainError, match="the node refused"):
            empty.up()
    assert empty.find() is None
    with pytest.raises(ChainError, match="no node answers"):
        connect(urls[0])
    assert empty.up() is Started.NEW


def test_up__an_earlier_one_was_cut_off__ends_its_anvil_and_goes_on(local: LocalDevnet) -> None:
    local.up()
    rewrite(local, ready=False)
    orphan = record_of(local).anvil
    assert local.find() is None
    assert local.up() is Started.RESTORED
    assert not orphan.is_running()


def test_down__pid_was_given_to_another_program__leaves_that_alone(local: LocalDevnet) -> None:
    anvil = record_of(local).anvil
    rewrite(local, anvil=anvil.model_copy(update={"pid": os.getpid()}), saved_at=None)
    assert local.find() is None
    assert not local.down()


def test_down__in_a_copy_of_the_directory__does_not_stop_the_original(
    local: LocalDevnet, tmp_path: Path
) -> None:
    local.up()
    shutil.copytree(local.state.root, tmp_path / "copy")
    copy = LocalDevnet(StateDirectory.open(tmp_path / "copy"))
    assert copy.find() is None
    assert not copy.down()
    assert local.find() is not None


def test_up__damaged_record__says_so_and_fresh_goes_on(local: LocalDevnet) -> None:
    local.state.devnet_record.write_text("{}")
    with pytest.raises(DevnetError, match="is damaged"):
        local.up()
    assert local.up(fresh=True) is Started.NEW


@pytest.mark.slow
def test_up__by_two_at_once__starts_one(empty: LocalDevnet) -> None:
    program = [
        sys.executable,
        "-c",
        "from chainbill.cli import main; main()",
        "--state-dir",
        str(empty.state.root),
    ]
    both = [
        subprocess.Popen([*program, "devnet", "up", "--json"], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [json.loads(each.communicate(timeout=60)[0]) for each in both]
    assert sorted(each["started"] for each in told) == ["already running", "new"]
    assert told[0]["pid"] == told[1]["pid"]


def test_up__told_to_end_half_way__leaves_nothing_running_and_can_be_tried_again(empty: LocalDevnet) -> None:
    script = "from chainbill.cli import main; main()"
    program = subprocess.Popen(
        [sys.executable, "-c", script, "--state-dir", str(empty.state.root), "devnet", "up"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not empty.state.devnet_record.exists():
        assert program.poll() is None
        time.sleep(0.005)
    anvil = record_of(empty).anvil
    program.send_signal(signal.SIGTERM)
    assert program.wait(30) == 128 + signal.SIGTERM
    assert not anvil.is_running()
    assert empty.up() is Started.NEW


def test_running_devnet__body_fails__is_stopped_and_saved(local: LocalDevnet) -> None:
    seen: list[Devnet] = []

    def fail_inside() -> None:
        with running_devnet(local.state) as devnet:
            assert devnet.anvil.is_running()
            seen.append(devnet)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert not seen[0].anvil.is_running()
    assert local.is_saved()


def test_running_devnet__one_is_running__is_refused_and_leaves_that_alone(local: LocalDevnet) -> None:
    local.up()
    with (
        pytest.raises(DevnetError, match="running in this state directory already"),
        running_devnet(local.state),
    ):
        pytest.fail("two devnets in one directory")
    assert local.find() is not None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_running_devnet__process_is_told_to_end__leaves_nothing_running(
    local: LocalDevnet, number: signal.Signals
) -> None:
    script = (
        "import pathlib, signal, sys, time\n"
        # A shell's background jobs ignore SIGINT, those of nohup SIGHUP, and so would their children.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
        "from chainbill.state.local_devnet import running_devnet\n"
        "from chainbill.state.directory import StateDirectory\n"
        "with running_devnet(StateDirectory.open(pathlib.Path(sys.argv[1]))) as devnet:\n"
        "    print(devnet.anvil.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", script, str(local.state.root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert program.stdout is not None
    pid = int(program.stdout.readline())
    program.send_signal(number)
    program.wait(30)
    program.stdout.close()
    assert gone_within(5, pid)
    assert local.is_saved()


def test_session__ensure_account__makes_it_once_with_gas(local: LocalDevnet) -> None:
    local.up()
    session = Session.open(local.state)
    made = session.ensure_account("clinic", Role.PROVIDER)
    assert session.ensure_account("clinic", Role.PROVIDER) == made
    assert session.sender("clinic").address == made.address
    assert int(local.require().anvil.call("eth_getBalance", made.address, "latest"), 16) == GAS_MONEY
    assert isinstance(session.protocol, Protocol)
    assert isinstance(session.book.get("clinic"), Contact)


def test_session__node_named__wins_over_the_devnet(
    local: LocalDevnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.up()
    assert Session.open(local.state, local.require().rpc_url).devnet is not None
    monkeypatch.setenv("CHAINBILL_RPC_URL", "http://127.0.0.1:9")
    with pytest.raises(ChainError, match=r"no node answers at http://127\.0\.0\.1:9"):
        Session.open(local.state)


def test_session__proxy_in_the_environment__does_not_stand_in_the_way(
    local: LocalDevnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.up()
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert Session.open(local.state).now() == local.require().latest()[1]
