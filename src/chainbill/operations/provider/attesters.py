"""A provider's attester keys: accounts that sign its attestations and hold nothing."""

from __future__ import annotations

from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.errors import StateError
from chainbill.ledger.indexer import index
from chainbill.ledger.replay import rebuild
from chainbill.state.session import Session


def attester_address(session: Session, key: str) -> str:
    """The address of a key, by the name of its keystore or as it is.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: there is no account of that name, or nobody has the address.
    """
    if key.startswith("0x") or key not in session.keystores:
        return session.address_of(key)
    return session.keystores.address(key)


def added_address(session: Session, key: str, *, new: bool) -> str:
    """The address of a key that is to be added; ``new`` makes one of that name. Errors as
    ``attester_address``.

    Raises:
        StateError: nobody has the name, or somebody has and ``new`` was asked for.
    """
    if new:
        session.check_new(key)
        return session.keystores.create(key).address
    try:
        return attester_address(session, key)
    except StateError as error:
        error.hint = f"{error.hint}; a new key of that name: add --new"
        raise


def attester_keys(session: Session, provider_id: int) -> dict[str, bool]:
    """Every key a provider ever had, by address: may it sign now?

    Raises:
        ChainError: the node does not answer.
        LedgerError: the logs do not replay.
    """
    deployment = session.protocol.deployment
    with JsonRpc(session.rpc_url) as node:
        ledger = rebuild(index(node, deployment), deployment)
    return dict(ledger.providers[provider_id].attesters)


def key_name(session: Session, address: str) -> str | None:
    """The name of a key's keystore; None where it is not here."""
    named = ((name, session.keystores.address(name)) for name in session.keystores.names())
    return next((name for name, known in named if known == address), None)


def check_signs(session: Session, provider_id: int, key: str) -> None:
    """Refuse a key before anything is signed with it.

    Raises:
        StateError: there is no such account, or the provider has not added it.
    """
    address = session.keystores.address(key)
    if not session.protocol.registry.is_attester(provider_id, address):
        raise StateError(
            f"the key {key} may not sign for provider {provider_id}",
            hint=f"add it: chainbill provider keys add {key}",
        )
