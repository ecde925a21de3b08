"""The devnet's chain as it is saved: never older than what a command has shown, whatever is killed when.

anvil is not crash-safe: it writes its chain only when it ends gracefully, and not in one step. So each run of
it writes a file of its own, which only its owner puts in the saved chain's place; whatever a forgotten anvil
writes at its end lies beside it and is swept. And each command has the chain saved before it shows what is
there (asked of anvil, written beside the file, synced, put in its place: some 40 ms for a chain of 1 MB).
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from chainbill.chain.devnet.anvil import Anvil
from chainbill.chain.devnet.devnet import Devnet, saved_block
from chainbill.errors import DevnetError, StateError
from chainbill.records.whole_file import sync_folder
from chainbill.state.directory import StateDirectory
from chainbill.state.private_files import read_private, write_private


class SavedNote(BaseModel):
    """What is known of the saved chain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    """The anvil whose chain it is, by the name of its own file."""
    block_hash: str
    clock_offset: int | None
    """Seconds the chain's clock was ahead of the machine's."""
    unsaved_at: int | None = None
    """When a command showed what could not be saved, seconds since 1970; None: all shown is saved."""


class SavedChain:
    """The saved chain of one state directory. Its owner holds ``devnet_saving`` while it changes."""

    def __init__(self, state: StateDirectory) -> None:
        self._state = state

    @property
    def path(self) -> Path:
        """The chain's file, as anvil reads it."""
        return self._state.anvil_state

    def new_run(self) -> Path:
        """A file for the next anvil to write at its end."""
        return self._state.root / f"anvil-run-{secrets.token_hex(8)}.json"

    def note(self) -> SavedNote | None:
        """What is known of it; None where nothing is, or where that is unreadable."""
        try:
            content = read_private(self._state.devnet_saved)
            return None if content is None else SavedNote.model_validate_json(content)
        except (StateError, ValidationError):
            return None

    def is_current(self, devnet: Devnet) -> bool:
        """Does it hold the newest block, and is nothing shown that it does not hold?

        Raises:
            ChainError: the devnet does not answer.
        """
        note = self.note()
        whole = note is not None and note.run == _run(devnet.anvil) and note.unsaved_at is None
        return whole and note is not None and note.block_hash == devnet.newest_hash()

    def take(self, devnet: Devnet) -> None:
        """Save the chain as it stands.

        Raises:
            ChainError: the devnet does not answer.
            StateError: the file cannot be written.
        """
        # The hash first: a block that comes in between makes the next command save again.
        newest = devnet.newest_hash()
        write_private(self.path, devnet.anvil.dump())
        self._write(SavedNote(run=_run(devnet.anvil), block_hash=newest, clock_offset=devnet.clock_offset()))

    def adopt(self, devnet: Devnet) -> None:
        """Note that this anvil goes on with the saved chain, and has added nothing yet."""
        offset = devnet.clock_offset()
        self._write(SavedNote(run=_run(devnet.anvil), block_hash=devnet.newest_hash(), clock_offset=offset))

    def miss(self, anvil: Anvil) -> None:
        """Note that something was shown which is not saved, as far as that can still be written."""
        note = self.note()
        if note is not None and note.run == _run(anvil):
            with suppress(StateError):
                self._write(note.model_copy(update={"unsaved_at": int(time.time())}))

    def promote(self, anvil: Anvil) -> bool:
        """Put what an anvil wrote at its end in the saved chain's place; False where it wrote nothing whole.

        Raises:
            StateError: the file cannot be put there.
        """
        if anvil.state_file == self.path:
            return False
        try:
            saved_block(anvil.state_file)
        except DevnetError:
            return False
        try:
            anvil.state_file.chmod(0o600)
            with anvil.state_file.open("rb") as written:
                os.fsync(written.fileno())
            anvil.state_file.replace(self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            raise StateError(f"{self.path} cannot be written: {error.strerror}") from None
        note = self.note()
        if note is not None and note.unsaved_at is not None:
            self._write(note.model_copy(update={"unsaved_at": None}))
        return True

    def misses_something(self, anvil: Anvil) -> bool:
        """Was something shown of that anvil's chain which the saved one does not hold?"""
        note = self.note()
        return (
            note is None or note.run != _run(anvil) or note.unsaved_at is not None or not self.path.exists()
        )

    def forget(self) -> None:
        """Remove it, as if there had been none."""
        self.path.unlink(missing_ok=True)
        self._state.devnet_saved.unlink(missing_ok=True)

    def sweep(self, keep: Anvil | None) -> None:
        """Remove what other anvils than ``keep`` wrote at their ends."""
        for path in self._state.root.glob("anvil-run-*.json"):
            if keep is None or path != keep.state_file:
                path.unlink(missing_ok=True)

    def _write(self, note: SavedNote) -> None:
        write_private(self._state.devnet_saved, note.model_dump_json(indent=2).encode() + b"\n")


def _run(anvil: Anvil) -> str:
    return anvil.state_file.name
