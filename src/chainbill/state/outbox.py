"""What an account is about to send, on the disk before it is sent: see ``chain.sender``."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from chainbill.chain.node.sender import Errand, Sending
from chainbill.errors import StateError
from chainbill.state.private_files import locked, read_private, write_private


class _Note(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    hash: str
    nonce: int
    raw: str


_NOTES = TypeAdapter(dict[str, _Note])


class AccountOutbox:
    """One account's notes on one chain: a file, and two locks that go with the process that holds them."""

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

    def noted(self, errand: Errand) -> Sending | None:
        """What a run that was cut off was about to send.

        Raises:
            StateError: the notes cannot be read.
        """
        note = self._read().get(errand.key)
        if note is None:
            return None
        return Sending(bytes.fromhex(note.hash), note.nonce, bytes.fromhex(note.raw))

    def note(self, errand: Errand, sending: Sending) -> None:
        """Write down what is about to be sent.

        Raises:
            StateError: it cannot be written: then nothing may be sent.
        """
        note = _Note(hash=sending.hash.hex(), nonce=sending.nonce, raw=sending.raw.hex())
        self._write({**self._read(), errand.key: note})

    def close(self, errand: Errand) -> None:
        """Forget what was noted.

        Raises:
            StateError: the notes cannot be written.
        """
        notes = self._read()
        if notes.pop(errand.key, None) is not None:
            self._write(notes)

    def _read(self) -> dict[str, _Note]:
        content = read_private(self._path)
        try:
            return {} if content is None else _NOTES.validate_json(content)
        except ValidationError:
            raise StateError(
                f"the notes of what was sent, {self._path}, are damaged",
                hint="look at the account's balance and transactions; then move the file away",
            ) from None

    def _write(self, notes: dict[str, _Note]) -> None:
        if notes:
            write_private(self._path, _NOTES.dump_json(notes, indent=2))
        else:
            self._path.unlink(missing_ok=True)
