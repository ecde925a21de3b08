"""A provider's attester keys: accounts that sign its attestations and hold nothing."""

from __future__ import annotations

from dataclasses import dataclass

from web3.types import TxReceipt

from chainbill.chain.node.connection import time_of_block
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.errors import StateError
from chainbill.ledger.indexer import index
from chainbill.ledger.replay import rebuild
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change, transaction_of
from chainbill.operations.provider.payout import payout_actor
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class AttesterKey:
    """A key that the provider has added once."""

    address: str
    may_sign: bool
    """Not where it was revoked."""
    name: str | None
    """Of its keystore; None where that is not here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange(Change):
    """A key that may sign now, or may not any more."""

    provider_id: int
    address: str
    effective_at: int
    """Since or from when it holds, in seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotation(KeyChange):
    """A key that signs in the place of another."""

    retired: str
    """The other's address."""


def keys(session: Session, provider_id: int) -> tuple[AttesterKey, ...]:
    """Every key a provider ever had.

    Raises:
        ChainError: the node does not answer.
        LedgerError: the logs do not replay.
    """
    deployment = session.protocol.deployment
    with JsonRpc(session.rpc_url) as node:
        ledger = rebuild(index(node, deployment), deployment)
    named = {session.keystores.address(name): name for name in session.keystores.names()}
    return tuple(
        AttesterKey(address, may_sign, named.get(address))
        for address, may_sign in ledger.providers[provider_id].attesters.items()
    )


def is_last_key(session: Session, provider_id: int, address: str) -> bool:
    """Is it the only key that may sign? Errors as ``keys``."""
    return [each.address for each in keys(session, provider_id) if each.may_sign] == [address]


def add_key(provider: Actor, provider_id: int, key: str, *, new: bool = False) -> KeyChange:
    """Let another key sign, at once.

    Args:
        key: the name of its keystore, or its address.
        new: make a keystore of that name.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: nobody has the name (or somebody has and ``new`` was asked for), or the key of the payout
            address is not at hand.
        ContractReverted: it may sign already.
    """
    owner = payout_actor(provider, provider_id).sender()
    address = added_address(provider.session, key, new=new)
    receipt = provider.protocol.registry.add_attester(owner, provider_id, address)
    return _changed(provider, provider_id, address, receipt)


def revoke_key(provider: Actor, provider_id: int, key: str) -> KeyChange:
    """Stop a key from signing, at once. What it has signed and is not settled yet stays attested; the oracle
    holds it.

    Args:
        key: the name of its keystore, or its address.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: nobody has the name, or the key of the payout address is not at hand.
        ContractReverted: it may not sign as it is.
    """
    owner = payout_actor(provider, provider_id).sender()
    address = attester_address(provider.session, key)
    receipt = provider.protocol.registry.revoke_attester(owner, provider_id, address)
    return _changed(provider, provider_id, address, receipt)


def rotate_key(
    provider: Actor, provider_id: int, retired: str, key: str, *, new: bool = False
) -> KeyRotation:
    """Replace a key by another in one step; else as ``add_key``."""
    owner = payout_actor(provider, provider_id).sender()
    before = attester_address(provider.session, retired)
    address = added_address(provider.session, key, new=new)
    receipt = provider.protocol.registry.rotate_attester(owner, provider_id, retired=before, attester=address)
    return KeyRotation(
        changed=True,
        effective_at=time_of_block(provider.protocol.w3, receipt["blockHash"]),
        transaction=transaction_of(receipt),
        block=receipt["blockNumber"],
        provider_id=provider_id,
        address=address,
        retired=before,
    )


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
        error.hint = f"{error.hint}; a new key of that name: add `new=True`"
        raise


def check_signs(session: Session, provider_id: int, address: str, key: str) -> None:
    """Refuse a key before anything is signed with it.

    Args:
        key: what it is called.

    Raises:
        StateError: the provider has not added it.
    """
    if not session.protocol.registry.is_attester(provider_id, address):
        raise StateError(
            f"the key {key} may not sign for provider {provider_id}",
            hint=f"add it: chainbill provider keys add {key}",
        )


def _changed(provider: Actor, provider_id: int, address: str, receipt: TxReceipt) -> KeyChange:
    return KeyChange(
        changed=True,
        effective_at=time_of_block(provider.protocol.w3, receipt["blockHash"]),
        transaction=transaction_of(receipt),
        block=receipt["blockNumber"],
        provider_id=provider_id,
        address=address,
    )
