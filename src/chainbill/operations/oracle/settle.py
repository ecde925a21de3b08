"""What the oracle does with what was attested: it settles it, tells how it stands, and rebuilds its store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.attestation.signing import Signer
from chainbill.chain.row_index import Place as Place  # faces get it here
from chainbill.operations.actor import Actor
from chainbill.operations.announcements import StandingAnnouncement, announcements
from chainbill.operations.oracle.at_hand import nodes_here, oracle_at_work
from chainbill.operations.progress import Progress, untold
from chainbill.oracle.api import Receipt, Status
from chainbill.oracle.node import OracleNode
from chainbill.oracle.quorum import Quorum
from chainbill.oracle.rebuild import RebuiltStore, rebuild_store, unknown_claims
from chainbill.oracle.receipts import SettledBatch
from chainbill.oracle.reorganisation import find_dropped, recover
from chainbill.oracle.settling import settle_open
from chainbill.oracle.store import OracleStore
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class Settlement:
    """What came of settling everything that was open."""

    waited: int
    """How many attestations waited for a batch."""
    batches: tuple[SettledBatch, ...]
    reopened: int
    """Attestations that wait again because a reorganisation of the chain dropped their batch."""
    held: tuple[Receipt, ...]
    """Of those that waited: what goes into no batch."""

    @property
    def gas_used(self) -> int:
        """By the batches of this run."""
        return sum(batch.gas_used for batch in self.batches if not batch.earlier)


@dataclass(frozen=True, slots=True)
class OracleStanding:
    """What the oracle has been handed, and where it stands."""

    counts: Mapping[str, int]
    """How many attestations stand where, by the word of a ``Status``."""
    waiting: tuple[Receipt, ...]
    """Neither settled nor denied."""
    dropped: int
    """Attestations whose batch a reorganisation of the chain has dropped."""
    unknown: tuple[Place, ...]
    """Claims that the chain has and the store does not."""
    announced: tuple[StandingAnnouncement, ...]
    """What providers will settle without the oracle, unless it objects."""


@dataclass(frozen=True, slots=True)
class StoreRebuilt:
    """What the chain told the store."""

    told: RebuiltStore
    given_up: int
    """Claims of which it was accepted that nobody can say their records."""

    @property
    def records_unknown(self) -> int:
        """Claims of which a provider may still say the record."""
        return max(0, self.told.records_unknown - self.given_up)


def settle(sender: Actor, *, operator: str | None = None, progress: Progress = untold) -> Settlement:
    """Batch what is attested, sign it with the nodes' keys that are here, and settle it on chain.

    Events that were pended before are tried again, and those whose batch a reorganisation has dropped. One
    that cannot be paid stops no other. Safe to repeat after a crash at any point.

    Args:
        sender: whose account sends the transactions; anyone may.
        operator: the address that gets the operator's fee; None: nobody, and no fee is taken.

    Raises:
        AttestationError: the keys that are here are not enough, or a batch says what nobody attested.
        ChainError: the node could not be reached or refused; earlier batches stay settled and recorded.
        StateError: the key is not at hand, or another process settles for over a minute.
    """
    session = sender.session
    with oracle_at_work(session) as store:
        # Also for what it says of what waits; settling looks again.
        reopened = recover(session.protocol, store).reopened
        waiting = store.open_attestations()
        if not waiting:
            return Settlement(0, (), reopened, ())
        quorum, paying = quorum_at_hand(session, store), sender.sender()
        with progress(len(waiting)) as advance:
            batches = settle_open(
                session.protocol,
                store,
                quorum,
                paying,
                operator=operator or ZERO_ADDRESS,
                on_batch=lambda batch: advance(len(batch.rows)),
            )
        rows = {item.row for item in waiting}
        held = tuple(item.receipt() for item in store.attestations(Status.HELD) if item.row in rows)
    return Settlement(len(waiting), tuple(batches), reopened, held)


def status(session: Session) -> OracleStanding:
    """Count what was attested by where it stands, and name what waits.

    Raises:
        ChainError: the node could not be reached or refused.
        LedgerError: settlement logged what cannot be decoded.
        StateError: the store cannot be used.
    """
    store = OracleStore(session.state.oracle_database)
    return OracleStanding(
        dropped=sum(len(store.members(batch)) for batch in find_dropped(session.protocol, store)),
        unknown=tuple(unknown_claims(session.protocol, store)),
        announced=tuple(announcements(session)),
        counts=store.counts(),
        waiting=tuple(item.receipt() for item in store.waiting()),
    )


def rebuild(session: Session, *, without_records: bool = False) -> StoreRebuilt:
    """Write into the oracle's store what the chain knows and the store does not. Repeated, it changes
    nothing.

    Args:
        without_records: accept that nobody can say any more which records the claims are.

    Raises:
        ChainError: the node could not be reached or refused.
        LedgerError: settlement logged what cannot be decoded.
        StateError: the store cannot be used, or another process settles for over a minute.
    """
    with oracle_at_work(session) as store:
        told = rebuild_store(session.protocol, store)
        return StoreRebuilt(told, store.give_up_records() if without_records else 0)


def quorum_at_hand(session: Session, store: OracleStore) -> Quorum:
    """Whichever oracle nodes' keys are here; the quorum says whether they are enough."""
    keys = [Signer(session.account(name)) for name in nodes_here(session)]
    return Quorum(session.protocol, [OracleNode(session.protocol, store, key) for key in keys])
