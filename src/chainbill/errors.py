"""The errors chainbill raises on purpose.

    ChainbillError
    ├── AmountError              a sum of money that cannot be represented exactly
    ├── RecordError              a health record that cannot be read
    │   ├── MalformedRecord      not JSON, not FHIR, too deeply nested
    │   ├── UnsupportedVersion   FHIR, but not R4
    │   └── RecordTooLarge       over the size limit
    ├── CatalogueError           the service catalogue contradicts itself
    ├── TermsError               a file of plans, fees, prices or members that cannot be taken
    ├── AttestationError         a signature or a commitment that does not hold
    ├── ChainError               the chain refused or could not be reached
    │   ├── ContractReverted     a contract's own error, by name, with its fields
    │   ├── CallDelayed          a governor's call that is announced and must wait
    │   ├── NodeError            a node gives no answer that can be used
    │   │   ├── NodeRefused      it answers with an error, too late or not whole: asking for less may help
    │   │   │   ├── UnknownBlock     it has no such block
    │   │   │   ├── StateForgotten   it has the block, and not what the contracts held then
    │   │   │   ├── TooManyAddresses a log query names too many addresses or topics
    │   │   │   └── BatchTooLarge    it takes fewer requests at once
    │   │   └── WrongChain       it is of another chain than the network it is recorded for
    │   ├── NeedsGas             an account cannot pay for its transaction
    │   ├── GasTooDear           the network asks for more than is to be paid
    │   ├── Displaced            another transaction has taken the nonce of one that was sent
    │   ├── PartlySent           some of many transactions were not sent, or failed
    │   ├── TokenRefused         a token that amounts cannot be kept in
    │   ├── NotDeployed          no deployment is recorded for this chain
    │   └── DevnetError          the local devnet is not in the state asked for
    ├── IntakeRefused            the oracle does not accept an attestation
    ├── LedgerError              logs that cannot be replayed into a ledger
    └── StateError               something in the state directory is missing or unusable

Every error is one sentence for a person (``str(error)``), what to do next where that is known
(``hint``), and the evidence as attributes.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class ChainbillError(Exception):
    """Base of every error that is shown to a user without a traceback."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class AmountError(ChainbillError):
    """A sum of money that is negative, too large or too fine."""


