"""The local devnet: one anvil per state directory, brought up with contracts and funded accounts, and kept.

Who runs is written down before it can do anything, and how far its chain is saved is too. So whatever is
killed, and whenever, the next command finds the anvil that was left, ends it, and knows what the saved chain
holds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from chainbill.chain.deployments import Deployment, load_deployment
from chainbill.chain.devnet.anvil import CHAIN_ID, Anvil, find_anvils, fingerprint, is_taken, start
from chainbill.chain.devnet.devnet import Devnet, resume_time, saved_block
from chainbill.chain.devnet.ending import ending_on_signals
from chainbill.errors import ChainError, DevnetError, NodeError, StateError
from chainbill.state.address_book import AddressBook, Contact
from chainbill.state.directory import StateDirectory
from chainbill.state.networks import DEVNET, RPC_ENVIRONMENT
from chainbill.state.networks import ENVIRONMENT as NETWORK_ENVIRONMENT
from chainbill.state.private_files import locked, read_private, write_private
from chainbill.state.saved_chain import SavedChain

_FRESH = "begin a new chain with the same accounts: chainbill devnet up --fresh"


class Started(StrEnum):
    """How ``up`` found things."""

    NEW = "new"
    RESTORED = "restored"
    RECOVERED = "recovered"
    """It had ended without being stopped, and the saved chain holds all that was shown."""
    OLDER = "older"
    """It goes on from a chain older than what was shown, as was asked for."""
    ALREADY_RUNNING = "already running"


class DevnetRecord(BaseModel):
    """What the state directory remembers of its devnet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    anvil: Anvil
    chain_id: int = CHAIN_ID
    started_at: int
    """Wall clock, seconds since 1970."""
    state_before: tuple[int, int] | None = None
    """Fingerprint of the saved chain when this run began; of an earlier version, whose anvil wrote there."""
    ready: bool = False
    """False while ``up`` is still at work: what it began can be thrown away."""
    saved_at: int | None = None
    """Wall clock when ``down`` saved the chain; None while it runs."""
    clock_offset: int | None = None
    """Seconds the chain's clock was ahead of the wall clock when it was last saved."""


class DevnetStatus(BaseModel):
    """What ``chainbill devnet status`` tells."""

    running: bool
    rpc_url: str | None = None
    pid: int | None = None
    chain_id: int | None = None
    block: int | None = None
    chain_time: int | None = None
    """Time of the newest block, seconds since 1970."""
    deployment: Deployment | None = None
    accounts: dict[str, Contact] = {}
    ended: list[int] = []
    """Processes of anvils that an interrupted command had left, and that were ended now."""


