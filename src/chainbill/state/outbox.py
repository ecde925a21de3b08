"""What an account is about to send, on the disk before it is sent: see ``chain.node.outbox``."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from chainbill.chain.node.outbox import Sending
from chainbill.errors import StateError
from chainbill.state.private_files import locked, read_private, write_private


class _Note(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    nonce: int
    hash: str
    raw: str
    process: int
    """Who noted it, and waits for it while that process lives."""


_NOTES = TypeAdapter(list[_Note])


class AccountOutbox:
    """One account's notes on one chain: a file, and locks that go with the process that holds them."""

    def __init__(self, folder: Path, account: str) -> None:
        """``folder`` is the chain's."""
        self._path = folder / f"{account.lower()}.json"

    def turn(self) -> AbstractContextManager[None]:
        """Held from taking a nonce until its transaction is sent.

        Raises:
            StateError: another process holds it for longer than a minute.
        """
        return locked(self._path.with_suffix(".turn"))

    def errand(self) -> AbstractContextManager[None]:
        """Held while an errand is done; errors as ``turn``."""
        return locked(self._path.with_suffix(".errand"))

    def sendings(self) -> list[Sending]:
        """All that is noted, in the order in which it was.

        Raises:
            StateError: the notes cannot be read.
        """
        return [
            Sending(
                hash=bytes.fromhex(each.hash),
                nonce=each.nonce,
                raw=bytes.fromhex(each.raw),
                key=each.key,
                is_left=each.process == os.getpid() or not _lives(each.process),
            )
            for each in self._read()
        ]

    def note(self, *sendings: Sending) -> None:
        """Write down what is about to be sent.

        Raises:
            StateError: it cannot be written: then nothing may be sent.
        """
        added = [
            _Note(
                key=each.key, nonce=each.nonce, hash=each.hash.hex(), raw=each.raw.hex(), process=os.getpid()
            )
            for each in sendings
        ]
        self._change(lambda notes: notes + added)

    def forget(self, nonces: Collection[int]) -> None:
        """Strike out what was noted under these.

        Raises:
            StateError: the notes cannot be written.
        """
        self._change(lambda notes: [each for each in notes if each.nonce not in nonces])

    def _change(self, change: Callable[[list[_Note]], list[_Note]]) -> None:
        with locked(self._path.with_suffix(".notes")):
            before = self._read()
            after = change(before)
            if after:
                if after != before:
                    write_private(self._path, _NOTES.dump_json(after, indent=2))
            else:
                self._path.unlink(missing_ok=True)

    def _read(self) -> list[_Note]:
        content = read_private(self._path)
        try:
            return [] if content is None else _NOTES.validate_json(content)
        except ValidationError:
            raise StateError(
                f"the notes of what was sent, {self._path}, are damaged",
                hint="look at the account's balance and transactions; then move the file away",
            ) from None


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
