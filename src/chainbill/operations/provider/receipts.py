"""What an oracle of another machine has made of the events that it was handed in a file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from chainbill.attestation.file_header import INTAKE_RECEIPTS
from chainbill.attestation.intake_receipts import (
    MOST_BYTES,
    REFUSED,
    IntakeReceipt,
    IntakeReceipts,
    SignedReceipts,
)
from chainbill.attestation.signing import recover
from chainbill.billing.outcomes import Reason
from chainbill.errors import AttestationError, StateError, unusable
from chainbill.operations.actor import Actor
from chainbill.operations.contacts import CLOCKS_APART_SECONDS
from chainbill.operations.provider.acting import at_work
from chainbill.operations.sealed_files import read_header
from chainbill.oracle.api import Status

_ANOTHER = "ask the oracle for another: chainbill oracle take EVENTS --receipts FILE"


@dataclass(frozen=True, slots=True)
class TakenReceipts:
    """What a file of receipts says, and what of it is new here."""

    accepted: int
    """Events that the oracle has, whatever has become of them since."""
    refused: int
    new: int
    """Receipts that were kept; the others were known, or older than what is known."""
    issued_at: int
    """Seconds since 1970, by the chain's clock."""
    signed_by: str
    """The address of the oracle's node that says so."""


def take_receipts(provider: Actor, provider_id: int, path: Path) -> TakenReceipts:
    """Read what an oracle elsewhere has made of a provider's events, for the worklist to show. Older receipts
    change nothing that newer ones have said; nor do the same once more.

    Raises:
        AttestationError: it is no file of receipts, changed, or not signed by a node of the quorum.
        StateError: it cannot be read, is of another deployment, another provider's or of the future; the
            provider's key is not at hand; or another process is at its worklist for over a minute.
        ChainError: the node could not be reached or refused.
    """
    with at_work(provider) as worklist:
        told, signed_by = _read(provider, provider_id, path)
        new = worklist.keep_receipts(told)
    counts = Counter(each.standing == REFUSED for each in told.receipts)
    return TakenReceipts(counts[False], counts[True], new, told.issued_at, signed_by)


def _read(provider: Actor, provider_id: int, path: Path) -> tuple[IntakeReceipts, str]:
    session = provider.session
    try:
        with path.open("rb") as file:
            header = read_header(session, file.readline(MOST_BYTES), INTAKE_RECEIPTS)
            line = file.read(MOST_BYTES)
    except OSError as error:
        raise unusable(path, "read", error) from None
    key = provider.vault_key()
    if header.sealed_to != key.public:
        raise StateError(f"the receipts are sealed to another key than that of {provider.name}")
    signed = SignedReceipts.parse(line, key.unseal)
    told, signed_by = signed.receipts, _signer(provider, signed)
    if told.provider_id != provider_id:
        raise StateError(f"the receipts are of provider {told.provider_id}, and not of {provider_id}")
    if told.issued_at > session.now() + CLOCKS_APART_SECONDS:
        raise StateError("the receipts are of the future", hint="is this node up to date with its chain?")
    for receipt in told.receipts:
        _check_words(receipt)
    return told, signed_by


def _signer(provider: Actor, signed: SignedReceipts) -> str:
    """Raises AttestationError: nobody who may sign for the oracle now has signed it, for this deployment."""
    protocol = provider.protocol
    signer = recover(signed.receipts.digest(protocol.domain), signed.signature)
    if signer not in protocol.settlement.signing_members(protocol.now()):
        raise AttestationError(
            "the receipts are not signed by a node of the oracle's quorum: they were changed since, made by "
            "somebody else or for another deployment, or the quorum is another one by now",
            hint=_ANOTHER,
        )
    return signer


def _check_words(receipt: IntakeReceipt) -> None:
    """Raises AttestationError: this version does not know what it says."""
    known = receipt.standing == REFUSED or receipt.standing in tuple(Status)
    if not known or (receipt.standing == Status.PENDED and receipt.reason.upper() not in Reason.__members__):
        raise AttestationError(
            f"a receipt says {receipt.standing!r} ({receipt.reason!r}), which this version does not know"
        )
