"""Attested events that a provider of another machine hands over by a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from chainbill.attestation.attested import AttestedEvent
from chainbill.attestation.attested_file import MOST_LINE_BYTES, Header, SignedRecall, read_line
from chainbill.errors import AttestationError, IntakeRefused, MalformedRecord, StateError, unusable
from chainbill.oracle.intake import Intake
from chainbill.oracle.recall import RecallEnd, take_back
from chainbill.oracle.store import OracleStore
from chainbill.records.vault import VaultKey
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """An event that the oracle does not take."""

    provider_id: int
    sequence: int
    reason: str
    """As a stable word."""
    message: str


@dataclass(slots=True)
class TakenEvents:
    """What became of a file's events."""

    taken: int = 0
    known: int = 0
    """Taken before."""
    recalled: int = 0
    too_late: int = 0
    """Taken back by their provider when they had settled, or were in a signed batch."""
    refused: list[RefusedEvent] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)
    """Lines that are no attested event, from 1."""


def take_events(session: Session, path: Path) -> TakenEvents:
    """Check the events of a file as intake does, and keep those that pass; act on what was taken back.

    What is refused, and a line that is damaged, stops no other.

    Raises:
        AttestationError: it is no file of attested events.
        StateError: it cannot be read, is of another deployment, or sealed to a key that is not here.
        ChainError: the node could not be reached or refused.
    """
    done = TakenEvents()
    store = OracleStore(session.state.oracle_database)
    intake = Intake(session.protocol, store, lambda payer_id: session.schedules.load(payer_id).key)
    for number, handed in _read(session, path):
        match handed:
            case None:
                done.damaged.append(number)
            case SignedRecall():
                _take_back(session, store, handed, done)
            case AttestedEvent():
                _accept(intake, handed, done)
    return done


def _accept(intake: Intake, attested: AttestedEvent, done: TakenEvents) -> None:
    try:
        receipt = intake.accept(attested)
    except IntakeRefused as refusal:
        provider_id, sequence = attested.attestation.provider_id, attested.attestation.sequence
        done.refused.append(RefusedEvent(provider_id, sequence, str(refusal.reason), str(refusal)))
        return
    done.known, done.taken = done.known + receipt.repeated, done.taken + (not receipt.repeated)


def _take_back(session: Session, store: OracleStore, signed: SignedRecall, done: TakenEvents) -> None:
    if store.find(digest=signed.request.attestation) is None:
        return  # it was taken back before it was ever handed over
    try:
        end, _ = take_back(session.protocol, store, signed.request, signed.signature)
    except AttestationError as error:
        done.refused.append(RefusedEvent(signed.request.provider_id, 0, "recall_refused", str(error)))
        return
    done.recalled += end is RecallEnd.RECALLED
    done.too_late += end is not RecallEnd.RECALLED


def _read(session: Session, path: Path) -> Iterator[tuple[int, AttestedEvent | SignedRecall | None]]:
    """Each line behind the first, by its number; None: damaged."""
    try:
        with path.open("rb") as file:
            key = _opens(session, Header.parse(file.readline(MOST_LINE_BYTES)))
            for number, line in enumerate(iter(lambda: file.readline(MOST_LINE_BYTES), b""), start=2):
                try:
                    yield number, read_line(line, key.unseal)
                except (AttestationError, MalformedRecord):
                    yield number, None
    except OSError as error:
        raise unusable(path, "read", error) from None


def _opens(session: Session, header: Header) -> VaultKey:
    domain = session.protocol.domain
    if (header.chain_id, header.settlement) != (domain.chain_id, domain.verifying_contract):
        raise StateError(
            f"the file is for chain {header.chain_id} and settlement {header.settlement}, "
            "not for this deployment"
        )
    key = session.vault_key_behind(header.sealed_to)
    if key is None:
        raise StateError(
            "the file is sealed to a key that is not here",
            hint="send the provider the card of a node whose key is here: chainbill contacts card",
        )
    return key
