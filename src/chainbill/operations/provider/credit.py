"""A provider's money: credit that matures, the bond against which it is paid out before, what it owes."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.chain.contracts.settlement import Credit
from chainbill.chain.format.events import BondWithdrawn, ProviderPaid
from chainbill.chain.format.logs import decode_receipt
from chainbill.chain.node.connection import time_of_block
from chainbill.chain.node.outbox import Errand
from chainbill.errors import StateError
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change, transaction_of
from chainbill.operations.provider.acting import worklist_of
from chainbill.operations.provider.payout import payout_actor


@dataclass(frozen=True, slots=True)
class ProviderStanding:
    """What a provider has, and what it has to do."""

    provider_id: int
    payout_address: str
    credit: Credit
    """In the settlement contract."""
    outside: int
    """What the payout address holds besides, in micro-dollars."""
    to_attest: int
    """Events that wait on the worklist."""
    attested: int
    """Events that were attested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditWithdrawn(Change):
    """Credit that was paid out; amounts in micro-dollars."""

    provider_id: int
    payout_address: str
    amount: int
    """0: none had matured."""
    maturing: int
    outside: int
    """What the payout address holds after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BondDeposited(Change):
    """A bond that was added to; amounts in micro-dollars."""

    provider_id: int
    amount: int
    bond: int
    """After it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BondReturned(Change):
    """A bond that was taken back."""

    provider_id: int
    payout_address: str
    amount: int
    """In micro-dollars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceDrawn(Change):
    """Credit that was paid out before it has matured; amounts in micro-dollars."""

    provider_id: int
    payout_address: str
    amount: int
    outstanding: int
    """Advanced, and not matured yet, after it."""
    bond: int


def balance(provider: Actor, provider_id: int) -> ProviderStanding:
    """What may be withdrawn, what has to wait, and how many events are to be attested.

    Raises:
        ChainError: the node does not answer.
        StateError: there is no such provider, or the worklist cannot be used.
    """
    protocol = provider.protocol
    credit = protocol.settlement.credit_of(provider_id)
    address = protocol.registry.payout_address(provider_id)
    if address == ZERO_ADDRESS:
        raise StateError(f"there is no provider {provider_id} on this chain")
    counts = worklist_of(provider).counts()
    return ProviderStanding(
        provider_id=provider_id,
        payout_address=address,
        credit=credit,
        outside=protocol.token.balance_of(address),
        to_attest=counts["waiting"],
        attested=counts["attested"],
    )


def withdraw(provider: Actor, provider_id: int) -> CreditWithdrawn:
    """Pay the matured credit out to the provider's payout address, once; anyone's account may send it.

    Raises:
        StateError: the key is not at hand.
        ChainError: the chain refused it.
    """
    protocol, sender = provider.protocol, provider.sender()
    settlement = protocol.settlement
    with sender.errand(Errand(f"pay provider {provider_id}", settlement.address)) as earlier:
        # What has matured since is another payout than the one that a run was cut off in.
        due = settlement.credit_of(provider_id).matured > 0
        receipt = settlement.withdraw(sender, provider_id) if due else earlier
        events = decode_receipt(receipt, settlement.address) if receipt else []
        address = protocol.registry.payout_address(provider_id)
        return CreditWithdrawn(
            changed=receipt is not None,
            effective_at=time_of_block(protocol.w3, receipt["blockHash"]) if receipt else None,
            transaction=transaction_of(receipt) if receipt else None,
            block=receipt["blockNumber"] if receipt else None,
            resumed=receipt is not None and not due,
            provider_id=provider_id,
            payout_address=address,
            amount=sum(event.amount for event in events if isinstance(event, ProviderPaid)),
            maturing=settlement.credit_of(provider_id).maturing,
            outside=protocol.token.balance_of(address),
        )


def deposit_bond(provider: Actor, provider_id: int, amount: int) -> BondDeposited:
    """Add ``amount`` (micro-dollars) to the bond, once, from the dollars of the account that is paid.

    Raises:
        StateError: the key of the payout address is not at hand.
        ChainError: the chain refused it.
    """
    protocol, sender = provider.protocol, payout_actor(provider, provider_id).sender()
    settlement, token = protocol.settlement, protocol.token
    errand = Errand(f"deposit bond of {provider_id}", settlement.address, amount)
    with sender.errand(errand) as earlier:
        if earlier is None and token.allowance(sender.address, settlement.address) < amount:
            token.approve(sender, settlement.address, amount)
        receipt = earlier or settlement.deposit_bond(sender, provider_id, amount)
        return BondDeposited(
            changed=True,
            effective_at=time_of_block(protocol.w3, receipt["blockHash"]),
            transaction=transaction_of(receipt),
            block=receipt["blockNumber"],
            resumed=earlier is not None,
            provider_id=provider_id,
            amount=amount,
            bond=settlement.credit_of(provider_id).bond,
        )


def withdraw_bond(provider: Actor, provider_id: int) -> BondReturned:
    """Take the whole bond back, once.

    Raises:
        StateError: the key of the payout address is not at hand.
        ContractReverted: a dispute is open, credit has not matured, or something is owed.
    """
    protocol, sender = provider.protocol, payout_actor(provider, provider_id).sender()
    settlement = protocol.settlement
    with sender.errand(Errand(f"withdraw bond of {provider_id}", settlement.address)) as earlier:
        resumed = earlier is not None and not settlement.credit_of(provider_id).bond
        receipt = (
            earlier if earlier is not None and resumed else settlement.withdraw_bond(sender, provider_id)
        )
        events = decode_receipt(receipt, settlement.address)
        return BondReturned(
            changed=True,
            effective_at=time_of_block(protocol.w3, receipt["blockHash"]),
            transaction=transaction_of(receipt),
            block=receipt["blockNumber"],
            resumed=resumed,
            provider_id=provider_id,
            payout_address=sender.address,
            amount=sum(event.amount for event in events if isinstance(event, BondWithdrawn)),
        )


def draw_advance(provider: Actor, provider_id: int, amount: int) -> AdvanceDrawn:
    """Be paid ``amount`` (micro-dollars) of credit that has not matured yet, once, as far as the bond covers
    it.

    Raises:
        StateError: the key of the payout address is not at hand.
        ContractReverted: the bond or the maturing credit is less.
    """
    protocol, sender = provider.protocol, payout_actor(provider, provider_id).sender()
    settlement = protocol.settlement
    errand = Errand(f"advance to {provider_id}", settlement.address, amount)
    with sender.errand(errand) as earlier:
        receipt = earlier or settlement.draw_advance(sender, provider_id, amount)
        credit = settlement.credit_of(provider_id)
        return AdvanceDrawn(
            changed=True,
            effective_at=time_of_block(protocol.w3, receipt["blockHash"]),
            transaction=transaction_of(receipt),
            block=receipt["blockNumber"],
            resumed=earlier is not None,
            provider_id=provider_id,
            payout_address=sender.address,
            amount=amount,
            outstanding=credit.advanced,
            bond=credit.bond,
        )