class LocalDevnet:
    """The devnet of one state directory."""

    def __init__(self, state: StateDirectory) -> None:
        self.state = state.of_devnet()
        self.saved = SavedChain(self.state)
        self.ended: list[int] = []
        """Processes of anvils that an interrupted command had left, and that this object has ended."""

    def find(self) -> Devnet | None:
        """The running devnet, None where it is not running (or not ready yet).

        Raises:
            DevnetError: the record of it is damaged.
        """
        record = self._read()
        return Devnet(record.anvil) if record and record.ready and self._runs(record) else None

    def require(self) -> Devnet:
        """The running devnet.

        Raises:
            DevnetError: it is not running; says so plainly, and whether its chain was lost.
        """
        found = self.find()
        if found is not None:
            return found
        record = self._read()
        if record is not None and self._is_lost(record):
            raise self._lost(record)
        raise DevnetError("the devnet is not running", hint="start it: chainbill devnet up")

    def check_meant(self, rpc_url: str | None, network: str | None) -> None:
        """Refuse what names another chain: a network, or the URL of a node that answers and is another.

        Args:
            rpc_url: what was named; else ``$CHAINBILL_RPC_URL``.
            network: what was named; else ``$CHAINBILL_NETWORK``.

        Raises:
            DevnetError: it does.
        """
        named = network or os.environ.get(NETWORK_ENVIRONMENT) or DEVNET
        if named != DEVNET:
            raise DevnetError(
                f"devnet commands are about the devnet of this state directory, and {named} is a network",
                hint="leave out `network=` and CHAINBILL_NETWORK; of a network tells: chainbill network show",
            )
        url = rpc_url or os.environ.get(RPC_ENVIRONMENT)
        found = self.find()
        if url is None or (found is not None and url.rstrip("/") == found.rpc_url):
            return
        # Imported here: nobody who names no URL pays for it.
        from chainbill.chain.node.answer import node_name
        from chainbill.chain.node.json_rpc import JsonRpc

        with suppress(NodeError), JsonRpc(url) as node:
            chain = int(node.call("eth_chainId"), 16)
            raise DevnetError(
                f"the node at {node_name(url)}, of chain {chain}, is not the devnet of this state directory",
                hint="leave out `rpc_url=` and CHAINBILL_RPC_URL",
            )

    def is_saved(self) -> bool:
        """Is it stopped, with a chain that ``up`` can go on with?"""
        record = self._read()
        stopped = record is None or not self._runs(record)
        return stopped and not (record and self._is_lost(record)) and self.state.anvil_state.exists()

    def up(
        self,
        *,
        port: int | None = None,
        timestamp: int | None = None,
        fresh: bool = False,
        bound: bool = False,
        accept_loss: bool = False,
    ) -> Started:
        """Start the devnet: a new chain with everything deployed and funded, or the saved one.

        Args:
            port: on the loopback interface; else the last one used, else any free one.
            timestamp: time of a new chain's first block, seconds since 1970; else the wall clock.
            fresh: forget an earlier chain and everything that belongs to it. Accounts stay.
            bound: on a new chain, the governor must announce its calls, as in a real deployment.
            accept_loss: go on from the saved chain also where it is older than what was shown.

        Raises:
            DevnetError: anvil is missing or would not start, the saved chain is older than what was shown, or
                the arguments contradict what is there.
            StateError: another command is at work on the state directory for longer than a minute.
        """
        with locked(self.state.devnet_lock), ending_on_signals():
            record = self._read() if not fresh else self._read_or_none()
            if record is not None and self._runs(record) and record.ready:
                self._sweep(record)
                return _already_running(record, timestamp, fresh=fresh or bound)
            record = self._recover(record)
            if fresh or self.state.forgetting.exists():
                self._forget()
                record = None
            return self._start(record, port, timestamp, bound=bound, accept_loss=accept_loss)

    def down(self) -> bool:
        """Stop the devnet and save its chain; False where it was not running.

        Raises:
            DevnetError: it stopped, but its chain could not be saved.
        """
        with locked(self.state.devnet_lock):
            record = self._read()
            unready = record is not None and not record.ready and self._runs(record)
            running = record is not None and record.ready and self._runs(record)
            if record is None or not running:
                self._recover(record)
                return unready
            self._sweep(record)
            self._stop(record)
            return True

    def save(self, *, shown: bool = True) -> None:
        """Have the running devnet's chain saved as it stands: before something is shown of it.

        Args:
            shown: is something about to be shown? Where it cannot be saved, the next ``up`` says so then.

        Raises:
            DevnetError: it cannot be; what is shown now is lost where anvil is killed before ``down``.
        """
        record = self._read()
        # An earlier version's anvil writes to the saved chain itself, and nobody may come between.
        if (
            record is None
            or not record.ready
            or record.saved_at
            or record.anvil.state_file == self.saved.path
        ):
            return
        devnet = Devnet(record.anvil)
        try:
            if self.saved.is_current(devnet):
                return
            with locked(self.state.devnet_saving):
                # Stopped meanwhile, it was saved then; another chain may even have begun.
                if self._read() == record:
                    self.saved.take(devnet)
        except (ChainError, StateError) as error:
            if shown and self._miss(record):
                raise DevnetError(
                    f"the devnet's chain could not be saved: {error}",
                    hint="what is shown now is lost if the devnet is killed before: chainbill devnet down",
                ) from None

    def status(self) -> DevnetStatus:
        """What can be said about it now.

        Raises:
            DevnetError: it runs but does not answer.
        """
        # Where another command is at work, what looks left over may be its own.
        with suppress(StateError, OSError), locked(self.state.devnet_lock, wait_seconds=0):
            record = self._read_or_none()
            if record is None or not (record.ready and self._runs(record)):
                self._recover(record)
            else:
                self._sweep(record)
        devnet = self.find()
        accounts = AddressBook(self.state.address_book).entries()
        if devnet is None:
            return DevnetStatus(running=False, accounts=accounts, ended=self.ended)
        try:
            number, timestamp = devnet.latest()
        except ChainError as error:
            raise DevnetError(
                f"the devnet's process {devnet.anvil.pid} runs, but {error}",
                hint="stop it: chainbill devnet down",
            ) from None
        return DevnetStatus(
            running=True,
            rpc_url=devnet.rpc_url,
            pid=devnet.anvil.pid,
            chain_id=CHAIN_ID,
            block=number,
            chain_time=timestamp,
            deployment=load_deployment(self.state.deployments, CHAIN_ID),
            accounts=accounts,
            ended=self.ended,
        )

    def _start(
        self,
        record: DevnetRecord | None,
        port: int | None,
        timestamp: int | None,
        *,
        bound: bool,
        accept_loss: bool,
    ) -> Started:
        lost = record is not None and self._is_lost(record)
        if record is not None and lost and not accept_loss:
            raise self._lost(record)
        resume_at = self._resume_at(record)
        if resume_at is not None and bound:
            raise DevnetError(
                "there is a saved chain here: its governor's delays cannot be chosen any more",
                hint="leave it out, or begin a new one: chainbill devnet up --fresh",
            )
        if resume_at is not None and timestamp is not None:
            raise DevnetError(
                "there is a saved chain here: its first block's time cannot be chosen any more",
                hint="move its clock: chainbill devnet advance --to …, or begin a new one: "
                "chainbill devnet up --fresh",
            )
        if port is None and record is not None and not is_taken(record.anvil.port):
            port = record.anvil.port
        begins_at = timestamp if resume_at is None else resume_at
        run, born = self.saved.new_run(), list[DevnetRecord]()
        offset = self._clock_offset(record)

        def note(anvil: Anvil) -> None:
            born[:] = [DevnetRecord(anvil=anvil, started_at=int(time.time()), clock_offset=offset)]
            self._write(born[0])

        settings: dict[str, Any] = {"port": port, "timestamp": begins_at, "on_born": note}
        settings["load_from"] = None if resume_at is None else self.saved.path
        try:
            devnet = Devnet(start(run, self.state.anvil_log, **settings))
            self._populate(devnet, new=resume_at is None, bound=bound)
            with locked(self.state.devnet_saving):
                (self.saved.take if resume_at is None else self.saved.adopt)(devnet)
            self._write(born[0].model_copy(update={"ready": True}))
        except BaseException:
            self._undo(born, record, new=resume_at is None)
            raise
        if resume_at is None:
            return Started.NEW
        ended_well = record is None or not record.ready or record.saved_at is not None
        return Started.OLDER if lost else Started.RESTORED if ended_well else Started.RECOVERED

    def _stop(self, record: DevnetRecord) -> None:
        """End a running anvil and keep its chain."""
        offset = _offset(record.anvil)
        with suppress(DevnetError):
            # Should it not end as it ought to, no more is lost than what comes now.
            self.save()
        failure: DevnetError | None = None
        try:
            record.anvil.stop()
        except DevnetError as error:
            failure = error
        with locked(self.state.devnet_saving):
            if not self.saved.promote(record.anvil) and self._is_lost(record):
                raise failure or DevnetError(f"anvil (pid {record.anvil.pid}) did not save its chain whole")
            self.saved.path.chmod(0o600)
            self._write(record.model_copy(update={"saved_at": int(time.time()), "clock_offset": offset}))
        self.saved.sweep(None)

    def _miss(self, record: DevnetRecord) -> bool:
        """Note that something is shown which could not be saved; False where a ``down`` has saved it now."""
        with suppress(StateError), locked(self.state.devnet_saving):
            if self._read() != record:
                return False
            self.saved.miss(record.anvil)
        return True

    def _sweep(self, record: DevnetRecord | None) -> None:
        """End every anvil that saves its chain here and is not the one on record, and remove what such wrote.
        Killed, it writes nothing; and what it could have written, nobody was shown."""
        for anvil in find_anvils(self.state.root):
            if record is None or anvil.pid != record.anvil.pid:
                anvil.kill()
                self.ended.append(anvil.pid)
        self.saved.sweep(record.anvil if record else None)

    def _recover(self, record: DevnetRecord | None) -> DevnetRecord | None:
        """See to what is left where no devnet runs: an anvil of an ``up`` that was cut off, and the chain of
        one that was ended gracefully, but by others (as when the machine is shut down in good order)."""
        if record is not None and not record.ready and self._runs(record):
            record.anvil.kill()
            self.ended.append(record.anvil.pid)
        self._sweep(record)
        if record is None or not record.ready or record.saved_at is not None:
            return record
        with locked(self.state.devnet_saving):
            if self.saved.promote(record.anvil):
                offset = self._clock_offset(record)
                saved = {"saved_at": int(time.time()), "clock_offset": offset}
                record = record.model_copy(update=saved)
                self._write(record)
        return record

    def _forget(self) -> None:
        """Forget the chain and what belongs to it: all of it, also where this is cut off."""
        self.state.forgetting.touch(mode=0o600)
        self.state.forget_chain(CHAIN_ID)
        AddressBook(self.state.address_book).forget_ids()
        self.state.forgetting.unlink()

    def _clock_offset(self, record: DevnetRecord | None) -> int | None:
        """The lead of the saved chain's clock, as it was noted last."""
        note = self.saved.note()
        if record is None:
            return None
        if record.saved_at is not None and record.clock_offset is not None:
            return record.clock_offset
        return record.clock_offset if note is None else note.clock_offset

    def _populate(self, devnet: Devnet, *, new: bool, bound: bool) -> None:
        if new:
            # Imported here: web3 costs most of a second, and a restored chain needs none of it.
            from chainbill.state.devnet_accounts import populate

            populate(devnet, self.state, bound=bound)
        elif not devnet.has_code(load_deployment(self.state.deployments, CHAIN_ID).settlement):
            raise DevnetError("the saved chain does not hold the contracts recorded for it", hint=_FRESH)

    def _undo(self, born: list[DevnetRecord], record: DevnetRecord | None, *, new: bool) -> None:
        """A failed ``up`` leaves nothing running, and the saved chain as it was (a kill saves nothing)."""
        for each in born:
            each.anvil.kill()
        if new:
            # In this order: a deployment without a chain is taken for what it is, see `_resume_at`.
            self.saved.forget()
            self._deployment_file.unlink(missing_ok=True)
        if record is None:
            self.state.devnet_record.unlink(missing_ok=True)
        else:
            self._write(record)

    def _resume_at(self, record: DevnetRecord | None) -> int | None:
        """What the clock of the saved chain must show; None where a new chain begins."""
        deployed = self._deployment_file.exists()
        if fingerprint(self.state.anvil_state) is None:
            if deployed and (record is None or record.ready):
                raise DevnetError(f"the saved chain {self.state.anvil_state} is missing", hint=_FRESH)
            self._deployment_file.unlink(missing_ok=True)
            return None
        if not deployed:
            raise DevnetError("there is a saved chain, but no record of what is deployed on it", hint=_FRESH)
        return resume_time(self.state.anvil_state, self._clock_offset(record))

    def _is_lost(self, record: DevnetRecord) -> bool:
        """Did the last run show something that is not saved? (An ``up`` that was cut off showed nothing.)"""
        if not record.ready or record.saved_at is not None or self._runs(record):
            return False
        if record.anvil.state_file == self.saved.path:
            return fingerprint(self.saved.path) in (None, record.state_before)
        return self.saved.misses_something(record.anvil) and not _is_whole(record.anvil.state_file)

    def _lost(self, record: DevnetRecord) -> DevnetError:
        note = self.saved.note()
        told = (
            "the devnet was killed, or the machine stopped, and its saved chain is older than what was shown"
        )
        if not _is_whole(self.saved.path):
            return DevnetError(f"{told}: everything since {_time(record.started_at)} is lost", hint=_FRESH)
        block, at = saved_block(self.saved.path)
        since = note.unsaved_at if note is not None and note.unsaved_at else record.started_at
        return DevnetError(
            f"{told}: it ends with block {block}, of {_time(at)} on the chain's clock; what commands have "
            f"shown since {_time(since)} is not all there",
            hint=f"go on from there: chainbill devnet up --accept-loss; or {_FRESH}",
        )

    def _runs(self, record: DevnetRecord) -> bool:
        # A copied state directory names the original's anvil, which is not the copy's to stop.
        ours = record.anvil.state_file.parent.resolve() == self.state.root.resolve()
        return ours and record.anvil.is_running()

    @property
    def _deployment_file(self) -> Path:
        return self.state.deployments / f"{CHAIN_ID}.json"

    def _read(self) -> DevnetRecord | None:
        content = read_private(self.state.devnet_record)
        if content is None:
            return None
        try:
            return DevnetRecord.model_validate_json(content)
        except ValidationError:
            raise DevnetError(f"the record {self.state.devnet_record} is damaged", hint=_FRESH) from None

    def _read_or_none(self) -> DevnetRecord | None:
        try:
            return self._read()
        except DevnetError:
            return None

    def _write(self, record: DevnetRecord) -> None:
        write_private(self.state.devnet_record, record.model_dump_json(indent=2).encode() + b"\n")


