"""A provider's answers to disputes. The text stays here; the chain gets the hash of it with a salt."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from chainbill.errors import StateError
from chainbill.records.commitment import new_salt
from chainbill.records.hashing import keccak256
from chainbill.state.directory import StateDirectory
from chainbill.state.private_files import read_private, write_private


class Answer(BaseModel):
    """What a provider says to a dispute. Whoever gets the file can check it against the chain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    claim_id: str
    statement: str
    salt: str
    """16 random bytes, hexadecimal: nobody can guess a statement and recognise it on chain."""

    @classmethod
    def find(cls, state: StateDirectory, claim_id: bytes, statement: str) -> Answer | None:
        """The answer of a claim that is kept in these words; None where none is.

        Raises:
            StateError: one that is kept cannot be read.
        """
        kept = (cls._read(path) for path in sorted(state.answers.glob(f"{claim_id.hex()}*.json")))
        return next((each for each in kept if each is not None and each.statement == statement), None)

    @classmethod
    def write(cls, state: StateDirectory, claim_id: bytes, statement: str) -> Answer:
        """Keep a new answer in the state directory. An earlier one is kept beside it, for it may be the one
        on chain.

        Raises:
            StateError: it cannot be written, or an earlier one be read.
        """
        path = state.answers / f"{claim_id.hex()}.json"
        earlier = cls._read(path)
        if earlier is not None:
            write_private(earlier._beside(path), earlier._content())
        answer = cls(claim_id=f"0x{claim_id.hex()}", statement=statement, salt=new_salt().hex())
        write_private(path, answer._content())
        return answer

    def file(self, state: StateDirectory) -> Path:
        """Where it is kept."""
        newest = state.answers / f"{self.claim_id[2:]}.json"
        return newest if self._read(newest) == self else self._beside(newest)

    @classmethod
    def _read(cls, path: Path) -> Answer | None:
        content = read_private(path)
        try:
            return None if content is None else cls.model_validate_json(content)
        except ValidationError:
            raise StateError(
                f"the answer in {path} is damaged", hint="move the file away, then answer again"
            ) from None

    def _beside(self, newest: Path) -> Path:
        return newest.with_stem(f"{newest.stem}-{self.statement_hash.hex()[:8]}")

    def _content(self) -> bytes:
        return self.model_dump_json(indent=2).encode() + b"\n"

    @property
    def statement_hash(self) -> bytes:
        """What goes on chain: keccak256 of salt and text, 32 bytes."""
        return keccak256(bytes.fromhex(self.salt) + self.statement.encode())
