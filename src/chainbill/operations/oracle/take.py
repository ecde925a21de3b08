"""Attested events that a provider of another machine hands over by a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from chainbill.attestation.attested import AttestedEvent
from chainbill.attestation.attested_file import MOST_LINE_BYTES, SignedRecall, read_line
from chainbill.attestation.claim_number import claim_number
from chainbill.attestation.file_header import ATTESTED_EVENTS, Header
from chainbill.errors import AttestationError, IntakeRefused, MalformedRecord, StateError, unusable
from chainbill.operations.oracle.at_hand import oracle_at_hand, oracle_at_work
from chainbill.operations.oracle.receipts import ReceiptIssuer
from chainbill.operations.sealed_files import read_header
from chainbill.oracle.api import OracleApi, RecallEnd
from chainbill.records.vault import VaultKey
from chainbill.state.session import Session

EVENTS_AT_ONCE = 100
"""Events that intake is handed together."""


@dataclass(frozen=True, slots=True)
class RefusedAttestation:
    """What the oracle does not take."""

    provider_id: int
    sequence: int
    reason: str
    """As a stable word."""
    message: str

    @property
    def number(self) -> str:
        """What the claim would have been called, ``2:7``."""
        return claim_number(self.provider_id, self.sequence)


@dataclass(frozen=True, slots=True)
class TakenEvents:
    """What became of a file's events."""

    taken: int
    known: int
    """Taken before."""
    recalled: int
    too_late: int
    """Taken back by their provider when they had settled, or were in a signed batch."""
    refused: tuple[RefusedAttestation, ...]
    damaged: tuple[int, ...]
    """Lines that are no attested event, from 1."""
    receipts: int = 0
    """How many events the provider is told of, where there were to be receipts."""


def take_events(
    session: Session, path: Path, *, receipts: Callable[[bytes], None] | None = None
) -> TakenEvents:
    """Check the events of a file as intake does, and keep those that pass; act on what was taken back.

    What is refused, and a line that is damaged, stops no other.

    Args:
        receipts: writes the file that tells the provider what became of each event, those taken before
            included; it is signed by a node whose key is here, and sealed to the provider. Of a file
            without an event nothing is written. None: nobody is told.

    Raises:
        AttestationError: it is no file of attested events.
        StateError: it cannot be read, is of another deployment, or sealed to a key that is not here; another
            process settles for over a minute; or there are to be receipts, and no key of the quorum is here,
            nobody knows the provider's vault key, or the events are of several providers.
        ChainError: the node could not be reached or refused.
    """
    with oracle_at_work(session) as store:
        issuer = None if receipts is None else ReceiptIssuer(session, store)
        taking = _Taking(oracle_at_hand(session), issuer)
        for number, handed in _read(session, path):
            taking.hand_over(number, handed)
        done = taking.done()
        if receipts is None or issuer is None or not issuer.count:
            return done
        content = issuer.content()
    receipts(content)
    return replace(done, receipts=issuer.count)


class _Taking:
    """One file."""

    def __init__(self, oracle: OracleApi, issuer: ReceiptIssuer | None) -> None:
        self._oracle = oracle
        self._issuer = issuer
        self._together: list[AttestedEvent] = []
        self._counts: Counter[str] = Counter()
        self._refused: list[RefusedAttestation] = []
        self._damaged: list[int] = []

    def hand_over(self, number: int, handed: AttestedEvent | SignedRecall | None) -> None:
        match handed:
            case None:
                self._damaged.append(number)
            case SignedRecall():
                self._flush()
                self._take_back(handed)
            case AttestedEvent():
                if self._issuer is not None:
                    self._issuer.foresee(handed)
                self._together.append(handed)
                if len(self._together) == EVENTS_AT_ONCE:
                    self._flush()

    def done(self) -> TakenEvents:
        self._flush()
        count = self._counts
        return TakenEvents(
            taken=count["taken"],
            known=count["known"],
            recalled=count["recalled"],
            too_late=count["too_late"],
            refused=tuple(self._refused),
            damaged=tuple(self._damaged),
        )

    def _flush(self) -> None:
        events, self._together = self._together, []
        for attested, outcome in zip(events, self._oracle.submit_all(events), strict=True):
            if self._issuer is not None:
                self._issuer.add(attested, outcome)
            if isinstance(outcome, IntakeRefused):
                place = attested.attestation.provider_id, attested.attestation.sequence
                self._refused.append(RefusedAttestation(*place, str(outcome.reason), str(outcome)))
            else:
                self._counts["known" if outcome.repeated else "taken"] += 1

    def _take_back(self, signed: SignedRecall) -> None:
        request = signed.request
        try:
            self._oracle.foresee_recall(request.provider_id, request.attestation)
        except AttestationError:
            return  # it was taken back before it was ever handed over
        try:
            end, _ = self._oracle.recall(request, signed.signature)
        except AttestationError as error:
            self._refused.append(RefusedAttestation(request.provider_id, 0, "recall_refused", str(error)))
            return
        self._counts["recalled" if end is RecallEnd.RECALLED else "too_late"] += 1


def _read(session: Session, path: Path) -> Iterator[tuple[int, AttestedEvent | SignedRecall | None]]:
    """Each line behind the first, by its number; None: damaged."""
    try:
        with path.open("rb") as file:
            key = _opens(session, read_header(session, file.readline(MOST_LINE_BYTES), ATTESTED_EVENTS))
            for number, line in enumerate(iter(lambda: file.readline(MOST_LINE_BYTES), b""), start=2):
                try:
                    yield number, read_line(line, key.unseal)
                except (AttestationError, MalformedRecord):
                    yield number, None
    except OSError as error:
        raise unusable(path, "read", error) from None


def _opens(session: Session, header: Header) -> VaultKey:
    key = session.vault_key_behind(header.sealed_to)
    if key is None:
        raise StateError(
            "the file is sealed to a key that is not here",
            hint="send the provider the card of a node whose key is here: chainbill contacts card",
        )
    return key