@contextmanager
def running_devnet(
    state: StateDirectory, *, port: int | None = None, timestamp: int | None = None
) -> Iterator[Devnet]:
    """A devnet for as long as the block runs: stopped and saved at its end, also after an error, Ctrl-C,
    SIGTERM or a closed terminal.

    Raises:
        DevnetError: one is running in this state directory already, or as ``LocalDevnet.up``.
    """
    local = LocalDevnet(state)
    with ending_on_signals():
        if local.up(port=port, timestamp=timestamp) is Started.ALREADY_RUNNING:
            raise DevnetError(
                "a devnet is running in this state directory already", hint="chainbill devnet down"
            )
        devnet = local.require()
        try:
            yield devnet
        finally:
            try:
                local.down()
            finally:
                devnet.anvil.kill()


def _already_running(record: DevnetRecord, timestamp: int | None, *, fresh: bool) -> Started:
    if fresh or timestamp is not None:
        raise DevnetError(
            f"the devnet is running at {record.anvil.rpc_url}", hint="stop it first: chainbill devnet down"
        )
    return Started.ALREADY_RUNNING


def _is_whole(chain: Path) -> bool:
    try:
        saved_block(chain)
    except DevnetError:
        return False
    return True


def _time(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _offset(anvil: Anvil) -> int | None:
    try:
        return Devnet(anvil).clock_offset()
    except ChainError:
        return None