class ArgumentError(ChainbillError):
    """Something is asked for that contradicts itself, or what holds; ``argument`` is what it is about, empty
    where that is several."""

    def __init__(self, message: str, *, argument: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.argument = argument


class RecordError(ChainbillError):
    """A health record that cannot be read."""


class MalformedRecord(RecordError):
    """Not JSON, not FHIR, or nested beyond reason."""


class UnsupportedVersion(RecordError):
    """FHIR, but of a version this reader does not know."""


class RecordTooLarge(RecordError):
    """A file or a line over its size limit."""

    def __init__(self, message: str, *, size: int, limit: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.size = size
        self.limit = limit


class CatalogueError(ChainbillError):
    """The service catalogue is malformed or contradicts itself."""


class TermsError(ChainbillError):
    """A file of a plan, fees, prices or members that is malformed or contradicts itself."""


class AttestationError(ChainbillError):
    """A signature, a digest or a commitment that does not hold."""


class ChainError(ChainbillError):
    """The chain refused a call or could not be reached."""


class ContractReverted(ChainError):
    """A contract reverted with one of its declared errors.

    ``name`` is the Solidity error's name and ``fields`` its arguments by name; ``shown`` has what a person
    reads in place of some of them.
    """

    def __init__(
        self,
        name: str,
        fields: Mapping[str, Any],
        *,
        shown: Mapping[str, str] | None = None,
        hint: str | None = None,
    ) -> None:
        told = ", ".join(f"{key}={value}" for key, value in {**fields, **(shown or {})}.items())
        super().__init__(f"the contract refused: {name}({told})", hint=hint)
        self.name = name
        self.fields = dict(fields)


class HoldsTooLittle(ChainError):
    """An account has fewer dollars than are to be put in."""


class CallDelayed(ChainError):
    """A governor's call that cannot be made before ``ready_at`` (seconds since 1970); it is announced under
    ``operation_id``, and ``new`` says whether only just now."""

    def __init__(
        self, message: str, *, operation_id: bytes, ready_at: int, new: bool, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.operation_id = operation_id
        self.ready_at = ready_at
        self.new = new


class NodeError(ChainError):
    """A node gives no answer, or none that can be used. What was sent to it may have arrived."""


class NodeRefused(NodeError):
    """A node answers with an error, too late, or not whole: asking for less may help."""


class WrongChain(NodeError):
    """A node is of chain ``found``, and the network that it is recorded for is chain ``expected``."""

    def __init__(self, message: str, *, expected: int, found: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.expected = expected
        self.found = found


class TokenRefused(ChainError):
    """A token cannot be relied on, or cannot be tried; ``reason`` is a stable code."""

    def __init__(self, message: str, *, reason: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class UnknownBlock(NodeRefused):
    """A node has no such block: the chain is not that long, not there yet, or was reorganised or restored."""


class StateForgotten(NodeRefused):
    """A node knows a block, and no longer what the contracts held after it."""


class TooManyAddresses(NodeRefused):
    """A node takes a log query only if it names fewer addresses, or fewer topics in one position."""


class BatchTooLarge(NodeRefused):
    """A node takes fewer requests at once."""


class NeedsGas(ChainError):
    """``address`` has too little of the network's gas coin; it lacks ``missing`` wei."""

    def __init__(self, message: str, *, address: str, missing: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.address = address
        self.missing = missing


class GasTooDear(ChainError):
    """A network asks for more for gas than its fee policy allows."""


class Displaced(ChainError):
    """A transaction was sent, and another one of its account has taken its nonce: it can never be mined."""


class PartlySent(ChainError):
    """Of many transactions some did not do what they should; ``failures`` has the error of each by its place
    among them, ``receipts`` the receipts of all others."""

    def __init__(
        self,
        message: str,
        *,
        failures: Mapping[int, ChainError],
        receipts: Mapping[int, Any],
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.failures = dict(failures)
        self.receipts = dict(receipts)


class NotDeployed(ChainError):
    """No deployment of chainbill is recorded for the chain."""


class DevnetError(ChainError):
    """The local devnet is not running, already running, or would not start."""


class IntakeRefused(ChainbillError):
    """The oracle does not accept an attestation; ``reason`` is a stable code."""

    def __init__(self, reason: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class LedgerError(ChainbillError):
    """Logs that cannot be replayed into a ledger."""


class StateError(ChainbillError):
    """Something in the state directory is missing, unreadable or contradictory."""


_TROUBLE = {
    errno.ENOSPC: ("the disk is full", "make room and run it again: what was kept before is kept"),
    errno.EDQUOT: (
        "this user's share of the disk is full",
        "make room and run it again: what was kept before is kept",
    ),
    errno.EROFS: ("it can only be read", "name a place that can be written, or have it made writable"),
    errno.EACCES: ("this user may not", "have its owner allow it (chmod, chown), or name another place"),
    errno.EPERM: ("this user may not", "have its owner allow it (chmod, chown), or name another place"),
    errno.ENOENT: ("it is not there", "is it spelled right? its folder must be there, too"),
    errno.ENOTDIR: ("a part of it is a file and no folder", "is it spelled right?"),
    errno.EISDIR: ("it is a folder", "name a file"),
    errno.ENAMETOOLONG: ("its name is too long", "choose a shorter one"),
    errno.EFBIG: ("it would be too large", "have the limit on file sizes raised (ulimit -f)"),
    errno.EMFILE: ("too many files are open", "have the limit on open files raised (ulimit -n)"),
}


def unusable(what: str | Path, verb: str, error: OSError) -> StateError:
    """What the system said of a file, in a line and with what to do.

    Args:
        what: the file, or what it is to a person.
        verb: what could not be done with it, such as ``written``.
    """
    told, hint = _TROUBLE.get(error.errno or 0, (error.strerror or str(error), "try again, or another place"))
    shown = _WITHHELD if looks_like_key(str(what)) else what
    return StateError(f"{shown} cannot be {verb}: {told}", hint=hint)


_KEY = re.compile(r"(?:0[xX])?[0-9a-fA-F]{60,68}")
"""A private key, perhaps with a digit too few or too many."""

_WITHHELD = "what looks like a private key (not repeated here)"


def looks_like_key(text: str) -> bool:
    """Is it what a private key looks like? Claim ids and hashes look the same: it is asked only of what is
    given for something else."""
    return _KEY.fullmatch(text.strip()) is not None


def quoted(given: object) -> str:
    """What was given, as a message repeats it: messages are logged and passed on, and no key is to be."""
    if isinstance(given, str):
        return _WITHHELD if looks_like_key(given) else repr(given)
    return without_keys(repr(given))


def without_keys(text: str) -> str:
    """A message of somebody else's in which words that were given are repeated, but for keys."""
    return _KEY.sub(_WITHHELD, text)
