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
from chainbill.operations.effect import stood
from chainbill.operations.provider.payout import payout_actor
from chainbill.operations.repeats import unless_so
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
    """Let another key sign, at once. One that may sign already is told with since when.

    Args:
        key: the name of its keystore, or its address.
        new: make a keystore of that name.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: nobody has the name (or somebody has and ``new`` was asked for), or the key of the payout
            address is not at hand.
        ContractReverted: the contract refuses.
    """
    owner, registry = payout_actor(provider, provider_id).sender(), provider.protocol.registry
    address = added_address(provider.session, key, new=new)
    return unless_so(
        lambda: _added_before(provider, provider_id, address),
        lambda: _changed(provider, provider_id, address, registry.add_attester(owner, provider_id, address)),
    )


def revoke_key(provider: Actor, provider_id: int, key: str) -> KeyChange:
    """Stop a key from signing, at once. What it has signed and is not settled yet stays attested; the oracle
    holds it. One that was revoked before is told with since when.

    Args:
        key: the name of its keystore, or its address.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: nobody has the name, or the key of the payout address is not at hand.
        ContractReverted: it never might sign.
    """
    owner, registry = payout_actor(provider, provider_id).sender(), provider.protocol.registry
    address = attester_address(provider.session, key)
    return unless_so(
        lambda: _revoked_before(provider, provider_id, address),
        lambda: _changed(
            provider, provider_id, address, registry.revoke_attester(owner, provider_id, address)
        ),
    )


def rotate_key(
    provider: Actor, provider_id: int, retired: str, key: str, *, new: bool = False
) -> KeyRotation:
    """Replace a key by another in one step; else as ``add_key``. Where the one signs already, and the other
    was revoked, that is told."""
    owner, registry = payout_actor(provider, provider_id).sender(), provider.protocol.registry
    before = attester_address(provider.session, retired)
    address = added_address(provider.session, key, new=new)

    def stands() -> KeyRotation | None:
        added = _added_before(provider, provider_id, address)
        if added is None or _revoked_before(provider, provider_id, before) is None:
            return None
        return _rotation(added, before)

    def do() -> KeyRotation:
        receipt = registry.rotate_attester(owner, provider_id, retired=before, attester=address)
        return _rotation(_changed(provider, provider_id, address, receipt), before)

    return unless_so(stands, do)


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


def _added_before(provider: Actor, provider_id: int, address: str) -> KeyChange | None:
    """Since when a key may sign; None: it may not."""
    if not provider.protocol.registry.is_attester(provider_id, address):
        return None
    return _last_change(provider, "AttesterAdded", provider_id, address)


def _revoked_before(provider: Actor, provider_id: int, address: str) -> KeyChange | None:
    """Since when a key may sign no more; None: it may, or never might."""
    if provider.protocol.registry.is_attester(provider_id, address):
        return None
    return _last_change(provider, "AttesterRevoked", provider_id, address)


def _last_change(provider: Actor, event: str, provider_id: int, address: str) -> KeyChange | None:
    block = provider.protocol.deployment.block
    log = provider.protocol.registry.newest_log(
        event, from_block=block, providerId=provider_id, attester=address
    )
    if log is None:
        return None
    return KeyChange(**stood(provider.session, log), provider_id=provider_id, address=address)


def _rotation(added: KeyChange, retired: str) -> KeyRotation:
    return KeyRotation(
        changed=added.changed,
        effective_at=added.effective_at,
        transaction=added.transaction,
        block=added.block,
        provider_id=added.provider_id,
        address=added.address,
        retired=retired,
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
