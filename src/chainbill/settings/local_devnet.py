"""The local devnet: one anvil per state directory, brought up with contracts and funded accounts, and kept.

anvil writes its chain only when it ends gracefully. Whether a chain that is gone was saved is read off the
state file: a run that ended well has written it since the run began.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, ValidationError

from chainbill.chain.anvil import CHAIN_ID, Anvil, fingerprint, is_taken, start
from chainbill.chain.deployments import Deployment, load_deployment
from chainbill.chain.devnet import Devnet, resume_time
from chainbill.errors import ChainError, DevnetError
from chainbill.settings.addressbook import AddressBook, Contact
from chainbill.settings.files import locked, read_private, write_private
from chainbill.settings.state import StateDirectory

_FRESH = "begin a new chain with the same accounts: chainbill devnet up --fresh"


class Started(StrEnum):
    """How ``up`` found things."""

    NEW = "new"
    RESTORED = "restored"
    ALREADY_RUNNING = "already running"


class DevnetRecord(BaseModel):
    """What the state directory remembers of its devnet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    anvil: Anvil
    chain_id: int = CHAIN_ID
    started_at: int
    """Wall clock, seconds since 1970."""
    state_before: tuple[int, int] | None
    """Fingerprint of the saved chain when this run began."""
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


class LocalDevnet:
    """The devnet of one state directory."""

    def __init__(self, state: StateDirectory) -> None:
        self.state = state

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
            raise _lost(record)
        raise DevnetError("the devnet is not running", hint="start it: chainbill devnet up")

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
    ) -> Started:
        """Start the devnet: a new chain with everything deployed and funded, or the saved one.

        Args:
            port: on the loopback interface; else the last one used, else any free one.
            timestamp: time of a new chain's first block, seconds since 1970; else the wall clock.
            fresh: forget an earlier chain and everything that belongs to it. Accounts stay.
            bound: on a new chain, the governor must announce its calls, as in a real deployment.

        Raises:
            DevnetError: anvil is missing or would not start, an earlier chain was lost, or the arguments
                contradict what is there.
            StateError: another command is at work on the state directory for longer than a minute.
        """
        with locked(self.state.devnet_lock), ending_on_signals():
            record = self._read() if not fresh else self._read_or_none()
            if record is not None and self._runs(record):
                if record.ready:
                    return _already_running(record, timestamp, fresh=fresh or bound)
                record.anvil.kill()  # An earlier `up` was cut off.
            if fresh:
                self.state.forget_chain(CHAIN_ID)
                AddressBook(self.state.address_book).forget_ids()
                record = None
            return self._start(record, port, timestamp, bound=bound)

    def down(self) -> bool:
        """Stop the devnet and save its chain; False where it was not running.

        Raises:
            DevnetError: it stopped, but its chain could not be saved.
        """
        with locked(self.state.devnet_lock):
            record = self._read()
            if record is None or not self._runs(record):
                return False
            if not record.ready:
                record.anvil.kill()
                return True
            offset = _offset(record.anvil)
            record.anvil.stop()
            self.state.anvil_state.chmod(0o600)
            self._write(record.model_copy(update={"saved_at": int(time.time()), "clock_offset": offset}))
            return True

    def status(self) -> DevnetStatus:
        """What can be said about it now.

        Raises:
            DevnetError: it runs but does not answer.
        """
        devnet = self.find()
        accounts = AddressBook(self.state.address_book).entries()
        if devnet is None:
            return DevnetStatus(running=False, accounts=accounts)
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
        )

    def _start(
        self, record: DevnetRecord | None, port: int | None, timestamp: int | None, *, bound: bool
    ) -> Started:
        resume_at = self._resume_at(record)
        if resume_at is not None and bound:
            raise DevnetError(
                "there is a saved chain here: its governor's delays cannot be chosen any more",
                hint="leave the option out, or begin a new one: --fresh",
            )
        if resume_at is not None and timestamp is not None:
            raise DevnetError(
                "there is a saved chain here: its first block's time cannot be chosen any more",
                hint="move its clock: chainbill devnet advance --to …, or begin a new one: --fresh",
            )
        if port is None and record is not None and not is_taken(record.anvil.port):
            port = record.anvil.port
        begins_at = timestamp if resume_at is None else resume_at
        before = fingerprint(self.state.anvil_state)
        anvil = start(self.state.anvil_state, self.state.anvil_log, port=port, timestamp=begins_at)
        try:
            fields: dict[str, Any] = {"anvil": anvil, "started_at": int(time.time()), "state_before": before}
            fresh = DevnetRecord(**fields, clock_offset=record.clock_offset if record else None)
            self._write(fresh)
            self._populate(Devnet(anvil), new=resume_at is None, bound=bound)
            self._write(fresh.model_copy(update={"ready": True}))
        except BaseException:
            self._undo(anvil, record, new=resume_at is None)
            raise
        return Started.NEW if resume_at is None else Started.RESTORED

    def _populate(self, devnet: Devnet, *, new: bool, bound: bool) -> None:
        if new:
            # Imported here: web3 costs most of a second, and a restored chain needs none of it.
            from chainbill.settings.cast import populate

            populate(devnet, self.state, bound=bound)
        elif not devnet.has_code(load_deployment(self.state.deployments, CHAIN_ID).settlement):
            raise DevnetError("the saved chain does not hold the contracts recorded for it", hint=_FRESH)

    def _undo(self, anvil: Anvil, record: DevnetRecord | None, *, new: bool) -> None:
        """A failed ``up`` leaves nothing running, and the saved chain as it was (a kill saves nothing)."""
        anvil.kill()
        if new:
            self._deployment_file.unlink(missing_ok=True)
        if record is None:
            self.state.devnet_record.unlink(missing_ok=True)
        else:
            self._write(record)

    def _resume_at(self, record: DevnetRecord | None) -> int | None:
        """What the clock of the saved chain must show; None where a new chain begins."""
        if record is not None and self._is_lost(record):
            raise _lost(record)
        deployed = self._deployment_file.exists()
        if fingerprint(self.state.anvil_state) is None:
            if deployed and (record is None or record.ready):
                raise DevnetError(f"the saved chain {self.state.anvil_state} is missing", hint=_FRESH)
            self._deployment_file.unlink(missing_ok=True)
            return None
        if not deployed:
            raise DevnetError("there is a saved chain, but no record of what is deployed on it", hint=_FRESH)
        return resume_time(self.state.anvil_state, record.clock_offset if record else None)

    def _is_lost(self, record: DevnetRecord) -> bool:
        """Did the last run end without writing its chain? (A ``down`` did; an ``up`` cut off had none.)"""
        gone = record.ready and record.saved_at is None and not self._runs(record)
        return gone and fingerprint(self.state.anvil_state) in (None, record.state_before)

    def _runs(self, record: DevnetRecord) -> bool:
        # A copied state directory names the original's anvil, which is not the copy's to stop.
        return record.anvil.state_file == self.state.anvil_state and record.anvil.is_running()

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


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into ``SystemExit``, so that what must be cleaned up is. Python allows this in
    the main thread only; elsewhere nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, _exit) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _already_running(record: DevnetRecord, timestamp: int | None, *, fresh: bool) -> Started:
    if fresh or timestamp is not None:
        raise DevnetError(
            f"the devnet is running at {record.anvil.rpc_url}", hint="stop it first: chainbill devnet down"
        )
    return Started.ALREADY_RUNNING


def _lost(record: DevnetRecord) -> DevnetError:
    since = datetime.fromtimestamp(record.started_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return DevnetError(
        "the devnet ended without saving its chain (it was killed, or the machine stopped): "
        f"everything since {since} is lost",
        hint=_FRESH,
    )


def _offset(anvil: Anvil) -> int | None:
    try:
        return Devnet(anvil).clock_offset()
    except ChainError:
        return None
