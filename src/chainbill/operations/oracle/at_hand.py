"""The oracle that a session's providers speak to: the one of its state directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chainbill.oracle.api import Custody, OracleApi
from chainbill.oracle.local import LocalOracle
from chainbill.oracle.store import OracleStore
from chainbill.state.address_book import Contact, Role
from chainbill.state.private_files import locked
from chainbill.state.session import Session


def oracle_at_hand(session: Session) -> OracleApi:
    """The oracle; its store is made where there is none.

    Raises:
        StateError: its store cannot be used.
    """
    return LocalOracle(
        session.protocol,
        OracleStore(session.state.oracle_database),
        lambda payer_id: session.schedules.load(payer_id).key,
        custody=Custody.ORACLE if has_node(session) else Custody.PROVIDER,
    )


def has_oracle(session: Session) -> bool:
    """Has it ever been handed anything here?"""
    return session.state.oracle_database.exists()


def has_node(session: Session) -> bool:
    """Is the key of any of its nodes here?"""
    return bool(nodes_here(session))


def nodes_here(session: Session) -> dict[str, Contact]:
    """The oracle's nodes whose keystores are here, by name."""
    nodes = session.book.entries(Role.ORACLE)
    return {name: node for name, node in nodes.items() if name in session.keystores}


@contextmanager
def oracle_at_work(session: Session) -> Iterator[OracleStore]:
    """Its store, for one process at a time: two at once would take each other's settled rows for spent ones.

    Raises:
        StateError: another process holds it for over a minute, or it cannot be used.
    """
    with locked(session.state.root / "oracle.lock"):
        yield OracleStore(session.state.oracle_database)
