"""A provider's answers to disputes. The text stays here; the chain gets the hash of it with a salt."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from chainbill.records.commitment import new_salt
from chainbill.records.hashing import keccak256
from chainbill.settings.files import write_private
from chainbill.settings.state import StateDirectory


class Answer(BaseModel):
    """What a provider says to a dispute. Whoever gets the file can check it against the chain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    claim_id: str
    statement: str
    salt: str
    """16 random bytes, hexadecimal: nobody can guess a statement and recognise it on chain."""

    @classmethod
    def write(cls, state: StateDirectory, claim_id: bytes, statement: str) -> tuple[Answer, Path]:
        """Keep an answer in the state directory; returns it, and its file."""
        answer = cls(claim_id=f"0x{claim_id.hex()}", statement=statement, salt=new_salt().hex())
        path = state.answers / f"{claim_id.hex()}.json"
        write_private(path, answer.model_dump_json(indent=2).encode() + b"\n")
        return answer, path

    @property
    def statement_hash(self) -> bytes:
        """What goes on chain: keccak256 of salt and text, 32 bytes."""
        return keccak256(bytes.fromhex(self.salt) + self.statement.encode())
