"""A dry run: the whole command, on a fork of the chain and a copy of the state directory, both thrown away.

What the command shows is what it would have come to, to the last balance: nothing is guessed, and no command
knows of it. An anvil of the command's own goes on from the chain's newest block; whatever is sent goes there.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Container, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hexbytes import HexBytes

from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.devnet.anvil import Anvil, Fork, start
from chainbill.chain.devnet.devnet import Devnet
from chainbill.chain.devnet.ending import ending_on_signals
from chainbill.chain.node.connection import connect, newest_block
from chainbill.chain.protocol import Protocol
from chainbill.errors import ChainError, StateError, unusable
from chainbill.state.directory import StateDirectory
from chainbill.state.private_files import locked, read_private, write_private
from chainbill.state.session import Session

_PREFIX = ".dry-run-"
_LOCK = "dry-run.lock"
_ANVIL = "anvil.json"

_LINKED = frozenset({"vault", "keystores"})
"""Folders whose files are replaced and never changed: a link to each is a copy."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A transaction that would be sent."""

    sender: str
    """Address."""
    contract: str
    """Solidity name."""
    function: str
    """Empty where the contract reads its calls by itself."""
    gas_used: int


class Rehearsal:
    """A session whose transactions and files nobody else ever sees."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._begin = newest_block(session.protocol.w3)

    def transactions(self) -> list[Rehearsed]:
        """What would be sent, in order.

        Raises:
            ChainError: the fork does not answer.
        """
        eth, found = self.session.protocol.w3.eth, []
        for number in range(self._begin + 1, newest_block(self.session.protocol.w3) + 1):
            for digest in eth.get_block(number)["transactions"]:
                sent = HexBytes(digest)  # type: ignore[arg-type] # whole transactions were not asked for
                receipt, calldata = eth.get_transaction_receipt(sent), eth.get_transaction(sent)["input"]
                contract, function = self._call(str(receipt["to"]), bytes(calldata))
                found.append(Rehearsed(str(receipt["from"]), contract, function, receipt["gasUsed"]))
        return found

    def _call(self, target: str, calldata: bytes) -> tuple[str, str]:
        protocol = self.session.protocol
        clients: list[ContractClient] = [
            protocol.governance,
            protocol.token,
            protocol.registry,
            protocol.escrow,
            protocol.payers,
            protocol.settlement,
        ]
        clients += (protocol.payer(number) for number in range(1, protocol.payers.payer_count() + 1))
        client = next((client for client in clients if client.address == target), None)
        if client is None:
            return target, ""
        with suppress(ChainError):
            return client.artifact, client.read_calldata(calldata)[0]
        return client.artifact, ""


@contextmanager
def rehearsal(state: StateDirectory, rpc_url: str | None = None) -> Iterator[Rehearsal]:
    """A session like ``Session.open(state, rpc_url)``, of which nothing is left at the end.

    Raises:
        DevnetError: the devnet is not running, or there is no anvil to fork the chain with.
        ChainError: no node answers.
        StateError: nothing can be written beside the state.
    """
    real = Session.open(state, rpc_url)
    _sweep(state.home)
    folder = _new_folder(state.home)
    try:
        with ending_on_signals(), locked(folder / _LOCK, wait_seconds=0):
            shadow = _copy(state, folder)
            devnet = _fork(real, folder)
            try:
                protocol = Protocol(connect(devnet.rpc_url), real.protocol.deployment)
                yield Rehearsal(Session(shadow, protocol, devnet if real.devnet else None, real.network))
            finally:
                devnet.anvil.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fork(real: Session, folder: Path) -> Devnet:
    chain = Fork(real.rpc_url, real.protocol.deployment.chain_id)

    def note(anvil: Anvil) -> None:
        write_private(folder / _ANVIL, anvil.model_dump_json().encode())

    anvil = start(folder / "chain.json", folder / "anvil.log", fork=chain, on_born=note)
    forked = Devnet(anvil)
    ahead = real.devnet.now() - forked.now() if real.devnet else 0
    if ahead > 0:
        # A devnet that was moved forward is ahead of its newest block.
        forked.move_clock(ahead)
    return forked


def _new_folder(root: Path) -> Path:
    """Beside the state itself: the copy holds what the state holds, and is to be as well kept."""
    try:
        return Path(tempfile.mkdtemp(dir=root, prefix=_PREFIX))
    except OSError as error:
        raise unusable(f"the state directory {root}, which a dry run copies,", "written", error) from None


def _copy(state: StateDirectory, folder: Path) -> StateDirectory:
    """The keys, and what belongs to the chain: nothing of another network."""
    shadow = StateDirectory(folder / "state")
    _copy_folder(state.root, shadow.root)
    if state.network is not None:
        shadow = StateDirectory(shadow.root, home=folder / "home", network=state.network)
        _copy_folder(state.home, shadow.home, only={state.keystores.name, state.passphrase.name})
    return shadow


def _copy_folder(root: Path, to: Path, *, only: Container[str] | None = None) -> None:
    to.mkdir(mode=0o700)
    for path in root.iterdir():
        if path.name.startswith((".", "anvil", "devnet.")) or path.name.endswith((".lock", "-wal", "-shm")):
            continue
        if path.name == "networks" or (only is not None and path.name not in only):
            continue
        copy = to / path.name
        if path.name in _LINKED and path.is_dir():
            copy.mkdir(mode=0o700)
            for each in path.iterdir():
                (copy / each.name).symlink_to(each)
        elif path.is_dir():
            shutil.copytree(path, copy)
        elif path.suffix == ".sqlite":
            _copy_database(path, copy)
        elif path.name == "passphrase":
            copy.symlink_to(path)
        else:
            shutil.copy2(path, copy)


def _copy_database(path: Path, copy: Path) -> None:
    """As its last transaction left it, whoever writes to it meanwhile."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    copy.chmod(0o600)


def _sweep(root: Path) -> None:
    """Remove what dry runs left that were killed."""
    for folder in root.glob(f"{_PREFIX}*"):
        with suppress(StateError), locked(folder / _LOCK, wait_seconds=0):
            record = read_private(folder / _ANVIL)
            if record is not None:
                Anvil.model_validate_json(record).kill()
            shutil.rmtree(folder, ignore_errors=True)
