"""Commands that are really killed, at every point that matters: no anvil is left, nothing shown is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from tests.support import forked

from chainbill.chain.devnet.anvil import Anvil, find_anvils
from chainbill.chain.devnet.devnet import saved_block
from chainbill.errors import DevnetError
from chainbill.state.devnet_accounts import SPENDING_MONEY
from chainbill.state.local_devnet import LocalDevnet, Started
from chainbill.state.saved_chain import SavedChain
from chainbill.state.session import Session

ANVIL, LOCAL, SAVED = (
    "chainbill.chain.devnet.anvil",
    "chainbill.state.local_devnet",
    "chainbill.state.saved_chain",
)

UP = [
    (f"{ANVIL}:_spawn", "before"),
    (f"{ANVIL}:_spawn", "after"),  # Born, and nobody has written it down.
    (f"{LOCAL}:LocalDevnet._write", "after"),  # Written down, not let loose.
    (f"{ANVIL}:_wait_for_answer", "before"),
    (f"{ANVIL}:_wait_for_answer", "after"),
    (f"{LOCAL}:LocalDevnet._populate", "after"),
    (f"{LOCAL}:LocalDevnet._write#2", "before"),  # Everything is done but for saying so.
    (f"{LOCAL}:LocalDevnet._write#2", "after"),
]
NEW = [
    ("chainbill.state.devnet_accounts:make_passphrase", "after"),
    ("chainbill.state.devnet_accounts:deploy", "after"),
    ("chainbill.state.devnet_accounts:save_deployment", "after"),
    (f"{SAVED}:SavedChain.take", "before"),
    (f"{SAVED}:write_private", "after"),
    (f"{SAVED}:SavedChain.take", "after"),
]
RESTORED = [(f"{SAVED}:SavedChain.adopt", "before"), (f"{SAVED}:SavedChain.adopt", "after")]
DOWN = [
    (f"{SAVED}:SavedChain.take", "after"),
    (f"{ANVIL}:Anvil.stop", "before"),
    (f"{ANVIL}:Anvil._signal", "after"),  # Told to end, and perhaps at work on its file.
    (f"{ANVIL}:Anvil.stop", "after"),
    (f"{SAVED}:saved_block", "after"),
    (f"{SAVED}:SavedChain.promote", "after"),
    (f"{LOCAL}:LocalDevnet._write", "after"),
]


def killed(local: LocalDevnet, point: str, moment: str, *arguments: str) -> None:
    """Run a command that is killed at a point."""
    done = forked.dying(point, moment, "SIGKILL", "--state-dir", local.state.root, *arguments)
    assert done.returncode == -signal.SIGKILL, (done.stdout, done.stderr)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def deposit(local: LocalDevnet, amount: int) -> None:
    """Money is made, and that is shown."""
    session = Session.open(local.state)
    session.protocol.token.mint(session.sender("governor"), session.book.get("patient").address, amount)
    local.save()


def held(local: LocalDevnet) -> int:
    session = Session.open(local.state)
    held = session.protocol.token.balance_of(session.book.get("patient").address)
    return held - SPENDING_MONEY["patient"]


def check_one_and_sound(local: LocalDevnet, earlier: int = 0) -> None:
    """The next ``up`` leaves one anvil, and what is deposited there outlives whatever the lost one does."""
    lost = find_anvils(local.state.root)
    assert local.up() in (Started.NEW, Started.RESTORED, Started.RECOVERED, Started.ALREADY_RUNNING)
    assert find_anvils(local.state.root) == [local.require().anvil]
    assert held(local) == earlier
    deposit(local, 42)
    for anvil in lost:
        if anvil != local.require().anvil:
            assert not anvil.is_running()
    assert local.down()
    assert find_anvils(local.state.root) == []
    local.up()
    assert held(local) == earlier + 42
    assert not list(local.state.root.glob("anvil-run-*.json"))


@pytest.mark.slow
@pytest.mark.parametrize("point, moment", [*UP, *NEW])
def test_up__new_chain_killed_at_any_point__the_next_finds_its_anvil_and_loses_nothing(
    empty: LocalDevnet, point: str, moment: str
) -> None:
    killed(empty, point, moment, "devnet", "up")
    check_one_and_sound(empty)


@pytest.mark.slow
@pytest.mark.parametrize("point, moment", [*UP, *RESTORED])
def test_up__saved_chain_killed_at_any_point__the_next_finds_its_anvil_and_loses_nothing(
    local: LocalDevnet, point: str, moment: str
) -> None:
    local.up()
    deposit(local, 7)
    local.down()
    killed(local, point, moment, "devnet", "up")
    check_one_and_sound(local, 7)


@pytest.mark.slow
@pytest.mark.parametrize("point, moment", DOWN)
def test_down__killed_at_any_point__the_chain_is_whole(local: LocalDevnet, point: str, moment: str) -> None:
    local.up()
    deposit(local, 7)
    # Not shown by any command: only anvil itself can save it.
    local.require().anvil.call("evm_mine")
    killed(local, point, moment, "devnet", "down")
    check_one_and_sound(local, 7)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    "point",
    [
        "chainbill.state.directory:StateDirectory.forget_chain",
        "shutil:rmtree",
        "pathlib:Path.unlink#3",
        "chainbill.state.address_book:AddressBook.forget_ids",
    ],
)
def test_up_fresh__killed_while_it_forgets__the_next_up_forgets_the_rest(
    local: LocalDevnet, point: str, moment: str
) -> None:
    local.up()
    deposit(local, 7)
    local.down()
    local.state.oracle_database.touch()
    local.state.vault.mkdir()
    killed(local, point, moment, "devnet", "up", "--fresh")
    assert local.up() is Started.NEW
    assert not local.state.oracle_database.exists()
    assert not local.state.vault.exists()
    assert not local.state.forgetting.exists()
    assert held(local) == 0


def test_up__an_anvil_that_nobody_knows__is_ended_and_its_late_save_changes_nothing(
    local: LocalDevnet,
) -> None:
    """As an earlier version could leave one behind: its record is gone, it runs, it saves when it ends."""
    local.up()
    lost = local.require().anvil
    local.state.devnet_record.unlink()
    assert local.up() is Started.RESTORED
    assert not lost.is_running()
    assert local.ended == [lost.pid]
    check_one_and_sound(local)


def test_orphan__ends_gracefully_later__writes_beside_the_saved_chain(local: LocalDevnet) -> None:
    local.up()
    lost = local.require().anvil
    record = local.state.devnet_record.read_bytes()
    local.state.devnet_record.unlink()
    # Another machine's view, where the process list is not to be had: the lost one lives on.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chainbill.state.local_devnet.find_anvils", lambda _: [])
        patch.setattr(SavedChain, "sweep", lambda *_: None)
        local.up()
    deposit(local, 42)
    lost.stop()
    assert local.down()
    assert local.up() is Started.RESTORED
    assert held(local) == 42
    assert record != local.state.devnet_record.read_bytes()


def test_status__an_interrupted_up_left_an_anvil__ends_it_and_says_so(empty: LocalDevnet) -> None:
    killed(empty, f"{LOCAL}:LocalDevnet._populate", "before", "devnet", "up")
    (left,) = find_anvils(empty.state.root)
    status = empty.status()
    assert not status.running
    assert status.ended == [left.pid]
    assert not left.is_running()


def test_status__another_up_is_at_work__leaves_its_anvil_alone(empty: LocalDevnet) -> None:
    seen: list[bool] = []

    def look(anvil: Anvil) -> None:
        other = LocalDevnet(empty.state)
        assert other.status().ended == []
        seen.append(anvil.is_running())

    with pytest.MonkeyPatch.context() as patch:
        started = SavedChain.take
        patch.setattr(SavedChain, "take", lambda self, devnet: (look(devnet.anvil), started(self, devnet))[1])
        empty.up()
    assert seen == [True]


@pytest.mark.slow
def test_save__another_chain_began_meanwhile__does_not_overwrite_it(local: LocalDevnet) -> None:
    """A command that was slow: its chain was stopped, and a new one begun, when it came to save."""
    local.up()
    deposit(local, 42)

    def slow(*_: object) -> bool:
        other = LocalDevnet(local.state)
        other.down()
        other.up(fresh=True)
        return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SavedChain, "is_current", slow)
        local.save()
    local.require().anvil.kill()
    assert local.up() is Started.RECOVERED
    assert held(local) == 0


def test_commands__anvil_killed_right_after_each__show_nothing_that_is_lost(local: LocalDevnet) -> None:
    def run(*arguments: str) -> None:
        forked.run("--state-dir", local.state.root, *arguments).check_returncode()
        os.kill(local.require().anvil.pid, signal.SIGKILL)
        until(lambda: local.find() is None)
        assert local.up() is Started.RECOVERED

    local.up()
    run("patient", "fund", "100")
    run("devnet", "advance", "30d")
    moved = local.require().latest()[1]
    session = Session.open(local.state)
    patient = session.book.get("patient").address
    assert session.protocol.escrow.balance_of(patient) == 100_000_000
    # Sent by another program, and shown by ours.
    local.require().anvil.call("evm_mine")
    block = local.require().latest()[0]
    run("devnet", "status")
    assert local.require().latest()[0] == block
    assert local.require().latest()[1] >= moved


def test_command__chain_cannot_be_saved__says_so_and_up_too(local: LocalDevnet) -> None:
    local.up()
    script = (
        "import chainbill.state.saved_chain as saved\n"
        "def full(path, content):\n"
        "    from chainbill.errors import StateError\n"
        "    raise StateError(f'{path} cannot be written: No space left on device')\n"
        "write = saved.write_private\n"
        "saved.write_private = lambda path, data: (full if len(data) > 9999 else write)(path, data)\n"
        "from chainbill.cli import main; main()\n"
    )
    given = [sys.executable, "-c", script, "--state-dir", str(local.state.root), "devnet", "advance", "1d"]
    done = subprocess.run(given, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert done.stderr.count("could not be saved") == 1
    assert "No space left" in done.stderr
    local.require().anvil.kill()
    with pytest.raises(DevnetError, match="older than what was shown"):
        local.up()


@pytest.mark.slow
def test_command__anvil_killed_while_it_pays__is_paid_once_on_the_chain_that_comes_back(
    local: LocalDevnet,
) -> None:
    local.up()
    script = (
        "import os, signal, sys\n"
        "from chainbill.chain.node.sender import Sender\n"
        "wait = Sender._wait\n"
        "def killing(self, sending):\n"
        "    if not sending.key.startswith('call '):\n"
        "        os.kill(int(os.environ['ANVIL']), signal.SIGKILL)\n"
        "    return wait(self, sending)\n"
        "Sender._wait = killing\n"
        "from chainbill.cli import main; main()\n"
    )
    given = [sys.executable, "-c", script, "--state-dir", str(local.state.root), "patient", "fund", "100"]
    environment = {**os.environ, "ANVIL": str(local.require().anvil.pid)}
    done = subprocess.run(given, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "was sent, and may be mined: no node answers" in done.stderr
    # Mined it was, and nobody was shown that: the chain comes back without it, and without a word of loss.
    assert local.up() is Started.RECOVERED
    for balance in (100, 200):
        forked.run(*given[3:]).check_returncode()
        session = Session.open(local.state)
        patient = session.book.get("patient").address
        assert session.protocol.escrow.balance_of(patient) == balance * 1_000_000


def test_anvil__killed_while_it_writes_its_chain__what_was_saved_before_holds(local: LocalDevnet) -> None:
    local.up()
    deposit(local, 42)
    anvil = local.require().anvil
    anvil.kill()
    whole = local.state.anvil_state.read_bytes()
    anvil.state_file.write_bytes(whole[: len(whole) // 2])
    assert local.up() is Started.RECOVERED
    assert held(local) == 42
    assert saved_block(local.state.anvil_state)
