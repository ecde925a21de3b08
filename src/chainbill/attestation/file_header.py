"""The first line of a file that one party seals to another: what it is, of which deployment, and for whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import orjson

from chainbill.errors import AttestationError

VERSION = 1


@dataclass(frozen=True, slots=True)
class Form:
    """What a file is."""

    name: str
    hint: str
    """Who makes one, and how."""


ATTESTED_EVENTS = Form("attested events", "a provider makes one: chainbill provider export FILE --to ORACLE")
INTAKE_RECEIPTS = Form("intake receipts", "an oracle makes one: chainbill oracle take EVENTS --receipts FILE")


@dataclass(frozen=True, slots=True)
class Header:
    """For whom a file is, and of which deployment. It is not signed: what counts is behind it."""

    form: Form
    chain_id: int
    settlement: str
    sealed_to: bytes
    """The vault key of whoever opens it, 32 bytes."""

    def to_line(self) -> bytes:
        """The first line of the file."""
        stated: dict[str, Any] = {
            "chainbill": self.form.name,
            "version": VERSION,
            "chain_id": self.chain_id,
            "settlement": self.settlement,
            "sealed_to": self.sealed_to.hex(),
        }
        return orjson.dumps(stated) + b"\n"

    @classmethod
    def parse(cls, line: bytes, form: Form) -> Self:
        """The inverse of ``to_line``.

        Raises:
            AttestationError: it is the first line of something else.
        """
        try:
            stated = orjson.loads(line)
            if (stated["chainbill"], stated["version"]) != (form.name, VERSION):
                raise ValueError
            header = cls(form, stated["chain_id"], stated["settlement"], bytes.fromhex(stated["sealed_to"]))
            if header.to_line().strip() != line.strip():
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError):
            raise AttestationError(f"that is no file of {form.name}", hint=form.hint) from None
        return header
